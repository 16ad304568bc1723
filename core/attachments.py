"""Attachments on disk while they are read, and what people are told of one that cannot be."""

import errno
import tempfile
from collections.abc import AsyncIterator, Awaitable
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import TypeVar

import structlog

from core.errors import FileRefused
from core.ports import Platform
from core.refusals import Refusal
from core.types import Attachment

log = structlog.get_logger()

T = TypeVar("T")


async def or_refused(file: Attachment, reading: Awaitable[T]) -> T | Refusal:
    """What reading a file gives, or why it cannot be read: one that cannot be stops no other."""
    try:
        return await reading
    except FileRefused as error:
        log.info("library.file_refused", size=file.size)
        return Refusal(file.name, error.sentence)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise
        log.warning("library.no_room", error=error.strerror)
        why = "there is no room for it. Please ask whoever runs chasqui to look at its disk"
        return Refusal(file.name, f"{file.name} cannot be read, because {why}.")


@asynccontextmanager
async def downloaded(file: Attachment, platform: Platform, max_bytes: int) -> AsyncIterator[Path]:
    """The file on disk for as long as it is read. Raises FileRefused, for more than `max_bytes` too."""
    with tempfile.TemporaryDirectory(prefix="chasqui-") as folder:
        path = Path(folder) / "attachment"
        taken = 0
        with path.open("wb") as out:
            async with aclosing(platform.download(file)) as pieces:
                async for piece in pieces:
                    taken += len(piece)
                    if taken > max_bytes:
                        raise FileRefused(
                            f"{file.name} is larger than {max_bytes // 1_000_000} MB. "
                            "Send a smaller file, or the part that matters."
                        )
                    out.write(piece)
        yield path
