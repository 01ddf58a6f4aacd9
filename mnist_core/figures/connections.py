"""The connection between a layer's output and what the layer receives, for the pixel view."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mnist_core.experiment.layer import Shape
from mnist_core.experiment.shapes import INPUT_SHAPE
from mnist_core.figures.pixels import Connection
from mnist_core.inspection.activations import FloatArray, Probe, Weights
from mnist_core.inspection.arithmetic import window
from mnist_core.inspection.probe_layers import ProbeLayer

# More weights than this are not sent to the browser: half a megabyte as text.
MOST_WEIGHTS = 200_000


def received(probe: Probe, layer: ProbeLayer) -> ProbeLayer | None:
    """The step whose values the layer at this place receives; None for the image itself.

    Flatten and dropout are skipped, and so are the layer's own earlier steps.
    """
    index = next(i for i, step in enumerate(probe.layers) if step.position == layer.position) - 1
    while index >= 0 and probe.layers[index].passes_through:
        index -= 1
    return probe.layers[index] if index >= 0 else None


def connection(
    probe: Probe, layer: ProbeLayer, weights: Weights, units: tuple[int, ...]
) -> Connection | None:
    """The connection of a value of the layer with the values of `received`.

    Its weighted sum or its pooling is meant, also where `layer` is the activation after it; the
    groups are called by the layers' names, "input" for the image.

    Args:
        probe: The network's.
        layer: The opened step.
        weights: All of the network's weights, in Keras's order.
        units: The unit that each image of the target shows; () for a tile.

    Returns:
        None for a step that draws no picture of its own, such as flatten.
    """
    first = next(step for step in probe.layers if step.position == layer.position)
    before = received(probe, layer)
    shape = INPUT_SHAPE if before is None else before.shape
    found = _by_kind(first, shape, weights)
    if found is None:
        return None
    source = "input" if before is None else before.name
    return replace(found, source=source, target=layer.name, units=units)


def _by_kind(step: ProbeLayer, shape: Shape, weights: Weights) -> Connection | None:
    sliding = window(step, shape)
    if sliding is not None:
        return Connection(
            "", "", "window", sliding.size, sliding.stride, *sliding.pad,
            each_map=step.kind != "conv",
            weights=_sent(weights[step.weights[0]]) if step.kind == "conv" else None,
        )  # fmt: skip
    if step.kind == "dense":
        kernel = _sent(weights[step.weights[0]])
        return Connection("", "", "dense", weights=kernel, maps=len(shape) == 3)
    if step.kind == "global_average_pool":
        return Connection("", "", "window", shape[0], 0, each_map=True)
    if step.kind in ("activation", "batch_norm", "rescale"):
        return Connection("", "", "pixel")
    return None


def _sent(kernel: FloatArray) -> FloatArray | None:
    return np.asarray(kernel, np.float32) if kernel.size <= MOST_WEIGHTS else None
