"""The signs by which a model names sources: keywords like ``Source:``, and marks like [1].

Every expression has a greatest length, so that what must be held back of a stream has one too.
"""

import re

_UNSEEN = "\u00ad\u200b-\u200f\u2061-\u2069"  # soft hyphens, marks of direction and the like
_GAP = rf"[ \t{_UNSEEN}]"
_HEAD = rf"(?:{_GAP}|[-*#>_\[(\u2190-\u2bff\ufe0f\U0001f000-\U0001faff])"  # marks of Markdown, pictures
_KEYWORDS = [word + end for end in ("(s)", "s", "") for word in ("source", "reference", "citation", "fuente")]
_KEYWORDS += ["quellen", "quelle"]


def _whole(keyword: str) -> str:
    return f"[{_UNSEEN}]?".join(map(re.escape, keyword))


def _begun(keyword: str) -> str:
    """An expression for every beginning of a keyword."""
    letter, rest = re.escape(keyword[0]), keyword[1:]
    return f"(?:{letter}[{_UNSEEN}]?{_begun(rest) if rest else ''})?"


_KEYWORD = f"(?i:{'|'.join(map(_whole, _KEYWORDS))})"
_KEYWORD_BEGUN = f"(?i:{'|'.join(map(_begun, _KEYWORDS))})"
OPENS = re.compile(
    rf"""(?: (?<![^\W_]) | {_GAP}{{1,4}} ) (?P<bracket> [(\[] ) [*_]{{0,3}} {_GAP}{{0,2}} {_KEYWORD}
           [*_]{{0,3}} {_GAP}{{0,4}} (?: : | (?<={_GAP})(?=S?\d) )
       | (?:^|\n|(?<=\n)) {_HEAD}{{0,16}} {_KEYWORD} [\])*_]{{0,6}} {_GAP}{{0,4}}
           (?: : [*_]{{0,4}} | (?=\n|\Z) )
       | (?<=[.!?:;)”"’\]]) {_GAP}{{1,8}} [*_\[(]{{0,6}} (?=[A-Z]) {_KEYWORD} [\])*_]{{0,6}} {_GAP}{{0,4}}
           : [*_]{{0,4}}
       | (?:^|\n|(?<=\n)) [ ]{{0,3}} \[\^\d{{1,2}}\]:""",
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
