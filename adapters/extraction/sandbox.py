"""What the process that reads a file may not do, set before it looks at a byte of the file.

Everywhere: use more memory, time or descriptors than it was given, write to files, leave a core. On Linux
(x86_64 and aarch64) also, for good and without any privilege, so that it works inside containers too:

* seccomp: open a socket, start a process or another program, touch another process, reach the parts of the
  kernel that reading a file does not need (`Documentation/userspace-api/seccomp_filter.rst`);
* Landlock, where the kernel has it (5.13): see or change any file but the libraries that it loads, so not
  the settings, keys and data of the user that it runs as (`Documentation/userspace-api/landlock.rst`).

On macOS only the limits hold, and there memory is not bounded by the system.
"""

import contextlib
import ctypes
import errno
import math
import os
import platform
import resource
import signal
import struct
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

_MAPPED = 350_000_000
"""Address space that libraries reserve or map from their files; it costs no memory of its own."""

_MACHINES = {"x86_64": (0xC000003E, 0), "aarch64": (0xC00000B7, 1)}  # linux/audit.h, column of _FORBIDDEN
_X32 = 0x40000000  # the second set of numbers that x86_64 has for the same calls

# The numbers of each call on x86_64 and aarch64 (asm/unistd.h); -1 where there is no such call.
_FORBIDDEN = {
    "socket": (41, 198), "connect": (42, 203), "bind": (49, 200),  # socketpair leads nowhere else
    "sendto": (44, 206), "sendmsg": (46, 211), "sendmmsg": (307, 269),
    "io_uring_setup": (425, 425),  # its ring would do what this filter forbids
    "execve": (59, 221), "execveat": (322, 281), "fork": (57, -1), "vfork": (58, -1),
    "kill": (62, 129), "tkill": (200, 130), "rt_sigqueueinfo": (129, 138), "rt_tgsigqueueinfo": (297, 240),
    "pidfd_open": (434, 434), "pidfd_send_signal": (424, 424), "pidfd_getfd": (438, 438),
    "ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271),
    "setpriority": (141, 140), "sched_setaffinity": (203, 122), "sched_setscheduler": (144, 119),
    "shmget": (29, 194), "msgget": (68, 186), "semget": (64, 190),  # would outlive the process
    "chmod": (90, -1), "fchmod": (91, 52), "fchmodat": (268, 53), "fchmodat2": (452, 452),
    "chown": (92, -1), "fchown": (93, 55), "lchown": (94, -1), "fchownat": (260, 54),
    "setxattr": (188, 5), "utimensat": (280, 88),
    "mount": (165, 40), "unshare": (272, 97), "setns": (308, 268), "bpf": (321, 280),
    "perf_event_open": (298, 241), "userfaultfd": (323, 282), "add_key": (248, 217),
    "request_key": (249, 218), "keyctl": (250, 219),
}  # fmt: skip
_CLONE, _CLONE3 = (56, 220), (435, 435)
_TGKILL, _PRLIMIT64 = (234, 131), (302, 261)
_CLONE_THREAD = 0x00010000

# linux/filter.h and linux/seccomp.h; offsets into struct seccomp_data.
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT = 0, 4, 16
_ALLOW = (_RETURN, 0, 0, 0x7FFF0000)
_DENY = (_RETURN, 0, 0, 0x00050000 | errno.EPERM)
_ABSENT = (_RETURN, 0, 0, 0x00050000 | errno.ENOSYS)
_PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP, _MODE_FILTER = 38, 22, 2

# linux/landlock.h; the three calls have the same numbers everywhere.
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_READ_FILE, _READ_FOLDER = 1 << 2, 1 << 3
_RIGHTS = {1: 13, 2: 14}  # how many rights the first versions knew; from the third on all that concern us
_MOST_RIGHTS = 15

Instruction = tuple[int, int, int, int]  # operation, jump if true, jump if false, operand


class Unconfined(Exception):
    """The system refused a confinement that it should know; then no file may be read."""


def confine(memory: int, seconds: float, readable: Iterable[str]) -> None:
    """Confine this process and the threads that it will start, until it ends.

    `memory` are bytes of its own, `seconds` bound its CPU time and, should the host die, its real time;
    of all files only those in the folders `readable`, and Python's, can be opened from now on.
    Raises Unconfined.
    """
    _limit(memory, math.ceil(seconds) + 1)
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        _hide_files(libc, readable)
        _forbid_calls(libc)


def _limit(memory: int, seconds: int) -> None:
    for kind, most in (
        (resource.RLIMIT_DATA, memory),
        (resource.RLIMIT_AS, memory + _MAPPED),
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, 64),
    ):
        # macOS knows no limit on address space. RLIMIT_NPROC is of no use: it counts all that the user runs.
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(kind, (most, most))
    signal.alarm(seconds)


def _forbid_calls(libc: ctypes.CDLL) -> None:
    architecture, column = _MACHINES.get(platform.machine(), (0, 0))
    if not architecture:
        return
    program = list(_filter(architecture, column, os.getpid()))
    code = b"".join(struct.pack("=HBBI", *instruction) for instruction in program)
    buffer = ctypes.create_string_buffer(code, len(code))
    # struct sock_fprog: a length and, aligned, a pointer.
    about = ctypes.create_string_buffer(struct.pack("@HP", len(program), ctypes.addressof(buffer)))
    if libc.prctl(_PR_SET_SECCOMP, _MODE_FILTER, about, 0, 0):
        raise Unconfined(f"seccomp: {os.strerror(ctypes.get_errno())}")


def _filter(architecture: int, column: int, pid: int) -> Iterator[Instruction]:
    """The program that the kernel runs on each call; one for another architecture is denied."""
    yield from ((_LOAD, 0, 0, _ARCHITECTURE), (_EQUAL, 1, 0, architecture), _DENY)
    yield from ((_LOAD, 0, 0, _NUMBER), (_AT_LEAST, 0, 1, _X32), _DENY)
    for numbers in _FORBIDDEN.values():
        if numbers[column] >= 0:
            yield from ((_EQUAL, 0, 1, numbers[column]), _DENY)
    # The flags of clone3 lie in memory, which a filter cannot see; without it libraries use clone.
    yield from ((_EQUAL, 0, 1, _CLONE3[column]), _ABSENT)
    # A new thread, a signal to itself (abort is one) and its own limits are its own affair.
    for numbers, test in (
        (_CLONE, (_ANY_BIT, 0, 1, _CLONE_THREAD)),
        (_TGKILL, (_EQUAL, 0, 1, pid)),
        (_PRLIMIT64, (_EQUAL, 0, 1, 0)),
    ):
        yield from ((_EQUAL, 0, 4, numbers[column]), (_LOAD, 0, 0, _FIRST_ARGUMENT), test, _ALLOW, _DENY)
    yield _ALLOW


def _hide_files(libc: ctypes.CDLL, readable: Iterable[str]) -> None:
    version = libc.syscall(_CREATE_RULESET, None, 0, 1)
    if version < 1:
        return  # an older kernel, or Landlock is switched off
    handled = struct.pack("=Q", (1 << _RIGHTS.get(version, _MOST_RIGHTS)) - 1)
    rules = libc.syscall(_CREATE_RULESET, handled, len(handled), 0)
    # What Python and its libraries are loaded from, the packages of this project apart.
    folders = {*readable, sys.prefix, sys.base_prefix, "/lib", "/lib64", "/usr/lib", "/etc/ld.so.cache"}
    packages = Path(__file__).parents[2]
    for path in {*map(Path, folders), packages / "adapters"}:
        _allow(libc, rules, path, _READ_FILE | (_READ_FOLDER if path.is_dir() else 0))
    # A checkout holds more than code, so there Python may list folders only; an installation is read whole.
    installed = packages.name in ("site-packages", "dist-packages")
    _allow(libc, rules, packages, _READ_FOLDER | (_READ_FILE if installed else 0))
    if libc.syscall(_RESTRICT_SELF, rules, 0):
        raise Unconfined(f"Landlock: {os.strerror(ctypes.get_errno())}")
    os.close(rules)


def _allow(libc: ctypes.CDLL, rules: int, path: Path, rights: int) -> None:
    try:
        folder = os.open(path, os.O_PATH | os.O_CLOEXEC)  # type: ignore[attr-defined,unused-ignore] # Linux
    except OSError:
        return  # not every system has each of them
    libc.syscall(_ADD_RULE, rules, 1, struct.pack("=Qi", rights, folder), 0)
    os.close(folder)
