"""The message in which an asker reads their place, and which becomes the first page of the answer."""

from adapters.discord import places
from adapters.discord.sending import ChannelSender, InteractionSender, Shared
from core.types import Message

_KNOWN = 86_400.0
"""Seconds that a message may wait and still be answered where its place was shown."""


class Waiting:
    """Shown by whichever worker sees the message wait; an interaction shows it in its own first message.

    Raises PlatformError.
    """

    def __init__(self, shared: Shared, message: Message) -> None:
        self._shared = shared
        self._message = message
        self._note = places.waiting_note(message.id)
        self._is_over = False

    async def show(self, text: str) -> None:
        """Show a place, unless the answer begins meanwhile."""
        if places.place(self._message).by_interaction:
            if not self._is_over:
                await InteractionSender(self._shared, self._message).post(0, text, None, first=True)
            return
        shown = await self._shared.notes.get(self._note)
        if self._is_over:
            return
        sender = ChannelSender(self._shared, self._message)
        if shown is not None:
            await sender.edit(int(shown), text, None)
            return
        posted = await sender.post(0, text, None, first=True)
        await self._shared.notes.put(self._note, str(posted.id), seconds=_KNOWN)

    def end(self) -> None:
        """The answer begins: nobody needs to read a place from now on."""
        self._is_over = True

    async def message(self) -> int | None:
        """The message that shows it, if one does."""
        shown = await self._shared.notes.get(self._note)
        return None if shown is None else int(shown)

    async def taken(self) -> None:
        """The first page stands where the place was read."""
        await self._shared.notes.drop(self._note)
