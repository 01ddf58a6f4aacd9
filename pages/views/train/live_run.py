"""A run as it goes on: its status, controls, curves and what they say. Reads the store only."""

from __future__ import annotations

from collections.abc import Callable
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
from pages.widgets.clock import clock
from pages.widgets.escape import plain
from pages.widgets.live_figure import live_figure
from pages.widgets.run_curves import run_curves

REFRESH_SECONDS = 0.25
# On a shared server each refresh takes time from the other visitors.
SHARED_REFRESH_SECONDS = 1.0
SMOOTHING = 0.9
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


def live_run(
    store: Store,
    engine: VisitorEngine,
    run_id: str,
    others: list[str],
    try_out: Callable[[Experiment], None],
) -> None:
    """Show the run, and go on refreshing while it is active. `try_out` starts an experiment."""
    run = store.run(run_id)
    active = run is not None and run.active
    seconds = SHARED_REFRESH_SECONDS if current().public else REFRESH_SECONDS
    panel = st.fragment(_panel, run_every=seconds if active else None)
    panel(store, engine, run_id, others, try_out, active)


def _panel(*arguments: Any) -> None:
    """What is refreshed; a database that does not answer now may do so the next time."""
    try:
        _show(*arguments)
    except StoreError as error:
        st.error(f"{error} The page tries again by itself.", icon=ICON)


def _show(
    store: Store,
    engine: VisitorEngine,
    run_id: str,
    others: list[str],
    try_out: Callable[[Experiment], None],
    was_active: bool,
) -> None:
    notice()
    run = store.run(run_id)
    if run is None:
        st.info("This run has been deleted. Start another one.", icon=":material/delete:")
        return
    if was_active != (run.active) or st.session_state.get("shown_run") != run_id:
        st.rerun()  # refreshing starts and ends with the run, or another run is shown now
    advice = _find_advice(store, run)
    # A container of its own: what comes and goes in it must not move the charts to another
    # place in the page's tree, where they would be drawn anew.
    with st.container():
        _status(run, engine)
    if projector.is_on():  # side by side, so that the curves are on the first screen
        left, right = st.columns([2, 3], vertical_alignment="center")
        with left:
            _controls(run, engine, advice)
        with right:
            _numbers(run)
    else:
        _controls(run, engine, advice)
        _numbers(run)
    with st.container():  # above the charts: what went wrong is not to be scrolled for
        if advice is not None:
            _show_advice(advice, try_out)
    _charts(store, run, others)


def _status(run: Run, engine: VisitorEngine) -> None:
    words = _queue_words(run, engine) if run.status == "queued" else status_words(run)
    # What cannot be stored cannot be read back either: the engine knows that it pauses.
    waits = engine.trouble if run.status in ("running", "paused") else None
    status = "paused" if waits else run.status
    if projector.is_on():  # where there is no menu of runs
        words = f"{plain(run.name)} · {words}"
    with st.container(key="training_status"):
        st.markdown(f":{COLOURS[status]}[{ICONS[status]} **{status}**] {words}")
    if waits:
        st.error(
            f"{waits} Training waits until then and goes on by itself; nothing is lost.",
            icon=ICON,
        )
    if run.total_steps:
        st.progress(min(1.0, run.step / run.total_steps))
    if run.message and run.status in ("failed", "stopped"):
        box = st.error if run.status == "failed" else st.warning
        box(plain(run.message), icon=ICONS[run.status])


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
    active = run.active
    with st.container(horizontal=True, gap="small"):
        paused = run.status == "paused"
        if active:
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
        if active and not projector.is_on():
            st.button(
                "One step",
                key="one_step",
                icon=":material/skip_next:",
                disabled=run.status == "queued",
                help="Take a single step of gradient descent and pause.",
                on_click=_ask,
                args=(engine.send, run.id),
                kwargs={"step": 1},
            )
        if not active:
            # The one filled button is what to do next.
            _hand_on_button(run, "primary" if advice is None else "secondary")
        if not projector.is_on():
            _go_on_button(run, engine)
        if active and run.status != "queued":
            _while_it_runs(run, engine)
    about, said = st.session_state.get("run_refused", (None, ""))
    if about == run.id:
        st.warning(plain(said), icon=":material/block:")


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
    if run.active:
        st.button(
            "One epoch more",
            key="one_epoch",
            icon=":material/add:",
            disabled=run.status == "queued",
            on_click=_ask,
            args=(engine.send, run.id),
            kwargs={"epochs": 1},
        )
        return
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


def _while_it_runs(run: Run, engine: VisitorEngine) -> None:
    with st.popover("Speed", icon=":material/tune:"):
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
            on_change=lambda: _ask(
                engine.send, run.id, delay=st.session_state[f"live-delay-{run.id}"]
            ),
        )


def _numbers(run: Run) -> None:
    def percent(value: float | None) -> str:
        return "–" if value is None else f"{value:.2%}"

    def number(value: float | None) -> str:
        return "–" if value is None else f"{value:.3g}"

    with st.container(horizontal=True, gap="medium"):
        st.metric("Batch loss", number(run.loss), help="Of the latest batch alone.")
        st.metric("Batch accuracy", percent(run.accuracy), help="Of the latest batch alone.")
        st.metric("Validation", percent(run.val_accuracy), help="After the latest epoch.")
        st.metric(
            "Test",
            percent(run.test_accuracy),
            help="On the test images, which played no part in training; taken once at the end.",
        )


def _charts(store: Store, run: Run, others: list[str]) -> None:
    places = st.columns(2) if projector.is_on() else [st.container()] * 2
    log_y, smoothing = (False, SMOOTHING) if projector.is_on() else _axes_controls()
    shown = [run, *(other for name in others if (other := store.run(name)))]
    curves = [run_curves(store, item) for item in shown]
    for place, draw, name in zip(
        places, (loss_chart, accuracy_chart), ("Loss", "Accuracy"), strict=True
    ):
        figure = draw(curves, log_y=log_y, smoothing=smoothing, uirevision=run.id)
        with place:
            about = f"{name} of {run.name} over training steps"
            live_figure(figure, f"{name.lower()}_chart", about)
    if not projector.is_on() and (note := how_to_read(run.experiment)):
        with st.container(key="how_to_read"):
            st.caption(f":material/info: {note}")


def _axes_controls() -> tuple[bool, float]:
    """Whether the axes are logarithmic, and how much the curves are smoothed."""
    with st.container(horizontal=True, gap="large", vertical_alignment="center"):
        log_y = st.toggle("Logarithmic axes", key="log_axis")
        smoothing = st.slider("Smoothing", 0.0, 0.99, value=SMOOTHING, step=0.01, key="smoothing")
    return log_y, smoothing


def _find_advice(store: Store, run: Run) -> Advice | None:
    steps = store.steps(run.id)
    val_loss = [epoch.val_loss for epoch in store.epochs(run.id)]
    return advise(run.experiment, steps.loss, steps.accuracy, val_loss, run.dead_units)


def _show_advice(advice: Advice, try_out: Callable[[Experiment], None]) -> None:
    with st.container(border=True, key="advice"):
        st.markdown(f":material/lightbulb: {advice.finding}")
        st.button(
            f"{advice.remedy}, and train again",
            key="take_advice",
            icon=":material/build:",
            type="primary",
            help="Stops this run if it still goes on, and starts one with the change.",
            on_click=try_out,
            args=(advice.experiment,),
        )
