"""Messages that are written bit by bit: https://docs.slack.dev/reference/methods/chat.startStream."""

from contextlib import suppress
from typing import Any

from adapters.slack import places
from adapters.slack.client import Slack
from adapters.slack.errors import StreamOver, Unreachable
from adapters.slack.places import Place
from core.errors import PageClosed, RateLimited
from core.ports import Notes
from core.types import Message


class Stream:
    """A message that is open: what it shows can be gone on with, and with nothing else.

    Raises PlatformError; StreamOver where the message is open no more, where Slack does not take it for
    whatever reason, or where a call that was never answered may have gone on with it. Then its message is
    to be edited, and if there is no writing there at all, that says why.
    """

    def __init__(self, slack: Slack, channel: str, ts: str, text: str | None = None) -> None:
        """None is unknown: another worker began it, if it is a stream at all."""
        self.ts = ts
        self.text = text
        """What it shows for certain; None after a call that was never answered."""
        self._slack = slack
        self._channel = channel

    async def show(self, text: str) -> None:
        """Go on until it shows this."""
        if self.text is None or not text.startswith(self.text):
            raise StreamOver("it may show something else")
        shown, self.text = self.text, None  # until Slack says that it shows more
        try:
            if more := text[len(shown) :]:
                args = {"channel": self._channel, "ts": self.ts, "markdown_text": more}
                await self._slack.call("chat.appendStream", **args)
        except (RateLimited, PageClosed):
            self.text = shown
            raise
        except Unreachable as error:
            self.text = shown
            raise StreamOver(str(error)) from error
        self.text = text

    async def stop(self, **more: Any) -> None:
        """End it, with `blocks` under it and `metadata`, if there are any."""
        try:
            await self._slack.call("chat.stopStream", channel=self._channel, ts=self.ts, **more)
        except Unreachable as error:
            raise StreamOver(str(error)) from error


class Streams:
    """Begins streams, and ends those that others began."""

    def __init__(self, slack: Slack, notes: Notes) -> None:
        self._slack = slack
        self._notes = notes

    async def start(self, message: Message, text: str) -> Stream:
        """Begin a page of the answer; in a channel its asker sees it grow. Raises PlatformError.

        It is noted what grows, so that who presses Slack's own Stop stops that answer and no other.
        """
        place, person = places.place(message), message.author
        recipient: dict[str, str] = {}
        if not place.is_direct:
            team = await self._notes.get(places.team_note(person)) or self._slack.us.team
            recipient = {"recipient_user_id": person, "recipient_team_id": team}
        started = await self._slack.call(
            "chat.startStream",
            channel=place.channel,
            thread_ts=place.root,
            markdown_text=text,
            **recipient,
        )
        stream = Stream(self._slack, place.channel, str(started["ts"]), text)
        note = places.stream_note(message.thread)
        await self._notes.put(note, f"{stream.ts} {message.id}", seconds=places.MAY_WAIT)
        return stream

    async def over(self, message: Message) -> None:
        """An answer has ended: who presses Stop now was late."""
        await self._notes.drop(places.stream_note(message.thread))

    async def end(self, place: Place, ts: str) -> None:
        """End a stream, if it is open, so that its message can be edited. Raises PlatformError."""
        with suppress(PageClosed):
            await Stream(self._slack, place.channel, ts).stop()
