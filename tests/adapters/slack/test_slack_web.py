"""What Slack asks of the request URL itself, and what others ask."""

import json
import time
from collections.abc import AsyncIterator, Mapping
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from slack_bolt.response import BoltResponse
from slack_sdk.signature import SignatureVerifier

from adapters.slack.web import PATH, Web
from tests.adapters.platform_parts import FakeNotes

_SECRET = "a secret"


@pytest.fixture
async def taken() -> AsyncIterator[tuple[str, list[Any]]]:
    """The request URL, and what was taken there."""
    bodies: list[Any] = []

    async def dispatch(payload: Any, headers: Mapping[str, str]) -> BoltResponse:
        bodies.append(payload)
        return BoltResponse(status=200)

    app = web.Application()
    app.router.add_post(PATH, Web(_SECRET, dispatch, FakeNotes()).take)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}{PATH}", bodies
    finally:
        await runner.cleanup()


def signed(body: str) -> dict[str, str]:
    """The headers of a request of Slack's."""
    at = str(int(time.time()))
    signature = SignatureVerifier(_SECRET).generate_signature(timestamp=at, body=body)
    assert signature
    return {"X-Slack-Request-Timestamp": at, "X-Slack-Signature": signature}


async def test_a_look_at_the_certificate_is_answered_and_taken_for_nothing(
    taken: tuple[str, list[Any]],
) -> None:
    """Slack sends one now and then, with the token that signatures have replaced, and wants 200."""
    url, bodies = taken
    async with aiohttp.ClientSession() as http:
        async with http.post(url, data={"ssl_check": "1", "token": "t"}) as answer:
            assert (answer.status, await answer.text()) == (200, "")
        async with http.post(url, data={"command": "/ask", "text": "ssl_check=1"}) as answer:
            assert answer.status == 401
    assert not bodies


async def test_bytes_that_are_no_text_are_refused(taken: tuple[str, list[Any]]) -> None:
    """As whatever Slack did not sign, and one that it did sign is taken."""
    url, bodies = taken
    body = json.dumps({"type": "event_callback"})
    async with aiohttp.ClientSession() as http:
        async with http.post(url, data=b"\xff\xfe", headers=signed(body)) as answer:
            assert answer.status == 401
        async with http.post(url, data=body, headers=signed(body)) as answer:
            assert answer.status == 200
    assert bodies == [body]
