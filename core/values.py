"""The kinds of value that a question can ask for: a time, a price, a number."""

import re

from core.terms import numbers


def expected(question: str, text: str) -> bool:
    """Whether `text` holds the kind of value that `question` asks for: a time, a price, a number."""
    kind = next((value for asking, value in _KINDS if asking.search(question)), None)
    return kind is not None and kind.search(_NUMBER_WORD.sub(_digits, text)) is not None


def _digits(word: re.Match[str]) -> str:
    return next(iter(numbers(word[0])), word[0])


def asks_value(question: str) -> bool:
    """Whether a question asks for a number, a time or a price."""
    return any(asking.search(question) for asking, _ in _KINDS)


_NUMBER_WORD = re.compile(
    r"\b(?:two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|(?:thir|four|fif|six|seven|eigh|nine)teen"
    r"|twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety)\b",
    re.IGNORECASE,
)
_UNIT = r"(?:seconds?|minutes?|min|hours?|h|days?|nights?|weeks?|months?|quarters?|years?|working|business)\b"
_DAY = (
    r"\b(?:(?:mon|tues|wednes|thurs|fri|satur|sun)days?|january|february|march|april|(?-i:May)|june|july|august"
    r"|september|october|november|december|noon|midnight|daily|weekly|monthly|yearly|annually)\b"
)


def _kind(asking: str, value: str) -> tuple[re.Pattern[str], re.Pattern[str]]:
    return re.compile(rf"\b(?:{asking})\b", re.IGNORECASE), re.compile(value, re.IGNORECASE)


_KINDS = (
    _kind(r"how (?:hot|cold|warm)|what temperature", r"\d\s*(?:°|degrees|[CFK]\b)"),
    _kind(r"how (?:long|old|much (?:time|longer))|what age", rf"\d+[\s-]*{_UNIT}|\d[:.]\d\d"),
    _kind(
        r"how (?:soon|late|early|fast|quickly)|when|(?:until|since|by) what"
        r"|(?:what|which) (?:time|date|day|year|month)",
        rf"\d+[\s-]*{_UNIT}|\d[:.]\d\d|\d ?[ap]\.?m\b|\b[12]\d\d\d\b|{_DAY}",
    ),
    _kind(r"how often", rf"\b(?:once|twice|every|each)\b|\d|{_DAY}"),
    _kind(r"how expensive|prices?|costs?|fees?", r"\d|\bfree\b|[$€£]|without charge"),
    _kind(r"how (?:many|much|far|big|large|high|tall|wide|deep|heavy)|number of", r"\d"),
)
"""What a question asks for, and what a text looks like that tells it; the first one counts."""
