"""Weights changed by hand: what each edit does, that the old ones stay, and what is refused."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from mnist_core import PRESETS
from mnist_core.inspection.activations import probe
from mnist_core.inspection.interventions import (
    EditError,
    Noise,
    Prune,
    SetWeight,
    SwitchOff,
    Temperature,
    apply,
    describe,
)
from mnist_core.inspection.weights import kernels
from tests.support.inside_networks import (
    NETWORKS,
    conv,
    dense,
    network,
    pool,
    random_images,
    random_weights,
)

MIXED = network(
    conv(3, 3, activation="sigmoid"), "batch_norm", pool("max", 2),
    conv(4, 3, activation="tanh"), "batch_norm", {"kind": "activation", "activation": "swish"},
    pool("average", 2), "flatten", "dropout",
    dense(6, "sigmoid"), "batch_norm",
    dense(5, "gelu"),
)  # fmt: skip
IMAGES = random_images(3)


def logits(spec, weights) -> np.ndarray:
    return probe(spec).output(weights, IMAGES, "logits")


def test_nothing_changed_is_a_copy_and_edits_leave_the_old_weights_alone() -> None:
    weights = random_weights(MIXED)
    before = [weight.copy() for weight in weights]
    same = apply(MIXED, weights, ())
    for one, other in zip(same, weights, strict=True):
        np.testing.assert_array_equal(one, other)
        assert not np.shares_memory(one, other)
    edits = (SetWeight(0, (0, 0, 0, 0), 9), SwitchOff("dense_10", 2), Prune(0.5), Noise(1, 0),
             Temperature(2))  # fmt: skip
    for weight in weights:
        weight.flags.writeable = False  # as a cache hands them out
    apply(MIXED, tuple(weights), edits)
    for one, other in zip(weights, before, strict=True):
        np.testing.assert_array_equal(one, other)


def test_one_weight_is_set() -> None:
    weights = random_weights(MIXED)
    changed = apply(MIXED, weights, (SetWeight(0, (1, 2, 0, 1), -0.75), SetWeight(1, (2,), 3)))
    assert changed[0][1, 2, 0, 1] == -0.75 and changed[1][2] == 3
    differing = [int((a != b).sum()) for a, b in zip(changed, weights, strict=True)]
    assert differing == [1, 1, *[0] * (len(weights) - 2)]


@pytest.mark.parametrize(
    ("layer", "unit", "last", "nothing"),
    [
        # Where the unit enters the next layer, and what a unit that gives 0 looks like there.
        ("conv_1", 1, "max_pool_3", 0), ("conv_4", 3, "average_pool_7", 0),
        ("dense_10", 5, "batch_norm_11", 0), ("dense_12", 0, "dense_12:gelu", 0),
    ],
)  # fmt: skip
def test_a_unit_that_is_off_gives_nothing_to_the_next_layer(layer, unit, last, nothing) -> None:
    """As though its output, after activation, normalisation and pooling, were 0."""
    weights = random_weights(MIXED)
    found = probe(MIXED)
    cut = found.output(weights, IMAGES, last).copy()
    cut[..., unit] = nothing
    # The rest of the network, run by Keras from there on, on the cut values.
    rest = keras.Sequential([keras.Input(cut.shape[1:])])
    at = found.index(last) + 1
    for step in found.layers[at:-1]:
        rest.add(keras_layer(step))
    rest.set_weights([weights[place] for step in found.layers[at:] for place in step.weights])
    off = apply(MIXED, weights, (SwitchOff(layer, unit),))
    np.testing.assert_allclose(logits(MIXED, off), rest(cut), rtol=1e-4, atol=1e-4)
    assert not np.allclose(logits(MIXED, off), logits(MIXED, weights), atol=1e-4)


def keras_layer(step):
    if step.kind == "conv":
        return keras.layers.Conv2D(step.spec.filters, step.spec.kernel_size)
    if step.kind == "dense":
        return keras.layers.Dense(step.shape[0])
    kinds = {
        "batch_norm": keras.layers.BatchNormalization,
        "activation": lambda: keras.layers.Activation(step.activation),
        "max_pool": lambda: keras.layers.MaxPooling2D(step.spec.pool_size),
        "average_pool": lambda: keras.layers.AveragePooling2D(step.spec.pool_size),
        "flatten": keras.layers.Flatten,
        "dropout": lambda: keras.layers.Dropout(0.5),
    }
    return kinds[step.kind]()


def test_noise_does_not_wake_a_unit_that_is_off() -> None:
    weights = random_weights(MIXED)
    for edits in [
        (SwitchOff("conv_4", 1), Noise(0.5, 3), SetWeight(12, (1, 0), 7.0)),
        (Noise(0.5, 3), SetWeight(12, (1, 0), 7.0), SwitchOff("conv_4", 1)),
    ]:
        changed = apply(MIXED, weights, edits)
        assert not changed[12].reshape(5, 5, 4, 6)[:, :, 1].any()
        assert changed[12].reshape(5, 5, 4, 6)[:, :, 0].all()


def test_a_global_pools_channel_is_off_too() -> None:
    spec = network(conv(3, 5, activation="sigmoid"), "global_average_pool", "flatten")
    changed = apply(spec, random_weights(spec), (SwitchOff("conv_1", 2),))
    assert not changed[2][2].any() and changed[2][:2].all()


@pytest.mark.parametrize("share", [0, 0.3, 0.995, 1])
def test_pruning_takes_the_smallest_of_all_kernels(share: float) -> None:
    weights = random_weights(MIXED)
    changed = apply(MIXED, weights, (Prune(share),))
    old = np.concatenate([kernel.kernel.ravel() for kernel in kernels(MIXED, weights)])
    new = np.concatenate([kernel.kernel.ravel() for kernel in kernels(MIXED, changed)])
    gone = new != old
    assert gone.sum() == round(share * old.size) and not new[gone].any()
    if gone.any() and not gone.all():
        assert np.abs(old[gone]).max() <= np.abs(old[~gone]).min()
    places = {kernel.kernel_index for kernel in kernels(MIXED, weights)}
    for place in set(range(len(weights))) - places:
        np.testing.assert_array_equal(changed[place], weights[place])


def test_noise_is_a_share_of_each_kernels_spread() -> None:
    spec = PRESETS["two-layer"].network
    weights = random_weights(spec)
    weights[2] *= 100
    changed = apply(spec, weights, (Noise(0.25, 1),))
    for place in (0, 2):
        spread = (changed[place] - weights[place]).std()
        assert spread == pytest.approx(0.25 * weights[place].std(), rel=0.05)
        np.testing.assert_array_equal(changed[place + 1], weights[place + 1])
    again, other = (apply(spec, weights, (Noise(0.25, seed),)) for seed in (1, 2))
    np.testing.assert_array_equal(again[0], changed[0])
    assert not np.array_equal(other[0], changed[0])


@pytest.mark.parametrize("t", [0.2, 5.0])
def test_temperature_divides_the_logits(t: float) -> None:
    weights = random_weights(MIXED)
    changed = apply(MIXED, weights, (Temperature(t),))
    np.testing.assert_allclose(
        logits(MIXED, changed), logits(MIXED, weights) / t, rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (SetWeight(99, (0,), 1), "no array 99; the network's weights are 0 to 21"),
        (SetWeight(-1, (0,), 1), "no array -1"),
        (SetWeight(0, (3, 0, 0, 0), 1), r"no weight \(3, 0, 0, 0\) in an array of 3×3×1×3"),
        (SetWeight(0, (0, 0), 1), "no weight"),
        (SetWeight(0, (0, 0, 0, -1), 1), "no weight"),
        (SetWeight(0, (0, 0, 0, 0), float("nan")), "finite number"),
        (SetWeight(5, (0,), -1), "variance is never negative"),
        (SwitchOff("conv_1", 3), "has 3 units, counted from 0; there is no 3"),
        (SwitchOff("conv_1", -1), "there is no -1"),
        (SwitchOff("logits", 0), "conv_1, conv_4, dense_10, dense_12"),
        (SwitchOff("max_pool_3", 0), "can be switched off"),
        (Prune(1.5), "between 0 and 1"),
        (Prune(float("nan")), "between 0 and 1"),
        (Noise(-0.1, 0), "at least 0"),
        (Noise(float("inf"), 0), "finite"),
        (Temperature(0), "above 0"),
        (Temperature(float("nan")), "above 0"),
    ],
)
def test_what_does_not_fit_is_said(edit, message: str) -> None:
    for attempt in (lambda: apply(MIXED, random_weights(MIXED), (edit,)),
                    lambda: describe(edit, MIXED)):  # fmt: skip
        with pytest.raises(EditError, match=message):
            attempt()


def test_weights_of_another_network_are_refused() -> None:
    with pytest.raises(ValueError, match="another network"):
        apply(MIXED, random_weights(NETWORKS["cnn"]), ())


@pytest.mark.parametrize(
    ("edit", "sentence"),
    [
        (SetWeight(0, (1, 2, 0, 1), 0.5),
         "conv_1: the weight of filter 1, input channel 0, row 1, column 2 is 0.5."),
        (SetWeight(1, (2,), -3), "conv_1: the bias of filter 2 is −3."),
        (SetWeight(2, (0,), 1.5), "batch_norm_2: the gamma of channel 0 is 1.5."),
        (SetWeight(12, (7, 3), 0.123456), "dense_10: the weight of neuron 3, input 7 is 0.1235."),
        (SetWeight(21, (9,), 0), "logits: the bias of neuron 9 is 0."),
        (SwitchOff("conv_4", 3), "conv_4: feature map 3 is switched off."),
        (SwitchOff("dense_10", 5), "dense_10: neuron 5 is switched off."),
        (Prune(0.25), "The 25% of all weights nearest to zero are zero."),
        (Noise(0.5, 0), "Every layer's weights carry noise of 50% of their spread."),
        (Temperature(2.5), "The logits are divided by 2.5 before the softmax."),
    ],
)  # fmt: skip
def test_edits_are_described(edit, sentence: str) -> None:
    assert describe(edit, MIXED) == sentence
