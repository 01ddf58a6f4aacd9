"""The loss and accuracy of each step of a run, gathered piece by piece as they are stored."""

from __future__ import annotations

import threading
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, eq=False)
class StepMetrics:
    """One value a step: `step` int64 [n] from 1, `loss` and `accuracy` float32 [n]."""

    step: npt.NDArray[np.int64]
    loss: npt.NDArray[np.float32]
    accuracy: npt.NDArray[np.float32]


class Curve:
    """The step metrics of one run, gathered piece by piece into growing arrays."""

    def __init__(self) -> None:
        """An empty curve, of no attempt. Whoever reads or appends holds `lock`."""
        self.lock = threading.Lock()
        self.attempt: int | None = None
        self.forget_unless(-1)

    def forget_unless(self, attempt: int | None) -> None:
        """Begin anew when the run has: its steps may be others than those gathered so far."""
        if attempt != self.attempt:
            self.attempt = attempt
            self.last_row = 0
            self._size = 0
            self._step = np.zeros(1024, np.int64)
            self._values = np.zeros((2, 1024), np.float32)

    def append(self, number: int, first_step: int, loss: bytes, accuracy: bytes) -> None:
        """Add a stored piece: its row's `number`, and float32 values from `first_step` on."""
        values = np.frombuffer(loss, "<f4"), np.frombuffer(accuracy, "<f4")
        end = self._size + len(values[0])
        if end > len(self._step):
            room = max(end, 2 * len(self._step)) - len(self._step)
            self._step = np.pad(self._step, (0, room))
            self._values = np.pad(self._values, ((0, 0), (0, room)))
        self._step[self._size : end] = np.arange(first_step, first_step + len(values[0]))
        self._values[:, self._size : end] = values
        self._size, self.last_row = end, number

    def metrics(self) -> StepMetrics:
        """All steps so far."""
        part = slice(0, self._size)
        # Copies: the arrays grow in place while the caller still draws.
        return StepMetrics(*(a[part].copy() for a in (self._step, *self._values)))
