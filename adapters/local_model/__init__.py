"""The embedded default model: a server that speaks text-generation-inference's HTTP, on llama.cpp.

``server.serve`` is the server; ``running`` shares one among the chasqui processes of a data directory. The
model (SmolLM2, 135M) proves the plumbing and gives short answers on one passage.
"""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from adapters.local_model.engine import find_model
from adapters.shared_server import Server, shared

_PATIENCE = 60.0
"""Seconds to start in: reading 100 MB from a cold disk and loading it on a busy machine."""

_SERVER = Server(
    name="model",
    command=lambda socket: [sys.executable, "-m", "adapters.local_model", "--unix", str(socket)],
    version="1",
    hail=b"GET /health HTTP/1.0\r\n\r\n",
    answer=b"HTTP/1.0 200",
)


@asynccontextmanager
async def running(data_dir: Path) -> AsyncIterator[str]:
    """The address (``unix:/path``) of the data directory's own model server; it ends with its last user.

    Raises UserError when the embedded model is not installed or does not come up.
    """
    find_model()
    async with shared(data_dir, _SERVER, patience=_PATIENCE) as socket:
        yield f"unix:{socket}"
