"""The connection: addresses, errors in words for people, pins, outages, subscriptions, clusters."""

import asyncio
import inspect
import shutil
import time
from collections.abc import Callable
from contextlib import aclosing

import pytest
import redis.exceptions
from structlog.testing import capture_logs

from adapters.redis import keys, scripts
from adapters.redis.connection import connect
from adapters.redis.documents import RedisDocuments
from adapters.redis.errors import translate
from adapters.redis.history import RedisHistory
from adapters.redis.inbox import RedisInbox
from adapters.redis.layout import LAYOUT
from adapters.redis.store import Store
from core.errors import LeaseLost, SettingsError, StoreError
from core.types import Audience, Document, ThreadId
from tests.adapters.redis_parts import (
    RedisCluster,
    RedisServer,
    answered,
    losing_wire,
    question,
    taking,
)
from tests.parts import DEADLINE, until

ECHO = "return ARGV[1]"
ADD = "return redis.call('INCR', KEYS[1])"
DURABLE = ("--appendonly", "yes", "--appendfsync", "always")
SAY = "return redis.call('PUBLISH', ARGV[1], ARGV[2])"
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


@pytest.mark.parametrize(
    ("error", "passes"),
    [
        (redis.exceptions.ConnectionError("Connection refused"), True),
        (redis.exceptions.TimeoutError("Timeout reading"), True),
        (redis.exceptions.BusyLoadingError("Redis is loading the dataset in memory"), True),
        (redis.exceptions.ResponseError("BUSY Redis is busy running a script"), True),
        (redis.exceptions.ReadOnlyError("You can't write", status_code="READONLY"), True),
        (redis.exceptions.ResponseError("ERR Error running script: @user_script: 13: -READONLY You"), True),
        (redis.exceptions.MasterDownError("MASTERDOWN Link with MASTER is down"), True),
        (redis.exceptions.ClusterDownError("CLUSTERDOWN The cluster is down"), True),
        (redis.exceptions.RedisClusterException("Redis Cluster cannot be connected."), True),
        (redis.exceptions.OutOfMemoryError("OOM command not allowed"), True),
        (redis.exceptions.ResponseError("MISCONF Redis is configured to save"), True),
        (redis.exceptions.AuthenticationError("NOAUTH Authentication required"), False),
        (redis.exceptions.AuthenticationError("AUTH called without any password configured"), False),
        (redis.exceptions.AuthenticationError("WRONGPASS invalid username-password pair"), False),
        (redis.exceptions.NoPermissionError("NOPERM No permissions to access a key"), False),
        (redis.exceptions.ResponseError("ERR unknown command"), False),
    ],
)
def test_what_may_pass_is_told_from_what_only_a_person_can_mend(error: Exception, passes: bool) -> None:
    """The first is worth waiting for; the second never ends by itself."""
    translated = translate(error, "")

    assert isinstance(translated, StoreError)
    assert translated.passing == passes


async def test_the_number_of_partitions_is_pinned_by_the_first(redis_server: RedisServer) -> None:
    """A later process that wants another number works with the pinned one: threads stay where they are."""
    async with connect(redis_server.url, partitions=7) as store:
        await RedisInbox(store).put(question(THREAD, 0))
        pinned = store.keys(THREAD)
    with capture_logs() as logs:
        async with connect(redis_server.url) as store:
            assert store.keys(THREAD) == pinned
            async with taking(RedisInbox(store), THREAD) as lease:
                assert lease.message == question(THREAD, 0)
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


@pytest.mark.parametrize(
    ("stood", "why"),
    [
        (str(LAYOUT + 1), "A newer release"),
        ("seven", "whole number"),
        ("", "whole number"),
    ],
)
async def test_a_server_that_another_release_laid_out_is_refused(
    redis_server: RedisServer, stood: str, why: str
) -> None:
    """What cannot be read must not be written over."""
    with redis_server.client() as client:
        client.set(keys.LAYOUT, stood)
        with pytest.raises(StoreError, match=why):
            async with connect(redis_server.url):
                pass
        assert client.get(keys.LAYOUT) == stood.encode()
        assert client.get(keys.PARTITIONS) is None


@pytest.mark.parametrize("stood", [None, str(LAYOUT - 1), str(LAYOUT)])
async def test_the_layout_of_the_release_before_is_taken_over(
    redis_server: RedisServer, stood: str | None
) -> None:
    """From then on the server is laid out anew."""
    with redis_server.client() as client:
        if stood is not None:
            client.set(keys.LAYOUT, stood)
        async with connect(redis_server.url):
            pass
        assert client.get(keys.LAYOUT) == str(LAYOUT).encode()


@pytest.mark.every_server
async def test_ping_tells_version_and_latency(redis_store: Store) -> None:
    """What the doctor shows."""
    pulse = await redis_store.ping()

    name, version = pulse.version.split()
    assert name in ("valkey", "redis")
    assert int(version.split(".")[0]) >= 6
    assert pulse.latency_ms > 0


@pytest.mark.every_server
async def test_each_caller_gets_the_answer_to_its_own_call(redis_store: Store) -> None:
    """However many ask at once, and though some of them are cancelled on the way."""
    asking = [
        asyncio.create_task(redis_store.run(ECHO, [f"chasqui:{{p{number % 64}}}:k"], number))
        for number in range(500)
    ]
    cancelled = asking[::7]
    for task in cancelled:
        await asyncio.sleep(0)
        task.cancel()
    answers = await asyncio.gather(*asking, return_exceptions=True)

    for number, answer in enumerate(answers):
        assert answer == str(number).encode() or isinstance(answer, asyncio.CancelledError)
    assert sum(isinstance(answer, bytes) for answer in answers) >= len(asking) - len(cancelled)


async def test_a_crowd_of_callers_needs_few_connections(start_redis: StartRedis) -> None:
    """What is asked while answers are awaited travels together, however slow the server is."""
    server = start_redis()
    async with connect(server.url) as store:
        server.pause()
        asking = []
        for number in range(200):
            asking.append(asyncio.create_task(store.run(ECHO, ["k"], number)))
            for _ in range(3):
                await asyncio.sleep(0)
        server.resume()
        await asyncio.gather(*asking)
        with server.client() as client:
            assert len(client.client_list()) <= 6


@pytest.mark.every_server
async def test_scripts_that_a_server_forgot_are_sent_again(
    redis_server: RedisServer | RedisCluster, redis_store: Store
) -> None:
    """A restart or SCRIPT FLUSH empties the server's cache of scripts."""
    assert await redis_store.run(ADD, ["chasqui:{p1}:n"]) == 1
    with redis_server.client() as client:
        client.script_flush()

    assert await redis_store.run(ADD, ["chasqui:{p1}:n"]) == 2


async def test_a_server_killed_in_mid_use_is_waited_for(start_redis: StartRedis) -> None:
    """Whoever insists gets the answer once it is back; the log says it once, however many wait."""
    server = start_redis(*DURABLE)
    async with connect(server.url) as store:
        await store.run(ADD, ["n"])
        with capture_logs() as logs:
            server.kill()
            insisting = [asyncio.create_task(store.insist(ADD, [f"n{number}"])) for number in range(20)]
            with pytest.raises(StoreError, match="cannot be reached"):
                await store.run(ADD, ["n"])
            assert not any(task.done() for task in insisting)
            server.start()
            assert await asyncio.gather(*insisting) == [1] * 20

        assert await store.run(ADD, ["n"]) == 2
    assert [log["event"] for log in logs] == ["redis.unreachable", "redis.reachable"]
    assert "cannot be reached" in logs[0]["error"]
    assert logs[1]["seconds"] >= 0


async def test_a_server_that_stood_still_is_waited_for(start_redis: StartRedis) -> None:
    """Its connections stand all the while; it is noticed once an answer is overdue."""
    server = start_redis()
    async with connect(server.url) as store:
        with capture_logs() as logs:
            server.pause()
            insisting = asyncio.create_task(store.insist(ADD, ["n"]))
            await until(lambda: asyncio.sleep(0, result=bool(logs)))
            server.resume()
            assert await insisting >= 1  # what was sent before is done when the server goes on
    assert [log["event"] for log in logs] == ["redis.unreachable", "redis.reachable"]
    assert "does not answer in time" in logs[0]["error"]


async def test_a_short_pause_of_the_server_is_not_noticed(start_redis: StartRedis) -> None:
    """What was asked meanwhile is answered when it goes on, also over new connections."""
    server = start_redis()
    async with connect(server.url) as store:
        server.pause()
        with capture_logs() as logs:
            asking = [asyncio.create_task(store.run(ECHO, ["k"], number)) for number in range(20)]
            await asyncio.sleep(0)
            server.resume()
            assert await asyncio.gather(*asking) == [str(number).encode() for number in range(20)]
    assert logs == []


async def test_whoever_insists_can_be_cancelled(start_redis: StartRedis) -> None:
    """At once, in whichever moment of the wait."""
    server = start_redis()
    async with connect(server.url) as store:
        server.kill()
        for moment in range(30):
            insisting = asyncio.create_task(store.insist(ADD, ["n"]))
            for _ in range(moment):
                await asyncio.sleep(0.001)
            insisting.cancel()
            ended, _ = await asyncio.wait({insisting}, timeout=DEADLINE)
            assert ended
            assert insisting.cancelled()


async def test_nobody_waits_for_a_store_that_was_closed(start_redis: StartRedis) -> None:
    """Tasks that outlive it by mistake end with an error, those on their way and those that wait."""
    server = start_redis()
    async with connect(server.url) as store:
        server.pause()
        insisting = []
        for _ in range(9):
            insisting.append(asyncio.create_task(store.insist(ECHO, ["k"], "?")))
            await asyncio.sleep(0.001)
    for error in await asyncio.gather(*insisting, return_exceptions=True):
        assert isinstance(error, RuntimeError)


async def test_patience_ends(start_redis: StartRedis) -> None:
    """With a limit the error comes in the end, and says that it may pass."""
    server = start_redis()
    async with connect(server.url) as store:
        server.kill()
        with pytest.raises(StoreError) as failure:
            await store.insist(ADD, ["n"], patience=0.1)

    assert failure.value.passing


async def test_what_does_not_pass_is_not_waited_for(redis_store: Store) -> None:
    """A script that fails fails the same way tomorrow."""
    with pytest.raises(StoreError) as failure:
        await redis_store.insist("return redis.call('NONSENSE')", ["n"])

    assert not failure.value.passing


async def test_a_failover_is_waited_out(start_redis: StartRedis) -> None:
    """The old primary refuses writes over connections that stand; the address leads to the new one."""
    old, new = start_redis(), start_redis()
    primary = old.directory / "primary"
    primary.symlink_to(old.socket)
    async with connect(f"unix://{primary}") as store:
        replica(old)
        with capture_logs() as logs:
            insisting = asyncio.create_task(store.insist(ADD, ["n"]))
            await until(lambda: asyncio.sleep(0, result=bool(logs)))
            primary.unlink()
            primary.symlink_to(new.socket)
            assert await insisting == 1
    assert "read-only replica" in logs[0]["error"]


@pytest.mark.every_server
async def test_a_subscription_hears_what_scripts_say(redis_store: Store) -> None:
    """It says first that it stands; in a cluster it hears every node."""
    async with aclosing(redis_store.subscribe("chasqui:a", "chasqui:b")) as news:
        assert await anext(news) is None
        for number in range(9):
            channel = "chasqui:b" if number % 2 else "chasqui:a"
            await redis_store.run(SAY, [f"chasqui:{{p{number}}}:k"], channel, number)
            assert await anext(news) == str(number).encode()


async def test_a_subscription_survives_the_server(start_redis: StartRedis) -> None:
    """It says that it stands anew, since something may have been missed; the log says the outage once."""
    server = start_redis()
    async with connect(server.url) as store, aclosing(store.subscribe("chasqui:a")) as news:
        assert await anext(news) is None
        with capture_logs() as logs:
            server.kill()
            hearing = asyncio.create_task(anext(news))
            await until(lambda: asyncio.sleep(0, result=bool(logs)))
            server.start()
            assert await hearing is None
        await store.run(SAY, ["k"], "chasqui:a", "again")
        assert await anext(news) == b"again"
    assert [log["event"] for log in logs] == ["redis.unreachable", "redis.reachable"]


async def test_an_outage_ends_although_who_met_it_first_has_gone(start_redis: StartRedis) -> None:
    """A subscription is the first to notice, and may be closed before the server is back."""
    server = start_redis()
    async with connect(server.url) as store:
        with capture_logs() as logs:
            async with aclosing(store.subscribe("chasqui:a")) as news:
                assert await anext(news) is None
                server.kill()
                hearing = asyncio.create_task(anext(news))
                await until(lambda: asyncio.sleep(0, result=bool(logs)))
                hearing.cancel()
                await asyncio.wait({hearing})
            server.start()
            await store.run(ECHO, ["k"], "?")
    assert [log["event"] for log in logs] == ["redis.unreachable", "redis.reachable"]


async def test_a_subscription_whose_connection_was_forgotten_is_made_anew(redis_server: RedisServer) -> None:
    """Its silence is not taken for peace for ever."""
    async with (
        losing_wire(redis_server) as wire,
        connect(wire.url) as store,
        connect(redis_server.url) as other,
        aclosing(store.subscribe("chasqui:a")) as news,
        asyncio.timeout(DEADLINE),
    ):
        assert await anext(news) is None
        wire.forget()
        assert await anext(news) is None
        await other.run(SAY, ["k"], "chasqui:a", "again")
        assert await anext(news) == b"again"


async def test_what_can_still_be_read_ends_no_outage_of_writes(start_redis: StartRedis) -> None:
    """A server without memory refuses to write, and the log says that once."""
    server = start_redis()
    async with connect(server.url) as store:
        with capture_logs() as logs, server.client() as client:
            client.config_set("maxmemory", 1)
            writing = [asyncio.create_task(store.insist(ADD, [f"n{number}"])) for number in range(3)]
            await until(lambda: bool(logs))
            for _ in range(20):
                await store.run(ECHO, ["n"], "?")
                await store.command("GET", "n")
            with pytest.raises(StoreError, match="out of memory"):
                await store.run(ADD, ["n"])
            client.config_set("maxmemory", 0)
            assert await asyncio.gather(*writing) == [1, 1, 1]
    assert [log["event"] for log in logs] == ["redis.unreachable", "redis.reachable"]


async def test_a_subscription_that_is_refused_is_told_once(start_redis: StartRedis) -> None:
    """It goes on trying: a person may give the right meanwhile."""
    rights = "--user small on >pw ~chasqui:* resetchannels +@all".split()
    server = start_redis(*rights)
    async with connect(f"unix://small:pw@{server.socket}") as store:
        with capture_logs() as logs:
            async with aclosing(store.subscribe("chasqui:a")) as news:
                hearing = asyncio.create_task(anext(news))
                await until(lambda: asyncio.sleep(0, result=bool(logs)))
                with server.client() as client:
                    client.execute_command("ACL", "SETUSER", "small", "&chasqui:*")
                assert await hearing is None
    assert [log["event"] for log in logs] == ["redis.subscription_refused"]
    assert "&chasqui:*" in logs[0]["error"]


async def test_a_subscription_can_be_cancelled(redis_store: Store) -> None:
    """Nothing of it is left."""

    async def listen() -> None:
        async with aclosing(redis_store.subscribe("chasqui:a")) as news:
            async for _ in news:
                standing.set()

    standing = asyncio.Event()
    listening = asyncio.create_task(listen())
    await asyncio.wait_for(standing.wait(), DEADLINE)
    listening.cancel()
    await asyncio.wait({listening}, timeout=DEADLINE)
    assert listening.cancelled()

    async def nobody_hears() -> bool:
        return bool(await redis_store.run(SAY, ["k"], "chasqui:a", "?") == 0)

    await until(nobody_hears)


@pytest.mark.every_server
async def test_a_message_goes_its_whole_way(redis_store: Store) -> None:
    """Put, taken, answered and kept, with all that people may do meanwhile, on every server."""
    inbox, history, documents = (
        RedisInbox(redis_store),
        RedisHistory(redis_store),
        RedisDocuments(redis_store),
    )
    for number, accepted in ((0, True), (1, True), (1, False)):
        assert (await inbox.put(question(THREAD, number))).accepted == accepted
    async with taking(inbox, THREAD) as lease:
        assert lease.message == question(THREAD, 0)
        await inbox.stop(THREAD)
        await lease.stopped()
        await lease.finish(answered(lease.message))
    async with taking(inbox, THREAD) as lease:
        await documents.put(lease.message, Document("d", "d.md", Audience.of_thread(THREAD), (), 1))
        await lease.finish(answered(lease.message))
    assert len(await documents.of(THREAD)) == 1
    assert [turn.message_id for turn in await history.turns(THREAD)] == ["m0", "m1"]
    await history.set_cut(THREAD, "model", "m1", 1)
    assert (await history.recent(THREAD, "model")).left_out == 1
    await history.fresh(THREAD)
    assert await history.turns(THREAD) == []
    await history.forget(THREAD)


async def test_the_rest_of_a_cluster_serves_while_a_node_is_out() -> None:
    """Whoever needs the lost node waits until it is back; the log says it once."""
    cluster = RedisCluster("--cluster-require-full-coverage", "no", *DURABLE)
    try:
        lost, *others = (f"chasqui:{{p{number}}}:n" for number in range(64))
        node = cluster.node_of(lost)
        others = [key for key in others if cluster.node_of(key) is not node]
        async with connect(cluster.url) as store:
            await store.run(ADD, [lost])
            with capture_logs() as logs:
                node.kill()
                insisting = asyncio.create_task(store.insist(ADD, [lost]))
                await until(lambda: asyncio.sleep(0, result=bool(logs)))
                assert [await store.insist(ADD, [key]) for key in others] == [1] * len(others)
                assert not insisting.done()
                node.start()
                assert await insisting == 2
        assert [log["event"] for log in logs] == ["redis.unreachable", "redis.reachable"]
    finally:
        cluster.remove()


async def test_a_node_of_a_cluster_is_not_served_over_its_socket(start_redis: StartRedis) -> None:
    """The other nodes have no socket here; the sentence says how to name it."""
    server = start_redis("--cluster-enabled", "yes")
    with pytest.raises(SettingsError, match="redis://localhost:6379"):
        async with connect(server.url):
            pass


def test_the_code_of_a_lost_lease_is_mapped_to_lease_lost() -> None:
    """The one answer of a script that is not the store's fault."""
    error = redis.exceptions.ResponseError(f"{scripts.LOST} another worker holds this partition")

    assert isinstance(translate(error, ""), LeaseLost)


@pytest.mark.every_server
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
