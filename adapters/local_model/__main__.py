"""The embedded model server as a program, as ``running`` starts it."""

import argparse
import asyncio
import sys
from pathlib import Path

from adapters.local_model.request import Limits
from adapters.local_model.server import serve
from core.errors import ChasquiError


def main() -> None:
    """Serve until SIGTERM; the address is the first line on stdout."""
    options = argparse.ArgumentParser(prog="python -m adapters.local_model", description=__doc__)
    options.add_argument("--unix", type=Path, help="path of the unix socket to listen on, instead of a port")
    options.add_argument("--host", default="127.0.0.1")
    options.add_argument("--port", type=int, default=0)
    options.add_argument("--slots", type=int, default=2, help="requests that generate at once")
    options.add_argument("--max-concurrent-requests", type=int, default=Limits().max_concurrent_requests)
    chosen = options.parse_args()
    try:
        asyncio.run(
            serve(
                host=chosen.host,
                port=chosen.port,
                unix_socket=chosen.unix,
                limits=Limits(max_concurrent_requests=chosen.max_concurrent_requests),
                slots=chosen.slots,
                ready=lambda url: print(url, flush=True),
            )
        )
    except ChasquiError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
