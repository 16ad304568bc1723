"""What those who run chasqui see of its inbox, and do with the messages that were given up."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from adapters.redis.letters import Letter, RedisLetters, Waiting, waiting
from bots import wiring
from bots.output import print_json
from bots.settings import Settings
from core.characters import sendable
from core.types import Message


async def show_all(settings: Settings, *, as_json: bool) -> int:
    """`chasqui inbox list`: what waits and what was given up, without anybody's words."""
    async with wiring.redis(settings) as store:
        threads, letters = await waiting(store), await RedisLetters(store).all()
    if as_json:
        print_json(
            {"waiting": [_waiting(each) for each in threads], "letters": [_letter(each) for each in letters]}
        )
        return 0
    if threads:
        print("Waiting for an answer:")
        _print_table(
            ("THREAD", "SINCE", "MESSAGES", "ATTEMPTS", ""), [_waiting_row(each) for each in threads]
        )
    else:
        print("Nothing waits for an answer.")
    print()
    if letters:
        print("Given up (`chasqui inbox show ID` prints the message, `retry ID` and `drop ID` end it):")
        _print_table(("ID", "THREAD", "SINCE", "ATTEMPTS", "WHY"), [_letter_row(each) for each in letters])
    else:
        print("No message was given up.")
    return 0


async def show(settings: Settings, name: str, *, as_json: bool) -> int:
    """`chasqui inbox show`: one message that was given up, with its words."""
    async with wiring.redis(settings) as store:
        letter = await RedisLetters(store).find(name)
    message = letter.message
    if as_json:
        print_json({**_letter(letter), "message": message and asdict(message)})
        return 0
    about = [
        ("thread", _thread(message)),
        ("from", _author(message)),
        ("asked", _time(message.at) if message else "unknown"),
        ("given up", f"{_time(letter.at)}, after {_times(letter.attempts)}"),
        ("why", letter.why),
        *(("attached", file.name) for file in (message.attachments if message else ())),
    ]
    for what, value in about:
        print(f"{what + ':':<10} {_line(value)}")
    print(f"\n{sendable(message.text)}" if message else "\nIt cannot be read by this release.")
    return 0


async def retry(settings: Settings, name: str, *, as_json: bool) -> int:
    """`chasqui inbox retry`: a message that was given up is answered after all."""
    async with wiring.redis(settings) as store:
        await RedisLetters(store).retry(name)
    _print_done("retried", name, f"{name} waits again, last in its thread.", as_json=as_json)
    return 0


async def drop(settings: Settings, name: str, *, as_json: bool) -> int:
    """`chasqui inbox drop`: a message that was given up is deleted."""
    async with wiring.redis(settings) as store:
        await RedisLetters(store).drop(name)
    _print_done("dropped", name, f"{name} is deleted.", as_json=as_json)
    return 0


def _waiting(each: Waiting) -> dict[str, Any]:
    return {**asdict(each), "thread": str(each.thread) if each.thread else None}


def _letter(letter: Letter) -> dict[str, Any]:
    """A letter without anybody's words."""
    thread = str(letter.message.thread) if letter.message else None
    return {
        "id": letter.name,
        "thread": thread,
        "since": letter.at,
        "attempts": letter.attempts,
        "why": letter.why,
    }


def _waiting_row(each: Waiting) -> tuple[str, ...]:
    now = "being answered" if each.answering else ""
    thread = str(each.thread) if each.thread else "unreadable"
    return thread, _time(each.since), str(each.messages), str(each.attempts), now


def _letter_row(letter: Letter) -> tuple[str, ...]:
    return letter.name, _thread(letter.message), _time(letter.at), str(letter.attempts), letter.why


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


def _print_table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Columns as wide as their widest cell, numbers to the right."""
    lines = [titles, *([_line(cell) for cell in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    right = [all(cell.isdecimal() for cell in column[1:]) for column in zip(*lines, strict=True)]
    for line in lines:
        cells = zip(line, widths, right, strict=True)
        print("  " + "  ".join(cell.rjust(w) if r else cell.ljust(w) for cell, w, r in cells).rstrip())


def _line(text: str) -> str:
    """On one line, and without signs that a terminal would obey."""
    return " ".join(sendable(text).split())


def _print_done(what: str, name: str, sentence: str, *, as_json: bool) -> None:
    if as_json:
        print_json({what: name})
    else:
        print(sentence)
