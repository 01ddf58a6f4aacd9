"""Train: compose a network, start it, watch it learn."""

import streamlit as st

from mnist_core import PRESET_NOTES, Experiment, Problem
from mnist_core.evaluation.compare_runs import told_by_preset
from mnist_core.experiment.spec import MNIST
from mnist_core.figures.architecture import architecture
from mnist_core.storage.store import Run, StoreError, Unavailable
from mnist_core.visitors.limits import Refused
from pages.editors import draft
from pages.frame import projector
from pages.session import errors, start_error
from pages.session.class_note import class_note
from pages.session.compared_runs import lay_over, lift_off
from pages.session.data_sets import title_of
from pages.session.errors import said_later
from pages.session.limits import offer_room, rules_note
from pages.session.network_choice import forget_choices
from pages.session.services import get_engine, get_store
from pages.streamlit_compat import entry
from pages.views.train.compose import compose
from pages.views.train.live_network import live_network
from pages.views.train.live_run import Watched, last_seen, live_run
from pages.views.train.network_editor import offer_mending
from pages.views.train.run_choice import compared_runs, shown_run
from pages.views.train.style import style
from pages.widgets.escape import escaped
from pages.widgets.layout import unseen_title


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
        st.session_state.shown_run = st.session_state.started_run = engine.start(
            experiment, preset=draft.preset_name(), title=told_by_preset(experiment)
        )
        lift_off()
        if (copied := st.session_state.pop("duplicated_run", None)) is not None:
            lay_over(copied)
        forget_choices()
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


def duplicate(run: Run) -> None:
    """Callback: a run's experiment becomes the draft; what is started next is laid over it."""
    draft.start_over(run.experiment)
    st.session_state.duplicated_run = run.id


def note(problems: tuple[Problem, ...], refused: str | None) -> bool:
    """Show what stands against a start, in the place of the notes; False when nothing does."""
    said, full = start_error.said(experiment), engine.room()
    with st.container():
        if not (said or problems or refused or full):
            return False
        with st.container(key="note_page", horizontal=True, vertical_alignment="center"):
            if said:
                st.error(escaped(said), icon=":material/error:")
            elif problems or refused:
                sentence = problems[0].message if problems else refused or ""
                st.error(f"Training cannot start yet. {escaped(sentence)}", icon=":material/error:")
                offer_mending(problems)
            else:
                offer_room(engine)
    return True


def hint() -> str:
    """Show a hint at what to look at while there is nothing else to say."""
    name = draft.preset_name()
    words = [f":material/visibility: {PRESET_NOTES[name].look_for}"] if name else []
    if (data := draft.data_set()[0]) != MNIST:
        words.insert(0, f":material/dataset: Trains on {escaped(title_of(data))}.")
    return " ".join(words)


def newcomers_view() -> None:
    """Show something where the curves will be, while there is no run."""
    st.info("Click **Start training** and watch the network learn.", icon=":material/play_circle:")
    if words := hint():
        st.markdown(words)
    if shapes:
        st.html(architecture(shapes))
    else:
        st.caption("The picture appears once the layers fit together.")


entry.through_app("train")
unseen_title("Train")
store, engine = get_store(), get_engine()
draft.load()
style()
experiment, problems = draft.experiment()
if experiment:
    draft.show_in_url(experiment)


def page() -> None:
    """The page from top to bottom. Raises StoreError."""
    refused = engine.problem(experiment) if experiment else None
    blocked = refused or (problems[0].message if problems else None)
    chosen = shown_run(store)
    compose(experiment, problems, shapes, start, blocked, bool(store.active_runs()))
    class_note(experiment)
    quiet = note(problems, refused)
    if chosen is None:
        newcomers_view()
    else:
        others = compared_runs(store, chosen)
        with st.container(key="watch"):
            watched = Watched(chosen, others, hint(), try_out, quiet, duplicate)
            live_run(store, engine, watched)
            if (run := store.run(chosen)) is not None:
                live_network(engine, run)
    if not projector.is_on():
        rules_note()
    # Last, so that the page is on screen before another process takes its share of the computer.
    engine.warm()


shapes = draft.shapes()
try:
    page()
except Unavailable as error:
    if not last_seen(engine, try_out, str(error)):
        raise
    errors.run_again(errors.AGAIN_SECONDS)
