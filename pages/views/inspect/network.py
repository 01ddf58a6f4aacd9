"""The network from left to right, and one layer unfolded: what it receives, its values, a sum."""

from __future__ import annotations

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from mnist_core.experiment.layer import describe_shape
from mnist_core.figures.connections import connection, received
from mnist_core.figures.pixels import (
    Bars,
    Box,
    Group,
    Images,
    Label,
    Pixel,
    as_tile,
    shown,
    tile_width,
)
from mnist_core.inspection.arithmetic import receptive_field
from mnist_core.inspection.probe_layers import ProbeLayer
from pages.session.inspect_state import place
from pages.views.inspect.arithmetic import arithmetic
from pages.views.inspect.excite import what_excites
from pages.views.inspect.scene import Scene
from pages.widgets.pixel_view import Click, pixel_view

# Feature maps of a layer that the strip shows; the opened layer shows all.
STRIP_MAPS = 16
# Values of a dense layer that stand side by side, each with its number.
FEW = 16
BELOW = {"arithmetic": "Its arithmetic", "excites": "What activates it"}
# Screen pixels that images of the strip and of the unfolded layer may be high.
STRIP_HEIGHT, UNFOLDED_HEIGHT = 118, 292


def network(scene: Scene, top: DeltaGenerator) -> None:
    """The view: all layers in `top`, then the opened one, what it receives and one value's sum."""
    layer = opened(scene)
    unit = chosen_unit(scene, layer)
    with top:
        strip(scene, layer, unit)
    with st.container(key="unfolded", gap="xsmall"):
        below, strongest = _heading(scene, layer)
        left, right = st.columns([5, 4], gap="medium")
        with left:
            _unfolded(scene, layer, unit, strongest)
        with right, st.container(key="value", gap="small"):
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
    """Show this layer, and this value of it (its largest with None)."""
    here = place()
    here.layer, here.unit = name, unit


def strip(scene: Scene, layer: ProbeLayer, unit: tuple[int, ...]) -> None:
    """All layers side by side with what each makes of the input; a click opens one."""
    top, left, bottom, right = receptive_field(scene.network, layer.name, unit)
    whole = (top, left, bottom, right) == (0, 0, 28, 28)
    sees = "28×28" if whole else f"outlined: {bottom - top}×{right - left} seen"
    boxes = () if whole else (Box(0, top, left, bottom, right),)
    groups: list[Group] = [
        Images("input", scene.input_name, scene.image[None], sees, "ink", 1.0,
               names=("input",), boxes=boxes, largest=4)
    ]  # fmt: skip
    groups += [
        _step(scene, row, row is layer or (bool(row.spec) and row.position == layer.position))
        for row in strip_layers(scene.probe.layers)
    ]

    def clicked(click: Click) -> None:
        if click.group == "input":
            return
        row = scene.probe.layer(click.group)
        open_layer(row.name, unit_of(row, click) if click.image >= 0 else None)

    pixel_view(
        groups,
        "network_strip",
        "Each layer’s output for this input, from left to right",
        clicked,
        strip=True,
        height=STRIP_HEIGHT,
    )


def _step(scene: Scene, row: ProbeLayer, is_open: bool) -> Group:
    """One layer's output: bars of probabilities, a tile of numbers, maps, or its name alone."""
    values = scene.outputs[scene.probe.index(row.name)]
    note, tile = describe_shape(row.shape), values.ndim == 1
    if row.passes_through:
        return Label(row.name, row.name, note, opens=True, opened=is_open)
    if row.name == "probabilities":
        return Bars(row.name, row.name, values, scene.names, opens=True, opened=is_open)
    if len(values) and not tile and row.shape[2] > STRIP_MAPS:
        note = f"{STRIP_MAPS} of {row.shape[2]} maps"
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
    """One step for each layer of the network, its activation where it has one.

    The output layer is there twice: its logits, and the probabilities that softmax makes of them.
    """
    last = {layer.position: layer for layer in layers}
    return [layer for layer in layers if layer is last[layer.position] or layer.name == "logits"]


def _heading(scene: Scene, layer: ProbeLayer) -> tuple[str, bool]:
    """Name of the opened layer and its switches.

    Returns what is to be said of the marked value, and whether the strongest maps come first.
    """
    parts = [row for row in scene.probe.layers if row.position == layer.position]
    kind = layer.spec.title if layer.spec else "output layer"
    with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
        st.markdown(f"**{parts[0].name}** · {kind}", width="content")
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
                width="content",
            )
        strongest = len(layer.shape) == 3 and st.toggle(
            "Strongest first", key="inspect-sorted", width="content"
        )
        st.space("stretch")
        below = st.segmented_control(
            "About the marked value",
            list(BELOW),
            format_func=BELOW.__getitem__,
            default="arithmetic",
            key="inspect-below",
            label_visibility="collapsed",
            required=True,
            width="content",
        )
    return str(below), bool(strongest)


def _unfolded(scene: Scene, layer: ProbeLayer, unit: tuple[int, ...], strongest: bool) -> None:
    """The layer's input beside its output, with the marked value's connection."""
    target, units = _values_of(scene, layer, unit, strongest)
    before = received(scene.probe, layer)
    source, received_units = _received_values(scene, before)

    def clicked(click: Click) -> None:
        if click.group == target.key and len(layer.shape) == 3:
            if click.unit in units:  # by its number: "strongest first" orders anew at each step
                open_layer(layer.name, (click.row, click.column, click.unit))
        elif click.group == target.key:
            open_layer(layer.name, (click.image,) if units else unit_of(layer, click))
        elif before is not None:
            few = len(before.shape) == 1 and received_units
            open_layer(before.name, (click.image,) if few else unit_of(before, click))

    pixel_view(
        [source, target],
        "feature_maps",
        f"What {layer.name} receives, and what it makes of it",
        clicked,
        height=UNFOLDED_HEIGHT,
        shares=(2, 5) if before is None else (3, 5),
        connection=connection(scene.probe, layer, scene.weights, units),
    )


def _received_values(scene: Scene, before: ProbeLayer | None) -> tuple[Images, tuple[int, ...]]:
    """The image, maps or numbers that the opened layer receives, and units as `_values_of`."""
    if before is None:
        image = Images("input", "input", scene.image[None], "28×28", "ink", 1.0,
                       names=("input",), largest=8)  # fmt: skip
        return image, ()
    values = scene.outputs[scene.probe.index(before.name)]
    note = f"from {before.name}"
    if values.ndim == 3:
        maps = as_images(values)
        return Images(before.name, f"{len(maps)} maps received", maps, note), ()
    return _numbers(before, f"{len(values)} values received", values, note, None)


def _values_of(
    scene: Scene, layer: ProbeLayer, unit: tuple[int, ...], strongest: bool
) -> tuple[Images, tuple[int, ...]]:
    """The layer's values, the marked one selected, and the unit of each image; () for a tile."""
    values = scene.outputs[scene.probe.index(layer.name)]
    note = f"{shown(values.min())} to {shown(values.max())} · click one for its sum"
    if values.ndim == 1:
        return _numbers(layer, f"{len(values)} values", values, note, unit[0])
    images = as_images(values)
    order = np.arange(len(images))
    if strongest:
        order = np.argsort(-np.abs(images).sum((1, 2)), kind="stable")
    units = tuple(int(channel) for channel in order)
    group = Images(
        layer.name,
        f"{len(images)} feature maps of {describe_shape(layer.shape[:2])}",
        images[order],
        note,
        names=tuple(f"map {channel}" for channel in units),
        selected=Pixel(units.index(unit[2]), unit[0], unit[1]),
    )
    return group, units


def _numbers(
    layer: ProbeLayer, title: str, values: np.ndarray, note: str, marked: int | None
) -> tuple[Images, tuple[int, ...]]:
    """A row of values: a few stand side by side with their numbers, many make a tile."""
    if len(values) <= FEW:
        units = tuple(range(len(values)))
        group = Images(
            layer.name,
            title,
            values.reshape(-1, 1, 1),
            note,
            names=tuple(f"number {at}" for at in units),
            captions=tuple(f"{at}: {shown(value)}" for at, value in enumerate(values)),
            selected=None if marked is None else Pixel(marked, 0, 0),
            largest=56,
        )
        return group, units
    width = tile_width(len(values))
    group = Images(
        layer.name,
        title,
        as_tile(values)[None],
        note,
        noun="tile",
        names=("value",),
        selected=None if marked is None else Pixel(0, marked // width, marked % width),
        largest=20,
    )
    return group, ()


def part_title(layer: ProbeLayer) -> str:
    """The name of one of the steps of a layer on the switch."""
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
