"""Studies with a real engine, Optuna and database; training is a stand-in."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from mnist_core import PRESETS, Experiment, ExperimentError
from mnist_core.engine.engine import Engine
from mnist_core.experiment import search_space
from mnist_core.experiment.grid_order import combinations
from mnist_core.experiment.study import StudySpec, default_study
from mnist_core.storage.store import Store
from mnist_core.studies import records
from mnist_core.studies.objectives import best_trial, front
from mnist_core.studies.runner import StudyRunner
from tests.support.runs import wait
from tests.support.studies import BASE, RATE, SLOW, TRIALS, UNITS, ended, study, trials


# One server for all tests of this file: each study is its own.
@pytest.fixture(scope="module")
def store(tmp_path_factory) -> Iterator[Store]:
    opened = Store(home=tmp_path_factory.mktemp("home"))
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def engine(store: Store) -> Iterator[Engine]:
    opened = Engine(store, trainer=TRIALS)
    yield opened
    opened.close()


@pytest.fixture
def runner(engine: Engine) -> Iterator[StudyRunner]:
    opened = StudyRunner(engine)
    yield opened
    opened.close()
    wait(lambda: not engine.store.active_runs() or stop_all(engine), "the end of all runs")


def stop_all(engine: Engine) -> bool:
    """Ask the runs that a test left behind to stop; not done yet."""
    for run in engine.store.active_runs():
        engine.stop(run.id)
    return False


def test_a_study_tries_trains_and_ends(runner: StudyRunner, store: Store) -> None:
    study_id = runner.start(study(trials=5))
    assert ended(store, study_id).status == "finished"
    done = trials(store, study_id)
    assert [trial.state for trial in done] == ["finished"] * 5
    for trial in done:
        run = store.run(trial.run)
        assert run.status == "finished" and len(store.snapshots(run.id)) == 3
        assert run.experiment.training.learning_rate == trial.values["learning rate"]
        assert run.experiment.network.layers[1].units == trial.values["layer 2 units"]
        assert trial.results == (store.epochs(run.id)[-1].val_accuracy,)
        assert (run.study, run.trial) == (study_id, trial.number)
    assert len({store.run(trial.run).name for trial in done}) == 5


def test_a_seed_repeats_a_study_also_over_a_stop(runner: StudyRunner, store: Store) -> None:
    spec = study(trials=7, seed=3)
    once = runner.start(spec)
    ended(store, once)
    other = runner.start(study(trials=7, seed=4))
    ended(store, other)
    very_slow = BASE.model_copy(update={"name": "very slow"})
    slow = runner.start(spec.model_copy(update={"base": very_slow}))

    def second_trains() -> bool:
        runs = [store.run(trial.run) for trial in trials(store, slow) if trial.run]
        return len(runs) == 2 and runs[1].status == "running"

    wait(second_trains, "a second trial")
    runner.stop(slow)
    stopped = ended(store, slow)
    left = trials(store, slow)
    assert stopped.status == "stopped" and [trial.state for trial in left] == [
        "finished",
        "running",
    ]
    assert store.run(left[1].run).status == "stopped"
    # As after a restart of the server: a new runner goes on, also with what was under way.
    quick = spec.model_copy(update={"base": BASE})
    with store.transaction() as connection:
        of_slow = records.sweeps.update().where(records.sweeps.c.id == slow)
        connection.execute(of_slow.values(spec=quick.model_dump_json()))
    assert StudyRunner(runner.engine).resume(slow)
    ended(store, slow)
    first, second, third = (trials(store, name) for name in (once, slow, other))
    assert [t.values for t in first] == [t.values for t in second] != [t.values for t in third]
    assert [t.results for t in first] == [t.results for t in second]
    assert len({t.values["learning rate"] for t in first}) == 7
    assert second[1].run == left[1].run and store.run(left[1].run).attempt == 2


def test_a_study_ends_when_its_minutes_are_up(runner: StudyRunner, store: Store) -> None:
    study_id = runner.start(study(trials=500, minutes=0.1, base=SLOW))
    wait(lambda: trials(store, study_id), "a first trial")
    runner._drivers[study_id]._began -= 60
    assert ended(store, study_id).status == "finished"
    done = trials(store, study_id)
    assert 0 < len(done) < 500 and all(trial.state == "finished" for trial in done)
    assert runner.resume(study_id, trials=0)
    wait(lambda: len(trials(store, study_id)) > len(done), "more trials in new minutes")


@pytest.mark.parametrize("pruner", ["median", "hyperband"])
def test_pruned_trials_are_stopped_and_say_so(
    runner: StudyRunner, store: Store, pruner: str
) -> None:
    options = {
        "trials": 12,
        "sampler": "random",
        "pruner": pruner,
        "vary": (search_space.vary(RATE),),
    }
    base = search_space.apply(BASE, {"training.epochs": 9})
    study_id = runner.start(study(base=base, **options))
    assert ended(store, study_id).status == "finished"
    done = trials(store, study_id)
    pruned = [trial for trial in done if trial.state == "pruned"]
    assert pruned and len(pruned) < len(done) and all(trial.results is None for trial in pruned)
    for trial in pruned:
        run = store.run(trial.run)
        assert run.message == trial.why and trial.why.startswith(
            f"Pruned after epoch {max(trial.epochs)}"
        )
        assert max(trial.epochs) < 9
    best = best_trial(records.get(store, study_id).spec, done)
    assert best.state == "finished" and len(best.epochs) == 9


def test_what_does_not_fit_is_told_and_the_study_goes_on(runner: StudyRunner, store: Store) -> None:
    base = Experiment.from_query("preset=cnn&epochs=1&training_images=1000")
    copies = next(k for k in search_space.knobs(base) if k.path == "network.layers.1.copies")
    four = search_space.vary(copies).model_copy(update={"points": 4})
    study_id = runner.start(study(base=base, vary=(four,), sampler="grid", trials=10))
    assert ended(store, study_id).status == "finished"
    done = {trial.values["copies of layer 2"]: trial for trial in trials(store, study_id)}
    assert sorted(done) == [1, 2, 3, 4], "each combination of the grid once"
    assert [done[n].state for n in (1, 2, 3, 4)] == ["finished", "finished", "failed", "failed"]
    assert "does not fit" in done[3].why and done[3].run is None
    network = store.run(done[2].run).experiment.network
    assert [layer.kind for layer in network.layers[:3]] == ["conv", "max_pool", "max_pool"]


def test_a_grid_is_trained_in_its_order_each_combination_once(
    runner: StudyRunner, store: Store
) -> None:
    vary = (
        search_space.vary_over(RATE, (0.1, 0.003, 0.01)),
        search_space.vary_over(UNITS, (16, 8)),
    )
    spec = study(vary=vary, sampler="grid", trials=6)
    study_id = runner.start(spec)
    assert ended(store, study_id).status == "finished"
    tried = [tuple(trial.values.values()) for trial in trials(store, study_id)]
    assert tried == [tuple(each.values()) for each in combinations(spec)]
    assert [units for _, units in tried] == [8, 8, 8, 16, 16, 16]


def test_a_grid_that_is_stopped_trains_nothing_more_and_can_be_resumed(
    runner: StudyRunner, store: Store
) -> None:
    """Also the trials that a worker has been given together with the one that trains."""
    vary = (search_space.vary_over(RATE, (0.1, 0.003, 0.01, 0.03, 0.001)),)
    very_slow = BASE.model_copy(update={"name": "very slow"})
    study_id = runner.start(study(base=very_slow, vary=vary, sampler="grid", trials=5))

    wait(lambda: any(trial.results for trial in trials(store, study_id)), "a first result")
    runner.stop(study_id)
    assert ended(store, study_id).status == "stopped" and not store.active_runs()
    assert runner.resume(study_id) and ended(store, study_id).status == "finished"
    done = trials(store, study_id)
    assert [trial.state for trial in done] == ["finished"] * 5
    assert len({trial.values["learning rate"] for trial in done}) == 5


def test_trials_that_cannot_be_trained_end_the_study(runner: StudyRunner, store: Store) -> None:
    refuses = BASE.model_copy(update={"name": "refuses"})
    study_id = runner.start(study(base=refuses, trials=100))
    gone = ended(store, study_id)
    assert gone.status == "failed" and "there is no such network" in gone.message
    assert len(trials(store, study_id)) == 3


def test_two_objectives_have_a_front(runner: StudyRunner, store: Store) -> None:
    spec = study(objectives=("accuracy", "parameters"), sampler="nsga2", trials=8)
    study_id = runner.start(spec)
    assert ended(store, study_id).status == "finished"
    done = trials(store, study_id)
    on_front = front(spec, done)
    assert 0 < len(on_front) <= len(done)
    for trial in done:
        accuracy, parameters = trial.results
        beaten = any(
            t.results[0] >= accuracy and t.results[1] <= parameters and t.results != trial.results
            for t in done
        )
        assert (trial in on_front) != beaten


def test_the_time_to_an_accuracy(runner: StudyRunner, store: Store) -> None:
    base = search_space.apply(BASE, {"training.epochs": 8})
    spec = study(
        objectives=("time",), target=0.85, base=base, vary=(search_space.vary(RATE),), trials=6
    )
    study_id = runner.start(spec)
    ended(store, study_id)
    for trial in trials(store, study_id):
        run = store.run(trial.run)
        reached = [e.epoch for e in store.epochs(run.id) if e.val_accuracy >= 0.85]
        if reached:
            assert trial.results == (float(reached[0]),), "each epoch of the stand-in takes 1 s"
        else:
            assert trial.state == "failed" and "did not reach 85%" in trial.why
        assert run.experiment.training.target_accuracy == 0.85


def test_a_killed_worker_costs_one_repetition(
    runner: StudyRunner, engine: Engine, store: Store
) -> None:
    study_id = runner.start(study(trials=2, base=SLOW))
    for attempt in (1, 2):
        wait(lambda: trials(store, study_id), "a trial")
        wait(lambda attempt=attempt: trains(store, study_id, attempt), "training")
        os.kill(engine.worker_pid(), signal.SIGKILL)
        wait(lambda attempt=attempt: not trains(store, study_id, attempt), "its end")
    assert ended(store, study_id).status == "finished"
    lost, spared = trials(store, study_id)
    assert lost.retried and lost.state == "failed" and "killed" in lost.why
    assert store.run(lost.run).attempt == 2 and spared.state == "finished"


def trains(store: Store, study_id: str, attempt: int) -> bool:
    """True while the first trial trains for the `attempt`-th time and has ended an epoch."""
    trial = trials(store, study_id)[0]
    run = store.run(trial.run) if trial.run else None
    return run is not None and run.status == "running" and run.attempt == attempt and run.step > 0


def test_only_one_server_drives_a_study(runner: StudyRunner, store: Store) -> None:
    study_id = runner.start(study(trials=3, base=SLOW))
    neighbour = Engine(store, trainer=TRIALS)
    other = StudyRunner(neighbour)
    try:
        assert not other.resume(study_id)
        assert next(s for s in other.studies() if s.id == study_id).status == "running"
        other.stop(study_id)  # any server may ask for that
        assert ended(store, study_id).status == "stopped"
        assert other.resume(study_id)
        assert not runner.resume(study_id)
        assert records.get(store, study_id).server == neighbour.id
    finally:
        other.close()
        neighbour.close()
    assert records.get(store, study_id).status == "interrupted"


class EndedDriver:
    """A driver of a study that has ended already."""

    def __init__(self, _engine: Engine, _study: str) -> None:
        pass

    def start(self) -> None:
        pass

    def close(self) -> None:
        pass

    def is_alive(self) -> bool:
        return False


def test_a_study_grows_in_the_same_moment_as_a_server_takes_it(
    runner: StudyRunner, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else it may come to be running with nobody who drives it."""
    monkeypatch.setattr("mnist_core.studies.runner._Driver", EndedDriver)
    study_id, changes = records.create(store, study(trials=2), "local"), []

    def note(_connection, _cursor, statement, *_more) -> None:
        changes.extend([statement] if statement.startswith("UPDATE sweeps") else [])

    sa.event.listen(store.engine, "before_cursor_execute", note)
    try:
        assert runner.resume(study_id, trials=3)
    finally:
        sa.event.remove(store.engine, "before_cursor_execute", note)
    taken = records.get(store, study_id)
    assert (taken.status, taken.spec.trials, len(changes)) == ("running", 5, 1)
    assert not runner.resume(study_id, trials=3) and records.get(store, study_id) == taken
    records.end(store, study_id, runner.engine.id, "stopped")


def test_studies_that_have_ended_are_let_go(
    runner: StudyRunner, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mnist_core.studies.runner._Driver", EndedDriver)
    started = [runner.start(study(trials=2)) for _ in range(3)]
    assert list(runner._drivers) == started[-1:]
    for study_id in started:
        records.end(store, study_id, runner.engine.id, "stopped")


def test_a_study_of_a_dead_server_is_interrupted_and_can_go_on(
    runner: StudyRunner, store: Store
) -> None:
    study_id = records.create(store, study(trials=2), "local")
    assert records.claim(store, study_id, "a server that died")
    newest = runner.studies()[0]
    assert newest.id == study_id and newest.status == "interrupted"
    assert "resume it" in newest.message
    assert runner.resume(study_id) and ended(store, study_id).status == "finished"


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"objectives": ("accuracy", "loss"), "pruner": "median"}, "needs a single objective"),
        ({"objectives": ("accuracy", "accuracy")}, "are the same"),
        ({"objectives": ("parameters",)}, "choose a second objective"),
        ({"vary": ()}, "Vary is"),
        ({"vary": (search_space.vary(RATE), search_space.vary(RATE))}, "varied only once"),
        (
            {"vary": (search_space.vary(RATE).model_copy(update={"high": 1e9}),)},
            "within 1e-06 to 1000",
        ),
        ({"vary": (search_space.vary(UNITS).model_copy(update={"low": 2.5}),)}, "whole ends"),
        (
            {"base": search_space.apply(BASE, {"training.epochs": 1}), "pruner": "median"},
            "two epochs",
        ),
        ({"base": Experiment.from_query("preset=two-layer&validation_share=0")}, "validation"),
        ({"trials": 0}, "Trials is 0"),
    ],
)
def test_a_study_that_makes_no_sense_is_a_sentence(changes, sentence: str) -> None:
    with pytest.raises(ExperimentError, match=sentence):
        study(**changes)


def test_a_range_that_is_empty_is_a_sentence() -> None:
    with pytest.raises(ValueError, match="is empty"):
        search_space.Vary(path=RATE.path, kind="float", low=1, high=1)
    with pytest.raises(ValueError, match="cannot start at 0"):
        search_space.Vary(path=RATE.path, kind="float", low=0, high=1, log=True)


@pytest.mark.parametrize("name", PRESETS)
def test_every_setting_of_every_preset_can_vary(name: str) -> None:
    base = PRESETS[name]
    for knob in search_space.knobs(base):
        item = search_space.vary(knob)
        search_space.check(base, [item])
        fits = []
        for value in item.grid():
            with contextlib.suppress(ExperimentError):
                fits.append(search_space.apply(base, {knob.path: value}))
        if not knob.path.endswith("weight_decay"):
            assert len(set(fits)) >= 2, knob


def test_a_study_survives_json() -> None:
    spec = default_study()
    assert StudySpec.from_json(spec.model_dump_json()) == spec
    with pytest.raises(ExperimentError):
        StudySpec.from_json("{}")
