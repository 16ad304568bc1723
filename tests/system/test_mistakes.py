"""What `chasqui doctor` finds of the mistakes that people make, and what it tells them to do."""

import os
import socket
from pathlib import Path
from typing import Any

import pytest

from adapters.redis.connection import connect
from bots import checks, mistakes, redis_checks
from bots.check import Check
from bots.settings import Settings
from tests.adapters.redis_parts import RedisServer
from tests.emulators.tgi import TgiStandIn
from tests.system.program import World


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A working directory without a file of settings, and none in the environment."""
    for name in [name for name in os.environ if name.startswith("CHASQUI_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def found(**sections: Any) -> list[Check]:
    """The mistakes in these settings; the port is any that is free."""
    given = {"http": {"port": 0}, **sections}
    return list(mistakes.all_of(Settings.model_validate(given)))


TOKEN = "MTA1.Gxyz.secret"
SLACK = {"bot_token": "xoxb-1", "app_token": "xapp-1"}
MISTAKES: dict[str, tuple[dict[str, Any], str, str]] = {
    "an empty token": ({"discord": {"token": " "}}, "the value is empty", "take it away"),
    "a token in quotes": ({"discord": {"token": f'"{TOKEN}"'}}, "quotes or spaces", "without them"),
    "a token with its word": ({"discord": {"token": f"Bot {TOKEN}"}}, "quotes or spaces", "without them"),
    "no bot token at all": ({"discord": {"token": "abcdef"}}, "no bot token", "Developer Portal"),
    "tokens of Slack that changed places": (
        {"slack": {"bot_token": "xapp-1", "app_token": "xoxb-1"}},
        "begin with xoxb-",
        "Bot User OAuth Token",
    ),
    "an app token that is none": (
        {"slack": {**SLACK, "app_token": "A012"}},
        "begin with xapp-",
        "connections:write",
    ),
    "Socket Mode without its token": (
        {"slack": {"bot_token": "xoxb-1"}},
        "Socket Mode needs",
        "CHASQUI_SLACK__APP_TOKEN",
    ),
    "a Slack app without a bot": ({"slack": {"app_token": "xapp-1"}}, "no token", "CHASQUI_SLACK__BOT_TOKEN"),
    "HTTP mode without a secret": (
        {"slack": {"bot_token": "xoxb-1", "mode": "http"}},
        "with which Slack signs",
        "CHASQUI_SLACK__SIGNING_SECRET",
    ),
    "HTTP mode that nobody reaches": (
        {"slack": {"bot_token": "xoxb-1", "mode": "http", "signing_secret": "s"}},
        "cannot reach 127.0.0.1",
        "CHASQUI_HTTP__HOST=0.0.0.0",
    ),
    "a channel by its name": (
        {"discord": {"channels": {"general": {"threads": True}}}},
        "[discord.channels.general] names nothing",
        "Copy ID",
    ),
    "a channel of Slack by its name": (
        {"slack": {"channels": {"#general": {"threads": True}}}},
        "[slack.channels.#general]",
        "C0123ABCD",
    ),
    "a moderator by a name": ({"slack": {"moderators": ("ann",)}}, "ann is nobody on Slack", "member ID"),
    "bounds that contradict": (
        {"inbox": {"per_person": 50, "in_all": 20}},
        "may ask 50 questions, all together 20",
        "CHASQUI_INBOX__IN_ALL",
    ),
    "waits that contradict": (
        {"backend": {"first_token_seconds": 10.0, "next_token_seconds": 60.0}},
        "longer than the wait for the first",
        "CHASQUI_BACKEND__FIRST_TOKEN_SECONDS",
    ),
    "a model at our own address": (
        {"backend": {"urls": ("http://127.0.0.1:28099",)}, "http": {"port": 28099}},
        "at which chasqui itself listens",
        "CHASQUI_HTTP__PORT",
    ),
    "a replica that is named twice": (
        {"backend": {"urls": ("http://a:1", "http://a:1")}},
        "names one address twice",
        "once",
    ),
}


@pytest.mark.parametrize("what", MISTAKES)
def test_a_mistake_in_the_settings_is_found_with_its_mend(what: str) -> None:
    """Before anybody is asked: the sentence names what is wrong, and the mend what to change."""
    given, wrong, mend = MISTAKES[what]
    check = next(check for check in found(**given) if wrong in check.found)

    assert not check.well
    assert mend in check.mend


def test_settings_without_a_mistake_are_left_alone() -> None:
    """A doctor who always finds something is not asked again."""
    good = {"discord": {"token": TOKEN, "channels": {"80351110224678912": {"threads": True}}}, "slack": SLACK}
    assert found(**good) == []


def test_a_file_with_secrets_that_others_can_read_is_found(tmp_path: Path) -> None:
    """The mend is a command; without secrets anybody may read it."""
    file = tmp_path / "chasqui.toml"
    file.write_text(f'[discord]\ntoken = "{TOKEN}"\n')
    file.chmod(0o644)
    readable = found(discord={"token": TOKEN})
    file.chmod(0o600)

    assert [(check.found.split(",")[0], check.mend) for check in readable] == [
        ("chasqui.toml holds discord.token", "chmod 600 chasqui.toml")
    ]
    assert found(discord={"token": TOKEN}) == []


def test_a_port_at_which_another_program_listens_is_found() -> None:
    """`chasqui serve` could not listen there."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        [check] = found(http={"port": other.getsockname()[1]})

    assert check.found.startswith("nothing can listen on 127.0.0.1")
    assert "CHASQUI_HTTP__PORT" in check.mend


async def test_a_server_that_forgets_is_found(redis: RedisServer) -> None:
    """Evicted keys and no log on disk lose accepted messages, without an error anywhere."""
    async with connect(redis.url) as store:
        await store.command("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
        await store.command("CONFIG", "SET", "appendonly", "no")
        wrong = [check async for check in redis_checks.of_store(store, "redis 6.0.16")]
        await store.command("CONFIG", "SET", "maxmemory-policy", "noeviction")
        await store.command("CONFIG", "SET", "appendonly", "yes")
        right = [check async for check in redis_checks.of_store(store, "valkey 9.1.2")]

    assert [check.mend.split(",")[0] for check in wrong] == [
        "Install Redis 6.2 or newer",
        "CONFIG SET maxmemory-policy noeviction",
        "CONFIG SET appendonly yes",
    ]
    assert right == []


async def test_a_model_that_wants_another_key_or_has_no_room_is_found(
    redis: RedisServer, tmp_path: Path
) -> None:
    """The mend names the key where that is what is wrong, and the length where the window is too small."""
    async with TgiStandIn(api_key="planted") as locked, TgiStandIn() as small:
        given: dict[str, Any] = {
            "data_dir": tmp_path,
            "redis": {"url": redis.url},
            "backend": {"urls": (locked.url,)},
        }
        key = [check async for check in checks.serving(Settings.model_validate(given))]
        given["backend"] = {"urls": (small.url,), "max_new_tokens": 1500}
        room = [check async for check in checks.serving(Settings.model_validate(given))]

    assert "CHASQUI_BACKEND__API_KEY" in key[-1].mend
    assert "MAX_NEW_TOKENS" in room[-1].mend


async def test_the_doctor_says_all_of_it_and_exits_1(world: World) -> None:
    """On one page: what is well, what is not, and what to do."""
    async with TgiStandIn() as model:
        there = world.with_(BACKEND__URLS=f"{model.url},{model.url}", SLACK__APP_TOKEN="xapp-1")
        done = await there.run("doctor")

    assert done.code == 1
    assert "PROBLEM  backend: CHASQUI_BACKEND__URLS names one address twice" in done.out.decode()
    assert "         Set CHASQUI_SLACK__BOT_TOKEN, from OAuth & Permissions." in done.out.decode()
