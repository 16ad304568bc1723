"""What a look at one part found."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Check:
    """One part: what was found, or what is wrong and how to mend it."""

    part: str
    well: bool
    found: str
    mend: str = ""

    def __str__(self) -> str:
        """As people read it: what is wrong has its mend below it."""
        if self.well:
            return f"ok       {self.part}: {self.found}"
        return f"PROBLEM  {self.part}: {self.found}\n         {self.mend}"
