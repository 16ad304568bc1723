"""The message in which an asker reads their place, until the answer stands."""

from adapters.slack import blocks, places
from adapters.slack.sending import ThreadSender
from adapters.slack.standing import WAITING
from core.ports import Notes
from core.types import Message


class Waiting:
    """Shown by whichever worker sees the message wait, and taken away by the one that answers it.

    It is noted before it is there, so that it is found also where its id got lost. Raises PlatformError.
    """

    def __init__(self, notes: Notes, sender: ThreadSender, message: Message) -> None:
        self._notes = notes
        self._sender = sender
        self._note = places.waiting_note(message.id)
        self._gone_note = places.gone_note(message.id)
        self._shown: str | None = None
        self._is_over = False

    async def show(self, text: str) -> None:
        """Show a place, unless the answer begins meanwhile, or its question goes."""
        content = blocks.sentence(text)
        shown = await self._notes.get(self._note)
        if self._is_over:
            return
        if shown == "":
            shown = (await self._sender.parts()).parts.get(WAITING)
        if shown:
            await self._sender.edit(shown, WAITING, content)
        else:
            await self._notes.put(self._note, "", seconds=places.MAY_WAIT)
            shown = await self._sender.post(WAITING, content)
        await self._notes.put(self._note, shown, seconds=places.MAY_WAIT)
        gone = await self._notes.get(self._gone_note) is not None
        if gone or self._is_over:
            await self._sender.delete(shown)

    async def end(self) -> None:
        """The answer begins: nobody needs to read a place from now on."""
        self._shown = await self._notes.get(self._note)
        self._is_over = True

    async def take_away(self) -> None:
        """The answer stands: what showed the place goes, once."""
        if self._shown is None:
            return
        if ts := self._shown or (await self._sender.parts()).parts.get(WAITING):
            await self._sender.delete(ts)
        self._shown = None
        await self._notes.drop(self._note)
