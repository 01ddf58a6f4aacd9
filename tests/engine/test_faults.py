"""What goes wrong around a training: the app stays up, tells the truth, and loses no step."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
import sqlalchemy as sa

import mnist_core.storage.database
from mnist_core.engine.engine import Engine
from mnist_core.engine.run_task import Task
from mnist_core.storage.schema import snapshots
from mnist_core.storage.store import Store, StoreError, Unavailable
from mnist_core.studies import optuna_adapter, runner
from mnist_core.visitors import heartbeat
from tests.support.fake_clock_server import fake_clock_server
from tests.support.processes import start as start_process
from tests.support.runs import FAKE, LONG, SHORT, is_status, reach, recorded, wait, whole
from tests.support.studies import SLOW, TRIALS, ended, study, trials
from tests.support.train_page import ENGINES, errors, open_page, press
from tests.support.train_page import fake_training as fake_training

# The database takes nothing


def pragma_on_all(store: Store, pragma: str) -> Callable[[], None]:
    """Set a pragma on each connection that is used from now on; call what comes back to end it."""

    def set_it(connection, *_) -> None:
        connection.execute(f"PRAGMA {pragma}")

    sa.event.listen(store.engine, "checkout", set_it)
    return lambda: sa.event.remove(store.engine, "checkout", set_it)


def count_uses(store: Store) -> list[object]:
    """A list that grows by one each time that a connection of the store is used."""
    uses: list[object] = []
    sa.event.listen(store.engine, "checkout", lambda *about: uses.append(about))
    return uses


@contextmanager
def full_disk(store: Store) -> Iterator[None]:
    """SQLite's own bound on the file's pages: it says what it says of a full disk."""
    with store.transaction() as connection:
        pages = connection.execute(sa.text("PRAGMA page_count")).scalar()
    stop = pragma_on_all(store, f"max_page_count = {pages}")
    yield
    stop()
    pragma_on_all(store, "max_page_count = 1000000")


@contextmanager
def read_only_disk(store: Store) -> Iterator[None]:
    stop = pragma_on_all(store, "query_only = ON")
    yield
    stop()
    pragma_on_all(store, "query_only = OFF")


@contextmanager
def locked_by_another(store: Store) -> Iterator[None]:
    # At once: what trains meanwhile has something to tell while the lock is held.
    other = sqlite3.connect(str(store.engine.url.database), isolation_level=None, timeout=30)
    other.execute("BEGIN IMMEDIATE")
    yield
    other.close()


FAULTS = {
    "full": (full_disk, "The disk is full"),
    "read-only": (read_only_disk, "cannot be written"),
    "locked": (locked_by_another, "keeps the database"),
}


def holds_still(engine: Engine) -> bool:
    before = len(engine._messages)
    time.sleep(0.3)
    return len(engine._messages) == before


@pytest.mark.parametrize("fault", FAULTS)
def test_while_nothing_can_be_stored_training_waits_and_the_page_says_so(
    fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mnist_core.storage.database, "BUSY_SECONDS", 0.3)
    make, sentence = FAULTS[fault]
    app = open_page(preset="two-layer", epochs="200")
    press(app, "Start training")
    engine, store = ENGINES[0], ENGINES[0].store
    run_id = store.runs()[0].id
    reach(store, run_id, lambda run: run.step > 5)
    with make(store):
        wait(lambda: engine.storage_error, "the engine's word that nothing can be stored")
        reached = store.run(run_id).step
        app.run()
        assert sentence in errors(app) and "Training waits" in errors(app)
        assert any("**paused**" in item.value for item in app.markdown) and not app.exception
        press(app, "Queue another")
        # The worker holds still: little is at stake should the server die now.
        wait(lambda: holds_still(engine), "a pause")
        if fault != "read-only":  # and worse comes to worst
            os.kill(engine.worker_pid(), signal.SIGKILL)
            wait(lambda: engine._tasks.get(run_id).over, "the engine has noticed")
            app.session_state["shown_run"] = run_id  # not one that was queued just now
            app.run()
            assert any("**failed**" in item.value for item in app.markdown)
            assert "was killed" in errors(app) and "goes on by itself" not in errors(app)
    wait(lambda: engine.storage_error is None, "the end of the trouble")
    if fault != "read-only":
        run = reach(store, run_id, is_status("failed"))
        assert "killed or ran out of memory" in run.message
    else:
        goes_on = is_status("running")  # what was told before the pause may be stored last
        run = reach(store, run_id, lambda run: run.step > reached + 5 and goes_on(run))
    assert run.step >= reached and whole(store, run_id)
    app.run()
    assert ("was killed" in errors(app)) is (fault != "read-only")


def test_a_pause_of_the_person_outlasts_the_trouble(home: Path) -> None:
    store = Store()
    engine = Engine(store, trainer=FAKE)
    try:
        run_id = engine.start(LONG)
        reach(store, run_id, lambda run: run.step > 5)
        with full_disk(store):
            wait(lambda: engine.storage_error, "trouble")
            engine.pause(run_id)
        reached = reach(store, run_id, is_status("paused")).step
        engine.send(run_id, step=1)
        reach(store, run_id, lambda run: run.step == reached + 1 and run.status == "paused")
        assert whole(store, run_id)
    finally:
        engine.close()


def test_a_database_that_can_only_be_read_shows_what_it_has(home: Path, monkeypatch) -> None:
    run_id = recorded(Store())
    url = f"sqlite:///file:{home / 'lab.db'}?mode=ro&uri=true"
    monkeypatch.setenv("MNIST_LAB_DATABASE", url)
    app = open_page()
    assert app.session_state.shown_run == run_id and not errors(app)
    press(app, "Start training")
    assert "could not be started" in errors(app) and "cannot be written" in errors(app)


def test_a_database_that_another_program_has_for_itself_is_a_sentence_on_every_page(
    home: Path, monkeypatch
) -> None:
    monkeypatch.setattr(mnist_core.storage.database, "BUSY_SECONDS", 0.1)
    store = Store()
    recorded(store)
    store.close()
    keeper = sqlite3.connect(home / "lab.db", isolation_level=None)
    keeper.execute("PRAGMA locking_mode = EXCLUSIVE")
    keeper.execute("BEGIN EXCLUSIVE")
    app = open_page()
    for page in ("train", "explore", "inspect", "draw", "learn"):
        app.switch_page(f"pages/{page}.py").run()
        assert not app.exception, f"{page}: {app.exception}"
        assert page == "learn" or "keeps the database" in errors(app), page
    keeper.close()
    app.switch_page("pages/explore.py").run()
    assert not app.exception and not errors(app)


def test_a_study_outlasts_a_time_without_the_database(home: Path, monkeypatch) -> None:
    monkeypatch.setattr(mnist_core.storage.database, "BUSY_SECONDS", 0.1)
    monkeypatch.setattr(runner, "AGAIN_SECONDS", 0.1)
    monkeypatch.setattr(optuna_adapter, "BUSY_SECONDS", 0.1)
    store = Store()
    engine = Engine(store, trainer=TRIALS)
    studies = runner.StudyRunner(engine)
    try:
        study_id = studies.start(study(trials=5, base=SLOW))
        # One that tells something, so that there is something to store.
        wait(lambda: any(run.step for run in store.active_runs()), "a trial that trains")
        with locked_by_another(store):
            wait(lambda: engine.storage_error, "an error")
            tries = count_uses(store)
            # Many more tries than a study has for other errors.
            wait(lambda: len(tries) > 40, "more tries")
        assert ended(store, study_id).status == "finished"
        states = [trial.state for trial in trials(store, study_id)]
        # At most the one trial that Optuna was just noting has come to nothing.
        assert len(states) == 5 and states.count("finished") >= 4 and "running" not in states
    finally:
        studies.close()
        engine.close()


# Damaged files


def overwritten(data: bytes, start: int, count: int) -> bytes:
    return data[:start] + b"\xab" * count + data[start + count :]


DAMAGE: dict[str, tuple[Callable[[bytes], bytes], bool]] = {
    "noise": (lambda data: os.urandom(len(data)), False),
    "header": (lambda data: overwritten(data, 0, 100), False),
    "cut": (lambda data: data[: len(data) // 2], True),
    "middle": (lambda data: overwritten(data, len(data) // 2 // 4096 * 4096, 8192), True),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_database_is_kept_and_what_can_be_read_goes_on(damage: str, home: Path) -> None:
    store = Store()
    runs = [recorded(store) for _ in range(4)]
    store.close()
    harm, readable = DAMAGE[damage]
    file = home / "lab.db"
    file.write_bytes(bad := harm(file.read_bytes()))

    store = Store()
    kept = [path for path in home.iterdir() if path.match("lab-damaged-*.db")]
    assert len(kept) == 1 and kept[0].read_bytes() == bad and str(kept[0]) in store.notice
    if readable:
        assert [run.id for run in reversed(store.runs())] == runs[: len(store.runs())] != []
        assert len(store.steps(runs[0]).step) == 200 and whole(store, runs[0])
    else:
        assert store.runs() == [] and "starts empty" in store.notice
    assert store.run(recorded(store)).test_accuracy == 0.9
    store.close()
    again = Store()
    assert not again.notice and len(list(home.glob("lab-damaged-*.db"))) == 1
    again.close()


def test_the_page_says_where_the_damaged_database_is_kept(home: Path) -> None:
    (home / "lab.db").write_bytes(os.urandom(20_000))
    app = open_page()
    said = "\n".join(item.value for item in app.warning)
    assert "was damaged" in said and str(next(home.glob("lab-damaged-*.db"))) in said
    press(app, "Start training")
    assert ENGINES[0].store.runs() and not errors(app)


def test_damage_noticed_while_the_server_runs_is_mended_at_its_next_start(
    home: Path, monkeypatch
) -> None:
    monkeypatch.setattr("mnist_core.storage.recovery.SMALL_BYTES", 0)  # as for a file of gigabytes
    store = Store()
    first, second = recorded(store), recorded(store)
    store.close()
    file = home / "lab.db"
    data = file.read_bytes()
    file.write_bytes(overwritten(data, len(data) // 2 // 4096 * 4096, 8192))
    store = Store()
    assert not store.notice
    with pytest.raises(Unavailable, match=r"is damaged\. Restart"):
        read_everything(store, (first, second))
    store.close()
    assert "was damaged" in Store().notice


def read_everything(store: Store, runs: Iterable[str]) -> None:
    for run_id in runs:
        store.steps(run_id)
        for kept in store.snapshots(run_id):
            store.weights(run_id, kept.step)


def damage_weights(store: Store, run_id: str, step: int) -> None:
    with store.transaction() as connection:
        this = (snapshots.c.run == run_id) & (snapshots.c.step == step)
        blob = connection.execute(sa.select(snapshots.c.weights).where(this)).scalar()
        harmed = overwritten(blob, len(blob) // 2, 8)
        connection.execute(snapshots.update().where(this).values(weights=harmed))


def test_damaged_weights_are_a_sentence_and_the_rest_of_the_run_is_there(home: Path) -> None:
    store = Store()
    run_id = recorded(store)
    damage_weights(store, run_id, 200)
    with pytest.raises(StoreError, match="damaged"):
        store.weights(run_id, 200)
    assert len(store.weights(run_id, 0)) == 4

    app = open_page()
    before = store.run(run_id)
    press(app, "Resume")
    said = "\n".join(item.value for item in app.warning)
    assert "cannot go on" in said and "step 200 is damaged" in said
    assert store.run(run_id) == before and whole(store, run_id)

    app.query_params["run"] = run_id
    app.switch_page("pages/inspect.py").run()
    assert "step 200 are damaged" in errors(app) and not app.exception
    app.session_state["reading_network"] = run_id
    app.switch_page("pages/draw.py").run()
    assert not app.exception


def test_a_run_file_takes_what_can_be_read(home: Path) -> None:
    from mnist_core.files.runfile import from_store

    store = Store()
    run_id = recorded(store)
    damage_weights(store, run_id, 200)
    file = from_store(store, store.run(run_id))
    assert [moment.step for moment in file.facts.moments] == [0] and len(file.loss) == 200


# The training process


def test_a_run_that_takes_too_much_memory_fails_alone(home: Path) -> None:
    store = Store()
    engine = Engine(store, trainer=FAKE)
    try:
        hungry = engine.start(SHORT.model_copy(update={"name": "hungry"}))
        following = engine.start(SHORT)
        message = reach(store, hungry, is_status("failed")).message
        assert "ran out of memory" in message and "smaller batch" in message
        reach(store, following, is_status("finished"))
        assert whole(store, following)
    finally:
        engine.close()


# Schedulers, other servers, clocks


@dataclass(frozen=True)
class Lab:
    """An engine on a cluster; `start_cluster` starts one more at the same address."""

    store: Store
    engine: Engine
    scheduler: subprocess.Popen[bytes]
    start_cluster: Callable[[], subprocess.Popen[bytes]]


@pytest.fixture
def lab(home: Path) -> Iterator[Lab]:
    """With a scheduler, and a worker that is ready."""
    port = 20_000 + os.getpid() % 20_000
    address = f"tcp://127.0.0.1:{port}"
    processes: list[subprocess.Popen[bytes]] = []

    def start() -> subprocess.Popen[bytes]:
        quiet = ("--no-dashboard", "--dashboard-address", "127.0.0.1:0")
        where = ("--host", "127.0.0.1", "--port", str(port))
        scheduler = start_process("distributed.cli.dask_scheduler", *where, *quiet)
        worker = start_process("distributed.cli.dask_worker", address, "--nthreads", "1",
                               "--no-nanny", *quiet,
                               "--preload", "mnist_core.engine.worker")  # fmt: skip
        processes.extend((scheduler, worker))
        return scheduler

    scheduler, store = start(), Store()
    engine = Engine(store, scheduler=address, trainer=FAKE)
    try:
        engine.warm()
        wait(engine.ready, "a worker")
        yield Lab(store, engine, scheduler, start)
    finally:
        engine.close()
        for process in processes:
            process.kill()
            process.wait()


def test_the_death_of_the_scheduler_is_told_and_the_queue_survives_it(lab: Lab) -> None:
    store, engine = lab.store, lab.engine
    first, second = engine.start(LONG), engine.start(SHORT)
    reach(store, first, lambda run: run.step > 12)
    reached = store.run(first).step
    lab.scheduler.kill()
    lab.start_cluster()
    wait(lambda: not store.run(first).active, "the truth about the run")
    run = store.run(first)
    assert run.status == "failed" and "connection to the scheduler was lost" in run.message
    assert run.step >= reached and whole(store, first)
    reach(store, second, is_status("finished"))
    assert whole(store, second)


def test_a_scheduler_that_another_has_replaced_unnoticed_is_no_longer_trusted(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Dask's client goes over to the new one, which knows nothing of what it listens to."""
    with monkeypatch.context() as blind:
        blind.setattr(lab.engine._connection, "drop_lost", lambda: None)
        lab.scheduler.kill()
        lab.scheduler.wait()
        lab.start_cluster()
        wait(lab.engine.workers, "a worker of the new one")
    run = lab.engine.start(SHORT)
    reach(lab.store, run, is_status("finished"))
    assert whole(lab.store, run)


@pytest.mark.parametrize(
    ("status", "cut_off"), [("error", False), ("lost", True), ("cancelled", True)]
)
def test_a_worker_that_was_killed_is_told_from_a_scheduler_that_has_gone(
    status: str, cut_off: bool
) -> None:
    task = Task("a", future=SimpleNamespace(status=status))
    assert task.failed() and task.cut_off() is cut_off


OTHER_SERVER = """
import sys, time
from mnist_core import Experiment
from mnist_core.engine.engine import Engine
from mnist_core.storage.store import Store
engine = Engine(Store(), trainer="tests.support.fake_training:train")
experiment = Experiment.from_query("preset=two-layer&epochs=200")
for _ in range(2):
    print(engine.start(experiment), flush=True)
sys.stdin.readline()
print(engine.start(experiment), flush=True)
time.sleep(600)
"""


def test_two_servers_share_a_file_though_one_has_its_clock_set_back(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other one calls itself another machine's, so that only its heartbeat speaks for it."""
    monkeypatch.setattr(heartbeat, "HEARTBEAT_TIMEOUT_SECONDS", 4.0)
    store = Store()
    engine = Engine(store, trainer=FAKE)
    with (
        closing(engine),
        fake_clock_server(OTHER_SERVER, tmp_path, FAKE_HOST="elsewhere") as other,
    ):
        first, second = other.hear(), other.hear()
        reach(store, first, lambda run: run.step > 5)
        other.set_clock(-3600)
        other.tell()
        third = other.hear()
        assert [run.id for run in store.active_runs()] == [first, second, third]

        own = engine.start(SHORT)
        reach(store, own, is_status("finished"))
        reached = reach(store, first, lambda run: run.step > 100).step
        assert store.run(first).status == "running" and whole(store, first) and whole(store, own)
        engine.stop(first)
        assert not reach(store, first, is_status("stopped")).interrupted
        reach(store, second, lambda run: run.step > 5)

        other.process.kill()
        lost = reach(store, second, is_status("stopped"))
        assert lost.interrupted and "server went down" in lost.message
        assert whole(store, first) and whole(store, second) and reached > 100


def test_a_process_whose_start_seems_to_have_moved_lives_while_its_heart_beats(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heartbeat, "HEARTBEAT_TIMEOUT_SECONDS", 0.4)
    store = Store()
    sleeper = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    try:
        heartbeat.register(store, "other")
        with store.transaction() as connection:
            moved = {"pid": sleeper.pid, "process_started": psutil.Process().create_time() - 3600}
            connection.execute(heartbeat.servers.update().values(**moved))
        assert heartbeat.living(store) == {"other"}
        wait(lambda: not heartbeat.living(store), "silence")
    finally:
        sleeper.kill()
        sleeper.wait()
