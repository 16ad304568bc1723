"""The process that reads one file: the file on stdin, its text as lines of JSON on stdout.

Run as ``python -m adapters.extraction.worker LIMITS`` by `extractor`, which says what LIMITS hold. Answers a
line ``[markdown, page, label, anchor]`` for each part and at last one of ``{"notes": [...]}``,
``{"refused": "is ..."}`` or ``{"failed": "TypeOfTheError"}``.
"""

import importlib
import json
import math
import os
import resource
import signal
import sys
from collections.abc import Iterable
from typing import Any

from adapters.extraction import decoding, kinds
from adapters.extraction.parts import Part, Reading, Refused, clip

_READERS = {
    "docx": "adapters.extraction.word",
    "pdf": "adapters.extraction.pdf",
    "pptx": "adapters.extraction.slides",
    "text": "adapters.extraction.text",
    "xlsx": "adapters.extraction.sheets",
}
_SHARE_OF_PDF = 0.7
"""Of the time; the rest is for what follows, and for a machine that is busier than it was."""
_TOO_BIG = "needs too much memory to read, so please send the part that matters"


def main() -> None:
    limits = json.loads(sys.argv[1])
    _confine(limits["memory_bytes"], limits["seconds"])
    answer_to = _take_stdout()
    lines: list[Any] = []
    try:
        data = sys.stdin.buffer.read(limits["max_bytes"] + 1)
        reading = _read(data, limits)
        lines = [*reading.parts, {"notes": reading.notes}]
    except Refused as refusal:
        lines = [{"refused": str(refusal)}]
    except MemoryError:
        lines = [{"refused": _TOO_BIG}]
    except Exception as error:  # noqa: BLE001 - whatever a parser does with a hostile file ends in one sentence
        lines = [{"failed": type(error).__name__}]
    with os.fdopen(answer_to, "w", encoding="utf-8", errors="replace") as stream:
        stream.writelines(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    os._exit(0)  # a native parser that ran out of time must not keep the process


def _confine(memory: int, seconds: float) -> None:
    """Bound what this process may use before it looks at a byte of the file.

    Address space, CPU time, size of files it writes (none) and, should the host die, real time.
    """
    processor = math.ceil(seconds) + 1
    for kind, most in (
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_CPU, processor),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        try:
            resource.setrlimit(kind, (most, most))
        except (ValueError, OSError):
            continue  # macOS knows no limit on address space; the other limits hold
    signal.alarm(processor)


def _take_stdout() -> int:
    """A descriptor for the answer; what a native parser prints goes nowhere."""
    answer_to = os.dup(1)
    os.dup2(2, 1)
    return answer_to


def _read(data: bytes, limits: dict[str, Any]) -> Reading:
    if not data:
        raise Refused("is empty, so there is nothing to read in it")
    reading = clip(_parts(kinds.kind(data), data, limits), limits["max_chars"])
    if not reading.parts:
        raise Refused("holds no text that can be read, so please send it in another form")
    return reading


def _parts(kind: str, data: bytes, limits: dict[str, Any]) -> Iterable[Part]:
    # Imported one by one, since each reader brings its vendor or a part of the library.
    reader = importlib.import_module(_READERS[kind])
    parts: Iterable[Part]
    if kind == "pdf":
        parts = reader.parts(data, limits["seconds"] * _SHARE_OF_PDF)
    elif kind == "text":
        # One character more than is kept, so that `clip` sees that something was cut.
        parts = reader.parts(decoding.text_of(data)[: limits["max_chars"] + 1], limits["suffix"])
    else:
        parts = reader.parts(data)
    return parts


if __name__ == "__main__":
    main()
