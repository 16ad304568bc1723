"""The bot's application commands: what may be registered, and how a person fills in what was.

https://discord.com/developers/docs/interactions/application-commands
"""

from collections.abc import Mapping, Sequence
from typing import Any

import regex

from tests.emulators.discord.errors import invalid, required, too_long
from tests.emulators.discord.model import Json
from tests.emulators.discord.world import World
from tests.emulators.shared.errors import ControlError

SLASH, USER, MESSAGE = 1, 2, 3
SUBCOMMAND, GROUP = 1, 2
STRING, INTEGER, BOOLEAN, PERSON, CHANNEL, ROLE, MENTIONABLE, NUMBER, ATTACHMENT = range(3, 12)
"""Types of commands and of options."""

MOST = {SLASH: 100, USER: 15, MESSAGE: 15}
"""How many commands of each type there may be."""

_NAME = regex.compile(r"^[-_'\p{L}\p{N}\p{sc=Deva}\p{sc=Thai}]{1,32}$")
_DEFAULTS: Json = {"description": "", "options": [], "nsfw": False, "default_member_permissions": None}


def overwrite(world: World, guild: str, given: Sequence[Json]) -> list[Json]:
    """Register these commands instead of all others of the guild ("": of all guilds)."""
    for place, command in enumerate(given):
        _check_command(str(place), command)
    for kind, most in MOST.items():
        if sum(command.get("type", SLASH) == kind for command in given) > most:
            raise invalid(
                "_errors", "APPLICATION_COMMANDS_MAX", f"Maximum number of application commands ({most})"
            )
    names = [(command.get("type", SLASH), command["name"]) for command in given]
    if len(set(names)) < len(names):
        code = "APPLICATION_COMMANDS_DUPLICATE_NAME"
        raise invalid("_errors", code, "Application command names must be unique")
    before = {(command["type"], command["name"]): command["id"] for command in known(world, guild)}
    registered = [_registered(world, guild, command, before) for command in given]
    world.application.commands[guild] = registered
    return registered


def known(world: World, guild: str) -> list[Json]:
    """The commands of one guild alone ("": of all guilds)."""
    return world.application.commands.get(guild, [])


def _registered(world: World, guild: str, command: Json, before: Mapping[tuple[int, str], str]) -> Json:
    kind = command.get("type", SLASH)
    key = before.get((kind, command["name"])) or world.clock.snowflake()
    more: Json = (
        {"guild_id": guild} if guild else {"integration_types": [0], "contexts": None, "dm_permission": True}
    )
    fixed = {
        "id": key,
        "application_id": world.application.id,
        "version": world.clock.snowflake(),
        "type": kind,
    }
    return {**_DEFAULTS, **more, **command, **fixed}


def _check_command(where: str, command: Json) -> None:
    kind = command.get("type", SLASH)
    if not command.get("name"):
        raise required(f"{where}.name")
    if kind == SLASH:
        _check_described(where, command)
        _check_options(f"{where}.options", command.get("options") or [])
        if _size(command) > 8000:
            code = "APPLICATION_COMMAND_TOO_LARGE"
            raise invalid(where, code, "Command exceeds maximum size (8000)")
        return
    if not 1 <= len(command["name"]) <= 32:
        raise too_long(f"{where}.name", 32, 1)
    if command.get("description") or command.get("options"):
        raise invalid(where, "APPLICATION_COMMAND_INVALID", "Context menu commands cannot have this field")


def _check_described(where: str, thing: Json) -> None:
    name = thing.get("name") or ""
    if not _NAME.match(name) or name != name.lower():
        code = "APPLICATION_COMMAND_INVALID_NAME"
        raise invalid(f"{where}.name", code, "Command name is invalid")
    if not 1 <= len(thing.get("description") or "") <= 100:
        raise too_long(f"{where}.description", 100, 1)


def _check_options(where: str, options: Sequence[Json]) -> None:
    if len(options) > 25:
        raise too_long(where, 25)
    optional = False
    names = [option.get("name") for option in options]
    if len(set(names)) < len(names):
        raise invalid(where, "APPLICATION_COMMAND_OPTIONS_NAME_DUPLICATE", "Option names must be unique")
    for place, option in enumerate(options):
        here = f"{where}.{place}"
        _check_described(here, option)
        if option["type"] in (SUBCOMMAND, GROUP):
            _check_options(f"{here}.options", option.get("options") or [])
            continue
        if option.get("required") and optional:
            code = "APPLICATION_COMMAND_OPTIONS_REQUIRED_INVALID"
            raise invalid(here, code, "Required options must be placed before non-required options")
        optional = optional or not option.get("required")
        _check_choices(here, option)


def _check_choices(where: str, option: Json) -> None:
    choices = option.get("choices") or []
    if len(choices) > 25:
        raise too_long(f"{where}.choices", 25)
    if choices and option.get("autocomplete"):
        raise invalid(f"{where}.autocomplete", "APPLICATION_COMMAND_INVALID", "No choices with autocomplete")
    for place, choice in enumerate(choices):
        if not 1 <= len(choice.get("name") or "") <= 100:
            raise too_long(f"{where}.choices.{place}.name", 100, 1)
        if not 1 <= len(str(choice.get("value"))) <= 100:
            raise too_long(f"{where}.choices.{place}.value", 100, 1)
    if not 0 <= (option.get("max_length") or 1) <= 6000:
        raise too_long(f"{where}.max_length", 6000)


def _size(thing: Json) -> int:
    """The characters of all names, descriptions and values."""
    size = len(thing.get("name") or "") + len(thing.get("description") or "")
    size += sum(len(choice["name"]) + len(str(choice["value"])) for choice in thing.get("choices") or ())
    return size + sum(map(_size, thing.get("options") or ()))


def find(world: World, guild: str | None, kind: int, name: str) -> Json:
    """The command of this name, as a person in this guild would pick it."""
    for command in [*known(world, guild or ""), *known(world, "")]:
        if command["type"] == kind and command["name"] == name:
            return command
    raise ControlError(f"there is no command {name!r} of type {kind} here: it was not registered")


def filled(
    path: Sequence[str], options: Sequence[Json], given: Mapping[str, Any], focused: str | None
) -> list[Json]:
    """The options of an interaction: `path` leads to a subcommand, `given` are the values."""
    if path:
        inner = next((each for each in options if each["name"] == path[0] and each["type"] in (1, 2)), None)
        if inner is None:
            raise ControlError(f"there is no subcommand {path[0]!r}")
        below = filled(path[1:], inner.get("options") or [], given, focused)
        return [{"name": inner["name"], "type": inner["type"], "options": below}]
    known = {option["name"]: option for option in options}
    if unknown := given.keys() - known.keys():
        raise ControlError(f"the command takes no {', '.join(sorted(unknown))}")
    missing = [name for name, option in known.items() if option.get("required") and name not in given]
    if missing and focused is None:
        raise ControlError(f"the command needs {', '.join(missing)}")
    return [_value(known[name], value, focused) for name, value in given.items()]


def _value(option: Json, value: Any, focused: str | None) -> Json:
    name = option["name"]
    choices = [choice["value"] for choice in option.get("choices") or ()]
    if focused is None and choices and value not in choices:
        raise ControlError(f"{name} is one of {choices}")
    if focused is None and option["type"] == STRING and not _fits(option, value):
        raise ControlError(f"{name} is longer or shorter than the command allows")
    shown = {"name": name, "type": option["type"], "value": value}
    return shown | ({"focused": True} if name == focused else {})


def _fits(option: Json, value: str) -> bool:
    return (option.get("min_length") or 0) <= len(value) <= (option.get("max_length") or 6000)
