"""Learning-rate schedules: the factor on the base learning rate at each step."""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

ScheduleName = Literal["constant", "step", "cosine", "one_cycle"]

# One-cycle: the share of the steps spent rising, and the factors at both ends.
WARM_UP = 0.3
START = 0.04
END = 0.0
# Step: multiply by this at each third of the training.
STEP_FACTOR = 0.3


def factors(schedule: str, first: int, count: int, total: int) -> npt.NDArray[np.float32]:
    """Factors for steps `first` .. `first + count - 1` (from 0) of `total`: float32 [count].

    Steps past `total` (epochs asked for later) keep the last step's factor, at least 0.01, so
    that a schedule that ends at zero still learns. "one_cycle" follows Smith (2018),
    arXiv:1803.09820, with cosine flanks; "cosine" Loshchilov and Hutter (2016), arXiv:1608.03983.
    """
    steps = np.arange(first, first + count, dtype=np.float64)
    late = steps >= total
    progress = np.minimum(steps, total - 1) / max(1, total)
    if schedule == "constant":
        result = np.ones_like(progress)
    elif schedule == "step":
        result = STEP_FACTOR ** np.floor(progress * 3)
    elif schedule == "cosine":
        result = _cosine(1.0, 0.0, progress)
    elif schedule == "one_cycle":
        rising = _cosine(START, 1.0, progress / WARM_UP)
        falling = _cosine(1.0, END, (progress - WARM_UP) / (1 - WARM_UP))
        result = np.where(progress < WARM_UP, rising, falling)
    else:
        raise ValueError(f"There is no schedule “{schedule}”.")
    result = np.where(late, np.maximum(result, 0.01), result)
    return result.astype(np.float32)


def _cosine(start: float, end: float, share: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """From `start` to `end` along half a cosine as `share` goes from 0 to 1."""
    return end + (start - end) * 0.5 * (1 + np.cos(np.pi * np.clip(share, 0, 1)))
