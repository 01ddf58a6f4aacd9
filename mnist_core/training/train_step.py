"""The training step, compiled: many steps of gradient descent in one call.

`model.fit` goes back to Python after every step; for a small network that costs more than the
arithmetic. Here TensorFlow runs the loop over steps itself and picks each batch from the images
it already holds, so that Python is back in charge only about ten times a second.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property, partial
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from mnist_core.base.tensorflow_compat import forget_gradients
from mnist_core.data.mnist import ByteArray
from mnist_core.experiment.spec import Experiment
from mnist_core.experiment.training_cost import compiled_settings, xla_pays
from mnist_core.model.build import build_model, build_optimizer
from mnist_core.training.forward import has_relu, logits_of
from mnist_core.training.live_view import LiveView
from mnist_core.training.losses import losses_of
from mnist_core.training.threads import batch_parts

EVALUATION_BATCH = 128
# Compiled programs that wait for a run of the same kind.
MOST_IDLE = 3
# Rows of the table of batches that the XLA program takes: its shapes are fixed.
MOST_XLA_STEPS, MOST_XLA_IMAGES = 1000, 500_000


class TrainingProgram:
    """A model, its optimiser and the compiled functions that train and evaluate it."""

    def __init__(self, experiment: Experiment, precision: str) -> None:
        """Set up the functions; they compile when first called. `begin` starts a run."""
        training = experiment.training
        self.compiled_for = (*compiled_settings(experiment), precision)
        self._network = experiment.network
        self.model = model = build_model(experiment.network, training.seed, precision)
        self.optimizer = build_optimizer(training)
        self.optimizer.build(model.trainable_variables)
        self._images: Any = None
        self._labels: Any = None
        self._fresh = [variable.numpy() for variable in self.optimizer.variables]
        self._loss, self._smoothing = training.loss, training.label_smoothing
        self._augmentation = (
            training.augmentation.model_dump() if training.augmentation.active else {}
        )
        # The logits as well as the probabilities: the loss is exact only from the former.
        self._logits = logits_of(model)
        self._parts = batch_parts()
        self._relu = [layer.output for layer in model.layers if has_relu(layer)]
        logits = model.get_layer("logits").output
        self._looked_at = keras.Model(model.input, [logits, *self._relu])
        train = partial(self._train_steps, logits_of(model, self._parts))
        self._train = _compiled(train, input_signature=_TRAIN_SIGNATURE)
        few = partial(self._train_steps, self._logits)  # for fewer images than parts
        self._train_few = _compiled(few, input_signature=_TRAIN_SIGNATURE)
        # XLA joins a step's many small operations, but is compiled for one shape of batches.
        rows = min(MOST_XLA_STEPS, MOST_XLA_IMAGES // training.batch_size)
        pays = xla_pays(experiment, self._parts)
        self._xla_shape = (rows, training.batch_size) if pays and rows else None
        self._train_xla = _compiled(partial(self._train_steps, self._logits), jit_compile=True)
        self._evaluate = _compiled(self._evaluate_batch, input_signature=_EVALUATE_SIGNATURE)
        self._look = _compiled(self._look_at_batch, input_signature=_EVALUATE_SIGNATURE)

    def begin(self, model: keras.Model, images: ByteArray, labels: ByteArray, seed: int) -> None:
        """Start a run from the state of `model`, of the same experiment.

        It will train on `images` uint8 [n, 28, 28] with `labels` uint8 [n]; `seed` is the
        augmentation's.
        """
        for own, given in zip(self.model.variables, model.variables, strict=True):
            own.assign(given)
        for variable, value in zip(self.optimizer.variables, self._fresh, strict=True):
            variable.assign(value)
        self._images, self._labels = tf.constant(images), tf.constant(labels.astype(np.int32))
        self._seed = tf.constant(seed)

    def computes(self, experiment: Experiment, precision: str) -> bool:
        """True when its compiled functions are those of this experiment."""
        return self.compiled_for == (*compiled_settings(experiment), precision)

    def take_over_optimizer(self, other: TrainingProgram) -> None:
        """Take over what another program's optimiser of the same kind knows of the weights."""
        if type(self.optimizer) is not type(other.optimizer):
            return
        known = {_variable_name(variable): variable for variable in other.optimizer.variables}
        for variable in self.optimizer.variables:
            if (found := known.get(_variable_name(variable))) is not None:
                variable.assign(found)

    def let_go(self) -> None:
        """The run is over: its images need not be held until the next one begins."""
        self._images = self._labels = None

    def run(
        self,
        batches: npt.NDArray[np.int32],
        learning_rates: npt.NDArray[np.float32],
        first_step: int,
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Take one step per row of `batches` [k, batch size], which holds image numbers.

        Returns loss and accuracy float32 [k], each of the step's batch before its update.
        `first_step` (from 0) seeds the augmentation.
        """
        count = len(batches)
        train = self._train if batches.shape[1] >= self._parts else self._train_few
        if self._xla_shape is not None and _fits(batches.shape, self._xla_shape):
            train = self._train_xla
            more = self._xla_shape[0] - count
            batches = np.pad(batches, ((0, more), (0, 0)))
            learning_rates = np.pad(learning_rates, (0, more))
        numbers = [tf.constant(value, tf.int32) for value in (count, first_step)]
        tables = tf.constant(batches), tf.constant(learning_rates)
        loss, accuracy = train(self._images, self._labels, *tables, *numbers, self._seed)
        return loss.numpy()[:count], accuracy.numpy()[:count]

    @cached_property
    def live_view(self) -> LiveView:
        """Frames of the model as it is; made when somebody first looks."""
        return LiveView(self._network, self.model, self._loss)

    def evaluate(self, images: ByteArray, labels: ByteArray) -> tuple[float, float]:
        """Mean loss and accuracy over `images` uint8 [n, 28, 28], dropout and the like off."""
        loss, read = self.test(images, labels)
        return loss, float(np.mean(read == labels))

    def test(self, images: ByteArray, labels: ByteArray) -> tuple[float, ByteArray]:
        """As `evaluate`: the mean loss, and what each image is read as, uint8 [n]."""

        def evaluate(start: int) -> tuple[float, ByteArray]:
            part = slice(start, start + EVALUATION_BATCH)
            loss, read = self._evaluate(images[part], labels[part].astype(np.int32))
            return float(loss), read.numpy()

        with ThreadPoolExecutor(self._parts) as pool:
            found = list(pool.map(evaluate, range(0, len(images), EVALUATION_BATCH)))
        losses, read = zip(*found, strict=True)
        return sum(losses) / len(images), np.concatenate(read)

    def quick_look(self, images: ByteArray, labels: ByteArray) -> tuple[float, float | None]:
        """Accuracy on `images` uint8 [n, 28, 28], and the share of ReLU units 0 for all of them.

        A convolution's unit is a whole feature map; None for a network without ReLU units.
        """
        correct, dead = self._look(images, labels.astype(np.int32))
        units = sum(output.shape[-1] for output in self._relu)
        return int(correct) / len(images), int(dead) / units if units else None

    def _look_at_batch(self, images: Any, labels: Any) -> Any:
        logits, *outputs = tf.nest.flatten(self._looked_at(_as_input(images), training=False))
        dead = [
            tf.math.count_nonzero(tf.reduce_max(output, axis=range(output.shape.rank - 1)) <= 0)
            for output in outputs
        ]
        correct = tf.reduce_sum(tf.cast(_hits(labels, logits), tf.int32))
        return correct, tf.add_n(dead) if dead else tf.constant(0)

    def _train_steps(
        self,
        logits: Callable[..., Any],
        all_images: Any,
        all_labels: Any,
        batches: Any,
        learning_rates: Any,
        count: Any,
        first_step: Any,
        seed: Any,
    ) -> Any:
        """The first `count` rows of `batches`, a step each; the loop runs inside TensorFlow."""

        def take_step(step: Any, losses: Any, accuracies: Any) -> Any:
            images = _as_input(tf.gather(all_images, batches[step]))
            labels = tf.gather(all_labels, batches[step])
            if self._augmentation:
                images = self._augment(images, seed, first_step + step)
            self.optimizer.learning_rate.assign(learning_rates[step])
            loss, accuracy = self._one_step(logits, images, labels)
            return step + 1, losses.write(step, loss), accuracies.write(step, accuracy)

        rows = batches.shape[0] or count  # XLA wants a size that it knows when it compiles
        tables = [tf.TensorArray(tf.float32, size=rows) for _ in range(2)]
        # Not a Python loop, which AutoGraph would have to rewrite, with all that it calls.
        _, losses, accuracies = tf.while_loop(
            lambda step, *_: step < count, take_step, (tf.constant(0), *tables)
        )
        return losses.stack(), accuracies.stack()

    def _one_step(self, logits_of_images: Callable[..., Any], images: Any, labels: Any) -> Any:
        """Forward pass, loss, backward pass, update: the whole of learning."""
        with tf.GradientTape() as tape:
            logits = logits_of_images(images, training=True)
            loss = tf.reduce_mean(losses_of(self._loss, labels, logits, self._smoothing))
            total = tf.add_n([loss, *self.model.losses])  # with the layers' L1 and L2 penalties
        gradients = tape.gradient(total, self.model.trainable_variables)
        self.optimizer.apply(gradients)
        return loss, tf.reduce_mean(tf.cast(_hits(labels, logits), tf.float32))

    def _evaluate_batch(self, images: Any, labels: Any) -> Any:
        logits = self._logits(_as_input(images), training=False)
        losses = losses_of(self._loss, labels, logits)
        return tf.reduce_sum(losses), tf.cast(tf.argmax(logits, axis=-1), tf.uint8)

    def _augment(self, images: Any, seed: Any, step: Any) -> Any:
        from mnist_core.model.augment import augment

        return augment(images, tf.stack([seed, step]), **self._augmentation)


def borrow_program(experiment: Experiment, precision: str) -> TrainingProgram:
    """A program for `experiment`: one that an earlier run has compiled, or a new one.

    Compiling takes seconds, so that those used last are kept. Give it back with
    `return_program`; nobody else has it meanwhile.
    """
    wanted = (*compiled_settings(experiment), precision)
    with _LOCK:
        for program in _IDLE:
            if program.compiled_for == wanted:
                _IDLE.remove(program)
                return program
    return TrainingProgram(experiment, precision)


def return_program(program: TrainingProgram) -> None:
    """Keep a borrowed program for the next run that computes the same."""
    program.let_go()
    forget_gradients()
    with _LOCK:
        _IDLE.append(program)
        del _IDLE[:-MOST_IDLE]


_IDLE: list[TrainingProgram] = []
_LOCK = threading.Lock()


_TRAIN_SIGNATURE = [
    tf.TensorSpec([None, 28, 28], tf.uint8),
    tf.TensorSpec([None], tf.int32),
    tf.TensorSpec([None, None], tf.int32),
    tf.TensorSpec([None], tf.float32),
    tf.TensorSpec([], tf.int32),
    tf.TensorSpec([], tf.int32),
    tf.TensorSpec([], tf.int32),
]
_EVALUATE_SIGNATURE = [
    tf.TensorSpec([None, 28, 28], tf.uint8),
    tf.TensorSpec([None], tf.int32),
]


def _compiled(function: Callable[..., Any], **settings: Any) -> Any:
    return tf.function(function, autograph=False, **settings)


def _fits(shape: tuple[int, ...], table: tuple[int, int]) -> bool:
    return shape[0] <= table[0] and shape[1] == table[1]


def _variable_name(variable: Any) -> str:
    """An optimiser's variable without the optimiser's own name, which Keras numbers."""
    return str(variable.path).partition("/")[2]


def _as_input(images: Any) -> Any:
    """uint8 [n, 28, 28] → float32 [n, 28, 28, 1] in [0, 1]."""
    return tf.cast(images, tf.float32)[..., None] / 255.0


def _hits(labels: Any, logits: Any) -> Any:
    return tf.equal(labels, tf.argmax(logits, axis=-1, output_type=tf.int32))
