"""What the team's documents lack, as people's questions and thumbs tell."""

import json
import sys
from dataclasses import asdict

from adapters.redis.survey import RedisSurvey
from bots.output import one_line, print_json
from bots.settings import Settings
from bots.store import redis
from core.gaps import Gap, gaps
from core.types import Feedback, Turn

_SHOWN = 3
"""Questions of a group that are shown to people."""


async def show_gaps(settings: Settings, *, as_json: bool) -> int:
    """`chasqui kb gaps`: what was asked and not answered, alike questions together."""
    async with redis(settings) as store:
        found = gaps(await RedisSurvey(store).refused())
    if as_json:
        print_json([_gap(gap) for gap in found])
    elif found:
        for gap in found:
            _print(gap)
    else:
        print("No question was left unanswered.")
    return 0


async def export_feedback(settings: Settings) -> int:
    """`chasqui export feedback`: each thumb as a line of JSON, with its reason and the answer it is about.

    It names nobody. A thumb stays as long as its thread is kept, and with it the words it is about.
    """
    async with redis(settings) as store:
        for feedback, turn in await RedisSurvey(store).feedback():
            line = json.dumps(_thumb(feedback, turn), ensure_ascii=False) + "\n"
            sys.stdout.buffer.write(line.encode("utf-8", "backslashreplace"))
    return 0


def _gap(gap: Gap) -> dict[str, object]:
    return {
        "question": gap.turns[0].question,
        "asked": len(gap.turns),
        "people": gap.people,
        "last": gap.turns[0].at,
        "audiences": gap.audiences,
        "questions": [turn.question for turn in gap.turns],
    }


def _print(gap: Gap) -> None:
    newest, *others = gap.turns
    print(f"{one_line(newest.question)}  ({gap.asked})")
    for turn in others[: _SHOWN - 1]:
        print(f"    {one_line(turn.question)}")
    if len(others) >= _SHOWN:
        print(f"    and {len(others) - _SHOWN + 1} more")


def _thumb(feedback: Feedback, turn: Turn | None) -> dict[str, object]:
    given = {"at": feedback.at, "helped": feedback.helped, "reason": feedback.reason}
    if turn is None:
        return given
    cited = [asdict(each) for each in turn.citations]
    return {
        **given,
        "question": turn.question,
        "answer": turn.answer,
        "outcome": turn.kind,
        "citations": cited,
        "audiences": turn.seen_by,
    }
