"""HTTP mode: signed requests to the app. https://docs.slack.dev/authentication/verifying-requests-from-slack."""

import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import aiohttp

from tests.emulators.shared.errors import ControlError
from tests.emulators.slack.application import Application
from tests.emulators.slack.model import Json
from tests.emulators.slack.outbox import Attempt, Delivery, Unacknowledged

_AGENT = "Slackbot 1.0 (+https://api.slack.com/robots)"
_FORM = "application/x-www-form-urlencoded"


class Callbacks:
    """The app's request URL."""

    def __init__(self, application: Application, url: str) -> None:
        self._application = application
        self._url = url
        self._http = aiohttp.ClientSession()

    async def verify(self) -> None:
        """Show that the app owns the URL, as when somebody enters it in its settings."""
        body = {
            "token": self._application.verification,
            "challenge": secrets.token_hex(8),
            "type": "url_verification",
        }
        status, answer, _ = await self._post(json.dumps(body), "application/json", {}, 10)
        challenge = answer.get("challenge") if isinstance(answer, dict) else answer
        if status != 200 or challenge != body["challenge"]:
            raise ControlError(f"the request URL did not answer the challenge: {status} {answer!r}")

    async def send(self, delivery: Delivery, attempt: Attempt, patience: float) -> Any:
        """Send one request; what its answer carries."""
        attempt.over = "http"
        headers = {"X-Slack-Retry-Num": str(attempt.retry), "X-Slack-Retry-Reason": attempt.reason}
        again = headers if attempt.retry and delivery.kind == "events_api" else {}
        try:
            status, answer, given = await self._post(*_encoded(delivery), again, patience)
        except TimeoutError:
            raise Unacknowledged("http_timeout") from None
        except aiohttp.ClientError:
            raise Unacknowledged("connection_failed") from None
        if not 200 <= status < 300:
            raise Unacknowledged("http_error", final=given.get("X-Slack-No-Retry") == "1")
        return answer

    async def forge(self, body: Json, *, secret: str | None, timestamp: str | None) -> int:
        """Send somebody else's request, with another secret or time; the status of the answer."""
        status, _, _ = await self._post(
            json.dumps(body), "application/json", {}, 10, secret=secret, timestamp=timestamp
        )
        return status

    async def close(self) -> None:
        """Send nothing more."""
        await self._http.close()

    async def _post(
        self,
        body: str,
        content_type: str,
        headers: dict[str, str],
        seconds: float,
        *,
        secret: str | None = None,
        timestamp: str | None = None,
    ) -> tuple[int, Any, Mapping[str, str]]:
        at = timestamp or str(int(time.time()))
        key = (secret or self._application.signing_secret).encode()
        signature = "v0=" + hmac.new(key, f"v0:{at}:{body}".encode(), hashlib.sha256).hexdigest()
        sent = {
            "Content-Type": content_type,
            "User-Agent": _AGENT,
            "X-Slack-Request-Timestamp": at,
            "X-Slack-Signature": signature,
            **headers,
        }
        patience = aiohttp.ClientTimeout(total=seconds)
        async with self._http.post(
            self._url, data=body.encode(), headers=sent, timeout=patience, allow_redirects=False
        ) as answer:
            text = await answer.text()
            given = json.loads(text) if answer.content_type == "application/json" and text else text
            return answer.status, given, answer.headers


def _encoded(delivery: Delivery) -> tuple[str, str]:
    """The body and its type: JSON for events, forms for the rest."""
    if delivery.kind == "events_api":
        return json.dumps(delivery.payload), "application/json"
    if delivery.kind == "slash_commands":
        return urlencode(delivery.payload), _FORM
    return urlencode({"payload": json.dumps(delivery.payload)}), _FORM
