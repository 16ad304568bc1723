"""What all dialects share: stretches that stand alone, links that mislead."""

import random
import re
from collections.abc import Sequence

import pytest

from core.addresses import misleading
from core.rendering import Raw, Renderer, _stretches
from tests.core.hostile import seeded

BLOCKS = [
    "word ",
    "two\n",
    "\n",
    "\n\n",
    "\n\n",
    "- a\n",
    "- ",
    "  - b\n",
    "1. x\n",
    "12) y\n",
    "> ",
    "> q\n",
]
BLOCKS += [
    "```\nx\n",
    "```py\nx\n",
    "~~~\nx\n",
    "  ```\nx\n",
    "   ```\nx\n",
    "    ```\n",
    "    code\n",
    "\tt\n",
]
BLOCKS += [
    "# h\n",
    "===\n",
    "---\n",
    "***\n",
    "| a | b |\n|---|---|\n",
    "| c | d |\n",
    "|x",
    "+ p\n",
    "  para\n",
]
BLOCKS += ["   para\n", "- ```\nx\n", "1. ~~~\nx\n", " ~~~\n", "````\n", "> ```\n", "-\n"]

EMPTY_ITEM = re.compile(r"(?:[-+]|\d[.)])[ \t]*$", re.MULTILINE)


def fragments(rng: random.Random, of: list[str], most: int) -> str:
    """A text of random pieces."""
    return "".join(rng.choices(of, k=rng.randrange(1, most)))


class Echo(Renderer):
    """A platform that takes Markdown as it is."""

    def heading(self, level: int, source: str) -> str:
        return f"{'#' * level} {self.inline(source)}"

    def code_block(self, code: str, info: str) -> str:
        return f"<{info}\n{code}\n>"

    def text(self, content: str) -> str:
        return content

    def escaped(self, sign: str, source: str) -> str:
        return source

    def code(self, content: str) -> list[str]:
        return [Raw(f"`{content}`")]

    def address(self, url: str) -> str:
        return url

    def link(self, label: Sequence[str], words: str, url: str, title: str) -> list[str]:
        return ["[", *label, Raw(f"]({self.address(url)})")]

    def mark(self, name: str, source: str, *, opens: bool) -> str:
        return source

    def settled(self, line: str) -> str:
        return line


def test_stretches_mean_the_same_alone_as_in_their_page() -> None:
    """A page that is taken apart to be remembered in parts is rendered as if it were not."""
    rng, several = seeded(), 0
    for _ in range(4_000):
        text = fragments(rng, BLOCKS, 14).rstrip("\n")
        if EMPTY_ITEM.search(text):
            continue  # `blocks` reads what follows an empty item otherwise than the parser
        apart, whole = Echo().render(text), Echo()._rendered(text)

        assert apart == whole or not whole.strip(), text
        several += len(list(_stretches(text))) > 1
    assert several > 200


def test_lists_and_quotes_keep_their_shape() -> None:
    """Items show their own numbers, tasks their boxes, and every line stands under what it belongs to."""
    source = [
        "Text before",
        "+ [ ] todo",
        "* [x] done",
        "  1) one",
        "  1) two",
        "",
        "",
        "     more of two",
        "     ```c",
        "     code",
        "",
        "       deep",
        "     ```",
        "",
        "> > quote",
        "lazy<br>broken",
        ">",
        "> - item",
        "-",
    ]
    assert Echo().render("\n".join(source)).split("\n") == [
        "Text before",
        "- ☐ todo",
        "- ☑ done",
        "  1. one",
        "  2. two",
        "",
        "     more of two",
        "     <c",
        "     code",
        "",
        "       deep",
        "     >",
        "",
        "> > quote",
        "> > lazy",
        "> > broken",
        "> ",
        "> - item",
        "-",
    ]


def test_what_is_nested_too_deep_is_shown_as_it_is_written() -> None:
    """No text is lost, however deep the quotes and lists are."""
    deep = "> " * 500 + "word " + "- " * 10
    assert Echo().render(deep) == deep


def test_only_the_last_block_of_a_growing_page_is_rendered_again() -> None:
    """What does not change is remembered, and as much of it only as one page can need."""
    echo = Echo()
    page = "\n\n".join(f"Paragraph {number} with **bold** words." for number in range(200))
    for end in range(0, len(page), 60):
        echo.render(page[:end])
    seen = echo._block.cache_info()

    assert seen.misses < 200 + len(page) / 60 + 10
    assert seen.maxsize is not None


@pytest.mark.parametrize(
    ("label", "address", "misleads"),
    [
        ("the docs", "https://docs.example/x", False),
        ("good.com", "https://good.com/login", False),
        ("www.good.com", "https://good.com/login", False),
        ("good.com", "https://www.good.com/", False),
        ("good.com", "https://evil.example/good.com", True),
        ("good.com", "https://good.com.evil.example/", True),
        ("good.com", "https://good.com@evil.example/", True),
        ("go to Good.com now", "https://evil.example/", True),
        ("https://good.com", "https://good.com/login", True),
        ("https://good.com", "https://good.com", False),
        ("me@good.com", "https://evil.example/", True),
        ("main.py", "https://git.example/x/main.py", False),
        ("good.com", "https://[bad", True),
        ("version 1.2", "https://x.example", False),
    ],
)
def test_labels_that_read_like_another_address_mislead(label: str, address: str, misleads: bool) -> None:
    """A name of a host in a label must be the host that the link opens; a file's name may be one."""
    assert misleading(label, address) is misleads
