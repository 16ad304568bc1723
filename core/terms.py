"""The one analysis of text: what counts as a word, and when two words are the same.

Used by the index, by the evidence for a question and by the support of an answer, so that all three
mean the same by "the passage holds this word".
"""

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache

import snowballstemmer

_STEMMER = snowballstemmer.stemmer("english")

# Scripts that are written without spaces are cut into pairs of characters.
_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_WORD = re.compile(rf"\d+(?:[.,]\d+)+|[{_UNSPACED}]+|[^\W_{_UNSPACED}]+")
_IS_UNSPACED = re.compile(rf"[{_UNSPACED}]")
_THOUSANDS = re.compile(r",(?=\d{3}(?!\d))")
# A line end inside a sentence: a long line of words before it, no list, table, heading or code after it.
_WRAP = re.compile(
    r"(?<=[^\n|={}<>]{40})(?<=[\w,)’”'\"-])[ \t]*\n(?=[^\W_][^\n|={}<>]*(?:\n|\Z))(?!\d+[.)]\s)"
)
_SENTENCE_END = re.compile(r"[.!?…][\"'”’)\]]*(?=\s)|[。！？][”’」』）)\]]*")

GERMAN_WORDS = frozenset(
    """aber als auch auf aus bei bis bin bist da damit dann das dass dem den der des dir du ein eine einem
    einen einer eines er es fur gibt haben habe habt ich ihr ihre im ist ja kann kannst kein keine konnen
    mein meine mich mir mit muss mussen nach nicht noch oder ob sein seine sich sie sind uber um und uns
    unser vom von vor wann warum welche welcher welches wenn wer werden wie wieviel wir wird wo wohin zu
    zum zur ab darf durfen""".split()
)
"""German words that carry no content, without those that mean something in English (die, war, hat)."""
STOP_WORDS = GERMAN_WORDS.union(
    """a about above after again all also am an and any are as at be because been before being below between
    both but by can could did do does doing don done down during each either else ever every few for from
    further get gets getting give given go goes going got had has have having he her here hers him his how i
    if in into is it its itself just know let like may me might mine more most must my myself no nor not now
    of off on once one only or other our ours out over own per please say says shall she should so some such
    tell than that the their theirs them then there these they thing things this those through to too under
    until up upon us use used uses using very want was we were what when where whether which while who whom
    whose why will with within without would yes yet you your yours s t re ve ll d m isn aren wasn weren
    doesn didn won wouldn shouldn couldn hasn haven hadn cannot cant dont really actually
    still already anymore yet ever now though""".split(),
    # French and Spanish, without such words too (son, sin).
    """au aux avec ce ces cette comment dans de elle est et eux il ils je la le les leur lui mais ne nous ou
    par pas pour quand que quel quelle quelles quels qui sa se ses sont sur un une vous y combien al como
    con cual cuales cuando cuanto cuanta cuantos cuantas del donde el ella ellos en entre eran esta este
    esto hay lo los las mas mi muy nos o para pero por porque puede puedo quien ser si sobre son su sus
    tiene tengo una unos unas ya""".split(),
)
"""Words that carry no content."""

ASKING_WORDS = frozenset(
    """amount called color colour cost date day describe description detail details exact exactly explain
    far happen happens hour hours information kind kinds late length list long many maximum mean means
    minimum month months much name named names number often old person place price reason size soon sort
    time times type types way ways week weeks year years
    expensive cheap early high low big small deep wide hot cold heavy old new
    teuer kostet kosten lange viel viele hoch gross spat fruh neu neue neuer
    cuesta cuestan precio hora horas coute prix heure heures""".split()
)
"""Words that ask for a kind of answer and need not stand in the text that holds it."""

COMMON_WORDS = frozenset(
    """able add allow allowed another apply bad become begin best better big biggest bring buy case change
    check come correct deal different difference early easy end ensure expect fast find fine first
    fix full get good guy hard help high highest hold hot idea keep kept last leave left lose low
    lowest make manage matter mean meant need needed new next normal offer order pay paid part
    people permitted place possible problem put quick quickly receive required right rule run safe
    same see set show small someone somebody something start stay stop suppose supposed sure take
    thing think together too try turn whole wish wonder work wrong""".split()
)
"""Words so common that a question may use them where the text says the same in others."""


_NUMBER_WORDS = {
    word: str(number)
    for number, word in enumerate(
        """zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen
        sixteen seventeen eighteen nineteen twenty""".split()
    )
    if number > 1  # "one" is mostly not a number
} | dict(
    zip("thirty forty fifty sixty seventy eighty ninety".split(), "30 40 50 60 70 80 90".split(), strict=True)
)


def words(text: str) -> list[str]:
    """The words of `text` in order, folded in case and accents; numbers as digits without thousands signs."""
    return [word for run in _WORD.findall(_fold(text)) for word in _words_of(run)]


def stems(text: str) -> list[str]:
    """All words of `text`, stemmed, stop words included."""
    return [stem for run in _WORD.findall(_fold(text)) for stem in _stems_of(run)]


def stemmed(text: str) -> frozenset[str]:
    """The stems of a text; passages and questions come again, long texts would only fill the memory."""
    return _kept_stemmed(text) if len(text) <= 2000 else frozenset(stems(text))


@lru_cache(maxsize=4096)
def _kept_stemmed(text: str) -> frozenset[str]:
    return frozenset(stems(text))


def terms(text: str) -> list[str]:
    """The content words of `text`, stemmed, in order, each once."""
    return list(dict.fromkeys(_stem(word) for word in words(text) if word not in STOP_WORDS))


def asks(term: str) -> bool:
    """Whether a stemmed term only asks for a kind of answer ("how long", "which color")."""
    return term in _ASKING_STEMS


def common(term: str) -> bool:
    """Whether a stemmed term is one of everyday speech, which a text may well put otherwise."""
    return term in _COMMON_STEMS


def numbers(text: str) -> set[str]:
    """The numbers in `text`, as `words` writes them: "1,200.50" is "1200.50", "thirty" is "30"."""
    return {word for word in words(text) if word[0].isdigit()}


def sentences(text: str) -> list[str]:
    """`text` cut after sentence ends and at line ends; white space around the pieces is gone.

    A line end that only wraps a sentence, as in PDF files and hard-wrapped Markdown, cuts nothing.
    """
    lines = _SENTENCE_END.sub(r"\g<0>\n", _WRAP.sub(" ", text)).split("\n")
    return [line.strip() for line in lines if line.strip()]


def alike(a: str, b: str) -> bool:
    """Whether two stemmed terms are the same, or one typing slip apart (long words only)."""
    if a == b:
        return True
    if min(len(a), len(b)) < 5 or abs(len(a) - len(b)) > 1 or a.isdigit() or b.isdigit():
        return False
    start = 0
    while start < min(len(a), len(b)) and a[start] == b[start]:
        start += 1
    if a[start + 1 :] == b[start:] or a[start:] == b[start + 1 :] or a[start + 1 :] == b[start + 1 :]:
        return True
    return a[start + 2 :] == b[start + 2 :] and a[start : start + 2] == b[start : start + 2][::-1]


def holds(held: frozenset[str], term: str) -> bool:
    """Whether `term`, or the same word with one typing slip, is among the stems `held`."""
    if term in held:
        return True
    if len(term) < 5:
        return False
    # One slip leaves the first or the last letter alone; most words are ruled out by that.
    near = (w for w in held if abs(len(w) - len(term)) < 2 and (w[0] == term[0] or w[-1] == term[-1]))
    return any(alike(term, other) for other in near)


def bare(text: str) -> str:
    """`text` without accents and characters that nobody sees, so that they part no word."""
    if text.isascii():
        return text
    decomposed = unicodedata.normalize("NFKD", text)
    read = "".join(c for c in decomposed if unicodedata.category(c) not in _UNREAD)
    return unicodedata.normalize("NFC", read)


def _fold(text: str) -> str:
    return text.lower() if text.isascii() else bare(text.casefold())


_UNREAD = frozenset(("Mn", "Mc", "Me", "Cf"))
"""Categories of what is no part of a word as people type it: accents, soft hyphens, joiners."""


def _words_of(run: str) -> Sequence[str]:
    """The words of a run of characters without signs: one, or several where a script has no spaces."""
    if run[0].isdigit():
        return (_THOUSANDS.sub("", run),)
    if len(run) > 2 and _IS_UNSPACED.match(run):
        return [run[i : i + 2] for i in range(len(run) - 1)]
    return (_NUMBER_WORDS.get(run, run),)


def _stems_of(run: str) -> Sequence[str]:
    return _kept_stems(run) if len(run) <= _LONGEST else [_stem(word) for word in _words_of(run)]


@lru_cache(maxsize=65_536)
def _kept_stems(run: str) -> Sequence[str]:
    return tuple(_stem(word) for word in _words_of(run))


_LONGEST = 40
"""Characters of a word; what is longer is none, and would fill the memory."""


def _stem(word: str) -> str:
    """English words are stemmed."""
    return _english(word) if len(word) <= _LONGEST and word.isascii() and word.isalpha() else word


@lru_cache(maxsize=65_536)
def _english(word: str) -> str:
    return str(_STEMMER.stemWord(word))


_ASKING_STEMS = frozenset(_stem(word) for word in ASKING_WORDS)
_COMMON_STEMS = frozenset(_stem(word) for word in COMMON_WORDS)
