"""Chapter 3's panels: the images and digits that each hidden neuron answers to, in HTML."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mnist_core.figures.diagram import number, svg, words
from mnist_core.figures.live import png_address
from mnist_core.figures.template import GRID
from mnist_core.figures.tips import TIPS_CSS, tip

Floats = npt.NDArray[np.float64]
Images = npt.NDArray[np.uint8]

NEURON_CSS = (
    TIPS_CSS
    + """
.panels { color: var(--st-text-color); font-family: var(--st-font); }
.panels .neuron { display: grid; gap: 0.6rem 2rem; align-items: start;
  grid-template-columns: repeat(auto-fit, minmax(min(100%, 17rem), 1fr)); }
.panels p { margin: 0 0 0.4rem; }
.panels img { display: block; width: min(100%, 15rem); image-rendering: pixelated;
  margin-bottom: 0.5rem; }
.panels svg text { fill: var(--st-text-color); font-size: 15px; }
.panels .bar { fill: var(--st-text-color); fill-opacity: 0.4; }
.panels .best { fill: var(--st-primary-color); fill-opacity: 1; }
.panels g:hover .bar { fill-opacity: 0.7; }
.panels g:hover .best { fill-opacity: 1; }
"""
)
WIDTH, HEIGHT, FOOT = 340.0, 134.0, 24.0
BETWEEN = 2  # pixels between two images


def neuron_panel(unit: int, means: Floats, votes: Floats, favourites: Images) -> str:
    """The panel that shows what hidden neuron `unit` responds to, as HTML.

    `means` [10] are its mean outputs for each digit, `votes` [10] its weights to the outputs,
    `favourites` [n, 28, 28] the images that excite it most.
    """
    most, least = int(votes.argmax()), int(votes.argmin())
    return (
        f'<div class="neuron"><div><p><b>Neuron {unit}</b> is excited most by</p>'
        f'<img src="{png_address(_row(favourites))}" alt="{len(favourites)} test images">'
        f"<p>Its strongest weights to the outputs: {number(float(votes[most]))} for a {most}, "
        f"{number(float(votes[least]))} against a {least}.</p></div>"
        "<div><p><b>Its output, on average, for each digit</b></p>"
        f"{_bars(means, votes)}</div></div>"
    )


def _row(images: Images) -> Images:
    """Images [n, h, w] side by side, with white between them."""
    between = np.full((images.shape[1], BETWEEN), 255, np.uint8)
    parts = [part for image in images for part in (image, between)]
    return np.hstack(parts[:-1])


def _bars(means: Floats, votes: Floats) -> str:
    best, most = int(means.argmax()), max(float(means.max()), 1e-9)
    ground, step = HEIGHT - FOOT, WIDTH / len(means)
    parts = [f'<path d="M0 {ground:g}H{WIDTH:g}" stroke="{GRID}"/>']
    for digit, (mean, vote) in enumerate(zip(means, votes, strict=True)):
        high = max((ground - 22) * float(mean) / most, 1)
        middle = (digit + 0.5) * step
        told = f"Shown a {digit}: {number(float(mean))} on average\n"
        told += f"its weight to output {digit}: {number(float(vote))}"
        kind = "bar best" if digit == best else "bar"
        parts.append(
            f'<g {tip(told)}><rect x="{digit * step:g}" y="0" width="{step:g}" height="{HEIGHT:g}" '
            f'fill-opacity="0"/><rect class="{kind}" x="{middle - 0.38 * step:g}" '
            f'y="{ground - high:.1f}" width="{0.76 * step:g}" height="{high:.1f}"/>'
            + (words(middle, ground - high - 11, number(float(mean))) if digit == best else "")
            + words(middle, HEIGHT - 9, str(digit))
            + "</g>"
        )
    return svg(WIDTH, HEIGHT, *parts)
