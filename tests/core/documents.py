"""Random Markdown in which every word is unique, and what a reader sees of it, as another parser tells."""

import os
import random
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, groupby, pairwise
from operator import itemgetter

from markdown_it import MarkdownIt
from markdown_it.token import Token

from tests.core.hostile import FRAGMENTS

DOCUMENTS = int(os.environ.get("CHASQUI_TEST_DOCUMENTS") or 80)
"""How many random documents each property is tried with. For many more add ``--timeout 0``."""

RUBBLE = """word
    # Head
    - item
    1. item
    10. ten
    > quote
    ``` py
    ```
    ````md
    ````
    ~~~
    x = 1
    text:
    ---
    ===
    | c | d |
    ``` not`fence""".replace("\n    ", "\n").splitlines(keepends=True)
RUBBLE += ["   ```\n", "    x = 1\n", "  - sub item\n", "     - deep\n", "> > deep quote\n", "- > mixed\n"]
RUBBLE += ["  > more\n", "- ```py\n", "  code\n", "  ```\n", "> ```\n", "> code\n", "\na | b\n---|---\n"]
RUBBLE += ["`code` ", "**bold** ", "[link text](http://x.y/z) ", "para.\n\n", "One. And two! ", "\n\n\n"]
RUBBLE += [*r"** * _ __ [ ]( ` ~~ || <br> \* \ ".split(" "), "\n", "\t", "   ", "\u2067"]
RUBBLE += ["a" * 150, "語" * 90, "👨‍👩‍👧‍👦" * 12, "e" + "\u0301" * 200, "www.example.com/" + "p" * 100]
RUBBLE += ["```" + "b" * 150, "~~~" + "c" * 150 + "\n", "`" * 30 + "\n", "~" * 30 + "\n"]
RUBBLE += ["**a long emphasis that goes on and on " * 4 + "**"]
"""Pieces of Markdown that fit together as badly as can be."""

_PARSER = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
_MAY_REPEAT = re.compile(r"(?:Hd|nf)\d+a")
_FAR_QUOTE = re.compile(r"(?: {4}|[ \t]*\t)[ \t]*>")  # no quote, but markdown-it takes it for one
_WORD = re.compile(r"(?:rio|montaña|k|chasqui|Ñu)\d+a")
_UNSEEN = re.compile(r"[\s\u200b\u2066-\u2069]+")
_MARKUP = re.compile(r"[\s\u200b\u2066-\u2069`~>|*_#=:+-]+")
_STRUCTURE = frozenset({"ul", "ol", "li", "p", "table", "thead", "tbody", "tr", "td"})


class Writer:
    """Writes documents. `atoms` are what no page may tear: links, code, addresses, short emphasis.

    Words in the heads of tables begin with ``Hd`` and those behind a fence with ``nf``: pages may say
    them again.
    """

    def __init__(self, rng: random.Random) -> None:
        self.atoms: list[str] = []
        self._rng = rng
        self._number = 0

    def document(self, blocks: int) -> str:
        """So many blocks of all kinds."""
        return "\n".join(self._separated(self._block(2) for _ in range(blocks)))

    def prose(self, paragraphs: int) -> str:
        """Paragraphs of sentences without any markup."""
        rng = self._rng
        sizes = (rng.randrange(1, 9) for _ in range(paragraphs))
        return "\n\n".join(" ".join(self._sentence(self._word) for _ in range(size)) for size in sizes)

    def rubble(self, pieces: int) -> str:
        """Pieces that do not belong together, with words between some of them."""
        text = "".join(self._rubble_piece() for _ in range(pieces))
        return _FAR_QUOTE.sub(" >", text)

    def _rubble_piece(self) -> str:
        rng = self._rng
        piece: str = rng.choice(RUBBLE if rng.random() < 0.9 else FRAGMENTS)
        return piece if rng.random() < 0.6 else piece + self._word() + rng.choice(" \n")

    def _word(self, beginning: str = "") -> str:
        self._number += 1
        return f"{beginning or self._rng.choice(('rio', 'montaña', 'k', 'chasqui', 'Ñu'))}{self._number}a"

    def _words(self, least: int, most: int) -> str:
        return " ".join(self._word() for _ in range(self._rng.randint(least, most)))

    def _sentence(self, part: Callable[[], str]) -> str:
        return " ".join(part() for _ in range(self._rng.randrange(2, 14))) + self._rng.choice("...?!:,")

    def _separated(self, blocks: Iterable[list[str]]) -> list[str]:
        lines: list[str] = []
        for block in blocks:
            lines += [*block, *[""] * self._rng.choice((1, 1, 1, 2))]
        while lines and not lines[-1]:
            lines.pop()
        return lines

    def _block(self, deeper: int) -> list[str]:
        """The lines of one block, at most so many containers deep."""
        if deeper and self._rng.random() < 0.35:
            return self._rng.choice((self._list, self._quote))(deeper - 1)
        paragraph = self._paragraph
        return self._rng.choice(
            (paragraph, paragraph, self._heading, self._fence, self._table, self._indented, self._unbroken)
        )()

    def _paragraph(self) -> list[str]:
        sentences = [self._sentence(self._phrase) for _ in range(self._rng.randrange(1, 6))]
        return self._rng.choice((" ", " ", "\n")).join(sentences).split("\n")

    def _phrase(self) -> str:
        dice, word, words = self._rng.random(), self._word, self._words
        if dice < 0.85:
            return word()
        if dice < 0.86:  # longer than what is kept whole
            return f"**{words(60, 90)}**"
        atom = self._rng.choice(
            (
                lambda: f"**{words(1, 3)}**",
                lambda: f"*{words(1, 3)}*",
                lambda: f"**{word()} *{word()}* {word()}**",
                lambda: f"~~{words(1, 3)}~~",
                lambda: f"`{words(1, 3)}`",
                lambda: f"``{word()} ` {word()}``",
                lambda: f"[{word()} [{word()}] `{word()}`](https://x.example/{word()}_({word()}))",
                lambda: f'[{words(1, 3)}](<https://x.example/{word()}> "{words(1, 2)}")',
                lambda: f"https://x.example/{word()}?{word()}={word()}",
                lambda: f"<@{word()}>",
            )
        )()
        self.atoms.append(atom)
        return atom

    def _heading(self) -> list[str]:
        underline = self._rng.choice(("", "", "", "===", "---"))
        if underline:
            return [self._words(1, 4), underline]
        return [f"{'#' * self._rng.randrange(1, 5)} {self._words(1, 5)}"]

    def _fence(self) -> list[str]:
        rng = self._rng
        sign = rng.choice(("```", "```", "~~~", "````"))
        info = " ".join(self._word("nf") for _ in range(rng.randrange(3)))
        code = [self._code(sign) for _ in range(rng.randrange(14))]
        indent = " " * rng.choice((0, 0, 0, 1))
        return [f"{indent}{sign}{info}", *code, self._word(), f"{indent}{sign}"]

    def _code(self, sign: str) -> str:
        word = self._word
        return self._rng.choice(
            (
                lambda: f"{word()} = {word()}({word()})",
                lambda: f"        return {word()} # {word()}",
                lambda: f"| {word()} | {word()} |",
                lambda: f"- {word()} **{word()}",
                lambda: f"> # {word()}",
                lambda: "",
                lambda: ";".join(f"{word()}=[{word()}]" for _ in range(30)),
                lambda: "~~~" if sign[0] == "`" else "```",
                lambda: "    ```" if sign == "```" else f"{sign[:-1]}",
            )
        )()

    def _table(self) -> list[str]:
        rng = self._rng
        columns = range(rng.randrange(1, 4))
        head = [self._word("Hd") for _ in columns]
        delimiter = [rng.choice(("---", ":-:", "---:")) for _ in columns]
        rows = [[self._words(1, 2) for _ in columns] for _ in range(rng.randrange(1, 9))]
        return [f"| {' | '.join(row)} |" for row in (head, delimiter, *rows)]

    def _indented(self) -> list[str]:
        return [f"    {self._word()} = {self._word()}" for _ in range(self._rng.randrange(1, 9))]

    def _unbroken(self) -> list[str]:
        """A line without spaces."""
        rng = self._rng
        kinds: tuple[Callable[[], str], ...] = (
            self._word,
            lambda: chr(rng.randrange(0x4E00, 0x9FA5)) + rng.choice(("", "", "", "", "。", "，")),
            lambda: rng.choice(("👨‍👩‍👧‍👦", "👍🏽", "🇵🇪", "e\u0301", "क्षि")),
        )
        kind = rng.choice(kinds)
        return ["".join(kind() for _ in range(rng.randrange(60)))]

    def _list(self, deeper: int) -> list[str]:
        rng, start = self._rng, self._rng.choice((1, 1, 3, 9, 98))
        marker: Callable[[int], str] = rng.choice(
            (
                lambda _: "- ",
                lambda _: "*   ",
                lambda _: "- [ ] ",
                lambda number: f"{start + number}. ",
                lambda number: f"{start + number})  ",
            )
        )
        items = [self._item(marker(number), deeper) for number in range(rng.randrange(1, 6))]
        return self._separated(items) if rng.random() < 0.3 else list(chain.from_iterable(items))

    def _item(self, marker: str, deeper: int) -> list[str]:
        more = (self._block(deeper) for _ in range(self._rng.choice((0, 0, 1))))
        inner = self._separated([self._paragraph(), *more])
        indent = " " * (2 if "[" in marker else len(marker))
        return [marker + inner[0], *(line and indent + line for line in inner[1:])]

    def _quote(self, deeper: int) -> list[str]:
        if self._rng.random() < 0.2:  # only its first line says that it is one
            return [f"> {self._words(3, 30)}", *(self._words(3, 30) for _ in range(3))]
        inner = self._separated(self._block(deeper) for _ in range(self._rng.randrange(1, 3)))
        return [f"> {line}".rstrip() for line in inner]


def said(markdown: str) -> str:
    """All that a text says, without white space, markup, and what pages may say again."""
    return _MARKUP.sub("", _MAY_REPEAT.sub("", markdown))


def lost(pages: Iterable[str], text: str) -> bool:
    """Whether not all that `text` says is said, in its order."""
    shown = iter(_MARKUP.sub("", "".join(pages)))
    return not all(sign in shown for sign in _MARKUP.sub("", text))


def doubled(pages: Iterable[str]) -> list[str]:
    """Words that pages say more than once, though they are no head of a table or language of code."""
    pages = list(pages)
    tokens = _parsed(pages)
    may_repeat = set(_WORD.findall(" ".join([*_heads(tokens), *(token.info for token in tokens)])))
    times = Counter(chain.from_iterable(map(_WORD.findall, pages)))
    return [word for word, said in times.items() if said > 1 and word not in may_repeat]


def open_fence(page: str) -> str | None:
    """The content of the fenced code block that no fence ends at the end of a page."""
    lines = page.count("\n") + 1
    for token in _parsed([f"{page}\n"]):
        if token.type == "fence" and token.map and token.map[1] >= lines:
            closed = token.map[1] - token.map[0] == token.content.count("\n") + 2
            return None if closed else token.content
    return None


def hollow(pages: Iterable[str]) -> int:
    """How many tables have no rows, and how many blocks of code say nothing."""
    tokens = _parsed(pages)
    kinds = [token.type for token in tokens]
    silent = sum(token.type == "fence" and not token.content.strip() for token in tokens)
    return kinds.count("thead_open") - kinds.count("tbody_open") + silent


def heads(pages: Iterable[str]) -> list[str]:
    """The words in the heads of tables, in order, each once."""
    return list(dict.fromkeys(_heads(_parsed(pages))))


def same_code(pages: Iterable[str], text: str) -> bool:
    """Whether the code between fences is that of `text`; a long line may go on on the next page."""
    shown = iter(_code(pages))
    for line in _code([text]):
        rest = line
        while rest:
            piece = next(shown, "")
            piece = piece if rest is line else piece.lstrip()
            if not piece or not rest.startswith(piece):
                return False
            rest = rest[len(piece) :].lstrip()
    return next(shown, None) is None


def looks(pages: Iterable[str]) -> list[tuple[str, str]]:
    """What a reader sees, in order: how it looks, and all of it that looks like this without white space.

    Heads of tables are not among it, nor how deep in lists something stands.
    """
    seen = (piece for page in pages for piece in _seen(_PARSER.parse(page), ()))
    words = ((look, _UNSEEN.sub("", text)) for look, text in seen)
    alike = groupby((pair for pair in words if pair[1]), key=itemgetter(0))
    return [(look, "".join(map(itemgetter(1), pairs))) for look, pairs in alike]


def _parsed(pages: Iterable[str]) -> list[Token]:
    return [token for page in pages for token in _PARSER.parse(page)]


def _heads(tokens: list[Token]) -> list[str]:
    return [inline.content for head, inline in pairwise(tokens) if head.type == "th_open"]


def _code(pages: Iterable[str]) -> list[str]:
    """The lines between fences that say something."""
    fences = (token for token in _parsed(pages) if token.type == "fence")
    return [line.rstrip() for fence in fences for line in fence.content.split("\n") if line.strip()]


def _seen(tokens: list[Token], around: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """Pieces of text, each with the names of all that it stands in."""
    for token in tokens:
        name = f"{token.tag}{token.attrs.get('href', '')}{token.attrs.get('title', '')}"
        if token.type in ("fence", "code_block"):
            yield " ".join((*around, "block", token.info.strip())), token.content
        elif token.children is not None:
            if "th" not in around:
                yield from _seen(token.children, around)
        elif token.nesting == 1 and token.tag not in _STRUCTURE:
            around = (*around, name)
        elif token.nesting == -1 and token.tag not in _STRUCTURE:
            around = around[:-1]
        elif token.content:
            yield " ".join((*around, *[token.tag] * bool(token.tag))), token.content
