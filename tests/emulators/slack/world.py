"""All that stands on the platform, found by id."""

from tests.emulators.shared.errors import ControlError
from tests.emulators.slack.application import Application
from tests.emulators.slack.clock import Clock
from tests.emulators.slack.errors import ApiError
from tests.emulators.slack.model import Channel, ChannelKind, File, Message, Team, User, View, content_type

_LETTER: dict[ChannelKind, str] = {"channel": "C", "group": "C", "im": "D", "mpim": "G"}


class World:
    """Everything there is. Lookups are for the app: they raise the API's own errors."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.users: dict[str, User] = {}
        self.channels: dict[str, Channel] = {}
        self.files: dict[str, File] = {}
        self.views: dict[str, View] = {}
        self.address = ""
        """Where all of it answers; known once the server listens."""
        self._count = 0
        self.team = Team(self.new_id("T"), "Llamas", "llamas")
        self.partner = Team(self.new_id("T"), "Alpacas", "alpacas")
        bot = self.new_user("chasqui", bot=True)
        self.application = Application(self.new_id("A"), bot.id, self.new_id("B"))

    def new_id(self, letter: str) -> str:
        """A new id of the form of Slack's."""
        self._count += 1
        return f"{letter}0{self._count:08X}"

    def new_user(self, name: str, *, bot: bool = False, partner: bool = False) -> User:
        """Someone new, of our workspace or of the partner's."""
        user = User(self.new_id("U"), name, (self.partner if partner else self.team).id, bot)
        self.users[user.id] = user
        return user

    def new_channel(
        self, kind: ChannelKind, name: str, members: set[str], *, shared: bool = False
    ) -> Channel:
        """A new place."""
        channel = Channel(self.new_id(_LETTER[kind]), kind, name, members, shared)
        self.channels[channel.id] = channel
        return channel

    def dm(self, *people: str) -> Channel:
        """The direct messages of these people, opened if they were not."""
        members = set(people)
        for each in self.channels.values():
            if each.kind in ("im", "mpim") and each.members == members:
                return each
        shared = any(self.users[each].team != self.team.id for each in members)
        return self.new_channel("im" if len(members) == 2 else "mpim", "", members, shared=shared)

    def new_file(
        self,
        name: str,
        user: str,
        data: bytes,
        *,
        mimetype: str | None = None,
        claims: int | None = None,
        serves: int | None = None,
    ) -> File:
        """A new file, whose metadata may lie."""
        size = len(data)
        file = File(
            self.new_id("F"),
            name,
            user,
            data,
            mimetype or content_type(name),
            size if claims is None else claims,
            size if serves is None else serves,
            title=name,
            created=self.clock.now(),
        )
        self.files[file.id] = file
        return file

    def user(self, key: str) -> User:
        """The user of this id."""
        if key not in self.users:
            raise ApiError("user_not_found")
        return self.users[key]

    def visible(self, key: str) -> Channel:
        """The channel of this id, if our bot can know of it."""
        channel = self.channels.get(key)
        if channel is None or (channel.kind != "channel" and self.application.bot not in channel.members):
            raise ApiError("channel_not_found")
        return channel

    def readable(self, key: str) -> Channel:
        """The channel of this id, if our bot may read it."""
        channel = self.visible(key)
        if self.application.bot not in channel.members:
            raise ApiError("not_in_channel")
        return channel

    def writable(self, key: str) -> Channel:
        """The channel of this id, or of our bot and this person, if our bot may write there."""
        if key in self.users:
            key = self.dm(self.application.bot, key).id
        channel = self.visible(key)
        if channel.archived:
            raise ApiError("is_archived")
        public = channel.kind == "channel" and "chat:write.public" in self.application.scopes
        if self.application.bot not in channel.members and not public:
            raise ApiError("not_in_channel")
        return channel

    def message(self, channel: Channel, ts: str) -> Message:
        """The message of this timestamp that everyone sees."""
        message = channel.messages.get(ts)
        if message is None or message.deleted_at is not None or message.seen_by is not None:
            raise ApiError("message_not_found")
        return message

    def place(self, key: str) -> Channel:
        """The channel of this id, for a test."""
        if key not in self.channels:
            raise ControlError(f"there is no channel {key}")
        return self.channels[key]

    def find(self, channel: str, ts: str) -> Message:
        """A message, deleted or not, ephemeral or not, for a test."""
        found = self.place(channel).messages.get(ts)
        if found is None:
            raise ControlError(f"there is no message {ts} in {channel}")
        return found
