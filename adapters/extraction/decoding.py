"""The text of a file that is text, whatever its encoding."""

import re
import unicodedata

from adapters.extraction.parts import Refused, clean

_UNKNOWN = (
    "is neither text nor a document of a kind I know, so please send it as text, PDF, DOCX, PPTX or XLSX"
)
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
    if odd > 1 + len(sample) / 200:
        raise Refused(_UNKNOWN)
    if not text.strip("\ufeff\x00 \t\r\n\f\v"):
        raise Refused("is empty, so there is nothing to read in it")
    return clean(_ANSI.sub("", text))


def _decoded(data: bytes) -> str:
    for bom, encoding in _BOMS:
        if data.startswith(bom):
            return data.decode(encoding, "replace")
    sample = data[:100_000]
    if sample.count(0) > 1 + len(sample) / 200:
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
        except (LookupError, ValueError):
            pass  # no such encoding, or none of text
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
