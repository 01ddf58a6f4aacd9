"""Work in a process of its own: a kind of layer with many windows and strides, trained."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mnist_core.base.sandbox import answer, request_in

# Of 1 to 28: the smallest, those in use, halves of an image and its whole. All were tried once.
SIZES = (1, 2, 3, 4, 5, 7, 14, 15, 27, 28)


def work(folder: Path) -> None:
    """Forward pass, gradients by pixels and weights, and a training step for each layer.

    The request names the `kinds` of layers; `last` in the folder says which layer came last. As a
    crash by writing outside one's memory shows late, the settings are those of the app but the
    layers TensorFlow's own operations, hundreds a second.
    """
    request, _ = request_in(folder)
    found = [_tried(folder, kind) for kind in request["kinds"]]
    answer(folder, {"counts": [count for count, _ in found], "wrong": [w for _, w in found]})


def _tried(folder: Path, kind: str) -> tuple[int, list[str]]:
    """How many layers of this kind were trained, and those that gave values that are not finite."""
    import numpy as np
    import tensorflow as tf

    from mnist_core.experiment.layers import LAYERS

    name = "kernel_size" if kind == "conv" else "pool_size"
    pixels = tf.constant(np.random.default_rng(0).random((1, 28, 28, 1), np.float32))
    wrong: list[str] = []
    count = 0
    for window in SIZES:
        for stride in SIZES:
            for padding in ("valid", "same"):
                settings: dict[str, Any] = {name: window, "stride": stride, "padding": padding}
                if kind == "conv":
                    settings["filters"] = 8
                (folder / "last").write_text(f"{kind} {settings}")
                made = LAYERS[kind](**settings).keras_layers(seed=0)
                kernel = tf.Variable(tf.fill([window, window, 1, 8], 0.1))
                with tf.GradientTape() as tape:
                    tape.watch(pixels)
                    values = pixels
                    for layer in made:
                        values = _computed(tf, layer, values, kernel)
                    loss = tf.reduce_sum(values**2)
                slopes = tape.gradient(loss, [pixels, kernel], unconnected_gradients="zero")
                kernel.assign_sub(0.001 * slopes[1])
                count += 1
                if not (np.isfinite(slopes[0]).all() and np.isfinite(kernel).all()):
                    wrong.append(str(settings))
    return count, wrong


def _computed(tf: Any, layer: tuple[str, dict[str, Any]], values: Any, kernel: Any) -> Any:
    class_name, settings = layer
    padding = settings.get("padding", "valid").upper()
    if class_name == "Conv2D":
        return tf.nn.conv2d(values, kernel, settings.get("strides", 1), padding)
    pool = {"MaxPooling2D": tf.nn.max_pool2d, "AveragePooling2D": tf.nn.avg_pool2d}[class_name]
    return pool(values, settings["pool_size"], settings["strides"], padding)
