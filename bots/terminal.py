"""What the terminal offers: one question, a conversation, and the demo."""

import asyncio
import io
import sys
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, nullcontext
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from adapters.terminal import Terminal, attachment
from bots import typed
from bots.kb_links import added
from bots.output import print_json
from bots.settings import BackendSettings, RedisSettings, Settings
from bots.signals import first_press
from bots.wiring import App, app
from core.audience import in_reach
from core.commands import Conversation, find
from core.curating import Curating
from core.errors import ChasquiError, UserError
from core.prompt import clean
from core.types import Citation, Hit, Message, Outcome, ThreadId

AUTHOR = "terminal"
"""All who ask at terminals: whoever knows a thread's name goes on with it."""

_SEEN_BY = f"person:terminal:{AUTHOR}"

INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells expect it."""

MOST_TEXT = 4_000_000
"""Characters of a question; of a file as many are read."""

_WAITING = "Waiting for another chasqui, which answers in this thread or was just killed there …"

DEMO_FILE = "handbook.md"
DEMO_QUESTIONS = (
    "How many days of paid leave do new staff get?",
    "And how many of them can be carried over to the next year?",
    "What is the password of the office Wi-Fi?",
)


class TerminalThread:
    """One thread at one terminal: puts messages into the inbox and answers them here."""

    def __init__(self, app: App, terminal: Terminal, thread: str | None) -> None:
        self.interrupted = False  # whether the last answer was stopped with Ctrl-C
        self._answering = ""
        self._thread = ThreadId("terminal", thread or uuid.uuid4().hex)
        self._app = app
        self._terminal = terminal

    async def ask(self, text: str, files: Sequence[Path] = ()) -> Outcome:
        """Put a question and answer it, after any that an earlier process left unanswered here."""
        _check(text)
        attachments = tuple(attachment(file) for file in files)
        return await self._served(replace(self._said(text), attachments=attachments))

    async def add(self, link: str) -> Outcome:
        """Put a page into the team's documents, for whoever asks at terminals. Raises UserError."""
        addition = replace(added(link), audience=_SEEN_BY)
        return await self._served(replace(self._said(""), addition=addition))

    def _said(self, text: str) -> Message:
        return Message(uuid.uuid4().hex, self._thread, AUTHOR, text, time.time(), seen_by=(_SEEN_BY,))

    async def _served(self, message: Message) -> Outcome:
        self.interrupted = False
        await self._app.inbox.put(message)
        self._answering = message.id
        while True:
            waiting = asyncio.get_running_loop().call_later(1.0, self._terminal.note, _WAITING)
            with _on_interrupt(self._stop):
                async with self._app.inbox.take(self._thread) as lease:
                    waiting.cancel()
                    if lease is None:
                        return await self._answered_elsewhere(message)
                    self._answering = lease.message.id
                    if lease.message.id == message.id:
                        return await self._app.serve(lease, self._terminal)
                    self._terminal.note(_left(lease.message))
                    await self._app.serve(lease, self._terminal)

    async def _answered_elsewhere(self, message: Message) -> Outcome:
        """The answer that another program of this thread gave, shown here too."""
        if message.addition:
            raise ChasquiError("Another chasqui took this page. `chasqui kb list` shows whether it is there.")
        turns = await self._app.history.turns(self._thread)
        turn = next((turn for turn in turns if turn.message_id == message.id), None)
        if turn is None:
            raise ChasquiError("Another chasqui took this question and could not answer it. Ask again.")
        why = turn.answer if turn.kind == "refused" else ""
        outcome = Outcome(turn.kind, turn.answer, why, turn.citations)
        await self._terminal.show(outcome)
        return outcome

    async def command(self, name: str, argument: str) -> str:
        """Run a command of the table; returns what to show."""
        command = find(name)
        if command is None:
            return f"There is no command /{name}. /help shows them all."
        verb, _, rest = argument.partition(" ")
        if command.name == "kb" and verb == "add":
            await self.add(rest)
            return ""
        app = self._app
        team = Curating(app.shelf, app.team, app.survey, in_reach(self._said("")), is_curator=True)
        here = Conversation(
            self._thread, AUTHOR, app.history, app.people, app.inbox, team=team, models=app.models
        )
        told = await command.run(here, argument)
        sources = (f"{cited.place}\n  “{cited.quote}”" for cited in told.citations)
        return clean("\n".join(filter(None, (told.text, *sources, *told.lines))))

    async def _stop(self) -> None:
        self.interrupted = True
        await self._app.inbox.stop(self._thread, self._answering)


def _left(message: Message) -> str:
    """What is told of a message that an earlier process did not come to serve."""
    if message.addition:
        return f"First, a page that was left unread: {message.addition.source}"
    return f"First, a question that was left unanswered: {message.text}"


@contextmanager
def _on_interrupt(stop: Callable[[], Awaitable[None]]) -> Iterator[None]:
    """The first Ctrl-C asks the answer to stop, so that what came is kept; a second one gives up."""
    task = asyncio.current_task()
    assert task
    stopping: list[asyncio.Future[None]] = []

    def asked(stopped: asyncio.Future[None]) -> None:
        if not stopped.cancelled() and stopped.exception():
            task.cancel()  # nobody could be asked

    def pressed() -> None:
        stopping.append(asyncio.ensure_future(stop()))
        stopping[0].add_done_callback(asked)

    with first_press(pressed):
        yield


async def ask(
    settings: Settings, question: str, files: Sequence[Path], thread: str | None, *, as_json: bool
) -> int:
    """`chasqui ask`: one question, one answer; returns the exit code."""
    out, errors = _consoles()
    async with _started(settings, errors) as ready:
        here = TerminalThread(ready, Terminal(out, errors, quiet=as_json), thread)
        outcome = await here.ask(question, files)
    failed = outcome.kind == "failed" or (outcome.kind == "partial" and not outcome.finish_reason)
    if as_json:
        print_json(as_dict(outcome))
        if failed and not here.interrupted:
            errors.print(Text(outcome.why, "bold red"), soft_wrap=True)
    return INTERRUPTED if here.interrupted else int(failed)


async def chat(settings: Settings, thread: str | None, files: Sequence[Path]) -> int:
    """`chasqui chat`: a conversation until end of input."""
    out, errors = _consoles()
    async with _started(settings, errors) as ready:
        here = TerminalThread(ready, Terminal(out, errors), thread)
        out.print(
            Text("Ask anything. /file PATH attaches a file, /help shows all commands, /quit ends.", "dim")
        )
        await _converse(here, out, errors, list(files))
    return 0


async def demo(settings: Settings, *, once: bool) -> int:
    """`chasqui demo`: a short conversation about an attached file, always on the embedded servers."""
    settings = settings.model_copy(update={"redis": RedisSettings(), "backend": BackendSettings()})
    out, errors = _consoles()
    with resources.as_file(resources.files("bots") / "demo" / DEMO_FILE) as file:
        async with _started(settings, errors) as ready:
            here = TerminalThread(ready, Terminal(out, errors), None)
            for number, question in enumerate(DEMO_QUESTIONS):
                with_file = f"  [attached: {DEMO_FILE}]" if number == 0 else ""
                out.print(Text.assemble(("\nYou: ", "bold"), question, (with_file, "dim")))
                outcome = await here.ask(question, [file] if number == 0 else [])
                if outcome.kind == "failed":
                    return 1
                if here.interrupted:
                    return INTERRUPTED
            if not once:
                out.print(Text("\nYour turn. /file PATH attaches a file of your own, /quit ends.", "dim"))
                await _converse(here, out, errors, [])
    return 0


async def _converse(here: TerminalThread, out: Console, errors: Console, files: list[Path]) -> None:
    """Read lines, answer them, until /quit or end of input."""
    typed.allow_pastes()
    while (line := typed.read_line(out)) is not None:
        name, _, argument = line.removeprefix("/").partition(" ")
        try:
            if not line.startswith("/"):
                if line or files:
                    await here.ask(line, files)
                    files = []
            elif name == "quit":
                return
            elif name == "file":
                named = typed.files(argument.strip())
                files += named
                for file in named:
                    out.print(Text(f"{typed.line(file.name)} goes with your next question.", "dim"))
            else:
                if said := await here.command(name, argument.strip()):
                    out.print(Text(said), soft_wrap=True)
                if name == "help":
                    out.print(Text("/file PATH attach a file to the next question\n/quit      end"))
        except ChasquiError as error:
            errors.print(Text(error.sentence, "bold red"), soft_wrap=True)


def _check(text: str) -> None:
    """Raises UserError for a text that is none, or more than would be read of a file."""
    if len(text) > MOST_TEXT:
        most = f"{MOST_TEXT:,} characters"
        raise UserError(f"This is longer than {most}. Attach it as a file, or send the part that matters.")
    if text.count("\ufffd") > len(text) / 10:
        raise UserError("This is not text. Attach it as a file, and ask about that.")


def _consoles() -> tuple[Console, Console]:
    """Where answers go, and errors; what an encoding does not have is replaced, going in and out."""
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    return Console(), Console(stderr=True)


@asynccontextmanager
async def _started(settings: Settings, errors: Console) -> AsyncIterator[App]:
    """The app, with a word to people while the embedded servers start."""
    async with AsyncExitStack() as stack:
        with errors.status("Starting …") if errors.is_terminal else nullcontext():
            ready = await stack.enter_async_context(app(settings))
        yield ready


def as_dict(outcome: Outcome) -> dict[str, Any]:
    """An outcome as `--json` prints it."""
    return {
        "answer": outcome.answer or (outcome.why if outcome.kind == "refused" else ""),
        "outcome": outcome.kind,
        "why": outcome.why,
        "citations": [_citation(cited) for cited in outcome.citations],
        "passages": [_hit(hit) for hit in outcome.hits],
        "left_out": list(outcome.left_out),
        "usage": {
            "prompt_tokens": outcome.usage.prompt_tokens,
            "completion_tokens": outcome.usage.completion_tokens,
        },
        "finish_reason": outcome.finish_reason,
        "timings": {"first_token_ms": outcome.first_token_ms, "total_ms": outcome.total_ms},
        "replica": outcome.replica,
    }


def _citation(cited: Citation) -> dict[str, Any]:
    return {
        "title": cited.title,
        "url": cited.url,
        "heading": " › ".join(cited.heading),
        "page": cited.page,
        "quote": cited.quote,
        "at": cited.at or None,
    }


def _hit(hit: Hit) -> dict[str, Any]:
    passage = hit.passage
    return {
        "title": passage.title,
        "url": passage.link,
        "heading": " › ".join(passage.heading),
        "page": passage.page,
        "text": passage.text,
        "score": round(hit.score, 4),
    }
