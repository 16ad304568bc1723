"""The platform's time, which a test may let pass."""

import time


class Clock:
    """Real time, plus what a test let pass on top."""

    def __init__(self) -> None:
        self._ahead = 0.0

    def now(self) -> float:
        """Seconds since 1970."""
        return time.time() + self._ahead

    def advance(self, seconds: float) -> None:
        """Let this time pass at once."""
        self._ahead += seconds
