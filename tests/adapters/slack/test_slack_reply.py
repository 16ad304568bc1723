"""Answers on Slack, at the emulator: how they look, and what is said where they cannot stand."""

import asyncio
from typing import Any

import pytest

from adapters.slack import blocks, places
from adapters.slack.markdown import MARKDOWN, MRKDWN
from adapters.slack.platform import SlackPlatform
from core.errors import PageClosed, PlatformError, RateLimited, UserError, WriteFailed
from core.ports import END
from core.retrying import RetryingReply
from core.types import Citation, Outcome
from tests.adapters.platform_parts import FakeNotes, FakeRates, Step, play
from tests.adapters.slack.answering import (
    APPEND,
    LONG_END,
    PLAIN,
    POST,
    SAID,
    SHORT,
    SILENT,
    START,
    UNDER,
    UPDATE,
    answers,
    page,
    shown,
    without_streams,
)
from tests.adapters.slack.parts import asked
from tests.emulators.slack import faults
from tests.emulators.slack.seen import SeenMessage
from tests.emulators.slack.server import SlackServer
from tests.fakes import FakeLedger
from tests.parts import eventually

# ---- how an answer looks -------------------------------------------------------------------------------


@pytest.mark.parametrize("pane", [False, True])
async def test_an_answer_is_a_stream_that_ends_with_its_sources(
    pane: bool, slack: SlackServer, platform: SlackPlatform
) -> None:
    """One message in the question's thread; under its end what people can do with it."""
    message, ledger = await asked(slack, where=slack.scene.dm if pane else None), FakeLedger()
    reply, place = platform.reply(message, ledger), places.place(message)
    await play(reply, ledger, PLAIN[:1])
    [growing] = await answers(slack, message)
    assert growing.stream
    assert (reply.profile.limit, reply.profile.max_age) == (9000, 270), "bytes and seconds, then a new page"
    assert shown(growing) == ("It is", "", ())
    assert (growing.stream.state, growing.thread) == ("in_progress", place.root)
    assert growing.stream.recipient == (None if pane else slack.scene.person)
    assert growing.stream.team == (None if pane else slack.scene.team)

    cited = Citation(
        "hand[book].pdf", "https://x.slack.com/files/U1/F1/hand[book].pdf", ("Leave",), 3, "28 days"
    )
    outcome = Outcome("answered", citations=(cited,), left_out=("Read 2 of 3 <!here>.",))
    await play(reply, ledger, [*PLAIN[1:3], (END, lambda reply: reply.finish(outcome))])

    [answer] = await answers(slack, message)
    _, notes, _, _ = answer.now.blocks
    assert page(answer) == SAID
    assert notes["elements"][0]["text"] == (
        "Source: <https://x.slack.com/files/U1/F1/hand[book].pdf|hand[book].pdf › Leave (page 3)>\n"
        "Read 2 of 3 &lt;!here&gt;."
    )
    assert answer.actions == ["chasqui:again", "chasqui:sources", "chasqui:feedback"]
    assert answer.stream
    assert (answer.stream.state, answer.edited_at is None) == ("completed", False)
    assert (await slack.control.session(place.channel, place.root or "")).state == "active"
    assert len(await slack.control.calls("chat")) == 4, "as few calls as can be"


async def test_a_stream_is_begun_for_a_person_of_another_workspace(
    slack: SlackServer, platform: SlackPlatform, notes: FakeNotes
) -> None:
    """In Slack Connect: whose they are was noted when they asked."""
    channel = await slack.control.new_channel("shared", shared=True)
    partner = await slack.control.new_person("paco", channel=channel, partner=True)
    await notes.put(places.team_note(partner), "T_PARTNER")
    message, ledger = await asked(slack, where=channel, person=partner), FakeLedger()
    await play(platform.reply(message, ledger), ledger, SHORT)
    [answer] = await answers(slack, message)
    assert answer.stream
    assert (answer.stream.recipient, answer.stream.team) == (partner, "T_PARTNER")


async def test_without_streams_an_answer_is_a_message_that_is_edited(
    slack: SlackServer, platform: SlackPlatform
) -> None:
    """With a button of ours to stop it, links that are not drawn, and a text that is whole without blocks."""
    await without_streams(slack)
    message, ledger = await asked(slack), FakeLedger()
    reply = platform.reply(message, ledger)
    await play(reply, ledger, [(0, lambda reply: reply.write(0, "It **is**", final=False))])
    [growing] = await answers(slack, message)
    assert (page(growing), growing.text, growing.actions) == ("It **is**", "It *is*", ["chasqui:stop"])
    assert growing.options == {"unfurl_links": False, "unfurl_media": False}

    await play(reply, ledger, [(0, lambda reply: reply.write(0, "It **is** far.", final=True)), PLAIN[-1]])
    [answer] = await answers(slack, message)
    assert (page(answer), answer.text) == ("It **is** far.", f"It *is* far.\n{UNDER}")
    assert answer.actions == ["chasqui:again", "chasqui:feedback"]


async def test_where_slack_does_not_take_our_blocks_an_answer_is_a_text(
    slack: SlackServer, platform: SlackPlatform
) -> None:
    """It says the same; a page of which it would say less is told from others."""
    await without_streams(slack)
    for call in (POST, UPDATE):
        await slack.control.fault(faults.denied(call, "invalid_blocks", times=1))
    message, ledger = await asked(slack), FakeLedger()
    await play(platform.reply(message, ledger), ledger, PLAIN[:1] + PLAIN[2:3])
    [answer] = await answers(slack, message)
    assert answer.text == SAID
    assert blocks.page(SAID).whole
    assert not blocks.page("It is far. " * 600).whole


@pytest.mark.parametrize("streams", [True, False])
async def test_nobody_is_called_by_an_answer(
    streams: bool, slack: SlackServer, platform: SlackPlatform
) -> None:
    """Whatever a model, a file or a failure says: in no text and no block of any version."""
    if not streams:
        await without_streams(slack)
    message, ledger = await asked(slack), FakeLedger()
    calls = "Hey <!channel> <@U1> @here"
    outcome = Outcome("partial", why=calls, left_out=(calls,), citations=(Citation(calls, quote=calls),))
    script: list[Step] = [
        (0, lambda reply: reply.write(0, calls, final=False)),
        (0, lambda reply: reply.write(0, f"{calls}, {calls}", final=True)),
        (END, lambda reply: reply.finish(outcome)),
    ]
    await play(platform.reply(message, ledger), ledger, script)
    [answer] = await answers(slack, message)
    for version in answer.versions:
        said = f"{version.shown if version.blocks else ''} {'' if answer.stream else version.text}"
        assert not any(call in said for call in ("<!channel", "<@U1", " @here"))


async def test_what_stands_under_an_answer_fits(slack: SlackServer, platform: SlackPlatform) -> None:
    """However much there is to say: under a page without room it is a message of its own."""
    cited = Citation("&" * 2000, "https://x.slack.com/" + "a" * 2000, quote="q")
    outcome = Outcome("partial", why="& " * 5000, left_out=("& " * 5000,) * 20, citations=(cited,) * 20)
    for text in ("It is far.", "x" * 8990):
        message, ledger = await asked(slack), FakeLedger()
        script: list[Step] = [
            (0, lambda reply, text=text: reply.write(0, text, final=True)),  # type: ignore[misc]
            (END, lambda reply: reply.finish(outcome)),
        ]
        await play(platform.reply(message, ledger), ledger, script)
        first, *apart = await answers(slack, message)
        assert page(first) == text
        assert (apart or [first])[0].actions == ["chasqui:again", "chasqui:sources", "chasqui:feedback"]


@pytest.mark.parametrize("streams", [True, False])
async def test_the_end_stands_under_a_long_page(
    streams: bool, slack: SlackServer, platform: SlackPlatform
) -> None:
    """Also where its stream ended and another worker comes: an edit takes less text than a stream."""
    if not streams:
        await without_streams(slack)
    message, ledger = await asked(slack), FakeLedger()
    text = "x" * (8000 if streams else 3890)
    await play(platform.reply(message, ledger), ledger, [(0, lambda reply: reply.write(0, text, final=True))])
    await slack.control.advance(300)
    ledger = ledger.taken_over()
    await play(platform.reply(message, ledger), ledger, [(END, lambda reply: reply.finish(LONG_END))])
    [answer] = await answers(slack, message)
    assert page(answer) == text
    assert answer.text.startswith("x" * 3890)
    assert "Read all" in answer.shown


async def test_writes_wait_for_the_buckets_that_all_workers_share(
    slack: SlackServer, platform: SlackPlatform, rates: FakeRates
) -> None:
    """Each method is counted for the workspace, what is posted also for its channel."""
    message, ledger = await asked(slack), FakeLedger()
    await play(platform.reply(message, ledger), ledger, PLAIN[:2])
    await without_streams(slack)
    await play(platform.reply(await asked(slack), ledger), ledger, PLAIN[:2])

    prefix = f"slack:{slack.scene.team}:"
    assert [rate.bucket.removeprefix(prefix) for rate in rates.asked] == [
        "chat.appendStream",
        "chat.postMessage",
        f"chat.postMessage:{slack.scene.channel}",
        "chat.update",
    ]


async def test_only_what_follows_the_first_words_is_paced_with_other_answers(
    slack: SlackServer, platform: SlackPlatform
) -> None:
    """So many answers may begin at once; edits are slower than what a stream takes."""
    message, ledger = await asked(slack), FakeLedger()
    reply = platform.reply(message, ledger)
    assert reply.profile.bucket == ""
    await play(reply, ledger, PLAIN[:1])
    assert (reply.profile.pace, reply.profile.editable) == (MARKDOWN.pace, False)
    assert reply.profile.bucket.endswith(":append")
    await slack.control.kill_stream(*where(await answers(slack, message)))
    await play(reply, ledger, PLAIN[1:2])
    assert (reply.profile.pace, reply.profile.limit) == (MRKDWN.pace, MARKDOWN.limit)
    assert reply.profile.bucket.endswith(":update")


def where(found: list[SeenMessage]) -> tuple[str, str]:
    """Channel and timestamp of the last message."""
    return found[-1].channel, found[-1].ts


async def test_a_status_is_shown_until_the_answer_begins(
    slack: SlackServer, platform: SlackPlatform, notes: FakeNotes
) -> None:
    """In the thread; where Slack has none, it is not asked again."""
    message = await asked(slack, where=slack.scene.dm)
    place, reply = places.place(message), platform.reply(message, FakeLedger())
    await reply.status(None)
    assert not await slack.control.calls("setStatus"), "there is none to take away"
    showing = asyncio.create_task(reply.status("Reading a.pdf …"))

    async def status() -> Any:
        return (await slack.control.session(place.channel, place.root or "")).status

    assert (await eventually(status, "the status")).loading == ("Reading a.pdf …",)
    showing.cancel()
    await reply.status(None)
    assert await status() is None

    await slack.control.fault(faults.denied("POST assistant.threads.setStatus", "missing_scope", times=None))
    await reply.status("Thinking …")
    before = len(await slack.control.calls("setStatus"))
    await reply.status("Thinking …")
    assert len(await slack.control.calls("setStatus")) == before
    assert any("status" in name for name in notes.kept)


# ---- the place of a question that waits ---------------------------------------------------------------


async def test_the_answer_takes_the_place_away(slack: SlackServer, platform: SlackPlatform) -> None:
    """Who waits reads how long in one message, which goes with the first words; none is shown after that."""
    message, ledger = await asked(slack), FakeLedger()
    await platform.show_place(message, "2 questions are before yours.")
    await platform.show_place(message, "1 question is before yours.")
    [placed] = await answers(slack, message)
    assert (placed.shown, placed.thread) == ("1 question is before yours.", places.place(message).root)

    reply = platform.reply(message, ledger)
    await play(reply, ledger, PLAIN[:1])
    await platform.show_place(message, "Your question is next.")
    [answer] = await answers(slack, message)
    assert answer.shown == "It is"
    assert len(await slack.control.calls("postMessage")) == 1


async def test_a_failure_takes_the_place_away(slack: SlackServer, platform: SlackPlatform) -> None:
    """Nobody goes on reading that their question is next."""
    message, ledger = await asked(slack), FakeLedger()
    await platform.show_place(message, "Your question is next.")
    await play(platform.reply(message, ledger), ledger, SILENT)
    [answer] = await answers(slack, message)
    assert answer.text == "The model is away."
    assert answer.actions == ["chasqui:again"]


@pytest.mark.parametrize("steps", [PLAIN[1:2], [PLAIN[5]]], ids=["more words", "the end"])
async def test_a_place_that_stays_breaks_no_answer(
    steps: list[Step], slack: SlackServer, platform: SlackPlatform
) -> None:
    """The words are there; what comes next takes it away."""
    message, ledger = await asked(slack), FakeLedger()
    await platform.show_place(message, "Your question is next.")
    await slack.control.fault(faults.limited("POST chat.delete"))
    reply = platform.reply(message, ledger)
    await play(reply, ledger, PLAIN[:1])
    await play(reply, ledger, steps)
    assert len(await answers(slack, message)) == 1


async def test_a_place_of_which_slack_told_nothing_is_found_and_taken_away(
    slack: SlackServer, platform: SlackPlatform
) -> None:
    """It is noted before it is posted; the next place is shown in the same message."""
    message, ledger = await asked(slack), FakeLedger()
    await slack.control.fault(faults.lost(POST))
    with pytest.raises(WriteFailed):
        await platform.show_place(message, "2 questions are before yours.")
    await platform.show_place(message, "Your question is next.")
    assert [each.shown for each in await answers(slack, message)] == ["Your question is next."]

    other = await asked(slack)
    await slack.control.fault(faults.lost(POST))
    with pytest.raises(WriteFailed):
        await platform.show_place(other, "2 questions are before yours.")
    await play(platform.reply(other, ledger), ledger, PLAIN[:1])
    assert [each.shown for each in await answers(slack, other)] == ["It is"]


async def test_a_place_that_comes_too_late_is_taken_away_by_who_shows_it(
    slack: SlackServer, platform: SlackPlatform
) -> None:
    """The answer began while its place was on its way."""
    message, ledger = await asked(slack), FakeLedger()
    fault = await slack.control.fault(faults.held(POST))
    showing = asyncio.create_task(platform.show_place(message, "Your question is next."))
    await eventually(lambda: slack.platform.faults.armed[fault].waiting, "the place")
    reply = platform.reply(message, ledger)
    await play(reply, ledger, PLAIN[:1])
    await slack.control.release(fault)
    await showing
    assert [each.shown for each in await answers(slack, message)] == ["It is"]


# ---- where nothing can be said -------------------------------------------------------------------------


@pytest.mark.parametrize("streams", [True, False])
@pytest.mark.parametrize(
    ("trouble", "sentence"),
    [
        ("archived", "archived"),
        ("left", "Invite me there with /invite"),
        ("restricted_action", "let me"),
        ("of_tomorrow", "Slack's reason is in the log"),
    ],
)
async def test_who_cannot_be_answered_is_told_why(
    trouble: str, sentence: str, streams: bool, slack: SlackServer, platform: SlackPlatform
) -> None:
    """By a direct message, once, in a sentence that says what to do; the question ends with that."""
    control, scene = slack.control, slack.scene
    if not streams:
        await without_streams(slack)
    message, ledger = await asked(slack), FakeLedger()
    if trouble == "archived":
        await control.archive(scene.channel)
    elif trouble == "left":
        await control.leave(scene.channel, scene.bot)
    else:
        for on in (START, POST):
            denied = faults.denied(on, trouble, times=None if streams else 1)
            slack.platform.faults.add(denied)
    reply = platform.reply(message, ledger)
    with pytest.raises(UserError) as raised:
        await play(reply, ledger, PLAIN[:1])
    if trouble not in ("archived", "left"):
        await slack.control.clear_faults()
        await control.fault(faults.denied(POST, trouble, times=2))
    await control.fault(faults.broken("* conversations.open", 503))
    outcome, insisting = Outcome("failed", why=raised.value.sentence), RetryingReply(reply, ledger)
    await play(insisting, ledger, [(END, lambda reply: reply.finish(outcome))])

    [told] = await control.answers(scene.dm)
    assert f"<#{scene.channel}>" in told.shown
    assert sentence in told.shown
    assert not await answers(slack, message)


async def test_a_revoked_token_leaves_the_question_for_when_there_is_another(
    slack: SlackServer, platform: SlackPlatform
) -> None:
    """Nobody on Slack can be told; the sentence says what to do, and no secret."""
    message, ledger = await asked(slack), FakeLedger()
    await slack.control.revoke()
    for steps in (PLAIN[:1], SILENT):
        with pytest.raises(PlatformError) as raised:
            await play(platform.reply(message, ledger), ledger, steps)
        assert not isinstance(raised.value, UserError)
        assert "CHASQUI_SLACK__BOT_TOKEN" in raised.value.sentence
        assert slack.scene.token not in f"{raised.value} {raised.value.sentence}"
    await slack.control.revoke(None)
    await play(platform.reply(message, ledger.taken_over()), FakeLedger(intended=[0, END]), SHORT[:0])


async def test_a_page_that_was_deleted_is_closed_and_the_end_stands_apart(
    slack: SlackServer, platform: SlackPlatform
) -> None:
    """The rest of an answer needs another page, as when a moderator takes one away."""
    message, ledger = await asked(slack), FakeLedger()
    reply = platform.reply(message, ledger)
    await play(reply, ledger, PLAIN[:1])
    [answer] = await answers(slack, message)
    await slack.control.delete(answer.channel, answer.ts)
    with pytest.raises(PageClosed):
        await play(reply, ledger, PLAIN[1:2])
    await play(reply, ledger, PLAIN[5:])
    [end] = await answers(slack, message)
    assert end.text == UNDER
    assert end.actions == ["chasqui:again", "chasqui:feedback"]


async def test_what_slack_does_not_take_now_is_told_to_all_workers(
    slack: SlackServer, platform: SlackPlatform, rates: FakeRates
) -> None:
    """A 429 with its seconds; nothing was written, and the stream goes on."""
    message, ledger = await asked(slack), FakeLedger()
    reply = platform.reply(message, ledger)
    await play(reply, ledger, PLAIN[:1])
    await slack.control.fault(faults.limited(APPEND, retry_after=7))
    with pytest.raises(RateLimited) as raised:
        await play(reply, ledger, PLAIN[1:2])
    assert raised.value.retry_after == 7
    assert rates.rests == [(f"slack:{slack.scene.team}:chat.appendStream", 7)]
    await play(reply, ledger, PLAIN[2:3])
    [answer] = await answers(slack, message)
    assert (answer.shown, answer.stream is not None) == (SAID, True)


async def test_nobody_reads_the_place_of_a_question_that_is_gone(
    slack: SlackServer, platform: SlackPlatform, notes: FakeNotes
) -> None:
    """It was taken back in the moment in which its place was shown."""
    message = await asked(slack)
    await notes.put(places.gone_note(message.id), "")
    await platform.show_place(message, "Your question is next.")
    assert not await answers(slack, message)
