"""Whatever is killed, each question is answered once, whole and in order."""

from tests.system.crash.driver import Plan, run


async def test_nothing_is_lost_doubled_or_out_of_order_while_workers_and_the_server_are_killed() -> None:
    """30 people ask in 300 threads; three workers and the server are killed again and again meanwhile."""
    report = await run(Plan(seed=4, waves=1))
    print(report)
    assert (report.verdict.lost, report.verdict.doubled, report.verdict.disordered) == ([], [], [])
    assert report.worker_kills > 2
    assert report.redis_kills > 0
    assert report.takeovers, "no kill met an answer in the making"
    assert min(report.jain) >= 0.95
