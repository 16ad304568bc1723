"""Slack as a worker needs it: to speak and to fetch files. It needs no gateway."""

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from weakref import WeakValueDictionary

import aiohttp

from adapters.slack import blocks, logs, places, transcript
from adapters.slack.abilities import Abilities
from adapters.slack.files import Files
from adapters.slack.login import logged_in
from adapters.slack.people import People
from adapters.slack.private import PrivateReply
from adapters.slack.reply import SlackReply
from adapters.slack.sending import Shared, ThreadSender
from adapters.slack.standing import WAITING
from adapters.slack.streaming import Streams
from core.ports import Ledger, Notes, Rates
from core.types import Attachment, Message, ThreadId

_QUIET = aiohttp.ClientTimeout(total=None, connect=10, sock_read=30)


class SlackPlatform:
    """As `Platform`."""

    name = places.NAME

    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        self._replies: WeakValueDictionary[str, SlackReply] = WeakValueDictionary()

    def reply(self, message: Message, ledger: Ledger) -> SlackReply | PrivateReply:
        """As `Platform.reply`."""
        if places.place(message).person:
            return PrivateReply(self._shared, message, ledger)
        reply = self._replies[message.id] = SlackReply(self._shared, message, ledger)
        return reply

    async def show_place(self, message: Message, text: str) -> None:
        """As `Platform.show_place`: in a message that the first words of the answer take away.

        Who is answered privately reads none, since that could not be taken away. The message is noted before
        it is there, so that it is found also where its id got lost.
        """
        if places.place(message).person:
            return
        notes, note = self._shared.notes, places.waiting_note(message.id)
        sender, content = ThreadSender(self._shared, message), blocks.sentence(text)
        shown = await notes.get(note)
        if self._is_answered(message):
            return
        if shown == "":
            shown = (await sender.parts()).parts.get(WAITING)
        if shown:
            await sender.edit(shown, WAITING, content)
        else:
            await notes.put(note, "", seconds=places.MAY_WAIT)
            shown = await sender.post(WAITING, content)
        await notes.put(note, shown, seconds=places.MAY_WAIT)
        gone = await notes.get(places.gone_note(message.id)) is not None
        if gone or self._is_answered(message):
            await sender.delete(shown)

    def _is_answered(self, message: Message) -> bool:
        """Whether its turn came while its place was about to be shown."""
        reply = self._replies.get(message.id)
        return reply is not None and reply.begun

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
