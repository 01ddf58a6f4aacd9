"""Perturbations against SciPy and loops, and the smallest change that fools a network."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import ndimage

from mnist_core.data import mnist
from mnist_core.evaluation.robustness import (
    FINEST,
    PERTURBATIONS,
    accuracy_curve,
    blur,
    fgsm,
    fgsm_probabilities,
    noise,
    perturb,
    resize,
    rotate,
    shift,
    smallest_fooling_epsilon,
    thickness,
)


@pytest.fixture(scope="module")
def digits():
    return mnist.load().x_test[:60].astype(np.float32) / 255


@pytest.fixture(scope="module")
def grains():
    """Images with something in every pixel, the outermost too."""
    return np.random.default_rng(0).random((4, 28, 28), np.float32)


# --- perturbations --------------------------------------------------------------------------


@pytest.mark.parametrize("degrees", [-90, -37.5, -5, 0, 0.3, 45, 90, 180])
def test_rotation_is_scipys(grains, degrees):
    for image, turned in zip(grains, rotate(grains, degrees), strict=True):
        expected = ndimage.rotate(image, degrees, reshape=False, order=1, mode="grid-constant")
        np.testing.assert_allclose(turned, expected, atol=1e-5)


def test_positive_degrees_turn_anticlockwise():
    image = np.zeros((1, 28, 28), np.float32)
    image[0, 13:15, 24] = 1  # at the right
    rows, columns = np.nonzero(rotate(image, 90)[0] > 0.5)
    assert set(columns) == {13, 14} and set(rows) == {3}  # at the top


@pytest.mark.parametrize(("right", "down"), [(0, 0), (3, 0), (0, -4), (-2, 5), (27, 0), (40, -40)])
def test_whole_pixels_are_moved_exactly(grains, right, down):
    expected = np.zeros_like(grains)
    for row in range(28):
        for column in range(28):
            if 0 <= row + down < 28 and 0 <= column + right < 28:
                expected[:, row + down, column + right] = grains[:, row, column]
    np.testing.assert_allclose(shift(grains, right, down), expected, atol=1e-6)


def test_parts_of_pixels_are_moved_as_scipy_does(grains):
    expected = ndimage.shift(grains, (0, 1.7, -2.25), order=1, mode="grid-constant")
    np.testing.assert_allclose(shift(grains, -2.25, 1.7), expected, atol=1e-5)


@pytest.mark.parametrize("percent", [-60, -12.5, 0, 5, 60])
def test_size_is_scipys_zoom_about_the_middle(grains, percent):
    factor = 1 / (1 + percent / 100)
    for image, resized in zip(grains, resize(grains, percent), strict=True):
        expected = ndimage.affine_transform(
            image, (factor, factor), 13.5 * (1 - factor), order=1, mode="grid-constant"
        )
        np.testing.assert_allclose(resized, expected, atol=1e-5)


def test_an_image_without_size_is_refused(grains):
    with pytest.raises(ValueError, match="no size"):
        resize(grains, -100)


def test_noise(grains):
    middle = np.full((40, 28, 28), 0.5, np.float32)
    added = noise(middle, 0.1, seed=3) - 0.5
    assert added.std() == pytest.approx(0.1, rel=0.02) and abs(added.mean()) < 0.002
    assert np.array_equal(noise(grains, 0.3, seed=1), noise(grains, 0.3, seed=1))
    assert not np.array_equal(noise(grains, 0.3, seed=1), noise(grains, 0.3, seed=2))
    np.testing.assert_allclose(noise(middle, 0.05, seed=3) - 0.5, added / 2, atol=1e-6)


@pytest.mark.parametrize("sigma", [0.3, 1.0, 2.7])
def test_blur_is_a_gaussian_in_both_directions(grains, sigma):
    reach = int(4 * sigma + 0.5)
    weights = [math.exp(-0.5 * (offset / sigma) ** 2) for offset in range(-reach, reach + 1)]
    matrix = np.zeros((28, 28))
    for row in range(28):
        for offset in range(-reach, reach + 1):
            if 0 <= row + offset < 28:
                matrix[row, row + offset] = weights[offset + reach] / sum(weights)
    np.testing.assert_allclose(blur(grains, sigma), matrix @ grains @ matrix.T, atol=1e-5)


@pytest.mark.parametrize("amount", [-2, -1.4, -1, -0.25, 0, 0.5, 1, 2.75])
def test_thickness_is_grey_morphology(grains, amount):
    expected, left = grains.astype(np.float64), abs(amount)
    while left > 0:
        changed = np.zeros_like(expected)
        for row in range(28):
            for column in range(28):
                around = expected[:, max(row - 1, 0) : row + 2, max(column - 1, 0) : column + 2]
                pick = around.max if amount > 0 else around.min
                changed[:, row, column] = pick(axis=(1, 2))
        part = min(left, 1)
        expected, left = (1 - part) * expected + part * changed, left - 1
    np.testing.assert_allclose(thickness(grains, amount), expected, atol=1e-6)


def test_thickness_is_told_in_pixels_on_each_side():
    bar = np.zeros((1, 28, 28), np.float32)
    bar[0, :, 12:17] = 1
    for amount, width in ((1, 7), (2, 9), (-1, 3), (-2, 1), (-0.5, 4)):
        assert thickness(bar, amount)[0, 14].sum() == pytest.approx(width)


@pytest.mark.parametrize("name", PERTURBATIONS)
def test_every_perturbation(digits, name):
    kind = PERTURBATIONS[name]
    given = digits.copy()
    given.flags.writeable = False  # a write to the images would raise
    assert kind.steps[0] == kind.low and kind.steps[-1] == kind.high and 0 in kind.steps
    assert list(kind.steps) == sorted(set(kind.steps))
    for strength in kind.steps:
        result = perturb(given, name, strength)
        assert result.shape == digits.shape and result.dtype == np.float32
        assert result.min() >= 0 and result.max() <= 1
        assert not np.shares_memory(result, given)
        if strength == 0:
            np.testing.assert_allclose(result, given, atol=1e-6)
        else:
            assert np.abs(result - given).mean() > 0.001


@pytest.mark.parametrize("name", PERTURBATIONS)
def test_a_strength_out_of_range_is_told(digits, name):
    kind = PERTURBATIONS[name]
    for strength in (kind.low - 0.1, kind.high + 0.1, math.nan, math.inf):
        with pytest.raises(ValueError, match=f"{kind.title} goes from"):
            perturb(digits, name, strength)


# --- accuracy ------------------------------------------------------------------------------


def left_or_right(images):
    """Reads 1 where more ink is at the right than at the left, else 0."""
    right = images[:, :, 14:].sum((1, 2)) > images[:, :, :14].sum((1, 2))
    return np.eye(10, dtype=np.float32)[right.astype(int)]


def test_the_curve_is_the_accuracy_at_each_strength():
    images = np.zeros((4, 28, 28), np.float32)
    for index, column in enumerate((6, 11, 15, 20)):
        images[index, :, column] = 1
    labels = [0, 0, 1, 1]
    curve = accuracy_curve(left_or_right, images, labels, "shift_right", [-8, -3, 0, 4, 8])
    # A bar that crosses the middle is misread; one that leaves the image counts as 0.
    assert curve.tolist() == [0.5, 0.75, 1.0, 0.75, 0.25]
    standard = accuracy_curve(left_or_right, images, labels, "shift_right")
    assert len(standard) == len(PERTURBATIONS["shift_right"].steps)


def test_a_diverged_network_has_no_curve(digits):
    with pytest.raises(ValueError, match="diverged"):
        accuracy_curve(lambda x: np.full((len(x), 10), np.nan), digits, np.zeros(60), "blur")


# --- FGSM ----------------------------------------------------------------------------------


class Linear:
    """Softmax regression with known gradient: probabilities = softmax(x · weights)."""

    def __init__(self, seed=0):
        self.weights = np.random.default_rng(seed).normal(0, 0.1, (784, 10))
        self.batches = []

    def __call__(self, images):
        self.batches.append(images)
        logits = images.reshape(len(images), 784).astype(np.float64) @ self.weights
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
        return powers / powers.sum(axis=1, keepdims=True)

    def gradient(self, image, label):
        """Of the cross-entropy by the image: weights · (probabilities − one-hot)."""
        error = self(image[None])[0] - np.eye(10)[label]
        return (self.weights @ error).reshape(28, 28).astype(np.float32)


def case(seed):
    """A network, an image that it reads rightly, and the gradient there."""
    network = Linear(seed)
    image = np.random.default_rng(seed + 100).random((28, 28), np.float32) * 0.8 + 0.1
    label = int(network(image[None])[0].argmax())
    return network, image, network.gradient(image, label), label


def test_fgsm_by_hand():
    image = np.full((28, 28), 0.5, np.float32)
    image[0, :4] = [0.95, 0.02, 0.5, 0.5]
    gradient = np.zeros((28, 28), np.float32)
    gradient[0, :4] = [3.0, -1e-9, 2e-5, -7.0]
    changed = fgsm(gradient, image, 0.1)
    np.testing.assert_allclose(changed[0, :5], [1.0, 0.0, 0.6, 0.4, 0.5], rtol=1e-6)
    assert changed.dtype == np.float32 and (changed[1:] == 0.5).all()
    assert np.array_equal(fgsm(gradient, image, 0.0), image)


@pytest.mark.parametrize("seed", range(5))
def test_the_gradient_leads_where_the_loss_grows(seed):
    network, image, gradient, label = case(seed)
    answers = fgsm_probabilities(network, image, gradient, [0.0, 0.002, 0.004])
    assert answers.dtype == np.float32
    assert answers[0, label] > answers[1, label] > answers[2, label]


@pytest.mark.parametrize("seed", range(8))
def test_the_smallest_change_that_fools(seed):
    network, image, gradient, label = case(seed)
    found = smallest_fooling_epsilon(network, image, gradient, label)
    tried = np.concatenate(network.batches)
    assert found is not None and 0 < found.epsilon <= 0.5
    # It is really misread, and the next smaller one tried is not.
    answer = network(found.image[None])[0]
    assert answer.argmax() == found.read != label
    np.testing.assert_allclose(found.probabilities, answer, atol=1e-6)
    below = fgsm(gradient, image, found.below)
    assert network(below[None])[0].argmax() == label
    assert 0 <= found.epsilon - found.below < FINEST
    assert any(np.array_equal(below, one) for one in tried)
    np.testing.assert_array_equal(found.image, fgsm(gradient, image, found.epsilon))
    # For a linear network a scan by hand finds the same.
    scan = next(
        epsilon
        for epsilon in np.arange(0, 0.5, 2e-5)
        if network(fgsm(gradient, image, epsilon)[None])[0].argmax() != label
    )
    assert found.epsilon == pytest.approx(scan, abs=FINEST)


def test_an_image_that_is_misread_as_it_is():
    network, image, gradient, label = case(0)
    wrong = (label + 1) % 10
    found = smallest_fooling_epsilon(network, image, gradient, wrong)
    assert found.epsilon == found.below == 0 and found.read == label
    np.testing.assert_array_equal(found.image, image)


def test_nothing_fools_within_the_limit():
    network, image, gradient, label = case(1)
    least = smallest_fooling_epsilon(network, image, gradient, label).epsilon
    assert smallest_fooling_epsilon(network, image, gradient, label, limit=least * 0.9) is None
    # A saturated network has no gradient to follow.
    assert smallest_fooling_epsilon(network, image, np.zeros_like(image), label) is None


def test_only_the_first_of_several_misread_stretches_counts():
    def islands(images):
        change = images[:, 0, 0] - 0.4
        wrong = ((change > 0.1) & (change < 0.2)) | (change > 0.3)
        return np.eye(10, dtype=np.float32)[np.where(wrong, 8, 3)]

    image = np.full((28, 28), 0.4, np.float32)
    found = smallest_fooling_epsilon(islands, image, np.ones_like(image), 3)
    assert found.read == 8 and found.epsilon == pytest.approx(0.1, abs=FINEST)


@pytest.mark.parametrize("flaw", ["late", "early"])
def test_rounding_that_decides_otherwise_in_another_batch(flaw):
    """A tie read differently once the batch is another: the first batch's answer holds."""
    calls = []

    def wavering(images):
        calls.append(len(images))
        wrong = images[:, 0, 0] >= 0.3
        if len(calls) > 1:
            wrong[:] = flaw == "early"
        return np.eye(10, dtype=np.float32)[np.where(wrong, 8, 3)]

    image = np.zeros((28, 28), np.float32)
    found = smallest_fooling_epsilon(wavering, image, np.ones_like(image), 3)
    assert found.read == 8 and found.below < found.epsilon == pytest.approx(0.3, abs=0.011)


def test_a_diverged_network_is_told():
    network, image, gradient, label = case(0)
    with pytest.raises(ValueError, match="gradient is not a number"):
        smallest_fooling_epsilon(network, image, np.full_like(gradient, np.nan), label)
    with pytest.raises(ValueError, match="diverged"):
        smallest_fooling_epsilon(lambda x: np.full((len(x), 10), np.nan), image, gradient, label)


@pytest.mark.slow
def test_the_shipped_network_is_fooled_and_keeps_its_accuracy_without_perturbation():
    import tensorflow as tf

    from mnist_core import load_default_model
    from mnist_core.drawing.predict import predict

    model, data = load_default_model(), mnist.load()
    image, label = data.x_test[0].astype(np.float32) / 255, int(data.y_test[0])
    with tf.GradientTape() as tape:
        batch = tf.convert_to_tensor(image[None, :, :, None])
        tape.watch(batch)
        loss = tf.keras.losses.sparse_categorical_crossentropy(tf.constant([label]), model(batch))
    gradient = tape.gradient(loss, batch).numpy()[0, :, :, 0]
    found = smallest_fooling_epsilon(lambda x: predict(model, x), image, gradient, label)
    assert found is not None and 0.01 < found.epsilon < 0.5
    assert predict(model, found.image[None])[0].argmax() == found.read != label
    images, labels = data.x_test[:200].astype(np.float32) / 255, data.y_test[:200]
    curve = accuracy_curve(lambda x: predict(model, x), images, labels, "rotate", [0, 90])
    assert curve[0] > 0.98 and curve[1] < 0.6
