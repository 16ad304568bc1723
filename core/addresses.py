"""No invented link: what a model says from passages keeps only the addresses that stand in them.

An address is known where it stands in a passage that was sent, or leads to one; the case of scheme and
host and a slash at the end do not matter, all else does. In code nothing is a link, so code stays exact,
but for blocks of code in lists and quotes: where these end, readers disagree.
"""

import html
import re
from collections.abc import Iterable
from urllib.parse import urlsplit

from core.blocks import Fence, State, step
from core.types import Passage

LOST = "(a link that is in no source)"
"""Stands where an address stood by itself."""

LONGEST = 1024
"""Characters of the longest link; what is longer is none."""

_LABEL = rf"[^\[\]]{{0,{LONGEST}}}"
_TARGET = rf"(?:[^()\n]|\((?:[^()\n]|\([^()\n]*\))*\)){{0,{LONGEST}}}"
# Before letters only where no platform links behind a letter; a backslash escapes and is shown by none.
_BARE = r"(?:https?\\?:\\?/\\?/|(?<![A-Za-z0-9])(?:www\\?\.|mailto\\?:))(?:(?!!\[)[^\s<>`\[\]])*"
_WHOLE = re.compile(
    rf"""(?P<code> (?<![`\\]) (?P<ticks>`++) [^\n]*? (?<!`)(?P=ticks)(?!`) )
       | !?\[(?P<label> {_LABEL} )\]\((?P<target> {_TARGET} )\)
       | <(?P<tag> /?(?:a|img)\b[^<>]* )>
       | (?P<bare> <?{_BARE}>? )""",
    re.VERBOSE | re.IGNORECASE,
)
# What may become one of these when more comes: it is held back.
_BEGINS = re.compile(
    rf"""(?: (?<![`\\]) `++ [^\n]*+
       | !?\[ {_LABEL} (?: \](?:\([^\n]*)? )?
       | ! | \\ | &[\#\w]{{0,9}}
       | <[^<>\n]*
       | {_BARE} | h (?:tt?)? | https?\\?:?\\?/?\\?/?
       | (?<![A-Za-z0-9]) (?: ww? | www\\?\.? | m (?:ai?)? | mailt?o? | mailto\\?:? )
       ) \Z""",
    re.VERBOSE | re.IGNORECASE,
)
_LOUD = re.compile(
    r"[`<\[!\n&\\]|h(?:\Z|t(?:\Z|t))|(?<![A-Za-z0-9])(?:w(?:\Z|w)|m(?:\Z|a(?:\Z|i)))", re.IGNORECASE
)
_ENTITY = re.compile(r"&(?=(#\d{1,7}|#x[0-9a-f]{1,6}|colon|sol|period|commat|lowbar);)", re.IGNORECASE)
_ADDRESS_SIGNS = re.compile(r"[A-Za-z0-9:/.@_]")
_TITLED = re.compile(r"""\s*(?:<([^<>]*)>|(\S*))(?:\s+(?:"[^"]*"|'[^']*'|\([^()]*\)))?\s*""")
_DECIDES = re.compile(r"[\])>`\n]")
_HREF = re.compile(r"""(?:href|src)\s*=\s*["']?([^\s"'>]*)""", re.IGNORECASE)
_IN_TEXT = re.compile(_BARE, re.IGNORECASE)
_ORIGIN = re.compile(r"(?:[a-z][a-z0-9+.-]*://)?[^/?#]*", re.IGNORECASE)
_HOST = re.compile(r"(?<![\w.-])(www\.)?((?:[\w-]+\.)+([a-z]{2,}))(?![\w-])", re.IGNORECASE)
_USUAL_ENDS = {"com", "org", "net", "gov", "edu", "io", "co", "info", "biz"}


class Addresses:
    """The addresses of passages; nothing is among them too, since it leads nowhere."""

    def __init__(self, passages: Iterable[Passage]) -> None:
        self._keys: set[str] = set()
        for passage in passages:
            found = [_trimmed(address) for address in _IN_TEXT.findall(passage.text)]
            self._keys.update(_key(address) for address in (*found, passage.url, passage.link) if address)

    def __contains__(self, address: str) -> bool:
        return not address or _key(address) in self._keys


class LinkFilter:
    """Takes unknown addresses out of a stream of Markdown; all other text stays as it is.

    ``[label](address "title")`` and ``![label](address)`` become their label, tags of HTML go, and an
    address by itself becomes `LOST`. What may become a link is held back, at most `LONGEST` long.
    """

    def __init__(self, known: Addresses) -> None:
        self._known = known
        self._held = ""
        self._line: list[str] = []  # what was let through of the line that has not ended
        self._last = ""  # its last character
        self._state = State()  # before that line

    def feed(self, piece: str) -> str:
        """Take a piece; returns what may be shown now."""
        if not self._held and not _LOUD.search(piece):
            self._line.append(piece)
            self._last = piece[-1:] or self._last
            return piece
        self._held += piece
        if self._held[0] in "[<`" and len(self._held) < LONGEST and not _DECIDES.search(piece):
            return ""  # still within a link
        return self._sweep(closing=False)

    def close(self) -> str:
        """The rest, now that nothing follows."""
        return self._sweep(closing=True)

    def _sweep(self, *, closing: bool) -> str:
        shown = []
        while self._held:
            if isinstance(self._state.leaf, Fence) and not self._state.containers:
                end = self._held.find("\n") + 1 or len(self._held)
                shown.append(self._pass(self._held[:end]))
                continue
            end = self._prose_end(closing=closing)
            if not end:
                break
            last = self._last
            shown.append(self._without_unknown(last + self._pass(self._held[:end]), len(last)))
        return "".join(shown)

    def _pass(self, text: str) -> str:
        """Follow the lines of `text`, which is held no more."""
        self._held = self._held[len(text) :]
        *ended, rest = text.split("\n")
        for line in ended:
            self._state, _ = step(self._state, "".join((*self._line, line)))
            self._line.clear()
        self._line.append(rest)
        self._last = text[-1:]
        return text

    def _prose_end(self, *, closing: bool) -> int:
        """How much of what is held is prose that nothing can change any more."""
        end, begun, state = 0, self._line, self._state
        while (newline := self._held.find("\n", end) + 1) > 0:
            state, kind = step(state, "".join((*begun, self._held[end : newline - 1])))
            end, begun = newline, []
            if kind == "opener" and not state.containers:
                return end
        if closing:
            return len(self._held)
        return _settled(self._last + self._held, len(self._last)) - len(self._last)

    def _without_unknown(self, text: str, start: int) -> str:
        shown: list[str] = []
        for found in _WHOLE.finditer(text, start):
            shown += (_plain(text[start : found.start()]), self._checked(found))
            start = found.end()
        return "".join((*shown, _plain(text[start:])))

    def _checked(self, found: re.Match[str]) -> str:
        """A link, a tag or an address as it may be shown."""
        whole = found[0]
        if found["code"]:
            return whole
        if found["target"] is not None:
            label = self._without_unknown(found["label"], 0)
            if self._knows(found["target"]):
                return whole.replace(f"[{found['label']}]", f"[{label}]", 1)
            return f" {label}" if label.startswith("/") else label  # behind "https:" it would be an address
        if found["tag"]:
            return whole if all(map(self._knows, _HREF.findall(whole))) else ""
        address = _trimmed(whole.strip("<>"))
        if address in self._known:
            return whole
        return whole.removeprefix("<").removesuffix(">").replace(address, LOST)

    def _knows(self, target: str) -> bool:
        """Whether the address of a link, with a title behind it perhaps, is known; nothing leads nowhere."""
        titled = _TITLED.fullmatch(target)
        return titled is not None and (titled[1] or titled[2] or "") in self._known


def _plain(text: str) -> str:
    """`text` with signs of an address that are written as entities shown as they are written."""
    return _ENTITY.sub(
        lambda found: "&amp;" if _ADDRESS_SIGNS.fullmatch(html.unescape(f"&{found[1]};")) else "&", text
    )


def _settled(text: str, start: int) -> int:
    """Up to where nothing that comes can make a part of `text` into a link."""
    at = max(start, len(text) - LONGEST)
    for whole in _WHOLE.finditer(text, start):
        if whole.end() <= at or whole["bare"]:
            continue
        begins = _BEGINS.search(text, at)
        if not begins or begins.start() < whole.start():
            break
        if whole["code"] and whole.end() == len(text):  # one more backtick would make it another sign
            return whole.start()
        at = whole.end()
    begins = _BEGINS.search(text, at)
    return begins.start() if begins else len(text)


def _trimmed(address: str) -> str:
    """`address` without the end of its sentence; a bracket that it opens stays (GFM, autolinks)."""
    while address and address[-1] in ".,;:!?\"'*_~)]}…":
        if address[-1] == ")" and address.count("(") >= address.count(")"):
            break
        address = address[:-1]
    return address


def _key(address: str) -> str:
    """One spelling for all spellings of an address that no server tells apart."""
    origin = _ORIGIN.match(address)
    assert origin
    return origin[0].lower() + address[origin.end() :].removesuffix("/")


def misleading(label: str, address: str) -> bool:
    """Whether a link's label reads like an address that is not the one it opens."""
    if "://" in label:
        return label.strip() != address
    try:
        target = urlsplit(address)
        host, path = (target.hostname or "").lower(), target.path
    except ValueError:
        return True
    for www, name, last in _HOST.findall(label):
        is_file = not www and last.lower() not in _USUAL_ENDS and path.endswith(name)
        if not is_file and host != name.lower() and not host.endswith("." + name.lower()):
            return True
    return False
