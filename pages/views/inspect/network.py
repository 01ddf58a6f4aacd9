"""The network from left to right, and the layer that is opened: its maps and its arithmetic."""

from __future__ import annotations

import numpy as np
import streamlit as st

from mnist_core.experiment.layer import describe_shape
from mnist_core.figures.pixels import Bars, Images, Pixel, as_tile, shown, tile_width
from mnist_core.inspection.activations import ProbeLayer
from pages.session.inspect_state import place
from pages.views.inspect.arithmetic import arithmetic
from pages.views.inspect.excite import what_excites
from pages.views.inspect.scene import Scene
from pages.widgets.pixel_view import Click, pixel_view

# Feature maps of a layer that the strip shows; the opened layer shows all.
STRIP_MAPS = 16
# Values of a dense layer that stand side by side, each with its number.
FEW = 16
BELOW = {"arithmetic": "One value's arithmetic", "excites": "What excites it"}


def network(scene: Scene) -> None:
    """The view: strip, opened layer, and what was pressed in it."""
    layer = opened(scene)
    strip(scene, layer)
    maps(scene, layer)
    below = st.segmented_control(
        "About the marked value",
        list(BELOW),
        format_func=BELOW.__getitem__,
        default="arithmetic",
        key="inspect-below",
        label_visibility="collapsed",
        required=True,
    )
    unit = chosen_unit(scene, layer)
    if below == "excites":
        what_excites(scene, layer, unit)
    else:
        arithmetic(scene, layer, unit)


def opened(scene: Scene) -> ProbeLayer:
    """The opened layer: the one chosen, else the first that computes sums."""
    layers = {layer.name: layer for layer in scene.probe.layers}
    name = place().layer
    if name in layers:
        return layers[name]
    return next(layer for layer in scene.probe.layers if layer.weights)


def open_layer(name: str, unit: tuple[int, ...] | None = None) -> None:
    """Show this layer, and this value of it (its strongest with None)."""
    here = place()
    here.layer, here.unit = name, unit


def strip(scene: Scene, layer: ProbeLayer) -> None:
    """All layers side by side with what each makes of the input; press one to open it."""
    groups: list[Images | Bars] = [
        Images(
            "input", "input", scene.image[None], "28×28", "ink", 1.0, names=("input",), largest=4
        )
    ]
    groups += [
        _step(scene, row, row.position == layer.position)
        for row in strip_layers(scene.probe.layers)
    ]

    def clicked(click: Click) -> None:
        if click.group == "input":
            return
        row = scene.probe.layer(click.group)
        open_layer(row.name, unit_of(row, click) if click.image >= 0 else None)

    st.caption(
        "Press a layer to open it below. Blue is above zero, orange below. Of more than "
        f"{STRIP_MAPS} maps the first {STRIP_MAPS} are shown here; the opened layer has them all."
    )
    pixel_view(
        groups,
        "network_strip",
        "Each layer's output for this input, from left to right",
        clicked,
        strip=True,
        height=200,
    )


def _step(scene: Scene, row: ProbeLayer, is_open: bool) -> Images | Bars:
    """What one layer makes of the input: bars of probabilities, a tile of numbers, or maps."""
    values = scene.outputs[scene.probe.index(row.name)]
    if row.name == "probabilities":
        many = "ten" if len(values) == 10 else len(values)
        note = f"{many} probabilities"
        return Bars(row.name, row.name, values, scene.names, note, opens=True, opened=is_open)
    note, tile = describe_shape(row.shape), values.ndim == 1
    return Images(
        row.name,
        row.name,
        as_tile(values)[None] if tile else as_images(values)[:STRIP_MAPS],
        note,
        noun="tile" if tile else "map",
        names=(row.name,) if tile else (),
        opens=True,
        opened=is_open,
    )


def strip_layers(layers: tuple[ProbeLayer, ...]) -> list[ProbeLayer]:
    """One step for each layer of the network: its activation where it has one.

    Flatten and dropout change no value, and the output's sums stand beside its softmax.
    """
    last = {layer.position: layer for layer in layers}
    return [
        layer
        for layer in layers
        if layer is last[layer.position] and not (layer.spec and layer.spec.passes_through)
    ]


def maps(scene: Scene, layer: ProbeLayer) -> None:
    """Every channel of the opened layer, before or after its activation."""
    parts = [row for row in scene.probe.layers if row.position == layer.position]
    kind = layer.spec.title if layer.spec else "output layer"
    st.subheader(f"{parts[0].name} · {kind}", anchor=False)
    with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
        if len(parts) > 1:

            def switched() -> None:
                open_layer(st.session_state[key] or layer.name, place().unit)

            key = f"inspect-part-{layer.name}"
            st.segmented_control(
                "Before or after the activation",
                [part.name for part in parts],
                default=layer.name,
                format_func=lambda name: part_title(scene.probe.layer(name)),
                key=key,
                on_change=switched,
                label_visibility="collapsed",
                required=True,
            )
        strongest = len(layer.shape) == 3 and st.toggle("Strongest first", key="inspect-sorted")
    values = scene.outputs[scene.probe.index(layer.name)]
    unit = chosen_unit(scene, layer)
    if values.ndim == 1:
        _row_of_numbers(layer, values, unit)
        return
    images = as_images(values)
    order = np.arange(len(images))
    if strongest:
        order = np.argsort(-np.abs(images).sum((1, 2)), kind="stable")
    place_of = int(np.flatnonzero(order == unit[2])[0])
    group = Images(
        layer.name,
        f"{len(images)} feature maps of {describe_shape(layer.shape[:2])}",
        images[order],
        f"from {shown(values.min())} to {shown(values.max())}, "
        "press a pixel to see how it is computed",
        names=tuple(f"map {channel}" for channel in order),
        selected=Pixel(place_of, unit[0], unit[1]),
    )

    def clicked(click: Click) -> None:
        place().unit = (click.row, click.column, int(order[click.image]))
        place().layer = layer.name

    pixel_view([group], "feature_maps", group.title, clicked)


def _row_of_numbers(layer: ProbeLayer, values: np.ndarray, unit: tuple[int, ...]) -> None:
    """A dense layer's values: a few stand side by side with their numbers, many make a tile."""
    note = (
        f"from {shown(values.min())} to {shown(values.max())}, press one to see how it is computed"
    )
    few = len(values) <= FEW
    if few:
        group = Images(
            layer.name,
            f"{len(values)} values",
            values.reshape(-1, 1, 1),
            note,
            names=tuple(f"number {at}" for at in range(len(values))),
            captions=tuple(f"{at}: {shown(value)}" for at, value in enumerate(values)),
            selected=Pixel(unit[0], 0, 0),
            largest=72,
        )
    else:
        width = tile_width(len(values))
        group = Images(
            layer.name,
            f"{len(values)} values",
            as_tile(values)[None],
            note,
            noun="tile",
            names=("value",),
            selected=Pixel(0, unit[0] // width, unit[0] % width),
            largest=28,
        )

    def clicked(click: Click) -> None:
        open_layer(layer.name, (click.image,) if few else unit_of(layer, click))

    pixel_view([group], "feature_maps", group.title, clicked, height=300)


def part_title(layer: ProbeLayer) -> str:
    """How the switch names one of the steps of a layer."""
    if layer.name == "logits":
        return "logits"
    if layer.kind == "softmax":
        return "after softmax"
    if layer.kind == "activation":
        return f"after {layer.activation}"
    return "before the activation"


def chosen_unit(scene: Scene, layer: ProbeLayer) -> tuple[int, ...]:
    """The marked value: the one pressed, else the layer's largest."""
    unit, shape = place().unit, layer.shape
    if (
        unit is not None
        and len(unit) == len(shape)
        and all(0 <= at < size for at, size in zip(unit, shape, strict=True))
    ):
        return unit
    values = scene.outputs[scene.probe.index(layer.name)]
    return tuple(int(at) for at in np.unravel_index(int(values.argmax()), shape))


def unit_of(layer: ProbeLayer, click: Click) -> tuple[int, ...] | None:
    """The value of a layer that a click in the strip or the tile means."""
    if len(layer.shape) == 3:
        return (click.row, click.column, click.image)
    if layer.kind == "softmax":
        return None
    index = click.row * tile_width(layer.shape[0]) + click.column
    return (index,) if index < layer.shape[0] else None


def as_images(values: np.ndarray) -> np.ndarray:
    """Feature maps [height, width, channels] → [channels, height, width]."""
    return np.moveaxis(values, -1, 0)
