"""How an answer looks on Discord, as docs/pictures/discord.svg: what people saw of `chasqui serve all`.

The program runs between the emulator of Discord and a model that always says the same, and pauses once.
What is drawn are messages as the emulator kept them, of a growing one the version of that pause.
"""

import asyncio
import re
import tempfile
from calendar import month_name
from dataclasses import replace
from pathlib import Path

from tests import files
from tests.emulators.discord.people import Upload
from tests.emulators.discord.views import SeenMessage, SeenVersion
from tests.emulators.tgi import TgiStandIn, tokens_of
from tests.pictures.drawing import Panel, Post, Strip, svg
from tests.system.team import Team, team

FILE = Path(__file__).parents[2] / "docs" / "pictures" / "discord.svg"

QUESTION = "How much leave do staff earn in a year, and who says yes to it?"
BEGINNING = " Staff earn **two and a half days** of leave each month. Requests go to the team lead"
SHOWN = " ".join(BEGINNING.split()[:-1])
"""What is seen in the pause: the last word may go on."""
_ROWS = "\n".join(f"| {month_name[number]} | 2.5 | {number * 2.5} |" for number in range(1, 4))
_MONTHS = "\n".join(
    f"- **{month_name[number]}** brings {number * 2.5:g} days in all; requests go to the team lead at least "
    "ten days ahead, and the lead answers within three days."
    for number in range(1, 13)
)
ANSWER = f"""\
{BEGINNING} at least ten days ahead, and the lead answers within three days.

| Month | Earned | In all |
| --- | ---: | ---: |
{_ROWS}

So it goes on, month by month:

{_MONTHS}

New people may take leave after their first month, when the lead agrees to it in writing before the flight \
is booked. Flights are booked by the office, and receipts are kept for at least two years."""

_PAUSE = 5.0
"""Seconds: longer than the time between two writes, so that all that was said is seen."""


class _Pausing(TgiStandIn):
    """A model that says its beginning at once, and the rest after a while."""

    @property
    def token_delay(self) -> float:
        """Seconds until the next token."""
        return _PAUSE if self.steps == len(tokens_of(BEGINNING)) else 0.0

    @token_delay.setter
    def token_delay(self, seconds: float) -> None: ...


def picture() -> str:
    """The whole SVG, of a conversation that is held for it."""
    return asyncio.run(_picture())


async def _picture() -> str:
    with tempfile.TemporaryDirectory(prefix="chasqui-", dir="/tmp", ignore_cleanup_errors=True) as folder:
        model = _Pausing(ANSWER, max_total_tokens=8000)
        async with team(Path(folder) / "data", model, BACKEND__MAX_NEW_TOKENS="4000") as here:
            await here.serve()
            panels = await _conversation(here, Path(folder))
    title, subtitle = (
        "An answer on Discord",
        "A mention with a PDF; the middle of its long page is left out here.",
    )
    return svg(
        [Strip(title, subtitle, "discord", panels)], "A question with a PDF on Discord, and its answer"
    )


async def _conversation(here: Team, folder: Path) -> list[Panel]:
    """A question with a file, its answer in the pause and at the end, and what can be done with it."""
    control, scene, handbook = here.control, here.scene, files.pdf(folder)
    number = await here.ask(QUESTION, files=[Upload(handbook.name, handbook.read_bytes())])
    asked = _post(await control.message(scene.channel, number), author="Ana")
    pages = await here.settled()
    paused = next(version for version in pages[0].versions if version.content == SHOWN)
    press = await control.click(scene.channel, scene.person, pages[-1].id, pages[-1].buttons["Sources"])
    sources = (await here.once(lambda found: found[-1].interaction == press))[-1]
    await control.edit(scene.channel, number, f"<@{scene.bot}> How much leave do staff earn in two years?")
    offer = (await here.once(lambda found: found[-1].reply_to == number and found[-1].id > sources.id))[-1]
    return [
        Panel("While it is written", "it grows where it stands", [asked, _post(_then(pages[0], paused))]),
        Panel("At its end", "sources, and what can be done", [_post(page) for page in pages]),
        Panel("Afterwards", "Sources pressed, the question edited", [_post(sources), _post(offer)]),
    ]


def _then(message: SeenMessage, version: SeenVersion) -> SeenMessage:
    """A message as it was."""
    return replace(message, versions=(version,))


def _post(message: SeenMessage, *, author: str = "") -> Post:
    text = re.sub(r"<@\d+>", "@chasqui", message.content)
    return Post(
        re.sub(r"^(> .*)", r"\1\n", text, flags=re.MULTILINE),  # a quote on Discord ends with its line
        author,
        above="↪ replies to Ana" if message.reply_to else "",
        files=[file.name for file in message.now.files],
        buttons=list(message.buttons),
        below="Only you can see this" if message.seen_by else "",
    )
