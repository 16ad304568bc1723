"""Does a passage hold what a question asks for, and does it bear an answer out?

Both are decided in code from shared words, because a small model invents rather than refuses. The
measures are lexical: they see missing subjects, wrong numbers and invented names, not paraphrase.
"""

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from core.names import names, subjects
from core.quotations import misquoted
from core.terms import alike, asks, common, numbers, sentences, stems, terms
from core.types import Passage, Spread

STRONG = 0.6
"""Least share of a question that a passage holds when it may be quoted by itself as the answer."""
BORNE_OUT = 0.6
"""Least share of an answer's own terms that its passage must hold."""
_ANOTHER = 4.0
"""How many times a subject that no passage knows outweighs all else: then they are about another."""

_ASKING, _COMMON, _DECIDING = 0.2, 0.2, 2.0  # how much such terms of a question count beside other words


_UNASKED = frozenset(
    terms("document file attachment pdf source sources cite citation reference references according")
)
"""Words about the file or its source, which need not stand in the text that holds the answer."""


_UNKNOWN = Spread()


@dataclass(frozen=True, slots=True)
class Asked:
    """A question as weighted terms: rare ones and the thing asked for weigh more; asking words, everyday
    words and parts of a compound less.
    """

    weights: dict[str, float]

    @classmethod
    def of(cls, question: str, before: str = "", spread: Spread = _UNKNOWN) -> "Asked":
        """Rarity is that among all documents in reach: a term that none of them holds is the rarest, and a
        name that none of them holds makes all else worth little. Where the `spread` is unknown all terms are
        equally rare.

        `before` is the earlier question that this one follows up; its terms weigh less.
        """
        shares = {term: 0.4 * share for term, share in _shares(before).items()} | _shares(question)
        weights = {term: share * _rarity(term, spread) for term, share in shares.items()}
        if spread.passages:
            most = _ANOTHER * sum(weights.values())
            unknown = (name for name in subjects(question) if not spread.holding.get(name))
            weights |= dict.fromkeys(unknown, most)
        return cls(weights)

    def share_in(self, text: str) -> float:
        """How much of the question's weight `text` holds, 0 to 1."""
        whole = sum(self.weights.values())
        if whole == 0:
            return 0.0
        held = _stems(text)
        return sum(w for term, w in self.weights.items() if holds(held, term)) / whole


def _shares(question: str) -> dict[str, float]:
    """How much each term counts before rarity: the parts of one word ("Wi-Fi") share its place."""
    shares: dict[str, float] = {}
    before = ""
    for word in question.split():
        parts = [term for term in terms(word) if term not in _UNASKED]
        decides = before.lower() in _CHOOSING or (before and _NAME.match(word))
        plain = _DECIDING if decides else 1.0
        for part in parts:
            weight = _ASKING if asks(part) else _COMMON if common(part) else plain
            shares[part] = max(shares.get(part, 0.0), weight / len(parts))
        before = word
    return shares


_CHOOSING = frozenset(("many", "much", "which", "what", "what's", "whose", "any"))
"""What comes right after one of these is the very thing that is asked for ("how many calories")."""
_NAME = re.compile(r"\W*[A-Z]\w|\W*\d")


def readable(passage: Passage) -> str:
    """All words that speak for a passage: its title, headings and text."""
    return "\n".join((passage.title, *passage.heading, passage.text))


def holds(stemmed: frozenset[str], term: str) -> bool:
    """Whether `term`, or the same word with one typing slip, is among `stemmed` words."""
    if term in stemmed:
        return True
    if len(term) < 5:
        return False
    # One slip leaves the first or the last letter alone; most words are ruled out by that.
    near = (w for w in stemmed if abs(len(w) - len(term)) < 2 and (w[0] == term[0] or w[-1] == term[-1]))
    return any(alike(term, other) for other in near)


def nearest(passages: Sequence[Passage], text: str, most: int) -> list[Passage]:
    """At most so many of `passages`, in their order: those that share most terms with `text`."""
    wanted = frozenset(terms(text))
    by_rank = sorted(range(len(passages)), key=lambda n: -len(wanted & _stems(readable(passages[n]))))
    return [passages[n] for n in sorted(by_rank[:most])]


def _stems(text: str) -> frozenset[str]:
    """The stems of a text; passages and questions come again, long texts would only fill the memory."""
    return _kept_stems(text) if len(text) <= 2000 else frozenset(stems(text))


@lru_cache(maxsize=4096)
def _kept_stems(text: str) -> frozenset[str]:
    return frozenset(stems(text))


def bears_out(passage: Passage, sentence: str, question: str, *, literal: bool = False) -> bool:
    """Whether `passage` supports `sentence` as an answer to `question`.

    Every number, every name and every other telling word that it takes from the question must stand in
    the passage, what it quotes word for word, and most of its other own terms; what it denies the passage
    must deny, and what it affirms affirm. A sentence that leaves its
    subject out ("It is 5 euros.") has that of the question. A sentence without own terms ("Yes.") is borne
    out when the passage is about the question. With `literal` all of that must hold for a single sentence
    of the passage, one that is about the question: a small model mixes up the numbers of neighbouring
    sentences.
    """
    claim = _claim(sentence, question)
    if not literal:
        return _supports(readable(passage), passage.page, claim)
    if not (claim.own or claim.values - numbers(question)):
        return False  # it only says the question again
    place = _stems("\n".join((passage.title, *passage.heading)))
    if place.issuperset(terms(sentence)):
        return False  # it only says where something stands
    return any(_supports(text, passage.page, claim) for text in _about(passage, question))


def bearing(passages: Sequence[Passage], sentence: str, question: str) -> list[Passage]:
    """The first of `passages` that bears `sentence` out, or where none does, one for each of its clauses.

    Nothing where a clause is left that none of them bears out.
    """
    if whole := _first(passages, sentence, question):
        return [whole]
    found: list[Passage] = []
    for clause in _clauses(sentence):
        passage = _first(passages, clause, question)
        if not passage:
            return []
        found.append(passage)
    return found


def _first(passages: Sequence[Passage], sentence: str, question: str) -> Passage | None:
    return next((passage for passage in passages if bears_out(passage, sentence, question)), None)


_MOST_CLAUSES = 12
_JOINT = re.compile(r"(?=[,;]\s)|(?<![,;\s])\s{1,4}(?=(?:and|but|while|whereas)\s)")


def _clauses(sentence: str) -> list[str]:
    """The clauses of a sentence of several things, if each tells at least two things that no other does,
    and a number if another has one; else none.

    "Alpha costs 5 and Beta 7" does; "the Alpha office and the Beta office closed in 2019" does not.
    """
    clauses = _JOINT.split(sentence)
    if not 1 < len(clauses) <= _MOST_CLAUSES:
        return []
    told = Counter(term for clause in clauses for term in terms(clause))
    own = ([t for t in terms(clause) if told[t] == 1 and not asks(t)] for clause in clauses)
    alike_put = len({bool(numbers(clause)) for clause in clauses}) == 1
    return clauses if alike_put and all(len(each) >= 2 for each in own) else []


@dataclass(frozen=True, slots=True)
class _Claim:
    """What a sentence says as an answer: what must stand in a passage, what mostly must, and the question."""

    sentence: str
    question: str
    values: frozenset[str]
    pages: frozenset[str]
    subjects: frozenset[str]
    telling: tuple[str, ...]
    own: tuple[str, ...]


@lru_cache(maxsize=64)
def _claim(sentence: str, question: str) -> _Claim:
    bare = _PAGE.sub(" ", sentence)
    said, asked = terms(bare), _stems(question)
    again = names(question) & set(said)
    own = tuple(t for t in said if not (holds(asked, t) or t in _SAYING or asks(t)))
    taken = (t for t in said if t in asked and not (asks(t) or common(t) or t in _SAYING or t in _UNASKED))
    telling = (*names(bare) - _SAYING, *again, *taken)
    pages = frozenset(_PAGE.findall(sentence))
    about = again or subjects(question)
    return _Claim(sentence, question, frozenset(numbers(bare)), pages, about, telling, own)


_PAGE = re.compile(r"\b(?:pages?|pp?\.|Seite|S\.|p[aá]gina) ?(\d{1,5})\b", re.IGNORECASE)
"""Where an answer says that something stands, which is no number of the answer."""


def _supports(text: str, page: int | None, claim: _Claim) -> bool:
    held = _stems(text)
    if not (claim.values <= held and claim.pages <= held | {str(page)}):
        return False
    if any(not holds(held, term) for term in claim.telling) or misquoted(claim.sentence, (text,)):
        return False
    known = [holds(held, name) for name in claim.subjects]
    if not claim.own:  # it only says the question again
        return all(known) and Asked.of(claim.question).share_in(text) >= STRONG
    if known and not any(known):
        return False
    enough = sum(holds(held, term) for term in claim.own) / len(claim.own) >= BORNE_OUT
    return enough and _denies_alike(text, claim)


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


def _denies_alike(text: str, claim: _Claim) -> bool:
    """Whether what a claim says of its subject stands in clauses of a text that deny it, if the claim does,
    or affirm it.

    What it says is what comes behind its denial in that clause, or without one the latter half of its terms.
    """
    said = _OPENING.sub("", claim.sentence, count=1)
    denial = _DENIES.search(said)
    if not denial and not _DENIES.search(text):
        return True
    if denial:
        told = terms(_CLAUSE_END.split(said[denial.end() :])[0])
    else:
        told = terms(said)
        told = told[(len(told) + 1) // 2 :]
    held = _stems(text)
    shared = [term for term in told if holds(held, term)]
    alike = [clause for clause in _CLAUSE_END.split(text) if _denies(clause, denial) == bool(denial)]
    there = _stems("\n".join(alike))
    return sum(holds(there, term) for term in shared) >= _LEAST_ALIKE * len(shared)


def _denies(clause: str, denial: re.Match[str] | None) -> bool:
    """Whether a clause denies something; for a denial other words than "not" may say so."""
    return bool(_DENIES.search(clause) or (denial and _DENIES_OTHERWISE.search(clause)))


_POINTS_BACK = re.compile(
    r"\W*(?:it|its|they|their|them|he|his|she|her|this|these|that|those)\b", re.IGNORECASE
)


def _about(passage: Passage, question: str) -> list[str]:
    """The sentences of a passage that hold most of the question, each after its headings.

    One that points back ("Its key is blue.") stands behind the sentence that it points to.
    """
    asked = Asked.of(question)
    place = "\n".join((passage.title, *passage.heading))
    texts, before = [], ""
    for piece in sentences(passage.text) or [passage.text]:
        before = f"{before} {piece}" if _POINTS_BACK.match(piece) else piece
        texts.append(f"{place}\n{before}")
    shares = {text: asked.share_in(text) for text in texts}
    most = max(shares.values())
    return [text for text, share in shares.items() if share >= 0.75 * most]


def best_sentence(text: str, wanted: str) -> str:
    """The sentence of `text` that holds most of `wanted`, word for word; a short one before a long.

    One that only names what is asked for, as a term does that is explained behind it, and one that refers to
    another place come last. Where `wanted` asks for a number, a time or a price, a sentence that names one
    comes before others.
    """
    asked, said = Asked.of(wanted), _stems(wanted)

    def worth(piece: str) -> tuple[bool, float]:
        worth = (asked.share_in(piece) + 0.3 * expected(wanted, piece)) / math.sqrt(len(piece) + 80)
        only_named = _NAMES.fullmatch(piece) and said.issuperset(terms(piece))
        return not (only_named or _REFERS.match(piece)), worth

    return max(sentences(text) or [text], key=worth)


_NAMES = re.compile(r"\W*[\w-]+(?:\W+[\w-]+){0,2}[^\w.!?]*")
_REFERS = re.compile(r"\W*see\b", re.IGNORECASE)
"""How a sentence begins that only tells where to read on."""


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


def _rarity(term: str, spread: Spread) -> float:
    return math.log(1 + (spread.passages + 1) / max(spread.holding.get(term, 0) + 0.5, 1))


_SAYING = frozenset(
    terms(
        """answer answers question text passage fact source sources state states stated mention mentions
        mentioned accord according document documents said section provide provides provided indicate
        indicates contain contains include includes including also therefore however"""
    )
)

_KNOWING = r"(?:know|knew|answer|find|found|determine|tell|say|mention|state|specif|indicate|information)"
_ABSTAINS = re.compile(
    rf"""^\W*(?:(?:sorry|unfortunately|i['’]?m\ sorry|i\ apologi[sz]e)\W+)?(?:
        (?:i|we)\W+(?:do\ not|don['’]t|cannot|can['’]t|am\ not\ able|could\ not)\b
            .{{0,40}}\b{_KNOWING}
      | an?\ answer\ could\ not
      | (?:it|this|that)\ is\ (?:not|un)\ ?(?:clear|known|stated|mentioned|specified)
      | there\ is\ no\ (?:information|mention|answer|data)
      | no\ (?:information|answer|mention)\b
      | (?:the\ )?answer\ is\ (?:not\ (?:in|found|given|known)|unknown)
      | (?:the|this)\ (?:provided\ |given\ )?
            (?:text|passage|document|context|file|source|sources|input|article|section)\w*\s
            (?:above\ |provided\ |given\ )?(?:do|does|did)(?:\ not|n['’]t)\ (?:\w+ly\ )?{_KNOWING}
      | .{{0,80}}\b(?:is|are|was|were)(?:\ not|n['’]t)\ (?:\w+ly\ )?(?:mentioned|stated|specified)\b
    )""",
    re.IGNORECASE | re.VERBOSE,
)


def abstains(answer: str) -> bool:
    """Whether a model's answer says, in its first words, that it does not know."""
    return _ABSTAINS.match(answer) is not None
