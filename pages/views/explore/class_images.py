"""Images of 28×28 pixels with a few words below each, side by side."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from mnist_core.figures.live import png_address

_STYLE = """<style>
.class-images { display: flex; flex-wrap: wrap; gap: 1rem; }
.class-images figure { margin: 0; width: 8.5rem; }
.class-images img { width: 100%; image-rendering: pixelated; border-radius: 0.4rem;
  display: block; }
.class-images figcaption { padding-top: 0.35rem; font-size: 0.95rem; line-height: 1.35;
  overflow-wrap: anywhere; }
</style>"""


def small_image(image: npt.NDArray[np.uint8], alt: str, caption: str) -> str:
    """A figure (HTML) of an image uint8 [28, 28]; `alt` and `caption` are HTML already."""
    address = png_address(image)
    return f'<figure><img src="{address}" alt="{alt}"><figcaption>{caption}</figcaption></figure>'


def gallery(figures: Sequence[str]) -> str:
    """These side by side (HTML with its style), in as many rows as the page's width needs."""
    return f'{_STYLE}<div class="class-images">{"".join(figures)}</div>'
