"""HTTP mode: Slack tells us things by requests that it signs.

https://docs.slack.dev/authentication/verifying-requests-from-slack
"""

import asyncio
from collections.abc import Mapping

import structlog
from aiohttp import web
from slack_bolt.adapter.aiohttp import to_aiohttp_response
from slack_sdk.signature import SignatureVerifier

from adapters.slack import places
from adapters.slack.sockets import LAST_TAKEN, Dispatch
from core.errors import SettingsError, StoreError
from core.ports import Notes

log = structlog.get_logger()

PATH = "/slack/events"
_LARGEST = 4_000_000
"""Bytes of a request."""
_REPLAYED = 600.0
"""Seconds for which a signature is known: Slack's are good for five minutes before and after their time."""


class Web:
    """The request URL of the app."""

    def __init__(self, signing_secret: str, dispatch: Dispatch, notes: Notes) -> None:
        self._verifier = SignatureVerifier(signing_secret)
        self._dispatch = dispatch
        self._notes = notes

    async def listen(self, host: str, port: int, draining: asyncio.Event) -> None:
        """Listen until `draining` is set, and end what was begun. Raises SettingsError."""
        app = web.Application(client_max_size=_LARGEST)
        app.router.add_post(PATH, self._take)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=LAST_TAKEN)
        await runner.setup()
        try:
            await web.TCPSite(runner, host, port).start()
            log.info("slack.serving", host=host, port=runner.addresses[0][1], path=PATH)
            await draining.wait()
        except OSError as error:
            raise SettingsError(
                f"Nothing can listen on {host}, port {port} ({error.strerror}). Set CHASQUI_HTTP__HOST and "
                "CHASQUI_HTTP__PORT to a free address of this machine."
            ) from None
        finally:
            await runner.cleanup()

    async def _take(self, request: web.Request) -> web.StreamResponse:
        """Take a request that Slack signed, once."""
        body = await request.read()
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
