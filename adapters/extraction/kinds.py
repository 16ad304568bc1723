"""What a file is, by its content and never by its name."""

import io
import zipfile

from adapters.extraction.parts import DAMAGED, PROTECTED, Refused

MOST_UNPACKED = 100_000_000
"""Bytes that a zipped document may expand to: a Word file of 5,000 pages needs a tenth of it."""

_OFFICE = {"word/": "docx", "ppt/": "pptx", "xl/": "xlsx"}
_CONTENT_TYPES = "[Content_Types].xml"  # in every Office file (ECMA-376 part 2)

_AN_ARCHIVE = "is an archive, so please send the files inside it instead"
_AN_IMAGE = "is a picture and pictures cannot be read yet, so please send its text or describe what it shows"
_OLD_OFFICE = (
    "has an old or uncommon office format, so please save it as PDF, DOCX, PPTX or XLSX and send that"
)
_BOMB = f"unpacks to more than {MOST_UNPACKED // 1_000_000} MB, so please send the part that matters"

# (offset, bytes, refusal): PRONOM signatures and the formats' own specifications.
_MAGIC = (
    (0, b"\x1f\x8b", _AN_ARCHIVE),  # gzip
    (0, b"BZh", _AN_ARCHIVE),
    (0, b"\xfd7zXZ\x00", _AN_ARCHIVE),
    (0, b"7z\xbc\xaf\x27\x1c", _AN_ARCHIVE),
    (0, b"Rar!\x1a\x07", _AN_ARCHIVE),
    (0, b"\x28\xb5\x2f\xfd", _AN_ARCHIVE),  # zstd
    (257, b"ustar", _AN_ARCHIVE),  # tar
    (0, b"\x89PNG\r\n\x1a\n", _AN_IMAGE),
    (0, b"\xff\xd8\xff", _AN_IMAGE),  # JPEG
    (0, b"GIF8", _AN_IMAGE),
    (0, b"II*\x00", _AN_IMAGE),  # TIFF
    (0, b"MM\x00*", _AN_IMAGE),
    (8, b"WEBP", _AN_IMAGE),
    (4, b"ftyphei", _AN_IMAGE),
    (4, b"ftypavif", _AN_IMAGE),
    (0, b"{\\rtf", _OLD_OFFICE),
)
# Word 97, and every Office file with a password (MS-OFFCRYPTO 2.3).
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


def kind(data: bytes) -> str:
    """``pdf``, ``docx``, ``pptx``, ``xlsx`` or ``text``. Raises Refused for other known kinds."""
    head = data[:1024]
    if head.lstrip().startswith(b"%PDF-") or (b"%PDF-" in head and b"\x00" in data):
        return "pdf"
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _zipped(data)
    if head.startswith(_OLE):
        raise Refused(PROTECTED if "EncryptedPackage".encode("utf-16-le") in data else _OLD_OFFICE)
    if head.startswith(b"BM") and head[6:10] == bytes(4):
        raise Refused(_AN_IMAGE)
    for offset, magic, why in _MAGIC:
        if head.startswith(magic, offset):
            raise Refused(why)
    return "text"


def _zipped(data: bytes) -> str:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError) as error:
        raise Refused(DAMAGED) from error
    names = [entry.filename for entry in entries]
    found = next(
        (kind for folder, kind in _OFFICE.items() if any(name.startswith(folder) for name in names)), ""
    )
    if not found or _CONTENT_TYPES not in names:
        raise Refused(_OLD_OFFICE if {"mimetype", _CONTENT_TYPES} & set(names) else _AN_ARCHIVE)
    # A zip reader never yields more than an entry declares, so what is declared can be trusted here.
    if sum(entry.file_size for entry in entries) > MOST_UNPACKED:
        raise Refused(_BOMB)
    return found
