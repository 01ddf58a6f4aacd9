"""Small odd networks and random weights for the tests of `mnist_core.inspection`."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, get_args

import numpy as np

from mnist_core import PRESETS
from mnist_core.experiment.activations import ActivationName
from mnist_core.experiment.spec import NetworkSpec, parse_network
from mnist_core.model.build import build_model
from tests.support.every_layer import EVERY_LAYER


def network(*layers: object) -> NetworkSpec:
    """A network of layers given as "flatten" or {"kind": "conv", …}."""
    return parse_network({"layers": [{"kind": x} if isinstance(x, str) else x for x in layers]})


def conv(filters: int, kernel_size: int, **more: Any) -> dict[str, Any]:
    return {"kind": "conv", "filters": filters, "kernel_size": kernel_size, **more}


def dense(units: int, activation: str = "tanh") -> dict[str, Any]:
    return {"kind": "dense", "units": units, "activation": activation}


def pool(kind: str, size: int, stride: int | None = None, padding: str = "valid") -> dict[str, Any]:
    return {"kind": f"{kind}_pool", "pool_size": size, "stride": stride, "padding": padding}


ODD = {
    "softmax regression": network("flatten"),
    "even kernel, same": network(conv(2, 4, padding="same", activation="tanh"), "flatten"),
    "even kernel, same, stride": network(
        conv(3, 6, stride=4, padding="same", activation="linear"), "flatten", dense(4)
    ),
    "stride beyond the kernel": network(
        conv(2, 2, stride=5, padding="same", activation="swish"),
        conv(2, 2, stride=3, activation="elu"),
        "flatten",
    ),
    "kernel as large as the image": network(
        conv(2, 28, padding="same", activation="sigmoid"), conv(3, 28), "flatten"
    ),
    "one-pixel kernel, global": network(
        conv(3, 1, activation="leaky_relu"), "global_average_pool", "dropout", dense(5, "gelu")
    ),
    "overlapping max pooling": network(
        conv(2, 3, stride=2, activation="tanh"), pool("max", 3, 2, "same"), pool("max", 2, 3),
        "flatten",
    ),
    "overlapping average pooling": network(
        "dropout", pool("average", 4, 3, "same"), conv(2, 3, padding="same"),
        pool("average", 5, 2, "same"), "flatten", "flatten",
    ),
    "prepared images": network(
        "unit_norm", {"kind": "rescale", "scale": -2.5, "offset": 1.5}, "dropout",
        conv(2, 3, stride=3, activation="linear"),
        {"kind": "activation", "activation": "leaky_relu", "negative_slope": 0.01},
        "flatten", dense(5, "selu"), {"kind": "rescale"},
    ),
    "gaps between windows": network(
        pool("average", 2, 5), pool("max", 5, 1, "same"), "batch_norm", "flatten", "batch_norm"
    ),
}  # fmt: skip
KINDS = get_args(ActivationName)
ACTIVATIONS = {
    "every activation in maps": network(
        *[
            layer
            for kind in KINDS
            for layer in ("batch_norm", {"kind": "activation", "activation": kind})
        ],
        "global_average_pool",
    ),
    "every activation in rows": network("flatten", *[dense(6, kind) for kind in KINDS]),
}
NETWORKS = (
    {name: preset.network for name, preset in PRESETS.items()}
    | {"every": EVERY_LAYER}
    | ODD
    | ACTIVATIONS
)


def random_weights(spec: NetworkSpec, seed: int = 0) -> list[np.ndarray]:
    """Weights that keep signals at a size of about 1; biases and statistics are random too."""
    generator = np.random.default_rng(seed)
    found = []
    for name, shape in _variables(spec):
        values = generator.standard_normal(shape)
        if name == "kernel":
            values *= np.sqrt(2 / np.prod(shape[:-1]))
        elif name == "moving_variance":
            values = 0.3 + values**2
        elif name == "gamma":
            values = 1 + 0.3 * values
        else:
            values *= 0.3
        found.append(values.astype(np.float32))
    return found


@lru_cache
def _variables(spec: NetworkSpec) -> list[tuple[str, tuple[int, ...]]]:
    return [(variable.name, tuple(variable.shape)) for variable in build_model(spec).weights]


def random_images(count: int, seed: int = 0) -> np.ndarray:
    """Images float32 [count, 28, 28] in [0, 1] without two equal pixels side by side."""
    return np.random.default_rng(seed).random((count, 28, 28), np.float32)
