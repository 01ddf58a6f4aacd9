"""One weight, chosen in the picture of its filter or neuron, and typed over; a bias as well."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import streamlit as st

from mnist_core.figures.pixels import Images, Pixel, as_tile
from mnist_core.inspection.interventions import Edit, SetWeight, apply, describe
from mnist_core.inspection.weights import Kernel, kernels
from pages.views.inspect.number_field import choose_number
from pages.views.inspect.scene import FloatArray, Scene
from pages.views.inspect.weights import maps_before, sees_image
from pages.widgets.pixel_view import Click, pixel_view

LARGEST_TYPED = 1e6

# From all weights of one unit to images [n, height, width].
Layout = Callable[[npt.NDArray[np.float32]], FloatArray]


def weight_editor(
    scene: Scene, edits: tuple[Edit, ...], add: Callable[[SetWeight], None], key: Callable[..., str]
) -> None:
    """The layer and unit, its weights as they are typed now, and the pressed one's number.

    `add` takes a change over, `key` makes a widget's key from a name.
    """
    typed = tuple(edit for edit in edits if isinstance(edit, SetWeight))
    now = apply(scene.network, scene.weights, typed)
    found = {kernel.layer: kernel for kernel in kernels(scene.network, now)}
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = st.selectbox("Weights of layer", list(found), key=key("weights-of"))
        kernel = found[name]
        noun = "Filter" if kernel.kernel.ndim == 4 else "Neuron"
        units = kernel.kernel.shape[-1]
        unit = choose_number(noun, units, key=key(f"unit-of-{name}"))
    index = _pressed_weight(scene, kernel, unit, key(f"place-{name}"))
    value = float(kernel.kernel[index])
    with st.container(horizontal=True, vertical_alignment="bottom"):
        _number("The marked weight", SetWeight(kernel.kernel_index, index, value), add, key)
        if kernel.bias is not None and kernel.bias_index is not None:
            bias = SetWeight(kernel.bias_index, (unit,), float(kernel.bias[unit]))
            _number("The bias", bias, add, key)
    st.caption(describe(SetWeight(kernel.kernel_index, index, value), scene.network))


def _pressed_weight(scene: Scene, kernel: Kernel, unit: int, key: str) -> tuple[int, ...]:
    """Show the unit's weights; the index of the one pressed last, at first the largest."""
    weights = kernel.kernel[..., unit]
    layout = _layout(scene, kernel)
    numbered = np.arange(weights.size, dtype=np.float32).reshape(weights.shape)
    values, places = layout(weights), layout(numbered)
    flat = st.session_state.get(key, int(np.abs(weights).argmax()))
    image, row, column = (int(at) for at in np.argwhere(places == flat)[0])
    many = len(values) > 1
    tile = kernel.kernel.ndim == 2 and not many and not sees_image(scene, kernel)
    names = tuple(f"channel {at}" for at in range(len(values))) if many else ("input",)
    group = Images(
        "typed",
        "Click the weight you want to change",
        values,
        "orange below zero, blue above",
        limit=float(np.abs(kernel.kernel).max()),
        noun="tile" if tile else "weight",
        names=names,
        selected=Pixel(image, row, column),
        largest=40,
    )

    def clicked(click: Click) -> None:
        st.session_state[key] = int(places[click.image, click.row, click.column])

    pixel_view([group], "edit_weights", group.title, clicked, height=280)
    return tuple(int(at) for at in (*np.unravel_index(flat, weights.shape), unit))


def _layout(scene: Scene, kernel: Kernel) -> Layout:
    """The layout of the weights of one of the layer's units as images."""
    if kernel.kernel.ndim == 4:
        return lambda weights: np.moveaxis(weights, -1, 0)
    if sees_image(scene, kernel):
        return lambda weights: weights.reshape(1, 28, 28)
    if (before := maps_before(scene, kernel)) is not None:
        return lambda weights: np.moveaxis(weights.reshape(before), -1, 0)
    return lambda weights: as_tile(weights)[None]


def _number(
    label: str, now: SetWeight, add: Callable[[SetWeight], None], key: Callable[..., str]
) -> None:
    """A number to type for the weight that `now` tells with its value."""
    name = key(f"value-{now.weight}-{'-'.join(map(str, now.index))}")
    st.session_state[name] = now.value

    def typed() -> None:
        if (value := st.session_state[name]) is not None:
            limited = min(max(float(value), -LARGEST_TYPED), LARGEST_TYPED)
            add(SetWeight(now.weight, now.index, limited))

    st.number_input(label, step=0.1, format="%.4f", key=name, on_change=typed)
