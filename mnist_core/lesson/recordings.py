"""Short runs recorded for the lesson, so that its first page needs no training.

`python -m mnist_core.lesson.recordings` trains them again with the app's own training loop and
writes `data/recorded_runs.npz`. Every record holds the experiment it came from, so that a link
can open exactly that experiment.
"""

from __future__ import annotations

import itertools
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mnist_core.base.paths import REPOSITORY
from mnist_core.data import mnist
from mnist_core.experiment.initializers import InitializerName
from mnist_core.experiment.layers import (
    AveragePool,
    Dense,
    Dropout,
    Flatten,
    LayerSpec,
)
from mnist_core.experiment.presets import PRESETS
from mnist_core.experiment.spec import Augmentation, Experiment, NetworkSpec, TrainingSpec
from mnist_core.lesson.numpy_net import (
    INITIALIZERS,
    Layer,
    backward,
    forward,
    initial_weights,
    pool,
    random_network,
    step,
)
from mnist_core.training.events import Epoch, Failed, Finished, Resume, Steps

FILE = REPOSITORY / "data" / "recorded_runs.npz"
POINTS = 120  # of one loss curve
SAMPLES_A_DIGIT = 2
FAVOURITES = 6  # test images that excite a hidden neuron most
POOLED = 4  # the small network sees 28 / 4 = 7 by 7 pixels
# Two of these pixels, as row and column, tell a 1 from a 0: the middle one, and that left below it.
PAIR = ((3, 3), (4, 2))
PAIRS_A_DIGIT, PAIR_STEPS, LEAST_GAP = 14, 150, 0.05

Array = npt.NDArray[Any]
Floats = npt.NDArray[np.float64]


class RecordError(RuntimeError):
    """The recorded runs cannot be used; the message says why and what to do."""


@dataclass(frozen=True, eq=False)
class LossCurve:
    """The training loss [n] after the given steps [n]; each is a mean over the steps since."""

    experiment: Experiment
    steps: Array
    loss: Floats


@dataclass(frozen=True, eq=False)
class FitCurve:
    """Loss and accuracy on training and validation images after each epoch, all [epochs].

    The training figures are means over the epoch's images as they were met.
    """

    experiment: Experiment
    loss: Floats
    val_loss: Floats
    accuracy: Floats
    val_accuracy: Floats


@dataclass(frozen=True, eq=False)
class DenseNet:
    """A trained network of dense layers, and its share of right answers on the test images."""

    experiment: Experiment
    layers: tuple[Layer, ...]
    test_accuracy: float


@dataclass(frozen=True, eq=False)
class Neurons:
    """The inputs to which the hidden neurons of `net` respond.

    `means` [units, 10]: a neuron's mean output for each digit over the test images.
    `favourites` uint8 [units, FAVOURITES, 28, 28]: the images that excite it most.
    """

    net: DenseNet
    means: Floats
    favourites: Array


@dataclass(frozen=True, eq=False)
class Sample:
    """A test image uint8 [28, 28], its place among the test images and its label."""

    index: int
    label: int
    image: Array


@dataclass(frozen=True, eq=False)
class Pairs:
    """Test images that are a 0 or a 1 as the brightness of the two pixels of PAIR, in [0, 1].

    `points` [n, 2], `ones` bool [n]: which are a 1. A line parts them, but none through the origin.
    `layers`: a network of two inputs, two sigmoid neurons and two outputs (a 1, no 1) trained on
    them, without biases; its weights have one decimal.
    """

    points: Floats
    ones: Array
    layers: tuple[Layer, Layer]


# --- The experiments -----------------------------------------------------------------------------

NEURONS = Experiment(  # the penalty on large weights lets strokes show, not noise
    network=NetworkSpec(layers=(Flatten(), Dense(units=32, l2=0.002))),
    training=TrainingSpec(epochs=6),
    name="32 hidden neurons",
)
SMALL = Experiment(
    network=NetworkSpec(layers=(AveragePool(pool_size=POOLED), Flatten(), Dense(units=8))),
    training=TrainingSpec(epochs=5, learning_rate=0.005),
    name="7×7 pixels, 8 hidden neurons",
)

DEEP_LAYERS, DEEP_UNITS = 10, 64


def start_experiment(start: InitializerName) -> Experiment:
    """Ten ReLU layers whose weights start as `start` says."""
    layer = Dense(units=DEEP_UNITS, initializer=start)
    output: InitializerName = "zeros" if start == "zeros" else "glorot_uniform"
    return Experiment(
        network=NetworkSpec(layers=(Flatten(), *[layer] * DEEP_LAYERS), output_initializer=output),
        training=TrainingSpec(epochs=2, training_images=10_000),
        name=f"Ten layers, weights start from {start.replace('_', ' ')}",
    )


def _fit(name: str, *, rate: float = 0.0, units: int = 512, **training: Any) -> Experiment:
    base = PRESETS["overfit"].training
    layers: list[LayerSpec] = [Flatten()]
    for _ in range(2):
        layers += [Dense(units=units), *([Dropout(rate=rate)] if rate else [])]
    return Experiment(
        network=NetworkSpec(layers=tuple(layers)),
        training=base.model_copy(update=training),
        name=name,
    )


FITS: dict[str, Experiment] = {
    "plain": PRESETS["overfit"],
    "tiny": _fit("Two neurons a layer", units=2),
    "dropout": _fit("1,000 images, dropout", rate=0.5),
    "augmented": _fit(
        "1,000 images, changed each time", augmentation=Augmentation(shift=2, rotate=12, scale=0.1)
    ),
    "more": _fit("10,000 images", training_images=10_000),
}


# --- Reading -------------------------------------------------------------------------------------


def loss_curves() -> dict[str, LossCurve]:
    """Loss curves of ten ReLU layers by how their weights start: a key for each initialiser."""
    return {
        name: LossCurve(_experiment(f"start/{name}"), *_arrays(f"start/{name}", "steps", "loss"))
        for name in INITIALIZERS
    }


def fit_curves() -> dict[str, FitCurve]:
    """Training and validation curves of the runs in `FITS`."""
    fields = ("loss", "val_loss", "accuracy", "val_accuracy")
    return {
        name: FitCurve(_experiment(f"fit/{name}"), *_arrays(f"fit/{name}", *fields))
        for name in FITS
    }


def neurons() -> Neurons:
    """The hidden neurons of a trained network with one hidden layer."""
    means, favourites = _arrays("neurons", "means", "favourites")
    return Neurons(_dense_net("neurons"), means, favourites)


def small_net() -> DenseNet:
    """A trained network small enough to follow number by number; it sees 7×7 pixels."""
    return _dense_net("small")


def samples() -> tuple[Sample, ...]:
    """Some test images, in the order of their digits; the small network reads them all right."""
    indices, labels, images = _arrays("samples", "index", "label", "image")
    return tuple(
        Sample(int(index), int(label), image)
        for index, label, image in zip(indices, labels, images, strict=True)
    )


def pairs() -> Pairs:
    """Zeros and ones by two pixels, and the smallest network that tells them apart."""
    points, ones, first, last = _arrays("pairs", "points", "ones", "w1", "w2")
    layers = (
        Layer(first.astype(np.float64), np.zeros(2), "sigmoid"),
        Layer(last.astype(np.float64), np.zeros(2)),
    )
    return Pairs(points.astype(np.float64), ones, layers)


def pair_of(image: Array) -> Floats:
    """The brightness of the two pixels of PAIR of an image uint8 [28, 28], float64 [2]."""
    pixels = pool(image / 255.0, POOLED, kind="average")
    return np.array([pixels[place] for place in PAIR])


def _dense_net(name: str) -> DenseNet:
    first, first_bias, last, last_bias, accuracy = (
        array.astype(np.float64) for array in _arrays(name, "w1", "b1", "w2", "b2", "test_accuracy")
    )
    layers = (Layer(first, first_bias, "relu"), Layer(last, last_bias))
    return DenseNet(_experiment(name), layers, float(accuracy))


def _experiment(name: str) -> Experiment:
    return Experiment.from_json(str(_read()[f"{name}/experiment"]))


def _arrays(name: str, *fields: str) -> list[Array]:
    return [_read()[f"{name}/{field}"] for field in fields]


@lru_cache(maxsize=1)
def _read() -> dict[str, Array]:
    remedy = "Restore it with “git checkout data”, or make it anew with “make lesson”."
    try:
        with np.load(FILE, allow_pickle=False) as archive:
            found = {name: archive[name] for name in archive.files}
    except FileNotFoundError:
        raise RecordError(f"The file data/{FILE.name} is missing. {remedy}") from None
    except (OSError, ValueError, EOFError, zipfile.BadZipFile):
        raise RecordError(f"The file data/{FILE.name} is damaged. {remedy}") from None
    for array in found.values():
        array.flags.writeable = False  # shared by everything in this process
    return found


# --- Recording -----------------------------------------------------------------------------------


def record(file: Path = FILE) -> None:
    """Train everything anew and write `file`."""
    entries: dict[str, Array] = {}
    for name, experiment in FITS.items():
        _note(entries, f"fit/{name}", experiment, _record_fit(experiment))
    for name in INITIALIZERS:
        known: InitializerName = "ones" if name == "large" else name  # type: ignore[assignment]
        experiment = start_experiment(known)
        _note(entries, f"start/{name}", experiment, _record_start(experiment, name))
    data = mnist.load()
    small, weights = _trained(SMALL)
    _note(entries, "small", SMALL, weights)
    finished, weights = _trained(NEURONS)
    _note(entries, "neurons", NEURONS, weights | _responses(finished, data))
    for field, array in _choose_samples(small, data).items():
        entries[f"samples/{field}"] = array
    entries |= {f"pairs/{field}": array for field, array in _record_pairs(data).items()}
    np.savez_compressed(file, allow_pickle=False, **entries)


def _note(
    entries: dict[str, Array], name: str, experiment: Experiment, arrays: dict[str, Array]
) -> None:
    entries[f"{name}/experiment"] = np.array(experiment.to_json())
    entries |= {f"{name}/{field}": array for field, array in arrays.items()}
    sys.stdout.write(f"{name}: {', '.join(arrays)}\n")


def _events(experiment: Experiment, resume: Resume | None = None) -> Iterator[Any]:
    from mnist_core.training.loop import train

    for event in train(experiment, resume=resume):
        if isinstance(event, Failed):
            sys.stdout.write(f"  ended at step {event.step}: {event.reason}\n")
            return
        yield event


def _record_fit(experiment: Experiment) -> dict[str, Array]:
    epochs = [event for event in _events(experiment) if isinstance(event, Epoch)]
    fields = ("loss", "val_loss", "accuracy", "val_accuracy")
    return {
        field: np.array([getattr(epoch, field) for epoch in epochs], np.float32) for field in fields
    }


def _record_start(experiment: Experiment, start: str) -> dict[str, Array]:
    resume = Resume(0, _large_weights(experiment)) if start == "large" else None
    parts = [event.loss for event in _events(experiment, resume) if isinstance(event, Steps)]
    loss = np.concatenate(parts).astype(np.float64)
    edges = np.unique(np.linspace(0, len(loss), POINTS + 1).round().astype(int))
    means = np.array([loss[a:b].mean() for a, b in itertools.pairwise(edges)])
    return {"steps": edges[1:].astype(np.int32), "loss": means.astype(np.float32)}


def _large_weights(experiment: Experiment) -> tuple[Array, ...]:
    """First weights that no initialiser of the app gives: as large as in the lesson's figure."""
    generator = np.random.default_rng(experiment.training.seed)
    sizes = [28 * 28, *[DEEP_UNITS] * DEEP_LAYERS]
    weights: list[Array] = []
    for inputs in sizes:
        units = DEEP_UNITS if len(weights) < 2 * DEEP_LAYERS else 10
        weights += [initial_weights("large", inputs, units, generator), np.zeros(units)]
    return tuple(array.astype(np.float32) for array in weights)


def _trained(experiment: Experiment) -> tuple[Finished, dict[str, Array]]:
    """The trained network and its weights, as the page is going to read them."""
    last = next(event for event in _events(experiment) if isinstance(event, Finished))
    names = ("w1", "b1", "w2", "b2")
    kept = (weight.astype(np.float16) for weight in last.model.get_weights())
    accuracy = np.array(last.test_accuracy, np.float64)
    return last, dict(zip(names, kept, strict=True)) | {"test_accuracy": accuracy}


def _responses(finished: Finished, data: mnist.Dataset) -> dict[str, Array]:
    first, bias = finished.model.get_weights()[:2]
    pixels = mnist.ink(data.x_test.reshape(len(data.x_test), -1))
    outputs = np.maximum(pixels @ first + bias, 0)
    means = np.stack([outputs[data.y_test == digit].mean(0) for digit in range(10)], axis=1)
    best = np.argsort(-outputs, axis=0, kind="stable")[:FAVOURITES].T
    return {"means": means.astype(np.float32), "favourites": data.x_test[best]}


def _record_pairs(data: mnist.Dataset) -> dict[str, Array]:
    points, ones = _choose_pairs(data)
    return {"points": points.astype(np.float32), "ones": ones} | _train_pairs(points, ones)


def _choose_pairs(data: mnist.Dataset) -> tuple[Floats, Array]:
    """The first random choice that a line parts, with some room, but none through the origin."""
    images, labels = data.x_test[:2000], data.y_test[:2000]
    everything = np.stack([pair_of(image) for image in images])
    ones = np.arange(2 * PAIRS_A_DIGIT) >= PAIRS_A_DIGIT
    for seed in itertools.count():
        generator = np.random.default_rng(seed)
        chosen = [
            generator.choice(np.flatnonzero(labels == digit), PAIRS_A_DIGIT, replace=False)
            for digit in (0, 1)
        ]
        points = everything[np.concatenate(chosen)].round(2)
        if _gap(points, ones) > LEAST_GAP and not _parted_through_origin(points, ones):
            return points, ones
    raise AssertionError("unreachable")


def _directions() -> Floats:
    angles = np.linspace(0, 2 * np.pi, 720)
    return np.stack([np.cos(angles), np.sin(angles)])


def _gap(points: Floats, ones: Array) -> float:
    """The width of the widest straight gap between the groups; negative where none parts them."""
    along = points @ _directions()
    return float((along[ones].min(axis=0) - along[~ones].max(axis=0)).max())


def _parted_through_origin(points: Floats, ones: Array) -> bool:
    along = points @ _directions()
    return bool(((along > 0) == ones[:, None]).all(axis=0).any())


def _train_pairs(points: Floats, ones: Array) -> dict[str, Array]:
    """Gradient descent in NumPy, on all examples at once, biases kept at 0."""
    labels = np.where(ones, 0, 1)
    layers = random_network([2, 2, 2], "sigmoid", "he_normal", np.random.default_rng(1))
    layers[-1] = Layer(layers[-1].weights, layers[-1].bias)
    for _ in range(PAIR_STEPS):
        stepped = step(layers, backward(layers, forward(layers, points), labels), 1.0)
        layers = [Layer(layer.weights, 0 * layer.bias, layer.activation) for layer in stepped]
    first, last = (layer.weights.round(1).astype(np.float32) for layer in layers)
    return {"w1": first, "w2": last}


def _choose_samples(finished: Finished, data: mnist.Dataset) -> dict[str, Array]:
    """The first test images of each digit that the network reads right and is fairly sure of."""
    images = data.x_test[:2000]
    shares = finished.model.predict(images[..., None].astype(np.float32) / 255, verbose=0)
    labels = data.y_test[: len(images)]
    sure = shares[np.arange(len(labels)), labels] > 0.8
    chosen = np.concatenate(
        [np.flatnonzero(sure & (labels == digit))[:SAMPLES_A_DIGIT] for digit in range(10)]
    )
    return {"index": chosen.astype(np.int32), "label": labels[chosen], "image": images[chosen]}


if __name__ == "__main__":
    record()
