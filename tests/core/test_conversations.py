"""How an answer is made, as conversations in a table: what is asked, said, cited and refused."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import pytest

from core.types import OutcomeKind
from tests.adapters.redis_parts import RedisServer
from tests.core.harbour import FROM_HANDBOOK, HANDBOOK, LEAVE, MENU, TRAILER, hired


@dataclass
class Step:
    """One question of a conversation, and what must come of it.

    `says` is the model's whole text. `cites` are the places of the sources, `asked` says whether the
    model is asked at all, `reads` and `lacks` are texts that its prompt must and must not hold.
    """

    question: str
    files: Mapping[str, bytes] = field(default_factory=dict)
    says: str = ""
    kind: OutcomeKind = "answered"
    answer: str | None = None
    why: str = ""
    cites: Sequence[str] = ()
    asked: bool = True
    reads: Sequence[str] = ()
    lacks: Sequence[str] = ()
    left_out: Sequence[str] = ()


PAID = Step(
    LEAVE,
    {"harbour.md": HANDBOOK},
    says=f" New crew get 24 days of paid leave.{TRAILER}",
    answer="New crew get 24 days of paid leave.",
    cites=[f"{FROM_HANDBOOK}Leave \u203a Paid leave"],
    reads=["BEGININPUT", "24 days of paid leave in their first year", LEAVE],
)

PRICES = "menu.md \u203a Canteen \u203a Prices"
REFUSED = Step(
    "What is the password of the wireless network that visitors from another harbour connect with?",
    {"menu.md": MENU},
    kind="refused",
    why="I don't know: I found nothing about this in menu.md.",
    asked=False,
)

CONVERSATIONS = {
    "an answer from a file names its source, which is taken out of the text": [PAID],
    "a link that is in no source loses its address": [
        replace(PAID, says=f" New crew get [24 days](https://evil.example) of paid leave.{TRAILER}")
    ],
    "a follow-up remembers the turn and the file": [
        PAID,
        Step(
            "And how many of them can be carried over?",
            says=f" Up to 5 days of leave can be carried over.{TRAILER}",
            cites=[f"{FROM_HANDBOOK}Leave \u203a Paid leave"],
            reads=[LEAVE, "New crew get 24 days of paid leave.</s>", "Up to 5 days of leave"],
        ),
    ],
    "a follow-up without words of its own is about what was asked before": [
        PAID,
        Step(
            "Why is that?",
            says=f" Because new crew get 24 days of paid leave in their first year.{TRAILER}",
            cites=[f"{FROM_HANDBOOK}Leave \u203a Paid leave"],
            reads=["BEGININPUT", "24 days of paid leave in their first year"],
        ),
    ],
    "a short question is no follow-up of one that was refused": [
        REFUSED,
        Step(
            "How much does a soup cost?",
            says=f" A bowl of soup costs 3 euros.{TRAILER}",
            cites=[PRICES],
        ),
    ],
    "what follows a short question does not reach back to what was refused before it": [
        REFUSED,
        Step("How much does a soup cost?", says=f" A bowl of soup costs 3 euros.{TRAILER}", cites=[PRICES]),
        Step("And what about its dish?", says=f" A main dish costs 7 euros.{TRAILER}", cites=[PRICES]),
    ],
    "what points back to a question that was refused is refused with it": [
        REFUSED,
        replace(REFUSED, question="And who else knows it?", files={}),
    ],
    "what is wanted of the answer before is asked with the passages that it stood on": [
        PAID,
        Step(
            "Say that in German", says=" Neue Leute haben 24 Tage.", reads=["24 days of paid leave in their"]
        ),
    ],
    "the whole of the file that is named is read, not of the one that came last": [
        PAID,
        Step(
            "What does soup cost?",
            {"menu.md": b"# Prices\n\nSoup costs 2 euros.\n\nTea is free."},
            says=" Soup costs 2 euros.",
            cites=["menu.md \u203a Prices"],
        ),
        replace(PAID, question="Summarise harbour.md", files={}, reads=["24 days"], lacks=["Tea is free"]),
    ],
    "a letter is made of the whole file": [
        Step(
            "Write a letter based on this file",
            {"harbour.md": HANDBOOK},
            says=" Dear crew.",
            reads=["24 days"],
        )
    ],
    "the right one of several files is cited": [
        Step(
            "What does a bowl of soup cost?",
            {"harbour.md": HANDBOOK, "menu.md": MENU},
            says=f" A bowl of soup costs 3 euros.{TRAILER}",
            cites=["menu.md \u203a Canteen \u203a Prices"],
            left_out=["Read the best 1 of 6 passages of harbour.md and menu.md."],
        ),
        Step(
            "And where hangs the key of the Paloma?",
            says=f" Its key hangs in the harbour office.{TRAILER}",
            cites=[f"{FROM_HANDBOOK}Boats"],
        ),
    ],
    "what the files do not hold is refused, and the model is not asked to guess": [
        Step(
            "What is the password of the wireless network?",
            {"harbour.md": HANDBOOK},
            kind="refused",
            answer="",
            why="I don't know: I found nothing about this in harbour.md.",
            asked=False,
        ),
        Step(
            "Who won the football championship of 1998?",
            {"menu.md": MENU},
            kind="refused",
            why="I don't know: I found nothing about this in the files of this thread.",
            asked=False,
        ),
    ],
    "what the files know of another is refused": [
        Step(
            "When did the office in Quito close?",
            {"lima.md": b"# Offices\n\nThe Lima office closed in 2019."},
            kind="refused",
            why="I don't know: I found nothing about this in lima.md.",
            asked=False,
        ),
    ],
    "an answer about several things has a source for each": [
        Step(
            "What is the difference between Alpha and Beta?",
            {"alpha.md": b"Alpha costs 5 euros.", "beta.md": b"Beta costs 7 euros."},
            says=" Alpha costs 5 euros and Beta costs 7 euros.",
            cites=["alpha.md", "beta.md"],
        )
    ],
    "a source that nobody sent is not shown where there is no file": [
        Step(
            "How many days of leave are there?",
            says=" There are 24 days.\nSource: handbook.pdf, page 7\nURL: https://intranet.example/leave",
            answer="There are 24 days.",
        )
    ],
    "a file that nobody sent is not named": [
        replace(
            PAID,
            says=f" According to secret.pdf, page 7, new crew get 24 days of paid leave.{TRAILER}",
            answer="According to a file that is in no source, new crew get 24 days of paid leave.",
        )
    ],
    "small talk in a thread with files is not refused": [
        PAID,
        Step(
            "Thanks!", says=" You are welcome.\nSource: S1", answer="You are welcome.", lacks=["BEGININPUT"]
        ),
        Step("Good morning", says=" Good morning to you.", lacks=["BEGININPUT"]),
    ],
    "what the conversation itself holds is not refused": [
        Step("My wooden schooner is called Esperanza.", says=" A fine name for a schooner."),
        PAID,
        Step(
            "What is the name of the wooden schooner?",
            says=" The schooner is called Esperanza.",
            reads=["My wooden schooner is called Esperanza."],
            lacks=["BEGININPUT"],
        ),
    ],
    "a file alone is summarised from its start": [
        Step(
            "",
            {"menu.md": MENU},
            says=" The canteen serves lunch from 11:30. A bowl of soup costs 3 euros.",
            reads=["Summarise this file.", "lunch from 11:30", "3 euros, a main dish"],
            cites=["menu.md \u203a Canteen \u203a Opening hours", "menu.md \u203a Canteen \u203a Prices"],
        )
    ],
    "a model that finds no answer in the file is believed": [
        Step(
            LEAVE,
            {"harbour.md": HANDBOOK},
            says=" The text does not mention this.",
            kind="refused",
            why="The model found no answer in harbour.md.",
        )
    ],
    "without files the model answers from itself": [
        Step("What is a llama?", says=" An animal of the Andes.", answer="An animal of the Andes.")
    ],
    "an answer that no passage bears out has no source, and says so": [
        Step(
            LEAVE,
            {"harbour.md": HANDBOOK},
            says=f" Penguins live in Antarctica.{TRAILER}",
            left_out=["No source is named"],
        )
    ],
    "a file that cannot be read stops no other, and is told": [
        Step(
            LEAVE,
            {"photo.md": b"\xff\xfe\x00\xd8", "harbour.md": HANDBOOK},
            says=PAID.says,
            cites=PAID.cites,
            left_out=["photo.md holds no text. Send it as text."],
        )
    ],
    "where no file can be read the reason is the answer": [
        Step(
            LEAVE,
            {"photo.md": b"\xff\xfe\x00\xd8", "big.md": b"x" * 100_001},
            kind="failed",
            why="photo.md holds no text. Send it as text. big.md is larger than",
            asked=False,
        )
    ],
}


@pytest.mark.parametrize("steps", CONVERSATIONS.values(), ids=CONVERSATIONS)
async def test_a_conversation(redis: RedisServer, steps: Sequence[Step]) -> None:
    """Each question of the table ends as the table says, and history holds the turns that told something."""
    async with hired(redis, lambda _: step.says) as team:
        for step in steps:
            before = len(team.tgi.asked)
            outcome = await team.says(step.question, step.files)
            assert (outcome.kind, outcome.why[: len(step.why)]) == (step.kind, step.why)
            assert [cited.place for cited in outcome.citations] == list(step.cites)
            assert team.reply.outcomes == [outcome]
            assert outcome.answer == "".join(team.reply.pages).strip()
            assert step.answer is None or outcome.answer == step.answer
            for note in step.left_out:
                assert any(said.startswith(note) for said in outcome.left_out), outcome.left_out
            assert len(team.tgi.asked) - before == step.asked
            if step.asked:
                assert all(text in team.prompt for text in step.reads)
                assert not any(text in team.prompt for text in step.lacks)
        kept = [step.question or "Summarise this file." for step in steps if step.kind != "failed"]
        assert [turn.question for turn in await team.turns()] == kept
        assert not await team.waits()
