"""Chapter 1's figure: a neuron on two pixels of a digit, and the plane of both pixels.

Its script (neuron.js) follows the sliders within a frame. It multiplies, adds up and looks the
output up in the curve of the activation, which comes from here.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mnist_core.experiment.activations import ACTIVATIONS
from mnist_core.figures.template import FOR_DARK, GROUND, LIGHT, QUIET, THEME_JS
from mnist_core.figures.tips import TIPS_CSS, TIPS_JS

Floats = npt.NDArray[np.float64]


def _read(name: str) -> str:
    return Path(__file__).with_name(name).read_text(encoding="utf-8")


NEURON_JS: str = "\n".join([THEME_JS, TIPS_JS, _read("drawing.js"), _read("neuron.js")])
NEURON_CSS: str = TIPS_CSS + _read("neuron.css")
REACH = 3.0  # weights and bias go from −REACH to REACH
Z_STEP = 0.05  # between two points of an activation's curve


def neuron_data(
    pixels: Floats,
    pair: tuple[tuple[int, int], tuple[int, int]],
    points: Floats,
    blue: npt.NDArray[np.bool_],
    names: Mapping[str, str],
    first: Mapping[str, float],
    alt: str,
) -> dict[str, Any]:
    """The data that NEURON_JS takes.

    `pixels` [7, 7] in [0, 1] are the digit's, `pair` the places of its two inputs; `points` [n, 2]
    are other digits, those that are `blue` on one side. `names` maps activations to what they are
    called here, `first` gives the weights w1 and w2 and the bias b to begin with.
    """
    z = np.arange(-3 * REACH, 3 * REACH + Z_STEP / 2, Z_STEP)  # both inputs are at most 1
    return {
        "pixels": pixels.round(3).tolist(),
        "pair": [list(place) for place in pair],
        "points": points.round(3).tolist(),
        "blue": blue.tolist(),
        "reach": REACH,
        "first": dict(first),
        "curves": {
            name: {
                "title": title,
                "low": float(z[0]),
                "step": Z_STEP,
                "values": ACTIVATIONS[name].value(z).round(5).tolist(),
            }
            for name, title in names.items()
        },
        "colours": {
            "positive": LIGHT[0], "negative": LIGHT[1], "accent": LIGHT[2], "quiet": QUIET,
            "ground": GROUND,
        },
        "dark": FOR_DARK,
        "alt": alt,
    }  # fmt: skip
