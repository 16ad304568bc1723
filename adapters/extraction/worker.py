"""The process that reads one file: the file on stdin, its text as lines of JSON on stdout.

Run as ``python -m adapters.extraction.worker LIMITS`` by `extractor`, which says what LIMITS hold, or without
them by `nursery`: then it forks such a process for each file that it is sent, and never reads one. Answers a
line ``[markdown, page, label, anchor]`` for each part and at last one of ``{"notes": [...]}``,
``{"refused": "is ..."}``, ``{"failed": "TypeOfTheError"}`` or, where it had too little, ``{"memory": true}``.
"""

import importlib
import json
import os
import socket
import sys
from collections.abc import Iterable
from typing import Any

from adapters.extraction import kinds, libraries, sandbox
from adapters.extraction.parts import Note, Part, Reading, Refused, clip

_READERS = {
    "docx": "adapters.extraction.word",
    "pdf": "adapters.extraction.pdf",
    "picture": "adapters.extraction.pictures",
    "pptx": "adapters.extraction.slides",
    "text": "adapters.extraction.text",
    "xlsx": "adapters.extraction.sheets",
}
_SHARE_OF_PDF = 0.7
"""Of the time; the rest is for what follows, and for a machine that is busier than it was."""


def main() -> None:
    if len(sys.argv) > 1:
        _answer(json.loads(sys.argv[1]))
    else:
        _nurse(socket.socket(fileno=os.dup(0)))


def _nurse(control: socket.socket) -> None:
    """Fork a reader for each file that comes, and say how it ended; until nobody sends any."""
    importlib.import_module(_READERS["text"])  # most files are; the others bring libraries with threads
    while (received := socket.recv_fds(control, 1 << 16, 2))[0]:
        limits, (file, answer_to), *_ = received
        reader = os.fork()
        if not reader:
            control.close()
            os.dup2(file, 0)
            os.dup2(answer_to, 1)
            os.closerange(3, answer_to + 1)
            _answer(json.loads(limits))
        os.close(file)
        os.close(answer_to)
        _, status = os.waitpid(reader, 0)
        control.send(str(os.waitstatus_to_exitcode(status)).encode())


def _answer(limits: dict[str, Any]) -> None:
    """Read the file on stdin, answer on stdout, and end."""
    answer_to = _take_stdout()
    lines: list[Any] = []
    try:
        libraries.unpack()
        sandbox.confine(limits["memory"], limits["seconds"], libraries.folders())
        reading = _read(sys.stdin.buffer.read(os.fstat(0).st_size), limits)
        lines = [*reading.parts, {"notes": reading.notes}]
    except Refused as refusal:
        lines = [{"refused": str(refusal)}]
    except MemoryError:
        lines = [{"memory": True}]
    except BaseException as error:  # noqa: BLE001 - whatever a parser does, a panic of Rust included, is one sentence
        lines = [{"failed": type(error).__name__}]
    with os.fdopen(answer_to, "w", encoding="utf-8", errors="replace") as stream:
        stream.writelines(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    os._exit(0)  # a native parser that ran out of time must not keep the process


def _take_stdout() -> int:
    """A descriptor for the answer; what a native parser prints goes nowhere."""
    answer_to = os.dup(1)
    os.dup2(2, 1)
    return answer_to


def _read(data: bytes, limits: dict[str, Any]) -> Reading:
    if not data:
        raise Refused("is empty, so there is nothing to read in it")
    reading = clip(_parts(kinds.kind(data), data, limits), limits["max_chars"], limits["max_parts"])
    if not reading.parts:
        raise Refused("holds no text that can be read, so please send it in another form")
    return reading


def _parts(kind: str, data: bytes, limits: dict[str, Any]) -> Iterable[Part | Note]:
    # Imported one by one, since each reader brings its vendor or a part of the library.
    reader = importlib.import_module(_READERS[kind])
    found: Iterable[Part | Note]
    if kind == "pdf":
        found = reader.parts(data, limits["seconds"] * _SHARE_OF_PDF)
    elif kind == "text":
        found = reader.parts(data, limits["suffix"], limits["max_chars"])
    elif kind == "xlsx":
        found = reader.parts(data, limits["max_chars"])
    elif kind == "picture":
        found = reader.parts(data, limits["memory"])
    else:
        found = reader.parts(data)
    return found


if __name__ == "__main__":
    main()
