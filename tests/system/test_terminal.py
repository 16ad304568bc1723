"""A conversation at a terminal, typed through a pipe, and what Ctrl-C does to it."""

import signal
from pathlib import Path

import pytest

from tests.emulators.tgi import TgiStandIn
from tests.system.program import World, ended, left_behind, until

HANDBOOK = "# Handbook\n\n## Leave\n\nNew staff get 24 days of paid leave.\n\n## Desks\n\nDesks are booked.\n"
ANSWER = " New staff get 24 days of paid leave.\nSource: S1"


@pytest.fixture
def handbook(tmp_path: Path) -> Path:
    """A file to ask about."""
    path = tmp_path / "hand book.md"
    path.write_text(HANDBOOK)
    return path


async def test_a_conversation_is_typed_line_by_line(world: World, handbook: Path) -> None:
    """Questions, files and commands; a mistake is told and the conversation goes on."""
    lines = (
        "/nosuch",
        "/file /nowhere.md",
        "/file ~nobody-of-this-name/x",
        "",
        f"/file {handbook}",
        "How many days of paid leave do new staff get?",
        "/sources",
        "/new",
        "/sources",
        "/quit",
        "never read",
    )
    async with TgiStandIn(ANSWER) as tgi:
        done = await world.with_(BACKEND__URLS=tgi.url).run("chat", stdin="\n".join(lines).encode())
    said = done.out.decode()

    assert done.code == 0
    assert len(tgi.asked) == 1
    assert "There is no command /nosuch. /help shows them all." in said
    assert "hand book.md goes with your next question." in said
    assert "New staff get 24 days of paid leave.\nSource: hand book.md › Handbook › Leave\n" in said
    assert "hand book.md › Handbook › Leave\n  “New staff get 24 days of paid leave.”" in said
    assert said.rstrip().endswith("You have asked nothing here yet, or it is not kept any more.")
    assert done.err.splitlines() == [
        "There is no file /nowhere.md. Write /file and a path.",
        "There is no file ~nobody-of-this-name/x. Write /file and a path.",
    ]
    await until(lambda: not left_behind(world.data), "the embedded server ends with its last user")


async def test_a_failure_does_not_end_the_conversation(world: World) -> None:
    """The end of input does."""
    async with TgiStandIn(" Aye.", faults=["unauthorized"]) as tgi:
        done = await world.with_(BACKEND__URLS=tgi.url).run("chat", stdin=b"Are you there?\nAnd now?\n")

    assert done.code == 0
    assert "CHASQUI_BACKEND__API_KEY" in done.sentence
    assert done.out.decode().rstrip().endswith("Aye.")


async def test_ctrl_c_before_the_first_word_ends_the_question(world: World) -> None:
    """Exit code 130, the engine's slot is free, and history knows nothing of it."""
    async with TgiStandIn(" Aye.", faults=["hang"]) as tgi:
        there = world.with_(BACKEND__URLS=tgi.url)
        asking = await there.start("ask", "Are you there?", "--thread", "t", "--json")
        await until(lambda: tgi.running == 1, "the model is asked")
        asking.send_signal(signal.SIGINT)
        done = await ended(asking)
        await until(lambda: tgi.running == 0, "the slot is free")
        after = await there.run("ask", "And now?", "--thread", "t")

    assert (done.code, done.err) == (130, "")
    assert (done.json["outcome"], done.json["why"]) == ("partial", "Stopped before an answer.")
    assert (after.code, after.out.decode().strip()) == (0, "Aye.")
    assert "Are you there?" not in tgi.asked[1].prompt


async def test_a_stream_that_breaks_says_so_on_stderr_where_stdout_is_for_programs(world: World) -> None:
    """Whoever reads the exit code also finds the reason."""
    async with TgiStandIn(" one two three four", faults=["eof@3"]) as tgi:
        done = await world.with_(BACKEND__URLS=tgi.url).run("ask", "Count.", "--json")

    assert (done.code, done.json["outcome"], done.json["answer"]) == (1, "partial", "one two three")
    assert done.sentence == done.json["why"]


async def test_nobody_who_reads_is_no_crash(world: World) -> None:
    """The other end of the pipe may close at any time."""
    async with TgiStandIn(" word" * 300, token_delay=0.01) as tgi:
        asking = await world.with_(BACKEND__URLS=tgi.url).start("ask", "Say many words.")
        assert asking.stdout
        assert asking.stderr
        await asking.stdout.read(5)
        asking._transport.get_pipe_transport(1).close()  # type: ignore[attr-defined]  # asyncio hides it
        complaint = await asking.stderr.read()
        await asking.wait()
        await until(lambda: tgi.running == 0, "the slot is free")

    assert asking.returncode == 1
    assert b"Traceback" not in complaint
