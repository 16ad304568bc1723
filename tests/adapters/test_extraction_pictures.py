"""Pictures: their words are read where Tesseract's data are, and none is decoded that is too large."""

import os
import re
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from adapters.extraction.extractor import LANGUAGES
from tests import files
from tests.adapters.extraction_parts import read, refusal, whole

WORDS = ("Staff earn two days of leave", "and the lead answers within three days")
needs_languages = pytest.mark.skipif(
    not any(
        Path(folder, "eng.traineddata").exists()
        for folder in (os.environ.get("TESSDATA_PREFIX", "/nowhere"), *LANGUAGES)
    ),
    reason="Tesseract's data of English are not installed (Debian: tesseract-ocr-eng)",
)


def png(width: int, height: int) -> bytes:
    return b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + struct.pack(">II", width, height) + bytes(100)


def jpeg(width: int, height: int) -> bytes:
    table = b"\xff\xc4" + struct.pack(">H", 20) + bytes(18)
    return b"\xff\xd8" + table + b"\xff\xc2\0\x11\x08" + struct.pack(">HH", height, width) + bytes(100)


def gif(width: int, height: int) -> bytes:
    return b"GIF89a" + struct.pack("<HH", width, height) + bytes(100)


def bmp(width: int, height: int) -> bytes:
    return b"BM" + bytes(12) + struct.pack("<Iii", 40, width, -height) + bytes(100)


def tiff(width: int, height: int) -> bytes:
    entries = struct.pack(">HHIIHHII", 256, 4, 1, width, 257, 4, 1, height)
    return b"MM\0*" + struct.pack(">IH", 8, 2) + entries + bytes(100)


def webp(width: int, height: int) -> bytes:
    canvas = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return b"RIFF\0\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0" + canvas + bytes(100)


def lossless_webp(width: int, height: int) -> bytes:
    return b"RIFF\0\0\0\0WEBPVP8L\0\0\0\0\x2f" + struct.pack("<I", width - 1 | height - 1 << 14) + bytes(100)


@needs_languages
@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "tiff", "bmp", "gif"])
async def test_words_of_a_picture_are_read(tmp_path: Path, suffix: str) -> None:
    """Every usual format is read, whatever the file is called, and people are told that it was recognised."""
    found = await read(files.picture(tmp_path, f"a.{suffix}", WORDS), "notes.txt")
    for word in re.findall(r"\w{4,}", " ".join(WORDS)):
        assert word in whole(found)
    assert found.notes == ("The text was recognised from a picture, so it may have mistakes.",)


@needs_languages
async def test_a_picture_of_several_pages_is_read_in_part_and_that_is_said(tmp_path: Path) -> None:
    """Of a fax only the first page is read."""
    found = await read(files.picture(tmp_path, "fax.tiff", WORDS, pages=2))
    assert "leave" in whole(found)
    assert "Only the first page of this picture was read." in found.notes


@needs_languages
async def test_a_picture_without_words_is_refused(tmp_path: Path) -> None:
    """A blank picture asks for its text."""
    assert "no words could be made out" in await refusal(files.picture(tmp_path, "blank.png", [""]))


async def test_without_languages_a_picture_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where nothing can recognise text, the sentence says so and what to send instead."""
    monkeypatch.setenv("TESSDATA_PREFIX", str(tmp_path))
    assert await refusal(files.picture(tmp_path, "a.png", WORDS)) == (
        "I cannot read `a.png`: it is a picture, and this installation has no data to recognise text with, "
        "so please send its text or describe what it shows."
    )


@pytest.mark.parametrize("make", [png, jpeg, gif, bmp, tiff, webp])
async def test_a_picture_of_too_many_pixels_is_refused_undecoded(
    tmp_path: Path, make: Callable[[int, int], bytes]
) -> None:
    """What the header says suffices, so a tiny file cannot fill the memory."""
    path = files.raw(tmp_path, "a.png", make(30_000, 30_000))
    assert "more than 12 megapixels" in await refusal(path)


async def test_a_lossless_webp_of_too_many_pixels_is_refused(tmp_path: Path) -> None:
    """Its sides have 14 bits each, packed together."""
    assert "more than 12 megapixels" in await refusal(files.raw(tmp_path, "a", lossless_webp(16_000, 900)))


@pytest.mark.parametrize("make", [png, jpeg, gif, bmp, tiff, webp, lossless_webp])
async def test_a_picture_that_is_cut_off_is_refused(
    tmp_path: Path, make: Callable[[int, int], bytes]
) -> None:
    """Wherever its header ends too soon, that is one sentence."""
    for length in (12, 16, 17, 20, 23, 27, 40):
        sentence = await refusal(files.raw(tmp_path, "a", make(300, 300)[:length]))
        assert re.search("damaged|no data to recognise", sentence)


async def test_a_picture_without_a_side_is_damaged(tmp_path: Path) -> None:
    """No pixels are no picture."""
    assert "damaged" in await refusal(files.raw(tmp_path, "a.png", png(0, 300)))
