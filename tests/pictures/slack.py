"""How an answer looks on Slack, as docs/pictures/slack.svg: what people saw of `chasqui serve all`.

The program runs between the emulator of Slack and a model that always says the same, and pauses once. What
is drawn are messages as the emulator kept them, of a stream the version of that pause.
"""

import asyncio
import html
import re
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.emulators.slack.people import Upload
from tests.emulators.slack.seen import SeenMessage
from tests.parts import eventually
from tests.pictures.drawing import Panel, Post, Strip, svg
from tests.pictures.handbook import QUESTION, SHOWN, TOKENS, Pausing, handbook
from tests.system.workspace import Workspace, workspace

FILE = Path(__file__).parents[2] / "docs" / "pictures" / "slack.svg"

_LINK = re.compile(r"<(https?://[^<>|]+)\|([^<>]+)>")


def picture() -> str:
    """The whole SVG, of a conversation that is held for it."""
    return asyncio.run(_picture())


async def _picture() -> str:
    with tempfile.TemporaryDirectory(prefix="chasqui-", dir="/tmp", ignore_cleanup_errors=True) as folder:
        async with workspace(Path(folder) / "data", Pausing(), BACKEND__MAX_NEW_TOKENS=TOKENS) as here:
            await here.serve()
            panels = await _conversation(here, Path(folder))
    title, subtitle = (
        "An answer on Slack",
        "A mention with a PDF, answered in its thread by a stream; its middle is left out here.",
    )
    return svg([Strip(title, subtitle, "slack", panels)], "A question with a PDF on Slack, and its answer")


async def _conversation(here: Workspace, folder: Path) -> list[Panel]:
    """A question with a file, its answer in the pause and at the end, and what can be done with it."""
    control, scene = here.control, here.scene
    ts = await here.ask(QUESTION, files=[Upload(*handbook(folder))])
    asked = _post(await control.message(scene.channel, ts), author="Ana")
    [answer] = await here.settled()
    paused = next(version for version in answer.versions if version.shown == SHOWN)
    await control.press(scene.channel, scene.person, answer.ts, "chasqui:sources")
    sources = await _last(here, after=answer)
    await control.edit(scene.channel, ts, f"<@{scene.bot}> How much leave do staff earn in two years?")
    offer = await _last(here, after=sources)
    growing = replace(answer, versions=(paused,))
    return [
        Panel("While it is written", "it grows in the thread", [asked, _post(growing)]),
        Panel("At its end", "sources, and what can be done", [_post(answer)]),
        Panel("Afterwards", "Sources pressed, the question edited", [_post(sources), _post(offer)]),
    ]


async def _last(here: Workspace, *, after: SeenMessage) -> SeenMessage:
    """What the bot says next."""

    async def look() -> SeenMessage | None:
        last = (await here.answers())[-1]
        return None if last.ts == after.ts else last

    found: SeenMessage = await eventually(look)
    return found


def _post(message: SeenMessage, *, author: str = "") -> Post:
    parts = [] if author else [_markdown(block) for block in message.now.blocks]
    return Post(
        "\n\n".join(filter(None, parts)) or _plain(message.text),
        author,
        above="" if author else "↪ in Ana's thread",
        files=[file.name for file in message.files],
        buttons=[label for block in message.now.blocks for label in _labels(block)],
        below="Only visible to you" if message.seen_by else "",
    )


def _markdown(block: dict[str, Any]) -> str:
    """What a block says, as Markdown; what stands in a context is small."""
    match block["type"]:
        case "markdown":
            return str(block["text"])
        case "section":
            return _plain(block["text"]["text"])
        case "context":
            return "\n".join(f"-# {line}" for line in _plain(block["elements"][0]["text"]).split("\n"))
        case _:
            return ""


def _labels(block: dict[str, Any]) -> list[str]:
    """What stands on the buttons of a block."""
    found = [each for each in block.get("elements", ()) if str(each.get("action_id")).startswith("chasqui:")]
    sides = [each.get(side) for each in found for side in ("positive_button", "negative_button")]
    return [each["text"]["text"] for each in (*found, *filter(None, sides)) if "text" in each]


def _plain(mrkdwn: str) -> str:
    """Slack's own form as Markdown, as far as it stands in these messages."""
    linked = _LINK.sub(r"[\2](\1)", re.sub(r"<@\w+>", "@chasqui", mrkdwn))
    return re.sub(r"^(> .*)", r"\1\n", html.unescape(linked), flags=re.MULTILINE)
