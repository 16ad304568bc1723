"""What an answer sets in quotation marks must stand in a text that was read, word for word."""

import re
from collections.abc import Iterable, Iterator

from core.terms import words

_FEWEST_WORDS = 3
"""Shorter ones are names, labels and words that somebody holds at arm's length."""

_CODE = re.compile(r"```.*?(?:```|\Z)|`[^`\n]+`", re.DOTALL)
_QUOTED = re.compile(
    r"""[“„]([^“”„\n]+)[“”] | «([^«»\n]+)» | 「([^「」\n]+)」 | (?<![^\s(\[*_—–-])"(?=\S)([^"\n]+)"(?!\w)
      | ^[ ]{0,3}>[ >]*+(?![—–-])(.+)$""",
    re.VERBOSE | re.MULTILINE,
)
_LEFT_OUT = re.compile(r"\[[^\[\]]*\]|…|\.\.\.+")
_ASKED = re.compile(r"\?")


def misquoted(answer: str, texts: Iterable[str]) -> list[str]:
    """The quotations of `answer` that stand in none of `texts`, in their order.

    Upper and lower case, punctuation and marks of emphasis do not matter, but question marks do: some
    prompts write them as full stops. ``…`` and ``[…]`` stand for words that were left out.
    """
    quoted = list(_quotations(answer))
    read = [_plain(text) for text in texts] if quoted else []
    return [quotation for quotation in quoted if not any(_stands_in(quotation, text) for text in read)]


def _quotations(text: str) -> Iterator[str]:
    """What stands in quotation marks or in a quote of Markdown, outside of code."""
    for found in _QUOTED.finditer(_CODE.sub(" ", text)):
        quotation = next(filter(None, found.groups())).strip()
        if len(words(quotation)) >= _FEWEST_WORDS:
            yield quotation


def _stands_in(quotation: str, text: str) -> bool:
    """Whether all parts of `quotation` stand in a plain text, one behind the other."""
    at = 0
    for part in _LEFT_OUT.split(quotation):
        wanted = _plain(part)
        ends = r"(?!questionmark )" if part.rstrip().endswith(".") else ""
        found = re.compile(re.escape(wanted) + ends).search(text, at)
        if wanted.strip() and not found:
            return False
        at = found.end() - 1 if found else at
    return True


def _plain(text: str) -> str:
    """The words of a text and its question marks, with a space on either side of each."""
    return f" {' '.join(words(_ASKED.sub(' questionmark ', text)))} "
