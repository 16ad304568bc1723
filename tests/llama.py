"""llama.cpp's own server with the embedded model, as people run it.

As a process, which prints its URL as the first line of stdout and ends at SIGTERM::

    python -m tests.llama
"""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import PIPE, Popen

from adapters.local_model.engine import find_model

ROOT = Path(__file__).parents[1]
WINDOW, SLOTS = 1024, 2


@contextmanager
def llama_server() -> Iterator[str]:
    """The address of a server with `SLOTS` slots of `WINDOW` tokens."""
    with Popen([sys.executable, "-m", "tests.llama"], stdout=PIPE, cwd=ROOT) as process:
        assert process.stdout is not None
        try:
            url = process.stdout.readline().decode().strip()
            assert url.startswith("http://127.0.0.1:")
            yield url
        finally:
            process.terminate()


def main() -> None:
    """Serve until the process is ended; the server has no other end."""
    import xllamacpp  # noqa: PLC0415 - a library of 100 MB, loaded only where the model runs

    params = xllamacpp.CommonParams()
    params.model.path = str(find_model())
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.n_ctx, params.n_parallel = WINDOW * SLOTS, SLOTS
    params.n_threads_http = SLOTS + 4
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
    params.verbosity = 0
    params.warmup = params.fit_params = params.ui = False
    server = xllamacpp.Server(params)
    print(server.listening_address, flush=True)
    signal.pause()


if __name__ == "__main__":
    main()
