"""What the measurements share: a model in another process, a whole app, a platform that only records."""

import asyncio
import random
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

import aiohttp

from adapters.discord.markdown import CONTENT
from bots.settings import BackendSettings, RedisSettings, Settings
from bots.wiring import App, app
from core.ports import Ledger, Standing
from core.terms import STOP_WORDS
from core.types import (
    Attachment,
    Audience,
    Checkpoint,
    Document,
    Message,
    Outcome,
    PageProfile,
    Passage,
    ThreadId,
)

ROOT = Path(__file__).parents[2]
TOKEN_DELAY = 0.02
"""Seconds between two tokens of the model: 50 tokens a second."""


@contextmanager
def data_dir() -> Iterator[Path]:
    """A data directory for one measurement; its path is short, because sockets stand in it."""
    # Its servers may still be ending when it goes.
    with tempfile.TemporaryDirectory(prefix="chasqui-", dir="/tmp", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


@asynccontextmanager
async def model(answer: str, *, token_delay: float = TOKEN_DELAY) -> AsyncIterator[str]:
    """The address of a TGI stand-in in a process of its own, so that its CPU time is not ours."""
    command = (sys.executable, "-m", "tests.emulators.tgi")
    options = ("--answer", answer, "--token-delay", str(token_delay), "--max-concurrent", "1000")
    process = await asyncio.create_subprocess_exec(
        *command, *options, stdout=asyncio.subprocess.PIPE, cwd=ROOT
    )
    assert process.stdout
    try:
        yield (await process.stdout.readline()).decode().strip()
    finally:
        process.terminate()
        await process.communicate()


@dataclass(frozen=True, slots=True)
class BareClient:
    """The least that any client must do: it asks, and drops the bytes."""

    session: aiohttp.ClientSession
    url: str
    question: str

    async def __call__(self, tokens: int) -> None:
        asked = {"inputs": self.question, "parameters": {"max_new_tokens": tokens}}
        async with self.session.post(f"{self.url}/generate_stream", json=asked) as response:
            while await response.content.readany():
                pass


def unlimited_session() -> aiohttp.ClientSession:
    """Connections for as many streams at once as are asked for."""
    return aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))


@asynccontextmanager
async def whole_app(model_url: str) -> AsyncIterator[App]:
    """Everything that a worker runs, on an embedded Redis-protocol server of its own."""
    backend = BackendSettings(urls=(model_url,), max_new_tokens=512)
    with data_dir() as folder:
        async with app(Settings(data_dir=folder, redis=RedisSettings(), backend=backend)) as ready:
            yield ready


class Recorder:
    """A platform that keeps the pages of each reply, by message id; as quick as a platform can be."""

    name = "discord"

    def __init__(self) -> None:
        self.replies: dict[str, RecordedReply] = {}

    def reply(self, message: Message, ledger: Ledger) -> "RecordedReply":
        """As `Platform.reply`."""
        reply = self.replies[message.id] = RecordedReply(ledger)
        return reply

    async def show_place(self, message: Message, text: str) -> None: ...

    async def download(self, file: Attachment) -> AsyncGenerator[bytes, None]:
        """As `Platform.download`; no message here has a file."""
        pieces: tuple[bytes, ...] = ()
        for piece in pieces:
            yield piece


class RecordedReply:
    """Pages as they are sent, to Discord if nothing else is said, and when the first text stood."""

    def __init__(self, ledger: Ledger, profile: PageProfile = CONTENT) -> None:
        self.profile = profile
        self.pages: dict[int, str] = {}
        self.first_text_at = 0.0
        self._ledger = ledger

    async def status(self, text: str | None) -> None: ...

    async def write(self, page: int, markdown: str, *, final: bool) -> None:
        """As `Reply.write`, and like a platform it notes the id of a page that is new."""
        self.first_text_at = self.first_text_at or time.perf_counter()
        new = page not in self.pages
        self.pages[page] = self.profile.render(markdown)
        if new:
            await self._ledger.sent(page, f"page {page}")

    async def attach(self, name: str, text: str) -> None: ...

    async def finish(self, outcome: Outcome) -> None: ...


class NoLedger:
    """A ledger that costs nothing, where the store is not what is measured."""

    async def standing(self) -> Standing:
        """As `Ledger.standing`: nobody began the answer before."""
        return Standing({})

    async def intend(self, part: int, checkpoint: Checkpoint) -> None: ...

    async def sent(self, part: int, platform_id: str) -> None: ...

    async def held(self) -> None: ...


def message(name: object, thread: str, text: str) -> Message:
    """A message of one measurement; its `name` must not come twice on one server."""
    return Message(f"m{name}", ThreadId("terminal", thread), "U1", text, at=1_700_000_000.0)


class Language:
    """Made-up prose from a seed: as many different words as a real text has, as unevenly spread.

    The most frequent ones are the stop words of English, as in English: half of all.
    """

    def __init__(self, seed: int, vocabulary: int = 20_000) -> None:
        self.random = random.Random(seed)
        syllables = [a + b for a in "bcdfghklmnprstvwz" for b in ("a", "e", "i", "o", "u", "an", "er", "is")]
        made = dict.fromkeys(sorted(sorted(STOP_WORDS), key=len))  # a set has another order in each process
        while len(made) < vocabulary:
            made["".join(self.random.choices(syllables, k=self.random.choice((1, 2, 2, 3, 3))))] = None
        self._words = list(made)
        # Zipf's law: the n-th most frequent word stands 1/n as often as the first.
        self._weights = list(accumulate(1 / rank for rank in range(1, vocabulary + 1)))

    def words(self, number: int) -> list[str]:
        """So many words, frequent ones often."""
        return self.random.choices(self._words, cum_weights=self._weights, k=number)

    def prose(self, number: int) -> str:
        """So many words in sentences of about fifteen."""
        said = self.words(number)
        for start in range(0, number, 15):
            said[start] = said[start].capitalize()
            end = min(start + 15, number) - 1
            said[end] += "."
        return " ".join(said)

    def document(self, number: int, audience: Audience, *, passages: int, words: int) -> Document:
        """A document of so many passages, each a section of so many words."""
        name = f"{number}.md"
        made = tuple(
            Passage(f"{name}:{n}", name, name, self.prose(words), section=n, heading=(self.prose(3),))
            for n in range(passages)
        )
        return Document(name, name, audience, made, passages)

    def section(self) -> str:
        """Some 1.3 kB of Markdown as models write it: a heading, prose with marks, a list, code."""
        bold, code, name = self.words(3)
        marks = f"**{bold}** `{code}` [{name}](https://example.com/{name})"
        return "\n\n".join(
            (
                f"## {self.prose(5)}",
                f"{self.prose(60)} {marks}. {self.prose(30)}",
                "\n".join(f"- {self.prose(12)}" for _ in range(5)),
                "\n".join(("```python", *(f"    {word} = {word}()" for word in self.words(20)), "```")),
                self.prose(60),
            )
        )
