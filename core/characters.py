"""The characters that nobody should be sent, whoever wrote them."""

import re

# Controls but tab and line end, a switch of the reading direction (no text needs one: what it shows is not
# what it holds), annotations and tags that nobody sees, noncharacters, and U+2060, which only we put into
# prompts. All else that is invisible stays: joiners and variation selectors make emoji, marks and isolates
# make scripts.
_UNSENDABLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u202d\u202e\u2060\ufdd0-\ufdef\ufeff\ufff9-\ufffb\ufffe\uffff"
    "\U000e0000-\U000e007f]"
)
_LINE_END = re.compile("\r\n?|[\v\f\x85]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_UNUSUAL = re.compile(f"{_UNSENDABLE.pattern}|{_SURROGATE.pattern}")


def sendable(text: str) -> str:
    """`text` without what nobody should be sent, line ends as ``\\n``, surrogates mended."""
    if not _UNUSUAL.search(text):
        return text
    if _SURROGATE.search(text):
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return _UNSENDABLE.sub("", _LINE_END.sub("\n", text))


class CharacterFilter:
    """`sendable` for a stream in pieces of any size."""

    def __init__(self) -> None:
        self._held = ""  # half of a line end or of a character

    def feed(self, piece: str) -> str:
        text = self._held + piece
        self._held = text[-1:] if text[-1:] == "\r" or "\ud800" <= text[-1:] <= "\udbff" else ""
        return sendable(text.removesuffix(self._held))

    def close(self) -> str:
        return sendable(self._held)
