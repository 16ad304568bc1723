"""PowerPoint decks to Markdown: one part per slide, with its tables and the speaker's notes."""

from collections.abc import Iterator
from xml.etree import ElementTree as ET

from adapters.extraction import tables
from adapters.extraction.ooxml import Package, attribute, child, each, relation, tag
from adapters.extraction.parts import Part, literal

_TITLES = ("title", "ctrTitle")
_FURNITURE = ("dt", "ftr", "hdr", "sldNum", "sldImg")


def parts(data: bytes) -> Iterator[Part]:
    """The slides in the order in which they are shown."""
    package = Package(data)
    main = package.main()
    targets = package.targets(main)
    slides = each(child(package.xml(main), "sldIdLst"), "sldId")
    for number, slide in enumerate(slides, 1):
        name = targets.get(relation(slide), ("", ""))[1]
        pieces = list(_shapes(child(package.xml(name), "cSld", "spTree")))
        notes = next((at for kind, at in package.targets(name).values() if kind == "notesSlide"), "")
        spoken = "\n".join(_shapes(child(package.xml(notes), "cSld", "spTree")))
        if spoken:
            pieces.append(f"Notes: {spoken}")
        yield Part("\n\n".join(pieces), page=number)


def _shapes(tree: ET.Element | None) -> Iterator[str]:
    """The Markdown of each shape, the title first: PowerPoint keeps shapes in painting order."""
    shapes = [shape for shape in (tree.iter() if tree is not None else ()) if tag(shape) in ("sp", "tbl")]
    for shape in sorted(shapes, key=lambda shape: _placeholder(shape) not in _TITLES):
        if tag(shape) == "tbl":
            rows = [[_text(cell).replace("\n", " ") for cell in each(row, "tc")] for row in each(shape, "tr")]
            yield from (markdown for _, _, markdown in tables.table(rows))
            continue
        text = _text(shape) if _placeholder(shape) not in _FURNITURE else ""
        if text:
            is_title = _placeholder(shape) in _TITLES
            yield "## " + " ".join(text.split()) if is_title else text


def _placeholder(shape: ET.Element) -> str:
    return attribute(child(shape, "nvSpPr", "nvPr", "ph"), "type")


def _text(shape: ET.Element) -> str:
    """The paragraphs of a text body; deeper ones as list items."""
    lines = []
    for paragraph in each(child(shape, "txBody"), "p"):
        words = (
            "\n" if tag(node) == "br" else node.text or ""
            for node in paragraph.iter()
            if tag(node) in ("t", "br")
        )
        text = literal("".join(words).strip())
        level = attribute(child(paragraph, "pPr"), "lvl", "0")
        if text:
            depth = int(level[:1]) if level.isdecimal() else 0
            lines.append(f"{'  ' * (depth - 1)}- {text}" if depth else text)
    return "\n".join(lines)
