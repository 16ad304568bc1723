"""What must hold at the end of a run, judged from the platform's record and from the history alone."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

from core.ports import END
from core.types import Message, ThreadId, Turn
from tests.emulators.echo_platform.server import EchoServer, Event
from tests.system.crash.answers import answer


@dataclass(frozen=True, slots=True)
class Asked:
    """A question that was accepted, at a time of ``time.monotonic``."""

    message: Message
    at: float


@dataclass(frozen=True, slots=True)
class Kill:
    """A worker that was killed, at a time of ``time.monotonic``."""

    worker: str
    at: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """Ids of the questions with which something went wrong; each list is to be empty.

    `lost` have no end, no turn or not the whole text, or took back what people had seen; `doubled` show a
    part twice or stand twice in the history; `disordered` were begun before the one before them was over,
    or stand elsewhere in the history.
    """

    lost: Sequence[str] = ()
    doubled: Sequence[str] = ()
    disordered: Sequence[str] = ()


def judge(asked: Sequence[Asked], record: EchoServer, turns: Mapping[ThreadId, Sequence[Turn]]) -> Verdict:
    """Judge all questions, which are given in the order in which their threads accepted them."""
    threads: defaultdict[ThreadId, list[Message]] = defaultdict(list)
    for each in asked:
        threads[each.message.thread].append(each.message)
    lost, doubled, disordered = list[str](), list[str](), list[str]()
    for thread, messages in threads.items():
        kept = Counter(turn.message_id for turn in turns[thread])
        whole = {turn.message_id for turn in turns[thread] if turn.answer == answer(turn.question)}
        lost += [each.id for each in messages if each.id not in whole or not _stands(each, record)]
        doubled += [each.id for each in messages if kept[each.id] > 1 or _doubled(record.of(each.id))]
        disordered += list(_overlapping([each.id for each in messages], record))
        in_order = [each.id for each in messages if each.id in kept]
        disordered += [a for a, b in zip(in_order, dict.fromkeys(kept), strict=True) if a != b]
    return Verdict(tuple(lost), tuple(doubled), tuple(disordered))


def _stands(message: Message, record: EchoServer) -> bool:
    """Whether the pages only ever grew, show the answer and nothing else, and the end says so."""
    texts: defaultdict[int, list[str]] = defaultdict(list)
    for event in _writes(record.of(message.id)):
        texts[event.part].append(event.text)
    grew = all(after.startswith(before) for each in texts.values() for before, after in pairwise(each))
    shown = " ".join(record.pages(message.id))  # a page ends where there was white space
    return grew and texts[END][-1:] == ["answered"] and shown.split() == answer(message.text).split()


def _doubled(events: Iterable[Event]) -> bool:
    """Whether a part was posted more than once."""
    posts = [event.part for event in events if event.call == "post"]
    return len(posts) != len(set(posts))


def _overlapping(messages: Sequence[str], record: EchoServer) -> Iterator[str]:
    """Those of a thread that were written before all was written of the ones before them."""
    spans = [[event.at for event in _writes(record.of(each))] or [0.0] for each in messages]
    over = accumulate((span[-1] for span in spans), max)
    following = zip(messages[1:], spans[1:], over, strict=False)
    return (each for each, span, before in following if span[0] < before)


def _writes(events: Iterable[Event]) -> list[Event]:
    return [event for event in events if event.call in ("post", "edit")]


def fairness(asked: Sequence[Asked], record: EchoServer) -> float:
    """Jain's index of the answers that people got while all of them waited: 1 where all got the same.

    It looks at the longest time in which everybody had a question waiting, so that everybody could have
    been next at any moment of it, and counts the answers of each person that were begun in it (first post
    or edit), however many that person had asked for. Index: (sum x)^2 / (n * sum x^2), R. Jain, D. Chiu, W.
    Hawe, "A quantitative measure of fairness", 1984.
    """
    begun = [(_writes(record.of(each.message.id))[0].at, each.message.author) for each in asked]
    starts, ends = _all_wait([(each.at, each.message.author) for each in asked], begun)
    people = {each.message.author for each in asked}
    shares = Counter(person for at, person in begun if starts < at <= ends)
    return sum(shares.values()) ** 2 / max(1, len(people) * sum(count**2 for count in shares.values()))


def _all_wait(asked: Sequence[tuple[float, str]], begun: Sequence[tuple[float, str]]) -> tuple[float, float]:
    """Beginning and end of the longest time in which each person had asked what was not begun."""
    waiting = Counter({person: 0 for _, person in asked})
    longest, since = (0.0, 0.0), None
    changes = sorted([(*each, 1) for each in asked] + [(*each, -1) for each in begun])
    for at, person, change in changes:
        waiting[person] += change
        if since is None and min(waiting.values()) > 0:
            since = at
        elif since is not None and waiting[person] <= 0:
            longest = max(longest, (since, at), key=lambda span: span[1] - span[0])
            since = None
    return longest


def takeovers(kills: Iterable[Kill], record: EchoServer) -> list[float]:
    """Seconds from each kill until another worker went on with each answer that was left behind."""
    times = []
    for kill in kills:
        for message in {event.message for event in record.events if event.by == kill.worker}:
            events = [event for event in record.of(message) if event.call != "status"]
            before = [event for event in events if event.at <= kill.at]
            after = [event for event in events if event.at > kill.at and event.by != kill.worker]
            if before and after and before[-1].by == kill.worker and before[-1].part != END:
                times.append(after[0].at - kill.at)
    return times
