"""A network with every type of layer."""

from __future__ import annotations

from mnist_core.experiment.spec import parse_network

EVERY_LAYER = parse_network(
    {
        "layers": [
            {"kind": "unit_norm"},
            {"kind": "conv", "filters": 3, "kernel_size": 5, "stride": 2, "padding": "same"},
            {"kind": "batch_norm"},
            {"kind": "activation", "activation": "gelu"},
            {"kind": "rescale", "scale": 0.5, "offset": 0.1},
            {"kind": "activation", "activation": "leaky_relu", "negative_slope": 0.03},
            {"kind": "average_pool", "pool_size": 3, "stride": 1},
            {"kind": "max_pool", "pool_size": 3, "stride": 2, "padding": "same"},
            {"kind": "conv", "filters": 4, "kernel_size": 2, "l1": 0.1, "l2": 0.2},
            {"kind": "global_average_pool"},
            {"kind": "flatten"},
            {"kind": "dense", "units": 7, "activation": "tanh"},
            {"kind": "dropout", "rate": 0.25},
        ]
    }
)
