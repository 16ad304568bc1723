"""Curves as SVG, without a library: https://www.w3.org/TR/SVG11/paths.html."""

from collections.abc import Mapping, Sequence
from html import escape

from core.measures import Point

_SIDE, _LEFT, _TOP, _RIGHT, _BOTTOM = 360, 60, 20, 180, 50  # pixels: of the square, and around it
_COLOURS = ("#0b6e99", "#c4501b", "#4d7d2b", "#7b4b94")


def drawn(curves: Mapping[str, Sequence[Point]]) -> str:
    """Coverage to the right, the share of false answers upwards, one line for each kind of question."""
    width, height = _LEFT + _SIDE + _RIGHT, _TOP + _SIDE + _BOTTOM
    drawing = f'viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="12"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {drawing}>',
        f'<rect width="{width}" height="{height}" fill="white"/>',
        *_axes(),
    ]
    for number, (name, curve) in enumerate(curves.items()):
        parts += _line(name, curve, number)
    return "\n".join([*parts, "</svg>\n"])


def _axes() -> list[str]:
    parts = []
    for tenth in range(0, 11, 2):
        x, y = _at(tenth / 10, tenth / 10)
        parts += [
            f'<path d="M{x} {_TOP}V{_TOP + _SIDE}M{_LEFT} {y}H{_LEFT + _SIDE}" stroke="#ddd"/>',
            f'<text x="{x}" y="{_TOP + _SIDE + 16}" text-anchor="middle">{tenth / 10:.1f}</text>',
            f'<text x="{_LEFT - 8}" y="{y + 4}" text-anchor="end">{tenth / 10:.1f}</text>',
        ]
    below, beside = f'x="{_LEFT + _SIDE / 2}" y="{_TOP + _SIDE + 38}"', f"translate(16 {_TOP + _SIDE / 2})"
    parts += [
        f'<text {below} text-anchor="middle">answerable questions that are answered</text>',
        f'<text transform="{beside} rotate(-90)" text-anchor="middle">others that are answered</text>',
    ]
    return parts


def _line(name: str, curve: Sequence[Point], number: int) -> list[str]:
    colour, y = _COLOURS[number % len(_COLOURS)], _TOP + 14 + 20 * number
    places = " ".join("{:g},{:g}".format(*_at(point.covered, point.false)) for point in curve)
    x = _LEFT + _SIDE + 16
    return [
        f'<polyline points="{places}" fill="none" stroke="{colour}" stroke-width="2"/>',
        f'<path d="M{x} {y - 4}h20" stroke="{colour}" stroke-width="2"/>',
        f'<text x="{x + 26}" y="{y}">{escape(name)}</text>',
    ]


def _at(x: float, y: float) -> tuple[float, float]:
    return round(_LEFT + x * _SIDE, 1), round(_TOP + (1 - y) * _SIDE, 1)
