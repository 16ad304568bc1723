"""The text of a file that is text, whatever its encoding."""

import codecs
import contextlib
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
_ODD = re.compile(r"[\x00-\x07\x0e-\x1a\x1c-\x1f]")  # controls that no text holds


def text_of(data: bytes, most: int) -> str:
    """The first `most` characters of a file that is text: by its byte order mark, as UTF-8, as UTF-16, as an
    HTML page declares, or as charset-normalizer guesses. Raises Refused where it is empty or no text."""
    text = _decoded(data[: 4 * most + 4])[:most]  # no encoding takes more bytes, its mark included
    sample = text[:100_000]
    odd = len(_ODD.findall(sample))
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
        # A sample tells the encoding; it must show the bytes that are not ASCII.
        start = max(re.search(rb"[\x80-\xff]", data).start() - 2000, 0)  # type: ignore[union-attr] # UTF-8 failed
        sample = data[start : start + 200_000]
        return data.decode("utf-8" if _nearly_utf_8(sample) else _legacy(data[:2048], sample), "replace")


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


def _nearly_utf_8(sample: bytes) -> bool:
    """UTF-8 with a few broken bytes, such as a log that was cut in the middle of a character."""
    text = codecs.utf_8_decode(sample, "replace", False)[0]  # False: its own end may cut a character
    foreign = sum(map(len, re.findall(r"[^\x00-\x7f\ufffd]+", text)))
    return bool(foreign) and text.count("\ufffd") <= 1 + foreign / 100


def _legacy(head: bytes, sample: bytes) -> str:
    """The name of an encoding of one byte a character, or an older one of several."""
    declared = _CHARSET.search(head)
    if declared:
        with contextlib.suppress(LookupError, ValueError):  # no such encoding, or none of text
            return _of_text(declared[1].decode("ascii"))
    if _reads_western(sample.decode("cp1252", "replace")):
        return "cp1252"
    import charset_normalizer  # noqa: PLC0415 - most files need none of its 50 ms

    best = charset_normalizer.from_bytes(
        sample, cp_exclusion=["utf_16", "utf_16_le", "utf_16_be", "utf_32"]
    ).best()
    if best is None:
        raise Refused(_UNKNOWN)
    return best.encoding


def _of_text(encoding: str) -> str:
    b"".decode(encoding)
    return encoding


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
