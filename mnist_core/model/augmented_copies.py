"""Changed copies of one image, as training meets it, to look at."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mnist_core.base import computing
from mnist_core.experiment.spec import Augmentation


def augmented_copies(
    image: npt.NDArray[np.uint8], augmentation: Augmentation, seed: int, count: int
) -> npt.NDArray[np.uint8]:
    """Augmented copies of `image`, uint8 [28, 28], as training with this seed may make them."""
    found: npt.NDArray[np.uint8] = computing.run(
        _copies, image, augmentation, seed, count, about=("copies", augmentation)
    )
    return found


def _copies(
    image: npt.NDArray[np.uint8], augmentation: Augmentation, seed: int, count: int
) -> npt.NDArray[np.uint8]:
    import tensorflow as tf

    from mnist_core.model.augment import augment

    images = np.repeat(image[None, :, :, None], count, axis=0).astype(np.float32) / np.float32(255)
    limits = augmentation.model_dump()
    changed = np.asarray(augment(images, tf.constant([seed, 1], tf.int32), **limits))[..., 0]
    return np.rint(255 * np.clip(changed, 0, 1)).astype(np.uint8)
