"""Learning-rate schedules: a record each. To add one, add its name and its record.

A schedule is a factor on the base learning rate that changes over the run. The Keras script holds
the source of its function, which therefore stands alone and needs NumPy (`np`) only.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

ScheduleName = Literal["constant", "step", "cosine", "one_cycle"]


@dataclass(frozen=True)
class Schedule:
    """A factor by the share of the run that is over, from 0 to below 1.

    `factor` is a function with a `def`, number by number; `about` is a line for the menu.
    """

    title: str
    factor: Callable[[npt.NDArray[np.float64]], npt.NDArray[np.float64]]
    about: str


def constant(progress: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The same learning rate all along."""
    return np.ones_like(progress)


def step(progress: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Multiply by 0.3 at each third of the training."""
    return 0.3 ** np.floor(progress * 3)


def cosine(progress: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Fall from 1 to 0 along half a cosine: Loshchilov and Hutter (2016), arXiv:1608.03983."""
    return 0.5 * (1 + np.cos(np.pi * progress))


def one_cycle(progress: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Rise from 0.04 to 1 in 30 % of the training, then fall to 0; both flanks half a cosine.

    Smith (2018), arXiv:1803.09820.
    """
    rising = progress < 0.3
    away = np.where(rising, (0.3 - progress) / 0.3, (progress - 0.3) / 0.7)
    lowest = np.where(rising, 0.04, 0.0)
    return lowest + (1 - lowest) * 0.5 * (1 + np.cos(np.pi * away))


SCHEDULES: dict[str, Schedule] = {
    "constant": Schedule("constant", constant, "constant learning rate"),
    "step": Schedule("step", step, "× 0.3 after each third of training"),
    "cosine": Schedule("cosine", cosine, "falls to 0 along half a cosine"),
    "one_cycle": Schedule("one cycle", one_cycle, "rises for 30% of training, then falls"),
}
"""Each schedule by its name; `ScheduleName` has the same names."""


def factors(schedule: str, first: int, count: int, total: int) -> npt.NDArray[np.float32]:
    """Factors on the base learning rate for some steps of a run.

    Args:
        schedule: A name in `SCHEDULES`.
        first: The first step, counted from 0.
        count: The number of steps.
        total: The steps of the whole run. Steps past it (epochs asked for later) keep the last
            step's factor, at least 0.01, so that a schedule that ends at zero still learns.

    Returns:
        float32 [count].

    >>> factors("cosine", 0, 2, 2).tolist()
    [1.0, 0.5]
    """
    steps = np.arange(first, first + count, dtype=np.float64)
    progress = np.minimum(steps, total - 1) / max(1, total)
    result = SCHEDULES[schedule].factor(progress)
    return np.where(steps >= total, np.maximum(result, 0.01), result).astype(np.float32)
