"""What a message of Slack becomes: words for a model, its thread, what is quoted and attached."""

from typing import Any

import pytest

from adapters.slack import inbound, places
from adapters.slack.inbound import Said, by_anybody, by_person
from core.channels import ChannelSettings

US, NAMES = "UBOT", {"U1": "Ana", "U2": "Ben"}


def message(text: str = "How far?", **more: Any) -> dict[str, Any]:
    """A person's message, as an event tells it."""
    return {"type": "message", "user": "U1", "ts": "100.000200", "text": text, **more}


def said(text: str = "How far?", **more: Any) -> Said:
    """The same, as it is read."""
    found = by_person(message(text, **more), "C1")
    assert found
    return found


@pytest.mark.parametrize(
    ("slack", "plain"),
    [
        ("<@UBOT> How far?", "How far?"),
        ("ask <@U2> &amp; <@U9|cyd>, <@U8>", "ask @Ben & @cyd, @U8"),
        ("<#C2|general> and <#C3>", "#general and #C3"),
        ("<!here> <!channel|channel> <!subteam^S1|@ops> <!subteam^S2>", "@here channel @ops @subteam"),
        ("<https://a.org/x?a=1&amp;b=2>", "https://a.org/x?a=1&b=2"),
        ("<https://a.org|the page>", "[the page](https://a.org)"),
        ("<mailto:a@b.org|a@b.org>", "a@b.org"),
        ("1 &lt; 2 &gt; 0, &lt;@U1&gt;", "1 < 2 > 0, <@U1>"),
        ("a < b > c", "a < b > c"),
        ("   ", ""),
    ],
)
def test_slacks_own_form_becomes_plain_words(slack: str, plain: str) -> None:
    """People and channels by their names, links as Markdown, what was typed as it was typed."""
    assert inbound.words(slack, US, NAMES) == plain


@pytest.mark.parametrize(
    ("typed", "address"),
    [
        ("https://a.org/x?a=1&b=2", "https://a.org/x?a=1&b=2"),
        (" <https://a.org/x?a=1&amp;b=2> ", "https://a.org/x?a=1&b=2"),
        ("<http://a.org|a.org>", "http://a.org"),
        ("<http://a.org|a page of ours>", "http://a.org"),
        ("how far?", "how far?"),
        ("", ""),
    ],
)
def test_a_link_behind_a_command_is_read_as_its_address(typed: str, address: str) -> None:
    """Whether Slack writes it as one or leaves it as it was typed."""
    assert inbound.address(typed) == address


@pytest.mark.parametrize(
    "other",
    [
        {"bot_id": "B1"},
        {"user": "USLACKBOT"},
        {"user": None},
        {"subtype": "channel_join"},
        {"subtype": "message_replied"},
        {"subtype": "tombstone"},
    ],
)
def test_only_people_ask(other: dict[str, Any]) -> None:
    """Neither bots nor Slack itself."""
    assert by_person(message(**other), "C1") is None


@pytest.mark.parametrize("subtype", [None, "file_share", "thread_broadcast", "me_message"])
def test_people_ask_in_several_ways(subtype: str | None) -> None:
    """With a file, in a thread that the channel sees too."""
    assert said(subtype=subtype).id == "C1:100.000200"


def test_bots_are_read_where_people_ask_about_them() -> None:
    """An alert has its words in attachments, and its own name."""
    alert = {"text": "", "attachments": [{"fallback": "Disk full"}], "bot_id": "B1", "username": "Watch"}
    read = by_anybody({"ts": "1.2", "subtype": "bot_message", **alert}, "C1")
    assert read
    asked = inbound.question(
        said("<@UBOT>", thread_ts="1.2"), places.in_thread("C1", "1.2"), US, ChannelSettings(), NAMES, [read]
    )
    assert asked.text == "Disk full", "a mention alone asks what was said last"
    explained = inbound.question(
        said("Why?", thread_ts="1.2"), places.in_thread("C1", "1.2"), US, ChannelSettings(), NAMES, [read]
    )
    assert (explained.text, explained.quoted) == ("Why?", "Watch: Disk full")


BLOCKS = [
    {"type": "header", "text": {"type": "plain_text", "text": "Disk full"}},
    {"type": "section", "fields": [{"type": "mrkdwn", "text": "*Host* a1"}, None]},
    {"type": "context", "elements": [{"type": "image", "alt_text": "a graph"}, "of today"]},
    {
        "type": "rich_text",
        "elements": [
            {
                "type": "rich_text_section",
                "elements": [
                    {"type": "user", "user_id": "U2"},
                    {"type": "text", "text": " says 1 < 2, see "},
                    {"type": "link", "url": "https://a.org", "text": "this"},
                    {"type": "emoji", "name": "llama"},
                    7,
                ],
            }
        ],
    },
    {"type": "actions", "elements": [{"type": "button", "text": {"type": "plain_text", "text": "Mute"}}]},
    {"type": "of another year"},
    None,
]


@pytest.mark.parametrize("where", [{"blocks": BLOCKS}, {"attachments": [{"blocks": BLOCKS}, None]}])
def test_what_stands_in_blocks_alone_is_read(where: dict[str, Any]) -> None:
    """As alerts are written: by people's names, with what was typed as it was typed, without buttons."""
    read = by_anybody({"ts": "1.2", "subtype": "bot_message", "bot_id": "B1", "text": "", **where}, "C1")
    assert read
    assert inbound.words(read.text, US, NAMES) == (
        "Disk full\n*Host* a1\na graph\nof today\n@Ben says 1 < 2, see [this](https://a.org):llama:"
    )


@pytest.mark.parametrize(
    ("channel", "thread", "pane", "key"),
    [
        ("C1", None, True, "C1/100.000200"),
        ("C1", "90.1", False, "C1/90.1"),
        ("D1", None, True, "D1/100.000200"),
        ("D1", "90.1", True, "D1/90.1"),
        ("D1", None, False, "D1"),
        ("D1", "90.1", False, "D1/90.1"),
    ],
)
def test_threads_are_slacks_own(channel: str, thread: str | None, pane: bool, key: str) -> None:
    """Direct messages are one conversation, but for the pane of an agent, where each begins a thread."""
    found = by_person(message(thread_ts=thread), channel)
    assert found
    assert inbound.thread_of(found, pane=pane).key == key


def test_a_forwarded_message_is_quoted_with_its_files() -> None:
    """Its words before the question, or as the question where there is no other."""
    shared = {"is_share": True, "author_name": "Ben", "text": "The <@U1> plan", "files": [{"id": "F1"}]}
    thread = places.in_thread("C1", "100.000200")
    asked = inbound.question(said("Good?", attachments=[shared]), thread, US, ChannelSettings(), NAMES)
    assert (asked.text, asked.quoted) == ("Good?", "Ben: The @U1 plan")
    assert [file.url for file in asked.attachments] == ["chasqui:file?id=F1"]


def test_a_long_conversation_is_quoted_within_bounds() -> None:
    """The first message, which says what it is about, and the last ones that have room."""
    earlier = [said(f"{number} " + "word " * 200, ts=f"{number}.1") for number in range(1, 60)]
    asked = inbound.question(said(), places.in_thread("C1", "1.1"), US, ChannelSettings(), NAMES, earlier)
    lines = asked.quoted.splitlines()
    assert len(asked.quoted) <= 12_000
    assert lines[0].startswith("Ana: 1 word")
    assert lines[-1].startswith("Ana: 59 word")
    assert len(lines) < 20


def test_who_asks_is_named_where_several_speak() -> None:
    """And in direct messages nobody needs it; the channel's persona and grounding go along."""
    settings = ChannelSettings(persona="You are a llama.")
    asked = inbound.question(said(), places.in_thread("C1", "1.1"), US, settings, NAMES)
    direct = by_person(message(), "D1")
    assert direct
    alone = inbound.question(direct, places.conversation("D1"), US, settings, NAMES)
    assert (asked.author, asked.author_name, alone.author_name) == ("U1", "Ana", "")
    assert (asked.persona, asked.at) == ("You are a llama.", 100.0002)
