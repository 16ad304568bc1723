"""What a file is, by its content and never by its name."""

import io
import re
import zipfile

from adapters.extraction.parts import DAMAGED, PROTECTED, Refused

MOST_UNPACKED = 100_000_000
"""Bytes that a zipped document may expand to: a Word file of 5,000 pages needs a tenth of it."""

_OFFICE = {"word/": "docx", "ppt/": "pptx", "xl/": "xlsx"}
_CONTENT_TYPES = "[Content_Types].xml"  # in every Office file (ECMA-376 part 2)

_AN_ARCHIVE = "is an archive, so please send the files inside it instead"
_A_RARE_PICTURE = "is a picture of a kind that I cannot read, so please send it as PNG or JPEG"
_PICTURE = "picture"
_OLD_OFFICE = (
    "has an old or uncommon office format, so please save it as PDF, DOCX, PPTX or XLSX and send that"
)
_BOMB = f"unpacks to more than {MOST_UNPACKED // 1_000_000} MB, so please send the part that matters"

# (offset, bytes, kind or refusal): PRONOM signatures and the formats' own specifications.
_MAGIC = (
    (0, b"\x1f\x8b", _AN_ARCHIVE),  # gzip
    (4, b"1AY&SY", _AN_ARCHIVE),  # bzip2
    (0, b"\xfd7zXZ\x00", _AN_ARCHIVE),
    (0, b"7z\xbc\xaf\x27\x1c", _AN_ARCHIVE),
    (0, b"Rar!\x1a\x07", _AN_ARCHIVE),
    (0, b"\x28\xb5\x2f\xfd", _AN_ARCHIVE),  # zstd
    (257, b"ustar\x00", _AN_ARCHIVE),  # tar
    (257, b"ustar  \x00", _AN_ARCHIVE),
    (0, b"\x89PNG\r\n\x1a\n", _PICTURE),
    (0, b"\xff\xd8\xff", _PICTURE),  # JPEG
    (0, b"GIF87a", _PICTURE),
    (0, b"GIF89a", _PICTURE),
    (0, b"II*\x00", _PICTURE),  # TIFF
    (0, b"MM\x00*", _PICTURE),
    (4, b"ftyphe", _A_RARE_PICTURE),  # HEIC
    (4, b"ftypmif1", _A_RARE_PICTURE),
    (4, b"ftypavif", _A_RARE_PICTURE),
    (0, b"{\\rtf", _OLD_OFFICE),
)
# Word 97, and every Office file with a password (MS-OFFCRYPTO 2.3).
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


def kind(data: bytes) -> str:
    """``pdf``, ``docx``, ``pptx``, ``xlsx``, ``picture`` or ``text``. Raises Refused for other kinds."""
    head = data[:1024]
    if head.lstrip().startswith(b"%PDF-") or (b"%PDF-" in head and b"\x00" in data):
        return "pdf"
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _zipped(data)
    if head.startswith(_OLE):
        raise Refused(PROTECTED if "EncryptedPackage".encode("utf-16-le") in data else _OLD_OFFICE)
    if (head.startswith(b"BM") and head[6:10] == bytes(4)) or re.match(rb"RIFF....WEBP", head, re.DOTALL):
        return _PICTURE
    for offset, magic, meaning in _MAGIC:
        if head.startswith(magic, offset):
            if meaning == _PICTURE:
                return _PICTURE
            raise Refused(meaning)
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
