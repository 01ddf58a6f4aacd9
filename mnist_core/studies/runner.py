"""Drives studies: a thread a study that keeps as many trials in flight as there are workers."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from mnist_core.base import logs
from mnist_core.base.errors import first_line
from mnist_core.engine.engine import Engine
from mnist_core.engine.scheduler import MOST_TOGETHER
from mnist_core.experiment import search_space
from mnist_core.experiment.search_space import Setting
from mnist_core.experiment.spec import Experiment
from mnist_core.experiment.study import OBJECTIVES, StudySpec
from mnist_core.experiment.training_cost import is_small
from mnist_core.experiment.validation import ExperimentError
from mnist_core.storage import datasets
from mnist_core.storage.store import Run, Store, StoreError, Unavailable, is_passing
from mnist_core.studies import objectives, records
from mnist_core.studies.optuna_adapter import RETRIED, RUN, Search
from mnist_core.studies.records import Study
from mnist_core.visitors import heartbeat, limits

log = logging.getLogger(__name__)

LOOK_SECONDS = 0.1
# Between two tries when the database or Optuna did not answer, and how many tries.
AGAIN_SECONDS = 2.0
TRIES = 5
# So many trials in a row that fail before their first step: the cause is not the trials.
MAX_FALSE_STARTS = 3
# Small trials under way for each that trains: what a worker takes at once, and as many that wait.
SMALL_AHEAD = 2 * MOST_TOGETHER
# So many begin before it is looked again how those under way are doing.
MOST_BEGUN = 8
AWAY = "It was stopped because you had no page open for a while. Resume it to continue."


class StudyRunner:
    """Starts, stops and resumes the studies of one server."""

    def __init__(self, engine: Engine) -> None:
        """Nothing runs yet. Raises StoreError."""
        self.engine = engine
        self.store = engine.store
        self._drivers: dict[str, _Driver] = {}
        self._lock = threading.Lock()
        records.mark_interrupted(self.store)

    def start(self, spec: StudySpec, owner: str = "local") -> str:
        """Begin a new study; returns its id. Raises StoreError."""
        study_id = records.create(self.store, spec, owner)
        self.resume(study_id)
        return study_id

    def resume(self, study_id: str, trials: int = 0) -> bool:
        """Let a study go on, with `trials` more than planned.

        False when a server drives it already. Raises StoreError.
        """
        study = records.get(self.store, study_id)
        if study is None:
            return False
        more = study.spec.model_copy(update={"trials": study.spec.trials + trials})
        if not records.claim(self.store, study_id, self.engine.id, more if trials else None):
            return False
        with self._lock:
            ended = [key for key, driver in self._drivers.items() if not driver.is_alive()]
            for key in ended:
                del self._drivers[key]
            driver = self._drivers[study_id] = _Driver(self.engine, study_id)
            driver.start()
        return True

    def stop(self, study_id: str) -> None:
        """Stop the study and the runs of its unfinished trials; they can go on later."""
        records.ask_to_stop(self.store, study_id)

    def studies(self, owner: str | None = "local") -> list[Study]:
        """The owner's studies, newest first; those whose server is gone are marked so."""
        records.mark_interrupted(self.store)
        return records.studies(self.store, owner)

    def close(self) -> None:
        """Let go of all studies; they are marked as interrupted. Before the engine is closed."""
        with self._lock:
            drivers = list(self._drivers.values())
        for driver in drivers:
            driver.close()


@dataclass
class _Flight:
    """A trial that trains. `told` is the last epoch that Optuna has heard of."""

    number: int
    run: str
    told: int = 0
    retried: bool = False
    pruned: str = ""
    stopping: bool = field(default=False, compare=False)
    # When this server queued it, by the steady clock; None once it trains.
    waits_since: float | None = field(default_factory=time.monotonic, compare=False)


@dataclass
class _Begun:
    """A trial that Optuna knows and that does not train yet."""

    number: int
    values: Mapping[str, Setting]
    run: str = ""


class _Driver(threading.Thread):
    """Drives one study until it ends, is stopped, or belongs to another server."""

    def __init__(self, engine: Engine, study_id: str) -> None:
        super().__init__(name=f"study-{study_id}", daemon=True)
        self._engine, self._store, self._id = engine, engine.store, study_id
        self._closed = threading.Event()
        self._flights: dict[int, _Flight] = {}
        # No other server asks while this one drives the study.
        self._asked = 0
        self._next: _Begun | None = None
        self._false_starts, self._reason = 0, ""
        self._search: Search | None = None
        # Its minutes count from here: the wall clock may be set.
        self._began = time.monotonic()
        # The visitor has gone: what trains or waits is being stopped.
        self._abandoned = False

    def close(self) -> None:
        self._closed.set()
        self.join(timeout=AGAIN_SECONDS)
        self._end("interrupted", records.INTERRUPTED)

    def run(self) -> None:
        """Thread body: one look at a time; a moment without the database ends nothing."""
        with logs.about(study=self._id):
            log.info("the study is taken up")
            self._drive()

    def _drive(self) -> None:
        failures = 0
        while not self._closed.is_set():
            try:
                if not self._look():
                    return
                failures = 0
                self._closed.wait(LOOK_SECONDS)
            except Exception as error:  # Optuna, SQLAlchemy and Dask raise many kinds
                log.exception("the study could not be looked after")
                failures += not is_passing(error, self._store)
                if failures >= TRIES:
                    self._end("failed", f"The study could not continue: {first_line(error)}")
                    return
                self._closed.wait(AGAIN_SECONDS)

    # One look

    def _look(self) -> bool:
        """Take what has happened since the last look, and start what is due; False at the end."""
        study = records.get(self._store, self._id)
        if study is None or study.server != self._engine.id:
            self._stop_flights()  # deleted, or another server took it over
            return False
        if self._search is None:
            self._take_up(study.spec)
        search = self._search
        assert search is not None
        search.spec = study.spec
        self._watch(search)
        if study.status == "stopping":
            self._stop_flights()
            if self._flights:
                return True
            self._end("stopped")
            return False
        if self._false_starts >= MAX_FALSE_STARTS:
            self._stop_flights()
            return self._give_up(search)
        self._abandoned = self._abandoned or self._is_abandoned(study)
        if self._abandoned:
            self._stop_flights()
            if self._flights:
                return True
            self._end("stopped", AWAY)
            return False
        over = self._is_over(study)
        if over and not self._flights:
            self._give_up_lost(search)
            self._end("finished")
            return False
        if not over:
            self._fill(study, search)
        return True

    def _is_over(self, study: Study) -> bool:
        if self._asked >= study.spec.most_trials and self._next is None:
            return True
        most = [study.spec.minutes, limits.current().study_minutes]
        minutes = min((bound for bound in most if bound is not None), default=None)
        return minutes is not None and time.monotonic() - self._began > 60 * minutes

    def _is_abandoned(self, study: Study) -> bool:
        """True when the visitor is away and nothing trains: others do not wait for its trials."""
        if not self._flights:
            return self._engine.away(study.owner)
        since = [flight.waits_since for flight in self._flights.values()]
        if None in since:
            return False
        newest = max(each for each in since if each is not None)
        return self._engine.away(study.owner, waited=time.monotonic() - newest)

    def _take_up(self, spec: StudySpec) -> None:
        """Open the study in Optuna; trials left unfinished go on where their runs stood."""
        heartbeat.mark_interrupted(self._store)
        search = Search(self._store, self._id, spec)
        for trial in search.trials():
            if trial.state != "running":
                continue
            run = self._store.run(trial.run) if trial.run else None
            if run is None:
                search.give_up(trial.number, "The server went down before it started.")
                continue
            told = max(trial.epochs, default=0)
            self._flights[trial.number] = _Flight(trial.number, run.id, told, trial.retried)
            if not run.active and run.status != "finished" and _can_go_on(run):
                self._engine.continue_run(run.id)
        self._asked = search.count()
        self._search = search

    def _fill(self, study: Study, search: Search) -> None:
        """As many trials as there are workers, more where they are small; one without a worker."""
        seats = max(1, sum(info.threads for info in self._engine.workers()))
        most = limits.current().trials_at_once
        seats = min(seats, most) if most else seats * _ahead(study.spec, self._store)
        for _ in range(min(MOST_BEGUN, seats - len(self._flights))):
            over = self._asked >= study.spec.most_trials and self._next is None
            if over or self._closed.is_set():
                return
            self._start_trial(study, search)

    def _start_trial(self, study: Study, search: Search) -> None:
        """Ask for a trial and start its run; what the database broke off goes on here."""
        begun = self._next = self._next or _Begun(*search.ask(self._asked))
        self._asked = begun.number + 1
        self._launch(study, search, begun)
        self._next = None

    def _give_up_lost(self, search: Search) -> None:
        """Trials that Optuna had noted by half when the database went away."""
        for trial in search.trials():
            if trial.state == "running":
                search.give_up(trial.number, "The database was unreachable when it began.")

    def _launch(self, study: Study, search: Search, begun: _Begun) -> None:
        number, values = begun.number, begun.values
        try:
            experiment = trial_experiment(study.spec, values)
        except ExperimentError as error:
            search.give_up(number, str(error))
            return
        if refused := limits.experiment_problem(experiment, limits.current()):
            search.give_up(number, refused)
            return
        begun.run = begun.run or self._engine.start(experiment, study.owner, None, study.id, number)
        # The pickers' name for it; a run's own number says nothing here.
        self._store.rename(begun.run, f"{study.name} · trial {number}"[:120])
        search.note(number, RUN, begun.run)
        self._flights[number] = _Flight(number, begun.run)

    # Trials in flight

    def _watch(self, search: Search) -> None:
        if not self._flights:
            return
        states = records.run_states(self._store, [f.run for f in self._flights.values()])
        for flight in list(self._flights.values()):
            state = states.get(flight.run)
            if state is None:
                self._settle(search, flight, None)
                continue
            ended = state.status not in ("queued", "running", "paused")
            if state.status != "queued":
                flight.waits_since = None
            if state.epoch > flight.told or ended:
                run = self._store.run(flight.run)
                if run is not None:
                    self._report(search, flight, run)
                if ended:
                    self._settle(search, flight, run)

    def _report(self, search: Search, flight: _Flight, run: Run) -> None:
        """Tell Optuna each epoch that has ended; stop the run where it would prune.

        Epoch by epoch, also when several ended since the last look: a trial is pruned at the
        same epoch however fast it trains.
        """
        if flight.pruned:
            return
        for epoch in self._store.epochs(run.id):
            value = objectives.at_epoch(search.spec, run, epoch)
            if epoch.epoch <= flight.told or value is None:
                continue
            flight.told = epoch.epoch
            search.report(flight.number, epoch.epoch, value)
            if search.spec.pruner == "none" or epoch.epoch >= run.epochs:
                continue
            if search.prunes(flight.number):
                flight.pruned = _pruned_sentence(search.spec, epoch.epoch, value)
                self._engine.stop(run.id)
                return

    def _settle(self, search: Search, flight: _Flight, run: Run | None) -> None:
        """Tell Optuna how a trial ended whose run has ended, or let the run go on once."""
        number = flight.number
        if run is None:
            search.give_up(number, "Its run was deleted.")
        elif flight.pruned:
            self._store.set_status(run.id, run.status, flight.pruned)
            search.give_up(number, flight.pruned, pruned=True)
        elif run.status == "failed" and run.interrupted and not flight.retried and _can_go_on(run):
            flight.retried = True
            search.note(number, RETRIED, True)
            self._engine.continue_run(run.id)
            return
        elif run.status == "finished":
            self._judge(search, number, run)
        elif run.status == "failed" or not flight.stopping:
            search.give_up(number, run.message or "It was stopped by hand.")
        # Else the study is being stopped: the trial stays open, to go on one day.
        self._count_false_start(run)
        self._flights.pop(number)

    def _judge(self, search: Search, number: int, run: Run) -> None:
        try:
            search.tell(number, objectives.results(search.spec, run, self._store.epochs(run.id)))
        except objectives.NoResult as reason:
            search.give_up(number, str(reason))

    def _count_false_start(self, run: Run | None) -> None:
        if run is not None and run.status == "failed" and run.step == 0:
            self._false_starts += 1
            self._reason = run.message
        else:
            self._false_starts = 0

    def _stop_flights(self) -> None:
        for flight in self._flights.values():
            if not flight.stopping:
                flight.stopping = True
                self._engine.stop(flight.run)

    def _give_up(self, search: Search) -> bool:
        if self._flights:
            self._watch(search)
            return True
        self._end("failed", f"The trials cannot be trained. {self._reason}")
        return False

    def _end(self, status: str, message: str = "") -> None:
        """Say so, as soon as the database takes it."""
        log.info("the study has ended as %s %s", status, message)
        while True:
            try:
                records.end(self._store, self._id, self._engine.id, status, message)
                return
            except Unavailable:
                if self._closed.wait(AGAIN_SECONDS):
                    return  # the next server finds it without one
            except StoreError:
                log.exception("that the study ended as %s could not be kept", status)
                return


def trial_experiment(spec: StudySpec, values: Mapping[str, Setting]) -> Experiment:
    """The experiment of a trial. Raises ExperimentError when the settings do not fit together."""
    experiment = search_space.apply(spec.base, values)
    if spec.objectives != ("time",):
        return experiment
    # Nothing after the target counts.
    training = experiment.training.model_copy(update={"target_accuracy": spec.target})
    return experiment.model_copy(update={"training": training})


def _ahead(spec: StudySpec, store: Store) -> int:
    """The number of trials that may be under way for each that trains.

    Only where no trial depends on how those before it went.
    """
    alone = spec.sampler in ("grid", "random") and spec.pruner == "none"
    small = alone and is_small(spec.base, datasets.images_of(store, spec.base))
    return SMALL_AHEAD if small else 1


def _can_go_on(run: Run) -> bool:
    """False for a trial that has lost its snapshots: to begin again would drop what it recorded."""
    return run.step == 0 or run.checkpoint_step is not None


def _pruned_sentence(spec: StudySpec, epoch: int, value: float) -> str:
    name = spec.objectives[0]
    if name == "time":
        shown, what = f"{1 - value:.2%}", "validation accuracy"
    else:
        shown = f"{value:.4g}" if name == "loss" else f"{value:.2%}"
        what = OBJECTIVES[name].title
    return f"Pruned after epoch {epoch}: its {what} of {shown} was worse than that of other trials."
