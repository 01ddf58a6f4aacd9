"""Chapter 8's figure: a kernel that slides over an image and fills its feature map."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mnist_core.figures.shared import SHARED_JS
from mnist_core.figures.template import FOR_DARK, LIGHT, QUIET, THEME_JS
from mnist_core.figures.tips import TIPS_CSS, TIPS_JS

Floats = npt.NDArray[np.float64]
# Pixels of an image without its border.
SIDE = 28


def _read(name: str) -> str:
    return Path(__file__).with_name(name).read_text(encoding="utf-8")


CONVOLUTION_JS: str = "\n".join(
    [THEME_JS, SHARED_JS, TIPS_JS, _read("drawing.js"), _read("convolution.js")]
)
CONVOLUTION_CSS: str = TIPS_CSS + _read("convolution.css")
CONVOLUTION_HTML = (
    '<div class="convolution"><svg role="img"></svg><div class="sum" aria-live="off"></div></div>'
)


def convolution_data(
    clock: str,
    name: str,
    padded: Floats,
    kernel: Floats,
    stride: int,
    feature_map: Floats,
    pooled: Floats | None,
    pooling: str,
    alt: str,
) -> dict[str, Any]:
    """The data that CONVOLUTION_JS takes.

    `padded` [h, w] in [0, 1] is the image with its border of zeros, called `name`; `pooled` the
    map after ReLU and pooling, whose kind is called `pooling` (None: not shown). The clock goes
    through all places of `feature_map`, row by row, and then to the strongest answer.
    """
    height, width = feature_map.shape
    side = padded.shape[0]
    return {
        "clock": clock,
        "name": name,
        "padded": padded.round(4).tolist(),
        "border": (side - SIDE) // 2,
        "side": SIDE,
        "kernel": kernel.tolist(),
        "stride": stride,
        "map": feature_map.round(4).tolist(),
        "pooled": None if pooled is None else pooled.round(4).tolist(),
        "best": list(strongest(feature_map)),
        "notes": {
            "image": f"{SIDE}×{SIDE}" if side == SIDE else f"with zeros around it {side}×{side}",
            "map": f"{height}×{width}",
            "pooling": f"ReLU, {pooling}",
            "pooled": "" if pooled is None else f"{pooled.shape[0]}×{pooled.shape[1]}",
        },
        "colours": {
            "positive": LIGHT[0],
            "negative": LIGHT[1],
            "accent": LIGHT[2],
            "quiet": QUIET,
        },
        "dark": FOR_DARK,
        "alt": alt,
    }


def strongest(feature_map: Floats) -> tuple[int, int]:
    """Row and column of the largest absolute value."""
    row, column = np.unravel_index(int(np.abs(feature_map).argmax()), feature_map.shape)
    return int(row), int(column)
