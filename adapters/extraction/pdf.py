"""PDF files to Markdown: one part per page, with headings where the page shows them.

A PDF holds glyphs, not headings. kreuzberg is asked twice: for the text of each page, which is true to the
letter, and for its guess at the structure by the sizes of the fonts. The structure's own text only serves
to find the lines again that it calls headings: it drops words in angle brackets, "repairs" ligatures that
were none (``int*`` becomes ``inttt``) and leaves out what it takes for furniture (kreuzberg 4.10).
Where the structure fails (columns, one font for all, too many pages), numbers and shape tell.
"""

import re
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import kreuzberg

from adapters.extraction import headings
from adapters.extraction.headings import Page, Seen
from adapters.extraction.parts import DAMAGED, PROTECTED, Part, Refused, literal

_PAGE_NUMBER = re.compile(
    r"\W*(?:page|seite|página|p\.)?\s*(\d{1,4})(?:\s*(?:of|von|de|/)\s*\d{1,4})?\W*", re.IGNORECASE
)
_BULLET = re.compile(r"^[•◦▪‣●○■]\s+")
_FEWEST_REPEATS = 3
_STRUCTURE_COST = 4
"""How many times longer the structure takes than the text: 3.5 to 4.5 times on manuals of 29 to 491 pages."""


def parts(data: bytes, seconds: float) -> Iterator[Part]:
    """The pages of a PDF, in about `seconds`: without the structure where that would take longer."""
    started = time.monotonic()
    pages = [Page(page["page_number"], page["content"]) for page in _extract(data).pages or []]
    if not any(page.lines for page in pages):
        raise Refused(
            "holds no text but at most pictures of it, which cannot be read yet, "
            "so please send a version whose text can be selected"
        )
    spent = time.monotonic() - started
    left = seconds - spent
    body = _align(pages, _structure(data, left)) if left > _STRUCTURE_COST * spent else 0.0
    _drop_furniture(pages)
    headings.mark(pages, body)
    for page in pages:
        yield Part("\n".join(_markdown(page)), page.number, anchor=f"page={page.number}")


def _extract(data: bytes, **options: Any) -> Any:
    config = kreuzberg.ExtractionConfig(
        use_cache=False,  # it would keep people's files in ~/.cache
        pages=kreuzberg.PageConfig(extract_pages=True),
        concurrency=kreuzberg.ConcurrencyConfig(max_threads=1),
        content_filter=kreuzberg.ContentFilterConfig(include_headers=True, include_footers=True),
        **options,
    )
    try:
        return kreuzberg.extract_bytes_sync(data, "application/pdf", config)
    except kreuzberg.ParsingError as error:
        raise Refused(PROTECTED if "password" in str(error) else DAMAGED) from error


def _structure(data: bytes, seconds: float) -> list[dict[str, Any]]:
    """kreuzberg's nodes of the document, or none where they cannot be had in time."""
    markdown = {"output_format": "markdown", "include_document_structure": True}
    try:
        found = _extract(data, **markdown, extraction_timeout_secs=max(int(seconds), 1))
    except (kreuzberg.ExtractionTimeoutError, kreuzberg.KreuzbergError, Refused):
        return []
    return list(found.document["nodes"]) if found.document else []


def _align(pages: Sequence[Page], nodes: Sequence[dict[str, Any]]) -> float:
    """Find the lines at which the structure's nodes begin. Returns the size of the text's font, or 0."""
    numbered = {page.number: page for page in pages}
    cursors: Counter[int] = Counter()
    sizes: Counter[float] = Counter()
    for node in nodes:
        page, kind = numbered.get(node.get("page") or 0), node["content"]["node_type"]
        if page is None or kind not in ("heading", "paragraph", "list_item"):
            continue
        lines = [line for line in node["content"]["text"].splitlines() if line.strip()]
        start = _find(page, _key(lines[0]) if lines else "", cursors[page.number])
        if start is None:
            continue
        cursors[page.number] = start + len(lines)
        page.starts.add(start)
        size = _size(node.get("bbox"), len(lines))
        if kind == "heading":
            page.seen[start] = Seen(node["content"]["level"], len(lines), size)
        else:
            # The leading between lines is a guess, so those that stand alone count more.
            sizes[round(size * 2) / 2] += len(lines[0]) * (10 if len(lines) == 1 else len(lines))
    return max(sizes, key=lambda size: sizes[size], default=0.0)


def _key(line: str) -> str:
    return "".join(filter(str.isalnum, line.lower()))


def _find(page: Page, key: str, cursor: int) -> int | None:
    """The first unclaimed line with these letters, from the last one found on, else before it."""
    ends = len(page.lines)
    order = (*range(cursor, ends), *range(min(cursor, ends))) if key else ()
    return next((at for at in order if at not in page.starts and _key(page.lines[at]) == key), None)


def _size(box: dict[str, float] | None, lines: int) -> float:
    """The font's size: a box is one size high plus 1.2 sizes (the usual leading) for each further line."""
    return (box["y1"] - box["y0"]) / (1 + 1.2 * (lines - 1)) if box else 0.0


def _drop_furniture(pages: Sequence[Page]) -> None:
    """Take page numbers away, and all but the first of a line that heads or foots many pages unchanged."""
    edges = Counter(line for page in pages for line in {*page.lines[:2], *page.lines[-2:]})
    offsets = Counter(_offset(page, index) for page in pages for index in {0, len(page.lines) - 1})
    said: set[str] = set()
    for page in pages:
        last = len(page.lines) - 1
        gone = set()
        for index in {0, 1, last - 1, last} & set(range(last + 1)):
            line, offset = page.lines[index], _offset(page, index)
            counts = index in (0, last) and offset is not None and offsets[offset] >= _FEWEST_REPEATS
            if counts or (edges[line] >= _FEWEST_REPEATS and line in said):
                gone.add(index)
            said.add(line)
        _remove(page, gone)


def _offset(page: Page, index: int) -> int | None:
    """By how much a line that is nothing but a page number differs from the number of its page."""
    found = _PAGE_NUMBER.fullmatch(page.text(index))
    return int(found[1]) - page.number if found else None


def _remove(page: Page, gone: set[int]) -> None:
    kept = [index for index in range(len(page.lines)) if index not in gone]
    moved = {index: at for at, index in enumerate(kept)}
    page.lines = [page.lines[index] for index in kept]
    page.starts = {moved[index] for index in page.starts if index in moved}
    page.seen = {moved[index]: seen for index, seen in page.seen.items() if index in moved}


def _markdown(page: Page) -> Iterator[str]:
    full = max(map(len, page.lines), default=0) * 0.8
    index = 0
    while index < len(page.lines):
        heading = page.headings.get(index)
        if heading:
            yield f"\n{'#' * heading.level} {page.text(index, heading.lines)}\n"
            index += heading.lines
            continue
        above = page.text(index - 1)
        if index in page.starts or (above.endswith(headings.STOPS) and len(above) < full):
            yield ""
        yield _BULLET.sub("- ", literal(page.lines[index]))
        index += 1
