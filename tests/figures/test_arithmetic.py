"""The tables of one value's arithmetic: what they write adds up to what Keras computes."""

from __future__ import annotations

import re

import numpy as np
import pytest

from mnist_core.figures.arithmetic import all_written, arithmetic_html
from mnist_core.inspection.activations import probe
from mnist_core.inspection.arithmetic import explain
from tests.support.inside_networks import conv, dense, network, pool, random_images, random_weights

IMAGE = random_images(1)[0]
SPEC = network(
    conv(5, 3, padding="same", activation="relu"),
    pool("max", 3, 2, "same"),
    "flatten",
    dense(6, "tanh"),
)
WEIGHTS = random_weights(SPEC)
OUTPUTS = [values[0] for values in probe(SPEC).outputs(WEIGHTS, IMAGE[None])]


def explained(layer: str, unit: tuple[int, ...]):
    return explain(SPEC, layer, unit, OUTPUTS, WEIGHTS, IMAGE)


def numbers(html: str) -> list[float]:
    cells = re.findall(
        r">(−?\d[\d.e%+−]*)<", re.sub(r"<style>.*?</style>", "", html, flags=re.DOTALL)
    )
    return [float(cell.replace("−", "-").rstrip("%")) for cell in cells]


def boxes(html: str) -> dict[str, float]:
    found = re.findall(r'class="end[^"]*"><small>([^<]+)</small>([^<]+)<', html)
    return {name: float(value.replace("−", "-")) for name, value in found}


def test_a_patch_its_kernel_and_their_products_are_written_and_end_in_the_activation() -> None:
    sums, after = explained("conv_1", (0, 5, 2)), explained("conv_1:relu", (0, 5, 2))
    html = arithmetic_html(sums, after)
    written = np.array(numbers(html)[:27]).reshape(3, 3, 3)
    patch = np.pad(IMAGE, 1)[0:3, 5:8]
    kernel = WEIGHTS[0][:, :, 0, 2]
    for shown, expected in zip(written, (patch, kernel, patch * kernel), strict=True):
        np.testing.assert_allclose(shown, expected, atol=6e-4)
    end = boxes(html)
    value = float((patch * kernel).sum() + WEIGHTS[1][2])
    assert end["all products"] + end["bias"] == pytest.approx(end["sum"], abs=1.1e-4)
    assert end["sum"] == pytest.approx(value, abs=6e-5)
    assert end["relu"] == pytest.approx(max(value, 0), abs=6e-5)
    assert "pale: padding" in html and html.count('class="padding"') == 3
    inside = arithmetic_html(explained("conv_1", (5, 5, 2)))
    assert "padding)" not in inside and "relu" not in inside


def test_a_neurons_products_and_the_rest_add_up() -> None:
    sums, after = explained("dense_4", (3,)), explained("dense_4:tanh", (3,))
    html = arithmetic_html(sums, after)
    table = html[: html.index('class="end"')]
    products = np.array(numbers(table)[:-1]).reshape(-1, 3)
    np.testing.assert_allclose(products[:, 0] * products[:, 1], products[:, 2], atol=3e-3)
    end = boxes(html)
    together = products[:, 2].sum() + numbers(table)[-1]
    assert together == pytest.approx(end["all products"], abs=6e-3)
    assert end["tanh"] == pytest.approx(float(np.tanh(sums.value)), abs=6e-5)


def test_the_softmax_lists_every_logit_and_its_share() -> None:
    html = arithmetic_html(explained("probabilities", (4,)))
    rows = np.array(numbers(html)).reshape(10, 4)
    logits = OUTPUTS[-2].astype(np.float64)
    np.testing.assert_array_equal(rows[:, 0], np.arange(10))
    np.testing.assert_allclose(rows[:, 1], logits, atol=6e-4)
    np.testing.assert_allclose(rows[:, 2], np.exp(logits), rtol=1e-3)
    np.testing.assert_allclose(rows[:, 3] / 100, OUTPUTS[-1], atol=1e-6)
    assert html.count('class="chosen"') == 1


def test_logits_too_large_for_a_power_of_e_are_shown_without() -> None:
    weights = [*WEIGHTS[:-1], WEIGHTS[-1] + np.arange(10, dtype=np.float32) * 100]
    outputs = [values[0] for values in probe(SPEC).outputs(weights, IMAGE[None])]
    html = arithmetic_html(explain(SPEC, "probabilities", (9,), outputs, weights, IMAGE))
    assert "e<sup>" not in html and numbers(html)[-1] == 100


def test_the_largest_value_of_a_pooling_window_is_marked() -> None:
    found = explained("max_pool_2", (3, 3, 1))
    html = arithmetic_html(found)
    marked = re.findall(r'class="chosen"[^>]*>([^<]+)<', html)
    assert [float(value.replace("−", "-")) for value in marked] == [
        pytest.approx(found.value, abs=6e-4)
    ]


def test_zero_has_no_sign() -> None:
    black = np.zeros((28, 28), np.float32)
    outputs = [values[0] for values in probe(SPEC).outputs(WEIGHTS, black[None])]
    html = arithmetic_html(explain(SPEC, "conv_1", (5, 5, 0), outputs, WEIGHTS, black))
    assert "−0.000" not in html and "0.000" in html


def test_what_the_tables_leave_out_is_known() -> None:
    assert all_written((3, 3, 2)) and not all_written((3, 3, 3)) and not all_written((9, 9, 1))
    assert all_written((5, 5, 1)) and not all_written((5, 5, 2))
    assert all_written((8,)) and not all_written((9,))
