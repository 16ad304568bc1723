"""The connection: addresses, errors in words for people, pinned partitions, crashes, clusters."""

import asyncio
import hashlib
import inspect
import shutil
import time
from collections.abc import Callable

import pytest
import redis.exceptions
from redis.crc import key_slot
from structlog.testing import capture_logs

from adapters.redis import keys, scripts
from adapters.redis.documents import RedisDocuments
from adapters.redis.errors import translate
from adapters.redis.history import RedisHistory
from adapters.redis.inbox import RedisInbox, RedisLedger
from adapters.redis.store import Store, connect
from core.errors import LeaseLost, SettingsError, StoreError
from core.types import Audience, Document, ThreadId
from tests.adapters.redis_parts import DEADLINE, RedisServer, answered, question, until

THREAD = ThreadId("slack", "C1:1")
StartRedis = Callable[..., RedisServer]


def all_said(error: BaseException | None) -> str:
    """The words of an error and of those behind it, as a traceback would show them."""
    return "" if error is None else f"{error} {all_said(error.__cause__)} {all_said(error.__context__)}"


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("", "must begin with redis://"),
        ("localhost:6379", "must begin with redis://"),
        ("http://:hunter2@localhost", "must begin with redis://"),
        ("redis://:hunter2@localhost:port", "host or port"),
        ("redis://:hunter2@[::1", "host or port"),
        ("redis://:hun#ter2@localhost", "host or port"),
        ("redis://user:hun/ter2@localhost:6379", "host or port"),
        ("redis://user/hunter2@localhost:6379", "in a user name or password write"),
        ("redis://:hunter2@localhost/first", "number of a database"),
        ("redis://:hunter2@localhost?db=first", "value of one of its options"),
        ("redis://:hunter2@localhost?socket=1", "no option 'socket'"),
        ("unix://run/valkey.sock", "whole path"),
        ("unix://", "whole path"),
    ],
)
async def test_an_address_that_cannot_be_used_is_refused_in_a_sentence(url: str, why: str) -> None:
    """It names the setting and what is wrong, never the password, and nothing is connected to."""
    with pytest.raises(SettingsError) as refusal:
        async with connect(url):
            pass

    assert str(refusal.value).startswith("CHASQUI_REDIS__URL cannot be used: ")
    assert why in str(refusal.value)
    assert "ter2" not in all_said(refusal.value)


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("redis://user:hunter2@127.0.0.1:1/3", "redis://127.0.0.1:1/3"),
        ("redis://:hunter2@127.0.0.1:1", "redis://127.0.0.1:1/0"),
        ("unix://:hunter2@/nowhere/s?db=2", "unix:///nowhere/s"),
        ("unix:///nowhere/s?password=hunter2", "unix:///nowhere/s"),
    ],
)
async def test_a_server_that_is_not_there_is_told_in_a_sentence(url: str, address: str) -> None:
    """The sentence says where was looked and what to do; the password is nowhere in the traceback."""
    with pytest.raises(StoreError) as failure:
        async with connect(url):
            pass

    expected = "cannot be reached: start it, or correct the address."
    assert str(failure.value) == f"The Redis server at {address} (CHASQUI_REDIS__URL) {expected}"
    assert "hunter2" not in all_said(failure.value)


@pytest.mark.parametrize(
    ("credentials", "advice"),
    [
        ("", "wants a password"),
        (":wrong@", "does not accept"),
        ("small:pw@", "too few rights"),
        (":good@", ""),
    ],
)
async def test_credentials_are_checked_at_once(
    start_redis: StartRedis, credentials: str, advice: str
) -> None:
    """A missing or wrong password and a user with too few rights are told apart."""
    server = start_redis("--requirepass", "good", *"--user small on >pw ~other:* +@all".split())
    try:
        async with connect(f"unix://{credentials}{server.socket}"):
            failure = ""
    except StoreError as error:
        failure = str(error)

    assert advice in failure
    assert bool(advice) == bool(failure)


def out_of_memory(server: RedisServer) -> None:
    """Let the server refuse writes for want of memory."""
    with server.client() as client:
        client.config_set("maxmemory", 1)


def replica(server: RedisServer) -> None:
    """Turn the server into a replica."""
    with server.client() as client:
        client.replicaof("127.0.0.1", "1")


def full_disk(server: RedisServer) -> None:
    """Let a snapshot fail."""
    shutil.rmtree(server.directory / "data")
    with server.client() as client:
        client.config_set("save", "3600 1")
        client.bgsave()
        deadline = time.monotonic() + DEADLINE
        while client.info("persistence")["rdb_last_bgsave_status"] == "ok":
            assert time.monotonic() < deadline
            time.sleep(0.01)


@pytest.mark.parametrize(
    ("fault", "advice"),
    [
        (out_of_memory, "out of memory"),
        (replica, "read-only replica"),
        (full_disk, "cannot save to its disk"),
    ],
)
async def test_a_server_that_refuses_to_write_is_told_in_a_sentence(
    start_redis: StartRedis, fault: Callable[[RedisServer], None], advice: str
) -> None:
    """Whatever the reason, put raises StoreError with what to do, and no word of the message."""
    server = start_redis()
    async with connect(server.url) as store:
        fault(server)
        with pytest.raises(StoreError, match=advice) as failure:
            await RedisInbox(store).put(question(THREAD, 0, "Where is Vilcabamba?"))

    assert "Vilcabamba" not in all_said(failure.value)


def vendor_errors() -> list[type[Exception]]:
    """Every exception of redis-py that a command can end in."""
    bases = (redis.exceptions.RedisError, redis.exceptions.RedisClusterException)
    found = inspect.getmembers(redis.exceptions, inspect.isclass)
    return [kind for _, kind in found if issubclass(kind, bases)]


@pytest.mark.parametrize("kind", vendor_errors())
def test_every_error_of_the_vendor_has_a_sentence(kind: type[Exception]) -> None:
    """Also those that redis-py may grow; the server's own words are never repeated."""
    error = kind("7 Vilcabamba:1") if issubclass(kind, redis.exceptions.AskError) else kind("Vilcabamba")
    sentence = str(translate(error, "redis://localhost:6379/0"))

    assert sentence.startswith("The Redis server at redis://localhost:6379/0 (CHASQUI_REDIS__URL) ")
    assert sentence.endswith(".")
    assert "Vilcabamba" not in sentence


async def test_the_number_of_partitions_is_pinned_by_the_first(redis_server: RedisServer) -> None:
    """A later process that wants another number works with the pinned one: threads stay where they are."""
    async with connect(redis_server.url, partitions=7) as store:
        await RedisInbox(store).put(question(THREAD, 0))
        pinned = store.keys(THREAD)
    with capture_logs() as logs:
        async with connect(redis_server.url) as store:
            assert store.keys(THREAD) == pinned
            async with RedisInbox(store).take(THREAD) as lease:
                assert lease is not None
    assert [(log["event"], log["pinned"], log["configured"]) for log in logs] == [
        ("redis.partitions_pinned", 7, 64)
    ]


@pytest.mark.parametrize("damaged", ["", "0", "many", "-3"])
async def test_a_damaged_number_of_partitions_is_told(redis_server: RedisServer, damaged: str) -> None:
    """Guessing would scatter threads; the sentence names the key."""
    with redis_server.client() as client:
        client.set("chasqui:partitions", damaged)

    with pytest.raises(StoreError, match="chasqui:partitions"):
        async with connect(redis_server.url):
            pass


async def test_ping_tells_version_and_latency(redis_store: Store) -> None:
    """What the doctor shows."""
    pulse = await redis_store.ping()

    name, version = pulse.version.split()
    assert name in ("valkey", "redis")
    assert int(version.split(".")[0]) >= 6
    assert pulse.latency_ms > 0


async def test_what_was_accepted_survives_kill_9_of_the_server(start_redis: StartRedis) -> None:
    """Put and finish stand after a crash, and the answer in progress goes on under its lease."""
    server = start_redis("--appendonly", "yes", "--appendfsync", "everysec")
    async with connect(server.url) as store:
        inbox = RedisInbox(store, ttl=0.3)
        for number in range(3):
            await inbox.put(question(THREAD, number))
        async with inbox.take(THREAD) as lease:
            assert lease is not None
            await lease.finish(answered(lease.message))
        async with inbox.take(THREAD) as lease:
            assert lease is not None
            await lease.ledger.sent(0, "page")
            stopped = asyncio.create_task(lease.stopped())
            with capture_logs() as logs:
                server.kill()
                await until(lambda: asyncio.sleep(0, result=bool(logs)))
                server.start()
            assert [log["event"] for log in logs] == ["redis.renewal_failed"]
            assert isinstance(lease.ledger, RedisLedger)
            assert (await lease.ledger.standing()).pages == {0: "page"}
            await inbox.stop(THREAD)
            await stopped
            await lease.finish(answered(lease.message))
        async with inbox.take(THREAD) as lease:
            assert lease is not None
            assert lease.message.id == "m2"
        assert [turn.message_id for turn in await RedisHistory(store).turns(THREAD)] == ["m0", "m1"]
        assert not (await inbox.put(question(THREAD, 0))).accepted


async def whole_life_of_a_thread(store: Store, server: RedisServer) -> None:
    """Every script at least once."""
    inbox, history, documents = RedisInbox(store, ttl=0.3), RedisHistory(store), RedisDocuments(store)
    for number in (0, 1, 1):
        await inbox.put(question(THREAD, number))
    with server.client() as client:
        client.hset(store.keys(THREAD).messages, "m0", "damaged")
        async with inbox.take(THREAD) as lease:
            assert lease is not None
            for page in (0, 1):
                await lease.ledger.intend(page)
                await lease.ledger.sent(page, "id")
            await lease.ledger.checkpoint("A runner.")
            assert isinstance(lease.ledger, RedisLedger)
            await lease.ledger.standing()
            await inbox.stop(THREAD)
            await lease.stopped()
            owner = store.keys(THREAD).owner
            await until(lambda: asyncio.to_thread(lambda: client.pttl(owner) < 220))
            await until(lambda: asyncio.to_thread(lambda: client.pttl(owner) > 250))
            await lease.finish(answered(lease.message))
    await documents.put(THREAD, Document("d", "d.md", Audience.of_thread(THREAD), (), 1))
    assert len(await documents.of(THREAD)) == 1
    assert len(await history.turns(THREAD)) == 1
    await history.set_cut(THREAD, "model", "m1")
    assert await history.cut(THREAD, "model") == "m1"
    await history.fresh(THREAD)
    await history.forget(THREAD)


async def test_every_script_stays_within_one_slot_of_a_cluster(start_redis: StartRedis) -> None:
    """A node that holds the slots of one thread and of the pinned number, and no other, serves it all."""
    server = start_redis("--cluster-enabled", "yes", "--cluster-require-full-coverage", "no")
    slots = [key_slot(name.encode()) for name in (keys.PARTITIONS, keys.of_thread(THREAD, 64).mail)]
    with server.client() as client:
        client.execute_command("CLUSTER ADDSLOTS", *slots)
        await until(lambda: asyncio.to_thread(lambda: client.cluster("INFO")["cluster_state"] == "ok"))
        async with connect(server.url) as store:
            await whole_life_of_a_thread(store, server)

            with pytest.raises(StoreError, match="cluster"):
                await RedisInbox(store).put(question(ThreadId("slack", "elsewhere"), 0))
        ours = [text for name, text in vars(scripts).items() if name[0] != "_" and "KEYS" in str(text)]
        assert len(ours) > 10
        assert all(client.script_exists(*(hashlib.sha1(text.encode()).hexdigest() for text in ours)))


def test_the_code_of_a_lost_lease_is_mapped_to_lease_lost() -> None:
    """The one answer of a script that is not the store's fault."""
    error = redis.exceptions.ResponseError(f"{scripts.LOST} another worker holds this partition")

    assert isinstance(translate(error, ""), LeaseLost)


async def test_a_cancellation_is_never_lost_in_a_command(redis_store: Store) -> None:
    """Whenever it comes: a task that asks again and again must be able to end."""

    async def ask_for_ever() -> None:
        while True:
            await redis_store.command("PING")

    for moment in range(200):
        asking = asyncio.create_task(ask_for_ever())
        for _ in range(moment % 40):
            await asyncio.sleep(0)
        asking.cancel()
        ended, _ = await asyncio.wait({asking}, timeout=DEADLINE)
        assert ended
