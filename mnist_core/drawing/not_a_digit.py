"""The probability that an image holds no digit at all.

A network of digits must answer with a digit, whatever it sees. Beside the one that ships with the
app lies a second, small one: from what the first has found in an image it tells digits from
letters, signs, shapes, scribbles and several digits at once. It serves the drawings of every
network, since what it judges is the image.
"""

from __future__ import annotations

import threading
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from mnist_core.base import computing
from mnist_core.drawing.pretrained import load_default_model, load_detector

FloatArray = npt.NDArray[np.float32]

# Above it a drawing is called "Not a digit?". benchmarks/drawing.py prints which share of pen
# digits and of other drawings lies above.
# It lies high because people draw digits far more often than anything else, while the network met
# as many of one as of the other.
DOUBTFUL = 0.97
# Above it marks are tried once more, cut or joined.
UNSURE = 0.5


def doubt(images: FloatArray) -> FloatArray:
    """The probability, float32 [n], that each of float32 [n, 28, 28] in [0, 1] is no digit.

    Raises DefaultModelError when a file of `models/` is missing or damaged, and WorkFailed.
    """
    batch = np.ascontiguousarray(images, np.float32).reshape(-1, 28, 28, 1)
    found: FloatArray = computing.run(_doubt, batch, about="doubt")
    return found


def _doubt(batch: FloatArray) -> FloatArray:
    with _making:  # two visitors at once must not make it twice
        judge = _judge(load_default_model(), load_detector())
    return np.asarray(judge(batch), np.float32)[:, 0]


def features_of(model: Any, images: Any) -> Any:
    """The default model's features of images [n, 28, 28, 1]: float32 [n, k].

    The mean of each map of its last convolution over each quarter of the image, each map's
    largest value, and the logits.
    """
    import keras

    maps = [layer for layer in model.layers if len(layer.output.shape) == 4][-1]
    look = keras.Model(model.input, [maps.output, model.get_layer("logits").output])
    found, logits = look(images, training=False)
    quarters = keras.ops.average_pool(found, 4, 3, padding="valid")
    parts = [keras.ops.reshape(quarters, (-1, 4 * found.shape[-1])), keras.ops.max(found, (1, 2))]
    return keras.ops.concatenate([*parts, logits / 10], axis=1)


_making = threading.Lock()


@lru_cache(maxsize=2)
def _judge(model: Any, detector: Any) -> Any:
    import tensorflow as tf

    signature = [tf.TensorSpec([None, 28, 28, 1], tf.float32)]
    return tf.function(
        lambda images: detector(features_of(model, images), training=False),
        input_signature=signature,
    )
