"""What the pictures of both platforms are about: a handbook, a question, and a model that pauses."""

from calendar import month_name
from pathlib import Path

from tests import files
from tests.emulators.tgi import TgiStandIn, tokens_of

QUESTION = "How much leave do staff earn in a year, and who says yes to it?"
BEGINNING = " Staff earn **two and a half days** of leave each month. Requests go to the team lead"
SHOWN = " ".join(BEGINNING.split()[:-1])
"""What is seen in the pause: the last word may go on."""
TOKENS = "4000"
"""What the setting BACKEND__MAX_NEW_TOKENS must be, so that the answer is not cut."""
_ROWS = "\n".join(f"| {month_name[number]} | 2.5 | {number * 2.5} |" for number in range(1, 4))
_MONTHS = "\n".join(
    f"- **{month_name[number]}** brings {number * 2.5:g} days in all; requests go to the team lead at least "
    "ten days ahead, and the lead answers within three days."
    for number in range(1, 13)
)
ANSWER = f"""\
{BEGINNING} at least ten days ahead, and the lead answers within three days.

| Month | Earned | In all |
| --- | ---: | ---: |
{_ROWS}

So it goes on, month by month:

{_MONTHS}

New people may take leave after their first month, when the lead agrees to it in writing before the flight \
is booked. Flights are booked by the office, and receipts are kept for at least two years."""

_PAUSE = 5.0
"""Seconds: longer than the time between two writes, so that all that was said is seen."""


class Pausing(TgiStandIn):
    """A model that says its beginning at once, and the rest after a while."""

    def __init__(self) -> None:
        super().__init__(ANSWER, max_total_tokens=8000)

    @property
    def token_delay(self) -> float:
        """Seconds until the next token."""
        return _PAUSE if self.steps == len(tokens_of(BEGINNING)) else 0.0

    @token_delay.setter
    def token_delay(self, seconds: float) -> None: ...


def handbook(folder: Path) -> tuple[str, bytes]:
    """The name of the PDF that goes with the question, and its bytes."""
    path = files.pdf(folder)
    return path.name, path.read_bytes()
