"""A run as it goes on: its status, controls, curves and what they say. Reads the store only."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any, Literal

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from mnist_core import Experiment
from mnist_core.engine.queue_position import Place
from mnist_core.engine.run_duration import Estimate
from mnist_core.engine.visitor_engine import VisitorEngine
from mnist_core.evaluation.advice import Advice, advise, how_to_read
from mnist_core.experiment.spec import MNIST
from mnist_core.figures.curves import RunCurves, accuracy_chart, loss_chart
from mnist_core.storage.store import ACTIVE, Run, Store, StoreError
from mnist_core.visitors.heartbeat import message_now
from mnist_core.visitors.limits import Refused, current
from pages.editors import draft
from pages.frame import projector
from pages.session.errors import ICON
from pages.session.explore_tabs import what_if
from pages.session.network_choice import network_choices
from pages.session.open_elsewhere import has_weights, let_it_read
from pages.session.queue_panel import STATUS_ICONS
from pages.session.services import note_presence
from pages.views.train.mid_run import offer, offer_note, with_rate
from pages.views.train.run_choice import compared, run_picker
from pages.widgets.clock import clock
from pages.widgets.escape import escaped
from pages.widgets.icon_button import icon_button
from pages.widgets.live_figure import live_figure
from pages.widgets.run_curves import run_curves

REFRESH_SECONDS = 0.25
# On a shared server each refresh takes time from the other visitors.
SHARED_REFRESH_SECONDS = 1.0
WAITING_REFRESH_SECONDS = 2.0
# A whole class may wait: of those with so many runs ahead none starts within the next seconds.
FAR_BACK, FAR_BACK_REFRESH_SECONDS = 3, 5.0
SMOOTHING = 0.9
# Of a chart, in pixels, and of the window in which all that is watched then stands whole.
HEIGHT, WINDOW_HEIGHT = 232, 755
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
    """The subject of the panel: a run, those laid over it, and a hint while nothing is to be said.

    `try_out` starts an experiment, `duplicate` makes one out of a run; `quiet` says that another
    note already has the notes' place.
    """

    run_id: str
    others: tuple[str, ...]
    hint: str
    try_out: Callable[[Experiment], None]
    quiet: bool = False
    duplicate: Callable[[Run], None] | None = None


def live_run(store: Store, engine: VisitorEngine, watched: Watched) -> None:
    """Show the run, and go on refreshing while it is active."""
    run = store.run(watched.run_id)
    seconds = None if run is None else _refresh_seconds(run, _place(run, engine))
    panel = st.fragment(_panel, run_every=seconds)
    panel(store, engine, watched, (seconds, run is not None and run.status == "queued"))


def _place(run: Run, engine: VisitorEngine) -> Place | None:
    return engine.place(run.id) if run.status == "queued" else None


def _refresh_seconds(run: Run, place: Place | None) -> float | None:
    if not run.active:
        return None
    if not current().public:
        return REFRESH_SECONDS
    if run.status != "queued":
        return SHARED_REFRESH_SECONDS
    far = place is not None and place.ahead >= FAR_BACK
    return FAR_BACK_REFRESH_SECONDS if far else WAITING_REFRESH_SECONDS


@dataclass(frozen=True)
class _View:
    """A run as shown, kept in the session: the database may be away the next time."""

    run: Run
    place: Place | None
    advice: Advice | None
    curves: list[RunCurves]
    runs: dict[str, Run]


def _panel(
    store: Store, engine: VisitorEngine, watched: Watched, drawn_for: tuple[float | None, bool]
) -> None:
    """The part that is refreshed; a database that does not answer now may do so the next time.

    `drawn_for`: how often, and whether the run was queued, when the whole page was drawn.
    """
    away = None
    try:
        note_presence()
        view = _read(store, engine, watched)
    except StoreError as error:
        away, view = str(error), st.session_state.get("last_view")
        st.session_state.database_away = True
        if view is None or view.run.id != watched.run_id:
            st.error(f"{away} The page tries again by itself.", icon=ICON)
            return
    if view is None:
        st.info("This run has been deleted. Start another one.", icon=":material/delete:")
        return
    st.session_state.last_view = view
    if away is None and st.session_state.pop("database_away", False):
        st.session_state.pop("run_refused", None)  # it was refused for want of the database
    now = _refresh_seconds(view.run, view.place), view.run.status == "queued"
    if drawn_for != now or st.session_state.get("shown_run") != watched.run_id:
        st.rerun()  # what is refreshed, and how often, follows the run; or another one is shown
    _show(view, engine, watched, away)


def last_seen(engine: VisitorEngine, try_out: Callable[[Experiment], None], away: str) -> bool:
    """Show the run as it was when the database could last be read; False when nothing is known."""
    view = st.session_state.get("last_view")
    if view is None or view.run.id != st.session_state.get("shown_run"):
        return False
    _show(view, engine, Watched(view.run.id, (), "", try_out), away)
    return True


def _read(store: Store, engine: VisitorEngine, watched: Watched) -> _View | None:
    """Read the run as it is kept just now, None when it has been deleted. Raises StoreError."""
    run = store.run(watched.run_id)
    if run is None:
        return None
    place = _place(run, engine)
    shown = [run, *(other for name in watched.others if (other := store.run(name)))]
    curves = [run_curves(store, item) for item in shown]
    runs = {c.key: c.run for c in network_choices().values() if c.run} | {r.id: r for r in shown}
    return _View(run, place, _find_advice(store, run), curves, runs)


def _show(view: _View, engine: VisitorEngine, watched: Watched, away: str | None) -> None:
    run, advice = view.run, view.advice
    state = _state(run, engine, away)
    # Containers of their own: what comes and goes in them must not move the charts to another
    # place in the page's tree, where they would be drawn anew.
    with st.container():
        if not watched.quiet or state.urgent:
            _note(run, state, advice, watched)
    with st.container(key="run_bar", horizontal=True, vertical_alignment="center"):
        if not projector.is_on():
            with st.container(key="run_picker", width=230):
                run_picker(view.runs, watched.others)
        _status(run, state, view.place, engine)
        _controls(run, engine, advice)
        if not projector.is_on():
            _more(view, engine, watched)
    _charts(run, view.curves)


@dataclass(frozen=True)
class _State:
    """The state of the run, where the engine knows more than what is stored.

    `storage_error` is why the database cannot be used, `loss` how the run has ended meanwhile,
    `unheard` for how many seconds nothing has been heard of its training.
    """

    status: str
    storage_error: str | None = None
    loss: str | None = None
    unheard: float | None = None

    @property
    def urgent(self) -> bool:
        """True when this is to be said before all else."""
        return self.storage_error is not None or self.unheard is not None


def _state(run: Run, engine: VisitorEngine, away: str | None) -> _State:
    """`away`: why the database cannot be read; then `run` is as it was."""
    # What cannot be stored cannot be read back either: the engine knows better.
    storage_error = (engine.storage_error or away) if run.active else away
    loss = engine.loss(run.id) if storage_error else None
    status = (
        "failed" if loss else "paused" if storage_error and run.status == "running" else run.status
    )
    return _State(status, storage_error, loss, _last_seen(run) if status in ACTIVE else None)


def _note(run: Run, state: _State, advice: Advice | None, watched: Watched) -> None:
    """The one thing to say about the run now, in a place that is as high without it."""
    about, said = st.session_state.get("run_refused", (None, ""))
    with st.container(key="note_run", horizontal=True, vertical_alignment="center"):
        if state.storage_error:
            if state.loss:
                st.error(f"{state.loss} {_LOST}", icon=STATUS_ICONS["failed"])
            st.error(f"{state.storage_error} {_waiting_words(run, state.loss)}", icon=ICON)
        elif state.unheard is not None:
            st.warning(_SILENT, icon=":material/hearing_disabled:")
        elif about == run.id:
            st.warning(escaped(said), icon=":material/block:")
        elif run.message and run.status in ("failed", "stopped"):
            box = st.error if run.status == "failed" else st.warning
            box(escaped(message_now(run)) + _cannot_go_on(run), icon=STATUS_ICONS[run.status])
            if advice is not None:
                _remedy(advice, watched.try_out)
        elif (found := offer(run)) is not None and (found.experiment or advice is None):
            offer_note(run, found)
        elif advice is not None:
            with st.container(key="advice", horizontal=True, vertical_alignment="center"):
                st.markdown(f":material/lightbulb: {advice.finding}")
                _remedy(advice, watched.try_out)
        elif note := how_to_read(run.present_experiment):
            with st.container(key="how_to_read"):
                st.caption(f":material/info: {note}")
        else:
            st.caption(watched.hint)


def _cannot_go_on(run: Run) -> str:
    if run.step < run.total_steps and run.step and run.checkpoint_step is None:
        return " No snapshot was kept, so it cannot be resumed; start it again."
    return ""


def _remedy(advice: Advice, try_out: Callable[[Experiment], None]) -> None:
    st.button(
        f"{advice.remedy}, and train again",
        key="take_advice",
        icon=":material/build:",
        type="primary",
        help="Stops this run if it is still training, and starts a new one with this change.",
        on_click=try_out,
        args=(advice.experiment,),
    )


def _status(run: Run, state: _State, place: Place | None, engine: VisitorEngine) -> None:
    status = state.status
    words = _queue_words(place, engine) if status == "queued" else status_words(run, status)
    if state.unheard is not None:
        words = f"no response for {clock(state.unheard)} · {_reached(run)}"
    if projector.is_on():  # where there is no menu of runs
        words = f"{escaped(run.name)} · {words}"
    colour = "orange" if state.unheard is not None else COLOURS[status]
    with st.container(key="training_status"):
        st.markdown(f":{colour}[{STATUS_ICONS[status]} **{status}**] {words}")
        # Always there, so that nothing moves when training begins.
        st.progress(min(1.0, run.step / run.total_steps) if run.total_steps else 0.0)


_LOST = "What was stored before is kept; the rest is stored as soon as possible."
_SILENT = (
    "The training process does not respond: it was halted, the computer is short of memory, or a "
    "step takes very long. Training continues by itself once it responds again. If it does not, "
    "click **Stop**, then **Resume**: that starts a new process."
)


def _waiting_words(run: Run, loss: str | None) -> str:
    """The words for what becomes of the run while the database is away."""
    if loss or not run.active:
        return "The page tries again by itself."
    if run.status == "queued":
        return "The run waits until this is over."
    return "Training waits, and continues by itself as soon as this is over."


def _last_seen(run: Run) -> float | None:
    """For how many seconds nothing has been heard of the run's training, None while it speaks."""
    if run.unheard is None:
        return None
    return max(0.0, (datetime.now(UTC) - run.unheard).total_seconds())


def _reached(run: Run) -> str:
    """The progress in words: "epoch 2 of 5 · step 512 of 2,110"."""
    if not run.total_steps:
        return "not started yet"
    return f"epoch {run.epoch} of {run.epochs} · step {run.step:,} of {run.total_steps:,}"


def status_words(run: Run, status: str | None = None) -> str:
    """The progress of the run, without its status: "epoch 2 of 5 · step 512 of 2,110 · …".

    `status`: what it does by now, where that is known to be something else than was stored.
    """
    status = status or run.status
    if status == "running" and run.step == 0:
        return "compiling the network"
    parts = [f"**{run.test_accuracy:.2%}** on test images"] if run.test_accuracy is not None else []
    parts += [_reached(run)] if run.total_steps else []
    if status == "running":
        if run.images_per_second:
            parts.append(f"{run.images_per_second:,.0f} images/s")
        if run.seconds_left is not None:
            parts.append(f"{clock(run.seconds_left)} left")
    elif run.seconds:
        parts.append(f"trained for {clock(run.seconds)}")
    if run.gave_way:
        parts.append("its place went to the next run; **Resume** queues it again")
    return " · ".join(parts)


def _queue_words(place: Place | None, engine: VisitorEngine) -> str:
    """Its place and the wait: "2 runs ahead · starts in about 40 s"."""
    if place is not None and place.ahead:
        runs = "run" if place.ahead == 1 else "runs"
        return f"{place.ahead} {runs} ahead · starts in {_about(place.wait)}"
    if not engine.ready():
        return "starting the training process; loading TensorFlow takes a few seconds"
    return "starting: building and compiling the network"


def _about(wait: Estimate) -> str:
    """An expected wait: "about 40 s"; where one figure would say too much "20 s to 1 min 20 s"."""
    if wait.sure:
        return f"about {clock(wait.likely)}"
    return f"{clock(wait.least)} to {clock(wait.most)}"


def _ask(action: Callable[..., None], *arguments: Any, **more: Any) -> None:
    """Callback: do it; what stands against it is said below the controls."""
    st.session_state.pop("run_refused", None)
    try:
        action(*arguments, **more)
    except (Refused, StoreError) as error:
        st.session_state.run_refused = arguments[0], str(error)


def _controls(run: Run, engine: VisitorEngine, advice: Advice | None) -> None:
    found = offer(run)
    changed = found.experiment if found is not None else None
    if not run.active:
        # The one filled button is what to do next.
        _hand_on_button(run, "primary" if advice is None else "secondary")
        if not projector.is_on():
            _go_on_button(run, engine)
        return
    paused = run.status == "paused"
    st.button(
        "Resume" if paused else "Pause",
        key="pause_training",
        icon=":material/play_arrow:" if paused else ":material/pause:",
        type="secondary" if changed is None else "primary",
        help=None if changed is None else "With the settings above.",
        disabled=run.status == "queued",
        on_click=_ask,
        args=(partial(_resume, engine, changed) if paused else engine.pause, run.id),
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


def _resume(engine: VisitorEngine, changed: Experiment | None, run_id: str) -> None:
    """Let a paused run go on, with other settings where some are `changed`."""
    if changed is not None:
        engine.change(run_id, changed)
    engine.resume(run_id)


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
        "Resume" if unfinished else "One more epoch",
        key="continue_training",
        icon=":material/play_arrow:" if unfinished else ":material/add:",
        disabled=run.step == 0 or run.checkpoint_step is None,
        help="Continues from its last snapshot."
        if run.checkpoint_step is not None
        else "No snapshot of this run is kept, so it cannot be resumed.",
        on_click=_ask,
        args=(engine.continue_run, run.id),
        kwargs={"epochs": 0 if unfinished else 1},
    )


def _more(view: _View, engine: VisitorEngine, watched: Watched) -> None:
    """Controls needed now and then: other runs' curves, a copy to change, smoothing, speed."""
    run = view.run
    with st.popover("More", icon=":material/more_horiz:", key="icon-run_more",
                    help="Compare, duplicate, smoothing, learning rate, slow motion"):  # fmt: skip
        compared(view.runs, run.id)
        if watched.duplicate is not None:
            st.button(
                "Duplicate and change one thing",
                key="duplicate_run",
                icon=":material/content_copy:",
                help="Loads its network and settings into the editor; the next run is overlaid on "
                "this one.",
                on_click=watched.duplicate,
                args=(run,),
            )
        if st.button(
            "What if I change …",
            key="what_if",
            icon=":material/science:",
            help="Train it again with other values of one setting, several seeds each, and see "
            "whether that made a difference.",
            on_click=what_if,
            args=(run.id,),
        ):
            st.switch_page("pages/explore.py")
        st.slider("Smoothing", 0.0, 0.99, value=SMOOTHING, step=0.01, key="smoothing")
        if run.active and run.status != "queued":
            _while_it_runs(run, engine)


def _while_it_runs(run: Run, engine: VisitorEngine) -> None:
    rate = run.present_experiment.training.learning_rate
    # Another field once it is changed otherwise.
    key = f"live-rate-{run.id}-{len(run.changes)}"

    def change_rate(run_id: str) -> None:
        engine.change(run_id, with_rate(run, st.session_state[key]))

    st.button(
        "One more epoch",
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
        value=rate,
        step=rate / 10,
        format="%g",
        key=key,
        help="The base learning rate from the next step on; the curve gets a mark. Pause to change "
        "other settings.",
        on_change=lambda: _ask(change_rate, run.id),
    )
    st.slider(
        "Slow motion: seconds per step",
        0.0,
        2.0,
        step=0.1,
        key=f"live-delay-{run.id}",
        on_change=lambda: _ask(engine.send, run.id, delay=st.session_state[f"live-delay-{run.id}"]),
    )


def _charts(run: Run, curves: list[RunCurves]) -> None:
    """Loss and accuracy side by side."""
    smoothing = float(st.session_state.get("smoothing", SMOOTHING))
    with st.container(key="charts"):
        for place, draw, name in zip(
            st.columns(2, gap="medium"),
            (loss_chart, accuracy_chart),
            ("loss", "accuracy"),
            strict=True,
        ):
            with place:
                log_y = not projector.is_on() and _axis_control(name)
                figure = _figure(name, draw, curves, log_y, smoothing, run.id)
                about = f"{name.capitalize()} of {run.name} over training steps"
                live_figure(figure, f"{name}_chart", about, grows_above=WINDOW_HEIGHT)


def _figure(
    name: str,
    draw: Callable[..., go.Figure],
    curves: list[RunCurves],
    log_y: bool,
    smoothing: float,
    run: str,
) -> go.Figure:
    """The chart; one that shows nothing new is the one from before. Making it costs most."""
    ends = [(c.name, len(c.epoch_steps), np.size(c.step), np.sum(np.asarray(c.loss)[-1:]))
            for c in curves]  # fmt: skip
    look = log_y, smoothing, run
    kept = st.session_state.get(f"figure_{name}")
    if kept is not None and kept[0] == (ends, look):
        return kept[1]
    figure = draw(curves, log_y=log_y, smoothing=smoothing, height=HEIGHT, uirevision=run)
    st.session_state[f"figure_{name}"] = (ends, look), figure
    return figure


def _axis_control(name: str) -> bool:
    """Ask for a linear or logarithmic axis; the control lies over the chart's corner."""
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
    if not draft.shown("advice"):  # a class is to find out by itself
        return None
    steps = store.steps(run.id)
    val_loss = [epoch.val_loss for epoch in store.epochs(run.id)]
    return advise(run.present_experiment, steps.loss, steps.accuracy, val_loss, run.dead_units)
