"""The Web API of one workspace, counted over all workers: https://docs.slack.dev/apis/web-api/rate-limits."""

import asyncio
import json
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Any

import aiohttp
from slack_sdk.web.async_client import AsyncWebClient
from tenacity import AsyncRetrying, retry_if_exception_type
from tenacity.stop import stop_after_attempt, stop_after_delay
from tenacity.wait import wait_random_exponential

from adapters.slack.errors import mapped
from adapters.slack.hosts import Hosts
from core.errors import RateLimited, WriteFailed
from core.ports import Rate, Rates

API = "https://slack.com/api/"
_PATIENCE = 12.0
"""Seconds that a call waits for its turn."""
_TRIES = 3
"""How often a read is tried."""

_READS = frozenset({"conversations.history", "conversations.replies", "files.info", "users.info"})
"""What changes nothing, and so may be tried again at once; Slack takes its arguments in the query."""
_FORMS = frozenset({"files.completeUploadExternal", "files.getUploadURLExternal"})
"""What Slack takes as a form only."""
_TIERS = {
    "agents.sessions.setStatus": 3,
    "chat.appendStream": 4,
    "chat.delete": 3,
    "chat.postEphemeral": 4,
    "chat.stopStream": 2,
    "chat.update": 3,
    "conversations.history": 3,
    "conversations.open": 3,
    "conversations.replies": 3,
    "files.completeUploadExternal": 4,
    "files.getUploadURLExternal": 4,
    "files.info": 4,
    "users.info": 4,
}
# Tiers 3 and 4 are kept in parts of a minute, so that nobody waits for long behind a burst. The start of a
# stream waits for nothing: where Slack wants no more of them, an ordinary message is there at once.
_WINDOWS = {2: (20, 60.0), 3: (10, 12.0), 4: (20, 12.0)}
_POSTS = (60, 12.0)
_POSTS_OF_CHANNEL = (3, 3.0)
"""Messages: hundreds a minute in a workspace, one a second in a channel with short bursts."""


@dataclass(frozen=True, slots=True)
class Bot:
    """The bot of a token, as Slack knows it; `scopes` are what it may do, where Slack says so."""

    name: str
    user: str
    bot: str
    team: str
    scopes: frozenset[str] = frozenset()

    def may(self, scope: str) -> bool:
        """Whether it has a scope, as far as Slack says: what it does not say is as in our manifest."""
        return not self.scopes or scope in self.scopes


class _Answer(dict[str, Any]):
    """What Slack answers. Where it lacks what was asked for, that is no answer."""

    def __missing__(self, name: str) -> Any:
        raise WriteFailed(f"Slack's answer has no {name}")


class Slack:
    """Calls of the Web API. Raises only PlatformError; a 429 is told to all workers."""

    def __init__(self, web: AsyncWebClient, http: aiohttp.ClientSession, us: Bot, rates: Rates) -> None:
        """`web` must try nothing twice: what was posted and not acknowledged would stand twice.

        `http` is for what is no call of the Web API: files and response URLs.
        """
        self.us = us
        self.web = web
        self.http = http
        self.hosts = Hosts.of(web.base_url)
        self._rates = rates

    async def call(self, method: str, **args: Any) -> dict[str, Any]:
        """Make a call once its turn has come; what Slack answers. A read is tried again, a write is not."""
        tries = _TRIES if method in _READS else 1
        retrying = AsyncRetrying(
            retry=retry_if_exception_type((RateLimited, WriteFailed)),
            stop=stop_after_attempt(tries) | stop_after_delay(_PATIENCE),
            wait=wait_random_exponential(multiplier=0.1, max=1),
            reraise=True,
        )
        return await retrying(self._in_turn, method, args)

    async def _in_turn(self, method: str, args: dict[str, Any]) -> dict[str, Any]:
        """Wait no longer than a while; what Slack refuses for now, all workers hear of."""
        rates = self._counted(method, str(args.get("channel", "")))
        try:
            async with asyncio.timeout(_PATIENCE):
                for rate in rates:
                    await self._rates.wait(rate)
        except TimeoutError:
            raise RateLimited(f"{method} waits for its turn") from None
        try:
            with mapped():
                return await self._made(method, args)
        except RateLimited as error:
            if rates:
                await self._rates.rest(rates[-1].bucket, error.retry_after or 1.0)
            raise

    async def each(self, method: str, of: str, **args: Any) -> AsyncGenerator[dict[str, Any], None]:
        """All items of a list that Slack gives page by page; `of` is its name."""
        while True:
            answer = await self.call(method, **args)
            for item in answer.get(of) or ():
                yield item
            cursor = (answer.get("response_metadata") or {}).get("next_cursor")
            if not cursor:
                return
            args["cursor"] = cursor

    async def _made(self, method: str, args: dict[str, Any]) -> dict[str, Any]:
        if method in _READS:
            answer = await self.web.api_call(method, http_verb="GET", params=args)
        elif method in _FORMS:
            form = {name: each if isinstance(each, str) else json.dumps(each) for name, each in args.items()}
            answer = await self.web.api_call(method, data=form)
        else:
            answer = await self.web.api_call(method, json=args)
        return _Answer(answer.data if isinstance(answer.data, dict) else {})

    def _counted(self, method: str, channel: str) -> list[Rate]:
        """The buckets that count a call; the last one is what Slack means when it says that it is full."""
        prefix = f"slack:{self.us.team}"
        if method == "chat.postMessage":
            return [
                Rate(f"{prefix}:{method}", *_POSTS),
                Rate(f"{prefix}:{method}:{channel}", *_POSTS_OF_CHANNEL),
            ]
        tier = _TIERS.get(method)
        return [Rate(f"{prefix}:{method}", *_WINDOWS[tier])] if tier else []
