"""No invented file: what a model says from passages keeps only the names and pages that these have."""

import re
from collections.abc import Iterable

from core.sources import Code
from core.types import Passage

NO_FILE = "a file that is in no source"
"""Stands where the name of a file stood that nobody sent."""

_LONGEST = 120
_ENDS = r"pdf|docx?|pptx?|xlsx?|od[tsp]|rtf|epub|md|markdown|txt|html?|csv|tsv|eml|msg|tex"
_BEGIN = r"(?<![\w~./:@-])"  # not within an address
_SIGN = r"[\w~./-]"
_NAME = rf"{_BEGIN}{_SIGN}{{1,{_LONGEST}}}\.(?:{_ENDS})(?![\w-]|\.\w)"
_PAGE = r"(?:pages?|pp?|Seite|S|p[aá]gina)\.?[ ]?\d{1,5}\b"
_FILE = re.compile(rf"(?P<name>{_NAME})(?P<place>[,;]?[ ](?:on[ ])?{_PAGE}|[ ]\({_PAGE}\))?", re.IGNORECASE)
_MAY_BE = re.compile(
    rf"""(?: {_BEGIN}{_SIGN}{{1,{_LONGEST + 10}}}+
       | {_NAME} [,;]? (?: [ ](?:on[ ]?)? \(?[^\W\d_]{{0,6}}\.?[ ]? \d{{0,5}} )? ) \Z""",
    re.IGNORECASE | re.VERBOSE,
)
"""The end of a text that may become the name of a file, or a page of it."""
_NUMBER = re.compile(r"\d+")
_LINES = re.compile(r"[^\n]*\n|[^\n]+")


class FileNames:
    """The names of files in what people asked and in passages, with the pages of these that were sent."""

    def __init__(self, passages: Iterable[Passage], asked: str) -> None:
        self._pages: dict[str, set[str]] = {}
        self._note(asked)
        for passage in passages:
            self._note("\n".join((*passage.heading, passage.text)))
            self._note(passage.title, *([str(passage.page)] if passage.page else ()))

    def shown(self, found: re.Match[str]) -> str:
        """A name and its page as people may see them."""
        pages = self._pages.get(_key(found["name"]))
        if pages is None:
            return NO_FILE
        page = _NUMBER.search(found["place"] or "")
        return found["name"] if page and pages and page[0] not in pages else found[0]

    def _note(self, text: str, *pages: str) -> None:
        for found in _FILE.finditer(text):
            told = _NUMBER.findall(found["place"] or "")
            self._pages.setdefault(_key(found["name"]), set()).update((*told, *pages))


class FileFilter:
    """Takes unknown names of files and unknown pages of known ones out of a stream of Markdown.

    Blocks of code stay exact. A word is held back until it has ended.
    """

    def __init__(self, known: FileNames) -> None:
        self._known = known
        self._before = ""  # the last character that was let through
        self._held = ""
        self._code = Code()

    def feed(self, piece: str) -> str:
        """Take a piece; returns what may be shown now."""
        text = self._before + self._held + piece
        near = max(len(self._before), len(text) - 2 * _LONGEST)
        may_be = _MAY_BE.search(text, near)
        end = may_be.start() if may_be else len(text)
        if may_be and text[end].isdigit():  # it may be the page of a file before it
            end = max([end, *(found.end() for found in _FILE.finditer(text, near) if found.start() < end)])
        return self._pass(text, end)

    def close(self) -> str:
        """The rest, now that nothing follows."""
        text = self._before + self._held
        return self._pass(text, len(text))

    def _pass(self, text: str, end: int) -> str:
        """Let `text` through up to `end`; its first character was, if any was."""
        start, self._held = len(self._before), text[end:]
        shown: list[str] = []
        for line in _LINES.finditer(text, start, end):
            last = line.start()
            for found in () if self._code.fenced else _FILE.finditer(text, line.start(), line.end()):
                shown += (text[last : found.start()], self._known.shown(found))
                last = found.end()
            shown.append(text[last : line.end()])
            self._code.follow(line[0])
        self._before = text[end - 1 : end] or self._before
        return "".join(shown)


def _key(name: str) -> str:
    """The name without its folders, which nobody need repeat."""
    return name.rpartition("/")[2].casefold()
