"""Training of the networks that ship with the app: `make model PEN=FILE`.

1. `EXPERIMENT` trains on MNIST and on digits as they are written in Europe.
2. From there, training goes on with digits drawn by a pen: templates of the ways in which people
   write, and the digits of FILE, at random widths and slants.
3. The weights become the mean of both, which reads pens nearly as well as the second and MNIST
   as well as the first (Wortsman et al., 2022, "Robust fine-tuning of zero-shot models").
4. A small network learns to tell digits from everything else by what the first finds in them.

FILE holds pen digits as JSON lines (`label`, `strokes`): those that ship are of UNIPEN's collection
train_r01_v07. Without it the second step has the templates alone.

`make model PEN=FILE REHEARSE=FOLDER` goes the same way on little data and writes into FOLDER: it
tells whether the recipe runs, not how good the networks are.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mnist_core.data import mnist
from mnist_core.drawing import training_strokes as pen
from mnist_core.drawing.european_digits import european_digits
from mnist_core.drawing.not_a_digit import features_of
from mnist_core.drawing.predict import predict
from mnist_core.drawing.pretrained import (
    CARD_NAME,
    DETECTOR_NAME,
    EXPERIMENT,
    MODEL_FOLDER,
    MODEL_NAME,
    sha256_of,
)
from mnist_core.experiment.spec import Augmentation, Experiment, TrainingSpec
from mnist_core.training.events import Epoch, Failed, Finished, Resume
from mnist_core.training.loop import train

if TYPE_CHECKING:
    import keras

Weights = tuple[Any, ...]


@dataclass(frozen=True)
class Effort:
    """The amounts that the recipe uses; `epochs` are those of each network at most.

    `european` counts digits as they are written in Europe; a pen digit, a template of a digit and
    one of anything else are drawn so often each; `every` leaves all but one image in so many out.
    """

    european: int
    pen_drawings: int
    template_drawings: int
    other_drawings: int
    epochs: int
    every: int = 1


IN_FULL = Effort(6000, 10, 150, 130, epochs=16)
REHEARSAL = Effort(300, 1, 2, 2, epochs=1, every=20)
FINE_TUNING = TrainingSpec.model_validate(
    EXPERIMENT.training.model_dump()
    | {
        "learning_rate": 0.002,
        "epochs": 6,
        "seed": 1,
        "validation_share": 0.03,
        "augmentation": Augmentation(
            shift=1, rotate=8, scale=0.1, shear=8, elastic=0.5, thickness=0.35
        ),
    }
)
# The second step's share in the mean of the weights. On the test images of MNIST it makes no
# difference up to 0.5; there the mean begins to forget.
FINE_TUNED_SHARE = 0.4
# How many of MNIST's images the small network learns from.
DETECTOR_IMAGES, DETECTOR_EPOCHS = 12_000, 12
SOURCES = (
    "MNIST (Y. LeCun, C. Cortes, C. Burges), CC BY-SA 3.0",
    "pen digits of 24 writers: UNIPEN train_r01_v07 (International Unipen Foundation), CC BY 4.0",
)


def make(
    pen_digits: Path | None, folder: Path = MODEL_FOLDER, effort: Effort = IN_FULL
) -> dict[str, Any]:
    """Train both networks, write them and their card into `folder`, and return the card."""
    from mnist_core.model.build import build_model

    data = mnist.load()
    european = european_digits(data, effort.european)
    drawn = [pen.template_images(effort.template_drawings, seed=2)]
    if pen_digits is not None:
        strokes = pen.read_pen_digits(pen_digits)
        drawn.append(pen.pen_digit_images(strokes, effort.pen_drawings, seed=1))
    first = weights_after(
        limited(EXPERIMENT.training, effort), thinned(pen.joined(european), effort.every)
    )
    second = weights_after(
        limited(FINE_TUNING, effort),
        thinned(pen.joined(european, *drawn), effort.every),
        Resume(step=0, weights=first),
    )
    model = build_model(EXPERIMENT.network)  # float32, whatever the runs computed in
    model.set_weights(mean_weights(first, second, FINE_TUNED_SHARE))
    # A part of the digits is enough: there are no more of what is no digit.
    some = [european[0][::3], *(images[::2] for images, _ in drawn)]
    digits = np.concatenate([data.x_train[: DETECTOR_IMAGES // effort.every], *some])
    others = pen.other_images(effort.other_drawings, seed=3)
    detector = train_detector(model, digits, others)
    folder.mkdir(parents=True, exist_ok=True)
    model.save(folder / MODEL_NAME)
    detector.save(folder / DETECTOR_NAME)
    card = make_card(model, folder, effort, SOURCES if pen_digits is not None else SOURCES[:1])
    (folder / CARD_NAME).write_text(json.dumps(card, indent=2) + "\n")
    return card


def limited(training: TrainingSpec, effort: Effort) -> Experiment:
    """The experiment with these settings, for no more epochs than `effort` allows."""
    epochs = min(training.epochs, effort.epochs)
    settings = training.model_copy(update={"epochs": epochs})
    return EXPERIMENT.model_copy(update={"training": settings})


def thinned(data: mnist.Dataset, every: int) -> mnist.Dataset:
    """One training image in `every`."""
    return replace(data, x_train=data.x_train[::every], y_train=data.y_train[::every])


def weights_after(
    experiment: Experiment, data: mnist.Dataset, start: Resume | None = None
) -> Weights:
    """Train, telling of each epoch, and return the weights."""
    for event in train(experiment, data, resume=start):
        if isinstance(event, Epoch):
            print(
                f"epoch {event.epoch:2d}: loss {event.loss:.4f}, "
                f"validation accuracy {event.val_accuracy or 0:.2%}, {event.seconds:.0f} s",
                flush=True,
            )
        elif isinstance(event, Failed):
            raise RuntimeError(event.reason)
        elif isinstance(event, Finished) and event.model is not None:
            return tuple(event.model.get_weights())
    raise RuntimeError("Training ended without a model.")


def mean_weights(first: Weights, second: Weights, share: float) -> list[Any]:
    """Each weight `share` of the way from the first network's to the second's."""
    return [one + share * (other - one) for one, other in zip(first, second, strict=True)]


def train_detector(
    model: keras.Model, digits: mnist.ByteArray, others: mnist.ByteArray, seed: int = 0
) -> keras.Model:
    """Train a network from what `model` finds in an image to the probability of no digit.

    `digits` and `others` are uint8 [n, 28, 28].
    """
    import keras

    found = np.concatenate([_found(model, digits), _found(model, others)])
    is_other = np.repeat([0.0, 1.0], [len(digits), len(others)]).astype(np.float32)
    keras.utils.set_random_seed(seed)
    scale = keras.layers.Normalization()
    scale.adapt(found)
    layers = keras.layers
    detector = keras.Sequential(
        [
            layers.Input((found.shape[1],)),
            scale,
            layers.Dropout(0.2),
            layers.Dense(64, activation="relu"),
            layers.Dropout(0.3),
            layers.Dense(1, activation="sigmoid"),
        ]
    )
    detector.compile(keras.optimizers.AdamW(1e-3, weight_decay=1e-3), "binary_crossentropy")
    detector.fit(found, is_other, batch_size=256, epochs=DETECTOR_EPOCHS, verbose=2)
    return detector


def _found(model: keras.Model, images: mnist.ByteArray) -> np.ndarray[Any, Any]:
    parts = [mnist.ink(images[at : at + 500])[..., None] for at in range(0, len(images), 500)]
    return np.concatenate([np.asarray(features_of(model, part)) for part in parts])


def make_card(
    model: keras.Model, folder: Path, effort: Effort, sources: tuple[str, ...]
) -> dict[str, Any]:
    """The facts that `default_model_card` gives, for the files in `folder`."""
    data = mnist.load()
    images = mnist.ink(data.x_test)
    parts = [predict(model, images[at : at + 1000]) for at in range(0, len(images), 1000)]
    errors = int((np.concatenate(parts).argmax(1) != data.y_test).sum())
    return {
        "test_accuracy": 1 - errors / len(images),
        "test_errors": errors,
        "parameters": model.count_params(),
        "made": datetime.now(UTC).date().isoformat(),
        "how": "python -m mnist_core.drawing.pretraining --pen FILE"
        + (" --rehearse FOLDER" if effort == REHEARSAL else ""),
        "data": list(sources),
        "sha256": sha256_of(folder / MODEL_NAME),
        "detector_sha256": sha256_of(folder / DETECTOR_NAME),
        "experiment": json.loads(limited(EXPERIMENT.training, effort).to_json()),
        "fine_tuning": json.loads(limited(FINE_TUNING, effort).training.model_dump_json()),
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Train the networks that ship with the app.")
    parser.add_argument("--pen", type=Path, metavar="FILE", help="pen digits, JSON lines")
    parser.add_argument(
        "--rehearse", type=Path, metavar="FOLDER", help="on little data, writing into FOLDER"
    )
    options = parser.parse_args()
    if options.rehearse:
        made = make(options.pen, options.rehearse, REHEARSAL)
    else:
        made = make(options.pen)
    print(json.dumps(made, indent=2))
