"""Optuna's side of a study: propose the next trial, record how trials go, keep all of it.

Optuna keeps its own tables in the store's database (its RDBStorage), so that any server can go
on with a study, and its own tools can open it under the name `study_name` gives.
"""

from __future__ import annotations

import logging
import threading
import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import optuna
import sqlalchemy as sa
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.trial import FrozenTrial, TrialState

from mnist_core.experiment.grid_order import combinations
from mnist_core.experiment.search_space import Setting, Vary, title_of
from mnist_core.experiment.study import StudySpec
from mnist_core.storage.store import BUSY_SECONDS, Store, StoreError, Unavailable, is_passing

log = logging.getLogger(__name__)

optuna.logging.set_verbosity(optuna.logging.ERROR)

_storages: weakref.WeakKeyDictionary[Store, Any] = weakref.WeakKeyDictionary()
_opening = threading.Lock()

# Attributes of a trial in Optuna's tables.
RUN, WHY, RETRIED = "run", "why", "retried"


@dataclass(frozen=True)
class Trial:
    """A trial of a study; `number` counts from 0.

    `state` is one of running, finished, pruned and failed, `why` the sentence that goes with the
    last two. `values` are by setting (see `title_of`), `results` by objective, None unless
    finished. `epochs` has the value that pruning compares at the end of each epoch, `seconds` is
    the time from its proposal to its end, None before.
    """

    number: int
    state: str
    values: dict[str, Setting]
    results: tuple[float, ...] | None
    run: str | None
    why: str
    retried: bool
    epochs: dict[int, float]
    seconds: float | None = None


def study_name(study_id: str) -> str:
    """The study's name in Optuna."""
    return f"mnist-lab-{study_id}"


def storage(store: Store) -> Any:
    """Optuna's tables in the store's database. Raises StoreError."""
    with _opening:
        if store not in _storages:
            try:
                _storages[store] = _open(store)
            except Exception:  # another server may have made the tables in the same moment
                try:
                    _storages[store] = _open(store)
                except Exception as error:
                    log.warning("no studies: %s", error)
                    if is_passing(error, store):
                        raise Unavailable("Studies cannot be saved at the moment.") from error
                    raise StoreError(
                        "Studies cannot be saved; the server's log says why."
                    ) from error
        return _storages[store]


def _open(store: Store) -> Any:
    url = store.engine.url.render_as_string(hide_password=False)
    if not url.startswith("sqlite"):
        kwargs: dict[str, Any] = {"pool_pre_ping": True}
        return optuna.storages.get_storage(optuna.storages.RDBStorage(url, kwargs))
    kwargs = {"connect_args": {"timeout": BUSY_SECONDS}}
    own = optuna.storages.RDBStorage(url, kwargs)

    @sa.event.listens_for(own.engine, "connect")
    def _as_the_store_does(connection: Any, _record: Any) -> None:
        connection.execute("PRAGMA synchronous=NORMAL")

    own.engine.dispose()  # the connections opened so far do not know it yet
    return optuna.storages.get_storage(own)


class Search:
    """One study in Optuna. Without the database, Optuna's and SQLAlchemy's errors come through."""

    def __init__(self, store: Store, study_id: str, spec: StudySpec) -> None:
        """Open the study, or create it."""
        self.spec = spec
        self._storage = storage(store)
        self.study = optuna.create_study(
            storage=self._storage,
            study_name=study_name(study_id),
            directions=[kind.direction for kind in spec.kinds],
            sampler=optuna.samplers.RandomSampler(),
            pruner=_pruner(spec),
            load_if_exists=True,
        )
        self._study_id = self._storage.get_study_id_from_name(study_name(study_id))
        self._grid: list[dict[str, Setting]] | None = None
        self._distributions = {item.title: _distribution(item) for item in spec.vary}
        self._paths = {item.title: item.path for item in spec.vary}

    def count(self) -> int:
        """The number of trials that have been asked for."""
        return len(self._asked())

    def trials(self) -> list[Trial]:
        """All trials so far, in their order."""
        return [_trial(frozen) for frozen in self._asked()]

    def _asked(self) -> list[FrozenTrial]:
        """All but one that waits: it has been chosen from the grid and not been asked for yet."""
        every = self.study.get_trials(deepcopy=False)
        return [trial for trial in every if trial.state != TrialState.WAITING]

    def ask(self, number: int) -> tuple[int, dict[str, Setting]]:
        """The next trial's number, and its settings by path; `number` trials there are so far."""
        # A sampler of its own for each trial: what it draws depends on the seed and what is
        # known by then, not on how often the server was started again meanwhile.
        if self.spec.sampler == "grid":
            self._choose_from_grid()
        else:
            self.study.sampler = _sampler(self.spec, number)
        trial = self.study.ask(self._distributions)
        return trial.number, {self._paths[name]: value for name, value in trial.params.items()}

    def _choose_from_grid(self) -> None:
        """Let Optuna's next trial be the first combination that has not been tried yet.

        Its own grid sampler knows no order: it draws each combination by chance.
        """
        every = self.study.get_trials(deepcopy=False)
        if any(trial.state == TrialState.WAITING for trial in every):
            return  # chosen before the server went down
        if self._grid is None or len(self._grid) <= len(every):
            self._grid = combinations(self.spec)
        tried = {tuple(trial.params.get(name) for name in self._distributions) for trial in every}
        for values in self._grid:
            if tuple(values.values()) not in tried:
                self.study.enqueue_trial({title_of(path): value for path, value in values.items()})
                return

    def note(self, number: int, name: str, value: Setting) -> None:
        """Remember something about a trial."""
        self._storage.set_trial_user_attr(self._id(number), name, value)

    def report(self, number: int, epoch: int, value: float) -> None:
        """Say how an unfinished trial stands at the end of an epoch."""
        self._storage.set_trial_intermediate_value(self._id(number), epoch, value)

    def prunes(self, number: int) -> bool:
        """True when the trial should go no further than it has reported."""
        trial = self._storage.get_trial(self._id(number))
        return bool(self.study.pruner.prune(self.study, trial))

    def tell(self, number: int, results: Sequence[float]) -> None:
        """Say how a trial ended."""
        self.study.tell(number, list(results))

    def give_up(self, number: int, why: str, pruned: bool = False) -> None:
        """Say that a trial came to nothing, and why.

        With one objective Optuna hears of it as pruned, so that TPE keeps away from there. With
        two it knows no pruning; those have failed.
        """
        self.note(number, WHY, why)
        self.note(number, "pruned", pruned)
        single = len(self.spec.objectives) == 1
        self.study.tell(number, state=TrialState.PRUNED if single else TrialState.FAIL)

    def _id(self, number: int) -> int:
        found: int = self._storage.get_trial_id_from_study_id_trial_number(self._study_id, number)
        return found


def _trial(frozen: FrozenTrial) -> Trial:
    attributes = frozen.user_attrs
    state = {TrialState.COMPLETE: "finished", TrialState.RUNNING: "running"}.get(
        frozen.state, "pruned" if attributes.get("pruned") else "failed"
    )
    return Trial(
        number=frozen.number,
        state=state,
        values=dict(frozen.params),
        results=tuple(frozen.values) if state == "finished" else None,
        run=attributes.get(RUN),
        why=attributes.get(WHY, ""),
        retried=bool(attributes.get(RETRIED)),
        epochs=dict(frozen.intermediate_values),
        seconds=frozen.duration.total_seconds() if frozen.duration is not None else None,
    )


def _distribution(item: Vary) -> BaseDistribution:
    if item.kind == "choice":
        return CategoricalDistribution(item.options)
    if item.kind == "int":
        return IntDistribution(int(item.low), int(item.high), log=item.log)
    return FloatDistribution(item.low, item.high, log=item.log)


def _sampler(spec: StudySpec, number: int) -> optuna.samplers.BaseSampler:
    samplers = optuna.samplers
    seed = 1_000 * spec.seed + number
    if spec.sampler == "tpe":
        # Some trials by chance first, else it would settle on where the first one happened to be.
        first = min(10, max(4, spec.trials // 4))
        return samplers.TPESampler(n_startup_trials=first, seed=seed)
    if spec.sampler == "nsga2":
        return samplers.NSGAIISampler(population_size=min(50, max(4, spec.trials // 4)), seed=seed)
    return samplers.RandomSampler(seed=seed)


def _pruner(spec: StudySpec) -> optuna.pruners.BasePruner:
    if spec.pruner == "median":
        return optuna.pruners.MedianPruner(n_startup_trials=min(5, max(2, spec.trials // 4)))
    if spec.pruner == "hyperband":
        return optuna.pruners.HyperbandPruner(min_resource=1, max_resource=spec.most_epochs)
    return optuna.pruners.NopPruner()
