"""What those who run chasqui see of its inbox, and do with its dead letters: messages that were set aside."""

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from adapters.redis.letters import Letter, RedisLetters
from adapters.redis.waiting import Waiting, waiting
from bots.output import one_line, print_json, print_table
from bots.settings import Settings
from bots.store import redis
from core.characters import sendable
from core.types import Message


async def show_all(settings: Settings, *, as_json: bool) -> int:
    """`chasqui inbox list`: what waits and what was set aside, without anybody's words."""
    async with redis(settings) as store:
        threads, letters = await waiting(store), await RedisLetters(store).all()
    if as_json:
        found = [_waiting(each) for each in threads], [_letter(each) for each in letters]
        print_json(dict(zip(("waiting", "dead_letters"), found, strict=True)))
        return 0
    if threads:
        print("Waiting for an answer:")
        print_table(("THREAD", "SINCE", "MESSAGES", "ATTEMPTS", ""), [_waiting_row(each) for each in threads])
    else:
        print("Nothing waits for an answer.")
    print()
    if letters:
        print("Set aside (`chasqui inbox show ID` prints the message, `retry ID` and `drop ID` end it):")
        print_table(("ID", "THREAD", "AT", "ATTEMPTS", "WHY"), [_letter_row(each) for each in letters])
    else:
        print("No message was set aside.")
    return 0


async def show(settings: Settings, letter_id: str, *, as_json: bool) -> int:
    """`chasqui inbox show`: one dead letter, with its words."""
    async with redis(settings) as store:
        letter = await RedisLetters(store).find(letter_id)
    message = letter.message
    if as_json:
        print_json({**_letter(letter), "message": message and asdict(message)})
        return 0
    about = [
        ("thread", _thread(message)),
        ("from", _author(message)),
        ("asked", _time(message.at) if message else "unknown"),
        ("set aside", f"{_time(letter.at)}, after {_times(letter.attempts)}"),
        ("why", letter.why),
        *(("attached", file.name) for file in (message.attachments if message else ())),
    ]
    for what, value in about:
        print(f"{what + ':':<10} {one_line(value)}")
    print(f"\n{sendable(message.text)}" if message else "\nIt cannot be read by this release.")
    return 0


async def retry(settings: Settings, letter_id: str, *, as_json: bool) -> int:
    """`chasqui inbox retry`: a message that was set aside is answered after all."""
    async with redis(settings) as store:
        await RedisLetters(store).retry(letter_id)
    _print_done("retried", letter_id, f"{letter_id} waits again, last in its thread.", as_json=as_json)
    return 0


async def drop(settings: Settings, letter_id: str, *, as_json: bool) -> int:
    """`chasqui inbox drop`: a dead letter is deleted."""
    async with redis(settings) as store:
        await RedisLetters(store).drop(letter_id)
    _print_done("dropped", letter_id, f"{letter_id} is deleted.", as_json=as_json)
    return 0


def _waiting(each: Waiting) -> dict[str, Any]:
    return {**asdict(each), "thread": str(each.thread) if each.thread else None}


def _letter(letter: Letter) -> dict[str, Any]:
    """A letter without anybody's words."""
    thread = str(letter.message.thread) if letter.message else None
    return {
        "id": letter.id,
        "thread": thread,
        "at": letter.at,
        "attempts": letter.attempts,
        "why": letter.why,
    }


def _waiting_row(each: Waiting) -> tuple[str, ...]:
    now = "being answered" if each.answering else ""
    thread = str(each.thread) if each.thread else "unreadable"
    return thread, _time(each.since), str(each.messages), str(each.attempts), now


def _letter_row(letter: Letter) -> tuple[str, ...]:
    return letter.id, _thread(letter.message), _time(letter.at), str(letter.attempts), letter.why


def _thread(message: Message | None) -> str:
    return str(message.thread) if message else "unreadable"


def _author(message: Message | None) -> str:
    if message is None:
        return "unknown"
    person = f"{message.thread.platform}:{message.author}"
    return f"{message.author_name} ({person})" if message.author_name else person


def _times(attempts: int) -> str:
    return "1 attempt" if attempts == 1 else f"{attempts} attempts"


def _time(at: float) -> str:
    """In the time of this machine, to the second."""
    return datetime.fromtimestamp(at, UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def _print_done(what: str, letter_id: str, sentence: str, *, as_json: bool) -> None:
    if as_json:
        print_json({what: letter_id})
    else:
        print(sentence)
