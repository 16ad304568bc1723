"""Slack as a worker needs it: to speak and to fetch files. It needs no gateway."""

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from weakref import WeakValueDictionary

import aiohttp

from adapters.slack import logs, places, transcript
from adapters.slack.abilities import Abilities
from adapters.slack.files import Files
from adapters.slack.login import logged_in
from adapters.slack.people import People
from adapters.slack.private import PrivateReply
from adapters.slack.reply import SlackReply
from adapters.slack.sending import Shared, ThreadSender
from adapters.slack.streaming import Streams
from adapters.slack.waiting import Waiting
from core.ports import Ledger, Notes, Rates
from core.types import Attachment, Message, ThreadId

_QUIET = aiohttp.ClientTimeout(total=None, connect=10, sock_read=30)


class SlackPlatform:
    """As `Platform`."""

    name = places.NAME

    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        self._waiting: WeakValueDictionary[str, Waiting] = WeakValueDictionary()

    def reply(self, message: Message, ledger: Ledger) -> SlackReply | PrivateReply:
        """As `Platform.reply`."""
        if places.place(message).person:
            return PrivateReply(self._shared, message, ledger)
        return SlackReply(self._shared, message, ledger, self._waiting_of(message))

    async def show_place(self, message: Message, text: str) -> None:
        """As `Platform.show_place`: in a message that the first words of the answer take away.

        Who is answered privately reads none, since that could not be taken away.
        """
        if not places.place(message).person:
            await self._waiting_of(message).show(text)

    def _waiting_of(self, message: Message) -> Waiting:
        """One for all who show and answer it: its turn may come while its place is about to be shown."""
        waiting = Waiting(self._shared.notes, ThreadSender(self._shared, message), message)
        return self._waiting.setdefault(message.id, waiting)

    async def download(self, file: Attachment) -> AsyncGenerator[bytes, None]:
        """As `Platform.download`."""
        if file.url.startswith(transcript.THREAD):
            yield (await transcript.text_of(self._shared.slack, self._shared.people, file)).encode()
            return
        async with aclosing(self._shared.files.pieces(file)) as pieces:
            async for piece in pieces:
                yield piece


@asynccontextmanager
async def connected(
    bot_token: str,
    *,
    api_url: str | None,
    notes: Notes,
    rates: Rates,
    stop: Callable[[ThreadId, str], Awaitable[None]],
) -> AsyncIterator[SlackPlatform]:
    """The platform of a bot; `stop` is `Inbox.stop`. Raises SettingsError for a token that is not taken."""
    logs.forward()
    async with logged_in(bot_token, api_url, rates, patience=_QUIET) as slack:
        abilities = Abilities(notes, slack.us.team)
        await abilities.load()
        streams = Streams(slack, notes)
        yield SlackPlatform(Shared(slack, notes, abilities, Files(slack), People(slack), streams, stop))
