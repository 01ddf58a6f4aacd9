"""The network that ships with the app: how it is loaded, what is known of it, how it was made.

`python -m mnist_core.drawing.pretrained` (or `make model`) trains it again.
"""

from __future__ import annotations

import hashlib
import json
import threading
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from mnist_core.base.errors import Trouble
from mnist_core.data import mnist
from mnist_core.experiment.layers import Dropout, Flatten
from mnist_core.experiment.preset_values import conv_block
from mnist_core.experiment.spec import Augmentation, Experiment, NetworkSpec, TrainingSpec
from mnist_core.training.events import Epoch, Failed, Finished

if TYPE_CHECKING:
    import keras

MODEL_FOLDER = Path(__file__).resolve().parents[2] / "models"
MODEL_NAME, CARD_NAME = "default.keras", "default.json"

_LOADING = threading.Lock()


class DefaultModelError(Trouble):
    """The model that ships with the app cannot be used; the message says why and what to do."""


# Smaller than the preset "best", so that a drawing is read within milliseconds; its images are
# changed further, because people draw with more kinds of pens than MNIST's writers had.
EXPERIMENT = Experiment(
    name="Default model",
    network=NetworkSpec(
        layers=(
            *conv_block(32, kernel_size=5, stride=2),
            *conv_block(64),
            *conv_block(64, stride=2),
            Dropout(rate=0.1),
            *conv_block(128),
            Flatten(),
            Dropout(rate=0.3),
        )
    ),
    training=TrainingSpec(
        optimizer="adamw",
        learning_rate=0.004,
        weight_decay=0.01,
        schedule="one_cycle",
        batch_size=128,
        epochs=16,
        validation_share=0.05,
        augmentation=Augmentation(
            shift=1, rotate=10, scale=0.1, shear=10, elastic=0.6, thickness=0.4
        ),
    ),
)
# Digits written as in Europe, made from this many of MNIST's own: see `european_digits`.
EUROPEAN_DIGITS = 6000


def load_default_model() -> keras.Model:
    """The model that ships in `models/`: from (28, 28, 1) to ten probabilities; loaded once.

    Raises DefaultModelError, one sentence, when a file is missing or damaged.
    """
    with _LOADING:  # two visitors at once must not load it twice
        return _load(MODEL_FOLDER)


def default_model_card(folder: Path | None = None) -> dict[str, Any]:
    """What is known of the default model.

    Keys: `test_accuracy` (share of MNIST's 10,000 test images), `test_errors`, `parameters`,
    `made` (ISO date), `how` (the command), `seconds` (of training), `sha256` (of the model's
    file) and `experiment` (as in `Experiment.to_json`). Raises DefaultModelError.
    """
    path = (folder or MODEL_FOLDER) / CARD_NAME
    try:
        card = json.loads(path.read_text())
    except FileNotFoundError:
        raise DefaultModelError(f"The file models/{CARD_NAME} is missing. {_REMEDY}") from None
    except (OSError, ValueError):
        raise DefaultModelError(f"The file models/{CARD_NAME} is damaged. {_REMEDY}") from None
    if not isinstance(card, dict) or not {"test_accuracy", "sha256"} <= card.keys():
        raise DefaultModelError(f"The file models/{CARD_NAME} is damaged. {_REMEDY}")
    return card


_REMEDY = "Restore it with “git checkout models”, or make it anew with “make model”."


@lru_cache(maxsize=2)
def _load(folder: Path) -> Any:
    path = folder / MODEL_NAME
    if not path.is_file():
        raise DefaultModelError(f"The file models/{MODEL_NAME} is missing. {_REMEDY}")
    if _sha256(path) != default_model_card(folder)["sha256"]:
        raise DefaultModelError(f"The file models/{MODEL_NAME} is damaged. {_REMEDY}")
    import keras

    return keras.saving.load_model(path, compile=False, safe_mode=True)


def make_default_model(folder: Path | None = None) -> dict[str, Any]:
    """Train `EXPERIMENT` anew, write model and card into `folder` and return the card."""
    from mnist_core.model.build import build_model
    from mnist_core.training.loop import train

    folder = folder or MODEL_FOLDER
    finished: Finished | None = None
    for event in train(EXPERIMENT, with_european_digits(mnist.load())):
        if isinstance(event, Epoch):
            print(
                f"epoch {event.epoch:2d}: loss {event.loss:.4f}, "
                f"validation accuracy {event.val_accuracy or 0:.2%}, {event.seconds:.0f} s",
                flush=True,
            )
        elif isinstance(event, Failed):
            raise RuntimeError(event.reason)
        elif isinstance(event, Finished):
            finished = event
    assert finished is not None and finished.model is not None
    model = build_model(EXPERIMENT.network)  # float32, whatever the run computed in
    model.set_weights(finished.model.get_weights())
    folder.mkdir(parents=True, exist_ok=True)
    model.save(folder / MODEL_NAME)
    card = make_card(model, folder / MODEL_NAME, round(finished.seconds))
    (folder / CARD_NAME).write_text(json.dumps(card, indent=2) + "\n")
    return card


def make_card(model: keras.Model, file: Path, seconds: int) -> dict[str, Any]:
    """What `default_model_card` gives, for a model saved in `file` after `seconds` of training."""
    from mnist_core.drawing.predict import predict

    data = mnist.load()
    images = mnist.ink(data.x_test)
    parts = [predict(model, images[at : at + 1000]) for at in range(0, len(images), 1000)]
    errors = int((np.concatenate(parts).argmax(1) != data.y_test).sum())
    return {
        "test_accuracy": 1 - errors / len(images),
        "test_errors": errors,
        "parameters": model.count_params(),
        "made": datetime.now(UTC).date().isoformat(),
        "how": "python -m mnist_core.drawing.pretrained",
        "seconds": seconds,
        "sha256": _sha256(file),
        "experiment": json.loads(EXPERIMENT.to_json()),
    }


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def with_european_digits(
    dataset: mnist.Dataset, count: int = EUROPEAN_DIGITS, seed: int = 0
) -> mnist.Dataset:
    """The data set with `count` more training images; the test images stay as they are."""
    images, labels = european_digits(dataset, count, seed)
    return mnist.Dataset(
        np.concatenate([dataset.x_train, images]),
        np.concatenate([dataset.y_train, labels]),
        dataset.x_test,
        dataset.y_test,
        dataset.name,
    )


def european_digits(
    dataset: mnist.Dataset, count: int, seed: int = 0
) -> tuple[mnist.ByteArray, npt.NDArray[np.uint8]]:
    """Images uint8 [count, 28, 28] and labels uint8 [count] of digits as written in Europe.

    MNIST's writers were American: few of them put a flag on the one, a slash through the zero
    or a bar across the seven. Here that stroke is drawn onto training images, a third each.
    """
    generator = np.random.default_rng(seed)
    images, labels = [], []
    for digit, add in ((0, _slash), (1, _flag), (7, _bar)):
        candidates = np.flatnonzero(dataset.y_train == digit)
        amounts = dataset.x_train[candidates].mean((1, 2))
        # In the thickest quarter the added stroke would not show.
        candidates = candidates[amounts < np.quantile(amounts, 0.75)]
        share = -(-count // 3)
        for index in generator.choice(candidates, share, replace=share > len(candidates)):
            images.append(_with_strokes(dataset.x_train[index], add, generator))
            labels.append(digit)
    return np.stack(images)[:count], np.array(labels, np.uint8)[:count]


Point = tuple[float, float]


def _with_strokes(image: mnist.ByteArray, add: Any, generator: np.random.Generator) -> Any:
    """The digit with `add`'s lines drawn on it in its own stroke width, prepared afresh."""
    from PIL import Image, ImageDraw

    from mnist_core.drawing.preprocessing import Preprocessing, prepare, stroke_width

    zoom, margin = 4, 6  # drawn four times larger, with room for what sticks out
    side = (28 + 2 * margin) * zoom
    picture = Image.new("L", (side, side))
    enlarged = Image.fromarray(image).resize((28 * zoom, 28 * zoom), Image.Resampling.BILINEAR)
    picture.paste(enlarged, (margin * zoom, margin * zoom))
    ink = np.asarray(picture, np.float32) / np.float32(255)
    width = stroke_width(ink) * generator.uniform(0.7, 1.05)
    draw = ImageDraw.Draw(picture)
    for line in add(ink, generator):
        draw.line(line, fill=255, width=max(1, round(width)), joint="curve")
        for x, y in line:
            draw.ellipse([x - width / 2, y - width / 2, x + width / 2, y + width / 2], fill=255)
    steps = prepare(np.asarray(picture), Preprocessing(thickness=False))
    return np.round(steps.image28 * 255).astype(np.uint8)


def _box(ink: npt.NDArray[np.float32]) -> tuple[float, float, float, float]:
    """Left, top, right and bottom of the ink."""
    rows, columns = np.flatnonzero((ink > 0.5).any(1)), np.flatnonzero((ink > 0.5).any(0))
    return float(columns[0]), float(rows[0]), float(columns[-1]), float(rows[-1])


def _slash(ink: npt.NDArray[np.float32], generator: np.random.Generator) -> list[list[Point]]:
    """From below left to above right through a zero, within it or beyond."""
    left, top, right, bottom = _box(ink)
    reach = generator.uniform(0.6, 1.25, 2)
    x, y = (left + right) / 2, (top + bottom) / 2
    half_width = max(right - left, 0.5 * (bottom - top)) / 2
    half_height = (bottom - top) / 2 * generator.uniform(0.7, 1.0)
    start = (x - reach[0] * half_width, y + reach[0] * half_height)
    end = (x + reach[1] * half_width, y - reach[1] * half_height)
    return [[start, end]]


def _flag(ink: npt.NDArray[np.float32], generator: np.random.Generator) -> list[list[Point]]:
    """From the head of a one down to the left; now and then with a line under its foot."""
    _left, top, _right, bottom = _box(ink)
    height = bottom - top
    head = float(np.flatnonzero(ink[int(top) + 2] > 0.3).mean())
    angle = np.radians(generator.uniform(25, 65))  # from the vertical
    length = height * generator.uniform(0.25, 0.55)
    tip = (head - length * np.sin(angle), top + length * np.cos(angle))
    lines = [[tip, (head, top + 2)]]
    if generator.random() < 0.25:
        foot = float(np.flatnonzero(ink[int(bottom) - 2] > 0.3).mean())
        reach = height * generator.uniform(0.15, 0.35, 2)
        lines.append([(foot - reach[0], bottom), (foot + reach[1], bottom)])
    return lines


def _bar(ink: npt.NDArray[np.float32], generator: np.random.Generator) -> list[list[Point]]:
    """Across the stem of a seven, about halfway down."""
    left, top, right, bottom = _box(ink)
    y = top + (bottom - top) * generator.uniform(0.4, 0.65)
    stem = np.flatnonzero(ink[int(y)] > 0.5)
    x = float(stem.mean()) if len(stem) else (left + right) / 2
    reach = (bottom - top) * generator.uniform(0.15, 0.35, 2)
    rise = (bottom - top) * generator.uniform(-0.05, 0.1)
    return [[(x - reach[0], y + rise / 2), (x + reach[1], y - rise / 2)]]


if __name__ == "__main__":
    print(json.dumps(make_default_model(), indent=2))
