"""The random changes of one image that the page Train shows."""

from __future__ import annotations

import numpy as np
import pytest

from mnist_core.experiment.spec import Augmentation
from mnist_core.model.augment import augment
from mnist_core.model.augmented_copies import augmented_copies


@pytest.fixture
def image():
    image = np.zeros((28, 28), np.uint8)
    image[6:22, 12:16] = 255
    return image


def test_they_are_what_training_makes_of_the_image(image):
    shown = augmented_copies(image, Augmentation(shift=3, rotate=20), seed=5, count=8)
    met = augment(
        np.repeat(image[None, :, :, None] / np.float32(255), 8, 0), [5, 1], shift=3, rotate=20
    )
    np.testing.assert_allclose(shown / 255, np.asarray(met)[..., 0], atol=1 / 255)
    assert len({copy.tobytes() for copy in shown}) == 8


def test_without_augmentation_they_are_the_image(image):
    shown = augmented_copies(image, Augmentation(), seed=5, count=3)
    assert shown.shape == (3, 28, 28) and (shown == image).all()
