"""The one Markdown parser: CommonMark 0.31 with the tables and the strikethrough of GFM.

Three things differ on purpose. HTML is text. A link reference definition is text too, so that every
block of a page means the same by itself, wherever the page is cut. Addresses stay as they are written.
"""

import re

from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token

from core.tables import Table

_URL_SIGN = r"[\w!#$%'+,\-./:;=?@{}]|~(?!~)|&(?!#?\w+;)"
URL = re.compile(
    rf"(https?://(?:{_URL_SIGN}|\((?:{_URL_SIGN})*\))*(?:[\w#$%+\-/=@]|\((?:{_URL_SIGN})*\))(?<!_))",
    re.ASCII | re.IGNORECASE,
)
"""A bare address in text: a whole, in which no underscore is markup. It holds ASCII only, and no asterisk."""

DEEPEST = 20
"""Levels of quotes, lists and items; the parser leaves out what stands deeper."""


class _Parser(MarkdownIt):
    """Takes every address, as it is: which ones a platform may open is for its dialect to say."""

    def validateLink(self, url: str) -> bool:  # noqa: N802  # the parser's name for it
        return True

    def normalizeLink(self, url: str) -> str:  # noqa: N802
        return url

    def normalizeLinkText(self, link: str) -> str:  # noqa: N802
        return link


_NAMES = {"**": "strong", "*": "em", "~~": "s"}
# Lines that begin with a letter and hold no bar can be nothing but a paragraph.
_PARAGRAPH = re.compile(r"(?:[^\W\d_][^\n|]*(?:\n|\Z))+")


def blocks(text: str) -> list[Token]:
    """The blocks of `text`; their inline tokens hold Markdown in `content` and have no children.

    A table is one token of type ``table`` with a `Table` in ``meta["table"]``.
    """
    if not _PARAGRAPH.fullmatch(text):
        return _PARSER.parse(text)
    lines = [0, text.count("\n") + 1]
    content = Token("inline", "", 0, map=lines, level=1, content=text.strip())
    return [Token("paragraph_open", "p", 1, map=lines), content, Token("paragraph_close", "p", -1)]


def inline(source: str) -> list[Token]:
    """What stands in a paragraph, heading or cell. Escapes and entities are ``text_special`` tokens."""
    return _PARSER.inline.parse(source, _PARSER, {}, [])


def marked(tokens: list[Token], mark: str) -> list[Token]:
    """`tokens` as bold (``**``), italic (``*``) or struck (``~~``) text."""
    name = _NAMES[mark]
    opened, closed = (
        Token(f"{name}_open", name, 1, markup=mark),
        Token(f"{name}_close", name, -1, markup=mark),
    )
    return [opened, *tokens, closed]


def _bare_url(state: StateInline, silent: bool) -> bool:
    """The inline rule for a bare address: it is text, whatever signs are in it."""
    if not state.src.startswith("://", state.pos):
        return False
    start = state.pos - (5 if state.src[state.pos - 1 : state.pos] in ("s", "S") else 4)
    url = URL.match(state.src, start, state.posMax) if start >= 0 else None
    if not url:
        return False
    if not silent:
        state.append_pending(state.src[state.pos : url.end()])
    state.pos = url.end()
    return True


def _table(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """The block rule for tables, with `Table` as the reader of their lines."""
    if start + 2 > end or any(not _belongs(state, line) for line in (start, start + 1)):
        return False
    lines = [_line(state, start), _line(state, start + 1)]
    if Table.parse(lines) is None:
        return False
    if silent:
        return True
    outer, state.parentType = state.parentType, "table"
    enders = state.md.block.ruler.getRules("blockquote")
    line = start + 2
    while line < end and _belongs(state, line) and not any(rule(state, line, end, True) for rule in enders):
        lines.append(_line(state, line))
        line += 1
    token = state.push("table", "table", 0)
    token.map = [start, line]
    token.meta = {"table": Table.parse(lines)}
    state.line, state.parentType = line, outer
    return True


def _belongs(state: StateBlock, line: int) -> bool:
    return state.sCount[line] >= state.blkIndent and not state.is_code_block(line) and not state.isEmpty(line)


def _line(state: StateBlock, line: int) -> str:
    return state.src[state.bMarks[line] + state.tShift[line] : state.eMarks[line]]


def _parser() -> _Parser:
    parser = _Parser("commonmark", {"html": False, "maxNesting": DEEPEST})
    parser.enable(["table", "strikethrough"])
    parser.disable(["inline", "text_join", "reference", "html_block", "html_inline"])
    parser.inline.ruler.before("escape", "bare_url", _bare_url)
    parser.block.ruler.at("table", _table, {"alt": ["paragraph", "reference"]})
    return parser


_PARSER = _parser()
