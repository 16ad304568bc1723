"""HTML to Markdown parts, one per heading, each with the element id that a link to it needs.

On the standard library's parser, because kreuzberg 4.10 keeps no ids and adds blank lines inside code.
"""

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import NamedTuple

from adapters.extraction import tables
from adapters.extraction.parts import Part, fenced, literal

_HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})
_BLOCKS = _HEADINGS.union(
    "address article aside blockquote body center dd details div dl dt fieldset figcaption figure footer "
    "form header hr html legend li main ol p pre section summary table tbody td tfoot th thead tr ul".split()
)
_VOID = frozenset("area base br col embed hr img input link meta source track wbr".split())
_UNREAD = frozenset(
    "audio button canvas datalist dialog embed head iframe nav noscript object script select style svg "
    "template textarea title video".split()
)
# An opening tag, the elements it closes by itself, and where the search for them ends
# (HTML standard, 13.1.2.4 Optional tags).
_CLOSES = {
    tag: (frozenset(closed.split()), frozenset(barrier.split()))
    for tag, closed, barrier in (
        ("li", "li", "ul ol"),
        ("dt", "dt dd", "dl"),
        ("dd", "dt dd", "dl"),
        ("td", "td th", "table"),
        ("th", "td th", "table"),
        ("tr", "tr", "table"),
        ("tbody", "tr thead tbody", "table"),
    )
}
_A_PARAGRAPH = (frozenset({"p"}), _BLOCKS - {"p"})
_NOTHING: tuple[frozenset[str], frozenset[str]] = (frozenset(), _BLOCKS)
_AROUND = frozenset({"navigation", "search", "contentinfo"})
"""Roles of what every page of a site repeats (WAI-ARIA 1.2, landmarks)."""
_DOCBOOK_AROUND = frozenset({"navheader", "navfooter"})
"""What DocBook's stylesheets call it, without a role."""
_ASIDES = frozenset("admonition attention caution danger hint important note tip warning".split())
"""Classes of remarks within a section (DocBook, Sphinx, Docusaurus): their titles begin none of their own."""
_HIDDEN = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)
_LANGUAGE = re.compile(r"(?:language|lang|highlight|brush:)[- ]([\w+#-]+)")
_PERMALINK = frozenset({"", "¶", "#", "§", "🔗", "[link]"})
_DEEPEST = 150


class _Heading(NamedTuple):
    level: int
    text: str
    anchor: str


class _Element:
    """`unread`: people do not see it; what a page hides must not speak to the model either."""

    __slots__ = ("attributes", "children", "has_block", "has_heading", "tag", "unread")

    def __init__(self, tag: str, attributes: dict[str, str]) -> None:
        self.tag = tag
        self.attributes = attributes
        self.children: list[_Element | str] = []
        self.has_block = tag in _BLOCKS
        self.has_heading = tag in _HEADINGS
        self.unread = (
            tag in _UNREAD
            or "hidden" in attributes
            or attributes.get("aria-hidden") == "true"
            or attributes.get("role") in _AROUND
            or not _DOCBOOK_AROUND.isdisjoint(attributes.get("class", "").split())
            or ("style" in attributes and bool(_HIDDEN.search(attributes["style"])))
        )

    def find(self, *tags: str) -> Iterator["_Element"]:
        """Descendants with one of `tags`, in order, without looking inside those."""
        for child in self.children:
            if isinstance(child, str) or child.unread:
                continue
            if child.tag in tags:
                yield child
            else:
                yield from child.find(*tags)


class _Tree(HTMLParser):
    """Builds the elements as browsers do for the tags that people leave out; deeper ones are flattened."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.root = _Element("html", {})
        self._open = [self.root]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        closed, barrier = _CLOSES.get(tag, _A_PARAGRAPH if tag in _BLOCKS else _NOTHING)
        for depth in range(len(self._open) - 1, 0, -1):
            if self._open[depth].tag in closed:
                del self._open[depth:]
                break
            if self._open[depth].tag in barrier:
                break
        element = _Element(tag, {name: value or "" for name, value in attrs})
        self._open[-1].children.append(element)
        for outer in reversed(self._open):
            if outer.has_block >= element.has_block and outer.has_heading >= element.has_heading:
                break  # and so have those around it
            outer.has_block |= element.has_block
            outer.has_heading |= element.has_heading
        if tag not in _VOID and len(self._open) < _DEEPEST:
            self._open.append(element)

    def handle_endtag(self, tag: str) -> None:
        for depth in range(len(self._open) - 1, 0, -1):
            if self._open[depth].tag == tag:
                del self._open[depth:]
                return

    def handle_data(self, data: str) -> None:
        self._open[-1].children.append(data)


def parts(text: str) -> Iterator[Part]:
    """What stands before the first heading, then one part per heading."""
    tree = _Tree()
    tree.feed(text)
    tree.close()
    anchor = ""
    pieces: list[str] = []
    for block in _Flow().blocks(tree.root):
        if isinstance(block, _Heading):
            yield Part("\n\n".join(pieces), anchor=anchor)
            anchor, pieces = block.anchor, [f"{'#' * block.level} {block.text}"]
        else:
            pieces.append(block)
    yield Part("\n\n".join(pieces), anchor=anchor)


class _Flow:
    """Walks the elements; remembers whose ids no heading has claimed yet.

    The id of a heading is its own, that of a link in it, of the section that it begins, of an empty
    element just before it, or else of what it stands in.
    """

    def __init__(self) -> None:
        self._ids: list[str] = []  # of the open elements
        self._claimed = 0  # so many of them began before the last heading
        self._loose = ""  # of an empty element just before a heading
        self._asides = 0  # so many remarks are open

    def blocks(self, element: _Element) -> Iterator["str | _Heading"]:
        """Markdown paragraphs and headings of an element, in order."""
        run: list[_Element | str] = []
        aside = _is_aside(element)
        self._asides += aside
        self._ids.append("" if element.tag == "body" else _id(element))
        for child in element.children:
            if isinstance(child, str) or not child.has_block:
                run.append(child)
            elif not child.unread:
                yield from self._paragraph(run)
                run = []
                yield from self._block(child)
        yield from self._paragraph(run)
        self._ids.pop()
        self._asides -= aside
        self._claimed = min(self._claimed, len(self._ids))

    def _paragraph(self, run: list[_Element | str]) -> Iterator[str]:
        text = _tidy("".join(map(_inline, run)))
        if text:
            self._loose = ""
            yield literal(text)
            return
        for element in run:
            if isinstance(element, _Element):
                self._loose = _id(element) or self._loose

    def _block(self, element: _Element) -> Iterator["str | _Heading"]:
        if element.tag in _HEADINGS:
            yield from self._heading(element)
        elif element.tag == "pre":
            yield from _code(element)
        elif element.tag == "dl" and not element.has_heading:
            yield from self._entries(element)
        elif element.tag == "table" and not element.has_heading:
            yield from _table(element)
        elif element.tag in ("ul", "ol") and not element.has_heading:
            yield from self._list(element)
        else:
            yield from self.blocks(element)

    def _heading(self, element: _Element) -> Iterator["str | _Heading"]:
        links = element.find("a")
        inner = next(filter(None, map(_id, links)), "")
        begun = next(filter(None, reversed(self._ids[self._claimed :])), "")
        around = next(filter(None, reversed(self._ids)), "")
        text = _tidy("".join(map(_inline, element.children))).replace("\n", " ")
        if text and self._asides:
            yield f"**{literal(text)}**"
        elif text:
            anchor = _id(element) or inner or begun or self._loose or around
            yield _Heading(int(element.tag[1]), text, anchor)
            self._claimed, self._loose = len(self._ids), ""

    def _list(self, element: _Element) -> Iterator[str]:
        start = element.attributes.get("start", "")
        number = int(start) if start.isdecimal() and len(start) < 6 else 1
        lines = []
        for item in element.find("li"):
            marker = f"{number}. " if element.tag == "ol" else "- "
            number += 1
            body = "\n".join(block for block in self.blocks(item) if isinstance(block, str))
            lines.append(marker + body.replace("\n", "\n" + " " * len(marker)))
        if lines:
            yield "\n".join(lines)

    def _entries(self, element: _Element) -> Iterator[str]:
        """Terms stand in one paragraph with the beginning of what they mean, so that nothing parts them."""
        terms: list[str] = []
        for entry in element.find("dt", "dd"):
            texts = [block for block in self.blocks(entry) if isinstance(block, str)]
            if entry.tag == "dt":
                terms += texts
            else:
                yield from ["\n".join([*terms, *texts[:1]]), *texts[1:]]
                terms = []
        yield from terms


def _is_aside(element: _Element) -> bool:
    """Whether it is a remark with a title, and not all of a page that is called so."""
    named = not _ASIDES.isdisjoint(element.attributes.get("class", "").split())
    return named and len(list(element.find(*_HEADINGS))) == 1


def _id(element: _Element) -> str:
    """The id that a link can point to; one that could break out of a link does not count."""
    found = element.attributes.get("id") or (element.attributes.get("name", "") if element.tag == "a" else "")
    return found if re.fullmatch(r"[^\s<>()\[\]\"'`|\\]{1,200}", found) else ""


def _tidy(text: str) -> str:
    """Spaces as a browser shows them; ``\\v`` stands for <br>."""
    lines = (re.sub(r"[ \t\n\r\f\xa0]+", " ", line).strip() for line in text.split("\v"))
    return "\n".join(filter(None, lines))


def _inline(node: _Element | str) -> str:
    if isinstance(node, str):
        return node.replace("\v", " ")
    if node.unread or node.tag in ("br", "img"):
        return "\v" if node.tag == "br" else node.attributes.get("alt", "") if node.tag == "img" else ""
    text = "".join(map(_inline, node.children))
    if node.tag == "a":
        text = _link(text, node.attributes.get("href", ""))
    elif node.tag == "code" and text.strip() and "`" not in text:
        text = f"`{text.strip()}`"
    return f"\v{text}\v" if node.has_block else text


def _link(text: str, address: str) -> str:
    """A link to elsewhere keeps its address; one inside the site means nothing outside it."""
    if address.startswith("#") and text.strip() in _PERMALINK:
        return ""
    if address.startswith(("http://", "https://")) and text.strip() and not re.search(r"[\s<>()]", address):
        return text if text.strip() == address else f"[{text}]({address})"
    return text


def _code(element: _Element) -> Iterator[str]:
    classes = (element, *element.find("code"))
    found = next(filter(None, (_LANGUAGE.search(one.attributes.get("class", "")) for one in classes)), None)
    text = _raw(element).strip("\n")
    if text.strip():
        yield fenced(text, found[1] if found else "")


def _raw(node: _Element | str) -> str:
    if isinstance(node, str):
        return node
    return "\n" if node.tag == "br" else "" if node.unread else "".join(map(_raw, node.children))


def _table(element: _Element) -> Iterator[str]:
    rows: list[list[str]] = []
    # Column -> rows still to fill, and the text, of a cell with rowspan.
    below: dict[int, tuple[int, str]] = {}
    for tr in element.find("tr"):
        row: list[str] = []
        for cell in tr.find("td", "th"):
            _fill(row, below)
            text = _tidy("".join(map(_inline, cell.children)))
            span, down = (_span(cell, name) for name in ("colspan", "rowspan"))
            if down > 1:
                below[len(row)] = (down - 1, text)
            row += [text, *[""] * (span - 1)]
        _fill(row, below)
        rows.append(row)
    for _, _, markdown in tables.table(rows):
        yield markdown


def _fill(row: list[str], below: dict[int, tuple[int, str]]) -> None:
    while len(row) in below:
        column = len(row)
        left, text = below.pop(column)
        if left > 1:
            below[column] = (left - 1, text)
        row.append(text)


def _span(cell: _Element, name: str) -> int:
    given = cell.attributes.get(name, "")
    return max(1, min(int(given[:4]), 100)) if given.isdecimal() else 1
