"""What a sentence denies: no text that affirms it bears it out, nor the other way round."""

import re

from core.terms import holds, stemmed, terms

_LEAST_ALIKE = 0.5
"""Share of what a sentence has from a text that must be denied or affirmed there as it is in the sentence."""
_CLAUSE_END = re.compile(r"[,;:.!?()]\s|\n|\s(?=(?:and|but|while|whereas|or|so|if|unless|when)\s)")
_OPENING = re.compile(r"\W*(?:no|yes|nein|ja)\b[,.!:;]?\s", re.IGNORECASE)
_DENIES = re.compile(
    r"\b(?:not|cannot|never|no|nor|neither|none|nothing|nobody|nicht|nie|niemals|kein\w*)\b|n['’]t\b",
    re.IGNORECASE,
)
_DENIES_OTHERWISE = re.compile(
    r"\b(?:without|un(?:able|less|til|supported|available)|im(?:possible|permissible)|only|except\w*|instead|fail\w*"
    r"|forb[ai]d\w*|prohibit\w*|dis(?:allow|abl)\w*|refus\w*|reject\w*|prevent\w*|exclud\w*|ignor\w*|lacks?"
    r"|lacking|closed|ohne|nur|verboten)\b",
    re.IGNORECASE,
)


def denied_alike(sentence: str, text: str) -> bool:
    """Whether what `sentence` says of its subject stands in clauses of `text` that deny it, if the sentence
    does, or else affirm it.

    What it says is what comes behind its denial in that clause, or without one the latter half of its terms.
    """
    said = _OPENING.sub("", sentence, count=1)
    denial = _DENIES.search(said)
    if not denial and not _DENIES.search(text):
        return True
    if denial:
        told = terms(_CLAUSE_END.split(said[denial.end() :])[0])
    else:
        told = terms(said)
        told = told[(len(told) + 1) // 2 :]
    held = stemmed(text)
    shared = [term for term in told if holds(held, term)]
    alike = [clause for clause in _CLAUSE_END.split(text) if _denies(clause, denial) == bool(denial)]
    there = stemmed("\n".join(alike))
    return sum(holds(there, term) for term in shared) >= _LEAST_ALIKE * len(shared)


def _denies(clause: str, denial: re.Match[str] | None) -> bool:
    """Whether a clause denies something; for a denial other words than "not" may say so."""
    return bool(_DENIES.search(clause) or (denial and _DENIES_OTHERWISE.search(clause)))
