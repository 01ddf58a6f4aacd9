"""Train: compose a network, start it, watch it learn."""

import streamlit as st

from mnist_core import PRESET_NOTES, PRESETS, Experiment
from mnist_core.figures.architecture import architecture
from mnist_core.limits import Refused
from mnist_core.script import keras_script
from mnist_core.shapes import LayerShape, describe_shape, total_parameters
from mnist_core.sharing import class_query
from mnist_core.spec import MNIST
from mnist_core.store import StoreError
from pages.shared import draft, entry
from pages.shared.data import title_of
from pages.shared.drawing.parts import plain
from pages.shared.guard import said_later
from pages.shared.live_run import live_run
from pages.shared.network_editor import network_editor
from pages.shared.state import get_engine, get_store
from pages.shared.training_editor import training_editor
from pages.shared.visitor_limits import offer_room, rules_note

OWN = "own"


def take_preset(key: str) -> None:
    """Callback: the preset chosen in the widget `key` becomes the draft."""
    name = st.session_state[key]
    if name in PRESETS:
        draft.choose_preset(name)


def start(experiment: Experiment) -> None:
    """Callback: train `experiment` and show its run."""
    try:
        st.session_state.shown_run = engine.start(experiment, preset=draft.preset_name())
    except Refused as refusal:
        st.session_state.page_error = str(refusal)
    except StoreError as error:
        st.session_state.page_error = f"The run could not be started. {error}"


@said_later
def try_out(experiment: Experiment) -> None:
    """Callback: a changed experiment takes the place of the one that is running."""
    shown = store.run(st.session_state.shown_run)
    if shown is not None and shown.active:
        engine.stop(shown.id)
    draft.replace(experiment)
    start(experiment)


def preset_title(name: str) -> str:
    """How the menu names a preset."""
    return "My own network" if name == OWN else f"{name} · {PRESET_NOTES[name].title}"


def chooser(experiment: Experiment | None) -> None:
    """The preset, what to look for in it, and the start button."""
    name = draft.preset_name()
    names = [*PRESETS] if name else [OWN, *PRESETS]
    key = f"preset-{st.session_state.draft_version}-{name}"
    problem = engine.problem(experiment) if experiment else draft.experiment()[1][0].message
    left, right = st.columns([3, 2], gap="large", vertical_alignment="bottom")
    if draft.shown("preset"):
        with left, st.container(key="preset"):
            st.selectbox(
                "Network",
                names,
                index=names.index(name or OWN),
                format_func=preset_title,
                key=key,
                on_change=take_preset,
                args=(key,),
            )
    right.button(
        "Start training",
        key="start_training",
        icon=":material/play_arrow:",
        type="primary",
        width="stretch",
        disabled=problem is not None,
        on_click=start,
        args=(experiment,),
    )
    if problem is not None:
        st.caption(f":red[Training cannot start yet.] {plain(problem)}")
    rules_note()
    offer_room(engine)
    with st.container(horizontal=True, vertical_alignment="center"):
        if (data := draft.data_set()[0]) != MNIST:
            st.caption(f":material/dataset: Trains on {plain(title_of(data))}.")
        if name:
            st.caption(f":material/visibility: {PRESET_NOTES[name].look_for}")
        if experiment and draft.shown("link"):
            share_link(experiment)


def share_link(experiment: Experiment) -> None:
    """The address that opens this very experiment, ready to copy."""
    with st.popover("Link", icon=":material/link:", help="A link to this experiment"):
        st.caption("Whoever opens this link gets the same network and the same settings.")
        query = class_query(experiment, draft.hidden_controls())
        st.code(f"{st.context.url}?{query}", language=None, wrap_lines=True)


def summary_table(shapes: tuple[LayerShape, ...]) -> None:
    """Keras's summary: each layer, its output shape and parameters."""
    st.dataframe(
        {
            "Layer": [shape.name for shape in shapes],
            "Output shape": [describe_shape(shape.output_shape) for shape in shapes],
            "Parameters": [shape.parameters for shape in shapes],
        },
        hide_index=True,
    )
    st.caption(f"{total_parameters(shapes):,} parameters in all.")


def network_tabs(experiment: Experiment | None, shapes: tuple[LayerShape, ...] | None) -> None:
    """Everything that can be set, and what it makes."""
    _, problems = draft.experiment()
    names = ["Layers", "Training", "Summary"]
    names += ["Keras script"] if draft.shown("script") else []
    layers, training, summary, *script = st.tabs(names)
    with layers:
        network_editor(problems)
    with training:
        training_editor(problems)
    with summary:
        if shapes:
            summary_table(shapes)
        else:
            st.info("The summary appears when the network's layers fit together.")
    for tab in script:
        with tab:
            script_view(experiment)


def script_view(experiment: Experiment | None) -> None:
    """The Keras script of the experiment, to read and to download."""
    if experiment:
        text = keras_script(experiment)
        st.download_button("Download", text, "mnist_network.py", icon=":material/download:")
        st.code(text, language="python")
    else:
        st.info("The script appears when the experiment holds together.")


def run_choice() -> tuple[str | None, list[str]]:
    """Which run the charts show, and which other runs lie over it."""
    runs = {run.id: run for run in store.runs(limit=200)}
    if not runs:
        return None, []
    if st.session_state.get("shown_run") not in runs:
        active = [run.id for run in runs.values() if run.active]
        st.session_state.shown_run = (active or list(runs))[0]
    names = list(runs)
    columns = st.columns([3, 2], gap="small")
    with columns[0], st.container(key="run_picker"):
        chosen = st.selectbox(
            "Run",
            names,
            index=names.index(st.session_state.shown_run),
            format_func=lambda name: runs[name].name,
            key=f"run-{st.session_state.shown_run}",
        )
    if chosen != st.session_state.shown_run:
        st.session_state.shown_run = chosen
        st.rerun()
    others = columns[1].multiselect(
        "Compare with",
        [name for name in names if name != chosen],
        format_func=lambda name: runs[name].name,
        max_selections=6,
        key="compared_runs",
        placeholder="Lay other runs over it",
    )
    return chosen, others


entry.through_app("train")
store, engine = get_store(), get_engine()
draft.load()
experiment, _ = draft.experiment()
if experiment:
    draft.show_in_url(experiment)
if page_error := st.session_state.pop("page_error", None):
    st.error(plain(page_error), icon=":material/error:")

shapes = experiment.network.shapes() if experiment else None

chooser(experiment)
if shapes:
    # Open for a newcomer; once there are runs, their curves take the place.
    with st.expander("The network as a picture", expanded=not store.runs(limit=1)):
        st.html(architecture(shapes))
# The curves come first: on a phone they stand right under the start button.
watch, compose = st.columns([3, 2], gap="large")
with compose:
    network_tabs(experiment, shapes)
with watch:
    chosen, others = run_choice()
    if chosen is None:
        st.info(
            "Press **Start training** and watch the network learn.",
            icon=":material/play_circle:",
        )
    else:
        live_run(store, engine, chosen, others, try_out)
# Last, so that the page is on screen before another process takes its share of the computer.
engine.warm()
