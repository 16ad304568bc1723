"""What the app is told of: https://docs.slack.dev/apis/events-api.

Only what its manifest subscribes to, and only of places where it is.
"""

from tests.emulators.slack import payloads
from tests.emulators.slack.model import Channel, File, Json, Message
from tests.emulators.slack.outbox import Outbox
from tests.emulators.slack.world import World

_CHANNEL_TYPE = {
    "channel": "message.channels",
    "group": "message.groups",
    "im": "message.im",
    "mpim": "message.mpim",
}


class Events:
    """Makes events of changes, and hands them to those who deliver."""

    def __init__(self, world: World, outbox: Outbox) -> None:
        self._world = world
        self._outbox = outbox

    def said(self, message: Message) -> None:
        """Somebody, or the app itself, wrote a message; one that names the app is told twice."""
        channel = self._world.channels[message.channel]
        seen = payloads.message(self._world, message)
        place = {"channel": channel.id, "event_ts": message.ts}
        if channel.shared:
            place |= {"source_team": seen["team"], "user_team": seen["team"]}
        self._of_messages(channel, seen | place)
        mention = f"<@{self._world.application.bot}>" in message.now.text
        if mention and channel.kind != "im" and message.author != self._world.application.bot:
            named = {name: value for name, value in seen.items() if name != "subtype"}
            self.tell("app_mention", named | place | {"type": "app_mention"}, channel)
        for key in message.files:
            self._shared(self._world.files[key], message)

    def changed(self, message: Message, before: Json) -> None:
        """A message was edited."""
        channel, now = self._world.channels[message.channel], payloads.message(self._world, message)
        event = {"subtype": "message_changed", "message": now, "previous_message": before, "hidden": True}
        self._of_messages(channel, event | self._placed(channel))

    def deleted(self, message: Message) -> None:
        """A message was taken away."""
        channel, before = self._world.channels[message.channel], payloads.message(self._world, message)
        event = {
            "subtype": "message_deleted",
            "deleted_ts": message.ts,
            "previous_message": before,
            "hidden": True,
        }
        self._of_messages(channel, event | self._placed(channel))

    def file_deleted(self, file: File) -> None:
        """A file was taken away."""
        self.tell("file_deleted", {"file_id": file.id})

    def tell(self, name: str, event: Json, channel: Channel | None = None, kind: str | None = None) -> None:
        """Tell the app, if it subscribes to `kind` and is in the channel."""
        world, application = self._world, self._world.application
        if (kind or name) not in application.events:
            return
        if channel and application.bot not in channel.members:
            return
        authorization = {
            "enterprise_id": None,
            "team_id": world.team.id,
            "user_id": application.bot,
            "is_bot": True,
            "is_enterprise_install": False,
        }
        payload = {
            "token": application.verification,
            "team_id": world.team.id,
            "context_team_id": world.team.id,
            "context_enterprise_id": None,
            "api_app_id": application.id,
            "event": {"type": name, "event_ts": world.clock.ts(), **event},
            "type": "event_callback",
            "event_id": world.new_id("Ev"),
            "event_time": int(world.clock.now()),
            "authorizations": [authorization],
            "is_ext_shared_channel": bool(channel and channel.shared),
            "event_context": f"4-{world.new_id('EC')}",
        }
        self._outbox.send("events_api", name, payload)

    def _of_messages(self, channel: Channel, event: Json) -> None:
        kind = {"type": "message", "channel_type": channel.kind}
        self.tell("message", event | kind, channel, _CHANNEL_TYPE[channel.kind])

    def _placed(self, channel: Channel) -> Json:
        at = self._world.clock.ts()
        return {"channel": channel.id, "ts": at, "event_ts": at}

    def _shared(self, file: File, message: Message) -> None:
        channel = self._world.channels[message.channel]
        named = {"file_id": file.id, "file": {"id": file.id}, "user_id": message.author}
        self.tell("file_shared", {**named, "channel_id": channel.id}, channel)
