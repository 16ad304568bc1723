"""The platform as a process: prints its address as the first line of stdout, and ends at SIGTERM."""

import argparse
import asyncio
import signal

from tests.emulators.slack.outbox import PATIENCE
from tests.emulators.slack.server import SlackServer


async def _serve(options: argparse.Namespace) -> None:
    ended = asyncio.Event()
    for each in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(each, ended.set)
    async with SlackServer(port=options.port, patience=options.patience) as slack:
        print(slack.scene.address, flush=True)
        await ended.wait()


def main() -> None:
    """Serve until told to end."""
    parser = argparse.ArgumentParser(prog="python -m tests.emulators.slack", description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--patience", type=float, default=PATIENCE, help="seconds to wait for the app")
    asyncio.run(_serve(parser.parse_args()))


if __name__ == "__main__":
    main()
