"""What a test builds: people, places, and the app."""

from dataclasses import dataclass

from tests.emulators.slack.callbacks import Callbacks
from tests.emulators.slack.model import Json
from tests.emulators.slack.platform import Platform


@dataclass(frozen=True, slots=True)
class Scene:
    """What stands at the start, and where the platform is."""

    token: str
    app_token: str
    signing_secret: str
    app: str
    bot: str
    bot_id: str
    team: str
    channel: str
    person: str
    dm: str
    api: str
    address: str


class Scenery:
    """Verbs that build."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._world = platform.world

    async def new_person(
        self,
        name: str,
        *,
        channel: str | None = None,
        partner: bool = False,
        guest: bool = False,
        admin: bool = False,
    ) -> str:
        """Someone new, in this channel, of our workspace or of the partner's, a guest or an admin there."""
        user = self._world.new_user(name, partner=partner)
        user.guest, user.admin = guest, admin
        if channel:
            self._world.place(channel).members.add(user.id)
        return user.id

    async def new_channel(
        self, name: str, *, private: bool = False, shared: bool = False, bot: bool = True
    ) -> str:
        """A channel; `shared` with the partner's workspace, with `bot` our bot is in it."""
        members = {self._world.application.bot} if bot else set()
        return self._world.new_channel("group" if private else "channel", name, members, shared=shared).id

    async def dm(self, *people: str) -> str:
        """The direct messages of our bot and these people: the agent's pane of one person."""
        return self._world.dm(self._world.application.bot, *people).id

    async def join(self, channel: str, user: str) -> None:
        """Let someone, or our bot, be in a channel."""
        self._world.place(channel).members.add(user)

    async def leave(self, channel: str, user: str) -> None:
        """Let someone, or our bot, be there no more."""
        self._world.place(channel).members.discard(user)

    async def archive(self, channel: str, *, archived: bool = True) -> None:
        """Archive a channel, or take it back."""
        self._world.place(channel).archived = archived

    async def install(self, manifest: Json) -> None:
        """Install the app anew with this manifest: scopes, events, commands, shortcuts and agent view."""
        self._world.application.manifest = manifest

    async def manifest(self) -> Json:
        """The app's manifest."""
        return self._world.application.manifest

    async def revoke(self, error: str | None = "token_revoked") -> None:
        """Refuse the bot's token with this error, such as "account_inactive"; None: take it again."""
        self._world.application.refusal = error

    async def use_http(self, url: str) -> None:
        """Send everything to this URL from now on, after it has answered the challenge."""
        callbacks = Callbacks(self._world.application, url)
        try:
            await callbacks.verify()
        except BaseException:
            await callbacks.close()
            raise
        await self.use_sockets()
        self._platform.callbacks = callbacks
        self._platform.outbox.route = callbacks

    async def use_sockets(self) -> None:
        """Send everything over Socket Mode from now on, as at the start."""
        await self._platform.close_callbacks()
        self._platform.outbox.route = self._platform.sockets
