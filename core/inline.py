"""Where text inside a paragraph can be broken without tearing what belongs together.

Code spans, links, images, addresses and ``<…>`` are whole; so are words with emphasis, unless they are
long: then the signs of the emphasis are closed before the break and written again behind it.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

_SIGNS = r"\\[!-/:-@\[-`{-~]|`+|<[^<>\s][^<>\n]{0,2000}>|[\[\]]|\*+|_+|~~+|\|\|+"
_SPECIAL = re.compile(rf"(?=[\\`<\[\]*_~|])(?:{_SIGNS})")
_SPECIAL_OR_ADDRESS = re.compile(rf"(?=[\\`<\[\]*_~|hw])(?:{_SIGNS}|(?:https?://|www\.)[^\s<>]+)")
_TARGET = re.compile(
    r"""\( [ \n]* (?: <[^<>\n]*> | (?: [^()\s\\] | \\. | \( (?: [^()\s\\] | \\. | \([^()\s]*\) )* \) )* )
        (?: \s+ (?: "[^"]{0,500}" | '[^']{0,500}' | \([^()]{0,500}\) ) )? \s* \)
      | \[ [^\[\]]{0,500} \]""",
    re.VERBOSE,
)
BEGINS_BLOCK = r"[-+*](?:\s|\Z)|[>|#=]|\d{1,9}[.)](?:\s|\Z)|---?|```|~~~"
"""Pattern: what would be read as the beginning of another block, were it first in its line."""

_BREAK = re.compile(rf"\s+(?!{BEGINS_BLOCK})(?=\S)")
_BREAK_IN_LINE = re.compile(
    rf"[^\S\n]*\n(?=[^\n]*\S)|(?:[^\S\n]+|(?<=[。！？、，；：]))(?!{BEGINS_BLOCK})(?=\S)"
)
_BREAK_OR_STOP = re.compile(rf"(?:\s+|(?<=[。！？、，；：]))(?!{BEGINS_BLOCK})(?=\S)")
_STOP = re.compile("[。！？、，；：]")
_LOOKS_FENCED = re.compile(r"[\s>]*```")
"""A line that is no fence because of what stands at its end, and would be one without it."""

# How bad it is to break here, in hundredths of a page that one would leave empty to avoid it.
_BEHIND_LINE, _BEHIND_SENTENCE, _BEHIND_CLAUSE, _BEHIND_WORD = 3.0, 3.0, 6.0, 8.0
_BEHIND = dict.fromkeys(".!?…。！？", _BEHIND_SENTENCE) | dict.fromkeys(",;:、，；：", _BEHIND_CLAUSE)
_BEHIND |= dict.fromkeys("\"'”’)]*_~」』）", 0.0)  # what stands before these says it
_INSIDE_MARKS = 6.0
_LONGEST_HELD = 80
_LONGEST_LINK = 300
_DEEPEST = 8


class Break(NamedTuple):
    """A place where text can be broken: what stands before it ends at `end`, the rest begins at `at`."""

    end: int
    at: int
    awkward: float
    marks: tuple[str, ...]


class _Span(NamedTuple):
    start: int
    end: int
    mark: str


@dataclass(slots=True)
class _Found:
    """What stands in a paragraph: wholes that are never broken, emphasis, and what is not closed."""

    wholes: list[_Span] = field(default_factory=list)
    emphases: list[_Span] = field(default_factory=list)
    open_marks: list[_Span] = field(default_factory=list)
    unfinished: list[int] = field(default_factory=list)


def breaks(
    text: str, marks: tuple[str, ...], *, longest: int, complete: bool, lines: bool = False
) -> Iterator[Break]:
    """The places where the paragraph `text` can be broken, in order.

    `marks` are open at its start. What is longer than `longest` is no whole and can be broken too. A
    text that is not `complete` may still close what is open at its end. With `lines` each of its lines
    begins with the signs or the indent of its containers, which belong to the line.
    """
    found = _scan(text, marks)
    spans = found.wholes + found.emphases
    wholes = [span for span in spans if span.end - span.start <= longest]
    reopened = [span for span in spans if span.end - span.start > longest and span.mark]
    if not complete:
        reopened += found.open_marks  # nobody knows how long they are
        wholes += [_Span(at, len(text) + 1, "") for at in found.unfinished if len(text) - at <= _LONGEST_LINK]
    wholes.sort()
    reopened.sort()
    ticks, get = "```" in text, _BEHIND.get
    behind = 0  # the end of the wholes that begin before the place
    coming = iter(wholes)
    whole = next(coming, None)
    pattern = _BREAK_IN_LINE if lines else _BREAK_OR_STOP if _STOP.search(text) else _BREAK
    for place in pattern.finditer(text):
        end, at = place.span()
        while whole and whole.start < at:
            behind = max(behind, whole.end)
            whole = next(coming, None)
        if behind > end or (ticks and _LOOKS_FENCED.match(text, text.rfind("\n", 0, at - 1) + 1)):
            continue
        awkward = get(text[end - 1 : end], _BEHIND_WORD)
        if text[end] == "\n" or (at - end > 1 and "\n" in text[end:at]):
            awkward = _BEHIND_LINE
        elif not awkward:
            awkward = _behind_closing(text, end)
        if reopened and (open_here := tuple(span.mark for span in reopened if span.start < at < span.end)):
            yield Break(end, at, awkward + _INSIDE_MARKS, open_here)
        else:
            yield Break(end, at, awkward, ())


def _behind_closing(text: str, end: int) -> float:
    """How bad it is to break behind brackets or quotation marks that close before `end`."""
    while end and _BEHIND.get(text[end - 1]) == 0:
        end -= 1
    return _BEHIND.get(text[end - 1 : end], _BEHIND_WORD)


def shown(text: str, marks: tuple[str, ...]) -> tuple[int, tuple[str, ...]]:
    """Up to where an unfinished paragraph can be shown, and which signs of emphasis are open there.

    A link or code span that just began is not shown in part; one that does not end is.
    """
    found = _scan(text, marks)
    end = min((at for at in found.unfinished if len(text) - at <= _LONGEST_HELD), default=len(text))
    spans = sorted(found.emphases + found.open_marks)
    for span in reversed(spans):  # a sign with nothing behind it says nothing
        if span.start >= 0 and span.start < end <= span.start + len(span.mark):
            end = span.start
    return end, tuple(span.mark for span in spans if span.start < end < span.end)


def _scan(text: str, marks: tuple[str, ...]) -> _Found:
    """All that `breaks` and `shown` look at, in one pass."""
    found = _Found()
    stack = [_Span(-1, 0, mark) for mark in marks]
    brackets: list[int] = []
    unclosed: set[int] = set()  # lengths of rows of backticks that have no partner any more
    at = 0
    look = _SPECIAL_OR_ADDRESS if "://" in text or "www." in text else _SPECIAL
    while special := look.search(text, at):
        sign, start, at = special[0], special.start(), special.end()
        if sign[0] == "`":
            at = _code(text, sign, start, found, unclosed)
        elif sign[0] in "<hw":
            found.wholes.append(_Span(start, at, ""))
        elif sign == "[":
            brackets.append(start - 1 if text[start - 1 : start] == "!" else start)
        elif sign == "]":
            at = _link(text, at, brackets, found)
        elif sign[0] != "\\":
            _mark(text, start, at, stack, found)
    found.unfinished += brackets
    found.open_marks = [_Span(span.start, len(text) + 1, span.mark) for span in stack if _surely(span)]
    return found


def _link(text: str, at: int, brackets: list[int], found: _Found) -> int:
    """Where the search goes on behind a closing bracket: behind its link, if it is one."""
    if brackets:
        opening = brackets.pop()
        if target := _TARGET.match(text, at):
            found.wholes.append(_Span(opening, target.end(), ""))
            return target.end()
        if at == len(text) or text[at] == "(":
            found.unfinished.append(opening)
    return at


def _code(text: str, sign: str, start: int, found: _Found, unclosed: set[int]) -> int:
    """Where the search goes on behind a row of backticks: behind its code span, where it has one."""
    at = start + len(sign)
    if len(sign) not in unclosed:
        closing = re.compile(rf"(?<!`){sign}(?!`)").search(text, at)
        if closing:
            mark = sign if len(sign) < 3 else ""  # at the start of a page it would open a code block
            found.wholes.append(_Span(start, closing.end(), mark))
            return closing.end()
        unclosed.add(len(sign))
        found.unfinished.append(start)
    return at


def _mark(text: str, start: int, end: int, stack: list[_Span], found: _Found) -> None:
    """A row of signs of emphasis: closes what it can close, else opens (CommonMark 0.31, 6.2, simplified)."""
    sign, length = text[start], end - start
    before, after = text[start - 1 : start] or " ", text[end : end + 1] or " "
    opens, closes = not after.isspace(), not before.isspace()
    if sign == "_":
        opens, closes = opens and not before.isalnum(), closes and not after.isalnum()
    while closes and length:
        depth = next((i for i in range(len(stack) - 1, -1, -1) if stack[i].mark[0] == sign), None)
        if depth is None or len(stack[depth].mark) > length:
            break
        opened = stack[depth]
        length -= len(opened.mark)
        del stack[depth:]
        found.emphases.append(_Span(opened.start, end - length, opened.mark))
    if opens and length and len(stack) < _DEEPEST and (sign in "*_" or length == 2) and length <= 3:
        stack.append(_Span(end - length, 0, sign * length))


def _surely(opened: _Span) -> bool:
    """Whether a mark that is not closed yet is taken for one; a single sign is often only a sign."""
    return len(opened.mark) > 1 or opened.start < 0
