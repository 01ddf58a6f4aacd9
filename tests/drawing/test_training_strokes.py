"""Training images from strokes: changed at random, drawn, prepared."""

from __future__ import annotations

import json

import numpy as np
import pytest

from mnist_core.drawing import stroke_templates as templates
from mnist_core.drawing import training_strokes as pen
from mnist_core.drawing.pretraining import mean_weights


def test_templates_are_strokes_in_a_unit_square():
    found = [*templates.all_digits(), *templates.all_others()]
    assert {label for label, _ in templates.all_digits()} == set(range(10))
    for name, strokes in found:
        for points in strokes:
            assert points.ndim == 2 and points.shape[1] == 2 and len(points) >= 2, name
            assert points.min() >= 0 and points.max() <= 1, name


def test_digits_are_drawn_anew_each_time_and_the_same_for_a_seed(tmp_path):
    file = tmp_path / "digits.jsonl"
    stroke = [[0.2, 0.1], [0.8, 0.1], [0.5, 0.5], [0.4, 0.9]]
    file.write_text(json.dumps({"label": 7, "strokes": [stroke]}) + "\n")
    images, labels = pen.pen_digit_images(pen.read_pen_digits(file), 3, seed=4)
    again, _ = pen.pen_digit_images(pen.read_pen_digits(file), 3, seed=4)
    assert images.shape == (3, 28, 28) and images.dtype == np.uint8 and labels.tolist() == [7] * 3
    assert (images == again).all()
    assert np.abs(images[0].astype(int) - images[1]).max() > 100


def test_every_template_makes_an_image_with_ink():
    images, labels = pen.template_images(1)
    assert len(images) == len(labels) and (images.max((1, 2)) > 200).all()
    others = pen.other_images(1)
    assert len(others) > len(list(templates.all_others())) and others.any((1, 2)).all()


def test_without_changes_strokes_are_only_moved_and_scaled():
    points = np.array([[3.0, 1.0], [5.0, 3.0]])
    (changed,) = pen.change([points], pen.Changes(), np.random.default_rng(0))
    assert changed == pytest.approx(np.array([[-0.5, -0.5], [0.5, 0.5]]))


def test_the_mean_of_weights_lies_between_them():
    one, other = (np.zeros(2, np.float32),), (np.array([1, 2], np.float32),)
    assert mean_weights(one, other, 0.25)[0].tolist() == [0.25, 0.5]
