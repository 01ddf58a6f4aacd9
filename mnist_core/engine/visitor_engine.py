"""The engine as one visitor sees it: only their own runs, and within the server's limits."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from mnist_core.engine.engine import Engine
from mnist_core.engine.queue_position import Place
from mnist_core.experiment.spec import Experiment
from mnist_core.storage import datasets
from mnist_core.storage.corrections import IMAGE_BYTES
from mnist_core.storage.store import Run
from mnist_core.training.live_view import View
from mnist_core.visitors import address_limits, limits, visitors
from mnist_core.visitors.limits import Refused
from mnist_core.visitors.visitors import Full

if TYPE_CHECKING:
    from mnist_core.experiment.study import StudySpec

# Of two starts at the same moment only one may find the place free.
_STARTING = threading.Lock()


class VisitorEngine:
    """Starts and steers one owner's runs; those of others are not there. Made for each request.

    `address` is the digest of where the visitor comes from; without it its limits do not count.
    """

    def __init__(self, engine: Engine, owner: str, address: str | None = None) -> None:
        self._engine, self._owner, self._address = engine, owner, address
        self.store = engine.store.seen_by(owner)

    # What the whole server shares

    def warm(self) -> None:
        """Start the worker in the background."""
        self._engine.warm()

    def ready(self) -> bool:
        """True when a worker is there to train."""
        return self._engine.ready()

    @property
    def storage_error(self) -> str | None:
        """The reason why nothing can be stored just now; training waits meanwhile."""
        return self._engine.storage_error

    # Starting

    def start(
        self, experiment: Experiment, preset: str | None = None, title: str | None = None
    ) -> str:
        """Queue a new run and return its id; `title` as in `Engine.start`.

        Raises Refused and StoreError.
        """
        with _STARTING:
            self._check(self.problem(experiment) or self.busy() or self._full())
            return self._engine.start(experiment, self._owner, preset, title=title)

    def continue_run(self, run_id: str, epochs: int = 0) -> None:
        """Let an own run go on, with `epochs` more. Raises Refused and StoreError."""
        run = self._own(run_id)
        if run is None or run.active:
            return
        left = -(-(run.total_steps - run.step) // max(1, run.steps_per_epoch))
        with _STARTING:
            refused = self.problem(run.present_experiment, left + epochs)
            self._check(refused or self.busy() or self._full(0))
            self._engine.continue_run(run_id, epochs)

    def problem(self, experiment: Experiment, epochs: int | None = None) -> str | None:
        """The reason why this server does not train the experiment for this visitor, or None."""
        refused = limits.experiment_problem(experiment, limits.current(), epochs)
        return refused or datasets.problem(self._engine.store, self._owner, experiment)

    def busy(self) -> str | None:
        """The reason why the visitor cannot start another run just now; None when they can."""
        bounds = limits.current()
        if bounds.runs_at_once is not None:
            own = [run for run in self.store.active_runs() if not self._engine.stopping(run.id)]
            if len(own) >= bounds.runs_at_once:
                return (
                    f"Your run “{own[0].name}” is {own[0].status}. On this shared server each "
                    "visitor trains one network at a time: wait until it ends, or stop it."
                )
        if bounds.waiting is not None:
            queued = sum(run.status == "queued" for run in self._engine.store.active_runs())
            if queued >= bounds.waiting:
                return f"{queued:,} runs are already waiting. Try again in a few minutes."
        return address_limits.start_problem(self._engine.store, self._address, bounds)

    def study_problem(self, spec: StudySpec, done: int = 0) -> str | None:
        """The reason why the visitor cannot start the study, or go on after `done` trials."""
        refused = limits.study_problem(spec, limits.current())
        refused = refused or datasets.problem(self._engine.store, self._owner, spec.base)
        refused = refused or self.busy()
        return refused or self._full(max(0, spec.most_trials - done))

    def room(self, more: int = 1, size: int = 0) -> Full | None:
        """None when the visitor may keep `more` runs of `size` bytes, else what is full."""
        if refused := self._no_room(size):
            return Full(refused, visitors.oldest_run(self._engine.store, self._owner))
        return visitors.room(self._engine.store, self._owner, limits.current(), more, size)

    def data_problem(self, size: int) -> str | None:
        """The reason why the visitor cannot keep one more data set of `size` bytes, or None."""
        store, bounds = self._engine.store, limits.current()
        return self._no_room(size) or visitors.data_problem(store, self._owner, bounds, size)

    def correction_problem(self) -> str | None:
        """The reason why the visitor cannot keep one more correction, or None."""
        full = self.room(more=0, size=IMAGE_BYTES)
        return None if full is None else full.message

    def _no_room(self, size: int) -> str | None:
        """The reason why the server, or the visitor's address, keeps nothing more, or None."""
        store, bounds = self._engine.store, limits.current()
        return (
            self._engine.full
            or address_limits.newcomer_problem(store, self._owner, self._address, bounds)
            or address_limits.kept_problem(store, self._address, bounds, size)
        )

    def _full(self, more: int = 1) -> str | None:
        full = self.room(more)
        return None if full is None else full.message

    def _check(self, refusal: str | None) -> None:
        if refusal is not None:
            raise Refused(refusal)

    # Steering

    def send(self, run_id: str, **command: Any) -> None:
        """Pass a command to an own run. Raises Refused and StoreError."""
        run = self._own(run_id)
        if run is None:
            return
        if more := command.get("epochs", 0):
            self._check(self.problem(run.present_experiment, run.epochs + more))
        self._engine.send(run_id, **command)

    def change(self, run_id: str, experiment: Experiment) -> None:
        """Let an own run go on as `experiment`. Raises Refused and StoreError."""
        run = self._own(run_id)
        if run is None:
            return
        asked = run.epochs - run.present_experiment.training.epochs + experiment.training.epochs
        self._check(self.problem(experiment, asked))
        try:
            self._engine.change(run_id, experiment)
        except ValueError as error:
            raise Refused(str(error)) from None

    def stop(self, run_id: str) -> None:
        """End an own run; its curve and weights stay."""
        if self._own(run_id) is not None:
            self._engine.stop(run_id)

    def pause(self, run_id: str) -> None:
        """Hold an own run after its present step."""
        self.send(run_id, pause=True)

    def resume(self, run_id: str) -> None:
        """Let an own paused run go on."""
        self.send(run_id, pause=False)

    def watch(self, run_id: str, view: View) -> dict[str, Any] | None:
        """The newest frame of an own run's live view; see `Engine.watch`."""
        return self._engine.watch(run_id, view) if self._own(run_id) is not None else None

    def loss(self, run_id: str) -> str | None:
        """The end of a run that cannot be stored just now, as a sentence; None while it goes on."""
        return self._engine.loss(run_id)

    def place(self, run_id: str) -> Place | None:
        """The place of an own run in the queue, None when it does not wait."""
        return self._engine.place(run_id) if self._own(run_id) is not None else None

    def _own(self, run_id: str) -> Run | None:
        return self.store.run(run_id)
