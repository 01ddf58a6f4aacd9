"""A network drawn from left to right: what goes in, what each layer makes of it, ten answers.

`st.html` removes SVG elements that stand in the page, but keeps pictures. So the drawing is one
SVG picture in colours that suit light and dark pages, and everything written is HTML around it,
in the page's own font and colour.
"""

from __future__ import annotations

import base64
import html
import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mnist_core.experiment.layer import describe_shape
from mnist_core.experiment.layers import LAYERS
from mnist_core.experiment.shapes import LayerShape, total_parameters

# At least 3:1 against a white and a near-black page: the picture cannot know which it stands on.
BLUE, ORANGE, GREEN, GREY = "#2c79d7", "#dd7411", "#0fa67c", "#7f8894"
BERRY, OLIVE, ORCHID = "#b8357a", "#80690f", "#d34fc4"
AMBER = "#f5a31a"  # the windows, which lie on the planes' colours

HEIGHT = 206  # of the drawing, in pixels at its natural size
MIDDLE = HEIGHT / 2 + 6
PIXEL = 3.8  # a side of one of the input's pixels
SMALLEST = 14
FAN = 9  # points at which lines meet a slab
GAP = 26  # between two drawings
SHOWN_UNITS = 10
UNIT_STEP = 18
RADIUS = 6.5
STACK_STEP = 5
SLAB_WIDTH = 24
SLAB_HEIGHT = 92  # at least: room for its word
ROW_HEIGHT = UNIT_STEP * 9 + 2 * RADIUS
CAPTION_WIDTH = 58

COLOURS = {
    "grey": GREY,
    "blue": BLUE,
    "green": GREEN,
    "orange": ORANGE,
    "olive": OLIVE,
    "orchid": ORCHID,
    "berry": BERRY,
}
"""The colours that a layer type can have, by name."""


@dataclass(frozen=True)
class _Box:
    """The place of a layer's drawing, in pixels, and how its neighbours connect to it."""

    row: LayerShape
    form: str  # "planes", "units" or "slab"
    start: float  # left edge of the layer's column
    width: float  # of the column
    left: float  # left edge of the drawing itself
    right: float
    half: float  # half of its height
    ports: tuple[float, ...]  # heights at which lines meet it

    @property
    def colour(self) -> str:
        if self.row.kind == "output":
            return ORANGE
        return COLOURS[LAYERS[self.row.kind].colour] if self.row.kind in LAYERS else GREY


def architecture(shapes: Sequence[LayerShape]) -> str:
    """HTML for `st.html` that draws the network of `shapes` (input, hidden layers, output).

    Images are planes as large as they are, drawn one behind the other for their channels; rows of
    numbers are columns of units; layers without a shape of their own are slabs. Under each stand
    its name, output shape and parameters. A long network scrolls sideways in its own box.
    """
    boxes = _place(shapes)
    width = boxes[-1].start + boxes[-1].width if boxes else 0
    pairs = list(itertools.pairwise(boxes))
    windows = (_window(*pair, index) for index, pair in enumerate(pairs))
    drawing = "".join([*itertools.starmap(_link, pairs), *map(_draw, boxes), *windows])
    picture = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {HEIGHT}" '
        f'width="{width:g}" height="{HEIGHT}">{drawing}</svg>'
    )
    source = base64.b64encode(picture.encode()).decode()
    columns = " ".join(f"{box.width:g}fr" for box in boxes)
    return (
        f"{STYLE}"
        '<div class="net" tabindex="0">'
        f'<div class="net-scene" style="min-width:{width:g}px;max-width:{1.35 * width:g}px">'
        f'<div class="net-drawing"><img role="img" src="data:image/svg+xml;base64,{source}" '
        f'alt="{_description(shapes)}" aria-label="{_description(shapes)}">'
        f"{''.join(_words(box, width) for box in boxes)}</div>"
        f'<div class="net-captions" style="grid-template-columns:{columns}">'
        f"{''.join(map(_caption, boxes))}</div>"
        f'<div class="net-tips" style="grid-template-columns:{columns}">'
        f"{''.join(map(_tip, boxes))}</div>"
        "</div></div>"
    )


# The fade at an edge says that there is more to scroll to; a network that fits has none. No "<" in
# here: the sanitiser would drop the whole style sheet.
STYLE = """<style>
.net { overflow-x: auto; padding-bottom: 0.4rem; scrollbar-width: thin;
  animation: net-fade linear; animation-timeline: scroll(self inline); }
@keyframes net-fade {
  0% { mask-image: linear-gradient(to left, transparent, black 3rem); }
  1%, 99% { mask-image: linear-gradient(to left, transparent, black 3rem, black calc(100% - 3rem),
    transparent); }
  100% { mask-image: linear-gradient(to right, transparent, black 3rem); }
}
.net-scene { position: relative; margin: 0 auto; }
.net-drawing { position: relative; }
.net-drawing img { display: block; width: 100%; max-width: none; }
.net-drawing span { position: absolute; transform: translate(-50%, -50%); white-space: nowrap;
  line-height: 1; font-size: 0.8rem; }
.net-drawing .net-slab { writing-mode: vertical-rl; rotate: 180deg; transform: translate(50%, 50%);
  font-size: 0.78rem; font-weight: 600; }
.net-captions, .net-tips { display: grid; }
.net-captions div { text-align: center; font-size: 0.8rem; line-height: 1.35; padding: 0 3px;
  font-variant-numeric: tabular-nums; }
.net-captions b, .net-captions i { display: block; font-style: normal; }
.net-captions i { opacity: 0.75; }
.net-tips { position: absolute; inset: 0; }
.net-tips div { border-radius: 8px; }
.net-tips div:hover { background: rgba(127, 136, 148, 0.1); }
</style>"""


# --- Where everything goes ---------------------------------------------------------------------


def _place(shapes: Sequence[LayerShape]) -> list[_Box]:
    boxes: list[_Box] = []
    start = 0.0
    for row in shapes:
        form, body, half = _size(row, boxes[-1] if boxes else None)
        caption = max(CAPTION_WIDTH, 6.9 * max(map(len, _caption_words(row))) + 8)
        width = max(body + GAP, caption)
        left = start + (width - body) / 2
        ports = _ports(form, row, half)
        boxes.append(_Box(row, form, start, width, left, left + body, half, ports))
        start += width
    return boxes


def _size(row: LayerShape, before: _Box | None) -> tuple[str, float, float]:
    """A layer's form, the width of its drawing and half of its height."""
    if row.kind in ("dense", "output"):
        return "units", 2 * RADIUS, ((_visible(row.output_shape[0]) - 1) * UNIT_STEP) / 2 + RADIUS
    if len(row.output_shape) == 3 and _has_maps(row.kind):
        height, width, channels = row.output_shape
        depth = STACK_STEP * (_planes(channels) - 1)
        return "planes", _side(width) + depth, (_side(height) + depth) / 2
    if len(row.output_shape) == 3:  # as high as the image that goes through it
        return "slab", SLAB_WIDTH, max(SLAB_HEIGHT / 2, before.half if before else 0)
    return "slab", SLAB_WIDTH, ROW_HEIGHT / 2


def _side(pixels: int) -> float:
    return max(SMALLEST, PIXEL * pixels)


def _planes(channels: int) -> int:
    """The number of planes for `channels`: 1 to 3 as they are, then one more a doubling."""
    return channels if channels <= 3 else min(9, 1 + round(math.log2(channels)))


def _visible(units: int) -> int:
    """Places in a column of units; one of more than SHOWN_UNITS keeps two for the dots."""
    return min(units, SHOWN_UNITS)


def _ports(form: str, row: LayerShape, half: float) -> tuple[float, ...]:
    if form == "units":
        count = _visible(row.output_shape[0])
        places = set(range(count))
        if row.output_shape[0] > SHOWN_UNITS:
            places -= {count // 2 - 1, count // 2}  # where the dots are
        return tuple(MIDDLE + (place - (count - 1) / 2) * UNIT_STEP for place in sorted(places))
    if form == "slab":
        inner = half - 10
        return tuple(MIDDLE + inner * (2 * place / (FAN - 1) - 1) for place in range(FAN))
    return ()


# --- The drawing -------------------------------------------------------------------------------


def _draw(box: _Box) -> str:
    if box.form == "planes":
        return _draw_planes(box)
    return _draw_units(box) if box.form == "units" else _draw_slab(box)


def _front(box: _Box) -> tuple[float, float, float, float]:
    """Left, top, width and height of the plane in front."""
    height, width = (_side(size) for size in box.row.output_shape[:2])
    return box.left, MIDDLE + box.half - height, width, height


def _draw_planes(box: _Box) -> str:
    left, top, width, height = _front(box)
    if box.row.kind == "input":
        return _digit(left, top)
    parts = []
    for back in range(_planes(box.row.output_shape[2]) - 1, -1, -1):
        shift, tone = STACK_STEP * back, _darker(box.colour, 0.05 * back)
        parts.append(_rect(left + shift, top - shift, width, height, 2.5, tone, 1, "#ffffff", 0.8))
    return "".join(parts)


def _darker(colour: str, share: float) -> str:
    channels = (int(colour[place : place + 2], 16) for place in (1, 3, 5))
    return "#" + "".join(f"{round(channel * (1 - share)):02x}" for channel in channels)


def _draw_units(box: _Box) -> str:
    x = (box.left + box.right) / 2
    parts = [f'<circle cx="{x:g}" cy="{y:g}" r="{RADIUS}" fill="{box.colour}"/>' for y in box.ports]
    if box.row.output_shape[0] > SHOWN_UNITS:
        parts += [
            f'<circle cx="{x:g}" cy="{MIDDLE + 8 * place:g}" r="1.8" fill="{box.colour}"/>'
            for place in (-1, 0, 1)
        ]
    return "".join(parts)


def _draw_slab(box: _Box) -> str:
    top, height = MIDDLE - box.half, 2 * box.half
    return _rect(box.left, top, SLAB_WIDTH, height, 6, box.colour, 0.22, box.colour, 0.9)


def _rect(
    x: float,
    y: float,
    width: float,
    height: float,
    radius: float,
    fill: str,
    fill_opacity: float,
    stroke: str,
    stroke_opacity: float,
) -> str:
    return (
        f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="{radius:g}" '
        f'fill="{fill}" fill-opacity="{fill_opacity:.2f}" stroke="{stroke}" '
        f'stroke-opacity="{stroke_opacity}"/>'
    )


def _digit(left: float, top: float) -> str:
    """A handwritten 5 in 28×28 pixels, white on black as in MNIST."""
    ink = _five()
    parts = [_rect(left, top, 28 * PIXEL, 28 * PIXEL, 2, "#0b0b0c", 1, GREY, 1)]
    for level in range(1, 5):
        rows, columns = np.nonzero(np.ceil(ink * 4) == level)
        path = "".join(
            f"M{left + PIXEL * column:.1f} {top + PIXEL * row:.1f}h{PIXEL}v{PIXEL}h-{PIXEL}z"
            for row, column in zip(rows, columns, strict=True)
        )
        parts.append(f'<path d="{path}" fill="#fff" fill-opacity="{level / 4:g}"/>')
    return "".join(parts)


def _five() -> NDArray[np.float64]:
    """Ink in [0, 1] (28, 28): each pixel by its distance to a few points along the pen's way."""
    arc = np.linspace(-2.2, 2.35, 40)
    bowl = np.stack([12.6 + 5.2 * np.cos(arc), 17.6 + 4.9 * np.sin(arc)], axis=1)
    pen = np.concatenate(
        [
            np.linspace([19.6, 5.6], [11.0, 6.2], 20),
            np.linspace([11.0, 6.2], bowl[0] + [-0.6, 0.2], 20),
            bowl,
        ]
    )
    y, x = np.mgrid[0:28, 0:28]
    distance = np.hypot(x[..., None] - pen[:, 0], y[..., None] - pen[:, 1]).min(axis=-1)
    return np.clip(1.9 - distance, 0, 1)


# --- What connects two layers ------------------------------------------------------------------


def _link(before: _Box, after: _Box) -> str:
    if after.form == "planes" and before.form == "planes":
        return ""  # see _window, which lies on top
    if len(before.row.output_shape) == 3:
        return _funnel(before, after)
    if after.form == "units":
        pairs = [(a, b) for a in before.ports for b in after.ports]
        return _lines(before, after, pairs, 0.4 if len(pairs) <= 60 else 0.3)
    return _lines(before, after, [(y, y) for y in before.ports], 0.5)


def _lines(before: _Box, after: _Box, pairs: Sequence[tuple[float, float]], opacity: float) -> str:
    path = "".join(f"M{before.right:g} {a:.1f}L{after.left:g} {b:.1f}" for a, b in pairs)
    return f'<path d="{path}" fill="none" stroke="{GREY}" stroke-opacity="{opacity}"/>'


def _funnel(before: _Box, after: _Box) -> str:
    """From all of an image to all of a slab, or back."""
    left, right = _edges(before)[1], _edges(after)[0]
    return (
        f'<path d="M{left[0]:g} {left[1]:g}L{right[0]:g} {right[1]:g}V{right[2]:g}'
        f'L{left[0]:g} {left[2]:g}z" fill="{GREY}" fill-opacity="0.16"/>'
    )


def _edges(box: _Box) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
    """x, top and bottom of the left and of the right edge."""
    if box.form == "planes":
        left, top, width, height = _front(box)
        return (left, top, top + height), (left + width, top, top + height)
    return (
        (box.left, MIDDLE - box.half, MIDDLE + box.half),
        (box.right, MIDDLE - box.half, MIDDLE + box.half),
    )


def _window(before: _Box, after: _Box, index: int) -> str:
    """A window of an image and the pixel that it makes in the next one, both at their true size."""
    if not before.form == after.form == "planes":
        return ""
    down = 0.3 if index % 2 == 0 else 0.66  # what comes in and what goes out stay apart
    x, y, width, height = _front(before)
    side = min(max(_window_size(before.row, after.row) * PIXEL, 6), width, height)
    left, top = x + 0.6 * (width - side), y + down * (height - side)
    to_x, to_y, to_width, to_height = _front(after)
    pixel = min(PIXEL, to_width / 2)
    to_left, to_top = to_x + 0.6 * (to_width - pixel), to_y + down * (to_height - pixel)
    path = (
        f"M{left + side:g} {top:g}L{to_left:g} {to_top:g}"
        f"M{left + side:g} {top + side:g}L{to_left:g} {to_top + pixel:g}"
    )
    return (
        f'<path d="{path}" stroke="{AMBER}" stroke-width="1.2"/>'
        + _rect(left, top, side, side, 1, AMBER, 0.4, AMBER, 1)
        + _rect(to_left, to_top, pixel, pixel, 0.5, AMBER, 1, AMBER, 1)
    )


def _window_size(before: LayerShape, after: LayerShape) -> int:
    if after.kind == "conv" and after.output_shape[2]:
        filters, channels = after.output_shape[2], before.output_shape[2]
        return round(math.sqrt(max(1, (after.parameters / filters - 1) / channels)))
    return max(1, round(before.output_shape[0] / max(1, after.output_shape[0])))


# --- What is written ---------------------------------------------------------------------------


def _words(box: _Box, width: float) -> str:
    """The text in the drawing: a slab's word, the number of channels, the ten digits."""
    if box.form == "slab":
        word = _word(box.row.kind)
        return _span((box.left + box.right) / 2, MIDDLE, width, word, ' class="net-slab"')
    if box.row.kind == "output":
        x = box.right + 12
        return "".join(_span(x, y, width, str(digit)) for digit, y in enumerate(box.ports))
    if box.form == "planes" and box.row.kind != "input":
        maps = f"{box.row.output_shape[2]} maps"
        return _span((box.left + box.right) / 2, MIDDLE - box.half - 9, width, maps)
    return ""


def _word(kind: str) -> str:
    if kind == "input":
        return "input image"
    return LAYERS[kind].short_title if kind in LAYERS else kind


def _has_maps(kind: str) -> bool:
    return kind == "input" or (kind in LAYERS and LAYERS[kind].own_units)


def _span(x: float, y: float, width: float, text: str, attribute: str = "") -> str:
    place = f"left:{100 * x / width:.3f}%;top:{100 * y / HEIGHT:.3f}%"
    return f'<span{attribute} style="{place}">{html.escape(text)}</span>'


def _caption_words(row: LayerShape) -> tuple[str, ...]:
    return (row.name, describe_shape(row.output_shape), _parameters(row))


def _parameters(row: LayerShape) -> str:
    return f"{row.parameters:,} params" if row.parameters else "0 params"


def _caption(box: _Box) -> str:
    name, shape, parameters = (html.escape(word) for word in _caption_words(box.row))
    return f"<div><b>{name}</b>{shape}<i>{parameters}</i></div>"


def _tip(box: _Box) -> str:
    return f'<div title="{html.escape(_sentence(box.row))}"></div>'


def _sentence(row: LayerShape) -> str:
    parts = [f"{row.name}: {_word(row.kind)}"]
    if row.activation:
        parts.append(f"activation {row.activation}")
    parts.append(f"output {describe_shape(row.output_shape)}")
    parts.append(f"{row.parameters:,} parameters")
    if row.multiplications:
        parts.append(f"{row.multiplications:,} multiplications an image")
    return ", ".join(parts)


def _description(shapes: Sequence[LayerShape]) -> str:
    layers = "; ".join(_sentence(row) for row in shapes)
    total = total_parameters(shapes)
    return html.escape(f"The network, {total:,} parameters: {layers}.")
