"""Directions as signed bytes."""

from typing import Any

import numpy as np

from core.ports import Vector


def quantized(values: Any) -> Vector:
    """The direction of these numbers, the largest of which becomes 127; of what is no direction, zeros.

    At 384 dimensions the angle to the exact one is about a degree.
    """
    exact = np.nan_to_num(np.asarray(values, np.float32), posinf=0, neginf=0)
    scaled = np.rint(exact * (127 / (np.abs(exact).max() or 1)))
    return bytes(scaled.astype(np.int8).tobytes())
