"""What `chasqui doctor` finds of the mistakes that people make, and what it tells them to do."""

import os
import resource
import socket
import sys
import time
from asyncio import create_subprocess_exec
from asyncio.subprocess import PIPE
from pathlib import Path
from typing import Any

import pytest

from adapters.redis.connection import connect
from adapters.redis.letters import RedisLetters
from adapters.redis.shelf import RedisShelf
from bots import checks, mistakes, redis_checks
from bots.check import Check
from bots.embedding_checks import of_embeddings, of_reranker
from bots.probe import probe
from bots.settings import HttpSettings, Settings, load, made
from core.errors import SettingsError
from core.ports import Vectors
from core.types import Audience, Document, Entry, Passage, ThreadId
from tests.adapters.redis_parts import RedisServer
from tests.adapters.redis_words import is_set_aside, message
from tests.emulators.tei import Server as EmbeddingServer
from tests.emulators.tei import serving
from tests.emulators.tgi import TgiStandIn
from tests.system.program import ROOT, World
from tests.system.team import team
from tests.system.workspace import free_port


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A working directory without a file of settings, and none in the environment."""
    for name in [name for name in os.environ if name.startswith("CHASQUI_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


LISTED = (ROOT / "docs" / "how-to" / "mend.md").read_text("utf-8")


def listed(*problems: Check) -> tuple[Check, ...]:
    """These problems, each of which people find in the documents too, with its mend."""
    assert problems
    assert not any(check.well for check in problems), problems
    assert [check.mend for check in problems if f"| {check.mend} |" not in LISTED] == []
    return problems


def found(**sections: Any) -> list[Check]:
    """The mistakes in these settings; the port is any that is free."""
    given = {"http": {"port": 0}, **sections}
    return list(mistakes.all_of(Settings.model_validate(given)))


def handbook() -> Document:
    """A document of the team."""
    return Document("d1", "Handbook", Audience("public"), (Passage("p1", "d1", "Handbook", "Leave."),), 1)


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
    "a curator by a name": ({"slack": {"curators": ("ann",)}}, "the curator ann is nobody", "member ID"),
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
    "another model at our own address": (
        {
            "backend": {"others": {"code": {"urls": ("http://127.0.0.1:28099",)}}},
            "http": {"port": 28099},
        },
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

    assert mend in check.mend
    assert listed(check)


UNREADABLE = {
    "a home that nobody has": ("CHASQUI_DATA_DIR", "~nobody-of-this-name/x", "write the whole path"),
    "a table that is no JSON": (
        "CHASQUI_DISCORD__CHANNELS",
        "general",
        "CHASQUI_DISCORD__CHANNELS cannot be read: write a JSON object.",
    ),
    "a section that is no JSON": (
        "CHASQUI_BACKEND",
        "http://a:1",
        "CHASQUI_BACKEND cannot be read: write a JSON object.",
    ),
    "a channel whose model is nowhere": (
        "CHASQUI_SLACK__CHANNELS",
        '{"C0123ABCD": {"model": "big"}}',
        "The settings are wrong: channel C0123ABCD wants the model big: add [backend.others.big].",
    ),
    "an address with an open bracket": ("CHASQUI_DISCORD__API_URL", "http://[::1", "this is no address"),
    "an address with a port that is none": ("CHASQUI_SLACK__API_URL", "http://a:port", "this is no address"),
    "an address without its scheme": ("CHASQUI_EMBEDDINGS__URL", "tei:80", "write it as in https://host:443"),
    "a host with an empty part": ("CHASQUI_KB__HOSTS", "wiki..corp", "'wiki..corp' is no host"),
    "a host to listen on with an empty part": ("CHASQUI_HTTP__HOST", "..", "no host can be called so"),
    "a host to listen on that is too long": ("CHASQUI_HTTP__HOST", "a" * 300, "no host can be called so"),
}


@pytest.mark.parametrize("what", UNREADABLE)
def test_a_setting_that_cannot_be_read_is_named_by_every_command(
    what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One sentence, with the variable or the key in it, and how it is written."""
    name, value, sentence = UNREADABLE[what]
    monkeypatch.setenv(name, value)

    with pytest.raises(SettingsError) as raised:
        load()
    assert sentence in raised.value.sentence


def test_a_host_that_cannot_be_is_said_and_stops_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """By the doctor, which says it instead of stumbling over it, and by the probe of containers."""
    [check] = listed(*found(http={"host": "a b", "port": 8080}))

    assert check.found.startswith("nothing can listen on a b, port 8080: ")
    assert probe(HttpSettings(host="a b"), live=True) == 1
    assert "correct CHASQUI_HTTP__HOST" in capsys.readouterr().err


def test_an_empty_file_of_a_secret_is_no_mistake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in docker/compose.yaml, whose files stay empty for the platform that a team does not use."""
    (tmp_path / "token").touch()
    monkeypatch.setenv("CHASQUI_DISCORD__TOKEN_FILE", str(tmp_path / "token"))
    [check] = mistakes.all_of(made(http={"port": 0}))

    assert check.well
    assert check == Check("CHASQUI_DISCORD__TOKEN", True, "its file is empty, so it counts as not set")


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

    assert [(check.found.split(",")[0], check.mend) for check in listed(*readable)] == [
        ("chasqui.toml holds discord.token", "chmod 600 chasqui.toml")
    ]
    assert found(discord={"token": TOKEN}) == []


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ('[backend]\nurls = "a:1"\napi_keys = {"a:1" = "key"}\n', "backend.api_keys"),
        ('[backend.others.code]\nurls = "a:1"\napi_key = "key"\n', "backend.others.code.api_key"),
    ],
)
def test_the_keys_of_models_in_a_file_that_others_can_read_are_found(
    tmp_path: Path, written: str, name: str
) -> None:
    """Those in a table are secrets too, and those of each model."""
    file = tmp_path / "chasqui.toml"
    file.write_text(written)
    file.chmod(0o644)
    [check] = listed(*found())

    assert check.found.startswith(f"chasqui.toml holds {name}, ")


def test_a_port_at_which_another_program_listens_is_found() -> None:
    """`chasqui serve` could not listen there."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        [check] = found(http={"port": other.getsockname()[1]})

    assert listed(check)
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

    assert [check.mend.split(",")[0] for check in listed(*wrong)] == [
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
    assert listed(key[-1], room[-1])


def test_too_few_open_files_are_found() -> None:
    """Each answer has connections to a model, to Redis and to a platform."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, before[1]))
    try:
        [check] = found()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)

    assert listed(check)
    assert check.found == "this process may open 256 files and connections"


async def test_clocks_that_differ_are_found(redis: RedisServer) -> None:
    """Slack refuses what is signed five minutes off, and leases and places are told in the server's time."""
    async with connect(redis.url) as store:
        await store.command("CONFIG", "SET", "appendonly", "yes")
        [check] = [
            check async for check in redis_checks.of_store(store, "valkey 9.1.2", lambda: time.time() + 90)
        ]

    assert listed(check)
    assert check.found.endswith(("differ by 90 s", "differ by 91 s"))


async def test_a_server_that_is_a_copy_is_found(tmp_path: Path) -> None:
    """It takes no question, or loses it; it is told while it is one, and not once it is the primary again."""
    server = RedisServer()
    settings = Settings.model_validate({"data_dir": tmp_path, "redis": {"url": server.url}})
    try:
        async with connect(server.url) as store:
            await store.command("REPLICAOF", "127.0.0.1", "1")
            copy = [check async for check in checks.of_redis(settings) if not check.well]
            await store.command("CONFIG", "SET", "replica-read-only", "no")
            written = [check async for check in redis_checks.of_store(store, "valkey 9.1.2")]
            await store.command("REPLICAOF", "NO", "ONE")
            primary = [check async for check in checks.of_redis(settings)]
    finally:
        server.remove()

    [check] = listed(*copy)
    assert "what is put there is lost" in listed(*written)[-1].found
    assert "is a read-only replica: name the primary instead" in check.found
    assert all(check.well or "appendonly" in check.mend for check in primary)


async def test_a_data_directory_that_is_none_is_found(tmp_path: Path) -> None:
    """What is embedded needs one, and the mend names no address that nobody gave."""
    (tmp_path / "file").touch()
    settings = Settings.model_validate({"data_dir": tmp_path / "file" / "data"})
    wrong = [check async for check in checks.serving(settings)]

    assert [check.mend for check in listed(*wrong)] == [
        "Mend that, or name a server of your own in CHASQUI_REDIS__URL.",
        "Mend that, or name a model server of your own in CHASQUI_BACKEND__URLS.",
    ]
    assert all("set CHASQUI_DATA_DIR" in check.found for check in wrong)


async def test_a_model_server_that_cannot_be_addressed_is_found(tmp_path: Path) -> None:
    """By its address, or by a key that cannot stand in a header."""
    for backend in ({"urls": ("ftp://a:1",)}, {"urls": ("http://a:1",), "api_key": "clé"}):
        settings = Settings.model_validate({"data_dir": tmp_path, "backend": backend})
        [check] = listed(*[check async for check in checks.of_models(settings)])

        assert check.mend == "Check CHASQUI_BACKEND__URLS and the keys, or leave them out."


async def test_messages_that_were_set_aside_are_found(redis: RedisServer) -> None:
    """Nobody would look for them; once they are dropped the doctor is silent."""
    async with connect(redis.url) as store:
        await store.command("CONFIG", "SET", "appendonly", "yes")
        await is_set_aside(store, message(ThreadId("slack", "C1:1"), "ana", 1))
        [check] = [check async for check in redis_checks.of_store(store, "valkey 9.1.2")]
        (letter,) = await RedisLetters(store).all()
        await RedisLetters(store).drop(letter.id)
        after = [check async for check in redis_checks.of_store(store, "valkey 9.1.2")]

    assert listed(check)
    assert check.found == "1 message was set aside unanswered"
    assert after == []


async def test_a_bot_that_may_not_read_what_it_is_to_answer_is_found(tmp_path: Path) -> None:
    """Discord hands the words of messages over only where the Message Content Intent is on."""
    async with team(tmp_path / "data") as here:
        ours = {
            "token": here.scene.token,
            "api_url": here.scene.api,
            "channels": {here.scene.channel: {"every_message": True}},
        }
        settings = Settings.model_validate({"discord": ours})
        [reads] = [check async for check in checks.of_discord(settings)]
        await here.control.portal(message_content=False)
        [does_not] = [check async for check in checks.of_discord(settings)]
        wrong = Settings.model_validate({"discord": {**ours, "token": "a.b.c"}})
        [refused] = [check async for check in checks.of_discord(wrong)]

    assert reads.well
    assert listed(does_not, refused)
    assert "Message Content Intent" in does_not.mend


async def test_a_model_that_is_away_or_another_one_is_found(redis: RedisServer, tmp_path: Path) -> None:
    """Nobody listens at one address, and a second replica has another model."""
    async with TgiStandIn() as one, TgiStandIn(info={"model_id": "other/model"}) as other:
        given: dict[str, Any] = {"data_dir": tmp_path, "redis": {"url": redis.url}}
        given["backend"] = {"urls": (f"http://127.0.0.1:{free_port()}",)}
        away = [check async for check in checks.of_models(Settings.model_validate(given))]
        given["backend"] = {"urls": (one.url, other.url)}
        two = [check async for check in checks.of_models(Settings.model_validate(given))]

    assert listed(away[0], two[-1])
    assert "name the replicas of one model" in two[-1].mend


async def test_what_finds_by_meaning_and_cannot_is_found(redis: RedisServer, tmp_path: Path) -> None:
    """A server that is away, documents without its vectors, and vectors that cannot be compared."""
    nowhere = {"embeddings": {"url": f"http://127.0.0.1:{free_port()}"}}
    [away] = [check async for check in of_embeddings(Settings.model_validate(nowhere))]
    server = EmbeddingServer()
    async with connect(redis.url) as store, serving(server) as url:
        given = {"data_dir": tmp_path, "redis": {"url": redis.url}, "embeddings": {"url": url}}
        settings = Settings.model_validate(given)
        empty = [check async for check in of_embeddings(settings)]
        kept, shelf = handbook(), RedisShelf(store)
        await shelf.put(kept, Entry(kept.id, kept.title, kept.audience, "a.md", "a.md", "", passages=1))
        [_, lacking] = [check async for check in of_embeddings(settings)]
        await shelf.put_vectors(kept.id, server.model, Vectors("of", (bytes(384),)))
        [_, other] = [check async for check in of_embeddings(settings)]
        await shelf.put_vectors(kept.id, server.model, Vectors("of", (bytes(5),)))
        after = [check async for check in of_embeddings(settings)]
        await shelf.remove(kept.id)

    assert listed(away, lacking, other)
    assert lacking.found == f"of 1 documents 1 lack the vectors of {server.model}"
    assert [check.well for check in (*empty, *after)] == [True, True]


async def test_a_reranker_that_orders_nothing_is_found() -> None:
    """Nobody there, and a server that serves no reranker; without one there is nothing to say."""
    server = EmbeddingServer()
    async with serving(server) as url:
        given = {"embeddings": {"rerank_url": url, "rerank_api_key": "secret"}}
        settings = Settings.model_validate(given)
        [well] = [check async for check in of_reranker(settings)]
        server.busy, server.status = 1, 424
        [wrong] = [check async for check in of_reranker(settings)]
    [away] = [check async for check in of_reranker(settings)]

    assert listed(wrong, away)
    assert wrong.found == "The reranker cannot be used: it answered 424 to /rerank."
    assert (well.well, server.keys[0]) == (True, "Bearer secret")
    assert [check async for check in of_reranker(Settings())] == []


async def test_a_model_whose_packages_are_missing_is_found() -> None:
    """Documents are found by their words alone then, and nobody would know."""
    code = (
        "import sys, asyncio; sys.modules['onnxruntime'] = None\n"
        "from bots.embedding_checks import of_embeddings; from bots.settings import Settings\n"
        "async def look():\n"
        "    print([f'{check.found}|{check.mend}' async for check in of_embeddings(Settings())][0])\n"
        "asyncio.run(look())"
    )
    done = await create_subprocess_exec(sys.executable, "-c", code, cwd=ROOT, stdout=PIPE)
    wrong, _, mend = (await done.communicate())[0].decode().splitlines()[-1].partition("|")

    assert wrong == "not installed: onnxruntime"
    assert listed(Check("embeddings", False, wrong, mend))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "grpc"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "-1"),
    ],
)
def test_traces_that_cannot_be_sent_are_found(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An address without its scheme, a protocol that chasqui does not speak, what OpenTelemetry refuses."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318")
    monkeypatch.setenv(name, value)

    assert listed(*found())


def test_the_documents_list_what_the_doctor_finds() -> None:
    """At least twenty; each test above looks for its own."""
    rows = [line for line in LISTED.splitlines() if line.startswith("| ")]
    assert len(rows) - 1 >= 20


async def test_the_doctor_says_all_of_it_and_exits_1(world: World) -> None:
    """On one page: what is well, what is not, and what to do."""
    async with TgiStandIn() as model:
        there = world.with_(BACKEND__URLS=f"{model.url},{model.url}", SLACK__APP_TOKEN="xapp-1")
        done = await there.run("doctor")

    assert done.code == 1
    assert "PROBLEM  backend: CHASQUI_BACKEND__URLS names one address twice" in done.out.decode()
    assert "         Set CHASQUI_SLACK__BOT_TOKEN, from OAuth & Permissions." in done.out.decode()
