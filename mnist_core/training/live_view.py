"""The network while it trains: what its units hold and answer for one image, as a small message.

A message holds one frame: for each block of layers the kernels or neurons as small images, what
they make of the image, and the probabilities. Wide layers are thinned to some of their units, and
each array is rounded to one byte a value, so that a frame stays within `MOST_BYTES`. The training
loop makes frames of its own model while somebody looks; a page makes one of a snapshot's weights.
"""

from __future__ import annotations

import hashlib
import json
import math
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from mnist_core.base import computing
from mnist_core.experiment.layer import Shape
from mnist_core.experiment.layers import Conv
from mnist_core.experiment.losses import LossName
from mnist_core.experiment.shapes import INPUT_SHAPE, LayerShape
from mnist_core.experiment.spec import NetworkSpec

if TYPE_CHECKING:
    import keras

Floats = npt.NDArray[np.float32]

# Of a whole frame, its header included.
MOST_BYTES = 40_000
HEADER_BYTES = 6_000
# Units of a block that are shown, at most and (in wide networks) at least.
MOST_MAPS, MOST_NEURONS, MOST_LARGE, FEWEST = 16, 64, 20, 4
LARGE_KERNEL = 14  # an image of weights with a longer side is large
# The connections between the shown units of two dense blocks are shown when they are no more.
MOST_EDGES = 1024
LEVELS = 127  # an int8's largest value: each array is scaled to it
# Different views of one run that are served at a time; each costs a forward pass a frame.
MOST_VIEWS = 4


@dataclass(frozen=True)
class View:
    """A view that somebody looks at: an image, uint8 [28, 28] as bytes, with or without gradients.

    `label` is the image's class for the gradients' loss; None takes the class that is read.
    """

    image: bytes
    label: int | None = None
    gradients: bool = False

    def to_message(self) -> dict[str, Any]:
        """Plain values for sending between processes."""
        return {"image": self.image, "label": self.label, "gradients": self.gradients}

    @property
    def key(self) -> str:
        """A short name of what is looked at, the same for equal views."""
        about = f"{self.label}-{self.gradients}".encode()
        return hashlib.blake2b(self.image + about, digest_size=8).hexdigest()

    @classmethod
    def from_message(cls, message: Mapping[str, Any]) -> View:
        """The inverse of `to_message`."""
        return cls(message["image"], message["label"], message["gradients"])


@dataclass(frozen=True)
class Block:
    """One column of the view: a layer and those after it that compute nothing of their own.

    `name` and `kind` are its first layer's, `output` is the layer whose output is shown, `units`
    how many it has and `shown` which of them. `map_size` is the size of a unit's output, None
    where that is a single number. `kernel` names the layer whose weights are shown: of each unit
    an image of `kernel_size`, the mean over its input channels. `edges` says that the connections
    from the block before are shown, between the units shown of both.
    """

    name: str
    kind: str
    output: str
    units: int
    shown: tuple[int, ...]
    map_size: tuple[int, ...] = ()
    kernel: str | None = None
    kernel_size: tuple[int, ...] | None = None
    edges: bool = False

    @property
    def bytes(self) -> int:
        """The bytes that its arrays take in a message, connections aside."""
        kernel = 0 if self.kernel_size is None else math.prod(self.kernel_size)
        return len(self.shown) * (math.prod(self.map_size) + kernel)


@dataclass(frozen=True, eq=False)
class Panel:
    """A frame's values of a block, float32.

    `maps` is [n, *map_size], `kernels` [n, *kernel_size] or None, `edges` [units shown of the
    block before, n] or None. In a view of gradients each is the loss's gradient by these.
    """

    block: Block
    maps: Floats
    kernels: Floats | None = None
    edges: Floats | None = None


@dataclass(frozen=True, eq=False)
class Frame:
    """A network's outputs for a view's image after `step` steps; `probabilities` is [classes]."""

    step: int
    probabilities: Floats
    panels: tuple[Panel, ...]


def blocks(network: NetworkSpec) -> tuple[Block, ...]:
    """The columns of a network, from the first hidden one to the output, within `MOST_BYTES`."""
    found: list[Block] = []
    # The images whose pixels a dense layer's inputs are, while they are.
    image: Shape | None = INPUT_SHAPE
    for layer, row in zip((*network.layers, None), network.shapes()[1:], strict=True):
        if layer is None or layer.own_units:
            size = (layer.kernel_size,) * 2 if isinstance(layer, Conv) else image and image[:2]
            found.append(_block(row, size))
        elif found and row.output_shape == (*found[-1].map_size, found[-1].units):
            found[-1] = replace(found[-1], output=row.name)
        if len(row.output_shape) == 3:
            image = row.output_shape
        elif row.kind in ("dense", "global_average_pool"):
            image = None
    return _with_edges(_thinned(found))


def _block(row: LayerShape, kernel_size: tuple[int, ...] | None) -> Block:
    """`kernel_size` is that of an image of one unit's weights, None where there is none."""
    units, map_size = row.output_shape[-1], row.output_shape[:-1]
    layer = "logits" if row.kind == "output" else row.name
    weighted = row.kind in ("conv", "dense", "output")
    if row.kind == "output":
        most = units
    elif map_size:
        most = MOST_MAPS
    else:
        large = weighted and kernel_size is not None and kernel_size[0] > LARGE_KERNEL
        most = MOST_LARGE if large else MOST_NEURONS
    return Block(
        row.name,
        row.kind,
        layer,
        units,
        _some(units, most),
        map_size,
        layer if weighted else None,
        kernel_size if weighted else None,
    )


def _some(units: int, most: int) -> tuple[int, ...]:
    """Up to `most` of the units, evenly spaced."""
    return tuple(int(unit) for unit in np.linspace(0, units - 1, min(units, most)).round())


def _thinned(found: list[Block]) -> list[Block]:
    """The blocks with fewer units shown, the largest first, until a frame is small enough."""
    while sum(block.bytes for block in found) > MOST_BYTES - HEADER_BYTES:
        index = max(range(len(found)), key=lambda place: found[place].bytes)
        count = len(found[index].shown)
        if count <= FEWEST:
            break
        found[index] = replace(found[index], shown=_some(found[index].units, count * 3 // 4))
    return found


def _with_edges(found: list[Block]) -> tuple[Block, ...]:
    edges = [False]
    for before, block in pairwise(found):
        few = len(before.shown) * len(block.shown) <= MOST_EDGES
        from_units = not before.map_size and block.kernel_size is None
        edges.append(block.kernel is not None and from_units and few)
    return tuple(replace(b, edges=edge) for b, edge in zip(found, edges, strict=False))


class LiveView:
    """Makes frames of a model of `network` as it is at the moment; compiles when first used."""

    def __init__(
        self, network: NetworkSpec, model: keras.Model, loss: LossName = "cross_entropy"
    ) -> None:
        """`model` comes from `build_model(network)`; its weights may change between frames.

        `loss` is what gradients are of.
        """
        import keras
        import tensorflow as tf

        self.blocks, self._loss = blocks(network), loss
        outputs = [model.get_layer(block.output).output for block in self.blocks]
        self._forward = keras.Model(model.input, outputs)
        self._kernels = [model.get_layer(b.kernel).kernel for b in self.blocks if b.kernel]
        image = tf.TensorSpec([28, 28], tf.uint8)
        label = tf.TensorSpec([], tf.int32)
        self._values = tf.function(self._show_values, input_signature=[image])
        self._gradients = tf.function(self._show_gradients, input_signature=[image, label])

    def frame(self, view: View, step: int) -> Frame:
        """The model's outputs for the view's image now, after `step` steps of training."""
        image = np.frombuffer(view.image, np.uint8).reshape(28, 28)
        if view.gradients:
            label = -1 if view.label is None else view.label
            probabilities, shown = self._gradients(image, np.int32(label))
        else:
            probabilities, shown = self._values(image)
        arrays = iter([array.numpy() for array in shown])
        panels = tuple(
            Panel(
                block,
                next(arrays),
                next(arrays) if block.kernel_size else None,
                next(arrays) if block.edges else None,
            )
            for block in self.blocks
        )
        return Frame(step, probabilities.numpy(), panels)

    def _show_values(self, image: Any) -> Any:
        import tensorflow as tf

        outputs = tf.nest.flatten(self._forward(_as_input(image), training=False))
        return tf.nn.softmax(outputs[-1][0]), self._shown(outputs, self._kernels)

    def _show_gradients(self, image: Any, label: Any) -> Any:
        """Of this image's loss; a `label` of -1 is the class that is read."""
        import tensorflow as tf

        from mnist_core.training.losses import losses_of

        with tf.GradientTape() as tape:
            pixels = _as_input(image)
            tape.watch(pixels)
            outputs = tf.nest.flatten(self._forward(pixels, training=False))
            logits = outputs[-1][0]
            read = tf.argmax(logits, output_type=tf.int32)
            wanted = tf.where(label < 0, read, label)
            loss = losses_of(self._loss, wanted[None], logits[None])
        by_outputs, by_kernels = tape.gradient(
            loss, (outputs, self._kernels), unconnected_gradients="zero"
        )
        return tf.nn.softmax(logits), self._shown(by_outputs, by_kernels)

    def _shown(self, outputs: Sequence[Any], kernels: Sequence[Any]) -> list[Any]:
        """Each block's maps, kernels and connections, thinned, in the order of `Panel`."""
        import tensorflow as tf

        shown, weights = [], iter(kernels)
        before: tuple[int, ...] = ()
        for block, output in zip(self.blocks, outputs, strict=True):
            kernel = next(weights) if block.kernel else None
            some = tf.gather(output[0], block.shown, axis=-1)
            shown.append(tf.cast(_units_first(some), tf.float32))
            if kernel is not None:
                some = tf.cast(tf.gather(kernel, block.shown, axis=-1), tf.float32)
            if block.kernel_size:
                images = tf.reshape(some, [*block.kernel_size, -1, len(block.shown)])
                shown.append(_units_first(tf.reduce_mean(images, axis=2)))
            if block.edges:
                shown.append(tf.gather(some, before, axis=0))
            before = block.shown
        return shown


_building = threading.Lock()


@lru_cache(maxsize=8)
def _snapshot_view(
    network: NetworkSpec, loss: LossName
) -> tuple[LiveView, keras.Model, threading.Lock]:
    from mnist_core.model.build import build_model

    model = build_model(network)
    return LiveView(network, model, loss), model, threading.Lock()


def snapshot_frame(
    network: NetworkSpec,
    weights: Sequence[npt.NDArray[Any]],
    view: View,
    step: int,
    loss: LossName = "cross_entropy",
) -> Frame:
    """The frame of a network with these weights, in `model.get_weights()` order.

    Raises ValueError when the weights are another network's, and WorkFailed.
    """
    about = "frame", network, view.gradients
    found: Frame = computing.run(
        _snapshot_frame, network, list(weights), view, step, loss, about=about
    )
    return found


def _snapshot_frame(
    network: NetworkSpec,
    weights: list[npt.NDArray[Any]],
    view: View,
    step: int,
    loss: LossName,
) -> Frame:
    with _building:  # two visitors at once must not build it twice
        made, model, lock = _snapshot_view(network, loss)
    with lock:
        model.set_weights(weights)
        return made.frame(view, step)


def pack(frame: Frame) -> dict[str, Any]:
    """A frame as a message: a header in JSON and one signed byte for each value.

    A value is its byte times the array's scale.
    """
    header: dict[str, Any] = {"step": frame.step, "panels": []}
    header["probabilities"] = [_number(value, 5) for value in frame.probabilities]
    parts: list[bytes] = []
    for panel in frame.panels:
        block, arrays = panel.block, {}
        for name in ("maps", "kernels", "edges"):
            values = getattr(panel, name)
            if values is not None:
                scale, levels = _levels(values)
                arrays[name] = {"shape": list(values.shape), "scale": scale}
                parts.append(levels.tobytes())
        about = {"name": block.name, "kind": block.kind, "units": block.units}
        header["panels"].append(about | {"shown": list(block.shown)} | arrays)
    return {"header": json.dumps(header, separators=(",", ":")), "data": b"".join(parts)}


def _levels(values: Floats) -> tuple[float, npt.NDArray[np.int8]]:
    """A scale and int8 values; what is not a finite number becomes 0."""
    finite = np.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0)
    scale = float(np.abs(finite).max(initial=0.0)) / LEVELS
    levels = np.rint(finite / scale) if scale > 0 else finite
    return float(f"{scale:.6g}"), levels.astype(np.int8)


def _number(value: Any, digits: int) -> float | None:
    number = float(value)
    return round(number, digits) if math.isfinite(number) else None


def _units_first(values: Any) -> Any:
    """[…, n] → [n, …]."""
    import tensorflow as tf

    rank = values.shape.rank
    return tf.transpose(values, [rank - 1, *range(rank - 1)])


def _as_input(image: Any) -> Any:
    """uint8 [28, 28] → float32 [1, 28, 28, 1] in [0, 1]."""
    import tensorflow as tf

    return tf.cast(image, tf.float32)[None, ..., None] / 255.0
