"""One server for each data directory, shared by processes that really come, go and get killed."""

import asyncio
import fcntl
import json
import os
import signal
import stat
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from adapters.shared_server import shared
from core.errors import UserError
from tests.adapters.shared_server_parts import pid_behind, runs, small_server, until

User = asyncio.subprocess.Process
StartUser = Callable[..., Awaitable[User]]


@pytest.fixture
async def start_user(tmp_path: Path) -> AsyncIterator[StartUser]:
    """Starts another process that uses the server of `tmp_path`; all are killed at the end."""
    users: list[User] = []

    async def start(times: int = 1) -> User:
        user = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.adapters.shared_server_parts", str(tmp_path), str(times)),
            stdout=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        users.append(user)
        return user

    yield start
    for user in users:
        if user.returncode is None:
            user.kill()
        await user.communicate()


def keeper_of(data_dir: Path) -> int:
    """The keeper of the server that runs."""
    return int(json.loads((data_dir / "run" / "small.json").read_text())["keeper"])


async def kill(pid: int) -> None:
    """End a process as nothing can refuse, and return once it is gone."""
    os.kill(pid, signal.SIGKILL)
    await until(lambda: not runs(pid))


async def said(user: User) -> int:
    """The pid of the server, as another process saw it."""
    assert user.stdout is not None
    return int(await user.stdout.readline())


async def test_two_users_share_one_server_and_the_last_one_out_ends_it(tmp_path: Path) -> None:
    """Neither the first to leave nor the one who started it matters."""
    async with shared(tmp_path, small_server(tmp_path)) as second:
        async with shared(tmp_path, small_server(tmp_path)) as first:
            server = await pid_behind(first)
            keeper = keeper_of(tmp_path)
        assert await pid_behind(second) == server

    await until(lambda: not runs(server) and not runs(keeper))


async def test_another_process_shares_the_server(tmp_path: Path, start_user: StartUser) -> None:
    """The server that one process started serves the next one."""
    user = await start_user()
    server = await said(user)

    async with shared(tmp_path, small_server(tmp_path)) as socket:
        assert await pid_behind(socket) == server


async def test_a_killed_user_counts_no_more(tmp_path: Path, start_user: StartUser) -> None:
    """When the only user is killed with SIGKILL, the server and its keeper end."""
    user = await start_user()
    server = await said(user)
    keeper = keeper_of(tmp_path)

    user.kill()

    await until(lambda: not runs(server) and not runs(keeper))


async def test_an_interrupt_at_the_keyboard_does_not_reach_the_server(
    tmp_path: Path, start_user: StartUser
) -> None:
    """SIGINT to the whole group of the process that started it ends that process only."""
    user = await start_user()
    server = await said(user)

    async with shared(tmp_path, small_server(tmp_path)) as socket:
        os.killpg(user.pid, signal.SIGINT)
        await user.wait()
        assert await pid_behind(socket) == server


async def test_a_server_whose_keeper_was_killed_is_replaced(tmp_path: Path) -> None:
    """The next user gets a server with a keeper, and the old server is gone."""
    async with shared(tmp_path, small_server(tmp_path)) as old:
        server = await pid_behind(old)
        await kill(keeper_of(tmp_path))
        async with shared(tmp_path, small_server(tmp_path)) as new:
            assert await pid_behind(new) != server
            await until(lambda: not runs(server))


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child that its parent died")
async def test_a_server_does_not_outlive_its_keeper(tmp_path: Path) -> None:
    """Nobody needs to come for it to end."""
    async with shared(tmp_path, small_server(tmp_path)) as socket:
        server = await pid_behind(socket)
        await kill(keeper_of(tmp_path))
        await until(lambda: not runs(server))


async def test_a_server_that_ignores_sigterm_is_killed_before_another_one_starts(tmp_path: Path) -> None:
    """There are never two servers over the same data, whatever was killed before."""
    async with shared(tmp_path, small_server(tmp_path, "stubborn")) as old:
        server = await pid_behind(old)
        await kill(keeper_of(tmp_path))
        async with shared(tmp_path, small_server(tmp_path)) as new:
            assert await pid_behind(new) != server

    await until(lambda: not runs(server))
    assert not (tmp_path / "two servers at once").exists()


async def test_a_process_that_only_has_the_recorded_pid_is_left_alone(
    tmp_path: Path,
) -> None:
    """A pid that was given to somebody else since is not killed."""
    async with shared(tmp_path, small_server(tmp_path, "stubborn")) as socket:
        server = await pid_behind(socket)
        state = tmp_path / "run" / "small.json"
        recorded = json.loads(state.read_text())
        bystander = await asyncio.create_subprocess_exec("sleep", "60")
        state.write_text(json.dumps({**recorded, "pid": bystander.pid}))
        await kill(recorded["keeper"])
        try:
            with pytest.raises(UserError, match="did not answer"):
                async with shared(tmp_path, small_server(tmp_path), patience=0.5):
                    pass
            assert bystander.returncode is None
        finally:
            await kill(server)
            bystander.kill()
            await bystander.wait()


async def test_a_server_that_died_is_started_again_for_the_next_user(tmp_path: Path) -> None:
    """Its keeper goes with it."""
    async with shared(tmp_path, small_server(tmp_path)) as old:
        server, keeper = await pid_behind(old), keeper_of(tmp_path)
        await kill(server)
        async with shared(tmp_path, small_server(tmp_path)) as new:
            assert await pid_behind(new) != server
            await until(lambda: not runs(keeper))


async def test_a_server_that_dies_while_it_is_used_is_started_again(tmp_path: Path) -> None:
    """At the same socket, for all who use it, and never twice at once."""
    async with shared(tmp_path, small_server(tmp_path)) as socket, shared(tmp_path, small_server(tmp_path)):
        first = await pid_behind(socket)
        with capture_logs() as logs:
            await kill(first)

            async def answers() -> int:
                try:
                    return await pid_behind(socket)
                except (OSError, ValueError):
                    return first

            async with asyncio.timeout(10.0):
                while await answers() == first:
                    await asyncio.sleep(0.02)

    assert "shared_server.died" in {entry["event"] for entry in logs}
    assert not (tmp_path / "two servers at once").exists()


async def test_many_processes_that_come_and_go_never_meet_two_servers(
    tmp_path: Path, start_user: StartUser
) -> None:
    """Starting and ending are exclusive, also when some of the processes are killed half-way."""
    users = [await start_user(times=4) for _ in range(5)]
    await said(users[0])
    users[0].kill()
    servers = [await said(user) for user in users[1:] for _ in range(4)]
    for user in users[1:]:
        user.kill()

    await until(lambda: not any(map(runs, servers)))
    assert not (tmp_path / "two servers at once").exists()


async def test_a_server_of_another_version_is_refused_with_what_to_do(tmp_path: Path) -> None:
    """An upgrade does not quietly use, or end, what a running older program needs."""
    async with shared(tmp_path, small_server(tmp_path)) as socket:
        with pytest.raises(UserError, match="close the other chasqui programs"):
            async with shared(tmp_path, small_server(tmp_path, version="2")):
                pass
        assert await pid_behind(socket)

    async with shared(tmp_path, small_server(tmp_path, version="2")) as socket:
        assert await pid_behind(socket)


async def test_a_server_that_does_not_come_up_tells_its_last_words(tmp_path: Path) -> None:
    """The error holds the last line of its log and the log's name; nothing is left running."""
    with pytest.raises(UserError, match=r"did not come up.*small\.log: the store is broken"):
        async with shared(tmp_path, small_server(tmp_path, "broken")):
            pass

    await until(lambda: not runs(int((tmp_path / "owner").read_text())))


async def test_a_data_directory_with_a_long_path_works(tmp_path: Path) -> None:
    """The socket then lives in a private directory whose path is short enough for every system."""
    data_dir = tmp_path / ("d" * 120)
    async with shared(data_dir, small_server(tmp_path)) as socket:
        assert len(os.fsencode(socket)) < 100
        assert stat.S_IMODE(socket.parent.stat().st_mode) == 0o700
        async with shared(data_dir, small_server(tmp_path)) as same:
            assert await pid_behind(same) == await pid_behind(socket)
    socket.unlink(missing_ok=True)
    socket.parent.rmdir()


async def test_nobody_else_can_look_into_what_is_made(tmp_path: Path) -> None:
    """Directories are 0700 and the log is 0600, whatever the umask."""
    data_dir = tmp_path / "data"
    before = os.umask(0)
    try:
        async with shared(data_dir, small_server(tmp_path)):
            made = (data_dir, *data_dir.rglob("*"))  # while it runs: its keeper takes some away at the end
            modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in made}
    finally:
        os.umask(before)

    assert {name: mode for name, mode in modes.items() if mode & 0o077} == {}


async def test_a_data_directory_that_is_a_file_is_refused_with_what_to_do(tmp_path: Path) -> None:
    """The sentence names the setting."""
    (tmp_path / "data").touch()

    with pytest.raises(UserError, match="set CHASQUI_DATA_DIR"):
        async with shared(tmp_path / "data", small_server(tmp_path)):
            pass


async def test_waiting_for_a_slow_start_leaves_the_loop_free_and_can_be_cancelled(tmp_path: Path) -> None:
    """A second user waits for the first one's start without blocking anything."""

    async def use() -> None:
        async with shared(tmp_path, small_server(tmp_path)):
            pass

    (tmp_path / "run").mkdir()
    with (tmp_path / "run" / "small.start").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        waiting = asyncio.create_task(use())
        await until((tmp_path / "run" / "small.users").exists)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

    async with asyncio.timeout(10):
        await use()
