"""What a test lets go wrong on every platform, and how it lets time pass."""

from tests.emulators.shared.clock import Clock
from tests.emulators.shared.faults import Fault, Faults


class Troubles:
    """Verbs that disturb. Faults are made by the functions of the platform's module `faults`."""

    def __init__(self, faults: Faults, clock: Clock) -> None:
        self._faults = faults
        self._clock = clock

    async def fault(self, fault: Fault) -> int:
        """Arm a fault; its number."""
        return self._faults.add(fault)

    async def held(self, fault: int) -> int:
        """How many calls a fault holds."""
        return self._faults.armed[fault].waiting

    async def release(self, fault: int) -> None:
        """Let the calls that a fault holds go on."""
        self._faults.release(fault)

    async def clear_faults(self) -> None:
        """Take all faults away."""
        self._faults.clear()

    async def advance(self, seconds: float) -> None:
        """Let time pass on the platform: for whatever expires, waits or is counted there."""
        self._clock.advance(seconds)
