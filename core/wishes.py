"""What a message wants of the documents in reach, told from its words.

Tasks over a whole document are told apart from questions by how a sentence begins and what its verb
is about ("summarise this file", but not "summarise the leave policy"). The rules know English only;
what they do not know is a question, which is answered from the best passages.
"""

import re
from collections.abc import Iterable
from enum import Enum

from core.terms import asks, sentences, terms
from core.values import asks_value


class Wish(Enum):
    """What a message wants of the documents in reach."""

    ANSWER = "an answer from the best passages"
    GIST = "what is made of a whole document: a summary, a letter, a comparison"
    EACH = "all that a whole document holds of a kind"
    TRANSLATION = "a whole document in another language, or in other words"
    TALK = "nothing: a greeting, thanks, what was said before"

    @property
    def whole(self) -> bool:
        """Whether it takes a document from its beginning to its end."""
        return self not in (Wish.ANSWER, Wish.TALK)


def wish(question: str, *, attached: bool, names: Iterable[str] = ()) -> Wish:
    """What `question` wants; `attached` says that files came with it, `names` are those of the documents."""
    asked = [term for term in terms(question) if not asks(term)]
    talk = asked and all(term in _TALK for term in asked)
    if not attached and (talk or _ABOUT_US.search(question)):
        return Wish.TALK
    for sentence in sentences(question):
        put = _put(sentence, names, attached=attached)
        for task, pattern in _TASKS.items():
            if pattern.search(put) and not (task is Wish.EACH and _ONE_PLACE.search(put)):
                return task
    told = attached and all(term in _THE_FILE for term in asked)
    return Wish.GIST if told and not (_PARTICULAR.match(question) or asks_value(question)) else Wish.ANSWER


def names_file(question: str, names: Iterable[str] = ()) -> bool:
    """Whether a question speaks of a file, so that it is not about anything else ("in this file")."""
    return "FILE" in _put(question, names, attached=False)


def named(question: str, name: str) -> bool:
    """Whether a question calls a file by its name, with or without its ending."""
    return bool((pattern := _naming(name)) and pattern.search(question))


def is_about_answer(question: str) -> bool:
    """Whether a question wants the answer before it again in another way, or more of it ("why?")."""
    return bool(_ABOUT_ANSWER.search(_put(question, (), attached=False)))


def topic(question: str) -> str:
    """`question` without the words of its task: what the passages must hold that it is about."""
    return _TASK_WORDS.sub("", _POLITE.sub("", question)) or question


_TALK = frozenset(
    terms(
        """hello hi hey thanks thank ok okay great cool nice good bye goodbye morning evening afternoon night
        sorry welcome well cheers perfect awesome lol haha"""
    )
)
_THE_FILE = frozenset(
    terms("document documents doc file files attachment attachments attached pdf text content read see look")
)
_ABOUT_US = re.compile(
    r"\b(?:did|have) (?:i|we|you) (?:just )?(?:ask|say|said|tell|told|talk|discuss|mention)"
    r"|^\W*(?:who|what) are you\b|\bwhat can you do\b|^\W*(?:can|could) you (?:please )?help(?: me| us)?\W*$"
    r"|\b(?:my|your|our) (?:first|last|previous|earlier) (?:question|message|answer)|\bour conversation\b",
    re.IGNORECASE,
)
_PARTICULAR = re.compile(r"\W*(?:who|whose|which|when|where|why|how)\b", re.IGNORECASE)

# --- How tasks are put ------------------------------------------------------------------------------


def _put(sentence: str, names: Iterable[str], *, attached: bool) -> str:
    """The beginning of a sentence, without politeness, with FILE for a document and IT for a pronoun."""
    put = " ".join(sentence.replace("’", "'").split())[:300].strip(" \"'“”*_-.!?:")
    put = _DOCUMENT.sub("FILE", _POLITE.sub("", put))
    for name in sorted(names, key=len, reverse=True):
        if pattern := _naming(name):
            put = pattern.sub("FILE", put)
    return _PRONOUN.sub("FILE" if attached else "IT", put)


def _naming(name: str) -> re.Pattern[str] | None:
    """How a file of this name is spoken of; None where the name is too short to be told from other words."""
    stem = name.rpartition(".")[0] or name
    if len(stem) <= 2:
        return None
    return re.compile(rf"\b(?:the )?{re.escape(stem)}(?:\.\w+)?(?!\w)", re.IGNORECASE)


_POLITE = re.compile(
    r"""^(?:(?:hi|hello|hey|ok|okay|so|and|now|then|also|first|please|pls|kindly|just|quickly|briefly
    |(?:can|could|would|will)\ you|i(?:'d|\ would)\ like\ (?:you\ )?to|i\ (?:want|need)\ (?:you\ )?to|let's
    |help\ me(?:\ to)?|(?:read|look|go|see|open|take)\ [\w ]{1,30}?\ and)\b[\s,:!]*)+""",
    re.IGNORECASE | re.VERBOSE,
)
_DOCUMENT = re.compile(
    r"""\b(?:(?:all|each|both|the\ (?:whole|entire|full|rest))\ of\ )?
    (?:(?:the|this|that|these|those|my|our|all|both|each|every|entire|whole|full|complete|attached|following|above
        |uploaded|enclosed|long|pdf|word|text|two|three|\d+)\ )+
    (?:documents?|docs?|files?|attachments?|pdfs?|texts?|contents?|papers|slides|minutes|notes|paper|report|article
        |book|handbook|manual|guide|page|spreadsheet|deck|presentation|e-?mail|letter|contract|agreement|transcript
        |log|message|story|thing|thesis|readme|brochure|proposal|policy)
    \b(?!'s|-|\ address)""",
    re.IGNORECASE | re.VERBOSE,
)
_END = r"""(?:$|[.,;:!?(]|\ [-–—]\ |\ (?:in|into|to|for|as|with|from|using|so|and|but|please|by|within|at|that
    |which|briefly|shortly|quickly|completely|fully|word|line|here|below|above|now|today|again|thanks|pls
    |more|less|better|shorter|longer|simpler|against)\b)"""
# A pronoun is an object only where no noun follows: "this" is one, "this section" is not.
_PRONOUN = re.compile(
    rf"\b(?:all\ of\ )?(?:this|that|it|these|those|them|both)(?:\ here)?(?={_END}|\ all\b|\ about$)",
    re.IGNORECASE | re.VERBOSE,
)
_ASK_FOR = r"""^(?:(?:(?:give|make|write|provide|create|prepare|draft|show|send|get|produce|tell|list|name)
    (?:\ me|\ us)?|i\ (?:want|need)|i(?:'d|\ would)\ like|(?:can|could|may)\ (?:i|we)\ (?:have|get)
    |what(?:'s|\ is|\ are))\ )?"""
_NO_ADJECTIVE = """of in on for from about by to is are was were who which when where why how whose does do
    did has have can could must should will may""".split()
_WORDS = rf"(?:(?!(?:{'|'.join(_NO_ADJECTIVE)})\ )[\w-]+\ ){{0,4}}?"
_THING = r"(?:FILE|IT|everything)"

_TASKS = {
    Wish.TRANSLATION: re.compile(
        rf"""^translate(?:\ {_THING}\b|{_END})|{_ASK_FOR}{_WORDS}translation(?:\ (?:of|for)\ {_THING}|{_END})
        |^(?:rewrite|rephrase|paraphrase|reword|proofread|simplify|convert|transcribe|turn|put)\ FILE\b""",
        re.IGNORECASE | re.VERBOSE,
    ),
    Wish.EACH: re.compile(
        rf"""^what\ are\ all\ (?:of\ )?(?:the|its|these)\b
        |^(?:list|enumerate|extract|collect|compile|gather|pull|identify|name|find|show|give|get|write|note
            |highlight|make|create|print|provide|return|tell|i\ (?:want|need)|(?:can|could)\ (?:i|we)\ have)
            (?:\ (?:me|us|out|down))*(?:\ {_WORDS}(?:list|table|names?|titles?|addresses)\ (?:of|with))?
            \ (?:all|every|each|any\ and\ all|everything|everyone)\b(?!\ (?:about|you)\b)
        |{_ASK_FOR}{_WORDS}(?:list|table|inventory)\ of\ \w
        |^(?:list|extract|enumerate)\ (?:(?:the|any|its|these)\ )?(?:[\w-]+\ ){{0,2}}?[\w-]+(?<!s)s\b""",
        re.IGNORECASE | re.VERBOSE,
    ),
    Wish.GIST: re.compile(
        rf"""^(?:summari[sz]e|sum\ up|recap|condense|outline|tl;?dr)(?:\ for\ me)?(?:\ {_THING}\b|{_END})
        |{_ASK_FOR}{_WORDS}(?:summary|overview|gist|recap|synopsis|abstract|outline|tl;?dr|essence|highlights
            |(?:key|main|important)\ (?:points?|ideas?|topics?|themes?|messages?|findings|facts|arguments?)
            |takeaways?)(?:\ (?:of|from|in|about|on)\ {_THING}\b|{_END})
        |^(?:review|explain|describe|analy[sz]e|shorten|go\ through|tell\ (?:me|us)\ (?:more\ )?about)\ FILE\b
        |\bwhat(?:'s|\ is|\ are)\ (?:in\ FILE|{_THING}\ (?:all\ )?about|FILE)$
        |\bwhat\ (?:does|do)\ {_THING}\ (?:say|contain|cover|tell(?:\ (?:me|us))?|mean|discuss|describe)$
        |^what\ (?:should|do)\ (?:i|we)\ (?:need\ to\ )?know\ (?:about|from)\ FILE\b
        |^(?:your\ |any\ |some\ )?(?:thoughts|comments|feedback|opinion)(?:\ on\ FILE)?$
        |^(?:write|draft|compose|make|create|generate|prepare|develop|design|build|formulate|suggest|propose
            |reply|respond|answer)\b[^.?!]*\b(?:from|of|on|to|for|using|about|with|based\ on|out\ of)\ FILE\b
        |^(?:compare|contrast|improve|correct|edit|polish|check|criticis[ez]|critique|evaluate|assess|rate|grade
            |format|restructure|reorgani[sz]e|continue|complete|answer|fill\ (?:in|out)|work\ through)\ FILE\b
        |^(?:compare|contrast)\ (?:(?:the\ )?(?:two|three|both|\d+)\ )?(?:documents|files|versions)\b
        |\bwhat\ (?:do|did)\ you\ think\ (?:of|about)\ FILE\b""",
        re.IGNORECASE | re.VERBOSE,
    ),
}
_ONE_PLACE = re.compile(
    r"""\b(?:steps?|stages|phases|instructions?|details?|info|information|ways|how)\b
    |^(?:list|name|give|enumerate)\ (?:(?:me|us|the|at\ least)\ )*
        (?:one|two|three|four|five|six|seven|eight|nine|ten|\d+|some|several)\b""",
    re.IGNORECASE | re.VERBOSE,
)
"""A list of such things stands in one place of a document, and its best passages hold it."""
_TASK_WORDS = re.compile(
    r"""^(?:summari[sz]e|sum\ up|recap|condense|outline|explain|describe|translate|list|enumerate|extract
    |(?:give|write|make)\ (?:me\ |us\ )?(?:\w+\ ){0,3}?(?:summary|overview|gist|list)\ (?:of|about))
    \b(?:\ everything\b)?\W*""",
    re.IGNORECASE | re.VERBOSE,
)

# --- Follow-ups -------------------------------------------------------------------------------------

_POINTS_BACK = re.compile(
    r"^\W*(?:and|but|or|also|then|what about|how about|why)\b"
    r"|\b(?:it|its|they|them|their|theirs|that|those|this|these|he|she|his|her)\b"
    r"|(?<!\bis )(?<!\bare )(?<!\bwas )(?<!\bwere )\bthere\b",  # "is there a lift?" points nowhere
    re.IGNORECASE,
)


_ABOUT_ANSWER = re.compile(
    r"""^(?:say|put|explain|repeat|phrase|rephrase|reword|rewrite|translate|shorten|simplify|expand|elaborate|turn
        |make|format|give|tell|show|write)\b[^.?!]*\b(?:IT|your\ (?:last\ )?answer)\b
    |^(?:explain|elaborate|continue|go\ on|repeat|rephrase|simplify|expand|shorten)
        (?:\ (?:please|again|further|more|better|in\ [\w ]{1,20}))*$
    |^(?:tell\ me\ |a\ (?:bit|little)\ )?more(?:\ details?|\ simply|\ about\ IT)?$
    |^(?:shorter|longer|simpler)\b.{0,20}$
    |^in\ (?:other\ words|more\ detail|one\ sentence|short|\w+\ words|[A-Z]\w+)\b.{0,20}$
    |^(?:why|how\ so|how\ come|really|are\ you\ (?:really\ )?sure|since\ when|says?\ who)$
    |^(?:is|was)\ (?:IT|that)\ (?:right|true|correct|all|certain)\b
    |^where\ (?:does|did|do)\ (?:it|FILE|that|you)\ (?:say|find|get|read|see|have)\b.{0,20}$
    |^what\ do\ you\ mean\b|^(?:who|what)\ says\ (?:so|that|IT)$""",
    re.VERBOSE | re.IGNORECASE,
)


def points_back(question: str) -> bool:
    """Whether only the question before tells what this one is about: it refers to it, or names nothing."""
    return bool(_POINTS_BACK.search(question)) or _content(question) == 0


def follows_up(question: str) -> bool:
    """Whether a question may lean on the one before: it points back, or says little by itself."""
    return points_back(question) or _content(question) == 1


def _content(question: str) -> int:
    """How many words of a question tell what it is about."""
    return sum(not asks(term) for term in terms(question))
