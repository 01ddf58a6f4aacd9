"""Limits that no dropped cookie escapes: those of an address, and of the whole server."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from mnist_core.base.tensorflow_compat import set_aside
from mnist_core.data.custom import from_arrays
from mnist_core.engine.engine import Engine
from mnist_core.engine.visitor_engine import VisitorEngine
from mnist_core.storage import corrections, datasets, schema
from mnist_core.storage.store import Store
from mnist_core.studies.runner import AWAY, StudyRunner
from mnist_core.visitors import address_limits, server_quota, visitors
from mnist_core.visitors.identity import owner_of
from mnist_core.visitors.limits import LOCAL, PUBLIC, Refused
from mnist_core.visitors.visitors import Presence
from tests.support.data_sets import bars
from tests.support.runs import FAKE, LONG, SHORT, is_status, reach, wait
from tests.support.runs_in_store import SMALL, ended_run
from tests.support.studies import ended, study

HERE, THERE = "address-here", "address-there"


def visitor(number: int) -> str:
    return owner_of(f"{number:043d}")


@pytest.fixture(autouse=True)
def public(monkeypatch):
    monkeypatch.setenv("MNIST_LAB_PUBLIC", "1")
    monkeypatch.setenv("MNIST_LAB_MAX_EPOCHS", "none")


@pytest.fixture
def engine(store: Store) -> Iterator[Engine]:
    opened = Engine(store, trainer=FAKE)
    yield opened
    opened.close()


def come(engine: Engine, number: int, address: str) -> VisitorEngine:
    """A visitor who has never been here opens a page."""
    Presence(engine.store).notice(visitor(number), address)
    return VisitorEngine(engine, visitor(number), address)


def seen(store: Store, owner: str, ago: timedelta) -> None:
    table = schema.visitors
    with store.transaction() as connection:
        change = table.update().where(table.c.owner == owner)
        connection.execute(change.values(seen=datetime.now(UTC) - ago))


# An address


def test_one_address_does_not_hold_up_another(engine: Engine, store: Store):
    crowd = [come(engine, number, HERE).start(LONG) for number in range(6)]
    reach(store, crowd[0], is_status("running"))
    honest = come(engine, 99, THERE)
    run = honest.start(SHORT)
    assert honest.place(run).ahead == 1
    engine.stop(crowd[0])
    assert reach(store, run, is_status("finished"))
    assert all(store.run(other).step == 0 for other in crowd[2:])
    # The crowd goes on in its order: everybody gets a turn.
    reach(store, crowd[1], is_status("running"))


def test_an_address_queues_only_so_much(engine: Engine, monkeypatch):
    monkeypatch.setenv("MNIST_LAB_MAX_ADDRESS_RUNS", "2")
    for number in range(2):
        come(engine, number, HERE).start(LONG)
    with pytest.raises(Refused, match="limit of 2 queued or training runs from one network"):
        come(engine, 2, HERE).start(SHORT)
    assert come(engine, 3, THERE).start(SHORT)


def test_an_address_starts_only_so_many_an_hour(engine: Engine, store: Store, monkeypatch):
    monkeypatch.setenv("MNIST_LAB_MAX_ADDRESS_STARTS", "2")
    for number in range(2):
        engine.stop(come(engine, number, HERE).start(LONG))
    wait(lambda: not store.active_runs(), "the end of both")
    with pytest.raises(Refused, match=r"limit of 2 runs started per hour from one network"):
        come(engine, 2, HERE).start(SHORT)
    with store.transaction() as connection:
        long_ago = datetime.now(UTC) - timedelta(hours=2)
        connection.execute(schema.runs.update().values(queued=long_ago))
    assert come(engine, 2, HERE).start(SHORT)


def test_only_so_many_new_visitors_are_taken_in_within_an_hour(
    engine: Engine, store: Store, monkeypatch
):
    monkeypatch.setenv("MNIST_LAB_MAX_ADDRESS_VISITORS", "2")
    known = [come(engine, number, HERE) for number in range(2)]
    late = come(engine, 2, HERE)
    assert visitors.last_seen(store, [visitor(2)]) == {}
    with pytest.raises(Refused, match="limit of 2 new visitors per hour from your network"):
        late.start(SHORT)
    assert "let your browser keep" in late.data_problem(1) and late.room().oldest is None
    # Whoever is known, and whoever comes from elsewhere, is none of them.
    assert known[0].room() is None and come(engine, 3, THERE).room() is None
    with store.transaction() as connection:
        an_hour_ago = datetime.now(UTC) - timedelta(hours=1, seconds=1)
        connection.execute(schema.visitors.update().values(came=an_hour_ago))
    assert come(engine, 2, HERE).room() is None


def test_what_an_address_keeps_is_counted_together(engine: Engine, store: Store, monkeypatch):
    monkeypatch.setenv("MNIST_LAB_MAX_ADDRESS_MEGABYTES", "1")
    for number in range(2):
        ended_run(store, owner=visitor(number))
    with store.transaction() as connection:
        connection.execute(schema.snapshots.update().values(bytes=100_000))
        connection.execute(schema.runs.update().values(checkpoint=None))
    assert come(engine, 0, HERE).room() is None
    # Two runs of three snapshots, and of twenty steps: loss and accuracy of four bytes each.
    free = 1_000_000 - 2 * (3 * 100_000 + 20 * 8)
    assert server_quota.kept(store).bytes == 1_000_000 - free
    assert come(engine, 1, HERE).room(size=free) is None
    assert "store 1 MB together" in come(engine, 1, HERE).room(size=free + 1).message
    assert come(engine, 2, THERE).room(size=400_001) is None


def test_a_class_behind_one_address_works_with_the_usual_limits(engine: Engine):
    pupils = [come(engine, number, HERE) for number in range(40)]
    runs = [pupil.start(LONG) for pupil in pupils]
    assert [pupil.place(run).ahead for pupil, run in zip(pupils[-3:], runs[-3:], strict=True)] == [
        37, 38, 39
    ]  # fmt: skip


def test_without_an_address_and_in_a_lab_of_ones_own_nothing_is_counted(store: Store):
    limits = replace(PUBLIC, address_runs=0, address_starts=0, address_megabytes=0)
    assert address_limits.start_problem(store, None, limits) is None
    assert address_limits.kept_problem(store, None, limits, 1) is None
    assert address_limits.start_problem(store, HERE, LOCAL) is None
    assert address_limits.kept_problem(store, HERE, LOCAL, 10**12) is None
    assert address_limits.newcomer_problem(store, "nobody", HERE, LOCAL) is None


def test_a_visitor_who_keeps_nothing_is_forgotten_after_a_day(store: Store):
    keeps_run, keeps_correction, keeps_nothing, here = map(visitor, range(4))
    for owner in (keeps_run, keeps_correction, keeps_nothing, here):
        Presence(store).notice(owner, HERE)
        seen(store, owner, timedelta(days=2))
    ended_run(store, owner=keeps_run)
    corrections.add(store, keeps_correction, np.eye(28, dtype=np.float32), 1)
    Presence(store).notice(here, HERE)
    assert address_limits.forget_idle(store) == 1
    assert visitors.last_seen(store, map(visitor, range(4))).keys() == {
        keeps_run, keeps_correction, here
    }  # fmt: skip


# The queue and who has left


def test_what_waits_for_a_closed_page_leaves_the_queue(store: Store, monkeypatch):
    monkeypatch.setenv("MNIST_LAB_MAX_AWAY_QUEUED_SECONDS", "1.5")
    monkeypatch.setattr("mnist_core.engine.monitor.LIMITS_SECONDS", 0.1)
    monkeypatch.setattr(visitors, "NOTICE_SECONDS", 0.1)
    engine = Engine(store, trainer=FAKE)
    try:
        stays, leaves = come(engine, 0, HERE), come(engine, 1, HERE)
        trains, waits = stays.start(LONG), leaves.start(SHORT)
        reach(store, trains, is_status("running"))
        gone = reach(store, waits, is_status("stopped"))
        assert "you had no page open for 1.5 seconds" in gone.message and gone.step == 0
        # What trains does not hold up more than it did before: it has its ten minutes.
        assert store.run(trains).status == "running"
    finally:
        engine.close()


def test_a_study_whose_trial_waits_for_a_closed_page_stops_and_can_go_on(store: Store, monkeypatch):
    monkeypatch.setenv("MNIST_LAB_MAX_AWAY_QUEUED_SECONDS", "0.5")
    engine = Engine(store, trainer=FAKE)
    runner = StudyRunner(engine)
    try:
        trains = come(engine, 0, HERE).start(LONG)
        reach(store, trains, is_status("running"))
        come(engine, 1, HERE)
        study_id = runner.start(study(trials=2), visitor(1))
        assert ended(store, study_id).status == "stopped"
        found = [s for s in runner.studies(visitor(1)) if s.id == study_id]
        assert found[0].message == AWAY
        (trial,) = [run for run in store.runs(visitor(1)) if run.study == study_id]
        assert (trial.status, trial.step) == ("stopped", 0)
    finally:
        runner.close()
        engine.close()


# The whole server


@pytest.fixture
def full(store: Store) -> dict[str, list[str]]:
    """Two runs each of: who is here, who left yesterday, who left a year ago, a lab's owner."""
    ages = {"here": 0, "yesterday": 1, "year": 365}
    runs = {}
    for name in ("here", "yesterday", "year", "local"):
        runs[name] = [ended_run(store, owner=name) for _ in range(2)]
    for name, days in ages.items():
        Presence(store).notice(name)
        seen(store, name, timedelta(days=days))
    with store.transaction() as connection:
        connection.execute(schema.snapshots.update().values(bytes=1_000_000))
    return runs


def left(store: Store) -> set[str]:
    return {run.id for run in store.runs(None)}


@pytest.mark.parametrize("limit", [{"server_runs": 5}, {"server_megabytes": 16}])
def test_the_oldest_runs_of_those_longest_absent_go_first(store: Store, full, limit):
    """Eight runs of three megabytes each."""
    assert server_quota.make_room(store, replace(LOCAL, **limit)) == 3
    expected = {*full["here"], *full["local"], full["yesterday"][1]}
    assert left(store) == expected
    assert server_quota.make_room(store, replace(LOCAL, **limit)) == 0


def test_who_is_here_and_what_trains_stays(store: Store, full):
    active = store.create_run(SMALL, "year")
    limits = replace(LOCAL, server_runs=1)
    assert server_quota.make_room(store, limits) == 4
    assert left(store) == {*full["here"], *full["local"], active}
    assert server_quota.kept(store).over(limits)


def test_what_was_deleted_and_data_sets_make_room_too(store: Store, full):
    datasets.keep(store, "year", from_arrays(bars()))
    store.put_aside(full["here"][0])
    with store.transaction() as connection:
        long_ago = datetime.now(UTC) - timedelta(hours=1)
        connection.execute(schema.runs.update().where(schema.runs.c.deleted.is_not(None))
                           .values(deleted=long_ago))  # fmt: skip
        connection.execute(schema.datasets.update().values(bytes=10**9))
    assert server_quota.make_room(store, replace(LOCAL, server_runs=7)) == 1
    assert full["here"][1] in left(store) and len(left(store)) == 7
    assert server_quota.make_room(store, replace(LOCAL, server_megabytes=900)) == 3
    assert datasets.sets(store, "year") == [] and len(left(store)) == 5


def test_a_full_server_says_so_until_there_is_room(engine: Engine, store: Store, monkeypatch):
    monkeypatch.setenv("MNIST_LAB_MAX_SERVER_RUNS", "1")
    hers = come(engine, 0, HERE)
    runs = [ended_run(store, owner=visitor(0)) for _ in range(2)]
    engine._upkeep.make_room()
    with pytest.raises(Refused, match="This server is full"):
        hers.start(SHORT)
    assert hers.room().oldest.id == runs[0]
    store.delete(runs[0])
    engine._upkeep.make_room()
    assert hers.start(SHORT)


def test_the_engine_makes_room_by_itself(store: Store, full, monkeypatch):
    monkeypatch.setenv("MNIST_LAB_MAX_SERVER_RUNS", "6")
    monkeypatch.setattr("mnist_core.engine.upkeep.ROOM_SECONDS", 0.1)
    opened = Engine(store, trainer=FAKE)
    try:
        wait(lambda: len(left(store)) == 6, "room")
        assert not left(store) & set(full["year"])
    finally:
        opened.close()


def test_what_closed_pages_leave_in_memory_goes_by_itself(store: Store, monkeypatch):
    class Session:
        """As Streamlit's, it refers to itself."""

        def __init__(self) -> None:
            self.itself = self

    gc.disable()
    session = Session()
    left_over = weakref.ref(session)
    set_aside()  # as a server does now and then
    del session
    for name in ("ROOM_SECONDS", "GARBAGE_SECONDS"):
        monkeypatch.setattr(f"mnist_core.engine.upkeep.{name}", 0.1)
    opened = Engine(store, trainer=FAKE)
    try:
        wait(lambda: left_over() is None, "the session to go")
    finally:
        gc.enable()
        opened.close()


def test_presence_follows_a_visitor_to_another_address(store: Store):
    presence = Presence(store)
    for address in (HERE, THERE):
        presence.notice("ada", address)
        with store.transaction() as connection:
            assert connection.execute(schema.visitors.select()).one().address == address


def test_a_time_without_the_database_is_no_absence(store: Store, monkeypatch):
    """Nobody is noticed meanwhile, and nobody is asked about."""
    clock = [0.0]
    monkeypatch.setattr("mnist_core.visitors.last_seen.time.monotonic", lambda: clock[0])
    Presence(store).notice(visitor(0), HERE)
    absences = visitors.Absences(store)

    def absent_at(seconds: float) -> float:
        clock[0] = seconds
        return absences.seconds([visitor(0)])[visitor(0)]

    assert [absent_at(seconds) for seconds in (0, 10, 20)] == [0, 10, 20]
    assert [absent_at(seconds) for seconds in (60, 70)] == [0, 10]
