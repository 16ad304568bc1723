"""What the documents lack, by whole programs: questions without an answer, and thumbs with their reasons."""

import json
from pathlib import Path

from adapters import local_redis
from adapters.redis.connection import connect
from adapters.redis.feedbacks import RedisFeedbacks
from core.types import Feedback, ThreadId
from tests.emulators.tgi import TgiStandIn
from tests.system.program import World


async def test_what_was_asked_in_vain_and_what_helped_is_told(world: World, tmp_path: Path) -> None:
    """Alike questions are one gap; a thumb comes with its reason, the question, the answer and its source,
    and names nobody.
    """
    handbook = tmp_path / "handbook.md"
    handbook.write_text("# Handbook\n\nNew crew get 24 days of paid leave in their first year.\n")
    async with TgiStandIn(" New crew get 24 days of paid leave.") as tgi:
        ready = world.with_(BACKEND__URLS=tgi.url)
        await ready.run("kb", "add", str(handbook))
        for question in ("Where do visitors park?", "parking for visitors?"):
            assert (await ready.run("ask", question, "--json")).json["outcome"] == "refused"
        leave = "How many days of paid leave do new crew get?"
        assert (await ready.run("ask", leave, "--thread", "crew", "--json")).json["outcome"] == "answered"
        async with local_redis.running(world.data) as url, connect(url) as store:
            (turn,) = (await ready.run("export", "--person", "terminal:terminal")).json["threads"][-1][
                "turns"
            ]
            feedback = Feedback(turn["message_id"], "ana", helped=False, at=2.0, reason="It is 25 now.")
            await RedisFeedbacks(store).put(ThreadId("terminal", "crew"), feedback)

        (gap,) = (await ready.run("kb", "gaps", "--json")).json
        assert (gap["question"], gap["asked"], gap["people"]) == ("parking for visitors?", 2, 1)
        assert gap["audiences"] == ["person:terminal:terminal"]
        shown = (await ready.run("kb", "gaps")).out.decode()
        assert shown.startswith("parking for visitors?  (asked 2 times by 1, last on 2")

        (line,) = (await ready.run("export", "feedback")).out.splitlines()
        thumb = json.loads(line)
        assert (thumb["helped"], thumb["reason"], thumb["question"]) == (False, "It is 25 now.", leave)
        assert thumb["citations"][0]["url"] == handbook.as_uri()
        assert b"ana" not in line

        stats = (await ready.run("kb", "stats", "--json")).json
        assert (stats["unanswered"], stats["helped"], stats["not_helped"]) == (2, 0, 1)


async def test_where_nothing_is_missing_that_is_said(world: World) -> None:
    """And what is exported is empty."""
    assert (await world.run("kb", "gaps")).out == b"No question was left unanswered.\n"
    assert (await world.run("export", "feedback")).out == b""
    both = await world.run("export", "feedback", "--person", "discord:1")
    assert (both.code, "chasqui export --person discord:ID" in both.sentence) == (2, True)
