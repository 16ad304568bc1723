"""What is typed at a terminal: a line, a paste of several, and the files that a line names."""

import shlex
import signal
from contextlib import suppress
from pathlib import Path

from rich.console import Console

from core.errors import UserError
from core.prompt import clean


def allow_pastes() -> None:
    """Let a paste of several lines be one question, and lines be edited and recalled.

    Without, the system cuts a line that is typed or pasted after 4,096 bytes, and says nothing.
    """
    with suppress(ImportError):
        import readline  # noqa: PLC0415 - some builds of Python have none

        readline.parse_and_bind("set enable-bracketed-paste on")


def read_line(out: Console) -> str | None:
    """The next line that is typed, None at the end of input and at Ctrl-C."""
    # asyncio would only cancel the task at Ctrl-C, and the read would go on until Enter.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        if out.is_terminal:
            out.print()
        return input("> " if out.is_terminal else "").strip()
    except (EOFError, KeyboardInterrupt, RuntimeError):  # the last one where stdin is closed
        out.print()
        return None
    finally:
        signal.signal(signal.SIGINT, before)


def files(argument: str) -> list[Path]:
    """The files that are named: one path as it stands, or several as a shell would read them.

    Terminals write such paths, with quotes and backslashes, when files are dropped on them. Raises UserError.
    """
    whole = _path(argument)
    for paths in ([whole], [_path(word) for word in _words(argument)]):
        found = [path for path in paths if path and path.is_file()]
        if found and len(found) == len(paths):
            return found
    if whole:
        raise UserError(f"{line(argument)} is a folder or a device. Write /file and the path of a file.")
    raise UserError(f"There is no file {line(argument) or '(no name given)'}. Write /file and a path.")


def line(text: str) -> str:
    """What somebody wrote, as it may be shown inside a sentence."""
    return " ".join(clean(text).split())


def _words(argument: str) -> list[str]:
    try:
        return shlex.split(argument)
    except ValueError:  # a quote that nobody closes
        return []


def _path(word: str) -> Path | None:
    """What is there by this name; nothing has a name that is too long, or lies in the home of nobody."""
    with suppress(OSError, RuntimeError, ValueError):
        path = Path(word).expanduser()
        if word and path.exists():
            return path
    return None
