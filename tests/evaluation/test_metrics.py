"""What a network gets wrong, counted again by scikit-learn and by loops."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics as sklearn_metrics
from sklearn.calibration import calibration_curve

from mnist_core.evaluation import metrics
from tests.support.answers import answers


@pytest.mark.parametrize("seed", range(3))
def test_confusion_and_accuracy(seed):
    probabilities, labels = answers(seed=seed)
    read = probabilities.argmax(1)
    counts = metrics.confusion(probabilities, labels)
    assert counts.dtype == np.int64
    assert np.array_equal(counts, sklearn_metrics.confusion_matrix(labels, read, labels=range(10)))
    assert metrics.accuracy(probabilities, labels) == sklearn_metrics.accuracy_score(labels, read)
    assert counts.sum() == len(labels)


def test_rows_are_the_true_digits():
    probabilities = np.eye(10, dtype=np.float32)[[7, 7, 1]]
    counts = metrics.confusion(probabilities, [1, 1, 1])
    assert counts[1, 7] == 2 and counts[1, 1] == 1 and counts[7, 1] == 0


@pytest.mark.parametrize("seed", range(3))
def test_scores_of_each_digit(seed):
    probabilities, labels = answers(seed=seed)
    found = metrics.scores(metrics.confusion(probabilities, labels))
    precision, recall, _, images = sklearn_metrics.precision_recall_fscore_support(
        labels, probabilities.argmax(1), labels=range(10), zero_division=np.nan
    )
    np.testing.assert_allclose(found.precision, precision)
    np.testing.assert_allclose(found.recall, recall)
    assert np.array_equal(found.images, images)
    assert np.array_equal(found.read, np.bincount(probabilities.argmax(1), minlength=10))


def test_a_share_of_nothing_is_not_a_number():
    counts = np.zeros((10, 10), np.int64)
    counts[3, 5] = 4  # no 5 in the images, nothing read as 3, of the others neither
    found = metrics.scores(counts)
    assert np.isnan(found.precision[3]) and found.recall[3] == 0
    assert found.precision[5] == 0 and np.isnan(found.recall[5])
    assert np.isnan([found.precision[0], found.recall[0]]).all()


def test_cells_hold_their_images_surest_first():
    probabilities, labels = answers()
    for true in range(10):
        for read in range(10):
            expected = [
                index
                for index in range(len(labels))
                if labels[index] == true and probabilities[index].argmax() == read
            ]
            expected.sort(key=lambda index: -probabilities[index, read])
            found = metrics.cell_examples(probabilities, labels, true, read)
            assert found.tolist() == expected


def test_the_most_confident_mistakes():
    probabilities, labels = answers()
    wrong = [i for i in range(len(labels)) if probabilities[i].argmax() != labels[i]]
    wrong.sort(key=lambda index: -probabilities[index].max())
    assert metrics.mistakes(probabilities, labels, 12).tolist() == wrong[:12]
    assert metrics.mistakes(probabilities, labels, 10**6).tolist() == wrong
    assert not len(metrics.mistakes(probabilities, labels, 0))
    assert not len(metrics.mistakes(np.eye(10), np.arange(10), 5))


@pytest.mark.parametrize("bins", [1, 7, 10, 15])
@pytest.mark.parametrize("sharpness", [0.4, 1.0, 6.0])
def test_calibration(bins, sharpness):
    probabilities, labels = answers(sharpness=sharpness)
    sure, read = probabilities.max(1).astype(np.float64), probabilities.argmax(1)
    right = (read == labels).astype(int)
    found = metrics.calibration(probabilities, labels, bins)
    share, mean = calibration_curve(right, np.minimum(sure, 1.0), n_bins=bins)
    has = found.count > 0
    np.testing.assert_allclose(found.accuracy[has], share)
    np.testing.assert_allclose(found.confidence[has], mean, rtol=1e-6)
    assert np.isnan(found.accuracy[~has]).all() and np.isnan(found.confidence[~has]).all()
    error = 0.0
    for m in range(bins):  # Guo et al., equations 2 and 3: a bin is ((m − 1) / M, m / M]
        inside = (sure > m / bins) & (sure <= (m + 1) / bins)
        assert found.count[m] == inside.sum()
        if inside.any():
            error += inside.mean() * abs(right[inside].mean() - sure[inside].mean())
    assert found.expected_error == pytest.approx(error)


def test_a_perfectly_calibrated_network_has_no_error():
    probabilities = np.full((10, 10), 0.2 / 9)
    probabilities[:, 4] = 0.8
    labels = np.array([4] * 8 + [1, 2])
    assert metrics.calibration(probabilities, labels).expected_error == pytest.approx(0)


def test_a_probability_a_little_above_one_has_a_bin():
    rows = np.eye(10, dtype=np.float32)[:3] * np.float32(1.0000001)
    assert metrics.calibration(rows, [0, 1, 2]).count.tolist() == [0] * 9 + [3]


def test_without_images():
    nothing, labels = np.zeros((0, 10), np.float32), np.zeros(0, np.uint8)
    assert metrics.confusion(nothing, labels).sum() == 0
    assert np.isnan(metrics.accuracy(nothing, labels))
    assert np.isnan(metrics.calibration(nothing, labels).expected_error)
    assert not len(metrics.mistakes(nothing, labels, 5))
    assert not len(metrics.cell_examples(nothing, labels, 1, 7))


CALLS = [
    metrics.confusion,
    metrics.accuracy,
    metrics.calibration,
    lambda p, y: metrics.mistakes(p, y, 3),
    lambda p, y: metrics.cell_examples(p, y, 1, 7),
]


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("broken", [np.nan, np.inf])
def test_a_diverged_network_is_told(call, broken):
    probabilities, labels = answers(50)
    probabilities[[3, 8], 2] = broken
    with pytest.raises(ValueError, match=r"diverged: its answers to 2 of 50 images"):
        call(probabilities, labels)


@pytest.mark.parametrize("call", CALLS)
def test_what_does_not_fit_is_told(call):
    probabilities, labels = answers(50)
    with pytest.raises(ValueError, match=r"expected \[n, 10\]"):
        call(probabilities[:, :1], labels)
    with pytest.raises(ValueError, match="for 50 images"):
        call(probabilities, labels[:49])
    with pytest.raises(ValueError, match="digits 0 to 9"):
        call(probabilities, np.full(50, 10))


def test_other_bad_input():
    with pytest.raises(ValueError, match=r"expected \[10, 10\]"):
        metrics.scores(np.zeros((10, 9)))
    with pytest.raises(ValueError, match="one bin"):
        metrics.calibration(*answers(5), bins=0)
