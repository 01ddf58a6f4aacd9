"""A layer type: what each type says of itself, with what most types have in common."""

from __future__ import annotations

import math
from typing import Any, ClassVar

from mnist_core.experiment.fields import Value

Shape = tuple[int, ...]
# A Keras class and its arguments. An initialiser or regulariser among them is such a pair, too.
KerasLayer = tuple[str, dict[str, Any]]


class ShapeMismatch(ValueError):
    """A layer cannot take what the layer before it gives.

    The message goes on from the layer's title: " needs an image, …". `field` is the setting at
    fault; `missing_layer` is the kind of layer that, put before it, mends it.
    """

    def __init__(
        self, message: str, field: str | None = None, missing_layer: str | None = None
    ) -> None:
        super().__init__(message)
        self.field, self.missing_layer = field, missing_layer


class Layer(Value):
    """A layer of a network. Each type is a subclass: its fields, and what is other with it.

    Attributes:
        title: The type in sentences and menus: "max pooling".
        short_title: The type in a drawing, where there is little room.
        keras_class: Its class in `keras.layers`.
        icon: A Material symbol.
        colour: The name of a colour of `figures/architecture.py`.
        derivative: ∂output/∂input of one value in LaTeX; empty where it is 1.
        own_units: True where its output is drawn as units or feature maps of its own.
        passes_through: True where no value changes outside of training.
        has_kernel: True where its first array of weights multiplies its inputs.
        first_only: True where it can be the first layer alone.
        repeatable: False where a second one right after it changes nothing.
        statistics: Which of its arrays of weights are gathered, not learned by gradient descent.
    """

    title: ClassVar[str]
    short_title: ClassVar[str]
    keras_class: ClassVar[str]
    icon: ClassVar[str]
    colour: ClassVar[str] = "grey"
    derivative: ClassVar[str] = ""
    own_units: ClassVar[bool] = False
    passes_through: ClassVar[bool] = False
    has_kernel: ClassVar[bool] = False
    first_only: ClassVar[bool] = False
    repeatable: ClassVar[bool] = True
    statistics: ClassVar[tuple[str, ...]] = ()

    kind: str

    def output_shape(self, before: Shape) -> Shape:
        """The shape of its output for inputs of shape `before`, both without the batch axis.

        Raises:
            ShapeMismatch: The layer cannot take such inputs.
        """
        return before

    def weight_shapes(self, before: Shape) -> dict[str, Shape]:
        """Its arrays of weights by their names for people, in Keras's order."""
        return {}

    def multiplications(self, before: Shape) -> int:
        """The number of products that it sums for one image."""
        return 0

    def keras_layers(self, seed: int) -> list[KerasLayer]:
        """The Keras layers that compute it, in order; the last has its weights, mostly alone.

        Arguments at Keras's default are left out, so that the script a learner reads says only
        what matters.
        """
        return [(self.keras_class, self.keras_arguments(seed))]

    def keras_arguments(self, seed: int) -> dict[str, Any]:
        """The arguments of its Keras class."""
        return {}

    def short(self) -> str:
        """The layer in a word or two: "dense 128"."""
        return self.short_title

    def details(self) -> list[str]:
        """Its settings in words: ["128 units", "relu"]."""
        return []

    def summary(self) -> str:
        """The layer in a line: "Dense · 128 units · relu"."""
        frozen = ["frozen"] if getattr(self, "frozen", False) else []
        return " · ".join([self.title.capitalize(), *self.details(), *frozen])


def need_image(before: Shape) -> None:
    """Raise ShapeMismatch unless `before` is an image, (height, width, channels)."""
    if len(before) != 3:
        raise ShapeMismatch(
            " needs an image, but an earlier layer has already turned the image into "
            f"a row of {before[0]:,} numbers. Move it before that layer or remove it."
        )


def need_row(before: Shape) -> None:
    """Raise ShapeMismatch unless `before` is a row of numbers, (n,)."""
    if len(before) != 1:
        raise ShapeMismatch(
            f" needs a row of numbers, but receives a {describe_shape(before)} image. "
            "Put a flatten or global average pooling layer before it.",
            missing_layer="flatten",
        )


def slide(
    before: Shape, window: int, stride: int, padding: str, noun: str, field: str
) -> tuple[int, int]:
    """Output height and width of a window that slides over an image, by Keras's rule.

    `noun` and `field` are what a sentence calls the window. Raises ShapeMismatch.
    """
    need_image(before)
    height, width, _ = before
    if padding == "same":
        return math.ceil(height / stride), math.ceil(width / stride)
    if window > min(height, width):
        raise ShapeMismatch(
            f": a {window}×{window} {noun} does not fit its {height}×{width} input. "
            f"Use a {noun} of at most {min(height, width)}, padding “same”, "
            "or less pooling before it.",
            field,
        )
    return (height - window) // stride + 1, (width - window) // stride + 1


def describe_shape(shape: Shape) -> str:
    """The sizes of a shape in words.

    >>> describe_shape((28, 28, 1))
    '28×28×1'
    """
    return "×".join(str(size) for size in shape)
