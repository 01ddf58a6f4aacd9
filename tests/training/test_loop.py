"""The training loop on real MNIST: events, reproducibility, steering, going on, and failing."""

from __future__ import annotations

import itertools
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator

import numpy as np
import pytest

from mnist_core import PRESETS, Experiment
from mnist_core.data import mnist
from mnist_core.engine import worker
from mnist_core.experiment import training_cost
from mnist_core.experiment.changes import MOST_CHANGES, Change
from mnist_core.experiment.losses import LOSSES
from mnist_core.experiment.shapes import trained_parameters
from mnist_core.experiment.training_cost import shares_operations, xla_pays
from mnist_core.model.build import build_model
from mnist_core.model.keras_script import keras_script
from mnist_core.training.control import Control
from mnist_core.training.events import Event, Snapshot, from_message, to_message
from mnist_core.training.loop import (
    MAX_SNAPSHOT_BYTES,
    MAX_SNAPSHOTS,
    MAX_UNPLANNED,
    Resume,
    _most_seconds,
    most_unplanned,
    snapshot_steps,
    train,
)

SMALL = (
    "layers=conv(filters:4,stride:2);batch_norm;activation;flatten;dropout(rate:0.2)"
    "&training_images=1050&batch_size=100&epochs=2&precision=float32"
)


def experiment(more: str = "", base: str = SMALL) -> Experiment:
    settings = dict(part.split("=", 1) for part in f"{base}{more}".split("&"))
    return Experiment.from_query(settings)


def losses(events: list[Event]) -> np.ndarray:
    return np.concatenate([event.loss for event in events if event.kind == "steps"])


def test_events_tell_the_whole_story() -> None:
    events = list(train(experiment()))
    assert events[0].kind == "started" and events[-1].kind == "finished"
    assert (events[0].total_steps, events[0].steps_per_epoch) == (22, 11)
    steps = [event for event in events if event.kind == "steps"]
    numbers = [range(event.first_step, event.last_step + 1) for event in steps]
    assert list(itertools.chain(*numbers)) == list(range(1, 23))
    epochs = [event for event in events if event.kind == "epoch"]
    assert [(event.epoch, event.step) for event in epochs] == [(1, 11), (2, 22)]
    # The last batch of an epoch holds 50 images only and counts half.
    weights = np.array([100.0] * 10 + [50.0])
    assert epochs[0].loss == pytest.approx(np.average(losses(events)[:11], weights=weights), 1e-5)
    assert (epochs[1].val_accuracy or 0) > epochs[0].accuracy > 0.1
    finished = events[-1]
    x_test = mnist.load().x_test[..., None] / np.float32(255)
    predicted = finished.model.predict(x_test, verbose=0).argmax(axis=1)
    assert finished.test_accuracy == pytest.approx(np.mean(predicted == mnist.load().y_test))
    last = [event for event in events if event.kind == "snapshot"][-1]
    for kept, now in zip(last.weights, finished.model.get_weights(), strict=True):
        np.testing.assert_array_equal(kept, now)


def test_same_seed_same_numbers_other_seed_other_numbers() -> None:
    more = "&augment_shift=2&augment_elastic=0.5&augment_thickness=0.5&augment_rotate=9"
    first, again = (losses(list(train(experiment(more)))) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    other = losses(list(train(experiment(more + "&seed=1"))))
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("optimizer", ["adam", "momentum"])
def test_going_on_from_a_snapshot_repeats_the_unbroken_run(optimizer: str) -> None:
    spec = experiment(f"&optimizer={optimizer}")
    whole = list(train(spec))
    middle = next(e for e in whole if isinstance(e, Snapshot) and e.step >= 8)
    rest = list(train(spec, resume=Resume(middle.step, middle.weights, middle.checkpoint)))
    assert rest[0].step == middle.step
    np.testing.assert_allclose(losses(rest), losses(whole)[middle.step :], rtol=1e-5)


def test_events_survive_the_process_border() -> None:
    for event in train(experiment("&epochs=1")):
        back = from_message(to_message(event))
        assert back.kind == event.kind
        if event.kind == "snapshot":
            for one, two in zip(event.weights, back.weights, strict=True):
                np.testing.assert_array_equal(one, two)
        if event.kind == "steps":
            np.testing.assert_array_equal(event.loss, back.loss)


def test_pause_single_step_resume_and_stop() -> None:
    control = Control()
    control.send(step=2)
    events = train(experiment("&epochs=200"), control=control)
    seen = list(itertools.takewhile(lambda e: not (e.kind == "steps" and e.paused), events))
    assert len(losses(seen)) == 2
    control.send(pause=False)
    assert len(next(e for e in events if e.kind == "steps").loss) >= 1
    control.send(stop=True)
    last = list(events)[-1]
    assert last.kind == "finished" and last.reason == "stopped"


def test_a_paused_run_wakes_at_once_when_it_is_stopped() -> None:
    control = Control()
    control.send(pause=True)
    events = train(experiment("&epochs=200"), control=control)
    next(e for e in events if e.kind == "steps" and e.paused)
    threading.Timer(0.2, control.send, kwargs={"stop": True}).start()
    assert [e.kind for e in events][-1] == "finished"


def test_the_learning_rate_changes_while_it_runs_and_epochs_can_be_added() -> None:
    control = Control()
    control.send(experiment=experiment("&learning_rate=0.5").to_json(), epochs=1)
    events = list(train(experiment(), control=control))
    rates = {e.learning_rate for e in events if e.kind == "steps"}
    assert rates == {0.5}
    assert [e.epoch for e in events if e.kind == "epoch"] == [1, 2, 3]


OTHERWISE = [
    "&learning_rate=0.01&epochs=3&batch_size=64&augment_shift=1",
    "&optimizer=momentum&loss=mean_squared_error&schedule=cosine",
    "&layers=conv(filters:4,stride:2,frozen:True);batch_norm;activation;flatten;dropout(rate:0.5)",
]


@pytest.mark.parametrize("more", OTHERWISE)
def test_a_run_that_was_changed_in_a_pause_can_be_repeated(more: str) -> None:
    before, after = experiment(), experiment(more)
    control, events = Control(), []
    control.send(step=7)
    for event in train(before, control=control):
        events.append(event)
        if event.kind == "steps" and event.paused:
            control.send(experiment=after.to_json(), pause=False)
    (changed,) = (event for event in events if event.kind == "changed")
    assert (changed.step, changed.experiment) == (7, after.to_json())
    assert [e.epoch for e in events if e.kind == "epoch"] == [*range(1, after.training.epochs + 1)]
    assert events[-1].step == changed.total_steps == len(losses(events))
    np.testing.assert_array_equal(losses(events)[:7], losses(list(train(before)))[:7])
    # From the beginning, and from the snapshot of the pause.
    made = [Change(7, after)]
    again = list(train(before, changes=made))
    np.testing.assert_array_equal(losses(again), losses(events))
    paused = next(e for e in events if e.kind == "snapshot" and e.step == 7)
    resume = Resume(7, paused.weights, paused.checkpoint)
    rest = list(train(before, changes=made, resume=resume))
    np.testing.assert_array_equal(losses(rest), losses(events)[7:])
    # And from one that was kept after the change.
    later = [e for e in events if e.kind == "snapshot" and e.step > 7][1]
    resume = Resume(later.step, later.weights, later.checkpoint)
    rest = list(train(before, changes=made, resume=resume))
    np.testing.assert_array_equal(losses(rest), losses(events)[later.step :])
    for mine, theirs in zip(rest[-1].model.get_weights(), events[-1].model.get_weights(),
                            strict=True):  # fmt: skip
        np.testing.assert_array_equal(mine, theirs)


def test_a_change_counts_from_the_first_step_after_the_pause() -> None:
    class Crossing(Control):
        """The change and the word to go on come just after the loop has looked for a change."""

        def take_experiment(self) -> str | None:
            taken = super().take_experiment()
            if taken is None and self.read().pause:
                self.send(experiment=experiment("&learning_rate=0.5").to_json(), pause=False)
            return taken

    control = Crossing()
    control.send(pause=True)
    rates = [e.learning_rate for e in train(experiment(), control=control) if e.kind == "steps"]
    assert set(rates) == {0.5}


def test_what_cannot_change_in_mid_run_is_not_changed() -> None:
    control = Control()
    control.send(experiment=experiment("&seed=5").to_json())
    assert "changed" not in {event.kind for event in train(experiment(), control=control)}


def test_a_run_changes_only_as_often_as_is_kept() -> None:
    rates = ["&learning_rate=0.01", "&learning_rate=0.02"]
    made = [Change(1, experiment(rates[turn % 2])) for turn in range(MOST_CHANGES)]
    control = Control()
    control.send(step=1)
    told = []
    for event in train(experiment(), control=control, changes=made):
        told.append(event.kind)
        if event.kind == "steps" and event.paused:
            control.send(experiment=experiment("&learning_rate=0.03").to_json(), pause=False)
    assert told.count("changed") == MOST_CHANGES


@pytest.mark.parametrize(
    ("more", "reason"),
    [("&target_accuracy=0.2&epochs=50", "target"),
     ("&patience=1&epochs=100&learning_rate=1.0", "no improvement")],
)  # fmt: skip
def test_stop_conditions(more: str, reason: str) -> None:
    last = list(train(experiment(more)))[-1]
    assert last.kind == "finished" and last.reason == reason


def test_a_run_that_goes_on_counts_all_its_seconds() -> None:
    weights = tuple(build_model(experiment().network).get_weights())
    before = Resume(11, weights, None, seconds=100.0)
    for more, reason in [("", "epochs"), ("&max_minutes=10", "epochs")]:
        events = list(train(experiment(more), resume=before))
        times = [event.seconds for event in events if event.kind in ("steps", "finished")]
        assert times == sorted(times) and times[0] > 100 and events[-1].reason == reason
        # The first call of the program compiles it: how long a step takes is not known yet.
        assert next(e for e in events if e.kind == "steps").seconds_left is None
    almost = Resume(11, weights, None, seconds=60 - 1e-9)
    last = list(train(experiment("&max_minutes=1&epochs=200"), resume=almost))[-1]
    assert (last.reason, last.step) == ("minutes", 12)


def test_minutes_that_are_used_up_are_given_again_to_a_run_that_goes_on() -> None:
    minute = experiment("&max_minutes=1").training
    assert [_most_seconds(minute, before) for before in (0.0, 59.0, 60.5, 119.0, 121.0)] == [
        60.0, 60.0, 120.0, 120.0, 180.0,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("val_losses", "epochs"),
    [((), 4), ((1e-9,), 2), ((1e-9, 1.0), 1), ((1e-9, 1.0, 1.0), 2)],
)
def test_patience_goes_on_where_it_stood(val_losses: tuple[float, ...], epochs: int) -> None:
    spec = experiment("&patience=2&epochs=4&learning_rate=0.0005")
    weights = tuple(build_model(spec.network).get_weights())
    events = list(train(spec, resume=Resume(0, weights, None, 0.0, val_losses)))
    assert sum(event.kind == "epoch" for event in events) == epochs


# The new loss is far larger than the old one was.
BEFORE = "&patience=1&epochs=4&loss=mean_squared_error&learning_rate=0.0005"
AFTER = "&patience=1&epochs=4&learning_rate=0.0005"


def test_patience_does_not_compare_one_loss_with_another() -> None:
    control, events = Control(), []
    for event in train(experiment(BEFORE), control=control):
        events.append(event)
        if event.kind == "epoch" and event.epoch == 1:
            control.send(experiment=experiment(AFTER).to_json())
    (changed,) = (event for event in events if event.kind == "changed")
    validated = np.array([event.val_loss for event in events if event.kind == "epoch"])
    assert validated[1] > validated[0] and (np.diff(validated[1:]) < 0).all()
    assert events[-1].reason == "epochs"
    # And no more when it goes on from a snapshot after that.
    made = [Change(changed.step, experiment(AFTER))]
    later = next(e for e in events if e.kind == "snapshot" and e.step > changed.step + 1)
    seen = [e.val_loss for e in events if e.kind == "epoch" and e.step <= later.step]
    resume = Resume(later.step, later.weights, later.checkpoint, val_losses=tuple(seen))
    assert list(train(experiment(BEFORE), changes=made, resume=resume))[-1].reason == "epochs"


def test_divergence_is_told_with_its_step() -> None:
    base = "layers=flatten;dense(units:32,activation:linear)&training_images=1000&optimizer=sgd"
    events = list(train(experiment("&learning_rate=1000&epochs=20", base)))
    assert events[-1].kind == "failed"
    first_bad = int(np.argmin(np.isfinite(losses(events)))) + 1
    assert events[-1].step == first_bad and f"step {first_bad}" in events[-1].reason


@pytest.mark.parametrize("total", [1, 3, 50, 2345, 94_000])
@pytest.mark.parametrize("size", [1_000, 5_000_000, 40_000_000])
def test_snapshots_are_few_bounded_and_denser_at_the_start(total: int, size: int) -> None:
    steps = snapshot_steps(total, size)
    assert steps[0] == 0 and steps[-1] == total and steps == sorted(set(steps))
    assert len(steps) <= MAX_SNAPSHOTS + 1
    assert len(steps) * size <= MAX_SNAPSHOT_BYTES + 4 * size
    if len(steps) > 10:
        assert steps[1] - steps[0] < steps[-1] - steps[-2]


def kept_moments(events: Iterable[Event], kept: Iterable[int] = ()) -> list[int]:
    """The steps of the snapshots that a store holds after these events."""
    steps = list(kept)
    for event in events:
        if isinstance(event, Snapshot):
            if event.replaces is not None:
                steps.remove(event.replaces)
            steps.append(event.step)
    return steps


def with_pauses(events: Iterable[Event], control: Control, presses: int) -> Iterator[Event]:
    """Pause after the first epoch, press “One step” so often, then let it go on."""
    for event in events:
        yield event
        if event.kind == "epoch" and event.epoch == 1:
            control.send(pause=True)
        elif event.kind == "steps" and event.paused:
            presses -= 1
            control.send(**({"pause": False} if presses < 0 else {"step": 1}))


def test_pauses_and_added_epochs_keep_no_more_moments_than_a_run_may_have(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("mnist_core.training.loop.MAX_UNPLANNED", 3)
    monkeypatch.setattr(Control, "wait", lambda *_: None)
    control, spec = Control(), experiment("&epochs=1", DENSE)
    planned = snapshot_steps(11, 4 * spec.network.parameters)
    control.send(epochs=2)
    events = list(with_pauses(train(spec, control=control), control, presses=4))
    kept = kept_moments(events)
    # Of 12, 13, 14, 15 and the ends of the added epochs the last three.
    assert sorted(kept) == [*planned, 15, 22, 33]
    # A run that goes on counts those it had; the one it goes on from is not kept twice.
    newest = [event for event in events if isinstance(event, Snapshot)][-1]
    resume = Resume(newest.step, newest.weights, newest.checkpoint, kept=tuple(kept))
    control = Control()
    control.send(stop=True)
    assert kept_moments(train(spec, control=control, resume=resume), kept) == kept
    control = Control()
    control.send(step=1, epochs=3)
    more = []
    for event in train(spec, control=control, resume=resume):
        more.append(event)
        if event.kind == "steps" and event.paused:
            control.send(stop=True)
    assert sorted(kept_moments(more, kept)) == [*planned, 22, 33, 34]


def test_a_pause_keeps_the_moment_it_came_at_however_large_the_network() -> None:
    assert most_unplanned(40, 1_000) == MAX_UNPLANNED
    assert most_unplanned(20, MAX_SNAPSHOT_BYTES // 24) == 4
    assert most_unplanned(4, 40_000_000) == most_unplanned(40, MAX_SNAPSHOT_BYTES // 40) == 1


WRITTEN_BY_KERAS = (
    experiment("&optimizer=adamw&weight_decay=0.01&schedule=one_cycle&label_smoothing=0.1"),
    experiment(
        "&loss=mean_squared_error",
        "layers=flatten;dense(units:16,frozen:True);dense(units:16,l2:0.01)"
        "&training_images=1050&batch_size=100&epochs=2",
    ),
    experiment("&augment_shift=2&augment_elastic=0.5&optimizer=nesterov&schedule=cosine"),
)


def with_its_values(spec: Experiment) -> str:
    """The Keras script, which then prints its losses: in training, at last, of the test images."""
    script = keras_script(spec).replace("data/mnist.npz", str(mnist.MNIST_FILE))
    # Where Keras's loss is more than the labels' own, the script prints both.
    other = f'(name="{spec.training.loss}")' in script
    penalised = any(getattr(layer, "l2", 0) for layer in spec.network.layers)
    assert other == bool(spec.training.label_smoothing or penalised)
    loss = spec.training.loss if other else "loss"
    # The app's training loss counts label smoothing, too, but no penalty.
    own = f"model.history.history['{loss if penalised else 'loss'}'][-1]"
    last = f"model.history.history['val_{loss}'][-1]"
    return f"{script}\nprint('VALUES', {own}, results['{loss}'], {last})\n"


@pytest.fixture(scope="module")
def values_of_scripts(tmp_path_factory) -> list[list[float]]:
    """What each script printed: one after the other in a process that has nothing of ours."""
    folder = tmp_path_factory.mktemp("scripts")
    program = "import runpy, sys\nfor path in sys.argv[1:]: runpy.run_path(path)"
    paths = []
    for place, spec in enumerate(WRITTEN_BY_KERAS):
        paths.append(folder / f"script{place}.py")
        paths[-1].write_text(with_its_values(spec))
    done = subprocess.run(
        [sys.executable, "-c", program, *paths],
        capture_output=True, text=True, cwd=folder, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    lines = [line.split()[1:] for line in done.stdout.splitlines() if line.startswith("VALUES ")]
    return [[float(value) for value in line] for line in lines]


@pytest.mark.parametrize("place", range(len(WRITTEN_BY_KERAS)))
def test_the_keras_script_alone_reaches_the_same_curve(
    place: int, values_of_scripts: list[list[float]]
) -> None:
    values = values_of_scripts[place]
    events = list(train(WRITTEN_BY_KERAS[place]))
    epoch = [e for e in events if e.kind == "epoch"][-1]
    assert epoch.loss == pytest.approx(values[0], rel=1e-2)
    assert events[-1].test_loss == pytest.approx(values[1], rel=2e-2)
    assert epoch.val_loss == pytest.approx(values[2], rel=2e-2)


def test_frozen_weights_stay_and_the_others_learn() -> None:
    layers = "layers=conv(filters:4,stride:4,frozen:True);batch_norm(frozen:True);flatten;"
    spec = experiment("&epochs=1", f"{layers}dense(units:6)&training_images=500&batch_size=100")
    before = build_model(spec.network, spec.training.seed)
    after = list(train(spec))[-1].model
    for old, new in zip(before.layers, after.layers, strict=True):
        frozen = old.name in ("conv_1", "batch_norm_2")
        for mine, theirs in zip(old.get_weights(), new.get_weights(), strict=True):
            assert np.array_equal(mine, theirs) == frozen, old.name
    trained = sum(weight.numpy().size for weight in after.trainable_variables)
    assert trained_parameters(spec.network.shapes()) == trained


def test_the_mean_squared_error_is_that_of_keras() -> None:
    spec = experiment("&loss=mean_squared_error&epochs=1", DENSE)
    events = list(train(spec))
    first = next(event for event in events if event.kind == "steps")
    assert first.loss[0] == pytest.approx(LOSSES["mean_squared_error"].guess(10), rel=0.3)
    data = mnist.load()
    probabilities = events[-1].model.predict(mnist.ink(data.x_test)[..., None], verbose=0)
    wanted = np.mean((probabilities - np.eye(10)[data.y_test]) ** 2)
    assert events[-1].test_loss == pytest.approx(wanted, rel=1e-4)


DENSE = "layers=flatten;dense(units:16)&training_images=1050&batch_size=100&epochs=2"


@pytest.mark.parametrize("base", [SMALL, DENSE])
def test_a_run_owes_nothing_to_the_runs_before_it(base: str) -> None:
    """Compiled programs are used again: with other weights, seed, learning rate and images."""
    first = list(train(experiment("&seed=1", base)))
    kept = [weight.copy() for weight in first[-1].model.get_weights()]
    other = "&seed=2&learning_rate=0.01&validation_share=0.2"
    assert not np.array_equal(losses(list(train(experiment(other, base)))), losses(first))
    again = list(train(experiment("&seed=1", base)))
    np.testing.assert_array_equal(losses(again), losses(first))
    for before, after in zip(kept, first[-1].model.get_weights(), strict=True):
        np.testing.assert_array_equal(before, after)


def test_two_runs_at_once_do_not_share_weights() -> None:
    alone = losses(list(train(experiment("&seed=1", DENSE))))
    one, two = train(experiment("&seed=1", DENSE)), train(experiment("&seed=3", DENSE))
    pairs = list(itertools.zip_longest(one, two))
    np.testing.assert_array_equal(losses([pair[0] for pair in pairs if pair[0]]), alone)
    assert not np.array_equal(losses([pair[1] for pair in pairs if pair[1]]), alone)


def test_xla_and_tensorflow_kernels_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    from mnist_core.training import train_step

    chosen = experiment("", DENSE)
    assert xla_pays(chosen) and not xla_pays(experiment())
    fast = losses(list(train(chosen)))
    monkeypatch.setattr(training_cost, "MOST_XLA_LAYERS", -1)
    monkeypatch.setattr(train_step, "_IDLE", [])
    np.testing.assert_allclose(losses(list(train(chosen))), fast, rtol=1e-3)


def test_large_dense_layers_train_in_parts_where_xla_has_one_thread() -> None:
    wide = "layers=flatten;dense(units:512);dense(units:512)"
    assert xla_pays(experiment("", wide)) and not xla_pays(experiment("", wide), parts=2)
    assert xla_pays(experiment("&batch_size=50", wide), parts=2)
    assert xla_pays(experiment("", DENSE), parts=2)
    assert shares_operations(experiment("&epochs=30", wide))
    assert not shares_operations(experiment("&epochs=10", wide)), "not worth a new process"
    assert not any(shares_operations(preset) for preset in PRESETS.values())


def test_a_batch_in_parts_trains_along_the_same_curve(monkeypatch: pytest.MonkeyPatch) -> None:
    from mnist_core.training import train_step

    chosen = experiment("&training_images=1001")  # the last batch is one image
    monkeypatch.setattr(train_step, "_IDLE", [])
    whole = list(train(chosen))
    monkeypatch.setattr(train_step, "_IDLE", [])
    monkeypatch.setattr(train_step, "batch_parts", lambda: 3)
    parts = list(train(chosen))
    np.testing.assert_allclose(losses(parts), losses(whole), rtol=1e-3, atol=1e-4)
    assert parts[-1].test_accuracy == pytest.approx(whole[-1].test_accuracy, abs=2e-3)


def test_tensorflow_without_memory_is_a_sentence() -> None:
    import tensorflow as tf

    with pytest.raises(tf.errors.ResourceExhaustedError) as caught:
        tf.ones((1 << 22, 1 << 22))
    assert "ran out of memory" in worker._why(caught.value)


def test_a_damaged_checkpoint_is_a_sentence() -> None:
    weights = tuple(build_model(experiment().network).get_weights())
    with pytest.raises(ValueError, match="snapshot is damaged") as caught:
        next(train(experiment(), resume=Resume(5, weights, b"damaged")))
    assert "Its curve is kept; start it again" in worker._why(caught.value)


def test_a_compiled_network_can_be_let_go():
    import gc
    import weakref

    from mnist_core.training import train_step

    experiment = Experiment.from_query(
        "layers=flatten;dense(units:7,activation:swish);dense(units:6,activation:swish);"
        "dense(units:5);dense(units:4)&epochs=1&training_images=200"
    )
    for _ in train(experiment):
        pass
    (own,) = [kept for kept in train_step._IDLE if kept.compiled_for[0] == experiment.network]
    graph = weakref.ref(own._train.get_concrete_function().graph)
    assert graph() is not None
    train_step._IDLE.remove(own)
    del own
    gc.collect()
    assert graph() is None


def test_a_run_keeps_as_few_snapshots_as_is_wished() -> None:
    assert snapshot_steps(400, 1000, most=5) == [0, 1, 100, 250, 400]
    control = Control()
    control.send(snapshots=5)
    events = list(train(experiment(), control=control))
    assert sum(event.kind == "snapshot" for event in events) == 5
