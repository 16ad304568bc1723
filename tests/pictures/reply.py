"""How a reply grows, as docs/pictures/reply.svg: the same answer on two platforms, in virtual time.

Cutter, delivery, pace and dialects are the real ones; pages are shorter than they are, so that a cut is
to be seen.
"""

import asyncio
from dataclasses import replace
from pathlib import Path

from adapters.discord.markdown import CONTENT
from adapters.slack.markdown import MARKDOWN
from core.delivery import Delivery
from core.ports import END
from core.retrying import RetryingReply
from core.transcript import NONE, Fault, Faults, Transcript, TranscriptReply, never, script
from core.types import Checkpoint, Message, Outcome, PageProfile, ThreadId
from tests.clock import run
from tests.emulators.tgi import tokens_of
from tests.fakes import FakeLedger
from tests.pictures.drawing import Panel, Post, Strip, svg
from tests.pictures.film import Frame, film, shots

FILE = Path(__file__).parents[2] / "docs" / "pictures" / "reply.svg"

ANSWER = """\
Use a `Counter`. It needs **one pass** over the file, however long that is:

```python
from collections import Counter

def words_of(path):
    with open(path) as lines:
        for line in lines:
            yield from line.split()

counts = Counter()
for word in words_of("notes.txt"):
    # "Word," is "word"
    word = word.strip(".,;:").lower()
    counts[word] += 1

for word, n in counts.most_common(3):
    print(f"{n:6} {word}")
```

Some hints:

- A `Counter` is a dictionary in which a word that was never seen counts 0.
- Two of them can be added: `a + b`.
- What counts as a word is for you to say: here it is whatever stands between two spaces.
- `most_common()` without a number gives all of them, the *most frequent* first.
- A large file is no matter, because only one line of it is in memory at a time."""

LIMIT = 300
"""Characters of a page in the picture."""
FIRST_TOKEN, TOKEN = 0.4, 0.03
"""Seconds until the model's first token, and between two."""


def picture() -> str:
    """The whole SVG."""
    edited = said(CONTENT)
    appended = said(MARKDOWN, script(NONE, NONE, NONE, NONE, Fault("limited", 1.0)))
    return svg(
        [
            Strip(
                "On Discord, a message is edited",
                f"A page holds {LIMIT} characters here, 2,000 there. Each is whole by itself at any time.",
                "discord",
                [_panel(frame) for frame in shots(film(edited), 6)],
            ),
            Strip(
                "On Slack, a stream is only appended to",
                "What may still change is not shown, and what was shown is not taken back.",
                "slack",
                [_panel(frame) for frame in shots(film(appended), 6)],
            ),
        ],
        "An answer as it grows on Discord and on Slack, frame by frame",
    )


def _panel(frame: Frame) -> Panel:
    posts = [*map(Post, frame.pages), *([Post(f"*{frame.status}*")] if frame.status else [])]
    return Panel(f"{frame.at:.1f} s", frame.event, posts)


def said(profile: PageProfile, faults: Faults = never) -> TranscriptReply:
    """The reply that shows `ANSWER` on short pages."""
    return run(_said(Transcript(replace(profile, limit=LIMIT), faults=faults)))


async def _said(platform: Transcript) -> TranscriptReply:
    asked = Message("M1", ThreadId("transcript", "T1"), "U1", "How do I count words?", at=0.0)
    transcript = platform.reply(asked, FakeLedger())
    reply = RetryingReply(transcript, transcript.ledger)
    await reply.status("Thinking …")
    async with Delivery(reply, transcript.ledger) as delivery:
        await asyncio.sleep(FIRST_TOKEN)
        for token in tokens_of(ANSWER):
            delivery.add(token.text)
            await asyncio.sleep(TOKEN)
    outcome = Outcome("answered", ANSWER)
    await transcript.ledger.intend(END, Checkpoint(outcome=outcome))
    await reply.finish(outcome)
    return transcript
