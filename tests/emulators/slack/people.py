"""What people do: they write, react, run commands, press buttons, fill in forms and press Stop."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import Base64UrlBytes

from tests.emulators.shared.errors import ControlError
from tests.emulators.slack import payloads
from tests.emulators.slack.blocks import elements_of
from tests.emulators.slack.model import Json, Message, Version, View
from tests.emulators.slack.platform import Platform

_ESCAPES = (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"))


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that someone sends, whose metadata may lie.

    It `claims` a size in bytes, and `serves` so many: the data over and over; -1 is without end.
    """

    name: str
    data: Base64UrlBytes
    mimetype: str | None = None
    claims: int | None = None
    serves: int | None = None


class People:
    """Verbs of people. `user` is who does it, by id; a thread is the timestamp of its first message."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._world = platform.world

    async def say(
        self,
        channel: str,
        user: str,
        text: str = "",
        *,
        thread: str | None = None,
        mention: bool = False,
        files: Sequence[Upload] = (),
        broadcast: bool = False,
        markup: bool = False,
    ) -> str:
        """Write a message; its timestamp. `mention` puts our bot's mention before the text.

        The text is escaped as Slack escapes what is typed, unless it is `markup`: Slack's own form, with
        mentions and links. `broadcast`: a reply that the channel sees too.
        """
        place = self._world.place(channel)
        if user not in place.members:
            raise ControlError(f"{user} is not in {channel}")
        words = text if markup else _escaped(text)
        if mention:
            words = f"<@{self._world.application.bot}> {words}".rstrip()
        sent = [self._upload(channel, user, each) for each in files]
        subtype = "file_share" if sent else "thread_broadcast" if broadcast else None
        blocks = (payloads.rich_text(words),) if words else ()
        version = Version(self._world.clock.now(), words, blocks)
        ts = self._world.clock.ts()
        self._platform.messages.put(Message(ts, channel, user, [version], thread, subtype, sent))
        return ts

    async def edit(self, channel: str, message: str, text: str) -> None:
        """The author changes the text."""
        words = _escaped(text)
        version = Version(self._world.clock.now(), words, (payloads.rich_text(words),))
        self._platform.messages.change(self._world.find(channel, message), version)

    async def delete(self, channel: str, message: str) -> None:
        """Someone takes a message away."""
        self._platform.messages.delete(self._world.find(channel, message))

    async def delete_file(self, file: str) -> None:
        """The owner takes a file away."""
        self._world.files[file].deleted = True
        self._platform.events.file_deleted(self._world.files[file])

    async def react(self, channel: str, message: str, user: str, name: str) -> None:
        """React."""
        self._platform.messages.react(self._world.find(channel, message), user, name)

    async def command(self, channel: str, user: str, name: str, text: str = "") -> str:
        """Run a slash command of the app's manifest; the interaction's id."""
        self._world.application.command(name)
        return self._platform.interactions.command(user, self._world.place(channel), name, text).id

    async def shortcut(self, channel: str, user: str, message: str, callback_id: str) -> str:
        """Pick an entry of a message's menu; the interaction's id."""
        self._world.application.shortcut(callback_id)
        found = self._world.find(channel, message)
        about = {"callback_id": callback_id, "message_ts": found.ts}
        place = self._world.place(channel)
        return self._platform.interactions.interact("message_action", user, place, about, message=found).id

    async def press(
        self, channel: str, user: str, message: str, action_id: str, value: str | None = None
    ) -> str:
        """Press a button of a message, or one of its feedback buttons by its value; the interaction's id."""
        found = self._world.find(channel, message)
        container: Json = {"type": "message", "message_ts": found.ts, "channel_id": channel}
        container |= {"is_ephemeral": found.seen_by is not None, "thread_ts": found.thread_ts}
        action = self._action(list(found.now.blocks), action_id, value)
        about = {"container": container, "actions": [action], "state": {"values": {}}}
        place = self._world.place(channel)
        return self._platform.interactions.interact("block_actions", user, place, about, message=found).id

    async def press_in_view(self, view: str, user: str, action_id: str, value: str | None = None) -> str:
        """Press a button of a modal or of a home tab; the interaction's id."""
        found = self._view(view)
        action = self._action(found.content["blocks"], action_id, value)
        seen = payloads.view(self._world, found)
        about = {"container": {"type": "view", "view_id": view}, "actions": [action], "view": seen}
        return self._platform.interactions.interact("block_actions", user, None, about, view=found).id

    async def submit(self, view: str, user: str, values: Mapping[str, Any]) -> str:
        """Send a modal with what was typed or chosen, by action id; the interaction's id."""
        found = self._view(view)
        state: dict[str, Json] = {}
        unknown = set(values)
        for block in found.content["blocks"]:
            for element in elements_of(block):
                if (name := str(element.get("action_id"))) in values:
                    unknown.discard(name)
                    state.setdefault(block["block_id"], {})[name] = _filled(element, values[name])
        if unknown:
            raise ControlError(f"the modal has no {', '.join(sorted(unknown))}")
        about = {"view": payloads.view(self._world, found, state=state)}
        return self._platform.interactions.interact("view_submission", user, None, about, view=found).id

    async def open_home(self, user: str) -> None:
        """Look at the app's home tab."""
        await self._open(user, "home")

    async def open_pane(self, user: str) -> None:
        """Look at the messages tab: the agent's pane."""
        await self._open(user, "messages")

    async def stop(self, channel: str, thread: str, user: str) -> None:
        """Press the Stop button of a session that is processing; Slack ends the streams there."""
        session = self._platform.sessions.of(channel, thread)
        if session.state != "processing" or "agent_session_stopped" not in self._world.application.events:
            raise ControlError("there is no Stop button")
        place = self._world.place(channel)
        streams = [
            each
            for each in place.messages.values()
            if each.root == thread and each.stream and each.stream.state == "in_progress"
        ]
        for each in streams:
            self._platform.streams.end(each, by_person=True)
        about = {"channel": channel, "thread_ts": thread, "user": user}
        stopped = {**about, "streaming_message_ts": [each.ts for each in streams]}
        self._platform.events.tell("agent_session_stopped", stopped, place)

    async def _open(self, user: str, tab: str) -> None:
        place = self._world.dm(self._world.application.bot, user)
        event: Json = {"user": user, "channel": place.id, "tab": tab}
        home = self._world.views.get(self._platform.surfaces.homes.get(user, ""))
        if tab == "home" and home:
            event["view"] = payloads.view(self._world, home)
        self._platform.events.tell("app_home_opened", event)

    def _upload(self, channel: str, user: str, sent: Upload) -> str:
        file = self._world.new_file(
            sent.name, user, sent.data, mimetype=sent.mimetype, claims=sent.claims, serves=sent.serves
        )
        file.channels.append(channel)
        file.withheld = self._world.users[user].team != self._world.team.id
        return file.id

    def _view(self, key: str) -> View:
        found = self._world.views.get(key)
        if found is None or not found.open:
            raise ControlError(f"there is no open view {key}")
        return found

    def _action(self, blocks: Sequence[Json], action_id: str, value: str | None) -> Json:
        """What is sent of the element that somebody used."""
        for block in blocks:
            for element in elements_of(block):
                if element.get("action_id") == action_id:
                    used = _used(element, value)
                    return {"block_id": block["block_id"], "action_ts": self._world.clock.ts(), **used}
        raise ControlError(f"there is no {action_id} to press")


def _used(element: Json, value: str | None) -> Json:
    used: Json = {"action_id": element["action_id"], "type": element["type"]}
    if element["type"] == "feedback_buttons":
        sides = [element["positive_button"], element["negative_button"]]
        chosen = next((each for each in sides if each.get("value") == value), None)
        if chosen is None:
            raise ControlError(f"no feedback button has the value {value!r}")
        return {**used, "text": chosen["text"], "value": value}
    if element["type"] == "button":
        return {**used, "text": element["text"], "value": element.get("value", "")}
    return {**used, **_filled(element, value)}


def _filled(element: Json, value: Any) -> Json:
    """An input's state with what was typed or chosen."""
    kind = element["type"]
    if kind in ("static_select", "radio_buttons"):
        options = [each for each in element["options"] if each["value"] == value]
        if not options:
            raise ControlError(f"{element['action_id']} has no option {value!r}")
        return {"type": kind, "selected_option": options[0]}
    if kind == "checkboxes":
        chosen = [each for each in element["options"] if each["value"] in value]
        return {"type": kind, "selected_options": chosen}
    return {"type": kind, "value": value}


def _escaped(text: str) -> str:
    for sign, escape in _ESCAPES:
        text = text.replace(sign, escape)
    return text
