"""Chapter 5's drawing: an image on its way through a small network, and one neuron's sum."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mnist_core.figures.diagram import (
    POSITIVE,
    edge,
    node,
    number,
    svg,
    words,
)
from mnist_core.figures.template import LIGHT, QUIET

Floats = npt.NDArray[np.float64]

WIDTH, HEIGHT = 448.0, 340.0
CELL = 15.0
HIDDEN_X, OUTPUT_X, BAR_X, BAR = 204.0, 312.0, 358.0, 46.0


@dataclass(frozen=True, eq=False)
class Flow:
    """Everything a forward pass computed for one image: pixels [7, 7], hidden and output values."""

    pixels: Floats
    hidden: Floats
    output_weights: Floats
    logits: Floats
    shares: Floats


def forward_drawing(flow: Flow, chosen: str) -> str:
    """The network from pixels to shares; `chosen` is "pixels", "h3" or "o7" and stands out."""
    parts = _pixels(flow, chosen)
    hidden, outputs = _heights(len(flow.hidden)), _heights(len(flow.logits))
    parts += _edges(flow, chosen, hidden, outputs)
    top = max(float(np.abs(flow.hidden).max()), 1e-9)
    for place, y in enumerate(hidden):
        value = float(flow.hidden[place])
        ring = LIGHT[2] if chosen == f"h{place}" else QUIET
        parts.append(
            f'<g data-press="h{place}" aria-label="hidden neuron {place}">'
            + node(HIDDEN_X, y, 16, value, scale=top, ring=ring)
            + words(HIDDEN_X, y + 1, _short(value), "small")
            + "</g>"
        )
    best = int(np.argmax(flow.shares))
    high = max(float(np.abs(flow.logits).max()), 1e-9)
    for digit, y in enumerate(outputs):
        value, share = float(flow.logits[digit]), float(flow.shares[digit])
        ring = LIGHT[2] if chosen == f"o{digit}" else QUIET
        weight = "strong" if digit == best else ""
        parts.append(
            f'<g data-press="o{digit}" aria-label="output {digit}">'
            + node(OUTPUT_X, y, 13.5, value, scale=high, ring=ring)
            + words(OUTPUT_X, y + 1, _short(value), "small")
            + "</g>"
            + words(BAR_X - 18, y + 1, str(digit), weight)
            + f'<rect x="{BAR_X:g}" y="{y - 8:g}" width="{max(BAR * share, 1):.1f}" height="16" '
            f'rx="3" fill="{POSITIVE if digit == best else QUIET}" '
            f'fill-opacity="{1 if digit == best else 0.6}"/>'
            + words(BAR_X + max(BAR * share, 1) + 5, y + 1, f"{share:.0%}", weight, "start")
        )
    for x, text in ((9 + 3.5 * CELL, "7×7 pixels"), (HIDDEN_X, "hidden"), (OUTPUT_X, "logits"),
                    (BAR_X + 24, "softmax")):  # fmt: skip
        parts.append(words(x, 10, text, "quiet"))
    return svg(WIDTH, HEIGHT, *parts, largest=620)


def _short(value: float) -> str:
    """A number that fits into a small circle."""
    return number(value, 1 if abs(value) < 9.95 else 0)


def _heights(count: int) -> Floats:
    return 36 + (np.arange(count) + 0.5) * (HEIGHT - 40) / count


def _pixels(flow: Flow, chosen: str) -> list[str]:
    side = CELL * flow.pixels.shape[1]
    top = 36 + (HEIGHT - 40 - side) / 2
    ring = LIGHT[2] if chosen == "pixels" else QUIET
    cells = []
    for (row, column), ink in np.ndenumerate(flow.pixels):
        grey = round(255 * float(ink))
        cells.append(
            f'<rect x="{9 + CELL * column:g}" y="{top + CELL * row:g}" width="{CELL + 0.4:g}" '
            f'height="{CELL + 0.4:g}" fill="rgb({grey},{grey},{grey})"/>'
        )
    frame = (
        f'<rect class="body" x="9" y="{top:g}" width="{side:g}" height="{side:g}" fill="none" '
        f'stroke="{ring}" stroke-width="2.5"/>'
    )
    return ['<g data-press="pixels" aria-label="the pixels">', *cells, frame, "</g>"]


def _edges(flow: Flow, chosen: str, hidden: Floats, outputs: Floats) -> list[str]:
    parts = []
    side = CELL * flow.pixels.shape[1]
    right, middle = 9 + side, 36 + (HEIGHT - 40) / 2
    for place, y in enumerate(hidden):
        strong = chosen == f"h{place}"
        parts.append(
            f'<path d="M{right:g} {middle - side / 2:g}L{HIDDEN_X:g} {y:g}L{right:g} '
            f'{middle + side / 2:g}z" fill="{QUIET}" fill-opacity="{0.25 if strong else 0.05}"/>'
        )
    products = flow.hidden[:, None] * flow.output_weights
    scale = max(float(np.abs(products).max()), 1e-9)
    for place, y in enumerate(hidden):
        for digit, end in enumerate(outputs):
            shown = 0.28
            if chosen in (f"h{place}", f"o{digit}"):
                shown = 0.95
            elif chosen != "pixels":
                shown = 0.1
            product = float(products[place, digit])
            parts.append(
                edge((HIDDEN_X, float(y)), (OUTPUT_X, float(end)), product, scale=scale,
                     opacity=shown)
            )  # fmt: skip
    return parts
