"""A network's answer to prepared images: ten probabilities each."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from mnist_core.drawing.preprocessing import SIDE

FloatArray = npt.NDArray[np.float32]


def predict(model: Any, images: FloatArray) -> FloatArray:
    """Probabilities float32 [n, 10] for images float32 [n, 28, 28] in [0, 1].

    The model is compiled once and then called directly: for a single image `model.predict`
    takes some hundred times as long. Raises ValueError for a model of other input or output.
    """
    shape = tuple(model.input_shape[1:])
    if shape not in ((SIDE, SIDE), (SIDE, SIDE, 1)):
        raise ValueError(f"The model takes {list(shape)}; expected [28, 28, 1] or [28, 28].")
    batch = np.ascontiguousarray(images, np.float32).reshape(-1, *shape)
    result = np.asarray(_compiled(model)(batch), np.float32)
    if result.shape != (len(batch), 10):
        raise ValueError(f"The model gives {list(result.shape[1:])}; expected 10 probabilities.")
    return result


@lru_cache(maxsize=8)
def _compiled(model: Any) -> Any:
    """The model as a TensorFlow function; the models used last are kept."""
    import tensorflow as tf

    signature = [tf.TensorSpec([None, *model.input_shape[1:]], tf.float32)]
    return tf.function(lambda images: model(images, training=False), input_signature=signature)
