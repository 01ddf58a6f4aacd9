"""Activation maximization: test images, or an image made, that excite a unit most."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from mnist_core.experiment.shapes import INPUT_SHAPE
from mnist_core.experiment.spec import NetworkSpec
from mnist_core.inspection.activations import (
    IMAGES,
    FloatArray,
    Images,
    Weights,
    probe,
    with_channel,
)
from mnist_core.inspection.compiled import CompiledNetwork
from mnist_core.inspection.probe_layers import probe_layers

# Gradient ascent on an image: how far a step goes (the mean change of a pixel), how far the
# image is moved at random before each step, and which share of every pixel fades at each step.
STEP, JITTER, FADE = 0.03, 1, 0.01
# Where the ascent starts: grey with a little noise, so that equal pixels can part.
GREY, GRAIN = 0.3, 0.05
# In a map, how much of a value below zero counts.
REST = 0.2
# The blur of each step's direction, from pixel to neighbour (binomial, one side after another).
BLUR = (0.25, 0.5, 0.25)


def channel_peaks(network: NetworkSpec, weights: Weights, images: Images, layer: str) -> FloatArray:
    """The largest value of each channel, or each neuron's value, per image: [n, channels].

    Raises WeightsError, and KeyError when there is no such layer.
    """
    return probe(network).reduced(weights, images, layer, _peak)


def _peak(values: FloatArray) -> FloatArray:
    return values.max(axis=tuple(range(1, values.ndim - 1))) if values.ndim > 2 else values


def most_exciting(peaks: FloatArray, channel: int, count: int = 12) -> npt.NDArray[np.int64]:
    """The images with the largest peaks of a channel, largest first; of equal ones the first."""
    return np.argsort(-peaks[:, channel], kind="stable")[:count]


def dead_units(
    network: NetworkSpec, weights: Weights, images: Images
) -> dict[str, npt.NDArray[np.bool_]]:
    """For each ReLU layer which channels or neurons are above 0 on none of the images.

    Raises WeightsError.
    """
    found = probe(network)
    places = [at for at, layer in enumerate(found.layers) if layer.activation == "relu"]
    if not places:
        return {}
    function = found.compiled("alive", partial(_make_alive, places), IMAGES)
    alive = function.in_batches(found.checked(weights), with_channel(images), _as_row)
    return {
        found.layers[at].name: np.logical_not(seen.any(axis=0))
        for at, seen in zip(places, alive, strict=True)
    }


def _make_alive(places: list[int], tf: Any, network: CompiledNetwork) -> Callable[..., Any]:
    def function(weights: Any, images: Any) -> Any:
        outputs = network.call(weights, images)
        return [
            tf.reduce_any(outputs[at] > 0, axis=list(range(outputs[at].shape.rank - 1)))
            for at in places
        ]

    return function


def _as_row(seen: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return seen[None]


def dream(
    network: NetworkSpec, weights: Weights, layer: str, channel: int, steps: int, seed: int
) -> tuple[FloatArray, FloatArray]:
    """An image [28, 28] in [0, 1] made to excite a channel or a neuron, by gradient ascent.

    The slope is taken before an activation, since behind a ReLU that is off there is none to
    climb; a probability's is that of its logarithm. In a map, positions below zero count less
    than those above, so that a pattern may fire at some places and rest at others. Blurred
    steps, random shifts and a pull to black keep the image readable (after Olah, Mordvintsev and
    Schubert, 2017). The second array is the mean of the layer's own output over the channel,
    before the first step and after each, [steps + 1]. The same seed gives the same image.
    Raises WeightsError, KeyError, and ValueError for an unknown channel.
    """
    found = probe(network)
    index = found.index(layer)
    channels = found.layers[index].shape[-1]
    if not 0 <= channel < channels:
        raise ValueError(f"{layer} has {channels} channels, counted from 0; there is no {channel}.")
    numbers = [((), "int32")] * 3
    function = found.compiled(("dream", index), partial(_make_dream, index), *numbers, slow=True)
    image, history = function(
        found.checked(weights), np.int32(channel), np.int32(steps), np.int32(seed)
    )
    return image[0, ..., 0], history


def _make_dream(index: int, tf: Any, network: CompiledNetwork) -> Callable[..., Any]:
    layer = probe_layers(network.network)[index]
    kind, before = layer.kind, max(index - 1, 0)
    rest = REST if len(layer.shape) == 3 else 1.0
    kernel = np.outer(BLUR, BLUR).astype(np.float32)[:, :, None, None]

    def chosen(values: Any, channel: Any) -> Any:
        return tf.gather(values, channel, axis=-1)

    def climbed(outputs: Any) -> Any:
        if kind == "softmax":
            return tf.nn.log_softmax(outputs[before])
        return outputs[before if kind == "activation" else index]

    def slope(weights: Any, image: Any, channel: Any, key: Any) -> Any:
        shift = tf.random.stateless_uniform([2], key, -JITTER, JITTER + 1, tf.int32)
        with tf.GradientTape() as tape:
            tape.watch(image)
            outputs = network.call(weights, tf.roll(image, shift, [1, 2]))
            values = chosen(climbed(outputs), channel)
            goal = tf.reduce_mean(tf.maximum(values, rest * values))
        return tf.nn.conv2d(tape.gradient(goal, image), kernel, 1, "SAME")

    def function(weights: Any, channel: Any, steps: Any, seed: Any) -> Any:
        grain = tf.random.stateless_normal([1, *INPUT_SHAPE], [seed, 0], 0, GRAIN)
        image = tf.clip_by_value(GREY + grain, 0.0, 1.0)
        history = tf.TensorArray(tf.float32, steps + 1)
        for step in tf.range(steps + 1):
            value = tf.reduce_mean(chosen(network.call(weights, image)[index], channel))
            history = history.write(step, value)
            if step < steps:
                up = slope(weights, image, channel, [seed, step + 1])
                up *= STEP / (tf.reduce_mean(tf.abs(up)) + 1e-12)
                image = tf.clip_by_value(image * (1 - FADE) + up, 0.0, 1.0)
        return image, history.stack()

    return function
