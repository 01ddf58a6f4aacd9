"""Activation maximization: test images, or an image made, that excite a unit most."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from mnist_core.experiment.shapes import INPUT_SHAPE
from mnist_core.experiment.spec import NetworkSpec
from mnist_core.inspection.activations import BATCH, FloatArray, Probe, Weights, as_batch, probe
from mnist_core.inspection.compiled import compiled, gradients

# Gradient ascent on an image: how far a step goes (the mean change of a pixel), how far the
# image is moved at random before each step, and which share of every pixel fades at each step.
STEP, JITTER, FADE = 0.03, 1, 0.01
# Where the ascent starts: grey with a little noise, so that equal pixels can part.
GREY, GRAIN = 0.3, 0.05
# In a map, how much of a value below zero counts.
REST = 0.2
# The blur of each step's direction, from pixel to neighbour (binomial, one side after another).
BLUR = (0.25, 0.5, 0.25)


def channel_peaks(
    network: NetworkSpec, weights: Weights, images: FloatArray, layer: str
) -> FloatArray:
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
    network: NetworkSpec, weights: Weights, images: FloatArray
) -> dict[str, npt.NDArray[np.bool_]]:
    """For each ReLU layer which channels or neurons are above 0 on none of the images.

    Raises WeightsError.
    """
    layers = probe(network).layers
    places = [at for at, layer in enumerate(layers) if layer.activation == "relu"]
    if not places:
        return {}
    function = compiled(network, "alive", _make_alive(places), ((None, *INPUT_SHAPE), "float32"))
    values, batch = probe(network).checked(weights), as_batch(images)
    alive = [np.zeros(layers[at].shape[-1], bool) for at in places]
    for start in range(0, len(batch), BATCH):
        for seen, now in zip(alive, function(values, batch[start : start + BATCH]), strict=True):
            seen |= np.asarray(now)
    return {layers[at].name: ~seen for at, seen in zip(places, alive, strict=True)}


def _make_alive(places: list[int]) -> Callable[[Any, Probe], Callable[..., Any]]:
    def make(tf: Any, found: Probe) -> Callable[..., Any]:
        def function(weights: Any, images: Any) -> Any:
            outputs = [found.call(weights, images)[at] for at in places]
            return [
                tf.reduce_any(output > 0, axis=list(range(output.shape.rank - 1)))
                for output in outputs
            ]

        return function

    return make


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
    function = gradients(network, ("dream", index), partial(_make_dream, index), *numbers)
    image, history = function(
        found.checked(weights), np.int32(channel), np.int32(steps), np.int32(seed)
    )
    return np.asarray(image)[0, ..., 0], np.asarray(history)


def _make_dream(index: int, tf: Any, found: Probe) -> Callable[..., Any]:
    kind = found.layers[index].kind
    before = max(index - 1, 0)
    rest = REST if len(found.layers[index].shape) == 3 else 1.0
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
            outputs = found.call(weights, tf.roll(image, shift, [1, 2]))
            values = chosen(climbed(outputs), channel)
            goal = tf.reduce_mean(tf.maximum(values, rest * values))
        return tf.nn.conv2d(tape.gradient(goal, image), kernel, 1, "SAME")

    def function(weights: Any, channel: Any, steps: Any, seed: Any) -> Any:
        grain = tf.random.stateless_normal([1, *INPUT_SHAPE], [seed, 0], 0, GRAIN)
        image = tf.clip_by_value(GREY + grain, 0.0, 1.0)
        history = tf.TensorArray(tf.float32, steps + 1)
        for step in tf.range(steps + 1):
            value = tf.reduce_mean(chosen(found.call(weights, image)[index], channel))
            history = history.write(step, value)
            if step < steps:
                up = slope(weights, image, channel, [seed, step + 1])
                up *= STEP / (tf.reduce_mean(tf.abs(up)) + 1e-12)
                image = tf.clip_by_value(image * (1 - FADE) + up, 0.0, 1.0)
        return image, history.stack()

    return function
