"""Markdown as Slack takes it: as it is for `markdown` blocks and streams, and as mrkdwn.

Nothing that a model writes can call people or a channel. Sources: docs.slack.dev "Formatting message
text", "Markdown block"; that mrkdwn wants its signs at the edges of words, and takes U+200B for such an
edge, is what others report.
"""

import re
from collections.abc import Sequence
from urllib.parse import quote

from core.blocks import Fence, lines
from core.characters import sendable
from core.rendering import BREAK, Raw, Renderer, broken, unfenced
from core.types import PageProfile

# --- `markdown` blocks and streams ---------------------------------------------------------------------

_JOINER = "\u2060"
_NAMED_CALL = r"@(?=here|channel|everyone)"
_IN_TEXT = re.compile(
    r"(?P<address>(?<![a-z0-9.-])(?:https?://(?=[a-z0-9])|(?:[a-z0-9-]++\.)++[a-z]{2,}+/)"
    r"(?:[a-z0-9.:/?#%&=+@-]|_(?!@))*+)"
    r"|<[!@#](?=\w)|(?<![a-z0-9])@(?:her(?=e)|channe(?=l)|everyon(?=e))",
    re.ASCII | re.IGNORECASE,
)
_IN_CODE = re.compile(
    r"<!(?i:her(?=e)|channe(?=l)|everyon(?=e)|subtea(?=m))|<@[UW](?=[0-9A-Z])|<#C(?=[0-9A-Z])"
)


def neutral(markdown: str) -> str:
    """Markdown for a `markdown` block or a stream, without what Slack may take for a call to people.

    A stream can only be appended to, so U+2060 stands before the sign with which a call would be one, and
    nothing that follows a sign matters: what this makes of a text cut anywhere is how it begins for the
    whole text. Addresses and e-mail addresses stay exact. Nobody says what Slack reads in fenced code, so
    only its exact forms (``<!here>``, ``<@U1>``) are broken there; and since a backtick may never be
    closed, inline code is read as text.
    """
    text = sendable(markdown)
    if "<" not in text and "@" not in text:
        return text
    parts = []
    for line in lines(text):
        fenced = line.kind == "code" and isinstance(line.before.leaf, Fence)
        parts.append((_IN_CODE if fenced else _IN_TEXT).sub(_kept_apart, text[line.start : line.end]))
    return "\n".join(parts)


def _kept_apart(call: re.Match[str]) -> str:
    return call[0] if call.lastgroup == "address" else call[0] + _JOINER


MARKDOWN = PageProfile(
    limit=9000,
    measure="utf8_bytes",
    render=neutral,
    growth={"<": 3, "@": 3},
    editable=False,
    pace=0.75,
    max_age=270.0,
    max_pages=3,
)
"""A stream, or a message of one `markdown` block.

Slack documents 12,000 characters and is seen to refuse from 10,600 bytes; a stream ends by itself after
five minutes.
"""

# --- mrkdwn ---------------------------------------------------------------------------------------------

_ENTITIES = {ord("&"): "&amp;", ord("<"): "&lt;", ord(">"): "&gt;"}
_CALL_BY_NAME = re.compile(_NAMED_CALL, re.IGNORECASE)

# While a paragraph is put together its signs are noncharacters: a literal one must not be taken for markup.
_SIGNS = "*_~`"
_OPENS, _CLOSES, _LITERALS = "\ufdd1\ufdd2\ufdd3\ufdd4", "\ufdd5\ufdd6\ufdd7\ufdd8", "\ufdd9\ufdda\ufddb"
_NAMES = ("strong", "em", "s")
_WRITTEN = tuple(zip(_OPENS + _CLOSES, _SIGNS + _SIGNS, strict=True))
# A reversed prime looks much the same and begins no code; mrkdwn has no way to escape a backtick.
_PLAIN = _ENTITIES | str.maketrans(_SIGNS, _LITERALS + "\u2035")
_WORD = rf"[^\s!-/:-@\[-`{{-~{_OPENS}{_CLOSES}{_LITERALS}{BREAK}]"
_EDGE = re.compile(rf"[{_OPENS}](?<={_WORD}.)|[{_CLOSES}](?={_WORD}|[{_OPENS}])")
_LITERAL = re.compile(rf"[{_LITERALS}]")
_QUOTE_SIGN = re.compile(r"^(?=&gt;)", re.MULTILINE)


class _Mrkdwn(Renderer):
    bullets = ("•", "◦", "▪")
    schemes = ("https://", "http://", "mailto:")
    indents_code = False

    def heading(self, level: int, source: str) -> str:
        return self.inline(source, strong=True)

    def code_block(self, code: str, info: str) -> str:
        body = unfenced(code).translate(_ENTITIES)
        return f"```\n{body}\n```"

    def text(self, content: str) -> str:
        return content.translate(_PLAIN)

    def escaped(self, sign: str, source: str) -> str:
        return self.text(sign)

    def code(self, content: str) -> list[str]:
        if "`" in content:  # only a block of code can hold one
            start, end = (BREAK if content[edge] == "`" else "" for edge in (0, -1))
            return [Raw(self.code_block(f"{start}{content}{end}", "").replace("\n", ""))]
        return [_OPENS[3], Raw(content.translate(_ENTITIES)), _CLOSES[3]]

    def address(self, url: str) -> str:
        url = re.sub(r"[\s<>|]", lambda sign: quote(sign[0]), url)
        return _CALL_BY_NAME.sub("%40", url).replace("&", "&amp;")

    def bare(self, url: str) -> str:
        written = self.address(url)
        return Raw(f"<{written}>" if any(sign in url for sign in _SIGNS) else written)

    def link(self, label: Sequence[str], words: str, url: str, title: str) -> list[str]:
        shown = broken(words.replace("|", "∣").translate(_ENTITIES), _CALL_BY_NAME)
        return [Raw(f"<{self.address(url)}|{shown}>")]

    def mark(self, name: str, source: str, *, opens: bool) -> str:
        return (_OPENS if opens else _CLOSES)[_NAMES.index(name)]

    def line_break(self, marks: Sequence[str]) -> str:
        opens = [self.mark(name, "", opens=True) for name in marks]
        closes = [self.mark(name, "", opens=False) for name in reversed(marks)]
        return f"{''.join(closes)}\n{''.join(opens)}"

    def settled(self, line: str) -> str:
        if _LITERAL.search(line):
            line = "\n".join(map(_settled_line, line.split("\n")))
        if not line.isascii():
            line = _EDGE.sub(_apart, line)
            for mark, sign in _WRITTEN:
                line = line.replace(mark, sign)
        line = broken(line, _CALL_BY_NAME)
        return _QUOTE_SIGN.sub(BREAK, line) if "&gt;" in line else line


def _apart(edge: re.Match[str]) -> str:
    return BREAK + edge[0] if edge[0] in _OPENS else edge[0] + BREAK


def _settled_line(line: str) -> str:
    """A line with its literal signs, those broken that mrkdwn would take for the edges of emphasis."""
    for literal, sign, opens in zip(_LITERALS, _SIGNS, _OPENS, strict=False):
        if line.count(literal) + line.count(opens) > 1:
            line = re.sub(rf"(?<![^\W_]){literal}(?=\S)", f"{sign}{BREAK}", line)
            line = re.sub(rf"(?<=\S){literal}(?![^\W_])", f"{BREAK}{sign}", line)
        line = line.replace(literal, sign)
    return line


_MRKDWN = _Mrkdwn()


def render(markdown: str) -> str:
    """A page of Markdown as mrkdwn, for `text` and section blocks."""
    return _MRKDWN.render(markdown)


MRKDWN = PageProfile(
    limit=3900,
    measure="code_points",
    render=render,
    growth={"&": 4, "<": 3, ">": 3},
    tables="code",
    pace=3.0,
    max_pages=3,
)
"""An ordinary message that is replaced as it grows."""
