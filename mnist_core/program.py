"""The training step, compiled: many steps of gradient descent in one call.

`model.fit` goes back to Python after every step; for a small network that costs more than the
arithmetic. Here TensorFlow runs the loop over steps itself and picks each batch from the images
it already holds, so that Python is back in charge only about ten times a second.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from mnist_core.build import build_optimizer
from mnist_core.dataset import ByteArray
from mnist_core.spec import Experiment

EVALUATION_BATCH = 500


class TrainingProgram:
    """A model, its optimiser and the compiled functions that train and evaluate it."""

    def __init__(
        self, model: keras.Model, experiment: Experiment, images: ByteArray, labels: ByteArray
    ) -> None:
        """Prepare to train `model` on `images` uint8 [n, 28, 28] with `labels` uint8 [n]."""
        training = experiment.training
        self.model = model
        self.optimizer = build_optimizer(training)
        self.optimizer.build(model.trainable_variables)
        self._smoothing = training.label_smoothing
        self._augmentation = (
            training.augmentation.model_dump() if training.augmentation.active else {}
        )
        self._seed = training.seed
        # The ten logits as well as the probabilities: the loss is exact only from the former.
        self._logits = keras.Model(model.input, model.get_layer("logits").output)
        self._relu = [layer.output for layer in model.layers if _has_relu(layer)]
        self._activations = keras.Model(model.input, self._relu or model.output)
        self._images = tf.constant(images)
        self._labels = tf.constant(labels.astype(np.int32))
        self._train = tf.function(self._train_steps, input_signature=_TRAIN_SIGNATURE)
        self._evaluate = tf.function(self._evaluate_batch, input_signature=_EVALUATE_SIGNATURE)

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
        loss, accuracy = self._train(batches, learning_rates, np.int32(first_step))
        return loss.numpy(), accuracy.numpy()

    def evaluate(self, images: ByteArray, labels: ByteArray) -> tuple[float, float]:
        """Mean loss and accuracy over `images` uint8 [n, 28, 28], dropout and the like off."""
        losses, hits = 0.0, 0
        for start in range(0, len(images), EVALUATION_BATCH):
            part = slice(start, start + EVALUATION_BATCH)
            loss, correct = self._evaluate(images[part], labels[part].astype(np.int32))
            losses, hits = losses + float(loss), hits + int(correct)
        return losses / len(images), hits / len(images)

    def dead_units(self, images: ByteArray) -> float | None:
        """Share of ReLU units that are 0 for all `images` uint8 [n, 28, 28]; None without any.

        A convolution's unit is a whole feature map.
        """
        if not self._relu or not len(images):
            return None
        strongest = self._strongest_activations(images)
        dead = sum(int(tf.math.count_nonzero(unit <= 0)) for unit in strongest)
        return dead / sum(int(tf.size(unit)) for unit in strongest)

    @tf.function(input_signature=[tf.TensorSpec([None, 28, 28], tf.uint8)])
    def _strongest_activations(self, images: Any) -> list[Any]:
        outputs = self._activations(_as_input(images), training=False)
        outputs = outputs if isinstance(outputs, list) else [outputs]
        return [
            tf.reduce_max(output, axis=list(range(output.shape.rank - 1))) for output in outputs
        ]

    def _train_steps(self, batches: Any, learning_rates: Any, first_step: Any) -> Any:
        count = tf.shape(batches)[0]
        losses = tf.TensorArray(tf.float32, size=count)
        accuracies = tf.TensorArray(tf.float32, size=count)
        for step in tf.range(count):
            images = _as_input(tf.gather(self._images, batches[step]))
            labels = tf.gather(self._labels, batches[step])
            if self._augmentation:
                images = self._augment(images, first_step + step)
            self.optimizer.learning_rate.assign(learning_rates[step])
            loss, accuracy = self._one_step(images, labels)
            losses = losses.write(step, loss)
            accuracies = accuracies.write(step, accuracy)
        return losses.stack(), accuracies.stack()

    def _one_step(self, images: Any, labels: Any) -> Any:
        """Forward pass, loss, backward pass, update: the whole of learning."""
        with tf.GradientTape() as tape:
            logits = self._logits(images, training=True)
            loss = tf.reduce_mean(self._cross_entropy(labels, logits))
            total = tf.add_n([loss, *self.model.losses])  # with the layers' L1 and L2 penalties
        gradients = tape.gradient(total, self.model.trainable_variables)
        self.optimizer.apply(gradients)
        return loss, tf.reduce_mean(tf.cast(_hits(labels, logits), tf.float32))

    def _evaluate_batch(self, images: Any, labels: Any) -> Any:
        logits = self._logits(_as_input(images), training=False)
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
        return tf.reduce_sum(losses), tf.reduce_sum(tf.cast(_hits(labels, logits), tf.int32))

    def _cross_entropy(self, labels: Any, logits: Any) -> Any:
        if not self._smoothing:
            return tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
        classes = logits.shape[-1]
        wanted = tf.one_hot(labels, classes) * (1 - self._smoothing) + self._smoothing / classes
        return tf.nn.softmax_cross_entropy_with_logits(wanted, logits)

    def _augment(self, images: Any, step: Any) -> Any:
        from mnist_core.augment import augment

        return augment(images, tf.stack([self._seed, step]), **self._augmentation)


_TRAIN_SIGNATURE = [
    tf.TensorSpec([None, None], tf.int32),
    tf.TensorSpec([None], tf.float32),
    tf.TensorSpec([], tf.int32),
]
_EVALUATE_SIGNATURE = [
    tf.TensorSpec([None, 28, 28], tf.uint8),
    tf.TensorSpec([None], tf.int32),
]


def _has_relu(layer: Any) -> bool:
    return getattr(layer, "activation", None) is keras.activations.relu


def _as_input(images: Any) -> Any:
    """uint8 [n, 28, 28] → float32 [n, 28, 28, 1] in [0, 1]."""
    return tf.cast(images, tf.float32)[..., None] / 255.0


def _hits(labels: Any, logits: Any) -> Any:
    return tf.equal(labels, tf.argmax(logits, axis=-1, output_type=tf.int32))
