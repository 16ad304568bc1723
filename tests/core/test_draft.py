"""What of a model's text may be seen: the same for every cutting of the stream, and nothing lost."""

from collections.abc import Iterable, Sequence

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from core.addresses import LOST, Addresses
from core.characters import sendable
from core.draft import Draft, SentenceGate, StopFilter
from core.file_names import FileNames
from core.profiles import PROFILES
from tests.core.hostile import FRAGMENTS, STEADY, pieces, seeded, texts

VICUNA_STOPS = PROFILES["vicuna_v1.1"].stop
STOP_LISTS: list[Sequence[str]] = [
    *(profile.stop for profile in PROFILES.values()),
    (),
    ("abcdef", "cd"),
    ("aab", "ab", "b"),
    ("\n\n",),
    ("aaa", "aab"),
]
SAID = [
    *FRAGMENTS,
    "a",
    "b",
    "ab",
    "cd",
    "abc",
    "def",
    "\nUSER:",
    "</s",
    "BEGININ",
    "<|im_e",
    "nd|>",
    "Green.",
    "Yes! ",
    "。",
    "…",
]


def stopped(stops: Sequence[str], stream: Iterable[str]) -> tuple[str, bool]:
    """What a stop filter shows of a stream, and whether it met a stop."""
    stop = StopFilter(stops)
    shown = [stop.feed(piece) for piece in stream]
    shown.append(stop.close())
    return "".join(shown), stop.stopped


# --- Stop strings -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        (" Green.</s>", "Green."),
        (" Green.</s>USER: And?", "Green."),
        ("Green.\nUSER: And?", "Green."),
        ("USER: And?", ""),
        (" \n USER: no stop here", "USER: no stop here"),
        ("Green. BEGININPUT", "Green. "),
        ("Green.\nUSERS like it", "Green.\nUSERS like it"),
        ("Green.</", "Green.</"),
        ("Green.\n", "Green.\n"),
        ("", ""),
        ("   ", ""),
    ],
)
def test_an_answer_ends_before_its_stop_string(said: str, shown: str) -> None:
    """The stop is never shown, nor the space that belongs to the first token; a near miss is."""
    assert stopped(VICUNA_STOPS, [said])[0] == shown
    assert stopped(VICUNA_STOPS, said)[0] == shown


def test_the_stop_that_is_complete_first_counts() -> None:
    """Where one stop string could hold another, it does not matter in which pieces they come."""
    for stream in (["xabcdef"], ["xab", "cd", "ef"], list("xabcdef"), ["xabcd", "ef"]):
        assert stopped(("abcdef", "cd"), stream) == ("xab", True)


def test_the_same_text_in_other_pieces_stops_at_the_same_place() -> None:
    """5,000 random texts and stop strings: letter by letter, in random pieces or at once."""
    rng = seeded()
    for _ in range(5_000):
        stops, said = rng.choice(STOP_LISTS), "".join(rng.choices(SAID, k=rng.randrange(10)))
        at_once = stopped(stops, [said])

        assert stopped(stops, said) == at_once, (stops, said)
        assert stopped(stops, pieces(rng, said)) == at_once, (stops, said)


@STEADY
@given(st.sampled_from(STOP_LISTS), st.lists(st.sampled_from(SAID) | texts))
def test_nothing_but_the_stop_is_lost(stops: Sequence[str], said: list[str]) -> None:
    """Up to the first stop every character is shown, and no stop string ever is."""
    text = "".join(said)

    shown, met = stopped(stops, said)

    # A stop that begins with a line end also stops at the very beginning, as if one stood before it.
    first = min((f"\n{text}".find(stop) for stop in stops if stop in f"\n{text}"), default=None)
    assert met == (first is not None)
    assert text.lstrip().startswith(shown)
    if not met:
        assert shown == text.lstrip()
    assert not any(stop in shown for stop in stops)


def test_a_text_is_held_back_only_while_it_can_become_a_stop() -> None:
    """People see a word at once unless it begins a stop string."""
    stop = StopFilter(VICUNA_STOPS)

    assert stop.feed(" Blue") == "Blue"
    assert stop.feed("berries\nUS") == "berries"
    assert stop.feed("A") == "\nUSA"
    assert stop.feed(" <") == " "
    assert stop.close() == "<"


# --- Checked sentences ------------------------------------------------------------------------------


def gated(stream: Iterable[str], keep: str) -> tuple[str, int]:
    """What comes through a gate for sentences that hold `keep`, and how many did not."""
    gate = SentenceGate(lambda sentence: keep in sentence)
    shown = [gate.feed(piece) for piece in stream]
    shown.append(gate.close())
    return "".join(shown), gate.dropped


def test_only_sentences_that_pass_are_shown() -> None:
    """The others go with the white space behind them, and are counted."""
    said = 'Dogs may. Cats may not!  "Birds may." Mice\nmay (too). 犬は可。猫は。 The end may'

    assert gated([said], "may") == ('Dogs may. Cats may not!  "Birds may." may (too). The end may', 3)
    assert gated([said], "") == (said, 0)


def test_no_sentence_is_shown_before_it_is_whole() -> None:
    """A sentence becomes visible when the next one begins, not word by word."""
    gate = SentenceGate(lambda sentence: True)

    assert gate.feed("Version 3.5 is out.") == ""
    assert gate.feed(" ") == ""
    assert gate.feed("It is") == "Version 3.5 is out. "
    assert gate.close() == "It is"


def test_the_same_sentences_in_other_pieces_pass_the_same_gate() -> None:
    """5,000 random texts: what is shown, white space included, does not depend on the pieces."""
    rng = seeded()
    endings = [
        ". ",
        ".\n\n",
        "! ",
        '." ',
        ".)\n",
        "。",
        "。」",
        "…",
        "\n",
        " ",
        "  ",
        "a",
        "b",
        "word",
        "`",
        "**",
        "3.5",
        ".",
    ]
    for _ in range(5_000):
        said = "".join(rng.choices([*endings, *SAID], k=rng.randrange(14)))
        keep = rng.choice(("a", "b", "", "word"))
        at_once = gated([said], keep)

        assert gated(said, keep) == at_once, said
        assert gated(pieces(rng, said), keep) == at_once, said
        assert gated(said, "")[0] == said


# --- All of them ------------------------------------------------------------------------------------


def drafted(draft: Draft, stream: Iterable[str]) -> str:
    """Feed a whole stream; what was returned is what `shown` says."""
    returned = [draft.feed(piece) for piece in stream]
    returned.append(draft.close())
    assert "".join(returned) == draft.shown
    return draft.shown


def test_a_draft_is_the_same_for_every_cutting() -> None:
    """3,000 random answers through all filters: text, trailer, marks and stop do not depend on the pieces."""
    rng = seeded()

    def outcome(stream: Iterable[str], *, checked: bool) -> tuple[object, ...]:
        check = (lambda s: "a" not in s) if checked else None
        files = FileNames((), "notes.md")
        draft = Draft(VICUNA_STOPS, cited=True, check=check, files=files, known=Addresses(()))
        shown = drafted(draft, stream)
        return shown, draft.trailer, list(draft.marks), draft.stopped

    said = [
        *SAID,
        "\nSource:",
        " title: x",
        "[1]",
        " [2, 3]",
        "Yes. ",
        "\n",
        "\u2060",
        "](",
        "https://",
        "notes.md, page 4",
        "secret.pdf",
        "\r\n",
        "\u202e",
    ]
    for _ in range(3_000):
        text, checked = "".join(rng.choices(said, k=rng.randrange(14))), rng.random() < 0.5
        at_once = outcome([text], checked=checked)

        assert outcome(text, checked=checked) == at_once, text
        assert outcome(pieces(rng, text), checked=checked) == at_once, text


@STEADY
@given(st.lists(texts))
def test_without_filters_nothing_is_lost(said: list[str]) -> None:
    """All that the model said is kept raw and shown, save sources and what nobody should be sent."""
    assume(not any(word in "".join(said).lower() for word in ("source", "reference", "citation")))
    draft = Draft((), cited=False)

    shown = drafted(draft, said)

    assert draft.raw == "".join(said)
    assert shown == sendable(draft.raw.lstrip())
    assert (draft.trailer, list(draft.marks), draft.stopped) == ("", [], False)


def test_a_marker_that_the_model_copied_reads_as_it_was_written() -> None:
    """The joiner that broke it in the prompt is gone, wherever the stream was cut."""
    draft = Draft(VICUNA_STOPS, cited=True)

    assert drafted(draft, ["The word END", "\u2060", "INPUT ends a block and <\u2060", "/s> a turn."]) == (
        "The word ENDINPUT ends a block and </s> a turn."
    )


def test_nothing_is_shown_after_a_stop() -> None:
    """A model that talks on to itself is cut off, and the draft says so."""
    draft = Draft(VICUNA_STOPS, cited=True, check=None)

    assert drafted(draft, ["Green.", "\nUS", "ER: And you?", " Blue. Source: S1"]) == "Green."
    assert draft.stopped
    assert draft.trailer == ""


@pytest.mark.parametrize("sign", ["word ", ".", "\n", " ", "[", "<", "`", "\nS", "Oh. ", "![", "( ", "a: "])
def test_a_long_stream_keeps_nobody_waiting(sign: str) -> None:
    """A model that repeats itself as long as it may is filtered as fast as it writes."""
    files, known = FileNames((), ""), Addresses(())
    draft = Draft(VICUNA_STOPS, cited=True, check=lambda sentence: True, files=files, known=known)
    said = f"So {sign * 5_000}"

    shown = drafted(draft, (said[i : i + 4] for i in range(0, len(said), 4)))

    assert shown.rstrip() == said.rstrip()


def test_links_are_read_in_what_people_see() -> None:
    """A mark, a trailer or a sentence that is taken out leaves no new link behind, nor an invisible sign."""
    known = Addresses(())

    def shown(said: str) -> str:
        return drafted(Draft(VICUNA_STOPS, cited=True, check=lambda s: "drop" not in s, known=known), said)

    assert shown("[x] [1](javascript:a) [y][2](javascript:b)") == "x y"
    assert shown("[x。]drop。(javascript:a)") == "x。"
    assert LOST in shown("ht\u202etps://evil.example")
    assert LOST in shown("htt\u2060ps:/\0/evil.example")


def test_an_answer_without_passages_keeps_its_links() -> None:
    """Links are checked where there is something to check them against."""
    said = "See [Python](https://known.example) or https://docs.example/page."

    assert drafted(Draft((), cited=False), said) == said
