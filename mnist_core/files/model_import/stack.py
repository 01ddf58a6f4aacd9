"""A foreign network, layer by layer, put into this app's layers, with the same numbers out.

What has no layer of its own here becomes one that computes the same: a separable, depthwise,
dilated or grouped convolution is a convolution with other weights, padding in front of a
convolution is part of it, and channels that come first only number the weights differently.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, get_args

import numpy as np
import numpy.typing as npt

from mnist_core.base.untrusted import FileRefused
from mnist_core.experiment.activations import ActivationName
from mnist_core.experiment.layer import describe_shape
from mnist_core.experiment.shapes import INPUT_SHAPE
from mnist_core.experiment.spec import NetworkSpec, parse_network
from mnist_core.experiment.validation import ExperimentError

EPSILON = 1e-3  # of batch normalisation, Keras's default and ours
LEAK = 0.2  # the slope of the activation "leaky_relu" unless a layer gives another
SIDE = INPUT_SHAPE[0]
PIXELS = SIDE * SIDE
LARGEST_WINDOW = 28
ACTIVATIONS = get_args(ActivationName)
# Outputs that grow with their logit, so that the largest output is the largest logit.
RISING = ("sigmoid", "tanh", "softplus", "hard_sigmoid", "softsign", "exponential")
# What is 0 at 0: padding with zeros before it is padding with zeros behind it.
_KEEPS_ZERO = ("relu", "leaky_relu", "elu", "selu", "tanh", "gelu", "swish", "linear")

Array = npt.NDArray[np.float64]
Pads = tuple[int, int, int, int]  # top, bottom, left, right
NO_PADS: Pads = (0, 0, 0, 0)


@dataclass(frozen=True, eq=False)
class Taken:
    """A network in this app's terms, and its weights in Keras's order.

    `ending` is what the file's network does to its logits: "softmax", "linear" or one of
    `RISING`. `front` is what it does to a pixel first: (factor, offset).
    """

    network: NetworkSpec
    weights: tuple[npt.NDArray[np.float32], ...]
    ending: str
    front: tuple[float, float]
    input_shape: tuple[int, ...]


@dataclass
class Stack:
    """The network so far.

    `shape` is that of the last output: (height, width, channels) or (n,), whatever order the
    file keeps its axes in: with `channels_first` the file's is (channels, height, width).
    """

    input_shape: tuple[int, ...]
    shape: tuple[int, ...] = INPUT_SHAPE
    channels_first: bool = False
    ending: str = "linear"
    layers: list[dict[str, Any]] = field(default_factory=list)
    weights: list[list[Array]] = field(default_factory=list)
    front: tuple[float, float] = (1.0, 0.0)
    # Images whose grey is given as several equal channels.
    copies: int = 1
    # What the next layer has to take care of.
    pads: Pads = NO_PADS
    row_order: npt.NDArray[np.int64] | None = None
    per_pixel: tuple[Array, Array] | None = None

    @classmethod
    def begin(cls, shape: Sequence[Any] | None) -> Stack:
        """A network that reads images of this shape, without the batch axis. Raises FileRefused."""
        sizes = tuple(shape or ())
        stack = cls(sizes)
        if sizes in ((PIXELS,), (PIXELS, 1), (1, PIXELS)):
            stack.flatten()
        elif sizes in ((1, SIDE, SIDE), (3, SIDE, SIDE)):
            stack.channels_first, stack.copies = True, sizes[0]
        elif sizes == (SIDE, SIDE, 3):
            stack.copies = 3
        elif sizes in ((32, 32), (32, 32, 1), (1, 32, 32)):
            stack.channels_first = sizes == (1, 32, 32)
            stack.pads = (2, 2, 2, 2)
        elif sizes not in ((SIDE, SIDE), INPUT_SHAPE):
            received = "×".join("?" if size is None else str(size)[:8] for size in sizes[:5])
            raise FileRefused(
                f"This model's input is {received or 'not given'}; MNIST Lab's images are 28×28, "
                "28×28×1 or 1×28×28, or rows of 784 numbers."
            )
        return stack

    # --- layers with weights ---------------------------------------------------------------------

    def dense(self, kernel: Array, bias: Array | None, words: str, name: str = "") -> None:
        """A dense layer, `kernel` [inputs, units]."""
        self._open(words)
        if len(self.shape) == 3:
            self._dense_on_image(kernel, bias, words)
            return
        kernel = self._in_our_order(kernel, words)
        bias = np.zeros(kernel.shape[-1]) if bias is None else bias
        if self.per_pixel is not None:
            factor, offset = self.per_pixel
            bias = bias + offset @ kernel
            kernel = factor[:, None] * kernel
            self.per_pixel = None
        layer = {"kind": "dense", "units": kernel.shape[1], "activation": "linear"}
        self._add(layer | _initializer(name), [kernel, bias], kernel.shape[1:])

    def conv(
        self,
        kernel: Array,
        bias: Array | None,
        words: str,
        *,
        strides: Sequence[int] = (1, 1),
        padding: str = "valid",
        pads: Pads = NO_PADS,
        dilation: Sequence[int] = (1, 1),
        groups: int = 1,
        name: str = "",
    ) -> None:
        """A convolution, `kernel` [height, width, channels a group, filters]."""
        self._open(words)
        if len(self.shape) != 3 or self.per_pixel is not None:
            raise FileRefused(f"{words} needs an image, but receives a row of numbers.")
        kernel = _dilated(_ungrouped(kernel, groups), dilation)
        if self.copies > 1 and kernel.shape[2] == self.copies:
            kernel = kernel.sum(2, keepdims=True)
            self.copies = 1
        if self.copies > 1 or kernel.shape[2] != self.shape[2]:
            raise FileRefused(f"{words} does not fit the image that it receives.")
        if len(set(strides)) != 1:
            raise FileRefused(f"{words} has a stride that is not square.")
        stride = int(strides[0])
        outer, self.pads = _sum(self.pads, pads), NO_PADS
        kernel, padding = _fitted(kernel, self.shape, stride, padding, outer, words)
        bias = np.zeros(kernel.shape[3]) if bias is None else bias
        layer = {"kind": "conv", "filters": kernel.shape[3], "kernel_size": kernel.shape[0],
                 "stride": stride, "padding": padding, "activation": "linear"}  # fmt: skip
        sizes = _slid(self.shape, kernel.shape[0], stride, padding, words)
        self._add(layer | _initializer(name), [kernel, bias], (*sizes, kernel.shape[3]))

    def batch_norm(
        self,
        gamma: Array | None,
        beta: Array | None,
        mean: Array,
        variance: Array,
        epsilon: float,
        words: str,
    ) -> None:
        """Batch normalisation with its moving statistics."""
        self._open(words)
        if self.pads != NO_PADS or self.copies > 1 or self.per_pixel is not None:
            raise FileRefused(f"{words} is in a place where MNIST Lab cannot have it.")
        parts = [np.ones_like(mean) if gamma is None else gamma,
                 np.zeros_like(mean) if beta is None else beta, mean, variance]  # fmt: skip
        if self.row_order is not None:
            parts = [self._in_our_order(part, words, done=False) for part in parts]
        if any(part.shape != self.shape[-1:] for part in parts):
            raise FileRefused(f"{words} normalises an axis other than the channels.")
        parts[3] = parts[3] + epsilon - EPSILON  # another epsilon than ours goes into the variance
        self._add({"kind": "batch_norm"}, parts, self.shape)

    # --- layers without weights ------------------------------------------------------------------

    def pool(
        self,
        kind: str,
        sizes: Sequence[int],
        strides: Sequence[int],
        padding: str,
        words: str,
        pads: Pads = NO_PADS,
    ) -> None:
        """Max or average pooling; `kind` is "max_pool" or "average_pool"."""
        self._open(words)
        if len(self.shape) != 3 or self.pads != NO_PADS or self.copies > 1:
            raise FileRefused(f"{words} is in a place where MNIST Lab cannot have it.")
        if len(set(sizes)) != 1 or len(set(strides)) != 1:
            raise FileRefused(f"{words} has windows or strides that are not square.")
        size, stride = int(sizes[0]), int(strides[0])
        if pads != NO_PADS:
            if kind != "max_pool" or pads != _same_pads(self.shape, size, stride):
                raise FileRefused(f"{words} pads its image in a way that MNIST Lab cannot show.")
            padding = "same"
        layer = {"kind": kind, "pool_size": size, "padding": padding,
                 "stride": None if stride == size else stride}  # fmt: skip
        self._add(layer, [], (*_slid(self.shape, size, stride, padding, words), self.shape[2]))

    def global_pool(self, kind: str, words: str) -> None:
        """The mean or the largest value of each map, as a row of numbers."""
        self._open(words)
        if len(self.shape) != 3 or self.pads != NO_PADS or self.copies > 1:
            raise FileRefused(f"{words} is in a place where MNIST Lab cannot have it.")
        if kind == "average_pool":
            self._add({"kind": "global_average_pool"}, [], self.shape[2:])
            return
        if self.shape[0] != self.shape[1]:
            raise FileRefused(f"{words} receives an image that is not square.")
        self.pool("max_pool", self.shape[:1], self.shape[:1], "valid", words)
        self.flatten()

    def activation(self, name: str, words: str, slope: float = LEAK) -> None:
        """An activation by its name; a softmax can only be the end."""
        if name == "log_softmax":
            name = "softmax"
        if name in ("softmax", *RISING) and len(self.shape) == 3 and self.shape[:2] != (1, 1):
            name = name if name in ACTIVATIONS else ""
        if name == "softmax" or (name in RISING and name not in ACTIVATIONS):
            self._open(words)
            self.ending = name
            return
        if name not in ACTIVATIONS:
            raise FileRefused(f"{words} has an activation that MNIST Lab cannot show.")
        if name == "linear":
            return
        self._open(words)
        if self.pads != NO_PADS and name not in _KEEPS_ZERO:
            raise FileRefused(f"{words} is in a place where MNIST Lab cannot have it.")
        if self.copies > 1 or self.per_pixel is not None:
            raise FileRefused(f"{words} is in a place where MNIST Lab cannot have it.")
        layer: dict[str, Any] = {"kind": "activation", "activation": name}
        if name == "leaky_relu":
            layer |= {"negative_slope": slope}
        self.layers.append(layer)

    def merge_activation(self) -> None:
        """Make the last activation part of the dense or convolution layer right before it."""
        if len(self.layers) < 2:
            return
        before, last = self.layers[-2:]
        plain = last.get("negative_slope", LEAK) == LEAK
        if before["kind"] in ("dense", "conv") and last["kind"] == "activation" and plain:
            before["activation"] = last["activation"]
            self.layers.pop()

    def rescale(self, scale: float, offset: float, words: str) -> None:
        """x · scale + offset; in front of all layers it is kept apart."""
        self._open(words)
        if (scale, offset) == (1.0, 0.0):
            return
        if not (np.isfinite(scale) and np.isfinite(offset)):
            raise FileRefused(f"{words} has settings that cannot be read.")
        if self.in_front and self.per_pixel is None:
            self.front = (self.front[0] * scale, self.front[1] * scale + offset)
            return
        if self.per_pixel is not None or self.pads != NO_PADS:
            raise FileRefused(f"{words} is in a place where MNIST Lab cannot have it.")
        self.layers.append({"kind": "rescale", "scale": scale, "offset": offset})

    def scale_pixels(self, factor: Array, offset: Array, words: str) -> None:
        """As `rescale` in front of all layers, each pixel with numbers of its own."""
        if factor.size == 1 and offset.size == 1:
            self.rescale(float(factor.ravel()[0]), float(offset.ravel()[0]), words)
            return
        fits = factor.size == offset.size == PIXELS and self.front == (1.0, 0.0)
        if not self.in_front or not fits or self.per_pixel is not None:
            raise FileRefused(
                f"{words} treats pixels differently, in a place where MNIST Lab cannot show it."
            )
        self.per_pixel = factor.ravel(), offset.ravel()

    def dropout(self, rate: float) -> None:
        """Dropout; nothing where a softmax has been."""
        if self.ending == "linear" and 0 <= rate <= 0.95 and self.copies == 1:
            self.layers.append({"kind": "dropout", "rate": float(rate)})

    def pad(self, pads: Pads, words: str) -> None:
        """Zeros around the image, which the next convolution takes over."""
        self._open(words)
        if len(self.shape) != 3:
            raise FileRefused(f"{words} needs an image, but receives a row of numbers.")
        self.pads = _sum(self.pads, pads)

    def flatten(self, channels_first: bool | None = None) -> None:
        """An image as a row of numbers; `channels_first` says in which order the file has them."""
        if len(self.shape) != 3:
            return
        if self.pads != NO_PADS:
            raise FileRefused(
                "This model pads its images and flattens them; MNIST Lab can have padding only in "
                "front of a convolution."
            )
        height, width, channels = self.shape
        first = self.channels_first if channels_first is None else channels_first
        if first and channels > 1 and height * width > 1:
            numbered = np.arange(height * width * channels).reshape(channels, height, width)
            self.row_order = numbered.transpose(1, 2, 0).ravel()
        self.layers.append({"kind": "flatten"})
        self.shape = (height * width * channels,)

    def reshape(self, target: Sequence[int], words: str) -> None:
        """Another form of the same numbers: a row, or the image itself. Raises FileRefused."""
        sizes = tuple(int(size) for size in target)
        count = int(np.prod(self.shape)) * self.copies
        if sizes.count(-1) == 1:
            known = int(np.prod([size for size in sizes if size != -1]))
            if known > 0 and count % known == 0:
                sizes = tuple(count // known if size == -1 else size for size in sizes)
        inner = tuple(size for size in sizes if size != 1)
        if inner == (count,):
            self.flatten()
        elif self.in_front and sizes in ((SIDE, SIDE), INPUT_SHAPE, (1, SIDE, SIDE)):
            if count != PIXELS:
                raise FileRefused(f"{words} does not fit the image that it receives.")
            self.layers = [layer for layer in self.layers if layer["kind"] != "flatten"]
            self.shape, self.channels_first = INPUT_SHAPE, sizes[0] == 1
        elif sizes != self.file_shape:
            raise FileRefused(
                f"{words} reshapes to {describe_shape(sizes)[:40]}, which MNIST Lab cannot show."
            )

    def transpose(self, order: Sequence[int], words: str) -> None:
        """The file's axes in another order (without the batch axis, from 0): channels go round."""
        if len(self.shape) != 3 or tuple(order) == (0, 1, 2):
            if tuple(order) == tuple(range(len(order))):
                return
            raise FileRefused(f"{words} transposes axes in a way that MNIST Lab cannot show.")
        to_first = tuple(order) == (2, 0, 1) and not self.channels_first
        to_last = tuple(order) == (1, 2, 0) and self.channels_first
        if not (to_first or to_last):
            raise FileRefused(f"{words} transposes axes in a way that MNIST Lab cannot show.")
        self.channels_first = to_first

    # --- the end ---------------------------------------------------------------------------------

    @property
    def in_front(self) -> bool:
        """True when no layer has changed the image yet."""
        return all(layer["kind"] in ("dropout", "flatten") for layer in self.layers)

    @property
    def file_shape(self) -> tuple[int, ...]:
        """The shape of the last output with the axes in the file's order."""
        if len(self.shape) == 3 and self.channels_first:
            return (self.shape[2], *self.shape[:2])
        return self.shape

    def finish(self, classes: int) -> Taken:
        """The whole network, which must tell `classes` classes apart. Raises FileRefused."""
        while self.layers and self.layers[-1]["kind"] == "dropout":
            self.layers.pop()
        self._take_rising_end()
        if self.shape == (1, 1, classes):
            self.flatten()
        if self.shape != (classes,):
            given = self.shape[0] if len(self.shape) == 1 else describe_shape(self.shape)
            raise FileRefused(
                f"This model does not end in {classes} numbers, one a class: it ends in {given}. "
                "Choose a data set with as many classes, or another model."
            )
        last = self.layers[-1] if self.layers else {}
        initializer = "glorot_uniform"
        if last.get("kind") == "dense" and last["activation"] == "linear":
            initializer = self.layers.pop()["initializer"]
        else:  # an output layer, which a network here always has, that passes all on as it is
            passed_on = self._in_our_order(np.eye(classes), "The end of this model")
            self.weights.append([passed_on, np.zeros(classes)])
        try:
            network = parse_network(
                {"layers": self.layers, "output_initializer": initializer, "classes": classes}
            )
        except ExperimentError as error:
            raise FileRefused(f"This model cannot be shown here. {error}") from None
        arrays = [array.astype(np.float32) for arrays in self.weights for array in arrays]
        if not all(np.isfinite(array).all() for array in arrays):
            raise FileRefused("This model's weights hold values that are infinite or not numbers.")
        return Taken(network, tuple(arrays), self.ending, self.front, self.input_shape)

    def _take_rising_end(self) -> None:
        """A sigmoid or the like at the end is what happens to the logits, not a layer."""
        if self.ending != "linear" or not self.layers:
            return
        last = self.layers[-1]
        name = last.get("activation")
        if name in RISING and last["kind"] == "activation":
            self.layers.pop()
            self.ending = name
        elif name in RISING and last["kind"] == "dense":
            last["activation"], self.ending = "linear", name

    # --- help ------------------------------------------------------------------------------------

    def _open(self, words: str) -> None:
        if self.ending != "linear":
            raise FileRefused(f"{words} comes after a {self.ending}; nothing can follow that here.")

    def _add(self, layer: dict[str, Any], arrays: list[Array], shape: tuple[int, ...]) -> None:
        self.layers.append(layer)
        if arrays:
            self.weights.append(arrays)
        self.shape = tuple(int(size) for size in shape)

    def _in_our_order(self, array: Array, words: str, done: bool = True) -> Array:
        """Rows of an array in the order of the row of numbers here."""
        if self.copies > 1 and len(array) == self.shape[0] * self.copies:
            order = (self.copies, -1) if self.channels_first else (-1, self.copies)
            axis = 0 if self.channels_first else 1
            array = array.reshape(*order, *array.shape[1:]).sum(axis)
            self.copies = 1
        if self.copies > 1 or len(array) != self.shape[0]:
            raise FileRefused(
                f"{words} expects {len(array):,} numbers, but receives {self.shape[0]:,}."
            )
        if self.row_order is not None:
            array = array[self.row_order]
            if done:
                self.row_order = None
        return array

    def _dense_on_image(self, kernel: Array, bias: Array | None, words: str) -> None:
        """Keras's Dense on an image works on each pixel's channels: a convolution of one pixel."""
        rank = len(self.input_shape)
        if self.channels_first or (self.in_front and rank == 2) or kernel.ndim != 2:
            raise FileRefused(
                f"{words} receives an image; put a Flatten layer in front of it and train again."
            )
        self.conv(kernel[None, None], bias, words)


def _initializer(name: str) -> dict[str, Any]:
    return {"initializer": name or "glorot_uniform"}


def _sum(one: Pads, other: Pads) -> Pads:
    return one[0] + other[0], one[1] + other[1], one[2] + other[2], one[3] + other[3]


def _ungrouped(kernel: Array, groups: int) -> Array:
    """A convolution in groups as one over all channels, zeros between the groups."""
    if groups == 1:
        return kernel
    height, width, depth, filters = kernel.shape
    if groups < 1 or filters % groups or depth * groups * filters > 4_000_000:
        raise FileRefused("This model has a grouped convolution that cannot be read.")
    whole = np.zeros((height, width, depth * groups, filters))
    for group in range(groups):
        each = filters // groups
        place = slice(group * each, (group + 1) * each)
        whole[:, :, group * depth : (group + 1) * depth, place] = kernel[..., place]
    return whole


def depthwise(kernel: Array) -> Array:
    """A depthwise kernel [h, w, channels, multiplier] as that of a convolution over all."""
    height, width, channels, multiplier = kernel.shape
    if channels * channels * multiplier > 4_000_000:
        raise FileRefused("This model has a depthwise convolution that is too large.")
    whole = np.zeros((height, width, channels, channels * multiplier))
    for channel in range(channels):
        place = slice(channel * multiplier, (channel + 1) * multiplier)
        whole[:, :, channel, place] = kernel[:, :, channel]
    return whole


def separable(first: Array, second: Array) -> Array:
    """A depthwise convolution and the pointwise one right behind it as one convolution."""
    return np.einsum("hwcm,mf->hwcf", depthwise(first), second[0, 0])


def _dilated(kernel: Array, dilation: Sequence[int]) -> Array:
    down, across = (int(step) for step in dilation)
    if (down, across) == (1, 1):
        return kernel
    height, width = kernel.shape[:2]
    sizes = (height - 1) * down + 1, (width - 1) * across + 1
    if max(sizes) > LARGEST_WINDOW or min(down, across) < 1:
        raise FileRefused("This model has a dilated convolution wider than its images.")
    whole = np.zeros((*sizes, *kernel.shape[2:]))
    whole[::down, ::across] = kernel
    return whole


def _same_pads(shape: Sequence[int], size: int, stride: int) -> Pads:
    """TensorFlow's padding "same": the odd row and column after the image."""
    total = [max((-(-n // stride) - 1) * stride + size - n, 0) for n in shape[:2]]
    return total[0] // 2, total[0] - total[0] // 2, total[1] // 2, total[1] - total[1] // 2


def _fitted(
    kernel: Array, shape: Sequence[int], stride: int, padding: str, pads: Pads, words: str
) -> tuple[Array, str]:
    """A square kernel, and "valid" or "same", that give what this kernel gives with its padding.

    A larger kernel with zeros at its edges looks at the same pixels. Raises FileRefused.
    """
    height, width = kernel.shape[:2]
    if padding == "same":
        outer = (shape[0] + pads[0] + pads[1], shape[1] + pads[2] + pads[3])
        own = _same_pads(outer, height, stride)[:2] + _same_pads(outer, width, stride)[2:]
        pads = _sum(pads, own)
    if pads == NO_PADS and height == width:
        return kernel, "valid"
    wanted = [
        (shape[0] + pads[0] + pads[1] - height) // stride + 1,
        (shape[1] + pads[2] + pads[3] - width) // stride + 1,
    ]
    if wanted == [-(-size // stride) for size in shape[:2]]:
        for size in range(max(height, width), LARGEST_WINDOW + 1):
            same = _same_pads(shape, size, stride)
            top, left = same[0] - pads[0], same[2] - pads[2]
            if min(top, left) >= 0 and top + height <= size and left + width <= size:
                whole = np.zeros((size, size, *kernel.shape[2:]))
                whole[top : top + height, left : left + width] = kernel
                return whole, "same"
    raise FileRefused(
        f"{words} has a kernel or padding that MNIST Lab cannot show: kernels are square, and "
        "padding either none or so much that the image keeps its size."
    )


def _slid(
    shape: Sequence[int], size: int, stride: int, padding: str, words: str
) -> tuple[int, int]:
    if padding == "same":
        return -(-shape[0] // stride), -(-shape[1] // stride)
    if size > min(shape[:2]):
        raise FileRefused(f"{words} has a window that is larger than the image it receives.")
    return (shape[0] - size) // stride + 1, (shape[1] - size) // stride + 1
