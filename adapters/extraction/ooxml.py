"""The zip of XML files that Word and PowerPoint write (ECMA-376), element names without their namespaces.

kreuzberg 4.10 loses every ``&``, ``<`` and ``>`` of a Word file, its list numbers and tabs, and the notes
of slides; so these two formats are read here.
"""

import contextlib
import io
import posixpath
import zipfile
import zlib
from collections.abc import Iterator
from typing import IO
from xml.etree import ElementTree as ET
from xml.parsers import expat

from adapters.extraction.parts import DAMAGED, Refused


class Package:
    """The XML parts of an Office file. Whoever opens it has checked what it unpacks to."""

    def __init__(self, data: bytes) -> None:
        self._zip = zipfile.ZipFile(io.BytesIO(data))
        self._names = set(self._zip.namelist())

    def xml(self, name: str) -> ET.Element | None:
        """The root element of a part, or None where there is no such part. Raises Refused for broken XML."""
        if name not in self._names:
            return None
        with _damage_refused():
            return ET.fromstring(self._zip.read(name))  # noqa: S314 - expat bounds entities; the process is bounded

    @contextlib.contextmanager
    def open(self, name: str) -> Iterator[IO[bytes]]:
        """A part that there is; whatever is wrong with it or its XML becomes Refused."""
        with _damage_refused(), self._zip.open(name) as file:
            yield file

    def stream(self, name: str, inside: str = "") -> Iterator[ET.Element]:
        """The children of the root, or of its child `inside`, each gone when the next one comes.

        So a part of any length takes little memory. Raises Refused for broken XML.
        """
        if name not in self._names:
            return
        level = 1 if inside else 0
        holder: ET.Element | None = None
        depth = 0
        with self.open(name) as file:
            for event, element in ET.iterparse(file, ("start", "end")):  # noqa: S314 - as above
                if event == "start":
                    holder = element if depth == level else holder
                    depth += 1
                    continue
                depth -= 1
                if depth == level + 1 and holder is not None and inside in ("", tag(holder)):
                    yield element
                    holder.clear()

    def targets(self, name: str) -> dict[str, tuple[str, str]]:
        """What a part, or the package (``""``), refers to: id -> (last word of the type, part or address)."""
        folder, _, file = name.rpartition("/")
        root = self.xml(f"{folder}/_rels/{file}.rels".lstrip("/"))
        found = {}
        for relation in root if root is not None else ():
            target = relation.get("Target", "")
            if relation.get("TargetMode") != "External":
                target = posixpath.normpath(posixpath.join("/" + folder, target)).lstrip("/")
            found[relation.get("Id", "")] = (relation.get("Type", "").rpartition("/")[2], target)
        return found

    def main(self) -> str:
        """The name of the part that holds the document."""
        return next((at for kind, at in self.targets("").values() if kind == "officeDocument"), "")


@contextlib.contextmanager
def _damage_refused() -> Iterator[None]:
    try:
        yield
    except (
        ET.ParseError,
        expat.ExpatError,
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        LookupError,  # no such part, or no such encoding
        RuntimeError,
        OSError,
        ValueError,
    ) as error:
        raise Refused(DAMAGED) from error


def tag(element: ET.Element) -> str:
    """The name of an element without its namespace."""
    return element.tag.rpartition("}")[2]


def attribute(element: ET.Element | None, name: str, default: str = "") -> str:
    """An attribute in whatever namespace it stands: files in the strict and the usual form differ in that."""
    if element is not None:
        for key, value in element.attrib.items():
            if key.rpartition("}")[2] == name:
                return value
    return default


def relation(element: ET.Element) -> str:
    """The relationship id of an element that also has an id of its own without a namespace."""
    return next((value for key, value in element.attrib.items() if key.endswith("}id")), "")


def child(element: ET.Element | None, *path: str) -> ET.Element | None:
    """The first element down `path`, or None."""
    for name in path:
        element = (
            next((inner for inner in element if tag(inner) == name), None) if element is not None else None
        )
    return element


def each(element: ET.Element | None, name: str) -> list[ET.Element]:
    """The children of that name."""
    return [inner for inner in element if tag(inner) == name] if element is not None else []
