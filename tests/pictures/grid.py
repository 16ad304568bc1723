"""What a terminal shows: the few control sequences that chasqui, rich and a shell write, on lines of cells.

Sequences: ECMA-48 (SGR, CUU, CUD, CUF, CUB, CHA, EL, ED). Modes and links are passed over.
"""

import re
from dataclasses import dataclass, field, replace

from wcwidth import wcwidth

_SEQUENCE = re.compile(
    r"\x1b\[(?P<mode>[?>=]?)(?P<numbers>[0-9;:]*)(?P<verb>[@-~])"  # CSI
    r"|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)"  # OSC: titles, links
    r"|\x1b[=>]"
)
_PLAIN_COLOURS = {30 + n: n for n in range(8)} | {90 + n: 8 + n for n in range(8)}
_SWITCHES = {1: "bold", 2: "dim", 3: "italic", 4: "underline"}


@dataclass(frozen=True, slots=True)
class Look:
    """How a character looks; `colour` is one of the 16 of a terminal, or None for that of text."""

    colour: int | None = None
    bold: bool = False
    dim: bool = False
    italic: bool = False
    underline: bool = False


PLAIN = Look()
Cell = tuple[str, Look]


@dataclass(slots=True)
class Grid:
    """Lines of cells that text is written to; lines are added at the end, and never scrolled away."""

    columns: int
    lines: list[list[Cell]] = field(default_factory=lambda: [[]])
    row: int = 0
    column: int = 0
    look: Look = PLAIN
    _rest: str = ""

    def write(self, text: str) -> None:
        """Write what a program wrote; the beginning of a sequence waits for its end."""
        text, self._rest = self._rest + text, ""
        place = 0
        while place < len(text):
            if text[place] != "\x1b":
                self._put(text[place])
                place += 1
            elif found := _SEQUENCE.match(text, place):
                self._obey(found)
                place = found.end()
            else:
                self._rest = text[place:]
                assert len(self._rest) < 200, f"no terminal of ours knows {self._rest[:20]!r}"
                return

    def shown(self) -> tuple[tuple[Cell, ...], ...]:
        """The lines as they stand, without what is blank at their ends and below."""
        lines = [tuple(line) for line in self.lines]
        while lines and not _text(lines[-1]).strip():
            lines.pop()
        return tuple(line[: len(_text(line).rstrip())] for line in lines)

    def _put(self, character: str) -> None:
        if character == "\n":
            self._down(1)
        elif character == "\r":
            self.column = 0
        elif character == "\b":
            self.column = max(0, self.column - 1)
        elif character >= " ":
            assert wcwidth(character) == 1, f"{character!r} does not take one cell"
            if self.column == self.columns:
                self._down(1)
                self.column = 0
            self._cell((character, self.look))

    def _cell(self, cell: Cell) -> None:
        line = self.lines[self.row]
        line += [(" ", PLAIN)] * (self.column + 1 - len(line))
        line[self.column] = cell
        self.column += 1

    def _down(self, lines: int) -> None:
        self.row += lines
        self.lines += [[] for _ in range(self.row + 1 - len(self.lines))]

    def _obey(self, found: re.Match[str]) -> None:
        verb, mode = found["verb"], found["mode"]
        if not verb or mode or verb in "ht":
            return
        numbers = [int(number or 0) for number in re.split("[;:]", found["numbers"])]
        steps = numbers[0] or 1
        if verb == "m":
            self._colour(numbers)
        elif verb == "A":
            self.row = max(0, self.row - steps)
        elif verb == "B":
            self._down(steps)
        elif verb in "CD":
            self.column = max(0, self.column + (steps if verb == "C" else -steps))
        elif verb == "G":
            self.column = steps - 1
        elif verb in "JK":
            self._erase(verb, numbers[0])
        else:
            raise AssertionError(f"no terminal of ours knows {found[0]!r}")

    def _erase(self, verb: str, what: int) -> None:
        if verb == "J":
            assert what == 0, "only what is below the cursor"
            del self.lines[self.row + 1 :]
        line = self.lines[self.row]
        if what == 0:
            del line[self.column :]
        else:
            line[: len(line) if what == 2 else self.column + 1] = []

    def _colour(self, numbers: list[int]) -> None:
        for number in numbers:
            if number == 0:
                self.look = PLAIN
            elif number in _PLAIN_COLOURS:
                self.look = replace(self.look, colour=_PLAIN_COLOURS[number])
            elif number == 39:
                self.look = replace(self.look, colour=None)
            elif number == 22:
                self.look = replace(self.look, bold=False, dim=False)
            elif number in _SWITCHES:
                self.look = replace(self.look, **{_SWITCHES[number]: True})
            elif number in (23, 24):
                self.look = replace(self.look, **{_SWITCHES[number - 20]: False})
            else:
                assert number in range(40, 50), f"a terminal of 16 colours knows no SGR {number}"


def _text(line: "list[Cell] | tuple[Cell, ...]") -> str:
    return "".join(character for character, _ in line)
