"""Metrics on the test images: accuracy, confusion, calibration, mistakes.

Everything is counted from `probabilities`, float [n, k], one row an image and not a number
where a network has diverged, and `labels`, integers [n] in 0..k − 1; k classes are ten digits
for MNIST. A diverged network reads no digit, so that nothing could be counted: every function
then raises ValueError, one sentence.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mnist_core.experiment.shapes import MIN_CLASSES

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Scores:
    """One entry a digit, each array [k]; a share of nothing is NaN.

    `images`: test images of this digit; `read`: images read as it; `right`: both. `precision`
    is right / read, `recall` right / images.
    """

    images: Integers
    read: Integers
    right: Integers
    precision: Floats
    recall: Floats


@dataclass(frozen=True, eq=False)
class Calibration:
    """Images in bins of equal width by how sure the network was, as arrays [bins].

    `edges` [bins + 1] are the bins' bounds: a bin holds its upper bound, not its lower one.
    `confidence` and `accuracy` are a bin's means, NaN where `count` is 0. `expected_error` is
    the mean of |accuracy − confidence| over all images, NaN without any.
    """

    edges: Floats
    confidence: Floats
    accuracy: Floats
    count: Integers
    expected_error: float


def read_digits(probabilities: npt.ArrayLike) -> tuple[Integers, Floats]:
    """The digit read in each image, [n], and its probability, [n].

    Raises ValueError for another shape, and for a network that has diverged.
    """
    rows = np.asarray(probabilities, np.float64)
    if rows.ndim != 2 or rows.shape[1] < MIN_CLASSES:
        raise ValueError(
            f"The probabilities have shape {list(rows.shape)}; expected [n, 10], or another "
            "number of classes."
        )
    broken = int((~np.isfinite(rows)).any(axis=1).sum())
    if broken:
        raise ValueError(
            f"This network has diverged: its answers to {broken:,} of {len(rows):,} images are "
            "not numbers (NaN), so it reads no digit."
        )
    read = rows.argmax(axis=1).astype(np.int64)
    return read, rows[np.arange(len(rows)), read]


def accuracy(probabilities: npt.ArrayLike, labels: npt.ArrayLike) -> float:
    """The share of images read rightly, NaN without images."""
    read, _ = read_digits(probabilities)
    truth = _labels(labels, probabilities)
    return float((read == truth).mean()) if len(read) else float("nan")


def confusion(probabilities: npt.ArrayLike, labels: npt.ArrayLike) -> Integers:
    """The number of images of each digit (row) that were read as each digit (column), [k, k]."""
    read, _ = read_digits(probabilities)
    truth, classes = _labels(labels, probabilities), np.shape(probabilities)[1]
    counts = np.bincount(truth * classes + read, minlength=classes**2)
    return counts.reshape(classes, classes).astype(np.int64)


def scores(counts: npt.ArrayLike) -> Scores:
    """Each digit's precision, recall and F1 from a confusion matrix [k, k]."""
    table = np.asarray(counts, np.int64)
    if table.ndim != 2 or table.shape[0] != table.shape[1]:
        raise ValueError(
            f"The counts have shape {list(table.shape)}; expected [10, 10], or as many rows as "
            "columns."
        )
    right, images, read = table.diagonal().copy(), table.sum(axis=1), table.sum(axis=0)
    return Scores(images, read, right, precision=_share(right, read), recall=_share(right, images))


def cell_examples(
    probabilities: npt.ArrayLike, labels: npt.ArrayLike, true: int, read: int
) -> Integers:
    """Indices of the images of digit `true` read as `read`, the most confident first."""
    answers, confidence = read_digits(probabilities)
    truth = _labels(labels, probabilities)
    return _most_confident((truth == true) & (answers == read), confidence)


def mistakes(probabilities: npt.ArrayLike, labels: npt.ArrayLike, count: int) -> Integers:
    """Indices of the `count` misread images of which the network was most sure, surest first."""
    read, confidence = read_digits(probabilities)
    return _most_confident(read != _labels(labels, probabilities), confidence)[: max(count, 0)]


def calibration(probabilities: npt.ArrayLike, labels: npt.ArrayLike, bins: int = 10) -> Calibration:
    """The accuracy of the predictions in each bin of confidence.

    The bins and the expected calibration error are those of Guo, Pleiss, Sun and Weinberger,
    “On Calibration of Modern Neural Networks” (2017).
    """
    if bins < 1:
        raise ValueError(f"At least one bin is needed; received {bins}.")
    read, confidence = read_digits(probabilities)
    right = read == _labels(labels, probabilities)
    edges = np.linspace(0.0, 1.0, bins + 1)
    # A softmax in float32 may come out a little above 1.
    place = np.clip(np.searchsorted(edges, confidence, side="left") - 1, 0, bins - 1)
    count = np.bincount(place, minlength=bins)
    sure = np.bincount(place, confidence, minlength=bins)
    correct = np.bincount(place, right, minlength=bins)
    gaps = np.abs(correct - sure).sum()
    return Calibration(
        edges,
        confidence=_share(sure, count),
        accuracy=_share(correct, count),
        count=count.astype(np.int64),
        expected_error=float(gaps / len(read)) if len(read) else float("nan"),
    )


def _labels(labels: npt.ArrayLike, probabilities: npt.ArrayLike) -> Integers:
    """The labels as int64 [n]; ValueError when they are no classes, or of another number."""
    truth, (count, classes) = np.asarray(labels), np.shape(probabilities)
    if truth.shape != (count,):
        raise ValueError(f"There are labels of shape {list(truth.shape)} for {count} images.")
    if count and not (truth.min() >= 0 and truth.max() < classes):
        raise ValueError(
            f"Labels are digits 0 to {classes - 1}; received {truth.min()} to {truth.max()}."
        )
    return truth.astype(np.int64)


def _most_confident(chosen: npt.NDArray[np.bool_], confidence: Floats) -> Integers:
    """Indices where `chosen`, most confident first and in order where equally so."""
    found = np.flatnonzero(chosen)
    return found[np.argsort(-confidence[found], kind="stable")].astype(np.int64)


def _share(part: npt.NDArray[np.generic], whole: npt.NDArray[np.generic]) -> Floats:
    """part / whole, NaN where the whole is 0."""
    return np.divide(part, whole, out=np.full(len(whole), np.nan), where=np.asarray(whole) > 0)
