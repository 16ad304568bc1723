"""One message's way through chasqui, as docs/pictures/architecture.svg: boxes, and what goes between them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

FILE = Path(__file__).parents[2] / "docs" / "pictures" / "architecture.svg"
_WIDTH, _HEIGHT = 1016, 516
_STYLE = """
text { font-family: "Helvetica Neue", Helvetica, Arial, sans-serif; font-size: 13px; fill: #1f2328 }
.title { font-size: 14px; font-weight: bold }
.quiet { fill: #59636e; font-size: 12px }
.step { fill: #0550ae; font-size: 12px; font-weight: bold }
.back { fill: #116329; font-size: 12px; font-weight: bold }
.paper { fill: #ffffff }
.box { fill: #f6f8fa; stroke: #afb8c1 }
.part { fill: #ffffff; stroke: #d0d7de }
.store { fill: #fff5ee; stroke: #e0935a }
.inbox { fill: #ffe3cf; stroke: #e0935a }
.way { fill: none; stroke: #0969da; stroke-width: 2 }
.return { fill: none; stroke: #1a7f37; stroke-width: 2 }
.aside { fill: none; stroke: #8c959f; stroke-width: 1.5; stroke-dasharray: 5 4 }
.way-head { fill: #0969da }
.return-head { fill: #1a7f37 }
.aside-head { fill: #8c959f }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 }
  .quiet { fill: #9198a1 }
  .step { fill: #79c0ff }
  .back { fill: #7ee787 }
  .paper { fill: #0d1117 }
  .box { fill: #161b22; stroke: #484f58 }
  .part { fill: #0d1117; stroke: #30363d }
  .store { fill: #1f1712; stroke: #a8683a }
  .inbox { fill: #3a2517; stroke: #a8683a }
  .way { stroke: #58a6ff }
  .return { stroke: #3fb950 }
  .way-head { fill: #58a6ff }
  .return-head { fill: #3fb950 }
}
"""


@dataclass(frozen=True, slots=True)
class Box:
    """Words in a frame; the first line is its title."""

    x: int
    y: int
    width: int
    height: int
    lines: Sequence[str]
    look: str = "box"

    def drawn(self) -> Iterator[str]:
        """Its SVG."""
        size = f'x="{self.x}" y="{self.y}" width="{self.width}" height="{self.height}"'
        yield f'<rect class="{self.look}" {size} rx="8"/>'
        holds_others = self.height > 100
        top = 22 if holds_others else (self.height - 18 * len(self.lines)) / 2 + 14
        for number, line in enumerate(self.lines):
            look = "title" if number == 0 else "quiet"
            yield text(self.x + self.width / 2, self.y + top + 18 * number, line, look, "middle")


@dataclass(frozen=True, slots=True)
class Arrow:
    """A way along these points, with words at a place beside it."""

    path: str
    look: str
    words: str
    at: tuple[float, float]
    anchor: str = "middle"

    def drawn(self) -> Iterator[str]:
        """Its SVG."""
        yield f'<path class="{self.look}" d="{self.path}" marker-end="url(#{self.look})"/>'
        look = {"way": "step", "return": "back", "aside": "quiet"}[self.look]
        for number, line in enumerate(self.words.split("\n")):
            yield text(self.at[0], self.at[1] + 15 * number, line, look, self.anchor)


BOXES = (
    Box(24, 100, 116, 200, ["People"]),
    Box(36, 134, 92, 40, ["Discord"], "part"),
    Box(36, 190, 92, 40, ["Slack"], "part"),
    Box(36, 246, 92, 40, ["terminal"], "part"),
    Box(200, 100, 124, 150, ["Gateways", "only listen"]),
    Box(212, 148, 100, 38, ["discord"], "part"),
    Box(212, 198, 100, 38, ["slack"], "part"),
    Box(424, 84, 164, 296, ["Redis or Valkey", "all state"], "store"),
    Box(440, 134, 132, 62, ["inbox", "durable, in order"], "inbox"),
    Box(440, 206, 132, 50, ["threads", "turns · ledger"], "part"),
    Box(440, 266, 132, 50, ["documents", "texts · vectors"], "part"),
    Box(440, 326, 132, 42, ["slots of replicas"], "part"),
    Box(662, 84, 168, 296, ["Workers", "as many as you like"]),
    Box(676, 134, 140, 50, ["reads", "files, in a sandbox"], "part"),
    Box(676, 194, 140, 50, ["finds", "by words and meaning"], "part"),
    Box(676, 254, 140, 50, ["fits and asks", "window · router"], "part"),
    Box(676, 314, 140, 54, ["writes pages", "true sources only"], "part"),
    Box(892, 120, 100, 206, ["Replicas"]),
    Box(904, 154, 76, 44, ["TGI"], "part"),
    Box(904, 210, 76, 44, ["vLLM"], "part"),
    Box(904, 266, 76, 44, ["llama.cpp"], "part"),
    Box(424, 436, 164, 56, ["Team's documents", "folders · git · web"]),
)
ARROWS = (
    Arrow("M140 165 H192", "way", "1 event", (169, 156)),
    Arrow("M324 165 H432", "way", "2 put, then\nacknowledge", (374, 140)),
    Arrow("M572 159 H654", "way", "3 lease", (617, 150)),
    Arrow("M816 270 H852 V176 H896", "way", "4 prompt", (861, 167)),
    Arrow("M904 290 H838", "return", "5 stream", (862, 309)),
    Arrow("M746 380 V408 H82 V308", "return", "6 pages, edits and sources, as they are written", (270, 401)),
    Arrow("M662 231 H580", "return", "7 turn", (620, 250)),
    Arrow("M506 436 V388", "aside", "kb add · sync", (516, 424), "start"),
    Arrow("M580 291 H654", "aside", "follow", (617, 310)),
)
TITLE = "One message's way by gateway, inbox and worker to a replica, and back as pages"


def picture() -> str:
    """The whole SVG."""
    size = 'refX="8" refY="5" markerWidth="7" markerHeight="7" markerUnits="userSpaceOnUse" orient="auto"'
    triangle = 'd="M0 0 L10 5 L0 10 z"'
    heads = "".join(
        f'<marker id="{look}" viewBox="0 0 10 10" {size}><path class="{look}-head" {triangle}/></marker>'
        for look in ("way", "return", "aside")
    )
    parts = [part for each in (*BOXES, *ARROWS) for part in each.drawn()]
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img">'
    promise = "Any process may be killed at any point: what was accepted is answered, and once."
    return "\n".join(
        [
            head,
            f"<title>{TITLE}</title>",
            f"<style>{_STYLE}</style>",
            f"<defs>{heads}</defs>",
            f'<rect class="paper" width="{_WIDTH}" height="{_HEIGHT}" rx="8"/>',
            text(24, 36, "One message's way", "title"),
            text(24, 56, promise, "quiet"),
            *parts,
            "</svg>\n",
        ]
    )


def text(x: float, y: float, words: str, look: str, anchor: str = "start") -> str:
    """One line of words."""
    return f'<text class="{look}" x="{x:g}" y="{y:g}" text-anchor="{anchor}">{escape(words)}</text>'
