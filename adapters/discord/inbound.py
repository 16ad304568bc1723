"""What people write on Discord as messages of ours."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import discord

from adapters.discord import places
from adapters.discord.files import of_interaction, of_message, text_of
from core.channels import ChannelSettings
from core.types import Attachment, Message, ThreadId

_MENTION = re.compile(r"<(@[!&]?|#)(\d+)>", re.ASCII)
_SPOKEN = frozenset({discord.MessageType.default, discord.MessageType.reply})
VOICE = "I cannot listen to voice messages. Please write your question."
POLL = "I cannot take part in polls. Please write your question."
NOTHING_ASKED = "What would you like to know? Write it behind my name, or attach a file to ask about."


@dataclass(frozen=True, slots=True)
class Quoted:
    """What a message points at: messages of people, oldest first, and the thread of ours behind them."""

    said: Sequence[discord.Message] = ()
    thread: ThreadId | None = None


def is_spoken(message: discord.Message) -> bool:
    """Whether a person says this, and neither a bot nor Discord itself."""
    return not message.author.bot and message.webhook_id is None and message.type in _SPOKEN


def is_addressed(message: discord.Message, us: int) -> bool:
    """Whether a message asks the bot directly or by name; a mention of everyone asks nobody."""
    of_us = (role.tags and role.tags.bot_id == us for role in message.role_mentions)
    return message.guild is None or any(person.id == us for person in message.mentions) or any(of_us)


def can_follow(message: discord.Message) -> bool:
    """Whether there is anything in a message; without the intent, what is not for us comes empty."""
    return bool(message.content or message.attachments or message.message_snapshots)


def replied_to(message: discord.Message) -> discord.MessageReference | None:
    """What a message replies to in its channel; a forward points at another one, but goes on with nothing."""
    reference = message.reference
    if reference is None or reference.type is not discord.MessageReferenceType.reply:
        return None
    return reference if reference.message_id and reference.channel_id == message.channel.id else None


def is_in_our_thread(message: discord.Message, us: int) -> bool:
    """Whether a message stands in a thread that the bot opened for an answer."""
    return isinstance(message.channel, discord.Thread) and message.channel.owner_id == us


def may_ask(settings: ChannelSettings, person: discord.User | discord.Member) -> bool:
    """Whether the bot answers this person in a channel with these settings."""
    if settings.allowed is False:
        return False
    roles = {str(role.id) for role in person.roles} if isinstance(person, discord.Member) else set()
    return not settings.roles or not {str(person.id), *roles}.isdisjoint(settings.roles)


def refusal(message: discord.Message, quoted: Quoted, us: int) -> str:
    """A sentence for what cannot be asked; nothing where it can."""
    if message.flags.voice:
        return VOICE
    if message.poll:
        return POLL
    asks = words(message, us) or message.attachments or message.message_snapshots or quoted.said
    return "" if asks else NOTHING_ASKED


def question(message: discord.Message, us: int, settings: ChannelSettings, quoted: Quoted) -> Message:
    """The question that a message asks. One without words asks what it points at, or what it forwards."""
    text, said = words(message, us), list(quoted.said)
    files = [file for each in (*said, message) for file in attached(each)]
    forwarded = [snapshot.content for snapshot in message.message_snapshots if snapshot.content]
    if not text and not message.attachments:
        if forwarded:
            text = forwarded.pop()
        elif said:
            text = text_of(said.pop())
    quotes = [f"{each.author.display_name}: {text_of(each)}" for each in said if text_of(each)]
    return Message(
        str(message.id),
        quoted.thread or thread_of(message, settings),
        str(message.author.id),
        text,
        message.created_at.timestamp(),
        author_name=message.author.display_name if message.guild else "",
        attachments=tuple(files),
        quoted="\n".join([*quotes, *(f"forwarded: {each}" for each in forwarded)]),
        persona=settings.persona or "",
        grounding=settings.grounding or "",
        model=settings.model or "",
        seen_by=seen_by(message),
    )


def seen_by(message: discord.Message) -> tuple[str, ...]:
    """Whose documents everybody may see who will see the answer; a thread's are those of its channel."""
    channel, guild = message.channel, message.guild
    number = channel.parent_id if isinstance(channel, discord.Thread) else channel.id
    return places.seen_by(guild.id if guild else None, number, message.author.id, alone=guild is None)


def attached(message: discord.Message) -> tuple[Attachment, ...]:
    """The files of a message, and of those that it forwards."""
    forwarded = (file for snapshot in message.message_snapshots for file in snapshot.attachments)
    return (*of_message(message), *map(of_interaction, forwarded))


def thread_of(message: discord.Message, settings: ChannelSettings) -> ThreadId:
    """The thread that a message begins or goes on with, where it answers nothing of ours."""
    if isinstance(message.channel, discord.Thread):
        return of_channel(message.channel)
    if message.guild is None:
        return places.conversation(message.channel.id)
    if settings.threads:  # the thread that is opened from a message has its id
        return places.conversation(message.id, message.channel.id)
    return places.in_channel(message.channel.id, message.id)


def of_channel(channel: discord.Thread) -> ThreadId:
    """The thread that a thread of Discord is; a forum's post is opened from no message of another channel."""
    is_post = channel.parent is None or isinstance(channel.parent, discord.ForumChannel)
    return places.conversation(channel.id, None if is_post else channel.parent_id)


def words(message: discord.Message, us: int) -> str:
    """What a message says: without the bot's own name, others with their names.

    The first message of a forum's post, which has the post's id, says its title before.
    """
    people = {person.id: f"@{person.display_name}" for person in message.mentions}
    roles = {role.id: f"@{role.name}" for role in message.role_mentions}
    channels = {channel.id: f"#{channel.name}" for channel in message.channel_mentions}

    ours = {role.id for role in message.role_mentions if role.tags and role.tags.bot_id == us}

    def name(mention: re.Match[str]) -> str:
        kind, number = mention[1], int(mention[2])
        if kind != "#" and number in {us, *ours}:
            return ""
        names = channels if kind == "#" else roles if kind == "@&" else people
        return names.get(number, mention[0])

    said = _MENTION.sub(name, message.content).strip()
    post = message.channel if isinstance(message.channel, discord.Thread) else None
    return f"{post.name}\n\n{said}".strip() if post and post.id == message.id else said
