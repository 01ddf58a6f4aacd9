"""Chapter 8: a small kernel slides over an image."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import streamlit as st

from mnist_core import PRESETS
from mnist_core.figures.lesson.tables import grid, sign, tables
from mnist_core.figures.pixels import Bars, Box, Images, Pixel
from mnist_core.lesson.numpy_net import convolve, pad, pool
from mnist_core.lesson.recordings import Sample, samples
from pages.views.learn.parts import Chapter, Link, Option, Question, side_by_side, train_link
from pages.views.learn.words import plain, tex
from pages.widgets.pixel_view import Click, pixel_view

SHOWN_FIRST = 5  # the digit
SIZE = 3
OWN = "own"
KERNELS: dict[str, tuple[str, list[list[float]]]] = {
    "vertical": ("Vertical edges", [[-1, 0, 1], [-1, 0, 1], [-1, 0, 1]]),
    "horizontal": ("Horizontal edges", [[-1, -1, -1], [0, 0, 0], [1, 1, 1]]),
    "outline": ("Outline", [[-1, -1, -1], [-1, 8, -1], [-1, -1, -1]]),
    "blur": ("Blur", [[1 / 9] * SIZE] * SIZE),
    OWN: ("Your own", [[0, 1, 0], [1, -4, 1], [0, 1, 0]]),
}
WINDOW = 2
POOLS = {
    "none": "No pooling",
    "max": f"Max {WINDOW}×{WINDOW}",
    "average": f"Average {WINDOW}×{WINDOW}",
}


@dataclass(frozen=True, eq=False)
class Scene:
    """An image [28, 28] in [0, 1], what slides over it, and what comes out."""

    sample: Sample
    image: np.ndarray
    kernel: np.ndarray
    stride: int
    padding: str
    padded: np.ndarray
    feature_map: np.ndarray


def chapter() -> Chapter:
    """The chapter's content."""
    cnn, dense = PRESETS["cnn"].network, PRESETS["two-layer"].network
    first = cnn.layers[0]
    kernel, filters = first.kernel_size, first.filters  # type: ignore[union-attr]
    side = cnn.shapes()[1].output_shape[0]
    same_size = (28 * 28 + 1) * side * side
    return Chapter(
        text=f"""
To a dense neuron, an edge at the left has nothing to do with an edge at the right. But an edge is
an edge wherever it is. A **kernel**, a small square of weights, **slides** over the image; at each
place it is multiplied with what lies under it, and the sum becomes one pixel of a **feature map**.
That is a **convolution**:

$$
z_{{rc}} = \\sum_{{i,j}} k_{{ij}}\\, x_{{r+i,\\,c+j}} + b
$$

The **stride** is how far it moves each time. **Padding** puts zeros around the image, so that the
map stays as large. **Pooling** keeps the largest or mean value of each small window: fewer numbers,
and a small shift of the digit changes less.

One {kernel}×{kernel} kernel has {kernel**2} weights and a bias, **{kernel**2 + 1}**, for a map of
{side}×{side}; a dense layer with as many outputs needs **{same_size:,}**. So the preset cnn, with
{filters} kernels in its first layer alone, has **{cnn.parameters:,}** parameters, the dense
two-layer network **{dense.parameters:,}**. Training finds the kernels by itself.
""",
        figure=figure,
        try_this="Slide the kernel, or press a pixel of the feature map, and follow its sum. Then "
        "take **Your own** and find a kernel that answers only to strokes like /.",
        question=_question(side),
        links=(
            train_link(f"Train the cnn, {cnn.parameters:,} parameters", PRESETS["cnn"]),
            train_link(f"Train the dense one, {dense.parameters:,}", PRESETS["two-layer"]),
            Link(
                "pages/inspect.py",
                "See a trained network’s feature maps",
                {"run": "default", "view": "network", "image": str(_shown_first().index)},
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
    """Image, kernel and feature map; the sum of the pressed pixel; pooling."""
    images, slider = side_by_side("slide", 3, 2)
    with images:
        sample = _image()
    kernel = _kernel()
    stride, padding, pooling = _controls()
    image = sample.image / 255.0
    scene = Scene(
        sample,
        image,
        kernel,
        stride,
        padding,
        pad(image, SIZE, stride, padding),  # type: ignore[arg-type]
        convolve(image, kernel, stride, padding),  # type: ignore[arg-type]
    )
    with slider:
        row, column = _place(scene)
    _pictures(scene, row, column, pooling)
    _sum(scene, row, column)


def _shown_first() -> Sample:
    return next(sample for sample in samples() if sample.label == SHOWN_FIRST)


def _controls() -> tuple[int, str, str]:
    with st.container(horizontal=True, gap="small"):
        stride = st.segmented_control(
            "Stride", [1, 2, 3], default=1, required=True, key="conv_stride"
        )
        padding = st.segmented_control(
            "Padding", ["valid", "same"], default="valid", required=True, key="conv_padding",
            help="valid: no padding. same: zeros around the image.",
        )  # fmt: skip
        pooling = st.segmented_control(
            "Pooling", list(POOLS), format_func=POOLS.__getitem__, default="max", required=True,
            key="conv_pool",
        )  # fmt: skip
    return stride, padding, pooling


def _image() -> Sample:
    firsts = {sample.label: sample for sample in reversed(samples())}
    digit = st.segmented_control(
        "Image", sorted(firsts), default=SHOWN_FIRST, required=True, key="conv_digit", wrap=True
    )
    return firsts[digit]


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


def _place(scene: Scene) -> tuple[int, int]:
    """The chosen pixel of the map; at first the one that answers most."""
    shape = scene.feature_map.shape
    best = np.unravel_index(int(np.abs(scene.feature_map).argmax()), shape)
    row, column = st.session_state.get("conv_place", (int(best[0]), int(best[1])))
    row, column = min(row, shape[0] - 1), min(column, shape[1] - 1)
    st.session_state.conv_slide = row * shape[1] + column

    def slid() -> None:
        st.session_state.conv_place = divmod(st.session_state.conv_slide, shape[1])

    st.slider("Slide the kernel, row by row", 0, scene.feature_map.size - 1, key="conv_slide",
              on_change=slid)  # fmt: skip
    return row, column


def _pictures(scene: Scene, row: int, column: int, pooling: str) -> None:
    top, left = row * scene.stride, column * scene.stride
    height, width = scene.feature_map.shape

    def press(click: Click) -> None:
        if click.group == "map":
            st.session_state.conv_place = (click.row, click.column)
        elif click.group == "image":  # the place whose kernel lies around the pressed pixel
            places = [round((at - 1) / scene.stride) for at in (click.row, click.column)]
            st.session_state.conv_place = (
                min(max(places[0], 0), height - 1),
                min(max(places[1], 0), width - 1),
            )

    padded = scene.padded.shape[0]
    around = f", with a border of zeros {padded}×{padded}" if padded != 28 else ""
    groups: list[Images | Bars] = [
        Images(
            "image",
            f"A {scene.sample.label}",
            scene.padded[None].astype(np.float32),
            note=f"28×28{around}",
            palette="ink",
            noun="image",
            boxes=(Box(0, top, left, top + SIZE, left + SIZE),),
            largest=8,
        ),
        Images(
            "map",
            "Feature map",
            scene.feature_map[None].astype(np.float32),
            note=f"{height}×{width}",
            selected=Pixel(0, row, column),
            largest=8,
        ),
    ]
    if pooling != "none":
        pooled = pool(np.maximum(scene.feature_map, 0), WINDOW, kind=pooling)
        groups.append(
            Images(
                "pooled",
                f"ReLU, then {POOLS[pooling].lower()}",
                pooled[None].astype(np.float32),
                note=f"{pooled.shape[0]}×{pooled.shape[1]}",
                largest=8,
            )
        )
    total = scene.feature_map[row, column]
    pixel_view(
        groups,
        "conv_view",
        f"A {scene.sample.label}, its feature map of {height} by {width} and the pooled map. The "
        f"pixel in row {row}, column {column} is {plain(float(total))}.",
        press,
    )


def _sum(scene: Scene, row: int, column: int) -> None:
    top, left = row * scene.stride, column * scene.stride
    patch = scene.padded[top : top + SIZE, left : left + SIZE]
    products = patch * scene.kernel
    st.html(
        tables(
            grid(patch, "under the kernel"),
            sign("×"),
            grid(scene.kernel, "kernel"),
            sign("="),
            grid(products, "products"),
        )
    )
    st.markdown(
        f"Added up: ${tex(float(products.sum()), 3)}$, in row {row}, column {column} of the map. "
        f"The map is {scene.feature_map.shape[0]}×{scene.feature_map.shape[1]}: "
        f"{scene.feature_map.size} such sums, from {SIZE * SIZE} weights."
    )
