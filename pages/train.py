"""Train: compose a network, start it, watch it learn."""

import streamlit as st

from mnist_core import PRESET_NOTES, PRESETS, Experiment
from mnist_core.comparison import told_by_preset
from mnist_core.figures.architecture import architecture
from mnist_core.limits import Refused
from mnist_core.sharing import class_query
from mnist_core.spec import MNIST
from mnist_core.store import StoreError
from pages.shared import draft, entry, projector, refusal
from pages.shared.data import title_of
from pages.shared.guard import said_later
from pages.shared.links import address_to_copy
from pages.shared.live_run import live_run
from pages.shared.look import slot, unseen_title
from pages.shared.network_tabs import network_tabs
from pages.shared.plain import plain
from pages.shared.run_choice import lay_over, lift_off, run_choice
from pages.shared.state import get_engine, get_store
from pages.shared.visitor_limits import offer_room, rules_note
from pages.views.train.live_network import live_network

OWN = "own"


def take_preset(key: str) -> None:
    """Callback: the preset chosen in the widget `key` becomes the draft."""
    name = st.session_state[key]
    if name in PRESETS:
        draft.choose_preset(name)


def start() -> None:
    """Callback: train the draft and show its run.

    The draft as it is now, not as it was when the button was drawn: a preset may just have been
    chosen.
    """
    refusal.forget()
    experiment, problems = draft.experiment()
    if experiment is None:
        refusal.tell(problems[0].message)
        return
    try:
        st.session_state.shown_run = engine.start(
            experiment, preset=draft.preset_name(), title=told_by_preset(experiment)
        )
        lift_off()
    except Refused as refused:
        refusal.tell(str(refused))
    except StoreError as error:
        refusal.tell(f"The run could not be started. {error}")


@said_later
def try_out(experiment: Experiment) -> None:
    """Callback: train a changed experiment instead; the curves so far stay on the chart."""
    shown = store.run(st.session_state.shown_run)
    if shown is not None and shown.active:
        engine.stop(shown.id)
    draft.replace(experiment)
    start()
    if shown is not None and st.session_state.shown_run != shown.id:
        lay_over(shown.id)


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
        with left, st.container(key="preset"), slot("preset"):
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
    )
    with st.empty():  # what comes and goes leaves the widgets below, and their focus, alone
        if problem is not None:
            st.caption(f":red[Training cannot start yet.] {plain(problem)}")
    if projector.is_on():
        return
    rules_note()
    with st.empty():
        offer_room(engine)
    with st.container(horizontal=True, vertical_alignment="center"):
        if (data := draft.data_set()[0]) != MNIST:
            st.caption(f":material/dataset: Trains on {plain(title_of(data))}.")
        if name:
            st.caption(f":material/visibility: {PRESET_NOTES[name].look_for}")
        if draft.shown("link"):
            share_link(experiment)


def share_link(experiment: Experiment | None) -> None:
    """The address that opens this very experiment, ready to copy; none while it is wrong."""
    with st.popover("Link", icon=":material/link:", help="A link to this experiment",
                    disabled=experiment is None):  # fmt: skip
        if experiment is not None:
            st.caption("Whoever opens this link gets the same network and the same settings.")
            query = class_query(experiment, draft.hidden_controls())
            address_to_copy(f"{st.context.url}?{query}")


entry.through_app("train")
unseen_title("Train")
store, engine = get_store(), get_engine()
draft.load()
experiment, _ = draft.experiment()
if experiment:
    draft.show_in_url(experiment)
with st.empty():
    refusal.show(experiment)

shapes = draft.shapes()

chooser(experiment)
newcomer = not store.runs(limit=1)
if newcomer or not projector.is_on():
    # Open for a newcomer; once there are runs, their curves take the place.
    with st.expander("The network as a picture", expanded=newcomer):
        if shapes:
            st.html(architecture(shapes))
        else:
            st.caption("It is drawn again once the network holds together.")
# The curves come first: on a phone they stand right under the start button. On a projector
# they have the page to themselves.
if projector.is_on():
    watch = st.container()
else:
    watch, compose = st.columns([3, 2], gap="large")
    with compose:
        network_tabs(experiment, shapes)
with watch:
    chosen, others = run_choice(store)
    if chosen is None:
        st.info(
            "Press **Start training** and watch the network learn.",
            icon=":material/play_circle:",
        )
    else:
        live_run(store, engine, chosen, others, try_out)
if chosen is not None and (run := store.run(chosen)) is not None:
    live_network(engine, run)
# Last, so that the page is on screen before another process takes its share of the computer.
engine.warm()
