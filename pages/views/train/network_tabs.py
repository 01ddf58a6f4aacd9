"""Everything of an experiment that can be set on Train, and what it makes: a summary, a script."""

from __future__ import annotations

import streamlit as st

from mnist_core import Experiment
from mnist_core.experiment.shapes import LayerShape, describe_shape, total_parameters
from mnist_core.model.keras_script import keras_script
from pages.editors import draft
from pages.editors.training_editor import training_editor
from pages.views.train.network_editor import network_editor


def network_tabs(experiment: Experiment | None, shapes: tuple[LayerShape, ...] | None) -> None:
    """The draft's layers, training, summary and Keras script; None while it does not hold."""
    _, problems = draft.experiment()
    names = ["Layers", "Training", "Summary"]
    names += ["Keras script"] if draft.shown("script") else []
    # A link for a class may leave nothing to change in the first tab.
    first = "Layers" if draft.shown("layers") or draft.shown("output") else "Training"
    layers, training, summary, *script = st.tabs(names, default=first)
    with layers:
        network_editor(problems)
    with training:
        training_editor(problems)
    with summary:
        if shapes:
            _summary_table(shapes)
        else:
            st.info("The summary appears when the network's layers fit together.")
    for tab in script:
        with tab:
            _script_view(experiment)


def _summary_table(shapes: tuple[LayerShape, ...]) -> None:
    """Keras's summary: each layer, its output shape and parameters."""
    st.dataframe(
        {
            "Layer": [shape.name for shape in shapes],
            "Output shape": [describe_shape(shape.output_shape) for shape in shapes],
            "Parameters": [shape.parameters for shape in shapes],
        },
        hide_index=True,
        alt="The layers with their output shapes and parameters",
    )
    st.caption(f"{total_parameters(shapes):,} parameters in all.")


def _script_view(experiment: Experiment | None) -> None:
    """The Keras script of the experiment, to read and to download."""
    if experiment:
        text = keras_script(experiment)
        st.download_button("Download", text, "mnist_network.py", icon=":material/download:")
        st.code(text, language="python")
    else:
        st.info("The script appears when the experiment holds together.")
