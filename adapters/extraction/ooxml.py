"""The zip of XML files that Word and PowerPoint write (ECMA-376), element names without their namespaces.

kreuzberg 4.10 loses every ``&``, ``<`` and ``>`` of a Word file, its list numbers and tabs, and the notes
of slides; so these two formats are read here.
"""

import io
import posixpath
import zipfile
import zlib
from xml.etree import ElementTree as ET

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
        try:
            return ET.fromstring(self._zip.read(name))  # noqa: S314 - expat bounds entities; the process is bounded
        except (
            ET.ParseError,
            zipfile.BadZipFile,
            zlib.error,
            EOFError,
            RuntimeError,
            OSError,
            ValueError,
        ) as error:
            raise Refused(DAMAGED) from error

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
