"""Files to text: what each kind of file becomes, and one helpful sentence for each that cannot be read."""

import datetime as dt
import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from core.ports import Block, Extracted
from tests import files
from tests.adapters.extraction_parts import read, refusal, whole


def flat(content: str) -> str:
    """Words with single spaces: a PDF breaks lines wherever the page ends."""
    return " ".join(content.split())


def outline(found: Extracted) -> list[tuple[int, str, str, int | None]]:
    """Each section's level, heading, text and the page of its heading, read as a model would."""
    sections: list[tuple[int, str, list[str], int | None]] = []
    for block in found.blocks:
        for line in block.markdown.split("\n"):
            heading = re.fullmatch(r"(#{1,6}) (.+)", line)
            if heading:
                sections.append((len(heading[1]), heading[2], [], block.page))
            elif sections:
                sections[-1][2].append(line)
    return [(level, heading, flat(" ".join(lines)), page) for level, heading, lines, page in sections]


# Documents


async def test_a_pdf_keeps_its_headings_and_pages(tmp_path: Path) -> None:
    """Every section of a PDF stands under its heading, on its page, and the page is its anchor."""
    found = await read(files.pdf(tmp_path))
    assert outline(found) == [(s.level, s.heading, s.text, s.page) for s in files.HANDBOOK]
    assert [(block.page, block.anchor) for block in found.blocks] == [(1, "page=1"), (2, "page=2")]
    assert found.notes == ()


async def test_a_pdf_in_one_font_keeps_headings_that_numbers_and_shape_tell(tmp_path: Path) -> None:
    """Without larger fonts, numbered lines and lines in title case above full lines are headings."""
    found = await read(
        files.plain_pdf(
            tmp_path,
            "plain.pdf",
            [
                [
                    "1 Leave",
                    "Staff earn two and a half days of leave each month. Requests go",
                    "to the team lead at least ten days ahead.",
                    "",
                    "1.1 New staff",
                    "New people may take leave after a month, when the lead agrees",
                    "to it in writing.",
                    "",
                    "Travel Rules",
                    "Flights are booked by the office, trains by yourself and the",
                    "limit is 90 a night in Lima.",
                ],
                ["2 Expenses", "Keep receipts for at least two years, and send them in by the", "tenth day."],
            ],
        )
    )
    assert [(level, heading, page) for level, heading, _, page in outline(found)] == [
        (1, "1 Leave", 1),
        (2, "1.1 New staff", 1),
        (2, "Travel Rules", 1),
        (1, "2 Expenses", 2),
    ]


async def test_numbers_of_headings_say_what_is_below_what(tmp_path: Path) -> None:
    """Where headings of all levels look alike, 1.1 is below 1 and 2 is not."""
    sections = [
        files.Section(2, f"{number} {had.heading}", had.text, 1)
        for number, had in zip(("1", "1.1", "1.1.1", "1.2", "2"), files.HANDBOOK, strict=True)
    ]
    found = await read(files.pdf(tmp_path, sections=sections))
    top = outline(found)[0][0]
    assert [level - top for level, *_ in outline(found)] == [0, 1, 2, 1, 0]


async def test_a_numbered_list_in_a_pdf_is_no_row_of_headings(tmp_path: Path) -> None:
    """Items and a table of contents are not taken for sections."""
    found = await read(
        files.plain_pdf(
            tmp_path,
            "list.pdf",
            [
                [
                    "Contents",
                    "1 Leave ........................ 2",
                    "2 Travel ........................ 3",
                    "",
                    "What to do before you leave for a long journey on behalf of us:",
                    "1. Ask the lead",
                    "2. Book the flight",
                    "3. Tell the office",
                    "and when all of that is done you may pack your things at last.",
                ]
            ],
        )
    )
    assert [heading for _, heading, _, _ in outline(found)] == []


async def test_a_large_table_of_contents_is_no_row_of_headings(tmp_path: Path) -> None:
    """A line that only adds a page number to a heading points to it and is not another one."""
    leave, travel = files.HANDBOOK[1], files.HANDBOOK[3]
    contents = [files.Section(2, f"{section.heading} 2", "on page two", 1) for section in (leave, travel)]
    found = await read(files.pdf(tmp_path, sections=[*contents, leave._replace(page=2), travel]))
    assert [(heading, page) for _, heading, _, page in outline(found)] == [("Leave", 2), ("Travel", 2)]


async def test_a_list_below_real_headings_stays_a_list(tmp_path: Path) -> None:
    """Where fonts show what the headings are, numbers in front of short lines add none."""
    steps = "1. Ask the lead\nThe lead answers within three days, or asks you to wait for a better month."
    steps += "\n2. Book the flight\nThe office pays for it and keeps the receipts for the people team."
    sections = [files.HANDBOOK[0], files.Section(2, "Before you go", steps, 1)]
    found = await read(files.pdf(tmp_path, sections=sections))
    assert [heading for _, heading, _, _ in outline(found)] == ["Team Handbook", "Before you go"]


async def test_a_pdf_loses_page_numbers_and_repeated_headers_only(tmp_path: Path) -> None:
    """A running header is kept once, page numbers go, and every other line stays, numbers included."""
    pages = [
        [
            "Handbook of the Lima office",
            f"Text of page {number} is here.",
            f"{number * 1000}",
            f"- {number} -",
        ]
        for number in range(1, 6)
    ]
    found = await read(files.plain_pdf(tmp_path, "header.pdf", pages))
    lines = [line for block in found.blocks for line in block.markdown.split("\n") if line]
    kept = [line for page in pages for line in page[1:3]]
    assert lines == ["Handbook of the Lima office", *kept]


async def test_two_columns_are_read_one_after_the_other(tmp_path: Path) -> None:
    """In a PDF of two columns no sentence is torn and the headings of both columns are found."""
    found = await read(files.pdf(tmp_path, columns=2))
    for section in files.HANDBOOK:
        assert section.text in flat(whole(found))


async def test_words_that_a_pdf_shows_are_kept_to_the_letter(tmp_path: Path) -> None:
    """Signs that a guess at ligatures or markup would change are kept: quotes must be verbatim."""
    line = "call malloc(int* p) <team-name> & #include urn:x:y List<String> 100% a_b"
    found = await read(files.plain_pdf(tmp_path, "signs.pdf", [[line, "so it goes on here."]]))
    assert line in whole(found)


async def test_pages_without_text_are_named(tmp_path: Path) -> None:
    """A blank or scanned page among others is said in a note."""
    found = await read(files.plain_pdf(tmp_path, "gaps.pdf", [["Words."], [], ["More."], []]))
    assert found.notes == ("Pages 2, 4 hold no text.",)
    assert [block.page for block in found.blocks] == [1, 3]


async def test_a_word_file_keeps_headings_lists_and_tables(tmp_path: Path) -> None:
    """Headings come from styles, list numbers from Word's counting, and no sign of the text is lost."""
    found = await read(files.word(tmp_path))
    sections = outline(found)
    assert [section[:2] for section in sections] == [(s.level, s.heading) for s in files.HANDBOOK]
    assert [text for _, _, text, _ in sections[:-1]] == [s.text for s in files.HANDBOOK[:-1]]
    assert "\n1. Ask the lead\n2. Book the flight\n" in whole(found)
    assert "| City | Limit |\n| --- | --- |\n| Lima | 90 |\n| Quito | 80 |" in whole(found)
    assert {block.page for block in found.blocks} == {None}


async def test_a_word_file_without_a_paragraph_holds_no_text(tmp_path: Path) -> None:
    """An empty document is not called damaged."""
    path = files.bare_word(tmp_path, "empty.docx", b"<document><body/></document>")
    assert "holds no text" in await refusal(path)


@pytest.mark.parametrize("part", [b"<?xml version='1.0' encoding='utf-99'?><document/>", b"<a>", b"\xff\xfe"])
async def test_xml_that_cannot_be_read_is_called_damaged(tmp_path: Path, part: bytes) -> None:
    """An unknown encoding, an element left open or no XML at all."""
    assert "damaged or incomplete" in await refusal(files.bare_word(tmp_path, "x.docx", part))


async def test_bold_lines_are_headings_where_a_word_file_has_no_others(tmp_path: Path) -> None:
    """Many people make headings by hand."""
    found = await read(files.bold_word(tmp_path))
    assert outline(found) == [(2, s.heading, s.text, None) for s in files.HANDBOOK]


async def test_slides_keep_their_numbers_titles_and_notes(tmp_path: Path) -> None:
    """One block per slide, the title as heading and the speaker's notes at the end."""
    found = await read(files.slides(tmp_path))
    assert [block.page for block in found.blocks] == [1, 2, 3, 4, 5]
    for section, block in zip(files.HANDBOOK, found.blocks, strict=True):
        assert block.markdown.startswith(f"## {section.heading}\n\n{section.text}")
    assert found.blocks[1].markdown.endswith("Notes: Say that leave does not expire in March.")


async def test_sheets_are_tables_under_their_names(tmp_path: Path) -> None:
    """The name of a sheet is heading and label, also after an empty sheet."""
    assert await read(files.workbook(tmp_path)) == Extracted(
        (
            Block(
                "## Limits 2026\n\n| City | Limit |\n| --- | --- |\n| Lima | 90 |\n| Quito | 80 |",
                label="Limits 2026",
            ),
            Block("## People\n\n| Name | Since |\n| --- | --- |\n| Ana | 2026-01-02 |", label="People"),
        )
    )


async def test_cells_are_read_as_people_see_them(tmp_path: Path) -> None:
    """Dates, times, spans, shares, truths, strings of several fonts and gaps come out as Excel shows them."""
    rows = [
        ("Number", 0.1 + 0.2, "General"),
        ("Share", 0.075, "0.0%"),
        ("Day", dt.date(2026, 1, 2), "yyyy-mm-dd"),
        ("Moment", dt.datetime.fromisoformat("2026-01-02 10:30"), 'dd/mm/yyyy "at" hh:mm'),
        ("Time", dt.time(8, 5), "hh:mm"),
        ("Span", dt.timedelta(hours=30, minutes=5), "[h]:mm:ss"),
        ("Money", 12.5, '[Red]#,##0.00 "soles a day"'),
        ("Truth", True, "General"),
    ]
    found = await read(files.formatted_workbook(tmp_path, rows))
    assert [line.split(" | ")[1].strip(" |") for line in found.blocks[0].markdown.split("\n")[4:]] == [
        "0.3", "7.5%", "2026-01-02", "2026-01-02 10:30:00", "08:05:00", "30:05:00", "12.5", "TRUE",
    ]  # fmt: skip


async def test_a_web_page_keeps_the_ids_of_its_sections(tmp_path: Path) -> None:
    """Each heading begins a block whose anchor leads there; scripts, menus and hidden text are left out."""
    found = await read(files.html(tmp_path))
    assert outline(found) == [(s.level, s.heading, s.text, None) for s in files.HANDBOOK]
    assert [block.anchor for block in found.blocks] == [f"sec-{n}" for n in range(1, 6)]
    assert not re.search("Ignore|Home|var s|¶", whole(found))


async def test_a_heading_without_an_id_takes_the_nearest(tmp_path: Path) -> None:
    """That of the section that it begins, else of what stands just before it, else of what it stands in."""
    page = (
        "<body id=page><div class=navheader><h1>Prev</h1></div><div role=navigation><h3>Menu</h3></div>"
        "<section id=boats><span id=s1></span><h1>Boats</h1><p>All."
        "<div class=sect2 id=tug><div><h2>Tug</h2></div><p>One.</div>"
        "<h2>Crew</h2><p>Two.</p><a id=tides></a><h2>Tides</h2><p>Three."
        "<h2 id=own>Own</h2><p>Four.</section><h2>Rest</h2><p>Five."
        "<div class=navfooter>Next</div><div role=contentinfo>Made by a tool</div></body>"
    )
    found = await read(files.text(tmp_path, "page.html", f"<!doctype html>{page}"))
    assert [(block.markdown.split("\n")[0], block.anchor) for block in found.blocks] == [
        ("# Boats", "boats"),
        ("## Tug", "tug"),
        ("## Crew", "boats"),
        ("## Tides", "tides"),
        ("## Own", "own"),
        ("## Rest", ""),
    ]
    assert not re.search("Prev|Menu|Next|Made", whole(found))


async def test_the_title_of_a_remark_begins_no_section(tmp_path: Path) -> None:
    """What follows a note belongs to what the note stands in; a page that is called a note has sections."""
    page = (
        "<div class=sect1 id=boats><h1>Boats</h1><p>All.<div class='note'><h3>Note</h3><p>Not today.</div>"
        "<p>They float.<h2>Crew</h2><p>Two.</div>"
        "<main class='wide note'><h2 id=tugs>Tugs</h2><p>One.<h2 id=tides>Tides</h2><p>Three.</main>"
    )
    found = await read(files.text(tmp_path, "page.html", f"<!doctype html>{page}"))
    assert [(block.markdown, block.anchor) for block in found.blocks] == [
        ("# Boats\n\nAll.\n\n**Note**\n\nNot today.\n\nThey float.", "boats"),
        ("## Crew\n\nTwo.", "boats"),
        ("## Tugs\n\nOne.", "tugs"),
        ("## Tides\n\nThree.", "tides"),
    ]


async def test_a_term_of_a_web_page_stands_with_what_it_means(tmp_path: Path) -> None:
    """Several terms of one meaning too; a term without one is kept, and a heading in a list still is one."""
    page = (
        "<dl><dt>-j <em>jobs</em></dt><dt>--jobs</dt><dd><p>Dump in parallel.<p>More is faster.</dd>"
        "<dt>-v<dd><pre>loud</pre><dt>-q</dl>"
        "<dl><dt>Old</dt><dd><h2 id=new>New</h2>Words.</dl>"
    )
    found = await read(files.text(tmp_path, "page.html", f"<!doctype html>{page}"))
    assert [block.markdown.split("\n\n") for block in found.blocks] == [
        ["-j jobs\n--jobs\nDump in parallel.", "More is faster.", "-v\n```\nloud\n```", "-q", "Old"],
        ["## New", "Words."],
    ]


async def test_a_web_page_keeps_code_lists_tables_and_links(tmp_path: Path) -> None:
    """Code stays as it stands, and what a page leaves open is closed as a browser does."""
    page = (
        "<!doctype html><p>See <a href='https://example.org/x'>this</a> or <a href='y.html'>that</a>.<br>Now"
        "<ul><li>one<li>two <code>f(x)</code><ol><li>deep</ol></ul>"
        "<pre><code class='language-py'>x = 1\n\n# no heading\n</code></pre>"
        "<table><tr><th>City<th>Limit<tr><td rowspan=2>Lima<td>90<tr><td>91</table>"
        "<a name='old'></a><h2>Old style</h2><p># no heading"
        "<h2 id='x) [evil](https://evil.example'>Broken id</h2>"
    )
    found = await read(files.text(tmp_path, "page.html", page))
    assert [block.anchor for block in found.blocks] == ["", "old", ""]
    assert found.blocks[0].markdown.split("\n\n") == [
        "See [this](https://example.org/x) or that.\nNow",
        "- one\n- two `f(x)`\n  1. deep",
        "```py\nx = 1",
        "# no heading\n```",
        "| City | Limit |\n| --- | --- |\n| Lima | 90 |\n| Lima | 91 |",
    ]
    assert found.blocks[1].markdown == "## Old style\n\n\\# no heading"


# Text


async def test_markdown_stays_as_it_is(tmp_path: Path) -> None:
    """Markdown is one block, unchanged."""
    path = files.markdown(tmp_path)
    assert whole(await read(path)) == path.read_text().strip("\n")


async def test_front_matter_is_no_heading(tmp_path: Path) -> None:
    """What stands between the first dashes of a Markdown file becomes code."""
    found = await read(files.text(tmp_path, "a.md", "---\ntitle: Leave\n---\n# Leave\n\nTwo days.\n"))
    assert whole(found) == "```yaml\ntitle: Leave\n```\n\n# Leave\n\nTwo days."


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        ("Señor Muñoz: ¿cuántos días? Año nuevo, “dos” días…", "cp1252"),
        ("Grüße aus Köln, die Straße ist für Fußgänger.", "latin-1"),
        ("Привет! Сколько дней отпуска у нового сотрудника в этом году?", "cp1251"),
        ("Отпуск: два дня.\nTwo days.", "utf-16"),
        ("Leave: two days.\nAño nuevo.", "utf-16-le"),
        ("Leave: two days.\nAño nuevo.", "utf-16-be"),
        ("休暇は二日です。\nTwo days. 2", "utf-16-le"),
        ("Leave: two days. Año.", "utf-8-sig"),
        ("Leave: two days. Año.", "utf-32"),
    ],
)
async def test_text_is_read_in_its_encoding(tmp_path: Path, content: str, encoding: str) -> None:
    """With a byte order mark or without, the words come out as they were written."""
    assert whole(await read(files.text(tmp_path, "note.txt", content, encoding))) == content


async def test_colours_of_a_terminal_are_no_text(tmp_path: Path) -> None:
    """A log that was caught from a terminal keeps its words and loses its escape sequences."""
    content = "\x1b[1;31merror\x1b[0m: no \x07route\r\nretry"
    assert whole(await read(files.text(tmp_path, "a.txt", content))) == "error: no route\nretry"


async def test_utf_8_with_a_broken_byte_is_still_utf_8(tmp_path: Path) -> None:
    """A log that was cut inside a character loses that character only."""
    content = ("Año nuevo en Perú. " * 50).encode() + "ñ".encode()[:1]
    found = await read(files.raw(tmp_path, "cut.txt", content))
    assert whole(found) == "Año nuevo en Perú. " * 50 + "\ufffd"


async def test_source_code_is_fenced_with_its_lines(tmp_path: Path) -> None:
    """Code is cut before top-level definitions, each block labelled with its lines."""
    functions = [
        f"def f{n}():\n    x = {n}\n\n    # a comment\n    return x * {'1' * 300}\n" for n in range(6)
    ]
    content = "\n\n".join(functions)
    found = await read(files.text(tmp_path, "code.py", content))
    lines = content.rstrip().split("\n")
    assert len(found.blocks) > 1
    for block in found.blocks:
        first, last = map(int, block.label.removeprefix("lines ").split("-"))
        assert block.anchor == f"L{first}-L{last}"
        fence = "\n".join(lines[first - 1 : last]).strip("\n")
        assert block.markdown == f"```python\n{fence}\n```"
        assert fence.startswith("def ")


async def test_a_table_repeats_its_header_in_each_block(tmp_path: Path) -> None:
    """A model that sees one block only knows which column is which, and no row is lost."""
    rows = [("name", "city"), *((f"person {n}", "Lima | Callao") for n in range(2, 102))]
    found = await read(files.csv(tmp_path, "people.csv", rows))
    seen = []
    for block in found.blocks:
        head, rule, *body = block.markdown.split("\n")
        assert (head, rule) == ("| name | city |", "| --- | --- |")
        seen += body
        first, last = map(int, block.label.removeprefix("rows ").split("-"))
        assert body[-1] == f"| person {last} | Lima \\| Callao |"
        assert len(body) == last - first + (first > 1)
    assert seen == [f"| person {n} | Lima \\| Callao |" for n in range(2, 102)]


async def test_a_wide_table_becomes_records(tmp_path: Path) -> None:
    """Rows that would not fit a passage are written as one ``column: value`` line per filled cell."""
    header = [f"a long name of column {n}" for n in range(30)]
    found = await read(files.csv(tmp_path, "wide.csv", [header, ["x" * 20] * 29 + [""]]))
    assert [block.label for block in found.blocks] == ["row 2"]
    assert found.blocks[0].markdown.split("\n") == [f"- {name}: {'x' * 20}" for name in header[:29]]


@pytest.mark.parametrize("name", ["t.csv", "t.tsv"])
async def test_other_separators_are_found(tmp_path: Path, name: str) -> None:
    """Semicolons and tabs separate cells too, and quoted cells may hold line breaks."""
    sign = "\t" if name.endswith("tsv") else ";"
    path = files.text(tmp_path, name, f'a{sign}b\n"1,5{sign}\nx"{sign}2\n')
    expected = f"1,5{sign} x" if sign == ";" else "1,5 x"
    assert whole(await read(path)) == f"| a | b |\n| --- | --- |\n| {expected} | 2 |"


@pytest.mark.parametrize("suffix", ["yaml", "json", "log", "toml", "sql"])
async def test_data_and_logs_are_fenced(tmp_path: Path, suffix: str) -> None:
    """Lines that start with ``#`` or underline others are no headings there."""
    content = "# comment\na: 1\n---\nb: 2 ``` c"
    found = await read(files.text(tmp_path, f"x.{suffix}", content))
    language = "text" if suffix == "log" else suffix
    assert whole(found) == f"````{language}\n{content}\n````"


# By content and never by name alone


@pytest.mark.parametrize(
    ("make", "name"),
    [(files.pdf, "a.txt"), (files.word, "photo.png"), (files.slides, "data"), (files.workbook, "x.html")],
)
async def test_a_wrong_name_does_not_matter(tmp_path: Path, make: Callable[[Path], Path], name: str) -> None:
    """Documents are read as what they are, whatever they are called."""
    path = make(tmp_path)
    assert await read(path, name) == await read(path)


@pytest.mark.parametrize("name", ["about.pdf", "about.docx", "about.png", "about.zip", "about"])
@pytest.mark.parametrize(
    "content",
    [
        "A PDF begins with %PDF-1.7 and a zip file with PK.",
        "the old WEBP format",
        "BZh is how bzip2 begins",
        "GIF8 is no version",
        "BM is a bitmap",
    ],
)
async def test_text_that_mentions_other_formats_is_text(tmp_path: Path, name: str, content: str) -> None:
    """A text about PDF files is no PDF, and one named like a PDF is read all the same."""
    assert whole(await read(files.text(tmp_path, name, content))) == content


# Refusals


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b" \n\t\r\n", "is empty"),
        ("\ufeff\n".encode(), "is empty"),
        (bytes(range(256)) * 20, "neither text nor a document"),
        (b"\x01\x02\x03\x04" * 100, "neither text nor a document"),
        (b"\x7fELF\x02\x01\x01\x00" + bytes(500), "neither text nor a document"),
        (bytes(4) + b"ftypheic" + bytes(50), "is a picture of a kind"),
        (b"\x1f\x8b\x08" + bytes(50), "is an archive"),
        (bytes(257) + b"ustar\x0000" + bytes(300), "is an archive"),
        (b"7z\xbc\xaf\x27\x1c" + bytes(50), "is an archive"),
        (b"%PDF-1.4\n" + bytes(range(256)) * 4, "damaged"),
        (b"PK\x03\x04 not really", "damaged"),
        (b"{\\rtf1\\ansi Hello}", "old or uncommon office format"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "old or uncommon office format"),
        (
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600) + "EncryptedPackage".encode("utf-16-le"),
            "protected by a password",
        ),
    ],
)
async def test_what_cannot_be_read_is_refused(tmp_path: Path, content: bytes, words: str) -> None:
    """Empty, binary, packed, rare, damaged, old and locked files each get their own sentence."""
    assert words in await refusal(files.raw(tmp_path, "x.txt", content))


async def test_archives_are_not_unpacked(tmp_path: Path) -> None:
    """A zip file is refused with the advice to send what is in it."""
    path = files.archive(tmp_path, "all.zip", {"a.txt": b"Leave", "word/c.txt": b"Travel"})
    assert await refusal(path) == (
        "I cannot read `all.zip`: it is an archive, so please send the files inside it instead."
    )


async def test_a_locked_pdf_is_refused(tmp_path: Path) -> None:
    """A password is named as the reason."""
    assert "protected by a password" in await refusal(files.pdf(tmp_path, password="secret"))


@pytest.mark.parametrize("make", [files.pdf, files.word, files.slides, files.workbook])
async def test_a_file_that_was_cut_off_is_refused(tmp_path: Path, make: Callable[[Path], Path]) -> None:
    """A download that broke off is called incomplete."""
    assert "damaged or incomplete" in await refusal(files.shortened(make(tmp_path), "half"))


async def test_a_picture_of_text_is_refused(tmp_path: Path) -> None:
    """A PDF without a letter asks for one whose text can be selected."""
    assert "can be selected" in await refusal(files.plain_pdf(tmp_path, "scan.pdf", [[], []]))


async def test_broken_xml_in_a_word_file_is_refused(tmp_path: Path) -> None:
    """A zip with the right names and wrong contents is damaged, and nothing worse."""
    assert "damaged" in await refusal(files.bare_word(tmp_path, "x.docx", b"<document><body>"))


async def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    """A path that leads nowhere, to a folder or to a pipe that nobody writes, is a sentence too."""
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "gone.txt", tmp_path, tmp_path / "pipe"):
        assert "could not be opened" in await refusal(path)


async def test_a_name_cannot_speak(tmp_path: Path) -> None:
    """Line breaks, markup, direction signs and endless names stay harmless inside the sentence."""
    path = files.raw(tmp_path, "x", b"")
    name = "a\n`b`\u202egpj.\x00exe</s>\u200b" + "x" * 500 + ".docx"
    sentence = await refusal(path, name)
    assert sentence.startswith("I cannot read `a 'b' gpj. exe</s>")
    assert len(sentence) < 200
    assert sentence.isprintable()
    assert ".docx`" in sentence
