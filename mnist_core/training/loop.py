"""The training loop: an experiment in, events out.

Read `train` first. Each turn of its loop reads the controls, takes some steps of
gradient descent (`TrainingProgram.run`), tells what happened, and at the end of each epoch
validates. How many steps a turn takes is chosen so that a turn lasts about a tenth of a second.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from mnist_core.data import mnist
from mnist_core.experiment.schedules import factors
from mnist_core.experiment.spec import Experiment, TrainingSpec
from mnist_core.training import misread
from mnist_core.training.control import Control, ControlState
from mnist_core.training.events import (
    Epoch,
    Event,
    Failed,
    Finished,
    Live,
    Resume,
    Snapshot,
    Started,
    Steps,
    pack_arrays,
    unpack_arrays,
)
from mnist_core.training.live_view import pack

if TYPE_CHECKING:
    import keras

    from mnist_core.training.train_step import TrainingProgram

TURN_SECONDS = 0.1
MAX_STEPS_A_TURN = 1000
MAX_SNAPSHOTS, MIN_SNAPSHOTS, STEPS_A_SNAPSHOT = 40, 20, 40
# All of a run's weight snapshots together.
MAX_SNAPSHOT_BYTES = 64_000_000
# Beside those planned: after a pause, a single step, an added epoch.
MAX_UNPLANNED = 10
# Validation images behind the quick reading that labels each snapshot.
QUICK_IMAGES = 500
# A stopped run gets its test accuracy if that takes no longer than this.
STOP_TEST_SECONDS = 0.5
# How much of a run is to be seen, compiling left out, before it is said how long the rest takes.
PACE_SECONDS, PACE_SHARE = 1.5, 0.1
# Time between two frames of the live view: so many times as long as a frame takes to make, within
# bounds. A turn's length comes on top.
LIVE_PAUSES, LIVE_SECONDS, MOST_LIVE_SECONDS = 100, 0.25, 0.35


def train(
    experiment: Experiment,
    dataset: mnist.Dataset | None = None,
    *,
    control: Control | None = None,
    resume: Resume | None = None,
) -> Iterator[Event]:
    """Train an experiment and yield what happens, as it happens.

    One seed on one machine gives the same numbers each time.

    Args:
        experiment: The network, how it is trained, and on what.
        dataset: The data set that the experiment names; MNIST unless given. A set of one's own
            has to be given.
        control: Steers the run while it goes on.
        resume: Where an earlier run of the same experiment was, to go on from there.

    Yields:
        First `Started`, last `Finished` (with the trained model) or `Failed`; steps, epochs and
        snapshots between them.
    """
    from mnist_core.training.train_step import return_program

    began = time.perf_counter()
    run = _prepare(experiment, mnist.fitting(experiment, dataset), control or Control(), resume)
    run.pace.began = began
    try:
        yield from _events(run, resume)
    finally:
        return_program(run.program)


def _events(run: _Run, resume: Resume | None) -> Iterator[Event]:
    """The loop itself."""
    yield Started(
        run.total_steps,
        run.steps_per_epoch,
        run.program.model.count_params(),
        run.precision,
        run.step,
    )
    if resume is None:
        yield _snapshot(run)
    while (reason := _reason_to_end(run)) is None:
        if _held(run):
            if not run.paused_told:
                run.paused_told = True
                yield _steps(run, _NOTHING, _NOTHING, 0.0)
                if run.step not in run.snapshots_taken:
                    yield _snapshot(run)
            yield from _live(run)
            _wait(run, 0.5)
            continue
        event = _turn(run)
        yield event
        yield from _live(run)
        if not np.isfinite(event.loss).all():
            first = event.first_step + int(np.argmin(np.isfinite(event.loss)))
            yield Failed(first, event.epoch, _diverged(first, event.learning_rate))
            return
        epoch_ended = run.step % run.steps_per_epoch == 0
        if run.step in run.snapshot_steps or (epoch_ended and run.step > run.planned_steps):
            yield _snapshot(run)
        if epoch_ended:
            yield _epoch(run)
    if run.step not in run.snapshots_taken:
        yield _snapshot(run)
    yield _finish(run, reason)


@dataclass(frozen=True)
class _Shown:
    """The frame that a view has last got: after which step, when it is next due."""

    step: int
    due: float


@dataclass(eq=False)
class _Pace:
    """The speed of a run, its first turn left out: that one compiles.

    `began` is when its network was built, `waited` how long it has held still since, on the clock
    `time.perf_counter`. `first_steps` steps had been taken after the first turn, which ended after
    `first_busy` seconds in which the run was busy; the turns since then took `seconds`.
    """

    began: float = 0.0
    waited: float = 0.0
    first_steps: int = 0
    first_busy: float | None = None
    seconds: float = 0.0

    def busy(self) -> float:
        """Seconds since the beginning in which the run did not hold still."""
        return time.perf_counter() - self.began - self.waited

    def note(self, steps: int, seconds: float) -> None:
        """A turn of `seconds` has ended, with `steps` taken by now."""
        if self.first_busy is None:
            self.first_steps, self.first_busy = steps, self.busy()
        else:
            self.seconds += seconds

    def step_seconds(self, steps: int) -> float | None:
        """The mean time of a step, None before there are two turns."""
        count = steps - self.first_steps
        return self.seconds / count if self.first_busy is not None and count > 0 else None

    def left(self, steps: int, total: int) -> float | None:
        """Seconds that the rest takes; None until enough was seen of how it goes."""
        if self.first_busy is None or steps <= self.first_steps:
            return None
        seen, count = self.busy() - self.first_busy, steps - self.first_steps
        if seen < PACE_SECONDS and count < PACE_SHARE * total:
            return None
        return (total - steps) * seen / count


@dataclass(eq=False)
class _Run:
    """The state of the loop while it goes on. `step` counts the steps taken so far."""

    model: keras.Model
    program: TrainingProgram
    training: TrainingSpec
    split: mnist.Split
    dataset: mnist.Dataset
    control: Control
    precision: str
    step: int
    steps_per_epoch: int
    planned_steps: int
    snapshot_steps: frozenset[int]
    extra_epochs: int = 0
    resumed: bool = False
    paused_told: bool = False
    seconds: float = 0.0
    most_seconds: float = math.inf
    compiled: bool = False
    epoch_seconds: float = 0.0
    step_seconds: float | None = None
    snapshots_taken: set[int] = field(default_factory=set)
    most_unplanned: int = 1
    unplanned: list[int] = field(default_factory=list)
    pace: _Pace = field(default_factory=_Pace)
    loss_sum: float = 0.0
    hits_sum: float = 0.0
    images_met: int = 0
    best_val_loss: float = math.inf
    epochs_without_gain: int = 0
    ended: str | None = None
    live: dict[str, _Shown] = field(default_factory=dict)

    @property
    def total_steps(self) -> int:
        return self.planned_steps + self.extra_epochs * self.steps_per_epoch

    @property
    def epoch(self) -> int:
        """The epoch that the last step belongs to, from 1."""
        return max(1, math.ceil(self.step / self.steps_per_epoch))


_NOTHING = np.zeros(0, np.float32)


def _prepare(
    experiment: Experiment, dataset: mnist.Dataset, control: Control, resume: Resume | None
) -> _Run:
    from mnist_core.model.build import build_model
    from mnist_core.training.precision import choose_precision
    from mnist_core.training.train_step import borrow_program

    training = experiment.training
    split = mnist.split(dataset, training)
    precision = choose_precision(experiment)
    model = build_model(experiment.network, training.seed, precision)
    program = borrow_program(experiment, precision)
    program.begin(model, split.x_train, split.y_train, training.seed)
    if resume is not None:
        program.model.set_weights(list(resume.weights))
        _restore(program, resume.checkpoint)
    steps_per_epoch = math.ceil(len(split.x_train) / training.batch_size)
    planned = steps_per_epoch * training.epochs
    size = sum(weight.nbytes for weight in model.get_weights())
    step = resume.step if resume else 0
    moments = snapshot_steps(planned, size, control.read().snapshots)
    kept = resume.kept if resume else ()
    run = _Run(
        model=model,
        program=program,
        training=training,
        split=split,
        dataset=dataset,
        control=control,
        precision=precision,
        step=step,
        steps_per_epoch=steps_per_epoch,
        planned_steps=planned,
        snapshot_steps=frozenset(moments),
        snapshots_taken=set(kept),
        most_unplanned=most_unplanned(len(moments), size),
        unplanned=sorted(set(kept).difference(moments)),
        extra_epochs=control.read().extra_epochs,
        resumed=resume is not None,
        seconds=resume.seconds if resume else 0.0,
    )
    if training.max_minutes is not None:
        run.most_seconds = _most_seconds(60 * training.max_minutes, run.seconds)
    if resume is not None:
        _remember(run, resume.val_losses)
    return run


def _most_seconds(limit: float, before: float) -> float:
    """All the training that a run may have, which has trained for `before` seconds already.

    `limit` in all; the same again for whoever lets it go on after that was used up.
    """
    return limit * (1 + before // limit)


def _remember(run: _Run, val_losses: Sequence[float]) -> None:
    """Judge the validation loss as if training had never been interrupted.

    Only patience that had come to its end begins anew: the person wants more epochs all the same.
    """
    for val_loss in val_losses:
        _count_gain(run, val_loss)
    if _out_of_patience(run):
        run.epochs_without_gain = 0


def snapshot_steps(total: int, weight_bytes: int, most: int | None = None) -> list[int]:
    """After which of `total` steps to keep the weights: dense early on, then evenly thinner.

    At most `MAX_SNAPSHOTS`, or `most`; fewer in a short run, for which keeping them would take
    longer than learning, and for large networks: `MAX_SNAPSHOT_BYTES` bounds a run's sum as far
    as four snapshots allow.
    """
    most = most or min(MAX_SNAPSHOTS, max(MIN_SNAPSHOTS, total // STEPS_A_SNAPSHOT))
    count = max(4, min(most, MAX_SNAPSHOT_BYTES // max(1, weight_bytes)))
    early = count // 2
    steps = {0, total}
    steps |= {round(step) for step in np.geomspace(1, max(1, total // 4), early - 1)}
    steps |= {round(step) for step in np.linspace(total / 4, total, count - early)}
    return sorted(step for step in steps if step <= total)


def most_unplanned(planned: int, weight_bytes: int) -> int:
    """The number of snapshots kept beside the `planned` ones, the oldest making way for more.

    At most `MAX_UNPLANNED`, within `MAX_SNAPSHOT_BYTES`; one always, to look at and go on from.
    """
    room = MAX_SNAPSHOT_BYTES // max(1, weight_bytes) - planned
    return max(1, min(MAX_UNPLANNED, room))


def _reason_to_end(run: _Run) -> str | None:
    controls = run.control.read()
    run.extra_epochs = controls.extra_epochs
    if controls.stop:
        return "stopped"
    if run.seconds >= run.most_seconds:
        return "minutes"
    if run.ended is not None:
        return run.ended
    return "epochs" if run.step >= run.total_steps else None


def _held(run: _Run) -> bool:
    """True while the person wants no step taken now."""
    controls = run.control.read()
    held = controls.pause and controls.steps_allowed == 0
    if not held:
        run.paused_told = False
    return held


def _turn(run: _Run) -> Steps:
    """Take the steps of one turn and say how they went."""
    controls = run.control.read()
    count = _steps_in_turn(run, controls)
    order = _order(run)
    within = run.step % run.steps_per_epoch
    batch_size = run.training.batch_size
    first = within * batch_size
    images = order[first : first + count * batch_size]
    batches = images.reshape(count, -1)
    total = run.planned_steps
    base = controls.learning_rate or run.training.learning_rate
    rates = base * factors(run.training.schedule, run.step, count, total)
    started = time.perf_counter()
    loss, accuracy = run.program.run(batches, rates.astype(np.float32), run.step)
    seconds = time.perf_counter() - started
    _note(run, loss, accuracy, images.size, seconds, count)
    if controls.steps_allowed:
        run.control.take_step()
    if controls.delay:
        _wait(run, controls.delay)
    return _steps(run, loss, accuracy, float(rates[-1]), images.size / max(seconds, 1e-9))


def _steps_in_turn(run: _Run, controls: ControlState) -> int:
    """The number of steps to take before looking up again."""
    if controls.delay or controls.steps_allowed or run.step_seconds is None:
        return 1
    count = int(np.clip(TURN_SECONDS / max(run.step_seconds, 1e-6), 1, MAX_STEPS_A_TURN))
    within = run.step % run.steps_per_epoch
    full_batches = len(run.split.x_train) // run.training.batch_size
    # The last batch of an epoch may be smaller than the others: it goes alone.
    count = min(count, full_batches - within if within < full_batches else 1)
    upcoming = [step - run.step for step in run.snapshot_steps if step > run.step]
    return max(1, min([count, *upcoming]))


def _order(run: _Run) -> npt.NDArray[np.int32]:
    """The order in which the present epoch meets the training images; a new one each epoch."""
    epoch = run.step // run.steps_per_epoch
    return epoch_order(len(run.split.x_train), run.training.seed, epoch)


def epoch_order(images: int, seed: int, epoch: int) -> npt.NDArray[np.int32]:
    """A permutation of `images` numbers, int32, from the seed and the epoch (from 0) alone."""
    return np.random.default_rng([seed, epoch]).permutation(images).astype(np.int32)


def _note(
    run: _Run,
    loss: npt.NDArray[np.float32],
    accuracy: npt.NDArray[np.float32],
    images: int,
    seconds: float,
    count: int,
) -> None:
    run.step += count
    run.seconds += seconds
    run.pace.note(run.step, seconds)
    run.epoch_seconds += seconds
    share = images / count
    run.loss_sum += float(loss.sum()) * share
    run.hits_sum += float(accuracy.sum()) * share
    run.images_met += images
    # The very first call also compiles: no measure of a step's time.
    if run.compiled:
        run.step_seconds = seconds / count
    run.compiled = True


def _steps(
    run: _Run,
    loss: npt.NDArray[np.float32],
    accuracy: npt.NDArray[np.float32],
    learning_rate: float,
    images_per_second: float = 0.0,
) -> Steps:
    left = run.pace.left(run.step, run.total_steps)
    if left is not None:
        left += (run.total_steps - run.step) * run.control.read().delay
    return Steps(
        first_step=run.step - len(loss) + 1,
        loss=loss,
        accuracy=accuracy,
        learning_rate=learning_rate,
        epoch=run.epoch,
        seconds=run.seconds,
        total_steps=run.total_steps,
        images_per_second=images_per_second,
        seconds_left=left,
        paused=run.paused_told,
    )


def _epoch(run: _Run) -> Epoch:
    """Validate at an epoch's end, and see whether that ends the training."""
    val_loss = val_accuracy = None
    if len(run.split.x_val):
        val_loss, val_accuracy = run.program.evaluate(run.split.x_val, run.split.y_val)
        _judge(run, val_loss, val_accuracy)
    met = max(1, run.images_met)
    event = Epoch(
        epoch=run.epoch,
        step=run.step,
        loss=run.loss_sum / met,
        accuracy=run.hits_sum / met,
        val_loss=val_loss,
        val_accuracy=val_accuracy,
        seconds=run.epoch_seconds,
    )
    run.loss_sum = run.hits_sum = run.epoch_seconds = 0.0
    run.images_met = 0
    return event


def _judge(run: _Run, val_loss: float, val_accuracy: float) -> None:
    target = run.training.target_accuracy
    _count_gain(run, val_loss)
    if target is not None and val_accuracy >= target:
        run.ended = "target"
    elif _out_of_patience(run):
        run.ended = "no improvement"


def _count_gain(run: _Run, val_loss: float) -> None:
    if val_loss < run.best_val_loss:
        run.best_val_loss, run.epochs_without_gain = val_loss, 0
    else:
        run.epochs_without_gain += 1


def _out_of_patience(run: _Run) -> bool:
    patience = run.training.patience
    return patience is not None and run.epochs_without_gain >= patience


def _make_room(run: _Run) -> int | None:
    """The step of the snapshot that makes way for the present one, if any has to."""
    run.snapshots_taken.add(run.step)
    if run.step in run.snapshot_steps:
        return None
    run.unplanned.append(run.step)
    return run.unplanned.pop(0) if len(run.unplanned) > run.most_unplanned else None


def _snapshot(run: _Run) -> Snapshot:
    replaced = _make_room(run)
    validates = len(run.split.x_val) > 0
    images = run.split.x_val if validates else run.split.x_train
    labels = run.split.y_val if validates else run.split.y_train
    accuracy, dead_units = run.program.quick_look(images[:QUICK_IMAGES], labels[:QUICK_IMAGES])
    return Snapshot(
        step=run.step,
        epoch=run.step / run.steps_per_epoch,
        weights=tuple(run.program.model.get_weights()),
        val_accuracy=accuracy if validates else None,
        checkpoint=pack_arrays([variable.numpy() for variable in _hidden_state(run.program)]),
        dead_units=dead_units,
        replaces=replaced,
    )


def _live(run: _Run) -> Iterator[Live]:
    """A frame for each view whose last one is old enough; none while no step is taken."""
    views = run.control.read().views
    run.live = {view.key: run.live[view.key] for view in views if view.key in run.live}
    for view in views:
        started = time.perf_counter()
        shown = run.live.get(view.key)
        if shown is not None and (shown.step == run.step or started < shown.due):
            continue
        packed = pack(run.program.live_view.frame(view, run.step))
        ended = time.perf_counter()
        pause = LIVE_PAUSES * len(views) * (ended - started)
        pause = min(max(pause, LIVE_SECONDS), MOST_LIVE_SECONDS)
        run.live[view.key] = _Shown(run.step, ended + pause)
        yield Live(run.step, view.key, packed["header"], packed["data"])


def _hidden_state(program: TrainingProgram) -> list[Any]:
    """The state besides the weights that decides the next step: the optimiser's and dropout's."""
    weights = {id(weight) for weight in program.model.weights}
    rest = [variable for variable in program.model.variables if id(variable) not in weights]
    return [*program.optimizer.variables, *rest]


def _restore(program: TrainingProgram, checkpoint: bytes | None) -> None:
    if checkpoint is not None:
        try:
            state = unpack_arrays(checkpoint)
            for variable, value in zip(_hidden_state(program), state, strict=True):
                variable.assign(value)
        except ValueError as error:
            raise ValueError(
                "its last snapshot is damaged. Its curve is kept; start it again."
            ) from error


def _finish(run: _Run, reason: str) -> Finished:
    """The test images are looked at once, at the very end."""
    x_test, y_test = run.dataset.x_test, run.dataset.y_test
    test_loss = test_accuracy = wrong = None
    if reason != "stopped" or _test_seconds(run) < STOP_TEST_SECONDS:
        test_loss, read = run.program.test(x_test, y_test)
        test_accuracy, wrong = float(np.mean(read == y_test)), misread.pack(y_test, read)
    # The caller's own: the program's model serves the next run.
    run.model.set_weights(run.program.model.get_weights())
    a_step = None if run.resumed else run.pace.step_seconds(run.step)
    return Finished(
        step=run.step,
        epoch=run.epoch,
        test_loss=test_loss,
        test_accuracy=test_accuracy,
        reason=reason,
        seconds=run.seconds,
        step_seconds=a_step,
        other_seconds=None if a_step is None else max(0.0, run.pace.busy() - a_step * run.step),
        misread=wrong,
        model=run.model,
    )


def _wait(run: _Run, seconds: float) -> None:
    """Hold still for so long at most, or until a control changes."""
    before = time.perf_counter()
    run.control.wait(seconds)
    run.pace.waited += time.perf_counter() - before


def _test_seconds(run: _Run) -> float:
    """An estimate of how long the test takes, from a twentieth of it."""
    share = max(1, len(run.dataset.x_test) // 20)
    started = time.perf_counter()
    run.program.evaluate(run.dataset.x_test[:share], run.dataset.y_test[:share])
    return len(run.dataset.x_test) / share * (time.perf_counter() - started)


def _diverged(step: int, learning_rate: float) -> str:
    return (
        f"The loss was no longer a number at step {step:,}: the weights have grown without bound. "
        f"Start again with a learning rate well below {learning_rate:g}."
    )
