"""docs/reference/ says what the code says."""

import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
WRITTEN = runpy.run_path(str(ROOT / "scripts" / "reference.py"))


@pytest.mark.parametrize("name", WRITTEN["PAGES"])
def test_a_page_of_the_reference_says_what_the_code_says(name: str) -> None:
    """Where this fails, `make reference` writes the page anew."""
    page = WRITTEN["NOTE"] + WRITTEN["PAGES"][name]()
    assert (ROOT / "docs" / "reference" / name).read_text("utf-8") == page
