"""Loss functions in TensorFlow, from logits: exact also where a probability is all but 1."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from mnist_core.experiment.losses import LossName


def losses_of(loss: LossName, labels: Any, logits: Any, smoothing: float = 0.0) -> Any:
    """The loss of each image, float32 [n], from labels int32 [n] and logits [n, classes].

    The mean squared error is over the classes, between probabilities and the label as a row of
    zeros and a one: Keras's `MeanSquaredError`.
    """
    classes = logits.shape[-1]
    if loss == "mean_squared_error":
        difference = tf.nn.softmax(logits) - tf.one_hot(labels, classes)
        return tf.reduce_mean(tf.square(difference), axis=-1)
    if not smoothing:
        return tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
    wanted = tf.one_hot(labels, classes) * (1 - smoothing) + smoothing / classes
    return tf.nn.softmax_cross_entropy_with_logits(wanted, logits)
