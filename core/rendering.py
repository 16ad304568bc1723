"""Markdown as a platform wants it: the walk over a page that all dialects share.

A dialect is a `Renderer` that says how its platform writes each thing. What the platform would take for
its own syntax although it is none is broken, what it has no words for becomes text, and no character
of the text is lost. (What stands behind the language of a code block is no text, nor is the title of a
link.) Any string can be rendered, in time linear in its length.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Final

from markdown_it.token import Token

from core import blocks, gfm
from core.addresses import misleading
from core.characters import sendable
from core.sheet import Sheet
from core.tables import Table

BREAK: Final = "\u200b"
"""Zero width: put behind a sign, it keeps a platform from taking it for the beginning of its syntax."""

HELD: Final = "\ufdd0"
"""Stands for a `Raw` piece while the text around it is settled. `sendable` text holds no such sign."""

_REMEMBERED = 2048
"""Blocks, and texts in them: those of some 64 pages that grow at the same time."""

_HELD = re.compile(HELD)
_FENCE = re.compile("``(?=`)")
_MELTING = ("`", "*", "_", "~")
_TASK = re.compile(r"\[([ xX])\](?=\s)")
_BR = re.compile(r"[ \t]*<br ?/?>[ \t]*", re.IGNORECASE)
_LINE_ENDS = frozenset({"softbreak", "hardbreak"})


class Raw(str):
    """A piece that is sent exactly as it is: code, addresses."""

    __slots__ = ()


def broken(text: str, signs: re.Pattern[str]) -> str:
    """`text` with `BREAK` behind each of these signs."""
    return signs.sub(lambda sign: sign[0] + BREAK, text)


def unfenced(code: str) -> str:
    """`code` without a row of backticks that would end the block of code around it."""
    return _FENCE.sub(f"``{BREAK}", code)


def plain(tokens: Sequence[Token], *, addresses: bool = False) -> str:
    """The words of inline tokens in one line; with `addresses` those that links open stand behind them."""
    words: list[str] = []
    label, address = 0, ""
    for token in tokens:
        if token.type in _LINE_ENDS:
            words.append(" ")
        elif token.type == "image":
            words.append(plain(token.children or []) or str(token.attrs["src"]))
        elif token.type == "link_open":
            label, address = len(words), str(token.attrs["href"])
        elif token.type == "link_close":
            shown = "".join(words[label:])
            if addresses and address not in (shown, f"mailto:{shown}"):
                words.append(f" ({address})")
        else:
            words.append(_BR.sub(" ", token.content))
    return "".join(words).replace("\n", " ")


class Renderer(ABC):
    """A dialect. One object renders every page; it remembers the blocks that it has rendered."""

    bullets: tuple[str, ...] = ("-",)
    """Signs of the items of a list, by depth."""

    schemes: tuple[str, ...] = ("https://", "http://")
    """Addresses that the platform opens begin so; others are shown."""

    indents_code = True
    """Whether code in a list or quote stands under the signs of these, as in Markdown."""

    def __init__(self) -> None:
        self._block = lru_cache(_REMEMBERED)(self._rendered)
        self.inline = lru_cache(_REMEMBERED)(self._inline)

    def render(self, markdown: str) -> str:
        """A page as the platform is sent it; empty only for a page without a visible sign."""
        text = sendable(markdown)
        parts = map(self._block, _stretches(text))
        page = "\n\n".join(part for part in parts if part)
        return page if page.strip() else self._literal(text)

    # --- What a dialect says -------------------------------------------------------------------------

    @abstractmethod
    def heading(self, level: int, source: str) -> str:
        """A heading of `level` 1 to 6 in one line."""

    @abstractmethod
    def code_block(self, code: str, info: str) -> str:
        """Lines of code; `info` is what stood behind the opening fence."""

    @abstractmethod
    def text(self, content: str) -> str:
        """Text that is no markup, so that the platform sees none in it."""

    @abstractmethod
    def escaped(self, sign: str, source: str) -> str:
        """A sign that was written as the escape or entity `source`."""

    @abstractmethod
    def code(self, content: str) -> list[str]:
        """A code span."""

    @abstractmethod
    def address(self, url: str) -> str:
        """An address as it can stand between angle brackets or behind a label."""

    @abstractmethod
    def link(self, label: Sequence[str], words: str, url: str, title: str) -> list[str]:
        """A link that shows the pieces `label`, whose words do not mislead."""

    @abstractmethod
    def mark(self, name: str, source: str, *, opens: bool) -> str:
        """A sign of emphasis: `name` is ``strong``, ``em`` or ``s``, `source` how it was written."""

    @abstractmethod
    def settled(self, line: str) -> str:
        """Inline text with all its pieces in place, `HELD` for those that must not be touched."""

    def bare(self, url: str) -> str:
        """An address in the middle of text."""
        return Raw(self.address(url))

    def line_break(self, marks: Sequence[str]) -> str:
        """A line end inside a paragraph, where the emphasis `marks` is open."""
        return "\n"

    # --- Inline --------------------------------------------------------------------------------------

    def _inline(self, source: str, *, strong: bool = False) -> str:
        """Inline Markdown, all of it bold where `strong`; remembered under the name `inline`."""
        tokens = gfm.inline(source)
        if strong and tokens:
            tokens = gfm.marked(tokens, "**")
        return self._joined(_Inline(self).pieces(tokens))

    def _joined(self, pieces: Sequence[str]) -> str:
        held = iter([piece for piece in pieces if type(piece) is Raw])
        settled = self.settled("".join([HELD if type(piece) is Raw else piece for piece in pieces]))
        return _HELD.sub(lambda _: next(held), settled)

    def _literal(self, text: str) -> str:
        """Markdown that is shown as it is written."""
        lines = (self._joined([self.text(line)]) for line in text.split("\n"))
        return "\n".join(lines)

    # --- Blocks --------------------------------------------------------------------------------------

    def _rendered(self, text: str) -> str:
        """A stretch of whole blocks."""
        tokens = gfm.blocks(text)
        if any(token.level >= gfm.DEEPEST - 1 for token in tokens):
            return self._literal(text)
        sheet = Sheet(text.split("\n"))
        numbers: list[int | None] = []
        for place, token in enumerate(tokens):
            self._write(token, tokens[place - 1] if place else token, sheet, numbers)
        return sheet.text()

    def _write(self, token: Token, before: Token, sheet: Sheet, numbers: list[int | None]) -> None:
        """One block token; `numbers` are the next ones of the lists that are open."""
        kind = token.type
        if kind == "inline":
            self._write_text(token, before, sheet)
        elif kind in ("fence", "code_block"):
            code = token.content.removesuffix("\n")
            sheet.write(token, self.code_block(code, token.info.strip()), flush=not self.indents_code)
        elif kind == "table":
            self._write_table(token, sheet)
        elif kind == "hr":
            sheet.write(token, "⎯⎯⎯")
        elif kind == "blockquote_open":
            sheet.enter(token, "> ", "> ")
        elif kind == "list_item_open":
            marker = self._marker(numbers)
            sheet.enter(token, marker, " " * len(marker))
        elif kind in ("blockquote_close", "list_item_close"):
            sheet.leave()
        elif kind in ("bullet_list_open", "ordered_list_open"):
            numbers.append(None if kind[0] == "b" else int(token.attrs.get("start", 1)))
        elif kind in ("bullet_list_close", "ordered_list_close"):
            numbers.pop()

    def _marker(self, numbers: list[int | None]) -> str:
        number = numbers[-1]
        if number is None:
            return self.bullets[(numbers.count(None) - 1) % len(self.bullets)] + " "
        numbers[-1] = number + 1
        return f"{number}. "

    def _write_text(self, token: Token, before: Token, sheet: Sheet) -> None:
        source = token.content
        if before.type == "heading_open":
            written = self.heading(int(before.tag[1]), source.replace("\n", " ")) if source else ""
        else:
            box = _TASK.match(source) if sheet.at_item else None
            if box:
                source = ("☐" if box[1] == " " else "☑") + source[box.end() :]
            written = self.inline(source).strip("\n")
        if written.strip():
            sheet.write(token, written)

    def _write_table(self, token: Token, sheet: Sheet) -> None:
        table: Table = token.meta["table"]
        drawn = self.drawn(table)
        if drawn is not None:
            sheet.write(token, self.code_block(drawn, ""), flush=not self.indents_code)
            return
        for record in table.records():
            marker = self.bullets[0] + " "
            sheet.enter(token, marker, " " * len(marker))
            for name, cell in record:
                sheet.write(token, self._named(name, cell))
            sheet.leave()

    def _named(self, name: str, cell: str) -> str:
        if not name:
            return self.inline(cell)
        return f"{self.inline(name + ':', strong=True)} {self.inline(cell)}".rstrip()

    def drawn(self, table: Table) -> str | None:
        """A table as code; None where it is too wide for that."""
        return table.drawn(lambda cell: plain(gfm.inline(cell), addresses=True))


class _Inline:
    """One walk over inline tokens: what emphasis is open, and what was written last."""

    def __init__(self, dialect: Renderer, within: Sequence[str] = ()) -> None:
        self._dialect = dialect
        self._open = [*within]  # every sign of emphasis, also within its like
        self._pieces: list[str] = []
        self._opened = False  # the last piece opens emphasis

    def pieces(self, tokens: Sequence[Token]) -> list[str]:
        at = 0
        while at < len(tokens):
            token = tokens[at]
            at += 1
            if token.type == "link_open":
                end = next(n for n in range(at, len(tokens)) if _closes(tokens[n], token))
                self._link(tokens[at:end], str(token.attrs["href"]), str(token.attrs.get("title") or ""))
                at = end + 1
            elif token.type == "image":
                label = token.children or []
                self._link(label, str(token.attrs["src"]), str(token.attrs.get("title") or ""))
            elif token.nesting:
                self._mark(token)
            else:
                self._leaf(token)
        return self._pieces

    def _leaf(self, token: Token) -> None:
        if token.type == "text":
            self._text(token.content)
        elif token.type == "text_special" and token.content == token.markup:
            self._text(token.content)  # a backslash that escapes nothing
        elif token.type == "text_special":
            self._add(self._dialect.escaped(token.content.replace("\n", " "), token.markup))
        elif token.type == "code_inline":
            self._add(*self._dialect.code(token.content))
        elif not (self._pieces and self._pieces[-1].endswith("\n")):  # <br> was there before the line end
            self._add(self._dialect.line_break(self._marks()))

    def _text(self, content: str) -> None:
        lines = _BR.split(content) if "<" in content else [content]
        for number, line in enumerate(lines):
            if number:
                self._add(self._dialect.line_break(self._marks()))
            parts = gfm.URL.split(line) if "://" in line else [line]
            for place, part in enumerate(parts):
                if part:
                    self._add(self._dialect.bare(part) if place % 2 else self._dialect.text(part))

    def _link(self, label: Sequence[Token], url: str, title: str) -> None:
        dialect, words = self._dialect, plain(label)
        opens = url.lower().startswith(dialect.schemes) and not url.endswith((":", "://"))
        shown = Raw(f"<{dialect.address(url)}>") if opens else dialect.text(url)
        if opens and words.strip() in ("", url):
            self._add(shown)
            return
        nested = any(token.type in ("image", "link_open") for token in label)
        pieces = [dialect.text(words)] if nested else _Inline(dialect, self._open).pieces(label)
        if opens and url != f"mailto:{words}" and not misleading(words, url):
            pieces = dialect.link(pieces, words, url, title)
        elif url not in ("", words, f"mailto:{words}"):
            pieces += [dialect.text(" ("), shown, dialect.text(")")]
        self._add(*pieces)

    def _mark(self, token: Token) -> None:
        name, opens = token.tag, token.nesting > 0
        if opens:
            self._open.append(name)
            outermost = self._open.count(name) == 1
        else:
            self._open.reverse()
            self._open.remove(name)
            self._open.reverse()
            outermost = name not in self._open
        if outermost:
            mark = self._dialect.mark(name, token.markup, opens=opens)
            if opens:
                self._add(mark)
            else:
                self._pieces.append(mark)
            self._opened = opens

    def _marks(self) -> list[str]:
        return list(dict.fromkeys(self._open))

    def _add(self, *pieces: str) -> None:
        """Put pieces behind the last one; a sign that would melt with one before it is kept apart."""
        before, after = self._pieces[-1][-1:] if self._pieces else "", pieces[0][:1] if pieces else ""
        if before == after and after in _MELTING and not self._opened:
            self._pieces.append(BREAK)
        self._pieces += pieces
        self._opened = False


def _stretches(text: str) -> Iterator[str]:
    """`text` in stretches of whole blocks that mean the same when they stand alone.

    A new one begins behind a blank line, with a line that is not indented and goes on with nothing: no
    quote, no item, no code block, and no list either, which may be counting its items.
    """
    start, blank, listed = 0, False, False
    for line in blocks.lines(text):
        here, before = text[line.start : line.end], line.before
        item = line.after.containers[:1] not in ((), (blocks.QUOTE,))
        goes_on = isinstance(before.leaf, blocks.Fence) or blocks.continued(before.containers, here)[1] > 0
        if blank and not goes_on and here[:1] not in ("", " ", "\t") and not (listed and item):
            yield text[start : line.start].rstrip("\n")
            start, listed = line.start, False
        blank, listed = line.kind == "blank", listed or item
    yield text[start:].rstrip("\n")


def _closes(token: Token, link: Token) -> bool:
    """Whether `token` ends `link`; the parser nests an address in angle brackets in a link."""
    return token.type == "link_close" and token.level == link.level
