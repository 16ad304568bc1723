"""Pictures to text: their words are recognised by the Tesseract that is built into kreuzberg.

It needs the data of a language, which comes with the system (`tesseract-ocr-eng` of Debian), not with
chasqui. Headers say how large a picture is before it is decoded: 200 kB can hold 900 million pixels.
"""

import os
import re
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import kreuzberg

from adapters.extraction.parts import DAMAGED, Note, Part, Refused, literal

MOST_PIXELS = 12_200_000
"""A photo of a usual phone, or a page of paper at 300 dots an inch."""

_MEMORY, _MEMORY_OF_PIXEL = 50_000_000, 22
"""What recognising takes. It is asked for before, since with too little Tesseract just finds no words."""

_TOO_LARGE = (
    f"is a picture of more than {MOST_PIXELS // 1_000_000} megapixels, so please send a smaller one or a part"
)
_NO_LANGUAGES = (
    "is a picture, and this installation has no data to recognise text with, "
    "so please send its text or describe what it shows"
)
_NO_WORDS = "is a picture in which no words could be made out, so please send its text or describe it"
_MAY_ERR = Note("The text was recognised from a picture, so it may have mistakes.")
_FIRST_PAGE = Note("Only the first page of this picture was read.")
_MOST_LANGUAGES = 3
_ONE_COLUMN = 4
"""Tesseract's page mode for lines of any size in one column; its usual one tears lines apart at wide gaps."""


class _Picture(NamedTuple):
    mime: str
    width: int
    height: int
    pages: int = 1


def parts(data: bytes, memory: int) -> Iterator[Part | Note]:
    """The words of a picture as one part.

    Raises Refused where there are none or nothing reads them, MemoryError where `memory` bytes are too few.
    """
    try:
        picture = _picture(data)
    except (struct.error, IndexError) as error:
        raise Refused(DAMAGED) from error
    if not 0 < picture.width * picture.height <= MOST_PIXELS:
        raise Refused(_TOO_LARGE if picture.width * picture.height else DAMAGED)
    if _MEMORY + _MEMORY_OF_PIXEL * picture.width * picture.height > memory:
        raise MemoryError
    text = _recognised(data, picture.mime)
    if not re.search(r"\w", text):
        raise Refused(_NO_WORDS)
    yield Part(literal(text))
    yield _MAY_ERR
    if picture.pages > 1:
        yield _FIRST_PAGE


def _recognised(data: bytes, mime: str) -> str:
    languages = _languages(Path(os.environ.get("TESSDATA_PREFIX", "")))
    if not languages:
        raise Refused(_NO_LANGUAGES)
    # 72 is what a picture is taken for that says nothing of its size: so none is blown up, which
    # would cost four times the memory.
    size = kreuzberg.ImagePreprocessingConfig(target_dpi=72, auto_rotate=False, deskew=False)
    how = kreuzberg.TesseractConfig(
        use_cache=False,  # it would keep people's words in ~/.cache
        output_format="text",
        psm=_ONE_COLUMN,
        enable_table_detection=False,
        preprocessing=size,
    )
    config = kreuzberg.ExtractionConfig(
        use_cache=False,
        concurrency=kreuzberg.ConcurrencyConfig(max_threads=1),
        ocr=kreuzberg.OcrConfig(backend="tesseract", language="+".join(languages), tesseract_config=how),
    )
    try:
        found: str = kreuzberg.extract_bytes_sync(data, mime, config).content
    except (kreuzberg.ParsingError, kreuzberg.OCRError) as error:
        raise Refused(DAMAGED) from error
    return found


def _languages(folder: Path) -> list[str]:
    """The languages whose data are there, English first; each takes time, so a few at most."""
    names = {path.stem for path in folder.glob("*.traineddata")} - {"osd", "equ"}
    return sorted(names, key=lambda name: (name != "eng", name))[:_MOST_LANGUAGES]


def _picture(data: bytes) -> _Picture:
    """What the header of a picture says. Raises struct.error or IndexError where it is cut off."""
    if data.startswith(b"\x89PNG"):
        return _Picture("image/png", *struct.unpack_from(">II", data, 16))
    if data.startswith(b"GIF8"):
        return _Picture("image/gif", *struct.unpack_from("<HH", data, 6))
    if data.startswith(b"BM"):
        width, height = struct.unpack_from("<ii", data, 18)
        return _Picture("image/bmp", abs(width), abs(height))
    if data.startswith(b"RIFF"):
        return _Picture("image/webp", *_webp(data))
    if data.startswith((b"II", b"MM")):
        return _tiff(data)
    return _Picture("image/jpeg", *_jpeg(data))


def _webp(data: bytes) -> tuple[int, int]:
    """RFC 9649: a lossy, a lossless or an extended file, each with its own header."""
    form = data[12:16]
    if form == b"VP8 ":
        width, height = struct.unpack_from("<HH", data, 26)
        return width & 0x3FFF, height & 0x3FFF
    if form == b"VP8L":
        bits = struct.unpack_from("<I", data, 21)[0]
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    width, more, height, most = struct.unpack_from("<HBHB", data, 24)
    return (more << 16 | width) + 1, (most << 16 | height) + 1


def _jpeg(data: bytes) -> tuple[int, int]:
    """The frame's header is the first segment from SOF0 to SOF15 that is no table (ITU T.81, table B.1)."""
    at = 2
    while True:
        marker = data[at + 1]
        if data[at] != 0xFF or marker == 0xFF:
            at += 1
        elif 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack_from(">HH", data, at + 5)
            return width, height
        else:
            at += 2 + struct.unpack_from(">H", data, at + 2)[0]


def _tiff(data: bytes) -> _Picture:
    """The first directory's tags 256 and 257, and whether another directory follows (TIFF 6.0, section 2)."""
    order = "<" if data.startswith(b"II") else ">"
    start = struct.unpack_from(f"{order}I", data, 4)[0]
    count = struct.unpack_from(f"{order}H", data, start)[0]
    sizes = {256: 0, 257: 0}
    for at in range(start + 2, start + 2 + 12 * count, 12):
        tag, kind = struct.unpack_from(f"{order}HH", data, at)
        if tag in sizes:
            sizes[tag] = struct.unpack_from(f"{order}{'H' if kind == 3 else 'I'}", data, at + 8)[0]
    following = struct.unpack_from(f"{order}I", data, start + 2 + 12 * count)[0]
    return _Picture("image/tiff", sizes[256], sizes[257], pages=2 if following else 1)
