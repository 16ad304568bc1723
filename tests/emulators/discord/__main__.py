"""The platform as a process: prints its address as the first line of stdout, and ends at SIGTERM."""

import argparse
import asyncio
import signal

from tests.emulators.discord.server import DiscordServer


async def _serve(options: argparse.Namespace) -> None:
    ended = asyncio.Event()
    for each in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(each, ended.set)
    async with DiscordServer(
        port=options.port, shards=options.shards, heartbeat=options.heartbeat
    ) as discord:
        print(discord.scene.address, flush=True)
        await ended.wait()


def main() -> None:
    """Serve until told to end."""
    parser = argparse.ArgumentParser(prog="python -m tests.emulators.discord", description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--shards", type=int, default=1)
    parser.add_argument("--heartbeat", type=float, default=41.25, help="seconds between heartbeats")
    asyncio.run(_serve(parser.parse_args()))


if __name__ == "__main__":
    main()
