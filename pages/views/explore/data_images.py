"""The images of a data set, class by class."""

from __future__ import annotations

import html
from datetime import timedelta

import numpy as np
import streamlit as st

from mnist_core.data.mnist import Dataset
from mnist_core.experiment.class_names import noun
from mnist_core.figures.live import png_address

SHOWN_EACH = 10


def show_images(data: Dataset, name: str) -> None:
    """Some training images of each class, and how many there are; `name` is the set's."""
    strips, counts = _strips(name, data)
    figures = "".join(
        f'<figure><img src="{strip}" alt="Examples of {html.escape(called)}">'
        f"<figcaption><strong>{html.escape(called)}</strong> {count:,}</figcaption></figure>"
        for called, strip, count in zip(data.classes, strips, counts, strict=True)
    )
    st.html(f"<style>{_STYLE}</style>")
    st.caption(f"The first training images of each {noun(data.classes)}, and how many there are.")
    st.html(f'<div class="classes">{figures}</div>')


@st.cache_resource(max_entries=16, ttl=timedelta(hours=1), show_spinner=False)
def _strips(name: str, _data: Dataset) -> tuple[list[str], list[int]]:
    """For each class a row of images as a data address, and how many training images it has."""
    strips = []
    for index in range(len(_data.classes)):
        first = np.flatnonzero(_data.y_train == index)[:SHOWN_EACH]
        row = np.zeros((SHOWN_EACH, 28, 28), np.uint8)
        row[: len(first)] = _data.x_train[first]
        strips.append(png_address(row.swapaxes(0, 1).reshape(28, -1)))
    counts = np.bincount(_data.y_train, minlength=len(_data.classes))
    return strips, counts.tolist()


_STYLE = """
.classes { display: grid; grid-template-columns: repeat(auto-fill, minmax(280px, 1fr));
    gap: 0.75rem 1.5rem; }
.classes figure { margin: 0; }
.classes img { width: 100%; display: block; image-rendering: pixelated; background: #000; }
.classes figcaption { font-size: 0.875rem; margin-top: 0.2rem; }
"""
