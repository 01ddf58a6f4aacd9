"""Augmentation as the network meets it: one digit, and eight random changes of it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import streamlit as st

from mnist_core.base.sandbox import WorkFailed
from mnist_core.experiment.spec import Augmentation
from mnist_core.figures.live import png_address
from pages.widgets.background import come_back_for, forget, loader, newest

COPIES = 8

Image = npt.NDArray[np.uint8]

_STYLE = """<style>
.augmented { display: grid; grid-template-columns: 2fr repeat(4, 1fr); gap: 5px; margin: 0; }
.augmented img { width: 100%; aspect-ratio: 1; image-rendering: pixelated; border-radius: 4px; }
.augmented img:first-child { grid-row: span 2; height: 100%; object-fit: contain;
  background: #000000; }
</style>"""


def augmentation_preview(image: Image, augmentation: Augmentation, seed: int) -> None:
    """Show `image`, uint8 [28, 28], and what training with this seed may make of it.

    The first time TensorFlow may still be loading: the image stands unchanged meanwhile.
    """

    def changed() -> list[Image]:
        from mnist_core.model.augmented_copies import augmented_copies

        return list(augmented_copies(image, augmentation, seed, COPIES))

    work = newest("augmentation", (image.tobytes(), augmentation, seed), changed, loader())
    if not work.done():
        come_back_for(work, lambda: _show(image, [image] * COPIES))
        return
    try:
        _show(image, work.result())
    except WorkFailed as error:
        forget("augmentation")  # it is tried again when the page next runs
        st.caption(str(error))


def _show(image: Image, copies: list[Image]) -> None:
    pictures = [(image, "The digit as it is")]
    pictures += [(copy, f"The digit, changed at random: {n}") for n, copy in enumerate(copies, 1)]
    rows = "".join(f'<img src="{png_address(one)}" alt="{alt}">' for one, alt in pictures)
    st.html(f'{_STYLE}<figure class="augmented">{rows}</figure>')
