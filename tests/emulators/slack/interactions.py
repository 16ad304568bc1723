"""Commands, shortcuts, buttons and forms: https://docs.slack.dev/interactivity/handling-user-interaction."""

import secrets
from dataclasses import dataclass, field
from typing import Any, Literal

from tests.emulators.slack import payloads
from tests.emulators.slack.errors import ApiError
from tests.emulators.slack.messages import Messages, content
from tests.emulators.slack.model import Channel, Json, Message, Version, View
from tests.emulators.slack.outbox import Delivery, Kind, Outbox
from tests.emulators.slack.world import World

TRIGGER_LIFE = 3.0
RESPONSE_LIFE = 1800.0
RESPONSES = 5
"""Seconds that a trigger and a response URL are good for, and how often the latter is."""


@dataclass(slots=True)
class Interaction:
    """What somebody asked of the app. "failed": they read that the app did not respond in time."""

    id: str
    kind: str
    user: str
    channel: str | None
    message: str | None
    at: float
    state: Literal["waiting", "acknowledged", "failed"] = "waiting"
    answer: Any = None
    opened: list[str] = field(default_factory=list)
    replies: list[str] = field(default_factory=list)
    traded: bool = False


class Interactions:
    """All that were started, by their trigger, which is their id."""

    def __init__(self, world: World, messages: Messages, outbox: Outbox) -> None:
        self._world = world
        self._messages = messages
        self._outbox = outbox
        self.known: dict[str, Interaction] = {}

    def command(self, user: str, channel: Channel, name: str, text: str) -> Interaction:
        """A slash command."""
        world, found = self._world, self._new("command", user, channel)
        payload = {
            "token": world.application.verification,
            "team_id": world.team.id,
            "team_domain": world.team.domain,
            "channel_id": channel.id,
            "channel_name": channel.name or "directmessage",
            "user_id": user,
            "user_name": world.users[user].name,
            "command": name,
            "text": text,
            "api_app_id": world.application.id,
            "is_enterprise_install": "false",
            "response_url": self._response_url(found),
            "trigger_id": found.id,
        }
        return self._start(found, "slash_commands", name, payload)

    def interact(
        self,
        kind: str,
        user: str,
        channel: Channel | None,
        payload: Json,
        *,
        message: Message | None = None,
        view: View | None = None,
    ) -> Interaction:
        """A shortcut, a button or a form."""
        world = self._world
        found = self._new(kind, user, channel, message)
        person = world.users[user]
        about: Json = {
            "type": kind,
            "token": world.application.verification,
            "api_app_id": world.application.id,
            "team": {"id": world.team.id, "domain": world.team.domain},
            "user": {"id": user, "username": person.name, "name": person.name, "team_id": person.team},
            "enterprise": None,
            "is_enterprise_install": False,
            "trigger_id": found.id,
            "action_ts": world.clock.ts(),
        }
        if channel:
            about["channel"] = {"id": channel.id, "name": channel.name or "directmessage"}
            about["response_url"] = self._response_url(found)
        if message:
            about["message"] = payloads.message(world, message)
        if kind == "view_submission":
            about["response_urls"] = []
        started = self._start(found, "interactive", kind, about | payload)
        if view:
            started.opened.append(view.id)
        return started

    def trade(self, trigger: str) -> Interaction:
        """The interaction of a trigger, which opens one view within its time."""
        found = self.known.get(trigger)
        if found is None:
            raise ApiError("invalid_trigger_id")
        if self._world.clock.now() - found.at > TRIGGER_LIFE:
            raise ApiError("expired_trigger_id")
        if found.traded:
            raise ApiError("exchanged_trigger_id")
        found.traded = True
        return found

    def respond(self, key: str, body: Json) -> None:
        """What comes to a response URL; raises `expired_url` or `used_url`."""
        found = self.known.get(key)
        if found is None or self._world.clock.now() - found.at > RESPONSE_LIFE:
            raise ApiError("expired_url", status=404)
        if len(found.replies) >= RESPONSES:
            raise ApiError("used_url", status=404)
        original = self._original(found)
        if body.get("delete_original") and original:
            original.deleted_at = self._world.clock.now()
            found.replies.append(original.ts)
            return
        version = content(body, self._world.clock.now())
        if body.get("replace_original") and original:
            original.versions.append(version)
            found.replies.append(original.ts)
            return
        self._reply(found, version, body)

    def _original(self, found: Interaction) -> Message | None:
        return self._world.channels[found.channel or ""].messages.get(found.message or "")

    def _reply(self, found: Interaction, version: Version, body: Json) -> None:
        channel = self._world.channels[found.channel or ""]
        alone = None if body.get("response_type") == "in_channel" else found.user
        said = self._messages.post(channel, version, body, seen_by=alone)
        found.replies.append(said.ts)

    def _new(
        self, kind: str, user: str, channel: Channel | None, message: Message | None = None
    ) -> Interaction:
        key = f"{self._world.new_id('')}.{secrets.token_hex(8)}"
        where, ts = channel.id if channel else None, message.ts if message else None
        found = Interaction(key, kind, user, where, ts, self._world.clock.now())
        self.known[key] = found
        return found

    def _response_url(self, found: Interaction) -> str:
        return f"{self._world.address}/response/{found.id}"

    def _start(self, found: Interaction, kind: Kind, name: str, payload: Json) -> Interaction:
        self._outbox.send(kind, name, payload, lambda delivery: self._came(found, delivery))
        return found

    def _came(self, found: Interaction, delivery: Delivery) -> None:
        """The app acknowledged, or did not."""
        found.state = "acknowledged" if delivery.state == "acknowledged" else "failed"
        found.answer = delivery.answer or None
        body = {"text": delivery.answer} if isinstance(delivery.answer, str) else delivery.answer or {}
        if found.kind == "view_submission":
            self._submitted(found, body)
        elif found.kind == "command" and (body.get("text") or body.get("blocks")):
            self._reply(found, content(body, self._world.clock.now()), body)

    def _submitted(self, found: Interaction, body: Json) -> None:
        """What the app answers to a form: close it, show errors, or show another."""
        view = self._world.views[found.opened[0]]
        view.errors = {}
        action = body.get("response_action")
        if action == "errors":
            view.errors = body.get("errors", {})
        elif action in ("update", "push"):
            view.content = body["view"]
        elif found.state == "acknowledged":
            view.open = False
