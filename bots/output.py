"""What programs read on stdout."""

import json
import sys
from typing import Any


def print_json(value: Any) -> None:
    """Half a surrogate pair, which JSON of a platform may bring, is written as JSON's own escape."""
    text = json.dumps(value, ensure_ascii=False, indent=2) + "\n"
    sys.stdout.buffer.write(text.encode("utf-8", "backslashreplace"))
