"""Many small images as one figure: kernels, feature maps, digits, gradients.

The page's pixel view (pixels.js) draws them with crisp pixels, tells the value under the mouse
and reports which pixel was pressed. With a `Connection` (connections.js) it also shows, without
asking the server, which values of one group a value of another is computed from.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from mnist_core.figures.shared import SHARED_JS
from mnist_core.figures.template import DARK, LIGHT
from mnist_core.figures.tips import TIPS_CSS

_HERE = Path(__file__).parent
PIXELS_JS: str = SHARED_JS + "\n".join(
    (_HERE / name).read_text(encoding="utf-8") for name in ("pixels.js", "connections.js")
)
PIXELS_CSS: str = TIPS_CSS + (_HERE / "pixels.css").read_text(encoding="utf-8")

FloatArray = npt.NDArray[np.float32]
Palette = Literal["diverging", "ink"]


@dataclass(frozen=True)
class Pixel:
    """A pixel of an image of a group; all from 0."""

    image: int
    row: int
    column: int


@dataclass(frozen=True)
class Box:
    """A rectangle around pixels of an image, `bottom` and `right` not included."""

    image: int
    top: int
    left: int
    bottom: int
    right: int


@dataclass(frozen=True, eq=False)
class Images:
    """Images of one size that belong together, on one colour scale.

    `values` float32 [n, height, width]. Palette "ink" goes from 0 black to 1 white, as digits
    are shown; "diverging" from -limit (orange) over 0 (the page's ground) to +limit (blue).
    `limit` None takes the largest absolute value. `noun` and `names` say what one image is
    ("map", or a name for each) in hover text; `captions` stand under each image.
    `backdrop` [height, width] in [0, 1] is a digit that shines through the values.
    `largest` is the side in screen pixels that one pixel is to have at most. A group that `opens`
    has a heading to press; the one that is `opened` stands out.
    """

    key: str
    title: str
    values: FloatArray
    note: str = ""
    palette: Palette = "diverging"
    limit: float | None = None
    noun: str = "map"
    names: tuple[str, ...] = ()
    captions: tuple[str, ...] = ()
    backdrop: FloatArray | None = None
    selected: Pixel | None = None
    boxes: tuple[Box, ...] = ()
    largest: int = 12
    opens: bool = False
    opened: bool = False


@dataclass(frozen=True, eq=False)
class Bars:
    """Shares in [0, 1] as horizontal bars; the largest, the prediction, stands out."""

    key: str
    title: str
    shares: FloatArray
    names: tuple[str, ...]
    note: str = ""
    opens: bool = False
    opened: bool = False


@dataclass(frozen=True)
class Label:
    """A group without images: what changes no value, such as flatten."""

    key: str
    title: str
    note: str = ""
    opens: bool = False
    opened: bool = False


Group = Images | Bars | Label


@dataclass(frozen=True, eq=False)
class Connection:
    """The connection of the values of the group `target` with those of the group `source`.

    A "window" of `size` pixels slides by `stride`, beginning `top` rows and `left` columns before
    the image; with `each_map` over the map of the same number alone. A "dense" unit sees all
    values; a "pixel" comes from the one at the same place.

    `weights` float32 [size, size, maps, units] or [inputs, units]; None where the kind has none or
    they are too many to send. `units` is the unit that each image of the target shows; () where
    the target is a tile, whose units follow one another. `maps` says that a dense layer's inputs
    are flattened maps [height, width, maps], not a row of numbers.
    """

    source: str
    target: str
    kind: Literal["window", "dense", "pixel"]
    size: int = 1
    stride: int = 1
    top: int = 0
    left: int = 0
    each_map: bool = False
    weights: FloatArray | None = None
    units: tuple[int, ...] = ()
    maps: bool = False


def pixels_data(groups: Sequence[Group], connection: Connection | None) -> dict[str, Any]:
    """The groups, their connection and their colours as PIXELS_JS takes them."""
    return {
        "groups": [_group(group) for group in groups],
        "connection": None if connection is None else _connection(connection),
        "light": {"positive": LIGHT[0], "negative": LIGHT[1]},
        "dark": {"positive": DARK[0], "negative": DARK[1]},
    }


def as_tile(values: npt.ArrayLike) -> FloatArray:
    """A row of numbers [n] as one image [height, width]: about square, filled row by row.

    What is left of the last row is NaN, which shows as nothing.
    """
    row = np.asarray(values, np.float32).ravel()
    width = tile_width(len(row))
    tile = np.full(-(-len(row) // width) * width, np.nan, np.float32)
    tile[: len(row)] = row
    return tile.reshape(-1, width)


def tile_width(count: int) -> int:
    """The number of `count` values in one row of their tile: a power of two, up to 64."""
    return int(min(64, 2 ** round(math.log2(max(count, 1)) / 2)))


def _group(group: Group) -> dict[str, Any]:
    if isinstance(group, Label):
        return {"kind": "label", **vars(group)}
    return _bars(group) if isinstance(group, Bars) else _images(group)


def _connection(connection: Connection) -> dict[str, Any]:
    """Weights travel as whole numbers of two bytes: products are written with three decimals."""
    weights = connection.weights
    found = vars(connection) | {"units": list(connection.units), "outputs": 0, "step": 0.0}
    if weights is None:
        return found
    step = float(np.abs(weights).max(initial=0)) / np.iinfo(np.int16).max or 1.0
    whole = np.round(weights / np.float32(step))
    return found | {
        "weights": _base64(whole, "<i2"), "outputs": weights.shape[-1], "step": step
    }  # fmt: skip


def _images(group: Images) -> dict[str, Any]:
    values = np.ascontiguousarray(group.values, np.float32)
    finite = values[np.isfinite(values)]
    limit = group.limit
    if limit is None:
        limit = float(np.abs(finite).max()) if finite.size else 0.0
    count, height, width = values.shape
    return {
        "kind": "images",
        "key": group.key,
        "title": group.title,
        "note": group.note,
        "count": count,
        "height": height,
        "width": width,
        "values": _base64(values),
        "backdrop": None if group.backdrop is None else _base64(group.backdrop),
        "palette": group.palette,
        "limit": limit or 1.0,
        "noun": group.noun,
        "names": list(group.names),
        "captions": list(group.captions),
        "selected": None if group.selected is None else vars(group.selected),
        "boxes": [vars(box) for box in group.boxes],
        "largest": group.largest,
        "opens": group.opens,
        "opened": group.opened,
    }


def _bars(group: Bars) -> dict[str, Any]:
    return {
        "kind": "bars",
        "key": group.key,
        "title": group.title,
        "note": group.note,
        "shares": [float(share) for share in np.nan_to_num(group.shares)],
        "names": list(group.names),
        "opens": group.opens,
        "opened": group.opened,
    }


def shown(value: float) -> str:
    """A value in words: three digits and a true minus sign."""
    return f"{value + 0.0:.3g}".replace("-", "−")  # + 0.0: no "−0"


def _base64(values: npt.ArrayLike, dtype: str = "<f4") -> str:
    """As bytes, little endian."""
    return base64.b64encode(np.ascontiguousarray(values, dtype).tobytes()).decode()
