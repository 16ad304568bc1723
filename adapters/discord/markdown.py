"""Markdown as Discord shows it: close to CommonMark, with other limits and more syntax.

What Discord has and Markdown has not stays text: underline, spoilers, subtext, quotes to the end of the
message, mentions, emojis and times. Mentions are broken with U+200B behind their first sign, wherever
Discord reads them; in code it reads none, so code is sent exactly as it is, but for a row of three
backticks in a block of code, which would end it. (Whoever sends a page allows no mentions besides.)
Not on Discord, and so written otherwise: tables, pictures, rules, tasks, HTML, headings below the third.
Source: support.discord.com "Markdown Text 101", and how the client's parser takes its own syntax.
"""

import re
from collections.abc import Sequence
from urllib.parse import quote

from core.characters import sendable
from core.rendering import BREAK, Raw, Renderer, broken, unfenced
from core.types import PageProfile

_LANGUAGE = re.compile(r"[A-Za-z0-9_+\-.#]+")
_MENTION = re.compile(r"@(?=everyone|here)|<(?=[@#]|/[^<>\n]*:|\w*:)", re.IGNORECASE)
_LINE_START = re.compile(r"^(?=>|#{1,3} |-# )", re.MULTILINE)
# A single sign between two letters or two spaces is no markup. A backslash escapes any other sign.
_SYNTAX = re.compile(
    r"`|\\(?=[^0-9A-Za-z\s])|\](?=\()|\|(?:(?=\|)|(?<=\|\|))|~(?:(?=~)|(?<=~~))"
    r"|\*(?!(?<=\s\*)\s)|_(?!(?<=\s_)\s|(?<=[^\W_]_)[^\W_])"
)
_LINE_SIGNS = (">", "#", "-")
_BACKSLASH = r"\\"  # as a template
_SIGNS = "\\`*_~|<>@#[]()-"
_UNSAFE = re.compile(r"[\s<>\\`]|@(?=everyone|here)", re.IGNORECASE)
_BALANCED = re.compile(r"(?:[^()]|\([^()]*\))*")


class _Discord(Renderer):
    def heading(self, level: int, source: str) -> str:
        if level > 3:
            return self.inline(source, strong=True)
        return f"{'#' * level} {self.inline(source)}".replace("\n", " ")

    def code_block(self, code: str, info: str) -> str:
        language = _LANGUAGE.fullmatch(info.split(maxsplit=1)[0]) if info else None
        body = unfenced(code) if code.strip("\n") else BREAK  # no code is no block
        return f"```{language[0] if language else ''}\n{body}\n```"

    def text(self, content: str) -> str:
        return _SYNTAX.sub(lambda sign: f"\\{sign[0]}", content)

    def escaped(self, sign: str, source: str) -> str:
        return f"\\{sign}" if source[0] == "\\" or sign in _SIGNS else sign

    def code(self, content: str) -> list[str]:
        if "`" not in content:
            return [Raw(f"`{content}`")]
        runs = {len(run) for run in re.findall("`+", content)}
        if 1 in runs and len(runs) > 1:  # no row of signs is left that Discord takes for inline code
            content, runs = re.sub("`(?=`)", f"`{BREAK}", content), {1}
        sign = "``" if 1 in runs else "`"
        space = " " if content[0] == "`" or content[-1] == "`" else ""
        return [Raw(f"{sign}{space}{content}{space}{sign}")]

    def address(self, url: str) -> str:
        if not _BALANCED.fullmatch(url):
            url = url.replace("(", "%28").replace(")", "%29")
        return _UNSAFE.sub(lambda sign: quote(sign[0], safe=""), url)

    def link(self, label: Sequence[str], words: str, url: str, title: str) -> list[str]:
        named = f' "{title}"' if title and '"' not in title and "\n" not in title else ""
        return ["[", *label, Raw(f"]({self.address(url)}"), named, Raw(")")]

    def mark(self, name: str, source: str, *, opens: bool) -> str:
        return "**" if name == "strong" else source

    def settled(self, line: str) -> str:
        line = broken(line, _MENTION)
        return _LINE_START.sub(_BACKSLASH, line) if "\n" in line or line[:1] in _LINE_SIGNS else line


def render(markdown: str) -> str:
    """A page of Markdown as the `content` of a Discord message."""
    return _DISCORD.render(markdown)


_DISCORD = _Discord()

CONTENT = PageProfile(
    limit=2000,
    measure="code_points",
    render=render,
    tables="code",
    pace=1.2,
    max_pages=5,
)
"""An ordinary message: `content` of at most 2,000 code points. Nearly all text is sent as it is written."""


def literal(text: str) -> str:
    """Any text on one line, so that Discord shows its very characters."""
    line = _DISCORD.text(" ".join(sendable(text).split()).replace("\\", _BACKSLASH))
    return broken(re.sub(r"^[->#]", r"\\\g<0>", line), _MENTION)
