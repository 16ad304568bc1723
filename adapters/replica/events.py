"""Bytes of a ``text/event-stream`` to its events."""

from core.errors import BackendFailed

EVENT_STREAM = "text/event-stream"
MAX_EVENT = 4 * 1024 * 1024
"""Bytes of one event; TGI's last one repeats the whole answer."""


class EventParser:
    """The data of the events, wherever the bytes are cut.

    Source: WHATWG HTML, section "Server-sent events". Lines end in LF, CRLF or CR and in nothing
    else: text readers also split at U+2028, U+0085 and others, which TGI does not escape.
    """

    def __init__(self, max_event: int = MAX_EVENT) -> None:
        self._max_event = max_event
        self._rest = bytearray()
        self._after_cr = False

    def feed(self, chunk: bytes) -> list[bytes]:
        """Data of the events that `chunk` completes. Raises BackendFailed for an event over the bound."""
        if self._after_cr or b"\r" in chunk:
            chunk = self._with_lf(chunk)
        if self._rest or not chunk.endswith(b"\n\n"):
            chunk = self._joined(chunk)
        return [data for block in chunk[:-2].split(b"\n\n") if (data := _data(block)) is not None]

    def _joined(self, chunk: bytes) -> bytes:
        """What is kept and `chunk` up to the last blank line; the rest is kept."""
        seen = max(len(self._rest) - 1, 0)  # a blank line may lie across two chunks
        self._rest += chunk
        end = self._rest.rfind(b"\n\n", seen) + 2
        if end < 2:
            if len(self._rest) > self._max_event:
                raise BackendFailed(f"an event of more than {self._max_event} bytes")
            return b""
        whole = bytes(self._rest[:end])
        del self._rest[:end]
        return whole

    def _with_lf(self, chunk: bytes) -> bytes:
        if not chunk:
            return chunk
        if self._after_cr and chunk.startswith(b"\n"):
            chunk = chunk[1:]  # the second half of a CRLF; its CR already ended the line
        self._after_cr = chunk.endswith(b"\r")
        return chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")


def _data(block: bytes) -> bytes | None:
    """Data of one event without its field names, or None for comments and other fields."""
    if block.startswith(b"data:") and b"\n" not in block:
        return block[5:].removeprefix(b" ")
    lines = [line[5:].removeprefix(b" ") for line in block.split(b"\n") if line.startswith(b"data:")]
    return b"\n".join(lines) if lines else None
