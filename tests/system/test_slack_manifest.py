"""`chasqui manifest slack`: what makes the app, within Slack's limits."""

import ast
import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from bots.slack_manifest import EVENTS, faults, link, manifest
from tests.emulators.slack.application import EVENTS as KNOWN_EVENTS
from tests.emulators.slack.application import SCOPES as KNOWN_SCOPES
from tests.system.program import ROOT, World


@pytest.mark.parametrize("url", ["", "https://bot.example.org/slack/events"])
def test_it_keeps_slacks_limits(url: str) -> None:
    """In both modes; with a request URL for everything that has one, or with none."""
    made = manifest(url)
    assert list(faults(made)) == []
    written = json.dumps(made)
    assert written.count("https://") == (2 + len(made["features"]["slash_commands"]) if url else 0)
    assert made["settings"]["socket_mode_enabled"] is not bool(url)
    assert set(made["oauth_config"]["scopes"]["bot"]) <= set(KNOWN_SCOPES)
    assert set(made["settings"]["event_subscriptions"]["bot_events"]) <= set(KNOWN_EVENTS)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("display_information", "name"), "x" * 36),
        (("display_information", "description"), "x" * 141),
        (("display_information", "description"), ""),
        (("features", "agent_view", "agent_description"), "x" * 301),
        (("features", "shortcuts", 0, "name"), "x" * 25),
        (("features", "shortcuts", 1, "description"), "x" * 151),
        (("features", "slash_commands", 0, "command"), "/status"),
        (("features", "slash_commands", 0, "command"), "/Ask"),
        (("features", "slash_commands", 0, "command"), "/" + "x" * 32),
        (("features", "slash_commands"), []),
        (("settings", "interactivity", "request_url"), "https://" + "x" * 3000),
    ],
)
def test_a_limit_that_is_broken_is_named(path: tuple[Any, ...], value: Any) -> None:
    """Slack would refuse the whole manifest, and say less."""
    made = manifest()
    *way, last = path
    place: Any = made
    for step in way:
        place = place[step]
    place[last] = value
    [fault] = faults(made)
    assert ".".join(str(step) for step in path if isinstance(step, str)) in fault or str(value) in fault


def test_every_event_has_a_handler() -> None:
    """What is subscribed to and not handled would be traffic for nothing."""
    source = (ROOT / "adapters/slack/gateway.py").read_text() + (ROOT / "bots/slack_bot.py").read_text()
    words = {node.value for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Constant)}
    assert {event.partition(".")[0] for event in EVENTS} <= words


async def test_people_get_the_manifest_and_the_link(tmp_path: Path) -> None:
    """JSON alone on stdout, what to do with it on stderr, and one link that carries all of it."""
    world = World.at(tmp_path / "data")
    shown = await world.run("manifest", "slack")
    http = await world.run("manifest", "slack", "--http", "https://bot.example.org")
    assert shown.code == http.code == 0
    assert shown.json == manifest()
    assert http.json == manifest("https://bot.example.org/slack/events")
    assert "CHASQUI_SLACK__APP_TOKEN" in shown.err
    assert "CHASQUI_SLACK__SIGNING_SECRET" in http.err
    [address] = re.findall(r"https://api\.slack\.com\S+", shown.err)
    assert address == link(manifest())
    assert json.loads(parse_qs(urlsplit(address).query)["manifest_json"][0]) == manifest()


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (("discord",), "manifest slack"),
        (("slack", "--http", "http://bot.example.org"), "https"),
        (("slack", "--http", "bot.example.org"), "https"),
        (("slack", "--http", "https://bot.example.org/" + "x" * 3000), "3000"),
    ],
)
async def test_what_slack_would_not_take_is_told(words: tuple[str, ...], names: str, tmp_path: Path) -> None:
    """Exit 2 and one sentence."""
    end = await World.at(tmp_path / "data").run("manifest", *words)
    assert end.code == 2
    assert names in end.sentence
    assert not end.out
