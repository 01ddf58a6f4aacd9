"""The lesson's recorded runs: they are what they say, and their experiments open as links."""

from __future__ import annotations

import numpy as np
import pytest

from mnist_core import Experiment
from mnist_core.data import mnist
from mnist_core.lesson import recordings
from mnist_core.lesson.numpy_net import INITIALIZERS, forward, pool


def test_the_file_is_small_enough_to_ship():
    assert recordings.FILE.stat().st_size < 500_000


def test_each_fit_has_its_experiments_epochs_and_tells_its_story():
    curves = recordings.fit_curves()
    assert set(curves) == set(recordings.FITS)
    for name, curve in curves.items():
        assert curve.experiment == recordings.FITS[name]
        assert Experiment.from_query(curve.experiment.to_query()) == curve.experiment
        for values in (curve.loss, curve.val_loss, curve.accuracy, curve.val_accuracy):
            assert len(values) == curve.experiment.training.epochs and np.isfinite(values).all()
    plain = curves["plain"]
    assert plain.val_loss.argmin() < 15 and plain.val_loss[-1] > 1.1 * plain.val_loss.min()
    assert plain.accuracy[-1] > 0.999
    assert curves["tiny"].accuracy[-1] < 0.6  # underfits
    for cure in ("augmented", "more"):
        assert curves[cure].val_accuracy.max() > plain.val_accuracy.max() + 0.02


def test_loss_curves_tell_the_starts_apart():
    curves = recordings.loss_curves()
    assert tuple(curves) == INITIALIZERS
    guessing = np.log(10)
    for curve in curves.values():
        assert len(curve.steps) == len(curve.loss) and (np.diff(curve.steps) > 0).all()
    assert np.abs(curves["zeros"].loss - guessing).max() < 0.02
    assert curves["large"].loss[0] > 1e6
    assert curves["he_normal"].loss[-20:].mean() < 0.5 < curves["random_normal"].loss[-20:].mean()


def test_the_small_network_computed_by_hand_reaches_its_recorded_accuracy():
    net, data = recordings.small_net(), mnist.load()
    images = data.x_test[:2000] / 255.0
    pixels = np.stack([pool(image, recordings.POOLED, kind="average") for image in images])
    answers = forward(net.layers, pixels.reshape(len(images), -1)).outputs[-1].argmax(1)
    accuracy = (answers == data.y_test[:2000]).mean()
    assert accuracy == pytest.approx(net.test_accuracy, abs=0.03)
    assert sum(layer.parameters for layer in net.layers) == net.experiment.network.parameters


def test_samples_are_test_images_that_the_small_network_reads_right():
    net, data = recordings.small_net(), mnist.load()
    samples = recordings.samples()
    assert [sample.label for sample in samples] == sorted(list(range(10)) * 2)
    for sample in samples:
        assert np.array_equal(sample.image, data.x_test[sample.index])
        assert sample.label == data.y_test[sample.index]
        pixels = pool(sample.image / 255.0, recordings.POOLED, kind="average").reshape(1, -1)
        assert forward(net.layers, pixels).outputs[-1].argmax() == sample.label


def test_what_hidden_neurons_respond_to_is_what_their_weights_say():
    found, data = recordings.neurons(), mnist.load()
    pixels = data.x_test.reshape(len(data.x_test), -1) / 255.0
    passed = forward(found.net.layers, pixels)
    accuracy = (passed.outputs[-1].argmax(1) == data.y_test).mean()
    assert accuracy == pytest.approx(found.net.test_accuracy, abs=0.002)
    hidden = passed.outputs[1]
    means = np.stack([hidden[data.y_test == digit].mean(0) for digit in range(10)], axis=1)
    np.testing.assert_allclose(found.means, means, atol=0.02)
    strongest = data.x_test[hidden.argmax(0)]
    same = [np.array_equal(found.favourites[i, 0], strongest[i]) for i in range(len(strongest))]
    assert np.mean(same) > 0.9  # weights are kept with fewer digits than they were trained with


@pytest.mark.parametrize("damage", [None, b"no such archive"])
def test_a_missing_or_damaged_file_is_a_sentence(tmp_path, monkeypatch, damage):
    file = tmp_path / "recorded_runs.npz"
    if damage:
        file.write_bytes(damage)
    monkeypatch.setattr(recordings, "FILE", file)
    recordings._read.cache_clear()
    try:
        with pytest.raises(recordings.RecordError, match="git checkout data"):
            recordings.samples()
    finally:
        recordings._read.cache_clear()
