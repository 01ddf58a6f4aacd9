"""Connections against the arithmetic of single values: same inputs, same weights."""

from __future__ import annotations

import numpy as np
import pytest

from mnist_core.experiment.spec import NetworkSpec
from mnist_core.figures.connections import connection, received
from mnist_core.inspection.activations import probe
from mnist_core.inspection.arithmetic import explain
from tests.support.inside_networks import conv, dense, network, pool, random_images, random_weights

SPEC = network(
    conv(3, 3, stride=2, padding="same"), pool("max", 2), "flatten", "dropout", dense(5), dense(4)
)
IMAGE = random_images(1)[0]


def outputs(spec: NetworkSpec) -> list[np.ndarray]:
    return [values[0] for values in probe(spec).outputs(random_weights(spec), IMAGE[None])]


def test_the_step_before_flatten_and_dropout_is_what_a_dense_layer_receives() -> None:
    layers = probe(SPEC)
    before = received(layers, layers.layer("dense_5"))
    assert before is not None and before.kind == "max_pool"
    assert received(layers, layers.layer("conv_1:relu")) is None  # the image


@pytest.mark.parametrize("unit", [(0, 0, 0), (13, 13, 2), (6, 0, 1)])
def test_a_window_covers_the_patch_of_the_arithmetic(unit: tuple[int, ...]) -> None:
    weights, found = random_weights(SPEC), probe(SPEC)
    link = connection(found, found.layer("conv_1:relu"), weights, (0, 1, 2))
    assert link is not None and link.source == "input" and link.weights is not None
    told = explain(SPEC, "conv_1", unit, outputs(SPEC), weights, IMAGE)
    corner = (unit[0] * link.stride - link.top, unit[1] * link.stride - link.left)
    assert corner == told.origin and told.inputs.shape[0] == link.size
    assert np.array_equal(link.weights[..., unit[2]], told.weights)


@pytest.mark.parametrize("name", ["dense_5", "dense_6", "logits"])
def test_a_dense_unit_multiplies_the_inputs_of_the_arithmetic(name: str) -> None:
    weights, found = random_weights(SPEC), probe(SPEC)
    link = connection(found, found.layer(name), weights, ())
    assert link is not None and link.weights is not None and link.kind == "dense"
    assert link.maps == (name == "dense_5")
    told = explain(SPEC, name, (3,), outputs(SPEC), weights, IMAGE)
    assert np.array_equal(link.weights[:, 3], told.weights)


def test_pooling_looks_at_one_map_and_flatten_has_no_picture() -> None:
    weights, found = random_weights(SPEC), probe(SPEC)
    pooled = connection(found, found.layer("max_pool_2"), weights, (0, 1, 2))
    assert pooled is not None and pooled.each_map and (pooled.size, pooled.stride) == (2, 2)
    assert connection(found, found.layer("flatten_3"), weights, ()) is None
