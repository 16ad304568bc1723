"""What a file is, by its content and never by its name; and its text, where it is text."""

import io
import re
import unicodedata
import zipfile

from adapters.extraction.parts import DAMAGED, PROTECTED, Refused

MOST_UNPACKED = 100_000_000
"""Bytes that a zipped document may expand to: a Word file of 5,000 pages needs a tenth of it."""

_OFFICE = {"word/document.xml": "docx", "ppt/presentation.xml": "pptx", "xl/workbook.xml": "xlsx"}

_AN_ARCHIVE = "is an archive, so please send the files inside it instead"
_AN_IMAGE = "is a picture and pictures cannot be read yet, so please send its text or describe what it shows"
_OLD_OFFICE = (
    "has an old or uncommon office format, so please save it as PDF, DOCX, PPTX or XLSX and send that"
)
_BOMB = f"unpacks to more than {MOST_UNPACKED // 1_000_000} MB, so please send the part that matters"
_UNKNOWN = (
    "is neither text nor a document of a kind I know, so please send it as text, PDF, DOCX, PPTX or XLSX"
)

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
_OLE = (
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"  # Word 97, and every Office file with a password (MS-OFFCRYPTO 2.3)
)


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
    found = next((_OFFICE[entry.filename] for entry in entries if entry.filename in _OFFICE), "")
    if not found:
        document = any(entry.filename in ("mimetype", "[Content_Types].xml") for entry in entries)
        raise Refused(_OLD_OFFICE if document else _AN_ARCHIVE)
    # A zip reader never yields more than an entry declares, so what is declared can be trusted here.
    if sum(entry.file_size for entry in entries) > MOST_UNPACKED:
        raise Refused(_BOMB)
    return found


_BOMS = (
    (b"\xef\xbb\xbf", "utf-8-sig"),
    (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\x00\x00\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)
_CHARSET = re.compile(rb"<meta[^>]{0,200}?charset=[\"']?([\w.:-]{1,40})", re.IGNORECASE)
_ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\))")
_TEXT_CONTROLS = frozenset("\t\n\r\f\v\b\x1b")


def text_of(data: bytes) -> str:
    """The text of a file that is text: by its byte order mark, as UTF-8, as UTF-16, as an HTML page
    declares, or as charset-normalizer guesses. Raises Refused where it is empty or no text."""
    text = _decoded(data)
    sample = text[:100_000]
    odd = sum(character < " " and character not in _TEXT_CONTROLS for character in sample)
    if odd > 1 + len(sample) / 200 or "\x00" in sample:
        raise Refused(_UNKNOWN)
    if not text.strip("\ufeff\x00 \t\r\n\f\v"):
        raise Refused("is empty, so there is nothing to read in it")
    return _ANSI.sub("", text)


def _decoded(data: bytes) -> str:
    for bom, encoding in _BOMS:
        if data.startswith(bom):
            return data.decode(encoding, "replace")
    if b"\x00" in data[:100_000]:
        return _utf_16(data)
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return _nearly_utf_8(data) or _legacy(data)


def _utf_16(data: bytes) -> str:
    """UTF-16 without a mark: the byte order in which every character is an assigned one."""
    for encoding in ("utf-16-le", "utf-16-be"):
        sample = data[: min(len(data), 4096) & ~1].decode(encoding, "replace")
        strange = sum(unicodedata.category(character) in ("Cn", "Co", "Cs", "Cc") for character in sample)
        strange -= sum(sample.count(control) for control in "\t\n\r")
        familiar = sum(character in " \n\r\t,.;0123456789、。" for character in sample)
        if sample and strange <= len(sample) / 200 and familiar:
            return data.decode(encoding, "replace")
    raise Refused(_UNKNOWN)


def _nearly_utf_8(data: bytes) -> str | None:
    """UTF-8 with a few broken bytes, such as a log that was cut in the middle of a character."""
    text = data.decode("utf-8", "replace")
    broken = text.count("\ufffd")
    foreign = sum(map(len, re.findall(r"[^\x00-\x7f\ufffd]+", text)))
    return text if broken <= 1 + foreign / 100 and foreign else None


def _legacy(data: bytes) -> str:
    declared = _CHARSET.search(data, 0, 2048)
    if declared:
        try:
            return data.decode(declared[1].decode("ascii"), "replace")
        except LookupError:
            pass
    western = data.decode("cp1252", "replace")
    if _reads_western(western):
        return western
    import charset_normalizer  # noqa: PLC0415 - most files need none of its 50 ms

    # A sample suffices to tell the encoding, and it must show the bytes that are not ASCII.
    start = max(re.search(rb"[\x80-\xff]", data).start() - 2000, 0)  # type: ignore[union-attr] # UTF-8 failed
    best = charset_normalizer.from_bytes(
        data[start : start + 200_000], cp_exclusion=["utf_16", "utf_16_le", "utf_16_be", "utf_32"]
    ).best()
    if best is None:
        raise Refused(_UNKNOWN)
    return data.decode(best.encoding, "replace")


def _reads_western(text: str) -> bool:
    """Whether code page 1252 fits: accented letters stand inside words and signs outside them.

    Asked before charset-normalizer, which needs more than a line or two to tell code pages apart.
    """
    foreign = len(re.findall(r"[^\x00-\x7f]", text))
    accents = sum(map(len, re.findall(r"(?<![^\x00-\x7f])[À-ÖØ-öø-ÿŒœŠšŽžŸ]{1,2}(?![^\x00-\x7f])", text)))
    signs = len(
        re.findall(r"(?<![^\W\d_])[“”‘’‚„–—…€£°§«»¿¡©®·ºª\xa0•™²³½]|[’”»…ºª\xa0](?![^\W\d_])|(?<=\w)’", text)
    )
    return foreign - accents - signs <= foreign / 20
