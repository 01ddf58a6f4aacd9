"""The networks that ship with the app: how they are loaded, and what is known of them.

`mnist_core.drawing.pretraining` (or `make model`) trains them again.
"""

from __future__ import annotations

import hashlib
import json
import threading
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from mnist_core.base import computing
from mnist_core.base.errors import AppError
from mnist_core.base.paths import REPOSITORY
from mnist_core.base.tensorflow_compat import load_keras
from mnist_core.experiment.layers import Dropout, Flatten
from mnist_core.experiment.preset_values import conv_block
from mnist_core.experiment.spec import Augmentation, Experiment, NetworkSpec, TrainingSpec

if TYPE_CHECKING:
    import keras

MODEL_FOLDER = REPOSITORY / "models"
MODEL_NAME, CARD_NAME = "default.keras", "default.json"
DETECTOR_NAME = "not_a_digit.keras"

_LOADING = threading.Lock()


class DefaultModelError(AppError):
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


def load_default_model() -> keras.Model:
    """The model that ships in `models/`: from (28, 28, 1) to ten probabilities; loaded once.

    Raises DefaultModelError, one sentence, when a file is missing or damaged.
    """
    with _LOADING:  # two visitors at once must not load it twice
        return _load(MODEL_FOLDER, MODEL_NAME, "sha256")


def default_weights() -> tuple[npt.NDArray[np.float32], ...]:
    """The weights of `load_default_model()`, in Keras's order.

    Raises DefaultModelError, one sentence, when a file is missing or damaged, and WorkFailed.
    """
    found: tuple[npt.NDArray[np.float32], ...] = computing.run(
        _default_weights, about="default weights"
    )
    return found


def _default_weights() -> tuple[npt.NDArray[np.float32], ...]:
    return tuple(load_default_model().get_weights())


def load_detector() -> keras.Model:
    """The network behind `not_a_digit.doubt`: from (28, 28, 1) to ten digits and none of them.

    Raises DefaultModelError, one sentence, when a file is missing or damaged.
    """
    with _LOADING:
        return _load(MODEL_FOLDER, DETECTOR_NAME, "detector_sha256")


def default_model_card(folder: Path | None = None) -> dict[str, Any]:
    """The facts that are known of the default model.

    Keys: `test_accuracy` (share of MNIST's 10,000 test images), `test_errors`, `parameters`,
    `made` (ISO date), `how` (the command), `sha256` and `detector_sha256` (of the files), `data`
    (what was learned from, with its licence) and `experiment` (as in `Experiment.to_json`).
    Raises DefaultModelError.
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


_REMEDY = "Restore it with “git checkout models”, or train it again with “make model”."


@lru_cache(maxsize=4)
def _load(folder: Path, name: str, checksum: str) -> Any:
    path = folder / name
    if not path.is_file():
        raise DefaultModelError(f"The file models/{name} is missing. {_REMEDY}")
    if sha256_of(path) != default_model_card(folder).get(checksum):
        raise DefaultModelError(f"The file models/{name} is damaged. {_REMEDY}")
    load_keras()
    import keras

    return keras.saving.load_model(path, compile=False, safe_mode=True)


def sha256_of(path: Path) -> str:
    """A file's SHA-256, in hexadecimal digits."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
