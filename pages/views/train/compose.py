"""The line in which a network is chosen, changed and started."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from mnist_core import PRESET_NOTES, PRESETS, Experiment, Problem
from mnist_core.experiment.class_links import class_query
from mnist_core.experiment.layer import describe_shape
from mnist_core.experiment.optimizers import OPTIMIZERS
from mnist_core.experiment.shapes import LayerShape, total_parameters, trained_parameters
from mnist_core.experiment.spec import TrainingSpec
from mnist_core.figures.architecture import architecture
from mnist_core.model.keras_script import keras_script
from pages.editors import draft
from pages.editors.training_editor import training_editor
from pages.frame import projector
from pages.session.queue_panel import queue_panel
from pages.views.train.live_network import chosen_digit
from pages.views.train.network_editor import layer_chips, output_initializer
from pages.widgets.copy_link import address_to_copy, page_address
from pages.widgets.layout import slot

OWN = "own"


def compose(
    experiment: Experiment | None,
    problems: tuple[Problem, ...],
    shapes: tuple[LayerShape, ...] | None,
    start: Callable[[], None],
    refused: str | None,
    waits: bool,
) -> None:
    """Preset, layers, settings, what they make, and the button that starts it.

    `refused` says why it cannot be started, `waits` whether another run comes before it.
    """
    with st.container(key="compose", horizontal=True, vertical_alignment="center"):
        if draft.shown("preset"):
            _preset_menu()
        if not projector.is_on():
            layer_chips(problems)
            _settings(experiment, problems)
            _whole_network(experiment, shapes)
            queue_panel()
        st.button(
            "Queue another" if waits else "Start training",
            key="start_training",
            icon=":material/playlist_add:" if waits else ":material/play_arrow:",
            type="secondary" if waits else "primary",
            disabled=refused is not None,
            on_click=start,
            width="content",
        )


def _preset_menu() -> None:
    name = draft.preset_name()
    names = [*PRESETS] if name else [OWN, *PRESETS]
    key = f"preset-{st.session_state.draft_version}-{name}"
    with st.container(key="preset", width=240), slot("preset"):
        st.selectbox(
            "Network",
            names,
            index=names.index(name or OWN),
            format_func=_preset_title,
            key=key,
            label_visibility="collapsed",
            on_change=_take_preset,
            args=(key,),
        )


def _take_preset(key: str) -> None:
    """Callback: the preset chosen in the widget `key` becomes the draft."""
    name = st.session_state[key]
    if name in PRESETS:
        draft.choose_preset(name)


def _preset_title(name: str) -> str:
    return "My own network" if name == OWN else f"{name} · {PRESET_NOTES[name].title}"


def _settings(experiment: Experiment | None, problems: tuple[Problem, ...]) -> None:
    """The training's settings; the button says the most important ones."""
    label = "Training"
    if experiment is not None:
        training = experiment.training
        optimizer = OPTIMIZERS[training.optimizer].title.removesuffix(" with momentum")
        label = f"{optimizer} {training.learning_rate:g} · {training.epochs} ep"
        if training.loss != TrainingSpec().loss:
            label += " · MSE"
    elif any(item.layer is None and item.field not in (None, "layers") for item in problems):
        label = ":red[Training]"
    tip = "Optimiser, learning rate, epochs, data, augmentation, stopping"
    popover = st.popover(label, key="training_popover", help=tip)
    with popover, st.container(key="training_settings"):
        training_editor(problems, lambda: chosen_digit(experiment))
        output_initializer()


def _whole_network(experiment: Experiment | None, shapes: tuple[LayerShape, ...] | None) -> None:
    """Picture, summary, script and link of the experiment."""
    tip = "Picture, summary, Keras script, link"
    popover = st.popover(
        "The whole network", icon=":material/account_tree:", key="icon-network", help=tip
    )
    names = ["Picture", "Summary"]
    names += ["Keras script"] if draft.shown("script") else []
    names += ["Link"] if draft.shown("link") else []
    with popover, st.container(key="whole_network"):
        for name, tab in zip(names, st.tabs(names), strict=True):
            with tab:
                if name == "Link":
                    _link(experiment)
                elif name == "Keras script":
                    _script_view(experiment)
                elif shapes is None:
                    st.info(f"The {name.lower()} appears once the layers fit together.")
                elif name == "Picture":
                    st.html(architecture(shapes))
                else:
                    _summary_table(shapes)


def _summary_table(shapes: tuple[LayerShape, ...]) -> None:
    """Keras's summary: each layer, its output shape and parameters."""
    st.dataframe(
        {
            "Layer": [shape.name for shape in shapes],
            "Output shape": [describe_shape(shape.output_shape) for shape in shapes],
            "Parameters": [shape.parameters for shape in shapes],
            "Trained": [shape.trained for shape in shapes],
        },
        hide_index=True,
        alt="The layers with their output shapes and parameters",
    )
    total, trained = total_parameters(shapes), trained_parameters(shapes)
    st.caption(
        f"{total:,} parameters in all, {trained:,} of them trained."
        if trained < total
        else f"{total:,} parameters in all."
    )


def _script_view(experiment: Experiment | None) -> None:
    """The Keras script of the experiment, to read and to download."""
    if experiment:
        text = keras_script(experiment)
        st.download_button("Download", text, "mnist_network.py", icon=":material/download:")
        st.code(text, language="python")
    else:
        st.info("The script appears once the settings are valid.")


def _link(experiment: Experiment | None) -> None:
    """The address that opens this very experiment, ready to copy; none while it is wrong."""
    if experiment is None:
        st.info("The link appears once the settings are valid.")
        return
    st.caption("Anyone who opens this link gets the same network and settings.")
    query = class_query(experiment, draft.hidden_controls())
    address_to_copy(f"{page_address()}?{query}")
