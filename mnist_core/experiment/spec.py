"""An experiment: which network, trained how. Frozen, validated, equal by value.

An `Experiment` that exists can be built and trained: every mistake is found when it is made,
as an `ExperimentError` whose sentences name the place and the remedy. The defaults below are
part of the link format (links leave them out), so changing one changes old links.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import BaseModel, Field, ValidationError, model_validator

from mnist_core.experiment import url
from mnist_core.experiment.fields import Value
from mnist_core.experiment.initializers import InitializerName
from mnist_core.experiment.layers import LayerSpec
from mnist_core.experiment.losses import LOSSES, LossName
from mnist_core.experiment.optimizers import OPTIMIZERS, OptimizerName
from mnist_core.experiment.preset_values import PRESET_VALUES
from mnist_core.experiment.schedules import ScheduleName
from mnist_core.experiment.shapes import (
    CLASSES,
    MAX_ACTIVATIONS,
    MAX_CLASSES,
    MIN_CLASSES,
    LayerShape,
    layer_shapes,
    total_parameters,
)
from mnist_core.experiment.validation import (
    ExperimentError,
    Problem,
    from_validation_error,
    inside_pydantic,
)

TRAIN_IMAGES = 60_000
# Values that one batch's outputs may hold in all layers together: 1 GB as float32.
MAX_BATCH_ACTIVATIONS = 250_000_000
MAX_NAME_LENGTH = 80
# What `Experiment.data` names: MNIST, or a set of one's own by a digest of its content.
MNIST = "mnist"
_DATA_NAME = re.compile(r"mnist|[0-9a-f]{32}")

PrecisionName = Literal["auto", "float32", "bfloat16"]


class NetworkSpec(Value):
    """The hidden layers from input to output; the softmax output layer is always there.

    `classes` is how many the output layer tells apart: as many as the data set has.
    """

    layers: tuple[LayerSpec, ...] = ()
    output_initializer: InitializerName = "glorot_uniform"
    classes: Annotated[int, Field(ge=MIN_CLASSES, le=MAX_CLASSES)] = CLASSES

    def shapes(self) -> tuple[LayerShape, ...]:
        """Name, output shape and parameters of the input, each layer and the output layer.

        Raises ExperimentError when the layers cannot be stacked.
        """
        return layer_shapes(self.layers, self.classes)

    @property
    def parameters(self) -> int:
        """All weights and biases, batch normalisation's statistics included (Keras's total)."""
        return total_parameters(self.shapes())

    @property
    def convolutional(self) -> bool:
        """True when it has a convolution."""
        return any(layer.kind == "conv" for layer in self.layers)

    @model_validator(mode="after")
    def _check(self) -> Self:
        inside_pydantic(self.shapes)
        return self


class Augmentation(Value):
    """Bounds on the random changes of a training image each time it is met; 0 means none.

    `shift` is in pixels, `rotate` and `shear` in degrees, `scale` a share (0.1: from 0.9 to
    1.1 times), `elastic` the standard deviation of the displacement in pixels, `thickness` a
    share (1: from as thin as an erosion to as thick as a dilation by one pixel).
    """

    shift: Annotated[float, Field(ge=0, le=6)] = 0.0
    rotate: Annotated[float, Field(ge=0, le=45)] = 0.0
    scale: Annotated[float, Field(ge=0, le=0.5)] = 0.0
    shear: Annotated[float, Field(ge=0, le=45)] = 0.0
    elastic: Annotated[float, Field(ge=0, le=3)] = 0.0
    thickness: Annotated[float, Field(ge=0, le=1)] = 0.0

    @property
    def active(self) -> bool:
        """True when any image would be changed."""
        return any(getattr(self, name) > 0 for name in type(self).model_fields)


class TrainingSpec(Value):
    """The settings of training.

    `validation_share` of the training images is set aside and never trained on;
    `training_images` then limits how many are used (None: all of them). `max_minutes`,
    `target_accuracy` (on the validation images) and `patience` (epochs without a better
    validation loss) end training before its last epoch.
    """

    loss: LossName = "cross_entropy"
    optimizer: OptimizerName = "adam"
    learning_rate: Annotated[float, Field(ge=1e-6, le=1000)] = 0.001
    schedule: ScheduleName = "constant"
    batch_size: Annotated[int, Field(ge=1, le=4096)] = 128
    epochs: Annotated[int, Field(ge=1, le=200)] = 5
    weight_decay: Annotated[float, Field(ge=0, le=1)] = 0.0
    label_smoothing: Annotated[float, Field(ge=0, le=0.5)] = 0.0
    validation_share: Annotated[float, Field(ge=0, le=0.5)] = 0.1
    training_images: Annotated[int, Field(ge=100, le=TRAIN_IMAGES)] | None = None
    augmentation: Augmentation = Augmentation()
    max_minutes: Annotated[float, Field(ge=0.05, le=600)] | None = None
    target_accuracy: Annotated[float, Field(ge=0.1, le=1)] | None = None
    patience: Annotated[int, Field(ge=1, le=100)] | None = None
    precision: PrecisionName = "auto"
    seed: Annotated[int, Field(ge=0, le=999_999)] = 0

    @model_validator(mode="after")
    def _check(self) -> Self:
        inside_pydantic(self._check_together)
        return self

    def _check_together(self) -> None:
        if self.validation_share == 0:
            for field in ("patience", "target_accuracy"):
                if getattr(self, field) is not None:
                    name = field.replace("_", " ")
                    raise _problem(
                        f"Stopping by {name} needs validation images, but the validation share "
                        f"is 0. Set the share above 0, or leave {name} empty.",
                        field,
                    )
        if self.weight_decay > 0 and not OPTIMIZERS[self.optimizer].weight_decay:
            takers = " or ".join(item.title for item in OPTIMIZERS.values() if item.weight_decay)
            raise _problem(
                f"Weight decay works only with the {takers} optimiser, not with {self.optimizer}. "
                f"Choose {takers}, set weight decay to 0, or use a layer's L2 penalty.",
                "weight_decay",
            )

        if self.label_smoothing > 0 and not LOSSES[self.loss].label_smoothing:
            title = LOSSES[self.loss].title.lower()
            raise _problem(
                f"Label smoothing works with cross-entropy only, not with {title}. Set label "
                "smoothing to 0, or choose cross-entropy.",
                "label_smoothing",
            )

    @property
    def validation_images(self) -> int:
        """The number of the 60,000 training images that are set aside for validation."""
        return round(TRAIN_IMAGES * self.validation_share)


class Experiment(Value):
    """A network, how it is trained, and on what: all that is needed to repeat a run.

    `data` is "mnist", or the digest of a data set of one's own (`mnist_core.data.custom`).
    """

    network: NetworkSpec
    training: TrainingSpec = TrainingSpec()
    name: Annotated[str, Field(max_length=MAX_NAME_LENGTH)] = ""
    data: str = MNIST

    @model_validator(mode="after")
    def _check(self) -> Self:
        inside_pydantic(self._check_data)
        inside_pydantic(self._check_batch)
        return self

    def _check_data(self) -> None:
        if not _DATA_NAME.fullmatch(self.data):
            raise _problem(
                f"There is no data set “{self.data[:40]}”. Leave it out for MNIST, or choose one "
                "of your own.",
                "data",
            )
        if self.data == MNIST and self.network.classes != CLASSES:
            raise _problem(
                f"The network has {self.network.classes} classes, but MNIST has {CLASSES}: name "
                "the data set that it is for, or leave out the classes.",
                "data",
            )

    def _check_batch(self) -> None:
        values = sum(_product(row.output_shape) for row in self.network.shapes())
        largest = max(1, MAX_BATCH_ACTIVATIONS // max(1, min(values, MAX_ACTIVATIONS)))
        if self.training.batch_size > largest:
            raise _problem(
                f"A batch of {self.training.batch_size} images needs too much memory with this "
                f"network. Use a batch size of at most {largest}.",
                "batch_size",
            )

    @classmethod
    def parse(cls, data: Any) -> Self:
        """An experiment from plain dicts, lists and scalars. Raises ExperimentError."""
        return _parse(cls, data)

    def to_json(self) -> str:
        """The whole experiment as JSON; floats survive exactly."""
        return self.model_dump_json()

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """The inverse of `to_json`. Raises ExperimentError for anything else."""
        try:
            data = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise _problem(
                f"This is not an experiment: the JSON cannot be read ({error})."
            ) from None
        return cls.parse(data)

    def to_query(self) -> str:
        """The experiment as a URL query, without "?"; settings at their default are left out.

        >>> from mnist_core import PRESETS
        >>> PRESETS["two-layer"].to_query()
        'layers=flatten;dense(units:128)'
        """
        return url.encode(self.network, self.training, self.name, self.data)

    @classmethod
    def from_query(cls, text: str | Mapping[str, str]) -> Self:
        """Read an experiment from a link.

        Args:
            text: What `to_query` gives, or a dict of its settings. `preset=NAME` stands for a
                preset, changed by the other settings.

        Raises:
            ExperimentError: An unknown setting or preset, or a bad value.

        >>> Experiment.from_query("preset=two-layer&epochs=3").training.epochs
        3
        """
        settings = url.split(text)
        base: dict[str, Any] = {}
        if (preset := settings.pop("preset", None)) is not None:
            if preset not in PRESET_VALUES:
                known = ", ".join(PRESET_VALUES)
                raise _problem(f"There is no preset “{preset[:40]}”; use one of {known}.", "preset")
            base = PRESET_VALUES[preset]
        return cls.parse(url.decode(settings, base))

    def on(self, data: str, classes: int) -> Experiment:
        """The same experiment on another data set, of `classes` classes. Raises ExperimentError."""
        changed = self.model_dump() | {"data": data}
        changed["network"] |= {"classes": classes}
        return Experiment.parse(changed)


def parse_network(data: Any) -> NetworkSpec:
    """A network from plain dicts and lists. Raises ExperimentError."""
    return _parse(NetworkSpec, data)


Model = TypeVar("Model", bound=BaseModel)


def _parse(model: type[Model], data: Any) -> Model:
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise from_validation_error(error, model, data) from None


def _problem(message: str, field: str | None = None) -> ExperimentError:
    return ExperimentError([Problem(message, field=field)])


def _product(shape: tuple[int, ...]) -> int:
    result = 1
    for size in shape:
        result *= size
    return result
