"""Optimisers a learner can choose: a record each. To add one, add its name and its record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

OptimizerName = Literal["sgd", "momentum", "nesterov", "rmsprop", "adam", "adamw"]


@dataclass(frozen=True)
class Optimizer:
    """An optimiser: its title here, its class and arguments in Keras.

    `usual_rate` is a learning rate that most networks bear; `weight_decay` says whether it takes
    that argument.
    """

    title: str
    keras_class: str
    arguments: Mapping[str, float | bool] = field(default_factory=dict)
    usual_rate: float = 0.001
    weight_decay: bool = False


OPTIMIZERS: dict[str, Optimizer] = {
    "sgd": Optimizer("SGD", "SGD", usual_rate=0.1),
    "momentum": Optimizer("SGD with momentum", "SGD", {"momentum": 0.9}, usual_rate=0.1),
    "nesterov": Optimizer(
        "Nesterov momentum", "SGD", {"momentum": 0.9, "nesterov": True}, usual_rate=0.1
    ),
    "rmsprop": Optimizer("RMSprop", "RMSprop"),
    "adam": Optimizer("Adam", "Adam"),
    "adamw": Optimizer("AdamW", "AdamW", weight_decay=True),
}
