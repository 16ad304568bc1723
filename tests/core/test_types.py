"""Values cross a process and come back the same, also from a neighbour release."""

import dataclasses
import json
import typing
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.types import (
    SCHEMA,
    Attachment,
    Audience,
    Citation,
    Document,
    Message,
    Outcome,
    Passage,
    ThreadId,
    Turn,
    Usage,
    decode,
    encode,
)
from tests.core.hostile import STEADY, texts

st.register_type_strategy(str, texts)
KINDS: list[Any] = [
    Message,
    Turn,
    Document,
    Outcome,
    Passage,
    Citation,
    Audience,
    ThreadId,
    Attachment,
    Usage,
]
VALUES = st.sampled_from(KINDS).flatmap(st.from_type).filter(lambda value: "nan" not in repr(value))

MESSAGE = Message(
    "m1", ThreadId("discord", "7"), "u1", "Hi?", 3.5, "Ana", (Attachment("a.md", "https://x.example/a"),)
)
TURN = Turn("m1", "Hi?", "Ho.", "answered", 3.5, "u1", "Ana", (Citation("a.md", "", ("A", "B"), 2, "Ho."),))


@STEADY
@given(VALUES)
def test_every_value_comes_back_the_same(value: Any) -> None:
    """Nested values, empty ones and texts of any kind, lone surrogates too, survive being stored."""
    stored = encode(value)

    assert decode(type(value), stored) == value
    assert decode(type(value), stored.encode("utf-8", "surrogatepass")) == value
    assert "\n" not in stored
    assert json.loads(stored)["v"] == SCHEMA


def test_stored_values_keep_their_form() -> None:
    """These lines are what this release writes; changing them loses people's conversations."""
    message = (
        '{"v":2,"value":{"id":"m1","thread":{"platform":"discord","key":"7"},"author":"u1","text":"Hi?","at":3.5,'
        '"author_name":"Ana","attachments":[{"name":"a.md","url":"https://x.example/a","size":null}],"quoted":"","persona":"",'
        '"grounding":"","seen_by":[],"model":"","addition":null,"trace":""}}'
    )
    turn = (
        '{"v":2,"value":{"message_id":"m1","question":"Hi?","answer":"Ho.","kind":"answered","at":3.5,'
        '"author":"u1","author_name":"Ana","citations":[{"title":"a.md","url":"","heading":["A","B"],"page":2,"quote":"Ho.",'
        '"at":0.0}],"attachments":[],"seen_by":[]}}'
    )

    assert (encode(MESSAGE), encode(TURN)) == (message, turn)
    assert (decode(Message, message), decode(Turn, turn)) == (MESSAGE, TURN)


def test_what_the_release_before_stored_is_read() -> None:
    """Its turns did not say who had asked."""
    turn = (
        '{"v":1,"value":{"message_id":"m1","question":"Hi?","answer":"Ho.","kind":"answered","at":3.5,'
        '"author_name":"Ana","citations":[{"title":"a.md","url":"","heading":["A","B"],"page":2,"quote":"Ho."}]}}'
    )

    assert decode(Turn, turn) == dataclasses.replace(TURN, author="")


def test_unknown_fields_are_passed_over() -> None:
    """A field can be added or taken away without a new version, at any depth."""
    stored = json.loads(encode(MESSAGE))
    stored["signed"] = True
    stored["value"]["mood"] = {"good": [1, 2]}
    stored["value"]["thread"]["shard"] = 5
    stored["value"]["attachments"][0]["hash"] = "x"

    assert decode(Message, json.dumps(stored)) == MESSAGE


def test_this_release_and_the_one_before_are_read_and_no_other() -> None:
    """A version that this release does not know is not guessed at."""
    for version, known in (
        (SCHEMA, True),
        (SCHEMA - 1, True),
        (SCHEMA + 1, False),
        (SCHEMA - 2, False),
        ("1", False),
    ):
        stored = encode(MESSAGE).replace(f'"v":{SCHEMA}', f'"v":{json.dumps(version)}', 1)
        if known:
            assert decode(Message, stored) == MESSAGE
        else:
            with pytest.raises(ValueError, match="release"):
                decode(Message, stored)


def test_fields_that_are_missing_take_their_defaults() -> None:
    """A value of the older release lacks what came later."""
    stored = (
        '{"v":1,"value":{"id":"m","thread":{"platform":"slack","key":"C"},"author":"u","text":"t","at":1}}'
    )

    assert decode(Message, stored) == Message("m", ThreadId("slack", "C"), "u", "t", 1.0)


NO_MESSAGES: list[str | bytes] = ["", "x", "null", "[]", "{}", "7", '"v"', '{"v":1}', b"\xff"]
NO_MESSAGES += [f'{{"v":1,"value":{value}}}' for value in ("null", "7", '"id"', "{}", '{"id":1}')]
NO_MESSAGES += ['{"v":1,"value":{"id":"m","thread":3,"author":"u","text":"t","at":1}}']


@pytest.mark.parametrize("stored", NO_MESSAGES)
def test_what_is_no_such_value_is_one_kind_of_error(stored: str | bytes) -> None:
    """Whoever reads a store has one error to expect for whatever stands in it."""
    with pytest.raises(ValueError):  # noqa: PT011 - any text of it: the message is json's where it is not JSON
        decode(Message, stored)


AUDIENCES = [
    ("public", Audience("public")),
    ("workspace:discord:42", Audience("workspace", "discord:42")),
    ("channel:slack:C1", Audience("channel", "slack:C1")),
    ("person:slack:U1", Audience("person", "slack:U1")),
    ("thread:terminal:a:b c", Audience("thread", "terminal:a:b c")),
]


@pytest.mark.parametrize(("written", "audience"), AUDIENCES)
def test_an_audience_is_written_and_read(written: str, audience: Audience) -> None:
    """Everything behind the kind is the reference, colons and spaces too."""
    assert str(audience) == written
    assert Audience.parse(written) == audience


@pytest.mark.parametrize(
    "written",
    ["", "Public", "public:", "public:x", "channel", "channel:", "everyone", "team:x", ":", " public"],
)
def test_anything_else_is_no_audience(written: str) -> None:
    """Who may see a document is never guessed."""
    with pytest.raises(ValueError, match="not an audience"):
        Audience.parse(written)


@STEADY
@given(texts)
def test_reading_an_audience_accepts_only_what_writing_makes(written: str) -> None:
    """Each audience has one written form."""
    for text in (written, f"channel:{written}", f"public{written}"):
        try:
            audience = Audience.parse(text)
        except ValueError:
            continue
        assert str(audience) == text
    thread = ThreadId("terminal", written)
    assert Audience.parse(str(Audience.of_thread(thread))) == Audience("thread", str(thread))


def test_places_and_links_read_well() -> None:
    """A source is named by file, headings and page; its link leads to the place where there is one."""
    passage = Passage(
        "1", "d", "handbook.pdf", "t", 0, ("Leave", "New staff"), "https://x.example/h.pdf", "page=3", 3
    )

    assert passage.place == "handbook.pdf › Leave › New staff (page 3)"
    assert passage.link == "https://x.example/h.pdf#page=3"
    assert Citation("a.md", "", ("Leave",)).place == "a.md › Leave"
    assert Passage("1", "d", "a.md", "t", anchor="x").link == ""
    assert Passage("1", "d", "a.md", "t", url="https://x.example").link == "https://x.example"


def test_every_kind_of_audience_is_tested() -> None:
    """A new kind needs its line above."""
    assert {audience.kind for _, audience in AUDIENCES} == set(
        typing.get_args(typing.get_type_hints(Audience)["kind"])
    )
