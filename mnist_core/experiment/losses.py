"""Loss functions a learner can choose: a record each. To add one, add its name and its record.

What each computes is in `mnist_core.training.train_step`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

LossName = Literal["cross_entropy", "mean_squared_error"]


@dataclass(frozen=True)
class Loss:
    """A loss: its title here, its name in Keras, and what to expect of it.

    `sparse` and `categorical` are the Keras classes for labels as numbers and as rows, one number
    a class; `sparse` is None where Keras has none. `guess` gives the loss of a network that finds
    all of so many classes equally likely. `expect` is a sentence for the learner.
    """

    title: str
    categorical: str
    sparse: str | None
    guess: Callable[[int], float]
    expect: str
    label_smoothing: bool = False


LOSSES: dict[str, Loss] = {
    "cross_entropy": Loss(
        "Cross-entropy",
        "CategoricalCrossentropy",
        "SparseCategoricalCrossentropy",
        math.log,
        "Cross-entropy, −ln p of the right class: the surer a mistake, the harder it pulls. "
        "Guessing among ten digits gives 2.30.",
        label_smoothing=True,
    ),
    "mean_squared_error": Loss(
        "Mean squared error",
        "MeanSquaredError",
        None,
        # One class is off by 1 − 1/n, the others by 1/n each.
        lambda classes: (classes - 1) / classes**2,
        "Mean squared error between the probabilities and the label: expect a slower start, "
        "because a sure mistake hardly pulls at all. Guessing among ten digits gives 0.09.",
    ),
}
