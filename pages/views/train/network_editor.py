"""The layers as a row of chips: add, remove, reorder, edit, each mistake beside its layer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import streamlit as st

from mnist_core import Problem
from mnist_core.experiment.activations import ACTIVATIONS, LEAK
from mnist_core.experiment.initializers import INITIALIZERS
from mnist_core.experiment.layers import TITLES
from pages.editors import draft, fields
from pages.editors.problem_notes import show_problems
from pages.widgets.icon_button import icon_button

ICONS = {
    "dense": ":material/hub:",
    "conv": ":material/blur_on:",
    "max_pool": ":material/compress:",
    "average_pool": ":material/compress:",
    "batch_norm": ":material/equalizer:",
    "activation": ":material/show_chart:",
    "dropout": ":material/grain:",
    "flatten": ":material/view_week:",
    "global_average_pool": ":material/filter_center_focus:",
    "rescale": ":material/tune:",
    "unit_norm": ":material/straighten:",
}


def layer_chips(problems: Sequence[Problem]) -> None:
    """Show the draft's layers as chips in a row; each opens to be edited, moved and removed."""
    layers = st.session_state.draft["network"]["layers"]
    fixed = not draft.shown("layers")
    with st.container(key="layers", horizontal=True, wrap=False, vertical_alignment="center"):
        for index, layer in enumerate(layers):
            own = [problem for problem in problems if problem.layer == index]
            wrong = "-wrong" if own else ""
            with st.container(key=f"chip-{layer['kind']}-{index}{wrong}", width="content"):
                if fixed:
                    st.markdown(f"{ICONS[layer['kind']]} {short(layer)}")
                else:
                    _chip(index, layer, len(layers), own)
        if not fixed:
            _add_layer()
            if draft.can_undo():
                icon_button("Undo the last change of the network", ":material/undo:",
                            "undo_layers", draft.undo)  # fmt: skip


def _chip(index: int, layer: dict[str, Any], count: int, problems: Sequence[Problem]) -> None:
    with st.popover(short(layer), help=f"Layer {index + 1}: {summary(layer)}"):
        st.markdown(f"{ICONS[layer['kind']]} **{index + 1}. {summary(layer)}**")
        _layer_fields(index, layer)
        if "frozen" in layer:
            _freeze(index)
        show_problems(problems)
        with st.container(horizontal=True, gap="small"):
            _move_button(index, index - 1, "arrow_back", "left", index == 0)
            _move_button(index, index + 1, "arrow_forward", "right", index == count - 1)
            icon_button(
                f"Remove layer {index + 1}",
                ":material/delete:",
                f"layer-{index}-remove",
                draft.edit_layers,
                (lambda layers: layers.pop(index),),
                type="tertiary",
            )


def _freeze(index: int) -> None:
    fields.switch(
        "Freeze its weights",
        ("network", "layers", index, "frozen"),
        tip="They stay as they are; the other layers learn around them. In Keras: trainable=False.",
    )


def offer_mending(problems: Sequence[Problem]) -> None:
    """A button that puts in the layer that a problem misses, for the first that misses one."""
    missing = next((item for item in problems if item.missing_layer is not None), None)
    if missing is None or (kind := missing.missing_layer) is None:
        return

    def mend(layers: list[dict[str, Any]]) -> None:
        index = len(layers) if missing.layer is None else missing.layer
        layers.insert(index, draft.new_layer(kind))

    st.button(
        f"Add a {TITLES[kind]} layer here",
        key="layer-mend",
        icon=":material/build:",
        on_click=draft.edit_layers,
        args=(mend,),
    )


def output_initializer() -> None:
    """How the output layer's weights start."""
    if draft.shown("output"):
        fields.choose(
            "Output layer starts from",
            ("network", "output_initializer"),
            list(INITIALIZERS),
            tip="How the weights of the output layer are drawn before the first step.",
        )


def short(layer: dict[str, Any]) -> str:
    """A layer on its chip: "conv 32", "pool 2×2", "dense 128"; a frozen one with a snowflake."""
    frozen = " :material/ac_unit:" if layer.get("frozen") else ""
    return _short(layer) + frozen


def _short(layer: dict[str, Any]) -> str:
    kind = layer["kind"]
    if kind == "conv":
        return f"conv {layer['filters']}"
    if kind == "dense":
        return f"dense {layer['units']}"
    if "pool_size" in layer:
        return f"pool {layer['pool_size']}×{layer['pool_size']}"
    if kind == "dropout":
        return f"dropout {layer['rate']:.0%}"
    if kind == "activation":
        return str(layer["activation"]).replace("_", " ")
    return {"batch_norm": "norm", "global_average_pool": "average"}.get(kind, kind)


def summary(layer: dict[str, Any]) -> str:
    """A layer in a few words: "Convolution · 32 filters 3×3 · relu"."""
    words = [TITLES[layer["kind"]].capitalize()]
    if layer["kind"] == "dense":
        words.append(f"{layer['units']} units")
    elif layer["kind"] == "conv":
        size = layer["kernel_size"]
        words.append(f"{layer['filters']} filters {size}×{size}")
    elif "pool_size" in layer:
        words.append(f"{layer['pool_size']}×{layer['pool_size']}")
    elif layer["kind"] == "dropout":
        words.append(f"{layer['rate']:.0%}")
    elif layer["kind"] == "rescale":
        words.append(f"×{layer['scale']:.4g} {layer['offset']:+.4g}".replace("-", "−"))
    stride = layer.get("stride")
    if stride and stride != 1:
        words.append(f"stride {stride}")
    if "activation" in layer:
        slope = layer.get("negative_slope", LEAK)
        own = f" {slope:g}" if layer["activation"] == "leaky_relu" and slope != LEAK else ""
        words.append(layer["activation"].replace("_", " ") + own)
    if layer.get("frozen"):
        words.append("frozen")
    return " · ".join(words)


def _move_button(index: int, target: int, icon: str, where: str, disabled: bool) -> None:
    icon_button(
        f"Move layer {index + 1} {where}",
        f":material/{icon}:",
        f"layer-{index}-{where}",
        draft.edit_layers,
        (lambda layers: layers.insert(target, layers.pop(index)),),
        type="tertiary",
        disabled=disabled,
    )


def _layer_fields(index: int, layer: dict[str, Any]) -> None:
    at: draft.Path = ("network", "layers", index)
    kind = layer["kind"]
    if kind == "dense":
        fields.whole("Units", (*at, "units"))
    elif kind == "conv":
        fields.whole("Filters", (*at, "filters"))
        fields.whole("Kernel size", (*at, "kernel_size"))
        fields.whole("Stride", (*at, "stride"))
    elif kind in ("max_pool", "average_pool"):
        fields.whole("Pool size", (*at, "pool_size"))
        fields.whole("Stride (empty: the pool size)", (*at, "stride"), optional=True)
    elif kind == "dropout":
        fields.slide("Share of values set to zero", (*at, "rate"), 0.0, 0.95, 0.05)
    elif kind == "rescale":
        fields.real("Factor", (*at, "scale"), 0.1)
        fields.real("Added afterwards", (*at, "offset"), 0.1)
    if "padding" in layer:
        fields.choose("Padding", (*at, "padding"), ("valid", "same"))
    if "activation" in layer:
        fields.choose("Activation", (*at, "activation"), list(ACTIVATIONS))
    if layer.get("activation") == "leaky_relu" and "negative_slope" in layer:
        fields.slide("Slope below zero", (*at, "negative_slope"), 0.0, 1.0, 0.01)
    if "initializer" in layer:
        fields.choose("Weights start from", (*at, "initializer"), list(INITIALIZERS))
        for name in ("l1", "l2"):
            fields.real(f"{name.upper()} penalty", (*at, name), 0.0001)
    if kind in ("flatten", "global_average_pool", "unit_norm"):
        st.caption("This layer has nothing to set.")


def _add_layer() -> None:
    with st.popover("Add a layer", icon=":material/add:", help="Add a layer", key="icon-add_layer"):
        for kind, title in TITLES.items():
            st.button(
                title.capitalize(),
                key=f"layer-add-{kind}",
                icon=ICONS[kind],
                type="tertiary",
                on_click=draft.edit_layers,
                args=(lambda layers, kind=kind: layers.append(draft.new_layer(kind)),),
            )
