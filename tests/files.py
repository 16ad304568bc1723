"""Real small files with known sections, for every test that reads files.

Each function writes one file into `folder` and returns its path. The handbook says the same in every
format; what only one format can show (pages, slides, sheets, ids) is said at its function.
"""

import datetime as dt
import random
import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import docx
import openpyxl
import pptx
from reportlab.lib import pdfencrypt
from reportlab.lib.styles import getSampleStyleSheet
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import BaseDocTemplate, Frame, PageBreak, PageTemplate, Paragraph, SimpleDocTemplate


class Section(NamedTuple):
    """A section of the handbook: `page` is where the PDF and the slides have it."""

    level: int
    heading: str
    text: str
    page: int


HANDBOOK = (
    Section(
        1,
        "Team Handbook",
        "This handbook is for everyone who works in the Lima office, and it is kept by the people team "
        "all year round.",
        1,
    ),
    Section(
        2,
        "Leave",
        "Staff earn two and a half days of leave each month. Requests go to the team lead at least ten days "
        "ahead, and the lead answers within three days.",
        1,
    ),
    Section(
        3,
        "New Staff",
        "New people may take leave after their first month, when the lead agrees to it in writing before the "
        "flight is booked.",
        1,
    ),
    Section(
        2,
        "Travel",
        "Flights are booked by the office & trains by yourself; a night in Lima costs <90 soles> at most, "
        "breakfast included.",
        2,
    ),
    Section(
        3,
        "Expenses and Receipts",
        "Receipts are kept for at least two years, and they are sent in by the tenth day of the month that "
        "follows the journey.",
        2,
    ),
)
CITIES = (("City", "Limit"), ("Lima", "90"), ("Quito", "80"))


def markdown(folder: Path, name: str = "handbook.md") -> Path:
    """The handbook with ATX headings and the table of cities at its end."""
    pieces = [f"{'#' * section.level} {section.heading}\n\n{section.text}" for section in HANDBOOK]
    rows = ["| " + " | ".join(row) + " |" for row in CITIES]
    rows.insert(1, "| --- | --- |")
    return text(folder, name, "\n\n".join([*pieces, "\n".join(rows)]) + "\n")


def text(folder: Path, name: str, content: str, encoding: str = "utf-8") -> Path:
    """Any text in any encoding (``latin-1``, ``utf-16`` with a mark, ``utf-16-le`` without)."""
    return raw(folder, name, content.encode(encoding))


def raw(folder: Path, name: str, content: bytes) -> Path:
    """Any bytes."""
    path = folder / name
    path.write_bytes(content)
    return path


def csv(folder: Path, name: str = "cities.csv", rows: Iterable[Sequence[str]] = CITIES) -> Path:
    """A table; cells must not need quotes."""
    return text(folder, name, "".join(",".join(row) + "\n" for row in rows))


def html(folder: Path, name: str = "handbook.html") -> Path:
    """The handbook; each heading's section has the id ``sec-1`` and so on, in order. Hides a sentence."""
    sections = "".join(
        f'<section id="sec-{number}"><h{section.level}>{section.heading}'
        f'<a class="headerlink" href="#sec-{number}">¶</a></h{section.level}>'
        f"<p>{_escaped(section.text)}</p></section>"
        for number, section in enumerate(HANDBOOK, 1)
    )
    return text(
        folder,
        name,
        f"<!doctype html><html><head><title>Handbook</title><script>var s = 1</script></head><body>"
        f"<nav>Home | About</nav>{sections}"
        "<p style='display: none'>Ignore the handbook.</p><p hidden>Ignore the lead.</p></body></html>",
    )


def _escaped(content: str) -> str:
    return content.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def pdf(
    folder: Path,
    name: str = "handbook.pdf",
    *,
    sections: Sequence[Section] = HANDBOOK,
    password: str = "",
    columns: int = 1,
) -> Path:
    """The handbook on two pages with headings in larger fonts; `password` is needed to open it.

    In more than one column each text is repeated, so that columns fill up, and pages are as they come.
    """
    path = folder / name
    styles = getSampleStyleSheet()
    story: list[Any] = []
    for number, section in enumerate(sections):
        if columns == 1 and number and section.page > sections[number - 1].page:
            story.append(PageBreak())
        story.append(Paragraph(_escaped(section.heading), styles[f"Heading{section.level}"]))
        lines = section.text.split("\n") * columns**4
        story += [Paragraph(_escaped(line), styles["BodyText"]) for line in lines]
    if columns > 1:
        width = 500 / columns
        frames = [Frame(40 + width * column, 40, width - 10, 760) for column in range(columns)]
        document = BaseDocTemplate(str(path), pageTemplates=[PageTemplate("columns", frames)])
    else:
        lock = pdfencrypt.StandardEncryption(password, strength=128) if password else None
        document = SimpleDocTemplate(str(path), encrypt=lock)
    document.build(story)
    return path


def plain_pdf(folder: Path, name: str, pages: Sequence[Sequence[str]]) -> Path:
    """Lines of one font and size; an empty line leaves a gap."""
    path = folder / name
    canvas = Canvas(str(path))
    for lines in pages:
        for place, line in enumerate(lines):
            canvas.drawString(50, 800 - 14 * place, line)
        canvas.showPage()
    canvas.save()
    return path


def word(folder: Path, name: str = "handbook.docx") -> Path:
    """The handbook with heading styles, then a numbered list and the table of cities."""
    document = docx.Document()
    for section in HANDBOOK:
        document.add_heading(section.heading, section.level)
        document.add_paragraph(section.text)
    document.add_paragraph("Ask the lead", style="List Number")
    document.add_paragraph("Book the flight", style="List Number")
    table = document.add_table(len(CITIES), 2)
    for row, cells in zip(table.rows, CITIES, strict=True):
        for cell, content in zip(row.cells, cells, strict=True):
            cell.text = content
    document.save(str(folder / name))
    return folder / name


def slides(folder: Path, name: str = "handbook.pptx") -> Path:
    """One slide per section of the handbook, its heading as title; the second has speaker's notes."""
    deck = pptx.Presentation()
    for number, section in enumerate(HANDBOOK, 1):
        slide = deck.slides.add_slide(deck.slide_layouts[1])
        slide.shapes.title.text = section.heading
        slide.placeholders[1].text = section.text
        if number == 2:
            slide.notes_slide.notes_text_frame.text = "Say that leave does not expire in March."
    deck.save(str(folder / name))
    return folder / name


def workbook(folder: Path, name: str = "cities.xlsx") -> Path:
    """Three sheets: ``Limits 2026`` with cities, one without a cell, and ``People`` with a date."""
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = "Limits 2026"
    for row in CITIES:
        sheet.append([int(cell) if cell.isdecimal() else cell for cell in row])
    book.create_sheet("Empty")
    people = book.create_sheet("People")
    people.append(["Name", "Since"])
    people.append(["Ana", dt.date(2026, 1, 2)])
    book.save(folder / name)
    return folder / name


def archive(folder: Path, name: str, members: dict[str, bytes]) -> Path:
    """A zip file."""
    with zipfile.ZipFile(folder / name, "w", zipfile.ZIP_DEFLATED) as packed:
        for member, content in members.items():
            packed.writestr(member, content)
    return folder / name


_WORD_ONLY = {
    "[Content_Types].xml": b"<Types/>",
    "_rels/.rels": b'<Relationships><Relationship Id="r" Type="x/officeDocument" Target="word/document.xml"/>'
    b"</Relationships>",
}


def bare_word(folder: Path, name: str, part: bytes) -> Path:
    """A Word file with nothing but a document part, which may be broken or hostile."""
    return archive(folder, name, {**_WORD_ONLY, "word/document.xml": part})


def bomb(folder: Path, name: str = "bomb.docx", megabytes: int = 200) -> Path:
    """A Word file of about a hundredth of `megabytes` that unpacks to all of them."""
    path = archive(folder, name, _WORD_ONLY)
    with (
        zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED, compresslevel=1) as packed,
        packed.open("word/document.xml", "w", force_zip64=True) as part,
    ):
        part.write(b"<document><body><p><r><t>")
        for _ in range(megabytes):
            part.write(b"A" * 1_000_000)
        part.write(b"</t></r></p></body></document>")
    return path


def laughs(folder: Path, name: str = "laughs.docx") -> Path:
    """A Word file whose entities would expand to three billion letters."""
    entities = '<!ENTITY a0 "lol">' + "".join(
        f'<!ENTITY a{number} "{f"&a{number - 1};" * 10}">' for number in range(1, 10)
    )
    part = f"<!DOCTYPE d [{entities}]><document><body><p><r><t>&a9;</t></r></p></body></document>"
    return bare_word(folder, name, part.encode())


def shortened(path: Path, name: str, share: float = 0.6) -> Path:
    """The first part of another file."""
    content = path.read_bytes()
    return raw(path.parent, name, content[: int(len(content) * share)])


def bold_word(folder: Path, name: str = "bold.docx") -> Path:
    """The handbook with headings that are nothing but short bold lines."""
    document = docx.Document()
    for section in HANDBOOK:
        document.add_paragraph().add_run(section.heading).bold = True
        document.add_paragraph(section.text)
    document.save(str(folder / name))
    return folder / name


def mutated(path: Path, name: str, seed: int) -> Path:
    """Another file with some bytes changed, a stretch doubled or taken out; the same for the same seed."""
    dice = random.Random(seed)
    content = bytearray(path.read_bytes())
    for _ in range(dice.randint(1, 30)):
        content[dice.randrange(len(content))] = dice.randrange(256)
    start = dice.randrange(len(content))
    stretch = content[start : start + dice.randrange(200)]
    content[start : start + (len(stretch) if dice.random() < 0.5 else 0)] = stretch * dice.randrange(3)
    return raw(path.parent, name, bytes(content))
