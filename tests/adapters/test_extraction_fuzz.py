"""Mutated files of every kind end in text or in one sentence, and in nothing else.

`CHASQUI_MUTATIONS=3000 pytest tests/adapters/test_extraction_fuzz.py` tries more of them.
"""

import asyncio
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from adapters.extraction.extractor import SandboxedExtractor
from core.errors import FileRefused
from core.ports import Extracted
from tests import files
from tests.adapters.extraction_parts import is_helpful, workers

MAKERS: dict[str, Callable[[Path], Path]] = {
    "pdf": files.pdf,
    "docx": files.word,
    "pptx": files.slides,
    "xlsx": files.workbook,
    "html": files.html,
    "csv": files.csv,
    "md": files.markdown,
    "json": lambda folder: files.text(folder, "a.json", '{"leave": [2.5, null, {"días": "ñ"}]}' * 40),
    "utf-16": lambda folder: files.text(folder, "a.txt", "Two days of leave. Año.\n" * 40, "utf-16"),
    "latin-1": lambda folder: files.text(folder, "a.txt", "Dos días de año nuevo.\n" * 40, "latin-1"),
    "png": lambda folder: files.picture(folder, "a.png", ["Leave"]),
    "tiff": lambda folder: files.picture(folder, "a.tiff", ["Leave"]),
}
TOTAL = int(os.environ.get("CHASQUI_MUTATIONS", "60"))


@pytest.mark.timeout(60 + TOTAL * 20)
@pytest.mark.parametrize("kind", MAKERS)
async def test_damage_of_any_kind_ends_in_text_or_in_a_sentence(tmp_path: Path, kind: str) -> None:
    """Whatever becomes of a file, the host goes on, hears one helpful sentence, and no worker is left."""
    path = MAKERS[kind](tmp_path)
    extractor = SandboxedExtractor()
    sentences: list[str] = []
    seeds = iter(range(-(-TOTAL // len(MAKERS))))

    async def read_some(seeds: Iterator[int]) -> None:
        for seed in seeds:
            broken = files.mutated(path, f"broken-{seed}{path.suffix}", seed)
            try:
                assert isinstance(await extractor.extract(broken, broken.name), Extracted)
            except FileRefused as error:
                sentences.append(str(error))
            broken.unlink()

    await asyncio.gather(read_some(seeds), read_some(seeds))
    assert [sentence for sentence in sentences if not is_helpful(sentence)] == []
    assert workers() == []
