"""Chapter 8: a small kernel slides over an image."""

from __future__ import annotations

import numpy as np
import streamlit as st

from mnist_core import PRESETS
from mnist_core.figures.lesson.convolution import (
    CONVOLUTION_CSS,
    CONVOLUTION_HTML,
    CONVOLUTION_JS,
    convolution_data,
    strongest,
)
from mnist_core.lesson.numpy_net import Padding, convolve, pad, pool
from pages.session.lesson_digit import lesson_digit
from pages.views.learn.digit import choose_digit
from pages.views.learn.parts import Chapter, Link, Option, Question, side_by_side, train_link
from pages.widgets.player import player

SIZE = 3
OWN = "own"
KERNELS: dict[str, tuple[str, list[list[float]]]] = {
    "vertical": ("Vertical edges", [[-1, 0, 1], [-1, 0, 1], [-1, 0, 1]]),
    "horizontal": ("Horizontal edges", [[-1, -1, -1], [0, 0, 0], [1, 1, 1]]),
    "outline": ("Outline", [[-1, -1, -1], [-1, 8, -1], [-1, -1, -1]]),
    "blur": ("Blur", [[1 / 9] * SIZE] * SIZE),
    OWN: ("Your own", [[0, 1, 0], [1, -4, 1], [0, 1, 0]]),
}
PADDINGS: tuple[Padding, ...] = ("valid", "same")
WINDOW = 2
POOLS = {
    "none": "none",
    "max": f"max {WINDOW}×{WINDOW}",
    "average": f"average {WINDOW}×{WINDOW}",
}


def chapter() -> Chapter:
    """The chapter's content."""
    cnn, dense = PRESETS["cnn"].network, PRESETS["two-layer"].network
    first = cnn.layers[0]
    kernel, filters = first.kernel_size, first.filters  # type: ignore[union-attr]
    side = cnn.shapes()[1].output_shape[0]
    same_size = (28 * 28 + 1) * side * side
    return Chapter(
        text=f"""
An edge is an edge wherever it is; a dense neuron has to learn it anew at each place. A **kernel**,
a small square of weights, **slides** over the image. At each place it is multiplied with what lies
under it, and the sum becomes one pixel of a **feature map**. That is a **convolution**:

$$
z_{{rc}} = \\sum_{{i,j}} k_{{ij}}\\, x_{{r+i,\\,c+j}} + b
$$

The **stride** is how far it moves each time. **Padding** adds zeros around the image. **Pooling**
keeps the largest or the mean value of each small window, so that a small shift of the digit matters
less.

One {kernel}×{kernel} kernel has **{kernel**2 + 1}** parameters for a map of {side}×{side}; a dense
layer with as many outputs has **{same_size:,}**. So the preset cnn, with {filters} kernels in its
first layer alone, has **{cnn.parameters:,}** parameters, the dense two-layer network
**{dense.parameters:,}**. Training finds the kernels by itself.
""",
        figure=figure,
        try_this="Let the kernel slide, or click a pixel of the map, and follow its sum. Then "
        "take **Your own** and find a kernel that answers only to strokes like /.",
        question=_question(side),
        links=(
            train_link(f"Train the cnn, {cnn.parameters:,} parameters", PRESETS["cnn"]),
            train_link(f"Train the dense one, {dense.parameters:,}", PRESETS["two-layer"]),
            Link(
                "pages/inspect.py",
                "See a trained network’s feature maps",
                {"run": "default", "view": "network", **lesson_digit().inspect_query},
            ),
        ),
    )


def _question(side: int) -> Question:
    """The question, with feature maps of `side`×`side` pixels."""
    return Question(
        "Why does a convolution need so few weights?",
        (
            Option(
                "The same few weights are used at every place of the image",
                f"All {side * side} pixels of a map share one kernel and one bias.",
                right=True,
            ),
            Option(
                "It only looks at a part of the image",
                "The kernel visits every place. What is small is the number of weights that "
                "it takes along.",
            ),
            Option(
                "Pooling removes most of the weights",
                "Pooling has no weights at all; it makes the maps smaller, which spares "
                "weights in a dense layer that follows.",
            ),
        ),
    )


@st.fragment
def figure() -> None:
    """Image, kernel and feature map; the sum at the kernel's place; pooling."""
    digit = choose_digit()
    kernel = _kernel()
    stride, padding, pooling = _controls()
    image = digit.image / 255.0
    feature_map = convolve(image, kernel, stride, padding)
    pooled = None
    if pooling != "none":
        pooled = pool(np.maximum(feature_map, 0), WINDOW, kind=pooling)
    height, width = feature_map.shape
    best = strongest(feature_map)
    player(
        "slide",
        feature_map.size,
        9,
        run=(digit.image.tobytes(), kernel.tolist(), stride, padding),
        label="Place of the kernel",
        names=[
            *(_place(row, column) for row in range(height) for column in range(width)),
            _place(*best),
        ],
    )
    mount = st.components.v2.component(
        "mnist_lab.convolution", html=CONVOLUTION_HTML, css=CONVOLUTION_CSS, js=CONVOLUTION_JS
    )
    mount(
        key="conv_view",
        data=convolution_data(
            "slide",
            digit.name,
            pad(image, SIZE, stride, padding),
            kernel,
            stride,
            feature_map,
            pooled,
            POOLS[pooling],
            f"{digit.name}, its feature map of {height} by {width} and the pooled map.",
        ),
    )
    st.markdown(
        f"The map is {height}×{width}: {feature_map.size} such sums, from {SIZE * SIZE} weights."
    )


def _place(row: int, column: int) -> str:
    """The name of a place in the map; people count from 1."""
    return f"Row {row + 1}, column {column + 1}"


def _controls() -> tuple[int, Padding, str]:
    with st.container(horizontal=True, gap="small"):
        stride = st.segmented_control(
            "Stride", [1, 2, 3], default=1, required=True, key="conv_stride"
        )
        padding = st.segmented_control(
            "Padding", PADDINGS, default="valid", required=True, key="conv_padding",
            help="valid: no padding. same: zeros around the image.",
        )  # fmt: skip
        pooling = st.segmented_control(
            "Pooling", list(POOLS), format_func=POOLS.__getitem__, default="max", required=True,
            key="conv_pool",
        )  # fmt: skip
    return stride, padding, pooling


def _kernel() -> np.ndarray:
    """The kernel that slides; nine fields for one of the learner's own."""
    own = st.session_state.get("conv_kernel") == OWN
    names, fields = side_by_side("kernel", 5, 3) if own else (st.container(), None)
    name = names.pills(
        "Kernel",
        list(KERNELS),
        format_func=lambda key: KERNELS[key][0],
        default="vertical",
        required=True,
        key="conv_kernel",
        wrap=True,
    )
    if fields is None:
        return np.array(KERNELS[name][1], np.float64)
    with fields:
        return _own_kernel()


def _own_kernel() -> np.ndarray:
    """Nine fields for the learner's values; an empty field counts as 0."""
    values = np.zeros((SIZE, SIZE))
    with st.container(key="own_kernel", gap="xsmall"):
        for row in range(SIZE):
            with st.container(horizontal=True, wrap=False, gap="xsmall"):
                for column in range(SIZE):
                    value = st.number_input(
                        f"Kernel value in row {row + 1}, column {column + 1}",
                        -99.0,
                        99.0,
                        float(KERNELS[OWN][1][row][column]),
                        1.0,
                        format="%g",
                        key=f"conv_own_{row}{column}",
                        persist_state="session",
                        label_visibility="collapsed",
                        width=76,
                    )
                    values[row, column] = value or 0.0
    return values
