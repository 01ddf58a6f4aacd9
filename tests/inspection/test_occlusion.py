"""Occlusion against a plain loop over the model, and that blank places change nothing."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from mnist_core.inspection.occlusion import covered_images, occlusion
from mnist_core.model.build import build_model
from tests.support.inside_networks import conv, network, random_weights

SPEC = network(conv(4, 5, stride=2, activation="relu"), "flatten")
IMAGE = np.zeros((28, 28), np.float32)
IMAGE[6:22, 12:16] = np.linspace(0.2, 1, 64).reshape(16, 4)


def test_each_pixel_holds_the_fall_of_the_logit_when_it_is_covered() -> None:
    weights = random_weights(SPEC)
    model = build_model(SPEC)
    model.set_weights(weights)
    logits = keras.Model(model.input, model.get_layer("logits").output)

    def logit(image: np.ndarray) -> float:
        return float(np.asarray(logits(image[None, ..., None]))[0, 4])

    found = occlusion(SPEC, weights, IMAGE, 4, side=5)
    for row, column in ((6, 12), (0, 0), (14, 13), (23, 17), (8, 10)):
        covered = IMAGE.copy()
        covered[max(row - 2, 0) : row + 3, max(column - 2, 0) : column + 3] = 0
        assert found[row, column] == pytest.approx(logit(IMAGE) - logit(covered), abs=1e-4)
    assert np.abs(found).max() > 0.01


def test_a_square_over_background_changes_nothing() -> None:
    found = occlusion(SPEC, random_weights(SPEC), IMAGE, 0)
    assert not found[:3].any() and not found[:, :9].any()


def test_the_square_is_cut_off_at_the_edge() -> None:
    covered = covered_images(np.ones((4, 4), np.float32), 3)
    assert covered[0].sum() == 16 - 4 and covered[5].sum() == 16 - 9


def test_a_digit_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="no digit"):
        occlusion(SPEC, random_weights(SPEC), IMAGE, 10)
