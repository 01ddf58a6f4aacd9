"""The arithmetic of one value of a layer, with this network's numbers."""

from __future__ import annotations

import numpy as np
import streamlit as st

from mnist_core.experiment.activations import ACTIVATIONS
from mnist_core.figures.arithmetic import all_written, arithmetic_html
from mnist_core.figures.pixels import Bars, Images, as_tile
from mnist_core.inspection.activations import FloatArray
from mnist_core.inspection.arithmetic import Arithmetic, explain
from mnist_core.inspection.probe_layers import ProbeLayer
from pages.views.inspect.scene import Scene
from pages.widgets.pixel_view import pixel_view

# From here on a value is written with six digits, below with five decimals.
LARGEST_FIXED = 1000


def arithmetic(scene: Scene, layer: ProbeLayer, unit: tuple[int, ...]) -> None:
    """The marked value: its products, their sum, its activation, and the formula."""
    steps = [
        explain(scene.network, step.name, unit, scene.outputs, scene.weights, scene.image)
        for step in _steps(scene, layer)
    ]
    value = next(step for step in steps if step.layer.name == layer.name)
    number = f"{value.value:.5f}" if abs(value.value) < LARGEST_FIXED else f"{value.value:.6g}"
    st.markdown(f"**{_name(layer, unit)}** = {number}".replace("-", "−"))
    first, after = steps[0], steps[1] if len(steps) > 1 else None
    if table := arithmetic_html(first, after):
        st.html(table)
    if after is not None and (table := arithmetic_html(after)):
        st.html(table)
    for step in steps:
        st.latex(step.formula)
        if kind := step.layer.activation:
            st.caption(f"{kind} {ACTIVATIONS[kind].effect}.")
    if first.products is not None and not all_written(first.products.shape):
        products = st.expander(
            f"All {first.products.size:,} products", key="inspect-products", on_change="rerun"
        )
        if products.open:
            with products:
                _every_product(first)
    if layer.kind == "global_average_pool":
        averaged = Images("map", "The map whose mean it is", _channels(first.inputs), largest=10)
        pixel_view([averaged], "inspect_products", averaged.title)


def _steps(scene: Scene, layer: ProbeLayer) -> list[ProbeLayer]:
    """The sums and the activation of the layer's place in the network, or the one step it is."""
    return [step for step in scene.probe.layers if step.position == layer.position]


def _name(layer: ProbeLayer, unit: tuple[int, ...]) -> str:
    if len(unit) == 3:
        return f"{layer.name}, map {unit[2]}, row {unit[0]}, column {unit[1]}"
    return f"{layer.name}, number {unit[0]}"


def _every_product(sums: Arithmetic) -> None:
    """All inputs, weights and products of the value as pictures, a channel a row."""
    assert sums.weights is not None and sums.products is not None
    groups: list[Images | Bars] = [
        Images("in", "inputs", _channels(sums.inputs), names=_names(sums, "input"), largest=10),
        Images("w", "× weights", _channels(sums.weights), names=_names(sums, "weight"), largest=10),
        Images("p", "= products", _channels(sums.products), names=_names(sums, "product"),
               largest=10),
    ]  # fmt: skip
    pixel_view(groups, "inspect_products", "Every input times its weight gives a product")


def _channels(values: FloatArray) -> FloatArray:
    """[h, w, channels] as [channels, h, w]; what a dense neuron sees as one image."""
    if values.ndim == 3:
        return np.ascontiguousarray(values.transpose(2, 0, 1))
    flat = values.ravel()
    return (flat.reshape(28, 28) if flat.size == 28 * 28 else as_tile(flat))[None]


def _names(sums: Arithmetic, noun: str) -> tuple[str, ...]:
    channels = sums.inputs.shape[2] if sums.inputs.ndim == 3 else 1
    return (noun,) if channels == 1 else tuple(f"channel {at}: {noun}" for at in range(channels))
