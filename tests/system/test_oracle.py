"""The judge of the crash tests sees what it is there to see."""

import itertools
from collections.abc import Sequence
from pathlib import Path

import pytest

from core.ports import END
from core.types import Message, Turn
from tests.emulators.echo_platform.client import EchoPlatform
from tests.emulators.echo_platform.server import EchoServer
from tests.system.crash.answers import answer, message
from tests.system.crash.oracle import Asked, Kill, Verdict, fairness, judge, takeovers

ONE, TWO = message("t1", 1), message("t1", 2)
GOOD = Verdict()
Step = tuple[Message, int | None, str]
"""A post of a part with its text; None stands for an edit of page 0."""


def steps(asked: Message, text: str = "", end: str = "answered") -> list[Step]:
    """An answer as it should come: a page that grows, another one, and the end."""
    words = (text or answer(asked.text)).split()
    first, rest = " ".join(words[:3]), " ".join(words[3:])
    return [(asked, 0, words[0]), (asked, None, first), (asked, 1, rest), (asked, END, end)]


async def verdict(tmp_path: Path, done: Sequence[Step], kept: Sequence[Message] = (ONE, TWO)) -> Verdict:
    """What is said of two questions after these steps, with the turns of these messages in the history."""
    turns = [Turn(each.id, each.text, answer(each.text), "answered", each.at) for each in kept]
    async with EchoServer(tmp_path / "echo") as record:
        platform = EchoPlatform(record.socket, "w0")
        ids: dict[str, str] = {}
        for asked, part, text in done:
            if part is None:
                await platform.call("edit", id=ids[asked.id], text=text, final=True)
            else:
                post = await platform.call("post", message=asked.id, part=part, text=text, final=False)
                ids.setdefault(asked.id, post)
        return judge([Asked(ONE, 0.0), Asked(TWO, 0.0)], record, {ONE.thread: turns})


async def test_what_went_well_is_judged_so(tmp_path: Path) -> None:
    """Two whole answers, one after the other."""
    assert await verdict(tmp_path, steps(ONE) + steps(TWO)) == GOOD


LESS = answer(ONE.text).rpartition(" ")[0]
LOST = Verdict(lost=(ONE.id,))
WRONG = [
    ("nothing at all", steps(TWO), LOST),
    ("no end", steps(ONE)[:-1] + steps(TWO), LOST),
    ("a word is missing", steps(ONE, LESS) + steps(TWO), LOST),
    ("a word comes twice", steps(ONE, f"{LESS} {LESS}") + steps(TWO), LOST),
    ("text is taken back", [*steps(ONE)[:2], (ONE, None, "t1q1w0"), *steps(ONE)[1:], *steps(TWO)], LOST),
    ("another end", steps(ONE, end="failed") + steps(TWO), LOST),
    (
        "a page twice",
        [*steps(ONE)[:3], *steps(ONE)[2:], *steps(TWO)],
        Verdict(lost=(ONE.id,), doubled=(ONE.id,)),
    ),
    ("two ends", [*steps(ONE), steps(ONE)[-1], *steps(TWO)], Verdict(doubled=(ONE.id,))),
    ("begun too early", [steps(TWO)[0], *steps(ONE), *steps(TWO)[1:]], Verdict(disordered=(TWO.id,))),
    ("the wrong way round", steps(TWO) + steps(ONE), Verdict(disordered=(TWO.id,))),
    (
        "written to after the next began",
        [*steps(ONE), *steps(TWO), steps(ONE)[1]],
        Verdict(disordered=(TWO.id,)),
    ),
]


@pytest.mark.parametrize(("done", "expected"), [case[1:] for case in WRONG], ids=[case[0] for case in WRONG])
async def test_what_went_wrong_on_the_platform_is_seen(
    tmp_path: Path, done: Sequence[Step], expected: Verdict
) -> None:
    """Text that is missing or too much, parts that stand twice, answers that cross."""
    assert await verdict(tmp_path, done) == expected


@pytest.mark.parametrize(
    ("kept", "expected"),
    [
        ([TWO], Verdict(lost=(ONE.id,))),
        ([ONE, ONE, TWO], Verdict(doubled=(ONE.id,))),
        ([TWO, ONE], Verdict(disordered=(ONE.id, TWO.id))),
    ],
    ids=["missing", "twice", "the wrong way round"],
)
async def test_what_went_wrong_in_the_history_is_seen(
    tmp_path: Path, kept: Sequence[Message], expected: Verdict
) -> None:
    """Turns that are missing, come twice or stand in another order."""
    assert await verdict(tmp_path, steps(ONE) + steps(TWO), kept) == expected


@pytest.mark.parametrize(
    ("turns", "expected"),
    [("abc" * 5 + "aaaa", 1.0), ("aaaaabbbbbccccc", 0.35), ("aabc" * 5, 0.85)],
    ids=["in turns", "first come, first served", "one twice as often"],
)
async def test_fairness_is_what_people_get_while_all_of_them_wait(
    tmp_path: Path, turns: str, expected: float
) -> None:
    """Whoever asks more gets no more; what comes when somebody has no question left does not count."""
    numbers = itertools.count(1)
    asked = [Asked(message(f"t{next(numbers)}", 1, author=author), 0.0) for author in turns]
    async with EchoServer(tmp_path / "echo") as record:
        platform = EchoPlatform(record.socket, "w0")
        for each in asked:
            await platform.call("post", message=each.message.id, part=0, text="", final=False)
        assert fairness(asked, record) == pytest.approx(expected, abs=0.07)


async def test_a_takeover_lasts_from_the_kill_until_another_worker_goes_on(tmp_path: Path) -> None:
    """Answers that were over, or not begun, are not taken over."""
    async with EchoServer(tmp_path / "echo") as record:
        first, second = EchoPlatform(record.socket, "w0"), EchoPlatform(record.socket, "w1")
        await first.call("post", message="over", part=END, text="answered", final=True)
        await first.call("post", message="begun", part=0, text="", final=False)
        kill = Kill("w0", record.events[-1].at)
        await second.call("find", message="begun")
        await second.call("post", message="new", part=0, text="", final=False)
        assert takeovers([kill], record) == [record.events[2].at - kill.at]
