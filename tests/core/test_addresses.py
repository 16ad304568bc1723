"""Links in an answer from passages: those of the passages stay, invented ones lose their address."""

import re

import pytest

from core.addresses import LONGEST, LOST, Addresses, LinkFilter
from core.types import Passage
from tests.core.hostile import FRAGMENTS, pieces, seeded

KNOWN = Addresses(
    [
        Passage(
            "1",
            "d",
            "Guide",
            "See https://known.example/a/b(c). Also www.known.example, or\nmailto:a@known.example",
        ),
        Passage("2", "d", "Guide", "More.", url="https://docs.example/page", anchor="leave"),
    ]
)


def filtered(text: str, parts: list[str] | None = None) -> str:
    """What is shown of a text that comes in these parts."""
    links = LinkFilter(KNOWN)
    return "".join(links.feed(part) for part in parts or [text]) + links.close()


FORMS = {
    "[here](https://evil.example)": "here",
    '[here](https://evil.example "title") and': "here and",
    "[here](<https://evil.example>)": "here",
    "[two\nlines](https://evil.example)": "two\nlines",
    "![a map](https://evil.example/x.png)": "a map",
    "<https://evil.example>.": f"{LOST}.",
    "see https://evil.example/x, or": f"see {LOST}, or",
    "see (https://evil.example/x)": f"see ({LOST})",
    "WWW.evil.example": LOST,
    "mailto:x@evil.example": LOST,
    "[x]: https://evil.example": f"[x]: {LOST}",
    "> [x]: https://evil.example 'title'": f"> [x]: {LOST} 'title'",
    '<a href="https://evil.example">here</a>': "here</a>",
    "<img src=https://evil.example/x.png>": "",
    "[run](javascript:alert(1)) [go](/there)": "run go",
    "[x https://evil.example y": f"[x {LOST} y",
    "[a [b](https://evil.example)](https://evil.example)": f"[a b]({LOST})",
    "https://known.example/a/b(c)/more": LOST,
    "https://known.example.evil.example": LOST,
    "https://known.example/a/b(c)@evil.example": LOST,
    "https://docs.example/page#other": LOST,
    "\\`[a](https://evil.example)\\`": "\\`a\\`",
    "> ```\n[a](https://evil.example)": "> ```\na",
    "- ```\nhttps://evil.example": f"- ```\n{LOST}",
    "https&#58;//evil.example &#104;ttps: &lt;": "https&amp;#58;//evil.example &amp;#104;ttps: &lt;",
    "https\\://evil.example or https:/\\/evil.example": f"{LOST} or {LOST}",
    '[a](https://docs.example/page "t" https://evil.example)': "a",
    "ahttps://evil.example": f"a{LOST}",
    "https:[//evil.example](x)": "https: //evil.example",
}
STAYS = [
    "[here](https://known.example/a/b(c))",
    '[here](https://docs.example/page#leave "The page")',
    "https://docs.example/page/ and HTTPS://Docs.Example/page.",
    "(https://known.example/a/b(c))",
    "<https://docs.example/page>, www.known.example!",
    "[x]: https://docs.example/page",
    "mailto:a@known.example",
    "`https://evil.example` is code",
    "``a ` https://evil.example``",
    "```\nhttps://evil.example [a](b)\n```\n",
    "Wow! [1] what? a < b [x][y] [ ] how, http is a protocol, www too.",
    "[]() nothing",
]


@pytest.mark.parametrize("text", FORMS)
def test_an_invented_link_loses_its_address(text: str) -> None:
    """In whatever form it is written; its words stay."""
    assert filtered(text) == FORMS[text]


@pytest.mark.parametrize("text", STAYS)
def test_what_is_no_invented_link_stays_as_it_is(text: str) -> None:
    """Addresses of the passages, code, and everything that only looks a little like a link."""
    assert filtered(text) == text


def test_code_ends_where_it_ends() -> None:
    """What follows a block of code is looked at again."""
    text = "```\nhttps://evil.example\n```\nhttps://evil.example\n"

    assert filtered(text) == f"```\nhttps://evil.example\n```\n{LOST}\n"


PARTS = [
    *FORMS,
    *STAYS,
    *FRAGMENTS,
    " ",
    "\n",
    "word ",
    "[",
    "](",
    ")",
    "`",
    "```\n",
    "https://",
    "evil.example ",
    "!",
]
SHORT = [part for part in PARTS if len(part) < 60]
FOUND = re.compile(r"(?<![A-Za-z0-9])(?:https?://|www\.|mailto:)[^\s<>`)\[\]]*", re.IGNORECASE)


def test_the_pieces_of_a_stream_do_not_matter() -> None:
    """The same text in other pieces is shown the same, and at most a link's length is held back."""
    rng = seeded()
    for _ in range(1_500):
        text = "".join(rng.choices(SHORT, k=rng.randrange(20)))
        whole = filtered(text)

        assert filtered(text, list(pieces(rng, text))) == whole, text
        assert filtered(text, list(text)) == whole, text


def test_no_invented_address_is_left_outside_of_code() -> None:
    """Looked for with other means: every address that is left in prose is known."""
    rng = seeded()
    prose = [part for part in SHORT if "`" not in part and "~" not in part]
    for _ in range(1_500):
        shown = filtered("".join(rng.choices(prose, k=rng.randrange(20))))

        for address in FOUND.findall(shown):
            assert any(known in address.lower() for known in ("known.example", "docs.example/page")), shown


def test_words_are_never_lost() -> None:
    """Whatever brackets and signs stand around them, plain words come out, in order."""
    rng = seeded()
    for _ in range(1_500):
        words = [f"word{number}" for number in range(rng.randrange(20))]
        signs = ["[", "]", " ", "!", "`", "*", "\n", "<", "> ", "(", ") ", "\n\n"]
        text = "".join(word + rng.choice(signs) for word in words)
        text = re.sub(r"\]\(", "] (", text)

        assert re.findall(r"word\d+", filtered(text, list(pieces(rng, text)))) == words, text


@pytest.mark.parametrize("sign", ["[", "[a](", "`", "<", "`a", "[x]: ", "h", "![](", "[a", "https://x", "!"])
def test_nothing_is_held_back_for_ever(sign: str) -> None:
    """A link that never ends is shown in the end, and costs little."""
    links, shown, text = LinkFilter(KNOWN), 0, sign * (6_000 // len(sign))
    for at in range(0, len(text), 100):
        shown += len(links.feed(text[at : at + 100]))
        if "http" not in sign:
            assert at + 100 - shown <= LONGEST + 100, (at, shown)

    assert shown + len(links.close())
