"""A figure beside its budget, and how a run of them is shown."""

import dataclasses
import os
import platform
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

_NAME, _VALUE, _BUDGET = 66, 16, 16


@dataclass(frozen=True, slots=True)
class Figure:
    """One thing that was measured.

    `budget` is the most that it may be, or with `at_least` the least; None where a figure is only
    reported, mostly to stand beside another. `note` says what a reader needs to judge it.
    """

    name: str
    value: float
    unit: str
    budget: float | None = None
    at_least: bool = False
    note: str = ""

    @property
    def met(self) -> bool | None:
        """Whether the budget is kept; None where there is none."""
        if self.budget is None:
            return None
        return self.value >= self.budget if self.at_least else self.value <= self.budget


def heading() -> str:
    """The head of the table."""
    return (
        f"{'figure':<{_NAME}}{'value':>{_VALUE}}{'budget':>{_BUDGET}}\n{'-' * (_NAME + _VALUE + _BUDGET + 8)}"
    )


def lines(figure: Figure) -> str:
    """A figure as it stands in the table, its note below it."""
    value = f"{_number(figure.value)} {figure.unit}".strip()
    sign = ">=" if figure.at_least else "<="
    budget = "" if figure.budget is None else f"{sign} {_number(figure.budget)} {figure.unit}".strip()
    verdict = {None: "", True: "met", False: "MISSED"}[figure.met]
    row = f"{figure.name:<{_NAME}}{value:>{_VALUE}}{budget:>{_BUDGET}}  {verdict}".rstrip()
    return f"{row}\n    {figure.note}" if figure.note else row


def report(figures: Sequence[Figure]) -> dict[str, Any]:
    """A run as JSON holds it: when and on what, and every figure with its verdict."""
    return {
        "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "python": platform.python_version(),
        "system": sys.platform,
        "cores": os.cpu_count(),
        "figures": [dataclasses.asdict(figure) | {"met": figure.met} for figure in figures],
    }


def _number(value: float) -> str:
    """Three digits that count."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
