"""HTTP mode: Slack tells us things by requests that it signs.

https://docs.slack.dev/authentication/verifying-requests-from-slack
"""

from collections.abc import Mapping
from urllib.parse import parse_qs

import structlog
from aiohttp import web
from slack_bolt.adapter.aiohttp import to_aiohttp_response
from slack_sdk.signature import SignatureVerifier

from adapters.slack import places
from adapters.slack.sockets import Dispatch
from core.errors import StoreError
from core.ports import Notes

log = structlog.get_logger()

PATH = "/slack/events"
_REPLAYED = 600.0
"""Seconds for which a signature is known: Slack's are good for five minutes before and after their time."""


class Web:
    """The request URL of the app: whoever serves it hands its requests to `take`."""

    def __init__(self, signing_secret: str, dispatch: Dispatch, notes: Notes) -> None:
        self._verifier = SignatureVerifier(signing_secret)
        self._dispatch = dispatch
        self._notes = notes

    async def take(self, request: web.Request) -> web.StreamResponse:
        """Take a request that Slack signed, once."""
        body = await request.read()
        if parse_qs(body.decode("ascii", "replace")).get("ssl_check") == ["1"]:
            return web.Response()  # Slack looks at the certificate, and signs that not always
        if not self._is_signed(body, request.headers):
            log.warning("slack.request_not_signed")
            return web.Response(status=401, text="The signature or its time is wrong.")
        note = f"{places.NAME}:request:{request.headers['X-Slack-Signature']}"
        try:
            if await self._notes.get(note):
                return web.Response()
            headers = {name.lower(): value for name, value in request.headers.items()}
            response = await self._dispatch(body.decode(), headers)
            if response.status == 200:
                await self._notes.put(note, "taken", seconds=_REPLAYED)
        except StoreError as error:
            log.error("slack.not_accepted", error=str(error))  # noqa: TRY400 - where it arose says no more
            return web.Response(status=503)
        return await to_aiohttp_response(response)

    def _is_signed(self, body: bytes, headers: Mapping[str, str]) -> bool:
        try:
            return self._verifier.is_valid_request(body, headers)
        except (ValueError, TypeError, OverflowError):  # a time or a signature that is none, or no UTF-8
            return False
