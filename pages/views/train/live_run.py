"""A run as it goes on: its status, controls, curves and what they say. Reads the store only."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import streamlit as st

from mnist_core import Experiment
from mnist_core.engine.visitor_engine import VisitorEngine
from mnist_core.evaluation.advice import Advice, advise, how_to_read
from mnist_core.experiment.spec import MNIST
from mnist_core.figures.curves import accuracy_chart, loss_chart
from mnist_core.storage.store import Run, Store, StoreError
from mnist_core.visitors.limits import Refused, current
from pages.frame import projector
from pages.session.errors import ICON
from pages.session.open_elsewhere import has_weights, let_it_read
from pages.session.services import notice
from pages.views.train.run_choice import compared, run_picker
from pages.widgets.clock import clock
from pages.widgets.escape import plain
from pages.widgets.icon_button import icon_button
from pages.widgets.live_figure import live_figure
from pages.widgets.run_curves import run_curves

REFRESH_SECONDS = 0.25
# On a shared server each refresh takes time from the other visitors.
SHARED_REFRESH_SECONDS = 1.0
SMOOTHING = 0.9
# Of a chart, in pixels, and of the window in which all that is watched then stands whole.
HEIGHT, WINDOW_HEIGHT = 262, 785
ICONS = {
    "queued": ":material/hourglass_top:",
    "running": ":material/play_circle:",
    "paused": ":material/pause_circle:",
    "finished": ":material/check_circle:",
    "stopped": ":material/stop_circle:",
    "failed": ":material/error:",
}
COLOURS = {
    "queued": "gray",
    "running": "blue",
    "paused": "orange",
    "finished": "green",
    "stopped": "gray",
    "failed": "red",
}


@dataclass(frozen=True)
class Watched:
    """What the panel shows: a run, those laid over it, and what to say while it says nothing.

    `try_out` starts an experiment; `quiet` says that another note already has the notes' place.
    """

    run_id: str
    others: tuple[str, ...]
    hint: str
    try_out: Callable[[Experiment], None]
    quiet: bool = False


def live_run(store: Store, engine: VisitorEngine, watched: Watched) -> None:
    """Show the run, and go on refreshing while it is active."""
    run = store.run(watched.run_id)
    active = run is not None and run.active
    seconds = SHARED_REFRESH_SECONDS if current().public else REFRESH_SECONDS
    panel = st.fragment(_panel, run_every=seconds if active else None)
    panel(store, engine, watched, active)


def _panel(*arguments: Any) -> None:
    """What is refreshed; a database that does not answer now may do so the next time."""
    try:
        _show(*arguments)
    except StoreError as error:
        st.error(f"{error} The page tries again by itself.", icon=ICON)


def _show(store: Store, engine: VisitorEngine, watched: Watched, was_active: bool) -> None:
    notice()
    run = store.run(watched.run_id)
    if run is None:
        st.info("This run has been deleted. Start another one.", icon=":material/delete:")
        return
    if was_active != run.active or st.session_state.get("shown_run") != run.id:
        st.rerun()  # refreshing starts and ends with the run, or another run is shown now
    advice = _find_advice(store, run)
    # Containers of their own: what comes and goes in them must not move the charts to another
    # place in the page's tree, where they would be drawn anew.
    with st.container():
        if not watched.quiet:
            _note(run, engine, advice, watched)
    with st.container(key="run_bar", horizontal=True, vertical_alignment="center"):
        if not projector.is_on():
            with st.container(key="run_picker", width=230):
                run_picker(store)
        _status(run, engine)
        _controls(run, engine, advice)
        if not projector.is_on():
            _more(store, run, engine)
    _charts(store, run, watched.others)


def _note(run: Run, engine: VisitorEngine, advice: Advice | None, watched: Watched) -> None:
    """The one thing to say about the run now, in a place that is as high without it."""
    # What cannot be stored cannot be read back either: the engine knows that it pauses.
    waits = engine.trouble if run.status in ("running", "paused") else None
    about, said = st.session_state.get("run_refused", (None, ""))
    with st.container(key="note_run", horizontal=True, vertical_alignment="center"):
        if waits:
            sentence = "Training waits until then and goes on by itself; nothing is lost."
            st.error(f"{waits} {sentence}", icon=ICON)
        elif about == run.id:
            st.warning(plain(said), icon=":material/block:")
        elif run.message and run.status in ("failed", "stopped"):
            box = st.error if run.status == "failed" else st.warning
            box(plain(run.message), icon=ICONS[run.status])
            if advice is not None:
                _remedy(advice, watched.try_out)
        elif advice is not None:
            with st.container(key="advice", horizontal=True, vertical_alignment="center"):
                st.markdown(f":material/lightbulb: {advice.finding}")
                _remedy(advice, watched.try_out)
        elif note := how_to_read(run.experiment):
            with st.container(key="how_to_read"):
                st.caption(f":material/info: {note}")
        else:
            st.caption(watched.hint)


def _remedy(advice: Advice, try_out: Callable[[Experiment], None]) -> None:
    st.button(
        f"{advice.remedy}, and train again",
        key="take_advice",
        icon=":material/build:",
        type="primary",
        help="Stops this run if it still goes on, and starts one with the change.",
        on_click=try_out,
        args=(advice.experiment,),
    )


def _status(run: Run, engine: VisitorEngine) -> None:
    words = _queue_words(run, engine) if run.status == "queued" else status_words(run)
    status = "paused" if run.status == "running" and engine.trouble else run.status
    if projector.is_on():  # where there is no menu of runs
        words = f"{plain(run.name)} · {words}"
    with st.container(key="training_status"):
        st.markdown(f":{COLOURS[status]}[{ICONS[status]} **{status}**] {words}")
        # Always there, so that nothing moves when training begins.
        st.progress(min(1.0, run.step / run.total_steps) if run.total_steps else 0.0)


def status_words(run: Run) -> str:
    """Where the run stands, without its status: "epoch 2 of 5 · step 512 of 2,110 · …"."""
    if run.status == "running" and run.step == 0:
        return "the network is being compiled; the first step follows"
    parts = []
    if run.total_steps:
        parts.append(f"epoch {run.epoch} of {run.epochs}")
        parts.append(f"step {run.step:,} of {run.total_steps:,}")
    if run.status == "running":
        if run.images_per_second:
            parts.append(f"{run.images_per_second:,.0f} images/s")
        if run.seconds_left is not None:
            parts.append(f"{clock(run.seconds_left)} left")
    elif run.seconds:
        parts.append(f"{clock(run.seconds)} of training")
    if run.test_accuracy is not None:
        parts.append(f"**{run.test_accuracy:.2%}** on test images")
    return " · ".join(parts)


def _queue_words(run: Run, engine: VisitorEngine) -> str:
    """Its place and the wait: "2 runs are ahead of this one; it starts in about 40 s"."""
    place = engine.place(run.id)
    if place is not None and place.ahead:
        runs = "run is" if place.ahead == 1 else "runs are"
        wait = "by itself" if place.seconds is None else f"in about {clock(place.seconds)}"
        return f"{place.ahead} {runs} ahead of this one; it starts {wait}"
    if not engine.ready():
        return "the training process is starting and loads TensorFlow: a few seconds"
    return "it starts now: the network is being built and compiled"


def _ask(action: Callable[..., None], *arguments: Any, **more: Any) -> None:
    """Callback: do it; what stands against it is said below the controls."""
    st.session_state.pop("run_refused", None)
    try:
        action(*arguments, **more)
    except (Refused, StoreError) as error:
        st.session_state.run_refused = arguments[0], str(error)


def _controls(run: Run, engine: VisitorEngine, advice: Advice | None) -> None:
    paused = run.status == "paused"
    if not run.active:
        # The one filled button is what to do next.
        _hand_on_button(run, "primary" if advice is None else "secondary")
        if not projector.is_on():
            _go_on_button(run, engine)
        return
    st.button(
        "Resume" if paused else "Pause",
        key="pause_training",
        icon=":material/play_arrow:" if paused else ":material/pause:",
        disabled=run.status == "queued",
        on_click=_ask,
        args=(engine.resume if paused else engine.pause, run.id),
    )
    st.button(
        "Stop",
        key="stop_training",
        icon=":material/stop:",
        on_click=_ask,
        args=(engine.stop, run.id),
    )
    if not projector.is_on():
        icon_button(
            "One step: take a single step of gradient descent, and pause",
            ":material/skip_next:",
            "one_step",
            _ask,
            (lambda run_id: engine.send(run_id, step=1), run.id),
            disabled=run.status == "queued",
        )


def _hand_on_button(run: Run, kind: Literal["primary", "secondary"]) -> None:
    """To the page where this run reads what a person draws."""
    if has_weights(run) and st.button(
        "Let it read your digit" if run.experiment.data == MNIST else "Let it read your drawing",
        key="let_it_read",
        icon=":material/draw:",
        type=kind,
    ):
        let_it_read(run.id)


def _go_on_button(run: Run, engine: VisitorEngine) -> None:
    unfinished = run.step < run.total_steps
    st.button(
        "Go on" if unfinished else "One epoch more",
        key="continue_training",
        icon=":material/play_arrow:" if unfinished else ":material/add:",
        disabled=run.step == 0 or run.checkpoint_step is None,
        help="Training goes on from the last weights that were kept.",
        on_click=_ask,
        args=(engine.continue_run, run.id),
        kwargs={"epochs": 0 if unfinished else 1},
    )


def _more(store: Store, run: Run, engine: VisitorEngine) -> None:
    """What is needed now and then: other runs' curves, smoothing, speed."""
    with st.popover("", icon=":material/more_horiz:", key="run_more",
                    help="Compare, smoothing, learning rate, slow motion"):  # fmt: skip
        compared(store, run.id)
        st.slider("Smoothing", 0.0, 0.99, value=SMOOTHING, step=0.01, key="smoothing")
        if run.active and run.status != "queued":
            _while_it_runs(run, engine)


def _while_it_runs(run: Run, engine: VisitorEngine) -> None:
    st.button(
        "One epoch more",
        key="one_epoch",
        icon=":material/add:",
        on_click=_ask,
        args=(engine.send, run.id),
        kwargs={"epochs": 1},
    )
    st.number_input(
        "Learning rate now",
        1e-6,
        1000.0,
        value=run.experiment.training.learning_rate,
        step=run.experiment.training.learning_rate / 10,
        format="%g",
        key=f"live-rate-{run.id}",
        help="Replaces the base learning rate from the next step on.",
        on_change=lambda: _ask(
            engine.send, run.id, learning_rate=st.session_state[f"live-rate-{run.id}"]
        ),
    )
    st.slider(
        "Slow motion: seconds a step",
        0.0,
        2.0,
        step=0.1,
        key=f"live-delay-{run.id}",
        on_change=lambda: _ask(engine.send, run.id, delay=st.session_state[f"live-delay-{run.id}"]),
    )


def _charts(store: Store, run: Run, others: Sequence[str]) -> None:
    """Loss and accuracy side by side."""
    smoothing = float(st.session_state.get("smoothing", SMOOTHING))
    shown = [run, *(other for name in others if (other := store.run(name)))]
    curves = [run_curves(store, item) for item in shown]
    with st.container(key="charts"):
        for place, draw, name in zip(
            st.columns(2, gap="medium"),
            (loss_chart, accuracy_chart),
            ("loss", "accuracy"),
            strict=True,
        ):
            with place:
                log_y = not projector.is_on() and _axis_control(name)
                figure = draw(
                    curves, log_y=log_y, smoothing=smoothing, height=HEIGHT, uirevision=run.id
                )
                about = f"{name.capitalize()} of {run.name} over training steps"
                live_figure(figure, f"{name}_chart", about, grows_above=WINDOW_HEIGHT)


def _axis_control(name: str) -> bool:
    """Whether the chart's axis is logarithmic; the control lies over the chart's corner."""
    with st.container(key=f"axis_{name}", width="content"):
        return bool(
            st.segmented_control(
                f"Axis of the {name}",
                ["linear", "log"],
                default="linear",
                key=f"axis-{name}",
                required=True,
                label_visibility="collapsed",
            )
            == "log"
        )


def _find_advice(store: Store, run: Run) -> Advice | None:
    steps = store.steps(run.id)
    val_loss = [epoch.val_loss for epoch in store.epochs(run.id)]
    return advise(run.experiment, steps.loss, steps.accuracy, val_loss, run.dead_units)
