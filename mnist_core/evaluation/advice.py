"""Advice from a run's curves: the change that mends a training gone wrong; how to read them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mnist_core.experiment.layers import Dropout
from mnist_core.experiment.losses import LOSSES
from mnist_core.experiment.optimizers import OPTIMIZERS
from mnist_core.experiment.spec import Augmentation, Experiment
from mnist_core.experiment.validation import ExperimentError

# Judge only after this many steps, over this many of the latest ones.
FIRST_JUDGEMENT = 100
WINDOW = 50
DEAD_SHARE = 0.4
SATURATING = ("sigmoid", "tanh")


@dataclass(frozen=True)
class Advice:
    """One finding in a sentence; `remedy` names the change that `experiment` already holds."""

    finding: str
    remedy: str
    experiment: Experiment


def advise(
    experiment: Experiment,
    loss: npt.NDArray[np.float32],
    accuracy: npt.NDArray[np.float32],
    val_loss: Sequence[float | None],
    dead_units: float | None = None,
) -> Advice | None:
    """The most pressing finding about a run, or None while all looks well.

    `loss` and `accuracy` are float32 [steps]; `val_loss` has one value an epoch; `dead_units` is
    the share of ReLU units that no image switches on.
    """
    classes = experiment.network.classes
    if len(loss) and not np.isfinite(loss[-1]):
        return _slower(experiment, "The loss is no longer a number: the steps were far too large.")
    if len(loss) >= FIRST_JUDGEMENT:
        late_loss = float(np.mean(loss[-WINDOW:]))
        chance = LOSSES[experiment.training.loss].guess(classes)
        if late_loss > 2 * chance:
            finding = f"The loss is {late_loss:.3g}, far above the {chance:.2g} of pure guessing"
            return _slower(experiment, f"{finding}: the learning rate is too high.")
        if float(np.mean(accuracy[-WINDOW:])) < 1 / classes + min(0.5 / classes, 0.05):
            return _stuck(experiment)
        if dead_units is not None and dead_units > DEAD_SHARE:
            finding = (
                f"{dead_units:.0%} of the ReLU units are dead: no image activates them, so they no "
                "longer learn. Steps that are too large cause this."
            )
            if (slower := _slower(experiment, finding)) is not None:
                return slower
    return _overfitting(experiment, loss, val_loss)


def _slower(experiment: Experiment, finding: str) -> Advice | None:
    """None for a learning rate that cannot be much lower."""
    rate = experiment.training.learning_rate
    better = min(rate / 10, OPTIMIZERS[experiment.training.optimizer].usual_rate)
    changed = _if_valid(lambda: _with_training(experiment, learning_rate=better))
    if changed is None:
        return None
    return Advice(finding, f"Lower the learning rate to {better:g}", changed)


def _stuck(experiment: Experiment) -> Advice | None:
    layers = experiment.network.layers
    constant = ("zeros", "ones")
    starts = {getattr(layer, "initializer", None) for layer in layers}
    activations = [getattr(layer, "activation", None) for layer in layers]
    chance = f"{100 / experiment.network.classes:.3g}%"
    guessing = f"Accuracy stays at {chance}, which is guessing."
    if starts.intersection(constant) or experiment.network.output_initializer in constant:
        finding = (
            f"{guessing} All weights of a layer start equal, so all its neurons compute and learn "
            "the same."
        )
        changed = _with_layers(
            experiment, lambda layer: _with_start(layer, constant), output="glorot_uniform"
        )
        return Advice(finding, "Use random Glorot initialisation", changed)
    saturating = sum(activation in SATURATING for activation in activations)
    if saturating >= 3:
        finding = (
            f"{guessing} The gradient shrinks in each of the {saturating} saturating layers, so "
            "the first ones hardly learn."
        )
        changed = _with_layers(experiment, _with_relu)
        return Advice(finding, "Use ReLU with He initialisation", changed)
    rate = experiment.training.learning_rate
    if rate < 1e-4:
        changed = _with_training(experiment, learning_rate=0.001)
        return Advice(
            f"{guessing} The steps are very small.", "Raise the learning rate to 0.001", changed
        )
    why = f"The learning rate of {rate:g} may be too high: large early steps kill units."
    return _slower(experiment, f"{guessing} {why}")


def _overfitting(
    experiment: Experiment, loss: npt.NDArray[np.float32], val_loss: Sequence[float | None]
) -> Advice | None:
    """Validation loss well above its best for three epochs while the training loss is lower."""
    known = [value for value in val_loss if value is not None]
    if len(known) < 4 or not len(loss):
        return None
    best = int(np.argmin(known))
    late_loss = float(np.mean(loss[-WINDOW:]))
    if len(known) - 1 - best < 3 or known[-1] < 1.1 * known[best] or late_loss > known[-1]:
        return None
    finding = (
        f"The network overfits: validation loss was best after epoch {best + 1} and has risen "
        f"since, from {known[best]:.3f} to {known[-1]:.3f}, while training loss kept falling."
    )
    limited = experiment.training.training_images
    if limited is not None:
        changed = _with_training(experiment, training_images=None, epochs=5)
        return Advice(finding, f"Train on all images, not just {limited:,}", changed)
    if not experiment.training.augmentation.active:
        changes = Augmentation(shift=2, rotate=10, scale=0.1)
        changed = _with_training(experiment, augmentation=changes)
        return Advice(finding, "Shift, rotate and scale the images at random", changed)
    if not any(isinstance(layer, Dropout) for layer in experiment.network.layers):
        data = experiment.model_dump()
        data["network"]["layers"] = [*data["network"]["layers"], {"kind": "dropout"}]
        with_dropout = _if_valid(lambda: Experiment.parse(data))
        if with_dropout is not None:
            return Advice(finding, "Add dropout before the output", with_dropout)
    changed = _with_training(experiment, patience=2)
    return Advice(finding, "Stop after two epochs without improvement", changed)


def how_to_read(experiment: Experiment) -> str:
    """The reason why the curves of training and validation differ by design, or ""."""
    training, classes = experiment.training, experiment.network.classes
    if not training.validation_share:
        return ""
    sentences = []
    if training.label_smoothing:
        sentences.append(
            f"Label smoothing keeps the training loss above "
            f"{smoothing_floor(training.label_smoothing, classes):.2f}; validation is without it."
        )
    harder = []
    if training.augmentation.active:
        harder.append("augmentation")
    if any(isinstance(layer, Dropout) for layer in experiment.network.layers):
        harder.append("dropout")
    if harder:
        what = " and ".join(harder).capitalize()
        verb = "are" if len(harder) > 1 else "is"
        sentences.append(
            f"{what} {verb} active only during training, so validation may look better."
        )
    return " ".join(sentences)


def smoothing_floor(smoothing: float, classes: int) -> float:
    """The least cross-entropy (nats) with smoothed labels: that of the labels themselves.

    Label smoothing is that of Szegedy et al. (2016), "Rethinking the Inception Architecture".
    """
    others = smoothing / classes
    wanted = np.array([1 - smoothing + others, *[others] * (classes - 1)])
    return float(-np.sum(wanted * np.log(wanted)))


def _if_valid(change: Callable[[], Experiment]) -> Experiment | None:
    """The changed experiment; None where the change goes beyond what an experiment may be."""
    try:
        return change()
    except ExperimentError:
        return None


def _with_training(experiment: Experiment, **changes: Any) -> Experiment:
    training = experiment.training.model_copy(update=changes)
    return Experiment.parse(experiment.model_copy(update={"training": training}).model_dump())


def _with_layers(
    experiment: Experiment,
    change: Callable[[dict[str, Any]], dict[str, Any]],
    output: str | None = None,
) -> Experiment:
    data = experiment.model_dump()
    data["network"]["layers"] = [change(layer) for layer in data["network"]["layers"]]
    if output:
        data["network"]["output_initializer"] = output
    return Experiment.parse(data)


def _with_start(layer: dict[str, Any], constant: tuple[str, ...]) -> dict[str, Any]:
    if layer.get("initializer") in constant:
        return {**layer, "initializer": "glorot_uniform"}
    return layer


def _with_relu(layer: dict[str, Any]) -> dict[str, Any]:
    if layer.get("activation") not in SATURATING:
        return layer
    changed = {**layer, "activation": "relu"}
    return {**changed, "initializer": "he_normal"} if "initializer" in layer else changed
