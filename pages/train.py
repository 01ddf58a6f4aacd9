"""Train: compose a network, start it, watch it learn."""

import streamlit as st

from mnist_core import PRESET_NOTES, PRESETS, Experiment
from mnist_core.evaluation.compare_runs import told_by_preset
from mnist_core.experiment.class_links import class_query
from mnist_core.experiment.spec import MNIST
from mnist_core.figures.architecture import architecture
from mnist_core.storage.store import StoreError, Unavailable
from mnist_core.visitors.limits import Refused
from pages.editors import draft
from pages.frame import projector
from pages.session import errors, start_error
from pages.session.compared_runs import lay_over, lift_off
from pages.session.data_sets import title_of
from pages.session.errors import said_later
from pages.session.limits import offer_room, rules_note
from pages.session.services import get_engine, get_store
from pages.streamlit_compat import entry
from pages.views.train.live_run import last_seen, live_run
from pages.views.train.network_tabs import network_tabs
from pages.views.train.run_choice import run_choice
from pages.widgets.copy_link import address_to_copy, page_address
from pages.widgets.escape import plain
from pages.widgets.layout import slot, unseen_title

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
    start_error.forget()
    experiment, problems = draft.experiment()
    if experiment is None:
        start_error.tell(problems[0].message)
        return
    try:
        st.session_state.shown_run = engine.start(
            experiment, preset=draft.preset_name(), title=told_by_preset(experiment)
        )
        lift_off()
    except Refused as refused:
        start_error.tell(str(refused))
    except StoreError as error:
        start_error.tell(f"The run could not be started. {error}")


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
            address_to_copy(f"{page_address()}?{query}")


entry.through_app("train")
unseen_title("Train")
store, engine = get_store(), get_engine()
draft.load()
experiment, _ = draft.experiment()
if experiment:
    draft.show_in_url(experiment)
with st.empty():
    start_error.show(experiment)


def page() -> None:
    """The page from top to bottom. Raises StoreError."""
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
    # Last, so that the page is on screen before another process takes its share of the computer.
    engine.warm()


try:
    page()
except Unavailable as error:
    if not last_seen(engine, try_out, str(error)):
        raise
    errors.try_again()
