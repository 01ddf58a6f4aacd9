"""Activations a layer can have: a record each. To add one, add its name and its record.

A name is Keras's own. What the lesson says, what Look inside writes out and what the NumPy network
of the lesson computes are read from here.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Function = Callable[[Floats], Floats]

ActivationName = Literal[
    "linear", "sigmoid", "tanh", "relu", "leaky_relu", "elu", "selu", "gelu", "swish"
]
LEAK = 0.2  # Keras's leaky ReLU keeps this share of what is negative
# Of the scaled exponential linear unit (Klambauer et al. 2017): its slope above zero, and what it
# tends to below, as a share of that.
SELU_SCALE, SELU_ALPHA = 1.0507009873554805, 1.6732632423543772


@dataclass(frozen=True)
class Activation:
    r"""A function φ of the sum z, its derivative, and what is said of them.

    `value` and `derivative` work number by number. `formula` and `slope` are both in LaTeX as
    functions of z; `worked` is the formula with places for a number (`{z}`, or `{bracketed}` where
    a negative one needs brackets), None where φ(z) = z. `identity_above` is true where it passes
    on what is above zero as it is; `worked_above` is the formula there where it is another.
    `about` is a sentence of the lesson, `effect` ends one that begins with its name. `also` are
    other names that Keras has for it.
    """

    title: str
    value: Function
    derivative: Function
    formula: str
    slope: str
    about: str
    effect: str
    worked: str | None
    identity_above: bool = False
    worked_above: str | None = None
    also: tuple[str, ...] = ()


def sigmoid(z: Floats) -> Floats:
    """1 / (1 + e^−z), from 0 to 1; this form never overflows."""
    return 0.5 * (1 + np.tanh(0.5 * np.asarray(z)))


def _normal_share(z: Floats) -> Floats:
    """The share of a standard normal distribution that lies below z."""
    return 0.5 * (1 + np.vectorize(math.erf, otypes=[float])(z / math.sqrt(2)))


def _normal_density(z: Floats) -> Floats:
    return np.exp(-0.5 * z**2) / math.sqrt(2 * math.pi)


def _sigmoid_slope(z: Floats) -> Floats:
    return sigmoid(z) * (1 - sigmoid(z))


def leaky_relu(slope: float) -> Activation:
    """The leaky ReLU that keeps the share `slope` of what is negative."""
    return Activation(
        "leaky ReLU",
        value=lambda z: np.where(z > 0, z, slope * z),
        derivative=lambda z: np.where(z > 0, 1.0, slope),
        formula=rf"\max({slope:g} z, z)",
        slope=rf"\begin{{cases}}1 & z > 0\\{slope:g} & z \le 0\end{{cases}}",
        about="A ReLU with a small slope below 0, so no neuron dies for good.",
        effect="keeps what is above zero and shrinks the rest",
        worked=rf"{slope:g} \cdot {{bracketed}}",
        identity_above=True,
    )


ACTIVATIONS: dict[str, Activation] = {
    "linear": Activation(
        "linear",
        value=lambda z: z,
        derivative=np.ones_like,
        formula="z",
        slope="1",
        about="No activation at all: the sum is passed on unchanged.",
        effect="changes nothing",
        worked=None,
    ),
    "sigmoid": Activation(
        "sigmoid",
        value=sigmoid,
        derivative=_sigmoid_slope,
        formula=r"\sigma(z) = \frac{1}{1 + e^{-z}}",
        slope=r"\sigma(z)\,(1 - \sigma(z))",
        about="Squeezes every sum between 0 and 1. Far from 0 it is flat: its slope vanishes.",
        effect="squeezes any number between 0 and 1",
        worked=r"\frac{{1}}{{1 + e^{{-{bracketed}}}}}",
    ),
    "tanh": Activation(
        "tanh",
        value=np.tanh,
        derivative=lambda z: 1 - np.tanh(z) ** 2,
        formula=r"\tanh z",
        slope=r"1 - \tanh^2 z",
        about="A sigmoid from −1 to 1, steeper in the middle and centred on 0.",
        effect="squeezes any number between −1 and 1",
        worked=r"\tanh({z})",
    ),
    "relu": Activation(
        "ReLU",
        value=lambda z: np.maximum(z, 0),
        derivative=lambda z: (z > 0).astype(np.float64),
        formula=r"\max(0, z)",
        slope=r"\begin{cases}1 & z > 0\\0 & z \le 0\end{cases}",
        about="Half flat, half straight; cheap, and its slope of 1 never fades.",
        effect="keeps what is above zero and makes the rest zero",
        worked=r"\max(0,\ {z})",
    ),
    "leaky_relu": leaky_relu(LEAK),
    "elu": Activation(
        "ELU",
        value=lambda z: np.where(z > 0, z, np.expm1(np.minimum(z, 0))),
        derivative=lambda z: np.where(z > 0, 1.0, np.exp(np.minimum(z, 0))),
        formula=r"\begin{cases}z & z > 0\\e^z - 1 & z \le 0\end{cases}",
        slope=r"\begin{cases}1 & z > 0\\e^z & z \le 0\end{cases}",
        about="Like ReLU above 0; below, it bends smoothly towards −1.",
        effect="keeps what is above zero and bends the rest towards −1",
        worked=r"e^{{{z}}} - 1",
        identity_above=True,
    ),
    "selu": Activation(
        "SELU",
        value=lambda z: SELU_SCALE * np.where(z > 0, z, SELU_ALPHA * np.expm1(np.minimum(z, 0))),
        derivative=lambda z: (
            SELU_SCALE * np.where(z > 0, 1.0, SELU_ALPHA * np.exp(np.minimum(z, 0)))
        ),
        formula=rf"{SELU_SCALE:.2f}\begin{{cases}}z & z > 0\\"
        rf"{SELU_ALPHA:.2f}\,(e^z - 1) & z \le 0\end{{cases}}",
        slope=rf"{SELU_SCALE:.2f}\begin{{cases}}1 & z > 0\\"
        rf"{SELU_ALPHA:.2f}\,e^z & z \le 0\end{{cases}}",
        about="An ELU scaled to keep values at the same scale through many dense layers.",
        effect="keeps what is above zero, a little larger, and bends the rest towards −1.76",
        worked=rf"{SELU_SCALE * SELU_ALPHA:.4f} \cdot (e^{{{{{{z}}}}}} - 1)",
        worked_above=rf"{SELU_SCALE:.4f} \cdot {{bracketed}}",
    ),
    "gelu": Activation(
        "GELU",
        value=lambda z: z * _normal_share(z),
        derivative=lambda z: _normal_share(z) + z * _normal_density(z),
        formula=r"z\,\Phi(z)",
        slope=r"\Phi(z) + z\,\Phi'(z)",
        about="z times the share of a normal distribution below z: a ReLU with a smooth corner.",
        effect="passes large values and fades out negative ones smoothly",
        worked=r"{z} \cdot \Phi({z})",
    ),
    "swish": Activation(
        "swish",
        value=lambda z: z * sigmoid(z),
        derivative=lambda z: sigmoid(z) + z * _sigmoid_slope(z),
        formula=r"z\,\sigma(z)",
        slope=r"\sigma(z) + z\,\sigma(z)\,(1 - \sigma(z))",
        about="z times its sigmoid: another ReLU with a smooth corner, also called SiLU.",
        effect="passes large values and fades out negative ones smoothly",
        worked=r"\frac{{{z}}}{{1 + e^{{-{bracketed}}}}}",
        also=("silu",),
    ),
}
"""Each activation by its name; `ActivationName` has the same names."""
