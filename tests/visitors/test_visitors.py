"""Strangers on one server: nobody sees, steers or removes what is another's; shares are kept."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from threading import Event
from types import SimpleNamespace

import numpy as np
import pytest

from mnist_core.data.custom import from_arrays
from mnist_core.engine import remote_commands, upkeep
from mnist_core.engine.engine import Engine
from mnist_core.engine.visitor_engine import VisitorEngine
from mnist_core.experiment.changes import MOST_CHANGES
from mnist_core.experiment.spec import Experiment
from mnist_core.experiment.study import default_study
from mnist_core.storage import corrections, datasets, schema
from mnist_core.storage.store import Store
from mnist_core.studies import records
from mnist_core.training.events import Changed, Started
from mnist_core.visitors import last_seen, visitors
from mnist_core.visitors.identity import is_token, new_token, owner_of, owner_of_account
from mnist_core.visitors.limits import PUBLIC, Refused
from tests.support.data_sets import bars
from tests.support.fake_clock_server import fake_clock_server
from tests.support.fake_training import STEP_SECONDS
from tests.support.rows import everything
from tests.support.runs import FAKE, LONG, SHORT, is_status, reach, wait
from tests.support.runs_in_store import SMALL, ended_run

HERS, HIS = owner_of("a" * 43), owner_of("b" * 43)


@pytest.fixture
def public(monkeypatch):
    monkeypatch.setenv("MNIST_LAB_PUBLIC", "1")


@pytest.fixture
def engine(store: Store, public) -> Iterator[Engine]:
    opened = Engine(store, trainer=FAKE)
    yield opened
    opened.close()


# Tokens


def test_tokens_are_long_random_and_do_not_follow_from_the_owner():
    tokens = {new_token() for _ in range(100)}
    assert len(tokens) == 100 and all(is_token(token) for token in tokens)
    for token in tokens:
        assert token not in owner_of(token) and len(owner_of(token)) <= 80
    assert len({owner_of(token) for token in tokens}) == 100


@pytest.mark.parametrize("text", ["", "local", None, 7, "a" * 42, "a" * 44, "a" * 42 + "/", b"a"])
def test_what_is_no_token_is_told_apart(text):
    assert not is_token(text)


def test_an_account_is_its_issuer_and_its_subject():
    assert owner_of_account("https://a", "1") != owner_of_account("https://b", "1")
    assert owner_of_account("https://a", "1") == owner_of_account("https://a", "1")
    assert owner_of_account("https://a", "1") != owner_of("1")


# What is another's is not there


def test_another_visitors_run_does_not_exist(store: Store):
    run = ended_run(store, owner=HERS)
    his, hers = store.seen_by(HIS), store.seen_by(HERS)
    assert hers.run(run) is not None
    assert his.run(run) is None
    for found in (his.runs(), his.runs(HERS), his.runs(None), his.active_runs()):
        assert found == []
    assert his.validation_curves(HERS) == his.validation_curves(None) == {}
    assert list(his.steps(run).step) == [] and len(hers.steps(run).step) == 20
    assert his.epochs(run) == [] and his.snapshots(run) == []
    assert his.weights(run) is None and his.weights(run, 20) is None
    assert his.resume_point(run) is None and hers.resume_point(run) is not None


def test_another_visitors_run_cannot_be_changed(store: Store):
    run = ended_run(store, owner=HERS)
    before, his = everything(store), store.seen_by(HIS)
    his.rename(run, "mine now")
    his.annotate(run, ["x"], "y")
    his.set_status(run, "failed", "no")
    his.say(run, "no")
    his.put_aside(run)
    his.delete(run)
    assert everything(store) == before
    store.seen_by(HERS).put_aside(run)
    before = everything(store)
    his.bring_back(run)
    his.purge(timedelta(0))
    assert everything(store) == before


def test_a_run_made_through_a_view_belongs_to_its_visitor(store: Store):
    run = store.seen_by(HIS).create_run(SMALL, owner=HERS)
    assert store.run(run).owner == HIS


def test_a_visitor_steers_only_own_runs(engine: Engine, store: Store, monkeypatch):
    monkeypatch.setenv("MNIST_LAB_MAX_EPOCHS", "none")
    hers, his = VisitorEngine(engine, HERS), VisitorEngine(engine, HIS)
    run = hers.start(LONG)
    reach(store, run, lambda run: run.step > 2)
    his.stop(run)
    his.pause(run)
    his.send(run, epochs=3)
    his.continue_run(run)
    assert his.place(run) is None
    reached = store.run(run).step
    reach(store, run, lambda run: run.step > reached + 5 and run.status == "running")
    assert store.run(run).total_steps == 4000
    hers.stop(run)
    ended = reach(store, run, is_status("stopped"))
    his.continue_run(run)
    reach(store, hers.start(SHORT), is_status("finished"))  # what was asked before is done by then
    assert store.run(run) == ended


# Shares


def test_one_training_at_a_time_for_each_visitor(engine: Engine, store: Store, monkeypatch):
    monkeypatch.setenv("MNIST_LAB_MAX_EPOCHS", "none")
    hers, his = VisitorEngine(engine, HERS), VisitorEngine(engine, HIS)
    first = hers.start(LONG)
    with pytest.raises(Refused, match="one network at a time: wait until it ends, or stop it"):
        hers.start(SHORT)
    second = his.start(SHORT)
    reach(store, first, is_status("running"))
    assert his.place(second).ahead == 1
    hers.stop(first)
    # What is about to end does not stand in the way any more.
    third = hers.start(SHORT)
    reach(store, second, is_status("finished"))
    reach(store, third, is_status("finished"))


def test_a_refused_start_leaves_nothing_behind(engine: Engine, store: Store, monkeypatch):
    monkeypatch.setenv("MNIST_LAB_MAX_EPOCHS", "100")
    with pytest.raises(Refused, match="200 epochs"):
        VisitorEngine(engine, HERS).start(LONG)
    assert store.runs(None) == []


def test_the_queue_has_an_end(engine: Engine, store: Store, monkeypatch):
    monkeypatch.setenv("MNIST_LAB_MAX_WAITING", "2")
    monkeypatch.setenv("MNIST_LAB_MAX_EPOCHS", "none")
    for _ in range(2):
        store.set_status(store.create_run(SMALL, HIS), "queued", server=engine.id)
    with pytest.raises(Refused, match="2 runs are already waiting"):
        VisitorEngine(engine, HERS).start(SMALL)


def test_more_epochs_than_allowed_are_refused(engine: Engine, store: Store):
    hers = VisitorEngine(engine, HERS)
    run = ended_run(store, owner=HERS)
    with pytest.raises(Refused, match="epochs"):
        hers.continue_run(run, epochs=60)
    assert store.run(run).status == "finished"


def test_epochs_added_and_those_of_a_change_count_together(engine: Engine, store: Store):
    one, two, three = (Experiment.from_query(f"preset=two-layer&epochs={n}") for n in (1, 2, 3))
    hers, run = VisitorEngine(engine, HERS), store.create_run(one, HERS, server="there")
    store.record(run, Started(49, 1, 1, epochs=49))
    store.set_status(run, "paused")
    hers.change(run, two)
    with pytest.raises(Refused, match="51 epochs"):
        hers.change(run, three)


def test_one_change_too_many_is_refused_with_a_sentence(engine: Engine, store: Store):
    begun = Experiment.from_query("preset=two-layer&epochs=1")
    hers, run = VisitorEngine(engine, HERS), store.create_run(begun, HERS, server="there")
    store.record(run, Started(4, 1, 1))
    others = [Experiment.from_query(f"preset=two-layer&epochs={n}") for n in (2, 3)]
    for turn in range(MOST_CHANGES + 1):  # one that crossed the last is kept all the same
        store.record(run, Changed(2, others[turn % 2].to_json(), 4, 1, 3))
    assert len(store.run(run).changes) == MOST_CHANGES + 1
    with pytest.raises(Refused, match="changed 50 times"):
        hers.change(run, begun)


@pytest.fixture
def tight(monkeypatch, public):
    monkeypatch.setenv("MNIST_LAB_MAX_EPOCHS", "none")
    monkeypatch.setenv("MNIST_LAB_MAX_AWAY_MINUTES", "0.02")
    monkeypatch.setattr("mnist_core.engine.monitor.LIMITS_SECONDS", 0.1)


def test_an_abandoned_run_stops_and_keeps_its_curve(store: Store, tight, monkeypatch):
    monkeypatch.setattr(visitors, "NOTICE_SECONDS", 0.1)
    engine, presence = Engine(store, trainer=FAKE), visitors.Presence(store)
    try:
        presence.notice(HERS)
        run = VisitorEngine(engine, HERS).start(LONG)

        def goes_on() -> bool:
            """For longer than she may be away, as long as she has a page open."""
            presence.notice(HERS)
            assert store.run(run).status in ("queued", "running")
            return store.run(run).step > 3 / STEP_SECONDS

        wait(goes_on, "three seconds of training")
        gone = reach(store, run, is_status("stopped"))
        assert "you had no page open" in gone.message
        assert len(store.steps(run).step) == gone.step
    finally:
        engine.close()


SERVER = """
import os, sys
from mnist_core import Experiment
from mnist_core.engine import engine, monitor
from mnist_core.visitors import visitors
from mnist_core.storage.store import Store
monitor.LIMITS_SECONDS = 0.1
store = Store()
visitors.Presence(store).notice("hers")
server = engine.Engine(store, trainer="tests.support.fake_training:train")
print(server.start(Experiment.from_query("preset=two-layer&epochs=200"), "hers"), flush=True)
os.environ["MNIST_LAB_MAX_AWAY_MINUTES"] = sys.stdin.readline().strip()
sys.stdin.read()
"""


def test_absence_is_measured_though_the_clock_is_set(store: Store, public, tmp_path):
    settings = {"MNIST_LAB_MAX_AWAY_MINUTES": "10"}
    with fake_clock_server(SERVER, tmp_path, **settings) as server:
        run = server.hear()
        reached = reach(store, run, lambda run: run.step > 2).step
        server.set_clock(3600)  # she is here all the same
        reach(store, run, lambda run: run.step > reached + 60)
        assert store.run(run).status == "running"
        server.set_clock(-3600)
        server.tell("0.02")
        assert "you had no page open" in reach(store, run, is_status("stopped")).message


@pytest.mark.parametrize(
    ("setting", "sentence"), [("MINUTES", "this server’s limit"), ("PAUSE_MINUTES", "had paused")]
)
def test_a_run_ends_after_its_share_of_time(store: Store, tight, monkeypatch, setting, sentence):
    monkeypatch.setenv("MNIST_LAB_MAX_AWAY_MINUTES", "none")
    monkeypatch.setenv(f"MNIST_LAB_MAX_{setting}", "0.01")
    engine = Engine(store, trainer=FAKE)
    try:
        run = VisitorEngine(engine, HERS).start(LONG)
        if setting == "PAUSE_MINUTES":
            reach(store, run, lambda run: run.step > 2)
            engine.pause(run)
        ended = reach(store, run, is_status("stopped"))
        assert sentence in ended.message and "are kept" in ended.message
    finally:
        engine.close()


# What is kept


def test_presence_is_noted_for_each_visitor(store: Store):
    presence = visitors.Presence(store)
    before = datetime.now(UTC)
    presence.notice(HERS)
    presence.notice(HERS)
    visitors.Presence(store).notice(HERS)
    seen = visitors.last_seen(store, [HERS, HIS])
    assert list(seen) == [HERS] and before <= seen[HERS] <= datetime.now(UTC)


def keep_all_kinds(store: Store, owner: str) -> None:
    """A run, a study, a data set and a correction of this visitor's, who is here."""
    ended_run(store, owner=owner)
    records.create(store, default_study(), owner)
    datasets.keep(store, owner, from_arrays(bars()))
    corrections.add(store, owner, np.eye(28, dtype=np.float32), 1)
    visitors.Presence(store).notice(owner)


@pytest.fixture
def no_grace(monkeypatch):
    monkeypatch.setattr("mnist_core.visitors.visitors.GRACE_SECONDS", 0.0)


def was_last_here(store: Store, owner: str, days: float) -> None:
    then, table = datetime.now(UTC) - timedelta(days=days), schema.visitors
    with store.transaction() as connection:
        connection.execute(table.update().where(table.c.owner == owner).values(seen=then))


def test_what_a_visitor_keeps_goes_when_they_have_been_away_for_long(
    store: Store, no_grace, engine
):
    keep_all_kinds(store, HERS)
    corrections.add(store, "local", np.eye(28, dtype=np.float32), 1)
    hers = everything(store)
    keep_all_kinds(store, HIS)
    was_last_here(store, HIS, PUBLIC.kept_days - 1)
    engine._upkeep.forget_absent()
    # One row is a correction of mine.
    assert len(everything(store)) == 2 * len(hers) - 1 and len(corrections.load(store, HIS)) == 1
    was_last_here(store, HIS, PUBLIC.kept_days + 1)
    engine._upkeep.forget_absent()
    assert everything(store) == hers and visitors.usage(store, HIS) == visitors.Usage(0, 0)
    assert not records.studies(store, HIS) and not len(corrections.load(store, HIS))
    assert len(corrections.load(store, HERS)) == len(corrections.load(store, "local")) == 1
    assert visitors.last_seen(store, [HERS, HIS]).keys() == {HERS}


def set_steady_clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """What measures absence; its `now` is in seconds."""
    clock = SimpleNamespace(now=1000.0)
    monkeypatch.setattr(last_seen, "time", SimpleNamespace(monotonic=lambda: clock.now))
    return clock


def test_an_absent_visitor_has_some_hours_to_come_back(store: Store, public, monkeypatch):
    """By the steady clock: the other may have been set by months."""
    keep_all_kinds(store, HIS)
    forgetting = visitors.Forgetting(store, grace_seconds=3600)
    clock = set_steady_clock(monkeypatch)
    was_last_here(store, HIS, 100)
    assert forgetting.forget(timedelta(days=90)) == 0
    clock.now += 3601
    visitors.Presence(store).notice(HIS)
    assert forgetting.forget(timedelta(days=90)) == 0
    was_last_here(store, HIS, 101)
    assert forgetting.forget(timedelta(days=90)) == 0 and visitors.usage(store, HIS).runs == 1
    clock.now += 3601
    assert forgetting.forget(timedelta(days=90)) == 1 and visitors.usage(store, HIS).runs == 0


def test_who_comes_back_just_before_their_turn_keeps_everything(
    store: Store, no_grace, public, monkeypatch
):
    keep_all_kinds(store, HERS)
    keep_all_kinds(store, HIS)
    for owner in (HERS, HIS):
        was_last_here(store, owner, 100)
    delete = Store.delete

    def as_the_other_returns(store: Store, run_id: str) -> None:
        visitors.Presence(store).notice(HERS if store.run(run_id).owner == HIS else HIS)
        delete(store, run_id)

    monkeypatch.setattr(Store, "delete", as_the_other_returns)
    assert visitors.Forgetting(store).forget(timedelta(days=90)) == 1
    (left,) = {run.owner for run in store.runs(None)}
    assert visitors.usage(store, left).data == 1 and len(corrections.load(store, left)) == 1


def test_a_run_that_goes_on_keeps_what_its_visitor_has(store: Store, no_grace, public):
    keep_all_kinds(store, HIS)
    run = store.create_run(LONG, owner=HIS)
    was_last_here(store, HIS, 100)
    forgetting = visitors.Forgetting(store)
    assert forgetting.forget(timedelta(days=90)) == 0 and visitors.usage(store, HIS).runs == 2
    store.set_status(run, "stopped")
    assert forgetting.forget(timedelta(days=90)) == 1 and visitors.usage(store, HIS).runs == 0


def test_nothing_goes_where_that_limit_is_lifted_or_the_lab_is_one_persons(
    store: Store, no_grace, engine, monkeypatch
):
    keep_all_kinds(store, HIS)
    was_last_here(store, HIS, 5000)
    before = everything(store)
    monkeypatch.setenv("MNIST_LAB_MAX_KEPT_DAYS", "none")
    engine._upkeep.forget_absent()
    monkeypatch.delenv("MNIST_LAB_MAX_KEPT_DAYS")
    monkeypatch.delenv("MNIST_LAB_PUBLIC")
    engine._upkeep.forget_absent()
    assert everything(store) == before and len(corrections.load(store, HIS)) == 1


def test_the_engine_looks_for_absent_visitors_by_itself(
    store: Store, no_grace, monkeypatch, public
):
    keep_all_kinds(store, HIS)
    was_last_here(store, HIS, 5000)
    monkeypatch.setattr("mnist_core.engine.upkeep.UPKEEP_SECONDS", 0.1)
    opened = Engine(store, trainer=FAKE)
    try:
        wait(lambda: not visitors.last_seen(store, [HIS]), "the visitor's end")
    finally:
        opened.close()


def test_upkeep_goes_on_after_garbage_could_not_be_set_aside(
    store: Store, monkeypatch, public, caplog
):
    closed = Event()
    tries: list[int] = []

    def fails() -> None:
        tries.append(len(tries))
        if len(tries) == 2:
            closed.set()
        raise MemoryError

    monkeypatch.setattr(upkeep, "ROOM_SECONDS", 0.01)
    monkeypatch.setattr(upkeep, "GARBAGE_SECONDS", 0.0)
    monkeypatch.setattr(upkeep, "set_aside", fails)
    upkeep.Upkeep(store).run(closed)
    assert len(tries) == 2 and caplog.text.count("garbage stays for now") == 2


def test_what_a_visitor_keeps_is_counted_alone(store: Store):
    ended_run(store, owner=HERS)
    one = visitors.usage(store, HERS)
    ended_run(store, owner=HERS)
    ended_run(store, owner=HIS)
    two = visitors.usage(store, HERS)
    assert (one.runs, two.runs) == (1, 2)
    assert two.bytes == 2 * one.bytes > 0
    assert visitors.usage(store, "nobody") == visitors.Usage(0, 0)


def test_a_full_shelf_offers_the_oldest_run(store: Store):
    oldest = ended_run(store, owner=HERS)
    store.create_run(SMALL, HERS)
    limits = PUBLIC.__class__(kept_runs=2)
    full = visitors.room(store, HERS, limits)
    assert "You have 2 runs; this server keeps 2 per visitor" in full.message
    assert full.oldest.id == oldest
    assert visitors.room(store, HERS, limits, more=0) is None
    store.delete(oldest)
    assert visitors.room(store, HERS, limits) is None
    assert visitors.room(store, HERS, PUBLIC.__class__()) is None


def test_what_comes_counts_before_it_is_kept(store: Store):
    limits = PUBLIC.__class__(kept_megabytes=10)
    assert visitors.room(store, HERS, limits, more=2, size=10_000_000) is None
    full = visitors.room(store, HERS, limits, more=2, size=10_000_001)
    assert "keeps 10 MB per visitor, and these are 10 MB more" in full.message


def test_corrections_count(store: Store):
    corrections.add(store, HERS, np.eye(28, dtype=np.float32), 1)
    assert visitors.usage(store, HERS) == visitors.Usage(0, corrections.IMAGE_BYTES)
    limits, rest = PUBLIC.__class__(kept_megabytes=1), 1_000_000 - corrections.IMAGE_BYTES
    assert visitors.room(store, HERS, limits, more=0, size=rest) is None
    full = visitors.room(store, HERS, limits, more=0, size=rest + 1)
    assert "MB of runs, data sets and corrections" in full.message


def test_deleted_runs_make_room_first(store: Store):
    kept, deleted = ended_run(store, owner=HERS), ended_run(store, owner=HERS)
    limits = PUBLIC.__class__(kept_megabytes=1)
    with store.transaction() as connection:
        change = schema.snapshots.update().where(schema.snapshots.c.run == deleted)
        connection.execute(change.values(bytes=10**6))
    assert "3 MB of runs" in visitors.room(store, HERS, limits).message
    store.put_aside(deleted)
    assert visitors.room(store, HERS, limits) is None
    assert [run.id for run in store.runs(None)] == [kept]


# Several servers


def test_commands_are_left_once_for_the_server_that_trains(store: Store):
    run, other = ended_run(store), ended_run(store)
    remote_commands.leave(store, run, {"pause": True})
    remote_commands.leave(store, other, {"stop": True})
    remote_commands.leave(store, run, {"epochs": 2})
    assert remote_commands.collect(store, [run]) == [(run, {"pause": True}), (run, {"epochs": 2})]
    assert remote_commands.collect(store, [run]) == []
    remote_commands.forget(store, other)
    assert remote_commands.collect(store, [run, other]) == []


def test_a_run_is_steered_from_another_server_on_the_database(store: Store):
    here, there = Engine(store, trainer=FAKE), Engine(store, trainer=FAKE)
    try:
        run = here.start(LONG)
        reach(store, run, lambda run: run.step > 2)
        there.pause(run)
        paused = reach(store, run, is_status("paused"))
        there.resume(run)
        reach(store, run, lambda run: run.step > paused.step)
        there.stop(run)
        reach(store, run, is_status("stopped"))
        wait(lambda: remote_commands.collect(store, [run]) == [], "nothing is left over")
    finally:
        there.close()
        here.close()
