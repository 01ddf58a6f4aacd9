"""Place in the queue and expected wait: from runs of the same kind, else from the size.

`test_a_class_is_told_its_waits` plays a class with a virtual clock.
"""

from __future__ import annotations

import heapq
import math
import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from mnist_core import PRESETS, Experiment
from mnist_core.engine import run_duration
from mnist_core.engine.queue_position import place
from mnist_core.engine.run_duration import BETWEEN, Durations, Estimate
from mnist_core.experiment.changes import Change
from mnist_core.experiment.training_cost import cost
from mnist_core.storage.store import Run, Store
from mnist_core.training.events import Finished, Started

SMALL = Experiment.from_query("layers=flatten;dense(units:4)&epochs=2")
DIGEST = "0123456789abcdef" * 2


def timed(store: Store, experiment: Experiment, a_step: float, other: float) -> Run:
    """A run that has ended and told how long it took."""
    run, steps = store.create_run(experiment, server="here"), Durations().steps(experiment)
    store.record(run, Started(steps, steps, 1))
    store.set_status(run, "running", step=steps, epoch=experiment.training.epochs)
    store.record(run, Finished(steps, 1, 0.1, 0.9, "epochs", 1.0, a_step, other))
    return store.run(run)


def waiting(store: Store, *states: str) -> list[Run]:
    """Runs in these states, in this order."""
    for state in states:
        store.set_status(store.create_run(SMALL), state)
    return store.active_runs()


def known(store: Store) -> Durations:
    """Of SMALL it is known that it takes 10 s."""
    steps = Durations().steps(SMALL)
    runs = [timed(store, SMALL, 8 / steps, 2.0) for _ in range(2)]
    return Durations(runs)


def test_the_same_network_tells_how_long_it_takes(store: Store):
    durations = known(store)
    assert durations.expect(SMALL).likely == pytest.approx(10)
    longer = SMALL.model_copy(update={"training": SMALL.training.model_copy(update={"epochs": 8})})
    assert durations.expect(longer).likely == pytest.approx(4 * 8 + 2)
    assert durations.expect(SMALL).sure and store.timed_runs() != []


def lasting(epochs: int, precision: str = "auto") -> Experiment:
    settings = {"epochs": epochs, "precision": precision}
    return SMALL.model_copy(update={"training": SMALL.training.model_copy(update=settings)})


# Once 3.2 s, 0.15 s for each epoch, as measured.
@pytest.mark.parametrize("seen", [(50, 50), (20, 50, 20)])
@pytest.mark.parametrize("wanted", [1, 10, 50, 100])
def test_what_each_epoch_takes_besides_its_steps_counts(store: Store, seen, wanted: int):
    runs = [timed(store, lasting(epochs), 1e-4, 3.2 + 0.15 * epochs) for epochs in seen]
    expected = 1e-4 * Durations().steps(lasting(wanted)) + 3.2 + 0.15 * wanted
    assert Durations(runs).expect(lasting(wanted)).likely == pytest.approx(expected, rel=0.1)


def test_runs_of_another_number_format_say_less(store: Store):
    durations = Durations([timed(store, lasting(2, "float32"), 1e-3, 2.0) for _ in range(2)])
    assert durations.expect(lasting(2, "float32")).sure
    assert not durations.expect(lasting(2, "mixed_float16")).sure


def test_a_changed_run_takes_as_long_as_what_it_is_now(store: Store):
    durations, run = known(store), waiting(store, "paused")[0]
    wide = SMALL.training.model_copy(update={"batch_size": 4})
    other = SMALL.model_copy(update={"training": wide})
    changed = replace(run, changes=(Change(5, other),))
    assert durations.of_run(changed) == durations.expect(other) != durations.of_run(run)


def test_the_place_in_the_queue_and_the_wait(store: Store):
    durations = known(store)
    runs = waiting(store, "running", "queued", "queued", "queued")
    for ahead, run in enumerate(runs[1:], start=1):
        found = place(run.id, runs, 1, durations)
        assert found.ahead == ahead
        assert found.wait.likely == pytest.approx(ahead * (10 + BETWEEN))
    assert place(runs[0].id, runs, 1, durations) is None, "It trains already"
    assert place("nobody", runs, 1, durations) is None


def test_several_seats_shorten_the_wait(store: Store):
    durations, runs = known(store), waiting(store, "running", "running", "queued", "queued")
    for seats, run, ahead in [(2, 2, 1), (2, 3, 2), (4, 3, 0)]:
        found = place(runs[run].id, runs, seats, durations)
        assert found.ahead == ahead
        assert found.wait.likely == pytest.approx((10 + BETWEEN) * (ahead > 0))


def test_a_pause_makes_nobody_wait(store: Store):
    durations, runs = known(store), waiting(store, "paused", "queued", "queued")
    assert place(runs[1].id, runs, 1, durations).wait.most == 0
    assert place(runs[2].id, runs, 1, durations).wait.likely == pytest.approx(10 + BETWEEN)


def test_no_run_waits_longer_than_runs_may_take(store: Store):
    durations, runs = known(store), waiting(store, "running", "queued", "queued")
    found = place(runs[2].id, runs, 1, durations, longest=5.0)
    assert found.wait.likely == found.wait.most == pytest.approx(2 * (5 + BETWEEN))


def test_a_range_is_said_before_anything_has_trained():
    unknown = Durations().expect(SMALL)
    assert not unknown.sure and unknown.least < unknown.likely < unknown.most < 60


def test_another_network_tells_of_a_larger_one_on_the_same_machine(store: Store):
    wide = Experiment.from_query("layers=flatten;dense(units:400)&epochs=2")
    durations = known(store)
    factor = run_duration.seconds_a_step(wide) / run_duration.seconds_a_step(SMALL)
    assert factor > 3
    expected = durations.expect(wide)
    assert expected.likely == pytest.approx(8 * factor + 2) and not expected.sure


def test_a_slow_machine_makes_every_estimate_longer(store: Store):
    for preset in ("cnn", "best"):
        of_size = Durations().expect(PRESETS[preset])
        a_step = 3 * run_duration.seconds_a_step(PRESETS["cnn"])
        slow = Durations([timed(store, PRESETS["cnn"], a_step, 3.0)]).expect(PRESETS[preset])
        assert slow.likely > 2.5 * of_size.likely


def test_the_images_of_the_data_set_at_hand_count():
    own = SMALL.model_copy(update={"data": DIGEST})
    assert Durations(images={DIGEST: 1000}).steps(own) < Durations().steps(SMALL) / 50
    assert Durations(images={DIGEST: 10}).steps(own) == own.training.epochs
    # A share is held back for validation, not as many images as of MNIST.
    held = own.model_copy(
        update={"training": own.training.model_copy(update={"validation_share": 0.1})}
    )
    batches = math.ceil(900 / held.training.batch_size)
    assert Durations(images={DIGEST: 1000}).steps(held) == batches * held.training.epochs
    assert cost(own, 600) == pytest.approx(cost(own) / 100)


def test_a_run_that_trains_counts_with_what_it_has_left(store: Store):
    durations = known(store)
    run = waiting(store, "running")[0]
    steps = Durations().steps(SMALL)
    begun = replace(run, total_steps=steps, started=datetime.now(UTC) - timedelta(seconds=2))
    # Nothing is known of its pace yet: what has passed comes off what the network took before.
    assert durations.left(begun, 2.0).likely == pytest.approx(8)
    half = replace(begun, step=steps // 2)
    assert durations.left(half).likely == pytest.approx(5, rel=0.01)
    # Its own pace is known by now: twice as slow.
    slow = replace(half, seconds_left=8.0)
    assert durations.left(slow).likely == pytest.approx(8.6)


def test_what_may_end_early_is_expected_within_a_range(store: Store):
    durations = known(store)
    patient = SMALL.model_copy(
        update={"training": SMALL.training.model_copy(update={"patience": 1})}
    )
    found = durations.expect(patient)
    assert not found.sure and found.least < 4 < found.likely


KINDS = [
    "preset=two-layer",
    "preset=two-layer&epochs=1",
    "preset=deep&epochs=2",
    "layers=flatten;dense(units:300)&epochs=3",
    "layers=conv(filters:8);max_pool;flatten&epochs=1&training_images=20000",
    "layers=flatten;dense(units:32)&batch_size=32&training_images=10000",
]


@pytest.mark.parametrize("machine", [0.5, 1.0, 3.0])
@pytest.mark.parametrize("lesson", range(3))
def test_a_class_is_told_its_waits(store: Store, machine: float, lesson: int):
    """In 30 starts the estimate at joining is within a factor of two for nine of ten.

    A virtual clock: `machine` is how slow the computer is, a run takes what its size says, up to
    half as much again or as little, since kinds of networks differ, and a tenth by chance.
    """
    chance = random.Random(lesson)
    clock, free, told = 0.0, 0.0, []
    ended: list[Run] = []
    kinds = {query: machine * chance.uniform(0.6, 1.5) for query in KINDS}
    queue: list[tuple[float, int]] = []  # of those that have started or wait: their ends
    runs: dict[int, tuple[Run, float, float]] = {}
    for number in range(30):
        clock += chance.expovariate(1 / (2.5 * machine))
        while queue and queue[0][0] <= clock:
            ended.insert(0, runs.pop(heapq.heappop(queue)[1])[0])
        query = chance.choice(KINDS)
        experiment = Experiment.from_query(query)
        steps = Durations().steps(experiment)
        a_step = kinds[query] * chance.uniform(0.9, 1.1)
        a_step *= run_duration.seconds_a_step(experiment)
        other = machine * chance.uniform(1.0, 3.0)
        began = max(clock, free)
        free = began + a_step * steps + other + BETWEEN
        run = timed(store, experiment, a_step, other)
        active = [_as_of(*entry, clock) for entry in runs.values()]
        durations = Durations(ended)
        joined = replace(run, status="queued", step=0, total_steps=0)
        found = place(run.id, [*active, joined], 1, durations)
        told.append((found.wait, began - clock))
        runs[number] = run, began, free
        heapq.heappush(queue, (free, number))
    # Who need not wait, or for less than a second, is told so.
    waits = [(max(1.0, said.likely), max(1.0, wait)) for said, wait in told]
    good = sum(0.5 <= said / wait <= 2 for said, wait in waits)
    assert good >= 27 and sum(wait > 3 for _, wait in waits) > 8, waits


def _as_of(run: Run, began: float, ends: float, clock: float) -> Run:
    """An active run as the database shows it at this time of the virtual clock."""
    if clock < began:
        return replace(run, status="queued", step=0, total_steps=0)
    share = min(1.0, (clock - began) / (ends - began))
    started = datetime.now(UTC) - timedelta(seconds=clock - began)
    return replace(run, status="running", step=int(share * run.total_steps), started=started)


def test_estimates_add_up():
    assert Estimate(1, 2, 3) + Estimate(1, 1, 1) == Estimate(2, 3, 4)
    assert Estimate(1, 20, 30).at_most(10) == Estimate(1, 10, 10)
