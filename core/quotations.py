"""What an answer sets in quotation marks must stand in a text that was read, word for word."""

import re
from collections.abc import Iterable, Iterator

from core.terms import STOP_WORDS, words

_FEWEST_WORDS = 3
"""Shorter ones are names, labels and words that somebody holds at arm's length."""

_CODE = re.compile(r"```.*?(?:```|\Z)|`([^`\n“”„«»]+)`", re.DOTALL)
_QUOTING = re.compile(r"""[`"'‘’‚”“„«»‹›「」『』<>]""")
_LINK = re.compile(r"\[([^\[\]]*)\]\([^()\s]*\)")
_PROSE = re.compile(r"(?:[^\W\d_]{2,}|[\daAI]+)(?:[,;]? (?:[^\W\d_]{2,}|[\daAI]+))*[.!?]?")
_BEHIND = r"(?<![^\s(\[*_—–:-])"  # where a quotation can begin
_NEXT = r"\n(?!\s*\n)"  # a quotation may go over a line end, but not into another paragraph
_QUOTED = re.compile(
    rf"""[“„]((?:[^“”„\n]|{_NEXT})+)[“”] | {_BEHIND}”(?=\S)((?:[^“”„\n]|{_NEXT})+)”
      | «((?:[^«»\n]|{_NEXT})+)» | »((?:[^«»\n]|{_NEXT})+)« | ‹((?:[^‹›\n]|{_NEXT})+)›
      | ›((?:[^‹›\n]|{_NEXT})+)‹ | [「『]((?:[^「」『』\n]|{_NEXT})+)[」』]
      | {_BEHIND}"(?=\S)((?:[^"\n]|{_NEXT})+)"(?!\w)
      | {_BEHIND}[‘‚]((?:[^‘’\n]|(?<=\w)’(?=\w)|{_NEXT})+)[‘’](?!\w)
      | {_BEHIND}'(?=[^\W\d_])((?:[^'\n]|(?<=\w)'(?=\w)|{_NEXT})+)(?<=\S)'(?!\w)
      | <q\b[^<>]*>([^<]+)
      | ^[ ]{{0,3}}>[ >]*+(?![—–-])(.+)$""",
    re.VERBOSE | re.MULTILINE,
)
_LEFT_OUT = re.compile(r"\[[^\[\]]*\]|…|\.\.\.+")
_ASKED = re.compile(r"""(?<=[\w"'”’)*`])\?""")  # not the option of a command


def misquoted(answer: str, texts: Iterable[str]) -> list[str]:
    """The quotations of `answer` that stand in none of `texts`, in their order.

    Upper and lower case, punctuation, marks of emphasis and of code, and where links lead do not matter, but
    question marks do: some prompts write them as full stops. ``…`` and ``[…]`` stand for words that were
    left out.
    """
    quoted = list(_quotations(answer))
    read = [_plain(text) for text in texts] if quoted else []
    return [quotation for quotation in quoted if not any(_stands_in(quotation, text) for text in read)]


def _quotations(text: str) -> Iterator[str]:
    """What stands in quotation marks or in a quote of Markdown, with the code in it.

    What code quotes is none; but a sentence that is set like code is quoted all the same.
    """
    without = _CODE.sub(lambda found: _QUOTING.sub(" ", found[0]), text)
    quoted = [found.span(found.lastindex or 0) for found in _QUOTED.finditer(without)]
    like_code = [found.span(1) for found in _CODE.finditer(text) if _is_sentence(found[1] or "")]
    end = 0
    for start, stop in sorted([*quoted, *like_code]):
        quotation = text[start:stop].strip()
        if start >= end and len(words(quotation)) >= _FEWEST_WORDS:
            yield quotation
        end = max(end, stop)


def _is_sentence(code: str) -> bool:
    said = words(code)
    plain = sum(word in STOP_WORDS for word in said) * 3 > len(said) > _FEWEST_WORDS
    return plain and _PROSE.fullmatch(code) is not None


def _stands_in(quotation: str, text: str) -> bool:
    """Whether all parts of `quotation` stand in a plain text, one behind the other."""
    at = 0
    for part in _LEFT_OUT.split(_LINK.sub(r"\1", quotation)):
        wanted = _plain(part)
        ends = r"(?!questionmark )" if part.rstrip().endswith(".") else ""
        found = re.compile(re.escape(wanted) + ends).search(text, at)
        if wanted.strip() and not found:
            return False
        at = found.end() - 1 if found else at
    return True


def _plain(text: str) -> str:
    """The words of a text and its question marks, but not where links lead, with a space around each."""
    asked = _ASKED.sub(" questionmark ", _LINK.sub(r"\1", text))
    return f" {' '.join(words(asked))} "
