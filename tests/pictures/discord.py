"""How an answer looks on Discord, as docs/pictures/discord.svg: what people saw of `chasqui serve all`.

The program runs between the emulator of Discord and a model that always says the same, and pauses once.
What is drawn are messages as the emulator kept them, of a growing one the version of that pause.
"""

import asyncio
import re
import tempfile
from dataclasses import replace
from pathlib import Path

from tests.emulators.discord.people import Upload
from tests.emulators.discord.views import SeenMessage, SeenVersion
from tests.pictures.drawing import Panel, Post, Strip, svg
from tests.pictures.handbook import QUESTION, SHOWN, TOKENS, Pausing, handbook
from tests.system.team import Team, team

FILE = Path(__file__).parents[2] / "docs" / "pictures" / "discord.svg"


def picture() -> str:
    """The whole SVG, of a conversation that is held for it."""
    return asyncio.run(_picture())


async def _picture() -> str:
    with tempfile.TemporaryDirectory(prefix="chasqui-", dir="/tmp", ignore_cleanup_errors=True) as folder:
        async with team(Path(folder) / "data", Pausing(), BACKEND__MAX_NEW_TOKENS=TOKENS) as here:
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
    control, scene = here.control, here.scene
    number = await here.ask(QUESTION, files=[Upload(*handbook(folder))])
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
