"""Word documents to Markdown: headings by their styles, with the numbers that Word computes for them.

A Word file holds no page numbers: pages are made when it is shown. So its parts have none.
"""

import re
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import NamedTuple
from xml.etree import ElementTree as ET

from adapters.extraction import tables
from adapters.extraction.ooxml import Package, attribute, child, each, tag
from adapters.extraction.parts import Part, literal

_LEFT_OUT = frozenset(
    "Fallback annotationRef del footnotePr instrText delText moveFrom pPr rPr rt sdtPr sectPr tblPr".split()
)
_BESIDES = ("styles", "numbering", "footnotes")
_BODY_LEVEL = 9  # an outline level that means "no heading" (ECMA-376 part 1, 17.3.1.20)


class _Paragraph(NamedTuple):
    text: str
    level: int = 0  # of a heading, from 1
    marker: str = ""  # the number or bullet that Word would show
    depth: int = 0  # of a list item
    bold: bool = False
    rows: tuple[tuple[str, ...], ...] = ()  # of a table; then nothing else is set


def parts(data: bytes) -> Iterator[Part]:
    """The document as one part, since nothing but its headings says where something stands."""
    paragraphs = list(_Reader(Package(data)).paragraphs())
    if sum(paragraph.level > 0 for paragraph in paragraphs) < 2:  # at most a title
        paragraphs = list(_bold_headings(paragraphs))
    yield Part(re.sub(r"\n{3,}", "\n\n", "".join(map(_markdown, paragraphs))))


def _bold_headings(paragraphs: list[_Paragraph]) -> Iterator[_Paragraph]:
    """Many people make headings by hand: a short bold line, without a full stop, above plain text."""
    for paragraph, below in pairwise([*paragraphs, _Paragraph("")]):
        words = paragraph.text.split()
        above_text = paragraph.bold and not below.bold and bool(below.text or below.rows)
        if above_text and 0 < len(words) <= 12 and paragraph.text[-1] not in ".,;:!":
            yield paragraph._replace(level=2, text=" ".join(words))
        else:
            yield paragraph


def _markdown(paragraph: _Paragraph) -> str:
    if paragraph.rows:
        return "".join(f"\n\n{markdown}" for _, _, markdown in tables.table(paragraph.rows)) + "\n"
    if paragraph.level:
        text = " ".join(f"{paragraph.marker} {paragraph.text}".split())
        return f"\n\n{'#' * min(paragraph.level, 6)} {text}\n"
    if paragraph.marker:
        numbered = re.fullmatch(r"\d{1,9}[.)]", paragraph.marker)
        marker = paragraph.marker if numbered or paragraph.marker == "-" else f"- {paragraph.marker}"
        pad = "  " * paragraph.depth
        return f"\n{pad}{marker} " + paragraph.text.replace("\n", f"\n{pad}  ")
    return f"\n\n{literal(paragraph.text)}\n" if paragraph.text else "\n"


class _Style(NamedTuple):
    level: int
    listing: tuple[str, int] | None  # numbering id and depth
    contents: bool  # a line of the table of contents, which says the headings a second time


class _Reader:
    def __init__(self, package: Package) -> None:
        main = package.main()
        targets = package.targets(main)
        roots = {kind: package.xml(at) for kind, at in targets.values() if kind in _BESIDES}
        self._body = package.stream(main, "body")
        self._links = {key: at for key, (kind, at) in targets.items() if kind == "hyperlink"}
        self._styles = {attribute(style, "styleId"): style for style in each(roots.get("styles"), "style")}
        self._footnotes = {attribute(note, "id"): note for note in each(roots.get("footnotes"), "footnote")}
        self._numbering = _Numbering(roots.get("numbering"))
        self._noted: list[str] = []  # ids of footnotes of the paragraph that is being read

    def paragraphs(self) -> Iterator[_Paragraph]:
        """What the body holds, in order."""
        yield from self._blocks(self._body)

    def _blocks(self, elements: Iterable[ET.Element]) -> Iterator[_Paragraph]:
        for element in elements:
            name = tag(element)
            if name == "p":
                yield from self._paragraph(element)
            elif name == "tbl":
                yield _Paragraph("", rows=tuple(self._rows(element)))
            elif name in ("sdt", "sdtContent", "customXml", "ins", "moveTo"):
                yield from self._blocks(element)

    def _paragraph(self, element: ET.Element) -> Iterator[_Paragraph]:
        properties = child(element, "pPr")
        style = self._style(attribute(child(properties, "pStyle"), "val"))
        if style.contents:
            return
        text = self._text(element).strip()
        outline = attribute(child(properties, "outlineLvl"), "val")
        level = int(outline) + 1 if outline.isdecimal() and int(outline) < _BODY_LEVEL else style.level
        listing = _listing(child(properties, "numPr"), style.listing)
        marker = self._numbering.next(*listing) if listing and text else ""
        yield _Paragraph(text, level if text else 0, marker, listing[1] if listing else 0, _is_bold(element))
        noted, self._noted = self._noted, []
        for number in noted:
            note = "\n".join(filter(None, map(self._text, each(self._footnotes.get(number), "p"))))
            yield _Paragraph(f"(note {number}) {note.strip()}")

    def _text(self, element: ET.Element) -> str:
        """The words of an element, with the changes accepted that someone may have tracked."""
        name = tag(element)
        if name in ("t", "tab", "br", "cr", "noBreakHyphen"):
            return (
                (element.text or "") if name == "t" else {"tab": "\t", "noBreakHyphen": "-"}.get(name, "\n")
            )
        if name == "footnoteReference":
            self._noted.append(attribute(element, "id"))
            return f" (note {self._noted[-1]})"
        if name == "r" and child(element, "rPr", "vanish") is not None:
            return ""  # what a document hides must not speak to the model either
        text = "".join(self._text(inner) for inner in element if tag(inner) not in _LEFT_OUT)
        address = self._links.get(attribute(element, "id"), "") if name == "hyperlink" else ""
        if address.startswith(("http://", "https://")) and text.strip() and text.strip() != address:
            return f"[{text}]({address})"
        return f"\n{text}\n" if name in ("txbxContent", "tc") else text

    def _rows(self, element: ET.Element) -> Iterator[tuple[str, ...]]:
        above: list[str] = []
        for row in each(element, "tr"):
            cells: list[str] = []
            for cell in each(row, "tc"):
                properties = child(cell, "tcPr")
                merged = child(properties, "vMerge")
                text = " ".join(self._text(inner) for inner in cell)
                if merged is not None and attribute(merged, "val") != "restart" and len(cells) < len(above):
                    text = above[len(cells)]  # a merged cell holds for each of its rows
                span = attribute(child(properties, "gridSpan"), "val", "1")
                cells += [text, *[""] * (int(span[:3]) - 1 if span.isdecimal() else 0)]
            above = cells
            yield tuple(cells)

    def _style(self, key: str) -> _Style:
        """What a style says together with those that it is based on."""
        level = 0
        listing: tuple[str, int] | None = None
        contents = False
        for _ in range(10):
            style = self._styles.get(key)
            if style is None:
                break
            name = attribute(child(style, "name"), "val").lower()
            heading = re.fullmatch(r"heading (\d)", name)
            outline = attribute(child(style, "pPr", "outlineLvl"), "val")
            found = int(heading[1]) if heading else int(outline) + 1 if outline.isdecimal() else 0
            level = level or (1 if name == "title" else found if found <= _BODY_LEVEL else 0)
            listing = listing or _listing(child(style, "pPr", "numPr"), None)
            contents = contents or bool(re.fullmatch(r"toc (\d|heading)", name))
            key = attribute(child(style, "basedOn"), "val")
        return _Style(level, listing, contents)


def _listing(properties: ET.Element | None, default: tuple[str, int] | None) -> tuple[str, int] | None:
    key = attribute(child(properties, "numId"), "val") or (default[0] if default else "")
    depth = attribute(child(properties, "ilvl"), "val") or str(default[1] if default else 0)
    return (key, min(int(depth[:2]), 8)) if key not in ("", "0") and depth.isdecimal() else None


def _is_bold(paragraph: ET.Element) -> bool:
    runs = [run for run in each(paragraph, "r") if any((text.text or "").strip() for text in each(run, "t"))]
    marks = [child(run, "rPr", "b") for run in runs]
    return bool(runs) and all(
        mark is not None and attribute(mark, "val") not in ("0", "false") for mark in marks
    )


class _Numbering:
    """Counts list items and numbered headings as Word does (ECMA-376 part 1, 17.9)."""

    def __init__(self, root: ET.Element | None) -> None:
        abstract = {attribute(one, "abstractNumId"): one for one in each(root, "abstractNum")}
        self._levels: dict[str, tuple[str, list[ET.Element]]] = {}
        for number in each(root, "num"):
            key = attribute(child(number, "abstractNumId"), "val")
            self._levels[attribute(number, "numId")] = (key, each(abstract.get(key), "lvl"))
        self._counts: dict[str, list[int]] = {}

    def next(self, number: str, depth: int) -> str:
        """What Word shows before the next paragraph of this list at this depth."""
        key, levels = self._levels.get(number, ("", []))
        if depth >= len(levels):
            return "-"
        counts = self._counts.setdefault(key, [0] * 9)
        counts[depth] += 1
        counts[depth + 1 :] = [0] * (8 - depth)
        forms = [attribute(child(level, "numFmt"), "val") for level in levels]
        if forms[depth] in ("bullet", "none", ""):
            return "-" if forms[depth] == "bullet" else ""
        shape = attribute(child(levels[depth], "lvlText"), "val")
        return re.sub(r"%([1-9])", lambda found: _number(counts, forms, int(found[1]) - 1), shape).strip()


def _number(counts: list[int], forms: list[str], depth: int) -> str:
    count = max(counts[depth], 1)
    form = forms[depth] if depth < len(forms) else "decimal"
    if form in ("lowerLetter", "upperLetter"):
        letter = chr(ord("a") + (count - 1) % 26) * ((count - 1) // 26 + 1)
        return letter if form == "lowerLetter" else letter.upper()
    if form in ("lowerRoman", "upperRoman") and count < 4000:
        roman = ""
        for value, sign in zip(
            (1000, 900, 500, 400, 100, 90, 50, 40, 10, 9, 5, 4, 1),
            "m cm d cd c xc l xl x ix v iv i".split(),
            strict=True,
        ):
            roman += sign * (count // value)
            count %= value
        return roman if form == "lowerRoman" else roman.upper()
    return str(count)
