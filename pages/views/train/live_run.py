"""A run as it goes on: its status, controls, curves and what they say. Reads the store only."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

import streamlit as st

from mnist_core import Experiment
from mnist_core.engine.queue_position import Place
from mnist_core.engine.visitor_engine import VisitorEngine
from mnist_core.evaluation.advice import Advice, advise, how_to_read
from mnist_core.experiment.spec import MNIST
from mnist_core.figures.curves import RunCurves, accuracy_chart, loss_chart
from mnist_core.storage.store import ACTIVE, Run, Store, StoreError
from mnist_core.visitors.heartbeat import message_now
from mnist_core.visitors.limits import Refused, current
from pages.frame import projector
from pages.session.errors import ICON
from pages.session.open_elsewhere import has_weights, let_it_read
from pages.session.services import note_presence
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


@dataclass(frozen=True)
class _View:
    """What is shown of a run, and kept in the session: the database may be away the next time."""

    run: Run
    place: Place | None
    advice: Advice | None
    curves: list[RunCurves]


def _panel(
    store: Store,
    engine: VisitorEngine,
    run_id: str,
    others: list[str],
    try_out: Callable[[Experiment], None],
    was_active: bool,
) -> None:
    """What is refreshed; a database that does not answer now may do so the next time."""
    away = None
    try:
        note_presence()
        view = _read(store, engine, run_id, others)
    except StoreError as error:
        away, view = str(error), st.session_state.get("last_view")
        st.session_state.database_away = True
        if view is None or view.run.id != run_id:
            st.error(f"{away} The page tries again by itself.", icon=ICON)
            return
    if view is None:
        st.info("This run has been deleted. Start another one.", icon=":material/delete:")
        return
    st.session_state.last_view = view
    if away is None and st.session_state.pop("database_away", False):
        st.session_state.pop("run_refused", None)  # it was refused for want of the database
    if was_active != view.run.active or st.session_state.get("shown_run") != run_id:
        st.rerun()  # refreshing starts and ends with the run, or another run is shown now
    _show(view, engine, try_out, away)


def last_seen(engine: VisitorEngine, try_out: Callable[[Experiment], None], away: str) -> bool:
    """Show the run as it was when the database could last be read; False when nothing is known."""
    view = st.session_state.get("last_view")
    if view is None or view.run.id != st.session_state.get("shown_run"):
        return False
    _show(view, engine, try_out, away)
    return True


def _read(store: Store, engine: VisitorEngine, run_id: str, others: list[str]) -> _View | None:
    """What is kept of the run just now, None when it has been deleted. Raises StoreError."""
    run = store.run(run_id)
    if run is None:
        return None
    place = engine.place(run_id) if run.status == "queued" else None
    shown = [run, *(other for name in others if (other := store.run(name)))]
    curves = [run_curves(store, item) for item in shown]
    return _View(run, place, _find_advice(store, run), curves)


def _show(
    view: _View, engine: VisitorEngine, try_out: Callable[[Experiment], None], away: str | None
) -> None:
    run, advice = view.run, view.advice
    # A container of its own: what comes and goes in it must not move the charts to another
    # place in the page's tree, where they would be drawn anew.
    with st.container():
        _status(run, view.place, engine, away)
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
    _charts(run, view.curves)


def _status(run: Run, place: Place | None, engine: VisitorEngine, away: str | None) -> None:
    """Say what the run does. `away`: why the database cannot be read; then `run` is as it was."""
    # What cannot be stored cannot be read back either: the engine knows better.
    trouble = (engine.trouble or away) if run.active else away
    loss = engine.loss(run.id) if trouble else None
    status = "failed" if loss else "paused" if trouble and run.status == "running" else run.status
    words = _queue_words(place, engine) if status == "queued" else status_words(run, status)
    silence = _silence(run) if status in ACTIVE else None
    if silence is not None:
        words = f"nothing heard for {clock(silence)} · {_reached(run)}"
    if projector.is_on():  # where there is no menu of runs
        words = f"{plain(run.name)} · {words}"
    colour = "orange" if silence is not None else COLOURS[status]
    with st.container(key="training_status"):
        st.markdown(f":{colour}[{ICONS[status]} **{status}**] {words}")
    if loss:
        st.error(f"{loss} {_LOST}", icon=ICONS["failed"])
    if trouble:
        st.error(f"{trouble} {_waiting_words(run, loss)}", icon=ICON)
    elif silence is not None:
        st.warning(_SILENT, icon=":material/hearing_disabled:")
    if run.total_steps:
        st.progress(min(1.0, run.step / run.total_steps))
    message = message_now(run)
    if message and run.status in ("failed", "stopped"):
        box = st.error if run.status == "failed" else st.warning
        box(plain(message), icon=ICONS[run.status])
        if run.step < run.total_steps and run.step and run.checkpoint_step is None:
            st.caption("No snapshot of it is kept, so that it cannot go on; start it again.")


_LOST = "What was stored of it before is kept; the rest is stored as soon as it can be."
_SILENT = (
    "The training process is silent: it was halted, the computer is short of memory, or a step "
    "takes very long. If it speaks again, training goes on by itself. If not, press **Stop** and "
    "then **Go on**: that starts a new process."
)


def _waiting_words(run: Run, loss: str | None) -> str:
    """What becomes of the run while the database is away."""
    if loss or not run.active:
        return "The page tries again by itself."
    if run.status == "queued":
        return "The run waits until this is over."
    return "Training waits, and goes on by itself as soon as this is over."


def _silence(run: Run) -> float | None:
    """For how many seconds nothing has been heard of the run's training, None while it speaks."""
    if run.unheard is None:
        return None
    return max(0.0, (datetime.now(UTC) - run.unheard).total_seconds())


def _reached(run: Run) -> str:
    """How far it has come: "epoch 2 of 5 · step 512 of 2,110"."""
    if not run.total_steps:
        return "not started yet"
    return f"epoch {run.epoch} of {run.epochs} · step {run.step:,} of {run.total_steps:,}"


def status_words(run: Run, status: str | None = None) -> str:
    """Where the run stands, without its status: "epoch 2 of 5 · step 512 of 2,110 · …".

    `status`: what it does by now, where that is known to be something else than was stored.
    """
    status = status or run.status
    if status == "running" and run.step == 0:
        return "the network is being compiled; the first step follows"
    parts = [_reached(run)] if run.total_steps else []
    if status == "running":
        if run.images_per_second:
            parts.append(f"{run.images_per_second:,.0f} images/s")
        if run.seconds_left is not None:
            parts.append(f"{clock(run.seconds_left)} left")
    elif run.seconds:
        parts.append(f"{clock(run.seconds)} of training")
    return " · ".join(parts)


def _queue_words(place: Place | None, engine: VisitorEngine) -> str:
    """Its place and the wait: "2 runs are ahead of this one; it starts in about 40 s"."""
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
        help="Training goes on from its last snapshot."
        if run.checkpoint_step is not None
        else "No snapshot of this run is kept: it cannot go on.",
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


def _charts(run: Run, curves: list[RunCurves]) -> None:
    places = st.columns(2) if projector.is_on() else [st.container()] * 2
    log_y, smoothing = (False, SMOOTHING) if projector.is_on() else _axes_controls()
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
