"""The app as its manifest describes it: https://docs.slack.dev/reference/app-manifest."""

import secrets
from dataclasses import dataclass, field

from tests.emulators.shared.errors import ControlError
from tests.emulators.slack.errors import ApiError
from tests.emulators.slack.model import Json

SCOPES = (
    "app_mentions:read assistant:write channels:history channels:read chat:write commands files:read "
    "files:write groups:history groups:read im:history im:read im:write mpim:history mpim:read "
    "reactions:write users:read"
).split()
EVENTS = (
    "agent_session_stopped app_home_opened app_mention app_uninstalled file_deleted file_shared "
    "message.channels message.groups message.im message.mpim tokens_revoked"
).split()

MANIFEST: Json = {
    "display_information": {"name": "chasqui"},
    "features": {
        "agent_view": {"agent_description": "Answers questions."},
        "slash_commands": [{"command": "/ask", "description": "Ask"}],
        "shortcuts": [
            {"type": "message", "name": "Ask about this", "callback_id": "ask_about", "description": "Ask"}
        ],
    },
    "oauth_config": {"scopes": {"bot": SCOPES}},
    "settings": {"event_subscriptions": {"bot_events": EVENTS}},
}
"""An app that may do everything that is known here."""


@dataclass(slots=True)
class Application:
    """An app that is installed in one workspace; `refusal` is what its token gets once it is revoked."""

    id: str
    bot: str
    bot_id: str
    token: str = field(default_factory=lambda: f"xoxb-{secrets.token_hex(12)}")
    app_token: str = field(default_factory=lambda: f"xapp-1-{secrets.token_hex(12)}")
    signing_secret: str = field(default_factory=lambda: secrets.token_hex(16))
    verification: str = field(default_factory=lambda: secrets.token_hex(12))
    manifest: Json = field(default_factory=lambda: MANIFEST)
    refusal: str | None = None

    @property
    def scopes(self) -> list[str]:
        """What the bot's token may do."""
        return list(self.manifest.get("oauth_config", {}).get("scopes", {}).get("bot", ()))

    @property
    def events(self) -> list[str]:
        """What the app is told."""
        settings = self.manifest.get("settings", {})
        return list(settings.get("event_subscriptions", {}).get("bot_events", ()))

    @property
    def features(self) -> Json:
        """What people see of it."""
        return dict(self.manifest.get("features", {}))

    @property
    def agent(self) -> bool:
        """Whether it is declared as an agent."""
        return "agent_view" in self.features

    def command(self, name: str) -> None:
        """Raise if people have no such slash command."""
        if not any(each["command"] == name for each in self.features.get("slash_commands", ())):
            raise ControlError(f"the app's manifest has no command {name}")

    def shortcut(self, callback: str) -> None:
        """Raise if messages have no such entry in their menu."""
        known = self.features.get("shortcuts", ())
        if not any(each["type"] == "message" and each["callback_id"] == callback for each in known):
            raise ControlError(f"the app's manifest has no message shortcut {callback}")

    def authorize(self, given: str, *, app_level: bool) -> None:
        """Raise the error of a token with which this cannot be done."""
        if not given:
            raise ApiError("not_authed")
        if given not in (self.token, self.app_token):
            raise ApiError("invalid_auth")
        if (given == self.app_token) != app_level:
            raise ApiError("not_allowed_token_type")
        if self.refusal and not app_level:
            raise ApiError(self.refusal)

    def permit(self, *any_of: str) -> None:
        """Raise `missing_scope` if the bot's token has none of these scopes."""
        if any_of and not set(any_of) & set(self.scopes):
            raise ApiError("missing_scope", needed=any_of[0], provided=",".join(self.scopes))
