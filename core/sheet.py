"""The lines of a page while it is put together: quotes and lists in lists keep their signs and indents."""

from collections.abc import Sequence

from markdown_it.token import Token


class Sheet:
    """The lines of a block, under the signs of the quotes and list items that they stand in."""

    def __init__(self, source: Sequence[str]) -> None:
        self._source = source
        self._lines: list[str] = []
        self._prefixes: list[str] = []
        self._reached = 0  # the line of the source where the last block begins
        self._next: str | None = None  # what the next line begins with, where an item or quote begins

    @property
    def at_item(self) -> bool:
        """Whether an item of a list begins here."""
        return self._next is not None and not self._next.endswith("> ")

    def enter(self, token: Token, first: str, rest: str) -> None:
        """A quote or list item begins; `first` and `rest` stand before its lines."""
        self._gap(token)
        self._next = self._prefix() + first
        self._prefixes.append(rest)

    def leave(self) -> None:
        """The quote or list item ends; an empty one shows its sign."""
        if self._next is not None:
            self._add(self._next, "")
            self._next = None
        self._prefixes.pop()

    def write(self, token: Token, text: str, *, flush: bool = False) -> None:
        """The lines of the block that `token` stands for; those that are `flush` get no signs."""
        self._gap(token)
        if flush and self._next is not None:
            if self.at_item:
                self._add(self._next, "")
            self._next = None
        for line in text.split("\n"):
            self._add("" if flush else self._prefix(), line)
            self._next = None

    def text(self) -> str:
        return "\n".join(self._lines)

    def _gap(self, token: Token) -> None:
        """A blank line, where one stands before the block in the source."""
        line = token.map[0] if token.map else 0
        if line <= self._reached:
            return
        self._reached = line
        if self._next is None and self._lines and not self._source[line - 1].strip(" \t>"):
            self._lines.append(_bare(self._prefix()))

    def _prefix(self) -> str:
        return "".join(self._prefixes) if self._next is None else self._next

    def _add(self, prefix: str, line: str) -> None:
        self._lines.append(prefix + line if line else _bare(prefix))


def _bare(prefix: str) -> str:
    """What stands before an empty line; a quote without a space behind its sign is none on Discord."""
    bare = prefix.rstrip()
    return f"{bare} " if bare.endswith(">") else bare
