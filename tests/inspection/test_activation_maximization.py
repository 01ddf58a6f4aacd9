"""What excites a channel: peaks and dead units by hand, and images made by gradient ascent."""

from __future__ import annotations

import numpy as np
import pytest

from mnist_core import PRESETS
from mnist_core.inspection.activation_maximization import (
    channel_peaks,
    dead_units,
    dream,
    most_exciting,
)
from mnist_core.inspection.activations import WeightsError, probe
from mnist_core.inspection.compiled import BATCH
from tests.support.inside_networks import conv, dense, network, random_images, random_weights

NET = network(conv(4, 3), "batch_norm", "activation", "flatten", dense(6, "relu"))
STEPS = 60


def test_a_channels_peak_is_its_largest_value_anywhere() -> None:
    weights, images = random_weights(NET), random_images(BATCH + 2)
    sums = probe(NET).output(weights, images[-3:], "conv_1")
    found = channel_peaks(NET, weights, images, "conv_1")
    assert found.shape == (len(images), 4)
    for image in range(3):
        for channel in range(4):
            highest = max(float(v) for row in sums[image] for v in row[:, channel])
            assert found[image - 3, channel] == pytest.approx(highest, rel=1e-5)
    rows = channel_peaks(NET, weights, images, "dense_5:relu")
    np.testing.assert_array_equal(rows, probe(NET).output(weights, images, "dense_5:relu"))


def test_the_most_exciting_come_first_and_of_equals_the_earlier() -> None:
    peaks = np.array([[0, 5], [3, 5], [9, 5], [3, 6]], np.float32)
    np.testing.assert_array_equal(most_exciting(peaks, 0, 3), [2, 1, 3])
    np.testing.assert_array_equal(most_exciting(peaks, 1), [3, 0, 1, 2])


def test_a_unit_is_dead_when_no_image_of_any_batch_lifts_it() -> None:
    weights, images = random_weights(NET), random_images(2 * BATCH)
    weights[1][2] = -100  # conv_1's third bias
    weights[-3][0] = -1000  # dense_5's first bias
    found = dead_units(NET, weights, images)
    assert list(found) == ["conv_1:relu", "activation_3", "dense_5:relu"]
    for name, dead in found.items():
        values = probe(NET).output(weights, images, name)
        np.testing.assert_array_equal(dead, ~(values > 0).any(axis=tuple(range(values.ndim - 1))))
    assert found["conv_1:relu"].tolist() == [False, False, True, False]
    assert found["dense_5:relu"][0] and not found["dense_5:relu"].all()
    # Alive on the very last image only.
    last = np.zeros((2 * BATCH, 28, 28), np.float32)
    last[-1] = images[-1]
    weights[1][:] = -1e-3
    weights[0] = np.abs(weights[0])
    assert not dead_units(NET, weights, last)["conv_1:relu"].any()
    assert dead_units(NET, weights, last[:-1])["conv_1:relu"].all()


def test_without_relu_nothing_is_dead() -> None:
    spec = network("flatten", dense(3, "sigmoid"))
    assert dead_units(spec, random_weights(spec), random_images(2)) == {}


@pytest.mark.parametrize(
    ("layer", "channel"),
    [("conv_1", 0), ("conv_1:relu", 1), ("batch_norm_2", 3), ("dense_5:relu", 2), ("logits", 7)],
)
def test_a_made_image_excites_more_than_any_of_many(layer: str, channel: int) -> None:
    weights, images = random_weights(NET), random_images(200)
    image, history = dream(NET, weights, layer, channel, STEPS, 0)
    assert image.shape == (28, 28) and image.dtype == np.float32
    assert image.min() >= 0 and image.max() <= 1
    assert history.shape == (STEPS + 1,)

    def mean(some: np.ndarray) -> np.ndarray:
        values = probe(NET).output(weights, some, layer)[..., channel]
        return values.reshape(len(some), -1).mean(axis=1)

    assert history[-1] == pytest.approx(float(mean(image[None])[0]), rel=1e-4)
    assert history[-1] > mean(images).max()
    assert history[-1] > history[0]


def test_a_linear_neurons_image_is_where_its_weights_are_positive() -> None:
    spec = network("flatten")
    rows, columns = np.mgrid[:28, :28]
    disc = (rows - 12) ** 2 + (columns - 15) ** 2 < 49
    weights = [np.zeros((784, 10), np.float32), np.zeros(10, np.float32)]
    weights[0][:, 6] = np.where(disc, 1, -1).ravel()
    image, _ = dream(spec, weights, "logits", 6, STEPS, 1)
    edge = np.abs(np.sqrt((rows - 12) ** 2 + (columns - 15) ** 2) - 7) < 2
    assert image[disc & ~edge].min() > 0.95 and image[~disc & ~edge].max() < 0.05


def test_a_made_image_climbs_out_of_a_relu_that_is_off() -> None:
    weights = random_weights(NET)
    weights[1][0] = -0.5
    weights[0][..., 0] = np.abs(weights[0][..., 0])
    _, history = dream(NET, weights, "conv_1:relu", 0, STEPS, 0)
    assert history[-1] > history[0]


def test_one_seed_one_image() -> None:
    weights = random_weights(NET)
    first, again, other = (dream(NET, weights, "dense_5", 1, 20, seed)[0] for seed in (3, 3, 4))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_probabilities_can_be_climbed_too() -> None:
    spec = network("flatten")
    weights = random_weights(spec)
    image, history = dream(spec, weights, "probabilities", 8, STEPS, 0)
    assert probe(spec).probabilities(weights, image[None])[0].argmax() == 8
    assert history[-1] > 0.9 > history[0]


def test_what_is_not_there_is_said() -> None:
    weights = random_weights(NET)
    with pytest.raises(ValueError, match="has 4 channels"):
        dream(NET, weights, "conv_1", 4, 5, 0)
    with pytest.raises(KeyError):
        dream(NET, weights, "conv_9", 0, 5, 0)
    for call in (lambda w: dream(NET, w, "conv_1", 0, 5, 0),
                 lambda w: dead_units(NET, w, random_images(1))):  # fmt: skip
        with pytest.raises(WeightsError):
            call(random_weights(PRESETS["two-layer"].network))
