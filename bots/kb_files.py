"""Which files of a folder are documents: none that is hidden, ignored, or made by a tool from others."""

import fnmatch
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_NO_TEXT = frozenset(
    """7z a avi avif bin bmp bz2 class css db dll dylib eot exe flac gif gz heic ico inv jar jpeg jpg map mkv
    mo mov mp3 mp4 o ogg otf png pyc pyd rar rpm deb so sqlite sqlite3 svg tar tgz tif tiff ttf wav webm webp
    whl woff woff2 xz zip zst""".split()
)
"""Suffixes of files that a folder may hold beside its documents. One that is named by itself is read."""
_NO_FOLDERS = frozenset(("__pycache__", "node_modules"))
_OF_SPHINX = frozenset(
    ("_images", "_sources", "_static", "genindex.html", "py-modindex.html", "search.html", "searchindex.js")
)
"""What Sphinx writes beside the pages: copies of them, indexes of their words."""
_SPHINX = "objects.inv"
"""The file by which its folders are told (Sphinx inventory)."""


@dataclass(frozen=True, slots=True)
class Found:
    """A file of a source: its place in it, where it lies, and what its bytes are the same by."""

    path: str
    file: Path
    stamp: str
    at: float


def is_page(address: str) -> bool:
    """Whether it lies on the web, and in no folder."""
    return address.startswith(("http://", "https://"))


def absolute(name: str) -> Path:
    """The shell knows whose home is meant by ``~``."""
    return Path(name).resolve()


def found_in(root: Path) -> list[Found]:
    """The files of a folder by their place, or the file that `root` is itself."""
    if root.is_file():
        return [_found(root, root.name)]
    inside = root.resolve()
    files = (file for file in _tracked(root) or _walked(root) if _is_document(file, root, inside))
    return sorted((_found(file, file.relative_to(root).as_posix()) for file in files), key=lambda f: f.path)


def _found(file: Path, path: str) -> Found:
    about = file.stat()
    return Found(path, file, f"{about.st_size}-{about.st_mtime_ns}", about.st_mtime)


def _is_document(file: Path, root: Path, inside: Path) -> bool:
    """Whether it is a file for readers, of this folder and not one elsewhere that a link leads to."""
    place = file.relative_to(root)
    return (
        file.suffix[1:].lower() not in _NO_TEXT
        and not any(part.startswith(".") for part in place.parts)
        and not _written_by_sphinx(root, place)
        and file.is_file()
        and file.resolve().is_relative_to(inside)
    )


def _written_by_sphinx(root: Path, place: Path) -> bool:
    return any(
        part.name in _OF_SPHINX and (root / part.parent / _SPHINX).exists()
        for part in (place, *place.parents)
    )


def _tracked(root: Path) -> list[Path]:
    """What git knows of a working tree, and what is new there and not ignored; nothing where it is none."""
    git = shutil.which("git")
    if not git:
        return []
    command = [git, "-C", str(root), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, capture_output=True, check=False)  # noqa: S603 - no words of others
    return [root / os.fsdecode(name) for name in listed.stdout.split(b"\0") if name]


def _walked(root: Path) -> Iterator[Path]:
    ignored = _ignored(root)
    for folder, folders, files in os.walk(root):
        folders[:] = [name for name in folders if name not in _NO_FOLDERS and not _left_out(name, ignored)]
        yield from (Path(folder, name) for name in files if not _left_out(name, ignored))


def _left_out(name: str, ignored: list[str]) -> bool:
    return name.startswith(".") or any(fnmatch.fnmatch(name, pattern) for pattern in ignored)


def _ignored(root: Path) -> list[str]:
    """The patterns of names in `.gitignore`; those of paths need git."""
    try:
        lines = (root / ".gitignore").read_text("utf-8", "replace").splitlines()
    except OSError:
        return []
    names = (line.strip().strip("/") for line in lines)
    return [name for name in names if name and "/" not in name and name[0] not in "#!"]
