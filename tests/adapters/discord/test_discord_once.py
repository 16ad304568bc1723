"""Answers on Discord whose worker dies, or is not told what became of a call."""

import pytest

from adapters.discord.platform import DiscordPlatform
from core.errors import WriteFailed
from core.ports import END
from core.types import Checkpoint
from tests.adapters.discord.parts import ANSWERED, EDIT, PLAIN, SEND, SILENT, answers, asked, killed, shown
from tests.adapters.platform_parts import Step, play
from tests.emulators.discord import faults
from tests.emulators.discord.server import DiscordServer
from tests.emulators.shared.faults import Fault
from tests.fakes import FakeLedger

FULL: list[Step] = [
    (0, lambda reply: reply.write(0, "x" * 1995, final=True)),
    (END, lambda reply: reply.finish(ANSWERED)),
]
WHOLE: list[Step] = [
    (0, lambda reply: reply.write(0, "It is far.", final=True)),
    (1, lambda reply: reply.write(1, "Take a llama.", final=True)),
    (END, lambda reply: reply.finish(ANSWERED)),
]
SCRIPTS = {
    "pages that were posted whole": WHOLE,
    "pages and a file": PLAIN,
    "a page without room": FULL,
    "no page": SILENT,
}


@pytest.mark.parametrize("after", [False, True], ids=["before it is done", "before its answer"])
@pytest.mark.parametrize("minutes", [0, 10])
@pytest.mark.parametrize("name", SCRIPTS)
async def test_wherever_a_worker_dies_the_next_one_ends_the_answer_once(
    name: str, minutes: int, after: bool, discord: DiscordServer, platform: DiscordPlatform
) -> None:
    """At every call of Discord, also when its nonces are forgotten by the time the next worker comes."""
    steps = SCRIPTS[name]
    message, ledger = await asked(discord), FakeLedger()
    before = len(discord.platform.calls)
    await play(platform.reply(message, ledger), ledger, steps)
    calls = len(discord.platform.calls) - before
    expected = [shown(each) for each in await answers(discord, message)]

    for last in range(calls):
        message, ledger = await asked(discord), FakeLedger()
        done = await killed(discord, platform.reply(message, ledger), ledger, steps, last, after=after)
        await discord.control.advance(60.0 * minutes)
        ledger = ledger.taken_over()
        await play(platform.reply(message, ledger), ledger, steps[done:])
        assert [shown(each) for each in await answers(discord, message)] == expected, f"killed at {last}"


@pytest.mark.parametrize(
    "fault", [faults.lost(SEND), faults.lost(EDIT), faults.reset(SEND), faults.broken(EDIT, 501, after=True)]
)
async def test_a_write_may_be_repeated_whatever_became_of_it(
    fault: Fault, discord: DiscordServer, platform: DiscordPlatform
) -> None:
    """The connection is reset before or after the effect: the page stands once, with its text."""
    message, ledger = await asked(discord), FakeLedger()
    reply = platform.reply(message, ledger)
    await discord.control.fault(fault)
    for _, step in PLAIN[:2]:
        await ledger.intend(0, Checkpoint())
        for attempt in range(2):
            try:
                await step(reply)
                break
            except WriteFailed:
                assert attempt == 0
    [answer] = await answers(discord, message)
    assert answer.content == "It is far."


async def test_the_stop_button_of_a_whole_page_goes_at_last(
    discord: DiscordServer, platform: DiscordPlatform
) -> None:
    """Also when Discord did not take that at once: the next try begins with it."""
    message, ledger = await asked(discord), FakeLedger()
    reply = platform.reply(message, ledger)
    await play(reply, ledger, WHOLE[:1])
    await discord.control.fault(faults.broken(EDIT, 501))
    with pytest.raises(WriteFailed):
        await play(reply, ledger, WHOLE[1:2])
    await play(reply, ledger, WHOLE[1:2])
    first, second = await answers(discord, message)
    assert shown(first) == ("It is far.", ())
    assert shown(second) == ("Take a llama.", ("Stop",))
