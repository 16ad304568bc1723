"""Whatever is killed, each question is answered once, whole and in order; and people have fair shares."""

from adapters.redis.connection import connect
from tests.system.crash.driver import Plan, run
from tests.system.crash.episodes import direct_messages
from tests.system.crash.oracle import Verdict
from tests.system.crash.stage import stage


async def test_nothing_is_lost_doubled_or_out_of_order_while_workers_and_the_server_are_killed() -> None:
    """30 people ask in 300 threads; three workers and the server are killed again and again meanwhile."""
    report = await run(Plan(seed=4, waves=1))
    print(report)
    assert report.verdict == Verdict()
    assert report.worker_kills > 2
    assert report.redis_kills > 0
    assert report.takeovers, "no kill met an answer in the making"
    assert min(report.jain) >= 0.95


async def test_people_with_one_thread_each_have_fair_shares() -> None:
    """Whichever worker has their thread, and however few slots there are."""
    async with stage() as play, connect(play.redis.url) as store:
        assert await direct_messages(play, store) >= 0.95
