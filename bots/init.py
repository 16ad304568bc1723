"""`chasqui init`: asks for what chasqui needs, tries each answer, and writes `chasqui.toml`."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from getpass import getpass
from pathlib import Path
from textwrap import indent
from typing import Any

from bots import checks
from bots.check import Check
from bots.config import variable
from bots.settings import FILE, Settings, made
from core.errors import SettingsError

_NO_TERMINAL = (
    "`chasqui init` asks questions, so it needs a terminal. Elsewhere write chasqui.toml, or set variables: "
    "docs/reference/settings.md has them all."
)
_EXISTS = f"{FILE} exists already, and is left as it is. Change it, or move it away and start again."
_WELCOME = """A few questions; an empty answer leaves a part out. Each answer is tried at once.
A secret may also be given as the path of a file that holds it: then it is read from there."""

Given = dict[str, dict[str, Any]]
"""Settings by section and key, as they are written."""


@dataclass(frozen=True, slots=True)
class Step:
    """A question for one setting, and how its answer is tried."""

    section: str
    key: str
    text: str
    tried: Callable[[Settings], AsyncIterator[Check]]
    hidden: bool = False
    follows: str = ""
    """The key of the same section without which it is not asked."""


STEPS = (
    Step(
        "backend",
        "urls",
        "Your model server, as in http://gpu-1:8080; several with commas. Empty: the small model of chasqui",
        checks.of_models,
    ),
    Step(
        "redis",
        "url",
        "Your Redis, as in redis://host:6379/0. Empty: one that chasqui runs itself",
        checks.of_redis,
    ),
    Step(
        "discord", "token", "The token of your Discord bot. Empty: no Discord", checks.of_discord, hidden=True
    ),
    Step("slack", "bot_token", "Slack's bot token, xoxb-. Empty: no Slack", checks.of_slack, hidden=True),
    Step(
        "slack",
        "app_token",
        "Slack's app-level token, xapp-",
        checks.of_slack_connections,
        hidden=True,
        follows="bot_token",
    ),
)


def run() -> int:
    """Ask, try, write; the exit code. Raises SettingsError where nobody can be asked or a file is there."""
    if not sys.stdin.isatty():
        raise SettingsError(_NO_TERMINAL)
    if FILE.exists():
        raise SettingsError(_EXISTS)
    print(_WELCOME)
    given: Given = {}
    files: dict[str, Path] = {}
    try:
        for step in STEPS:
            if not step.follows or step.follows in given.get(step.section, {}):
                _ask(step, given, files)
    except EOFError:
        print("\nNothing was written.", file=sys.stderr)
        return 1
    write(given, files)
    _say_what_is_next(given, files)
    return 0


def _ask(step: Step, given: Given, files: dict[str, Path]) -> None:
    """Ask until the answer is empty, well, or kept although it is not."""
    while answer := (getpass if step.hidden else input)(f"\n{step.text}: ").strip():
        name = variable(f"{step.section}.{step.key}")
        file = _named(answer) if step.hidden else None
        if file:
            try:
                answer = file.read_text("utf-8", "replace").strip()
            except OSError as error:
                print(f"  PROBLEM  {file} cannot be read: {error.strerror}")
                continue
        value = [part.strip() for part in answer.split(",")] if step.key == "urls" else answer
        tried = {**given, step.section: {**given.get(step.section, {}), step.key: value}}
        if asyncio.run(_is_well(step, tried)) or _agrees("Keep it all the same?"):
            given[step.section] = tried[step.section]
            if file:
                files[name] = file
            return


def _named(answer: str) -> Path | None:
    """The file that an answer names, if there is one."""
    try:
        file = Path(answer).expanduser().absolute()
        return file if file.is_file() else None
    except (OSError, RuntimeError):  # too long for a name; nobody has this home
        return None


async def _is_well(step: Step, given: Given) -> bool:
    """Try an answer, and say what was found."""
    try:
        settings = made(**given)
    except SettingsError as error:
        print(f"  PROBLEM  {error.sentence}")
        return False
    well = True
    async for check in step.tried(settings):
        well = well and check.well
        print(indent(str(check), "  "))
    return well


def _agrees(question: str) -> bool:
    return input(f"{question} [y/N] ").strip().lower() in ("y", "yes")


def write(given: Mapping[str, Mapping[str, Any]], files: Mapping[str, Path]) -> None:
    """Write the file of settings for nobody else to read, without what is read from `files`.

    Raises SettingsError where it cannot be written.
    """
    lines = ["# Written by `chasqui init`. docs/reference/settings.md has all there is to say here."]
    for section, values in given.items():
        said = {key: value for key, value in values.items() if variable(f"{section}.{key}") not in files}
        if said:
            lines += ["", f"[{section}]", *(f"{key} = {_toml(value)}" for key, value in said.items())]
    try:
        file = os.open(FILE, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(file, "w", encoding="utf-8") as out:
                out.write("\n".join(lines) + "\n")
        except OSError:
            FILE.unlink()  # half of it would be read as the whole
            raise
    except OSError as error:
        mend = "Run `chasqui init` in a folder of your own, on a disk that has room."
        raise SettingsError(f"{FILE.absolute()} cannot be written ({error.strerror}). {mend}") from None


def _toml(value: Any) -> str:
    """A string or a list of them: JSON's is TOML's, but for escapes of half a character."""
    return json.dumps(value, ensure_ascii=False)


def _say_what_is_next(given: Given, files: Mapping[str, Path]) -> None:
    print(f"\nWrote {FILE.absolute()}, which only you can read.")
    if files:
        print("Set these too, where chasqui runs:")
        print("".join(f"  {name}_FILE={file}\n" for name, file in files.items()), end="")
    print("What is next:")
    print("  chasqui doctor            looks at everything again")
    if "discord" in given:
        print("  chasqui invite discord    prints the link that adds the bot to your server")
    if "discord" in given or "slack" in given:
        print("  chasqui serve all         answers")
    else:
        print("  chasqui chat              talks here")
