"""``python -m tests.soak``: the crash test of ``make test`` for minutes, and an outage that lasts.

Prints what came of it. The exit code is 1 where a question was lost, doubled or answered out of order.
"""

import argparse
import asyncio
import statistics
import sys
from collections.abc import Sequence

from adapters.redis.connection import connect
from bots import logs
from tests.system.crash import driver, episodes
from tests.system.crash.driver import Plan
from tests.system.crash.oracle import Verdict
from tests.system.crash.stage import stage

OUTAGE = 30.0
STOPS = 20
NOTHING_WRONG = Verdict()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what is asked for; the exit code."""
    parser = argparse.ArgumentParser(
        prog="tests.soak", description="Kill workers and the server for minutes."
    )
    parser.add_argument("--seed", type=int, default=1, help="another seed draws other questions and kills")
    parser.add_argument("--waves", type=int, default=6, help="of some 1,900 questions each")
    options = parser.parse_args(arguments)
    logs.configure("error", "json")
    plan = Plan(options.seed, options.waves, each=45, between=150, patience=300.0, ttl=3.0)
    return asyncio.run(_soak(plan))


async def _soak(plan: Plan) -> int:
    report = await driver.run(plan)
    print(report, flush=True)
    for wrong in ("lost", "doubled", "disordered"):
        for message in getattr(report.verdict, wrong):
            print(f"  {wrong}: {message}")
    async with stage() as play, connect(play.redis.url) as store:
        stops = [1000 * (await episodes.stop(play, store, number))[1] for number in range(STOPS)]
        print(f"{'stop to closed stream':<28}{statistics.median(stops):>7.0f} ms (longest {max(stops):.0f})")
    async with stage() as play, connect(play.redis.url) as store:
        verdict, warned = await episodes.outage(play, store, OUTAGE)
        print(f"an outage of {OUTAGE:.0f} s: {verdict}, warnings {dict(warned)}")
    return int(report.verdict != NOTHING_WRONG or verdict != NOTHING_WRONG)


if __name__ == "__main__":
    sys.exit(main())
