"""`chasqui config`: the settings in force, secrets masked, and where each value came from."""

import os
import re
import tomllib
from typing import Any

from bots.output import print_json
from bots.settings import FILE, PREFIX, Settings

DEFAULT = "default"


def show(settings: Settings, *, as_json: bool) -> None:
    """Print them; as JSON, `origins` says of each that is not left alone where it stands."""
    values = _masked(settings.model_dump(mode="json"))
    told = _Told()
    if as_json:
        found = {name: told.origin(*name.split(".")) for name, _ in _flat(values)}
        origins = {name: origin for name, origin in found.items() if origin != DEFAULT}
        print_json({**values, "origins": origins})
        return
    for name, value in _flat(values):
        origin = told.origin(*name.split("."))
        print(f"{variable(name)} = {_shown(value)}{'' if origin == DEFAULT else f'    # {origin}'}")


def variable(name: str) -> str:
    """The variable of a setting that is written as in the file: ``redis.url``."""
    return PREFIX + name.replace(".", "__").upper()


class _Told:
    """Where settings are said, in the order in which they win (see `bots.settings`)."""

    def __init__(self) -> None:
        self._environment = {name.upper(): name for name in os.environ}
        try:
            self._file = tomllib.loads(FILE.read_text("utf-8"))
        except FileNotFoundError:
            self._file = {}

    def origin(self, section: str, key: str = "") -> str:
        """The variable, the file that a variable names, or the file of settings; else `DEFAULT`."""
        name = variable(f"{section}.{key}" if key else section)
        for candidate in (name, PREFIX + section.upper()):
            if candidate in self._environment:
                return self._environment[candidate]
        if named := self._environment.get(f"{name}_FILE"):
            return f"{named}: {os.environ[named]}"
        there = self._file.get(section, {})
        is_said = key in there if key and isinstance(there, dict) else section in self._file
        return str(FILE) if is_said else DEFAULT


def _flat(values: dict[str, Any]) -> list[tuple[str, Any]]:
    """Each setting by its name in the file."""
    found = []
    for section, value in values.items():
        if isinstance(value, dict):
            found += [(f"{section}.{key}", item) for key, item in value.items()]
        else:
            found.append((section, value))
    return found


def _masked(value: Any) -> Any:
    """Settings without the credentials that an address may hold; pydantic masks the other secrets."""
    if isinstance(value, dict):
        return {_masked(key): _masked(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_masked(item) for item in value]
    if not isinstance(value, str) or "://" not in value:
        return value
    return re.sub(r"\?.*", "?**********", re.sub(r"//.*@", "//**********@", value))


def _shown(value: Any) -> str:
    if value is None:
        return ""
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)
