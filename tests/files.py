"""Real small files with known sections, for every test that reads files.

Each function writes one file into `folder` and returns its path. The handbook says the same in every
format; what only one format can show (pages, slides, sheets, ids) is said at its function.
"""

import datetime as dt
import io
import random
import re
import zipfile
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import docx
import openpyxl
import pptx
from PIL import Image, ImageDraw, ImageFont
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


def formatted_workbook(
    folder: Path, rows: Iterable[tuple[str, Any, str]], name: str = "formats.xlsx"
) -> Path:
    """A sheet with a header and rows of (name, value, number format); a gap stands before the values."""
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.append(["Name", "Value"])
    for number, (label, value, form) in enumerate(rows, 2):
        sheet.cell(number, 1, label)
        sheet.cell(number, 2, value).number_format = form
    book.save(folder / name)
    return folder / name


def large_workbook(folder: Path, rows: int, columns: int, name: str = "large.xlsx") -> Path:
    """A sheet whose cells are numbered from 0, row by row."""
    cells = [f"<c><v>{number}</v></c>" for number in range(rows * columns)]
    lines = ("".join(cells[start : start + columns]) for start in range(0, len(cells), columns))
    sheet = "".join(
        ("<worksheet><sheetData>", *(f"<row>{line}</row>" for line in lines), "</sheetData></worksheet>")
    )
    relation = '<Relationships><Relationship Id="r" Type="x/{}" Target="{}"/></Relationships>'
    members = {
        "[Content_Types].xml": "<Types/>",
        "_rels/.rels": relation.format("officeDocument", "xl/workbook.xml"),
        "xl/_rels/workbook.xml.rels": relation.format("worksheet", "sheet.xml"),
        "xl/workbook.xml": '<workbook xmlns:r="x"><sheets><sheet name="Large" r:id="r"/></sheets></workbook>',
        "xl/sheet.xml": sheet,
    }
    return archive(folder, name, {member: content.encode() for member, content in members.items()})


def picture(folder: Path, name: str, words: Sequence[str], pages: int = 1) -> Path:
    """Lines of black words on white, in the format that the suffix of `name` says."""
    font = ImageFont.load_default(size=32)
    page = Image.new("RGB", (900, 60 * len(words) + 60), "white")
    for place, line in enumerate(words):
        ImageDraw.Draw(page).text((40, 30 + 60 * place), line, fill="black", font=font)
    if pages > 1:
        page.save(folder / name, save_all=True, append_images=[page] * (pages - 1))
    else:
        page.save(folder / name)
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


def bomb(
    folder: Path, name: str = "bomb.docx", megabytes: int = 200, member: str = "word/document.xml"
) -> Path:
    """A file of a thousandth of `megabytes` that unpacks to them: of Word, or with another `member` a zip."""
    path = archive(folder, name, _WORD_ONLY if member.startswith("word/") else {})
    start, block, end = b"<document><body><p><r><t>", b"A" * 1_000_000, b"</t></r></p></body></document>"
    crc = zlib.crc32(start)
    for _ in range(megabytes):
        crc = zlib.crc32(block, crc)
    # Streams that end in a full flush may be put together, so one block is compressed for all.
    deflated = _deflated(start) + _deflated(block) * megabytes + _deflated(end, zlib.Z_FINISH)
    entry = zipfile.ZipInfo(member)
    entry.compress_type, entry.CRC = zipfile.ZIP_DEFLATED, zlib.crc32(end, crc)
    entry.file_size, entry.compress_size = len(start + end) + megabytes * len(block), len(deflated)
    with zipfile.ZipFile(path, "a") as packed:
        assert packed.fp
        entry.header_offset = packed.start_dir
        packed.fp.seek(packed.start_dir)
        packed.fp.write(entry.FileHeader() + deflated)
        packed.start_dir = packed.fp.tell()
        packed.filelist.append(entry)
        packed._didModify = True  # type: ignore[attr-defined]  # else it writes no directory
    return path


def _deflated(content: bytes, flush: int = zlib.Z_FULL_FLUSH) -> bytes:
    squeezing = zlib.compressobj(9, wbits=-15)
    return squeezing.compress(content) + squeezing.flush(flush)


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
    """Another file made of this one by a few random wounds; the same for the same seed."""
    dice = random.Random(seed)
    content = path.read_bytes()
    if content.startswith(b"PK") and dice.random() < 0.7:
        content = _repacked(content, dice)  # else hardly a wound gets past the checksums
    else:
        for _ in range(dice.randint(1, 4)):
            content = _wounded(content, dice)
    return raw(path.parent, name, content)


def _wounded(content: bytes, dice: random.Random) -> bytes:
    """Bytes changed, cut off, taken out, doubled or repeated, or numbers made extreme."""
    if not content:
        return content
    start = dice.randrange(len(content))
    end = min(len(content), start + dice.randrange(1, 400))
    before, stretch, after = content[:start], content[start:end], content[end:]
    wound = dice.randrange(6)
    if wound == 0:
        flipped = bytearray(content)
        for _ in range(dice.randint(1, 30)):
            flipped[dice.randrange(len(flipped))] ^= 1 << dice.randrange(8)
        return bytes(flipped)
    if wound == 1:
        return before + stretch * dice.choice((2, 3, 1000)) + after
    if wound == 2:
        place = dice.randrange(len(content))
        return content[:place] + stretch + content[place:]
    if wound == 3:
        return re.sub(
            rb"\d+", dice.choice((b"-1", b"4294967295", b"99999999999")), content, count=dice.randint(1, 9)
        )
    return before + after if wound == 4 else before


def _repacked(content: bytes, dice: random.Random) -> bytes:
    """A zip file with the contents of an entry wounded, an entry gone, doubled, or in another's place."""
    with zipfile.ZipFile(io.BytesIO(content)) as packed:
        members = [(entry.filename, packed.read(entry)) for entry in packed.infolist()]
    place, other = dice.randrange(len(members)), dice.randrange(len(members))
    name, inside = members[place]
    change = dice.randrange(6)
    if change == 0:
        del members[place]
    elif change == 1:
        members[place] = (name, members[other][1])
    else:
        members[place] = (name, _wounded(inside, dice))
    found = io.BytesIO()
    with zipfile.ZipFile(found, "w", zipfile.ZIP_DEFLATED) as packed:
        for member, inside in members:
            packed.writestr(member, inside)
    return found.getvalue()
