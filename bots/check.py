"""What a look at one part found."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Check:
    """One part: what was found, or what is wrong and how to mend it."""

    part: str
    well: bool
    found: str
    mend: str = ""
