"""The signs by which a model names sources: keywords like ``Source:``, and marks like [1].

Every expression has a greatest length, so that what must be held back of a stream has one too.
"""

import re
from collections.abc import Mapping, Sequence

_UNSEEN = "\u00ad\u200b-\u200f\u2061-\u2069"  # soft hyphens, marks of direction and the like
_GAP = rf"[ \t{_UNSEEN}]"
_HEAD = rf"(?:{_GAP}|[-*#>_\[(\u2190-\u2bff\ufe0f\U0001f000-\U0001faff])"  # marks of Markdown, pictures
# Each place where a character that nobody sees may stand takes long to compile, so a word is written once.
_BETWEEN = f"[{_UNSEEN}]?"
_ENDS: Mapping[str, Sequence[str]] = {
    **dict.fromkeys(("source", "reference", "citation", "fuente"), ("(s)", "s")),
    "quelle": ("n",),
}
"""Keywords in the singular, with what more than one have behind them."""


def _whole(letters: str) -> str:
    return _BETWEEN.join(map(re.escape, letters))


def _keyword(word: str, ends: Sequence[str]) -> str:
    return f"{_whole(word)}(?:{'|'.join(_BETWEEN + _whole(end) for end in ends)})?"


def _begun(letters: str, ends: Sequence[str] = ()) -> str:
    """An expression for every beginning of `letters` and one of the ends."""
    letter, rest = re.escape(letters[0]), letters[1:]
    then = _begun(rest, ends) if rest else f"(?:{'|'.join(map(_begun, ends))})"
    return f"(?:{letter}{_BETWEEN}{then})?"


_KEYWORD = f"(?i:{'|'.join(_keyword(*each) for each in _ENDS.items())})"
_KEYWORD_BEGUN = f"(?i:{'|'.join(_begun(*each) for each in _ENDS.items())})"
OPENS = re.compile(
    rf"""(?: (?: (?: (?<![^\W_]) | {_GAP}{{1,4}} ) (?P<bracket> [(\[] ) [*_]{{0,3}} {_GAP}{{0,2}}
             | (?P<line> (?:^|\n|(?<=\n)) ) {_HEAD}{{0,16}}
             | (?<=[.!?:;)”"’\]]) {_GAP}{{1,8}} [*_\[(]{{0,6}} (?=[A-Z]) )
           {_KEYWORD}
           (?(bracket) [*_]{{0,3}} {_GAP}{{0,4}} (?: : | (?<={_GAP})(?=S?\d) )
             | [\])*_]{{0,6}} {_GAP}{{0,4}} (?: : [*_]{{0,4}} | (?(line) (?=\n|\Z) | (?!) ) ) )
       | (?:^|\n|(?<=\n)) [ ]{{0,3}} \[\^\d{{1,2}}\]: )""",
    re.VERBOSE | re.ASCII,
)
"""Where sources begin; `bracket` is what they are set in, if it is one that ends them."""
MAY_OPEN = re.compile(
    rf"""(?: (?: (?:^|\n|(?<=\n)) {_HEAD}{{0,16}}
               | (?<=[.!?:;)”"’\]]) {_GAP}{{1,8}} [*_\[(]{{0,6}}
               | (?: (?<![^\W_]) | {_GAP}{{1,4}} ) [(\[] [*_]{{0,3}} {_GAP}{{0,2}} )
             {_KEYWORD_BEGUN} [\])*_]{{0,6}} {_GAP}{{0,4}} S?
           | (?:^|\n|(?<=\n)) [ ]{{0,3}} \[(?:\^\d{{0,2}}\]?)?
           | {_GAP}{{1,4}} ) \Z""",
    re.VERBOSE | re.ASCII,
)
"""The end of a text that may become `OPENS` when more comes."""
_NUMBER = r"[S^]?[1-9]\d?"
MARK = re.compile(rf"[ \t]?\[({_NUMBER}(?:[ \t]?,[ \t]?{_NUMBER}){{0,8}})\]|[ \t]?\((S\d{{1,2}})\)", re.ASCII)
"""Numbers of sources in the midst of an answer: [1], [1, 2], [^1], (S1)."""
MAY_MARK = re.compile(r"[ \t]?(?:\[[S^\d, \t]{0,60}|\((?:S\d{0,2})?)?\Z", re.ASCII)
"""The end of a text that may become a `MARK`."""
