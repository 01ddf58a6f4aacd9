"""The training loop: an experiment in, events out.

Read `train` first. Each turn of its loop reads the controls, takes some steps of
gradient descent (`TrainingProgram.run`), tells what happened, and at the end of each epoch
validates. How many steps a turn takes is chosen so that a turn lasts about a tenth of a second.
"""

from __future__ import annotations

import math
import time
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from mnist_core.data import mnist
from mnist_core.experiment.changes import Change, present, problem
from mnist_core.experiment.schedules import factors
from mnist_core.experiment.spec import Experiment, TrainingSpec
from mnist_core.training import misread
from mnist_core.training.control import Control, ControlState
from mnist_core.training.epoch_clock import EpochClock
from mnist_core.training.events import (
    Changed,
    Epoch,
    Event,
    Failed,
    Finished,
    FloatArray,
    Live,
    Released,
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
    changes: Sequence[Change] = (),
) -> Iterator[Event]:
    """Train an experiment and yield what happens, as it happens.

    One seed on one machine gives the same numbers each time.

    Args:
        experiment: The network, how it is trained, and on what.
        dataset: The data set that the experiment names; MNIST unless given. A set of one's own
            has to be given.
        control: Steers the run while it goes on.
        resume: Where an earlier run of the same experiment was, to go on from there.
        changes: What was changed in an earlier run, in the order of the steps; each change is made
            again at its step.

    Yields:
        First `Started`, last `Finished` (with the trained model) or `Failed`; steps, epochs and
        snapshots between them.
    """
    from mnist_core.training.train_step import return_program

    began = time.perf_counter()
    given = mnist.fitting(experiment, dataset)
    run = _prepare(experiment, given, control or Control(), resume, changes)
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
        run.epochs,
    )
    if resume is None:
        yield _snapshot(run)
    while True:
        yield from _changes_due(run)
        if (reason := _reason_to_end(run)) is not None:
            break
        if _held(run):
            if (yield from _hold(run)):
                return
            continue
        if run.control.read().experiment is not None:
            continue  # it came a moment ago, before the word to go on
        event = _turn(run)
        yield event
        yield from _live(run)
        if not np.isfinite(event.loss).all():
            first = event.first_step + int(np.argmin(np.isfinite(event.loss)))
            yield Failed(first, event.epoch, _diverged(first, event.learning_rate))
            return
        epoch_ended = run.clock.met == 0
        if run.step in run.snapshot_steps or (epoch_ended and run.step > run.planned_steps):
            yield _snapshot(run)
        if epoch_ended:
            yield _epoch(run)
    if run.step not in run.snapshots_taken:
        yield _snapshot(run)
    yield _finish(run, reason)


def _hold(run: _Run) -> Generator[Event, None, bool]:
    """Hold still for a moment; True when the run is to give its worker away."""
    if not run.paused_told:
        run.paused_told = True
        yield _steps(run, _NOTHING, _NOTHING, 0.0)
        if run.step not in run.snapshots_taken:
            yield _snapshot(run)
    yield from _live(run)
    if (controls := run.control.read()).release:
        yield Released(run.step, controls.to_command())
        return True
    _wait(run, 0.5)
    return False


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
    """The state of the loop: now as `experiment`, with `changes` to be made yet.

    `best_val_loss` is that of the present loss function: no other loss compares with it.
    `planned_steps` are those of the experiment, without epochs asked for later.
    """

    model: keras.Model
    program: TrainingProgram
    experiment: Experiment
    changes: list[Change]
    changes_made: int
    clock: EpochClock
    split: mnist.Split
    dataset: mnist.Dataset
    control: Control
    precision: str
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
    epoch_loss: list[FloatArray] = field(default_factory=list)
    epoch_accuracy: list[FloatArray] = field(default_factory=list)
    best_val_loss: float = math.inf
    epochs_without_gain: int = 0
    ended: str | None = None
    live: dict[str, _Shown] = field(default_factory=dict)

    @property
    def training(self) -> TrainingSpec:
        return self.experiment.training

    @property
    def step(self) -> int:
        """The steps taken so far."""
        return self.clock.step

    @property
    def epoch(self) -> int:
        """The epoch that the last step belongs to, from 1."""
        return self.clock.epoch

    @property
    def epochs(self) -> int:
        """The number of epochs that the run is to take."""
        return self.training.epochs + self.extra_epochs

    @property
    def total_steps(self) -> int:
        return self.clock.total(self.epochs)

    @property
    def steps_per_epoch(self) -> int:
        return self.clock.steps_per_epoch


_NOTHING = np.zeros(0, np.float32)


def _prepare(
    experiment: Experiment,
    dataset: mnist.Dataset,
    control: Control,
    resume: Resume | None,
    changes: Sequence[Change],
) -> _Run:
    from mnist_core.model.build import build_model
    from mnist_core.training.precision import choose_precision
    from mnist_core.training.train_step import borrow_program

    split = mnist.split(dataset, experiment.training)
    precision = choose_precision(experiment)
    step = resume.step if resume else 0
    # What was changed at the snapshot's own step comes after it.
    made = [change for change in changes if change.step < step]
    clock, planned, judged = _clock_at(step, len(split.x_train), experiment, made)
    experiment = present(experiment, made)
    training = experiment.training
    model = build_model(experiment.network, training.seed, precision)
    program = borrow_program(experiment, precision)
    program.begin(model, split.x_train, split.y_train, training.seed)
    if resume is not None:
        program.model.set_weights(list(resume.weights))
        _restore(program, resume.checkpoint)
    size = sum(weight.nbytes for weight in model.get_weights())
    due = snapshot_steps(planned, size, control.read().snapshots)
    kept = resume.kept if resume else ()
    run = _Run(
        model=model,
        program=program,
        experiment=experiment,
        changes=list(changes[len(made) :]),
        changes_made=len(made),
        clock=clock,
        split=_without_training_images(split),
        dataset=dataset,
        control=control,
        precision=precision,
        planned_steps=planned,
        snapshot_steps=frozenset(due),
        snapshots_taken=set(kept),
        most_unplanned=most_unplanned(len(due), size),
        unplanned=sorted(set(kept).difference(due)),
        extra_epochs=control.read().extra_epochs,
        resumed=resume is not None,
        seconds=resume.seconds if resume else 0.0,
        epoch_loss=[resume.loss] if resume else [],
        epoch_accuracy=[resume.accuracy] if resume else [],
    )
    run.most_seconds = _most_seconds(training, run.seconds)
    if resume is not None:
        _remember(run, resume.val_losses[judged:])
    return run


def _without_training_images(split: mnist.Split) -> mnist.Split:
    """The split without the images that the program holds by now, but for those of a quick look."""
    few = slice(0, QUICK_IMAGES)
    return replace(split, x_train=split.x_train[few].copy(), y_train=split.y_train[few].copy())


def _clock_at(
    step: int, images: int, experiment: Experiment, changes: Sequence[Change]
) -> tuple[EpochClock, int, int]:
    """The clock after `step` steps on so many images, and how many are planned by then.

    Third, the number of epochs that had ended when the loss function last changed.
    """
    judged, loss = 0, experiment.training.loss
    clock = EpochClock(images, experiment.training.batch_size)
    planned = clock.total(experiment.training.epochs)
    for change in changes:
        clock.advance(change.step - clock.step)
        training = change.experiment.training
        if training.loss != loss:
            judged, loss = clock.ended, training.loss
        clock.batch_size = training.batch_size
        planned = clock.total(training.epochs)
    clock.advance(step - clock.step)
    return clock, planned, judged


def _changes_due(run: _Run) -> Iterator[Changed]:
    """Make the changes that this step brings: those of an earlier run, and what is asked for."""
    while run.changes and run.changes[0].step <= run.step:
        yield _change(run, run.changes.pop(0).experiment)
    if (asked := run.control.take_experiment()) is not None:
        after = Experiment.from_json(asked)
        why = problem(run.experiment, after, run.epoch, run.changes_made)
        if after != run.experiment and why is None:
            run.changes = []  # the person has decided otherwise
            yield _change(run, after)


def _change(run: _Run, after: Experiment) -> Changed:
    """Go on as another experiment: the weights stay, and what fits of the optimiser's state."""
    from mnist_core.training.train_step import borrow_program, return_program

    if not run.program.computes(after, run.precision):
        program = borrow_program(after, run.precision)
        split = mnist.split(run.dataset, after.training)
        program.begin(run.program.model, split.x_train, split.y_train, after.training.seed)
        program.take_over_optimizer(run.program)
        return_program(run.program)
        run.program, run.compiled, run.step_seconds = program, False, None
        run.pace = _Pace(began=time.perf_counter())
    if after.training.loss != run.training.loss:
        run.best_val_loss, run.epochs_without_gain = math.inf, 0
    run.changes_made += 1
    run.resumed = True  # how long it takes says nothing of the experiment that it began as
    run.experiment = after
    run.clock.batch_size = after.training.batch_size
    run.planned_steps = run.clock.total(after.training.epochs)
    size = sum(weight.nbytes for weight in run.model.get_weights())
    most = run.control.read().snapshots
    run.snapshot_steps = _snapshot_steps_from(run, snapshot_steps(run.planned_steps, size, most))
    run.most_seconds = _most_seconds(after.training, run.seconds)
    run.ended = None
    return Changed(run.step, after.to_json(), run.total_steps, run.steps_per_epoch, run.epochs)


def _snapshot_steps_from(run: _Run, due: Sequence[int]) -> frozenset[int]:
    """The planned snapshots from here on, with those kept no more than `due` in all."""
    before = run.snapshots_taken.difference(run.unplanned)
    coming = [step for step in due if step > run.step]
    room = max(1, len(due) - len(before))
    places = np.unique(np.linspace(0, len(coming) - 1, min(room, len(coming))).round().astype(int))
    return frozenset(before).union(coming[place] for place in places)


def _most_seconds(training: TrainingSpec, before: float) -> float:
    """All the training that a run may have, which has trained for `before` seconds already.

    Its limit in all; the same again for whoever lets it go on after that was used up.
    """
    if training.max_minutes is None:
        return math.inf
    limit = 60 * training.max_minutes
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
    training, first = run.training, run.clock.met
    images = _order(run)[first : first + count * training.batch_size]
    batches = images.reshape(count, -1)
    schedule = factors(training.schedule, run.step, count, run.planned_steps)
    rates = training.learning_rate * schedule
    started = time.perf_counter()
    loss, accuracy = run.program.run(batches, rates.astype(np.float32), run.step)
    seconds = time.perf_counter() - started
    _note(run, loss, accuracy, seconds)
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
    full_batches = (run.clock.images - run.clock.met) // run.training.batch_size
    # The last batch of an epoch may be smaller than the others: it goes alone.
    count = min(count, max(1, full_batches))
    stops = [*run.snapshot_steps, *(change.step for change in run.changes)]
    upcoming = [step - run.step for step in stops if step > run.step]
    return max(1, min([count, *upcoming]))


def _order(run: _Run) -> npt.NDArray[np.int32]:
    """The order in which the present epoch meets the training images; a new one each epoch."""
    return epoch_order(run.clock.images, run.training.seed, run.clock.ended)


def epoch_order(images: int, seed: int, epoch: int) -> npt.NDArray[np.int32]:
    """A permutation of `images` numbers, int32, from the seed and the epoch (from 0) alone."""
    return np.random.default_rng([seed, epoch]).permutation(images).astype(np.int32)


def _note(run: _Run, loss: FloatArray, accuracy: FloatArray, seconds: float) -> None:
    run.clock.advance(len(loss))
    run.seconds += seconds
    run.pace.note(run.step, seconds)
    run.epoch_seconds += seconds
    run.epoch_loss.append(loss)
    run.epoch_accuracy.append(accuracy)
    # The very first call also compiles: no measure of a step's time.
    if run.compiled:
        run.step_seconds = seconds / len(loss)
    run.compiled = True


def _steps(
    run: _Run,
    loss: FloatArray,
    accuracy: FloatArray,
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
        epochs=run.epochs,
    )


def _epoch(run: _Run) -> Epoch:
    """Validate at an epoch's end, and see whether that ends the training."""
    val_loss = val_accuracy = None
    if len(run.split.x_val):
        val_loss, val_accuracy = run.program.evaluate(run.split.x_val, run.split.y_val)
        _judge(run, val_loss, val_accuracy)
    event = Epoch(
        epoch=run.epoch,
        step=run.step,
        loss=_epoch_mean(run, run.epoch_loss),
        accuracy=_epoch_mean(run, run.epoch_accuracy),
        val_loss=val_loss,
        val_accuracy=val_accuracy,
        seconds=run.epoch_seconds,
    )
    run.epoch_seconds = 0.0
    run.epoch_loss, run.epoch_accuracy = [], []
    return event


def _epoch_mean(run: _Run, pieces: Sequence[FloatArray]) -> float:
    """The mean over the epoch's images of what its batches came to.

    The same number however many steps each turn took, and whether or not the run paused: the
    pieces are joined first.
    """
    values = np.concatenate(pieces).astype(np.float64)
    return float(np.average(values, weights=run.clock.last_sizes[-len(values) :]))


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
        epoch=run.clock.epochs_passed,
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
