"""What a person does and sees on the emulated Discord; runs in the emulator's container.

python -m tests.deploy.image.asking                        what stands at the start, as JSON
python -m tests.deploy.image.asking QUESTION FILE          ask, and print the answer once it is whole
"""

import asyncio
import json
import sys
from dataclasses import asdict
from pathlib import Path

import aiohttp

from tests.emulators.discord.control import Control, control_of
from tests.emulators.discord.people import Upload

ADDRESS = "http://127.0.0.1:9100"
_PATIENCE = 90.0
"""Seconds for one answer on a busy machine."""


async def main(*arguments: str) -> None:
    """Do what the command line asks."""
    async with aiohttp.ClientSession() as http:
        control = control_of(ADDRESS, http)
        if arguments:
            question, file = arguments
            print(await _answer(control, question, Path(file)))
        else:
            print(json.dumps(asdict(await control.scene())))


async def _answer(control: Control, question: str, file: Path) -> str:
    scene = await control.scene()
    upload = Upload(file.name, file.read_bytes())
    await control.say(scene.channel, scene.person, question, mention=True, files=[upload])
    async with asyncio.timeout(_PATIENCE):
        while True:
            for seen in await control.answers(scene.channel):
                if "Regenerate" in seen.buttons:
                    return seen.content
            await asyncio.sleep(0.2)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
