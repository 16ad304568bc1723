"""Names in a text: of people, places, products and machines. They tell what a text is about."""

import regex

from core.terms import ASKING_WORDS, GERMAN_WORDS, STOP_WORDS, bare, sentences, terms, words

# A capital behind a word of the same sentence, or letters that end in digits ("db7").
_NAME = regex.compile(
    r"""(?=\p{Lu}) (?: (?<= [\w%)\]"'”’,;*_`] [ \t\n]{1,4} ["'“‘«(\[*_`]{0,4} ) | (?<= \w [/&+] ) )
        \p{Lu} [\w-]+
      | \b [^\W\d_]+ \d \w*""",
    regex.VERBOSE,
)
_ORDINARY = STOP_WORDS | ASKING_WORDS
_DAYS_AND_MONTHS = frozenset(
    terms(
        """monday tuesday wednesday thursday friday saturday sunday january february march april may june
        july august september october november december"""
    )
)
_CAPITAL = regex.compile(r"\p{Lu}\w+")


def names(text: str) -> frozenset[str]:
    """The stemmed names in `text`; the first word of a sentence may be one, but nothing tells it."""
    found = (name for name in _NAME.findall(bare(text)) if name.lower() not in _ORDINARY)
    return frozenset(term for name in found for term in terms(name))


def subjects(question: str) -> frozenset[str]:
    """The names that a question is about: what answers it must know them.

    A day or a month is no subject, nor is what stands beside the question itself. Where other words have
    capitals too, as in German and in titles, only names with digits are told.
    """
    asking = [each for each in sentences(question) if each.endswith("?")] or [question]
    found = frozenset[str]().union(*map(names, asking)) - _DAYS_AND_MONTHS
    if _tells_names(" ".join(asking)):
        return found
    return frozenset(name for name in found if any(map(str.isdigit, name)))


def _tells_names(question: str) -> bool:
    """Whether a capital tells a name in this question."""
    _, *later = _CAPITAL.findall(question) or [""]
    return not (GERMAN_WORDS & set(words(question)) or any(word.lower() in STOP_WORDS for word in later))
