"""The layers as a row of chips: add, remove, reorder, edit, each mistake beside its layer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import streamlit as st

from mnist_core import Problem
from mnist_core.experiment.fields import field_form
from mnist_core.experiment.initializers import INITIALIZERS
from mnist_core.experiment.layer import Layer
from mnist_core.experiment.layers import LAYERS
from pages.editors import draft, fields
from pages.editors.problem_notes import show_problems
from pages.widgets.icon_button import icon_button


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
                    st.markdown(f"{_icon(layer['kind'])} {chip_label(layer)}")
                else:
                    _chip(index, layer, len(layers), own)
    if not fixed:  # beside the row, which may be wider than its place
        _add_layer()
        if draft.can_undo():
            icon_button("Undo the last change to the network", ":material/undo:",
                        "undo_layers", draft.undo)  # fmt: skip


def _chip(index: int, layer: dict[str, Any], count: int, problems: Sequence[Problem]) -> None:
    summary = as_layer(layer).summary()
    with st.popover(chip_label(layer), help=f"Layer {index + 1}: {summary}"):
        st.markdown(f"{_icon(layer['kind'])} **{index + 1}. {summary}**")
        _layer_fields(index, layer)
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


def offer_mending(problems: Sequence[Problem]) -> None:
    """A button that puts in the layer that a problem misses, for the first that misses one."""
    missing = next((item for item in problems if item.missing_layer is not None), None)
    if missing is None or (kind := missing.missing_layer) is None:
        return

    def mend(layers: list[dict[str, Any]]) -> None:
        index = len(layers) if missing.layer is None else missing.layer
        layers.insert(index, draft.new_layer(kind))

    st.button(
        f"Add a {LAYERS[kind].title} layer here",
        key="layer-mend",
        icon=":material/build:",
        on_click=draft.edit_layers,
        args=(mend,),
    )


def output_initializer() -> None:
    """Choose the initializer of the output layer."""
    if draft.shown("output"):
        fields.choose(
            "Output weight initialiser",
            ("network", "output_initializer"),
            list(INITIALIZERS),
            tip="How the output layer's weights are drawn before the first step.",
        )


def chip_label(layer: dict[str, Any]) -> str:
    """The layer in a word or two, a frozen one with a snowflake."""
    frozen = " :material/ac_unit:" if layer.get("frozen") else ""
    return as_layer(layer).short() + frozen


def as_layer(layer: dict[str, Any]) -> Layer:
    """The draft's layer as a value, whose settings need not be right."""
    return LAYERS[layer["kind"]].model_construct(**layer)


def _icon(kind: str) -> str:
    return f":material/{LAYERS[kind].icon}:"


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
    shown = LAYERS[layer["kind"]].model_fields.items()
    forms = {name: field_form(info) for name, info in shown if name != "kind"}
    for name, form in forms.items():
        path: draft.Path = ("network", "layers", index, name)
        editing = form.editing
        label = editing.label or name.replace("_", " ").capitalize()
        if editing.only_with and layer.get(editing.only_with[0]) != editing.only_with[1]:
            continue
        if form.choices:
            fields.choose(label, path, form.choices)
        elif form.number is None:
            fields.switch(label, path)
        elif form.number is int:
            fields.whole(label, path, optional=form.optional)
        elif editing.slider and form.low is not None and form.high is not None:
            fields.slide(label, path, float(form.low), float(form.high), editing.step)
        else:
            fields.real(label, path, editing.step, optional=form.optional)
    if not forms:
        st.caption("This layer has no settings.")


def _add_layer() -> None:
    with st.popover("Add a layer", icon=":material/add:", help="Add a layer", key="icon-add_layer"):
        for kind, layer_type in LAYERS.items():
            st.button(
                layer_type.title.capitalize(),
                key=f"layer-add-{kind}",
                icon=_icon(kind),
                type="tertiary",
                on_click=draft.edit_layers,
                args=(lambda layers, kind=kind: layers.append(draft.new_layer(kind)),),
            )
