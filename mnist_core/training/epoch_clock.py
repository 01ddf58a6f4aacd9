"""The progress of training through its images: steps, epochs, and the size of each batch."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt


@dataclass(eq=False)
class EpochClock:
    """`step` steps taken, `ended` whole epochs, and `met` of `images` images in the present one.

    The batch size may change in mid-epoch: the rest of its images come in batches of the new size.
    `sizes` holds those of the present epoch's batches so far.
    """

    images: int
    batch_size: int
    step: int = 0
    ended: int = 0
    met: int = 0
    sizes: list[npt.NDArray[np.int64]] = field(default_factory=list)

    @property
    def steps_per_epoch(self) -> int:
        """Steps of a whole epoch; its last batch may be smaller than the others."""
        return math.ceil(self.images / self.batch_size)

    @property
    def left(self) -> int:
        """Steps that the present epoch still takes."""
        return math.ceil((self.images - self.met) / self.batch_size)

    @property
    def epoch(self) -> int:
        """The epoch that the last step belongs to, from 1."""
        return max(1, self.ended) if self.met == 0 else self.ended + 1

    @property
    def epochs_passed(self) -> float:
        """Epochs so far, the present one as a share."""
        within = sum(map(len, self.sizes))
        return self.ended + within / max(1, within + self.left)

    def total(self, epochs: int) -> int:
        """The number of the last step of `epochs` epochs; of this one when that is over."""
        if epochs <= self.ended:
            return self.step
        return self.step + self.left + (epochs - self.ended - 1) * self.steps_per_epoch

    def advance(self, steps: int) -> None:
        """Take so many steps."""
        while steps > 0:
            taken = min(steps, self.left)
            before, self.met = self.met, min(self.images, self.met + taken * self.batch_size)
            sizes = np.full(taken, self.batch_size)
            sizes[-1] = self.met - before - (taken - 1) * self.batch_size
            self.sizes.append(sizes)
            self.step += taken
            steps -= taken
            if self.met == self.images:
                self.ended += 1
                self.met = 0
                self._last, self.sizes = self.sizes, []

    @property
    def last_sizes(self) -> npt.NDArray[np.int64]:
        """The sizes of the batches of the epoch that has just ended."""
        return np.concatenate(self._last)

    _last: list[npt.NDArray[np.int64]] = field(default_factory=list)
