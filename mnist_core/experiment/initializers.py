"""Initialisers of weights: a record each. To add one, add its name and its record."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

InitializerName = Literal[
    "zeros",
    "ones",
    "random_normal",
    "glorot_uniform",
    "glorot_normal",
    "he_uniform",
    "he_normal",
    "lecun_normal",
    "orthogonal",
]


@dataclass(frozen=True)
class Initializer:
    """Keras's class for it, and whether it draws numbers, for which it takes a seed."""

    keras_class: str
    random: bool = True


INITIALIZERS: dict[str, Initializer] = {
    "zeros": Initializer("Zeros", random=False),
    "ones": Initializer("Ones", random=False),
    "random_normal": Initializer("RandomNormal"),
    "glorot_uniform": Initializer("GlorotUniform"),
    "glorot_normal": Initializer("GlorotNormal"),
    "he_uniform": Initializer("HeUniform"),
    "he_normal": Initializer("HeNormal"),
    "lecun_normal": Initializer("LecunNormal"),
    "orthogonal": Initializer("Orthogonal"),
}
