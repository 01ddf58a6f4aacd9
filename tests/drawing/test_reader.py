"""From a picture to 28×28 and its reading."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from PIL import Image, ImageDraw

from mnist_core import read_drawing
from mnist_core.data import mnist
from mnist_core.drawing.european_digits import european_digits
from mnist_core.drawing.predict import predict
from mnist_core.drawing.preprocessing import (
    BOX,
    MIDDLE,
    THICKEST,
    THINNEST,
    Preprocessing,
    extract_ink,
    prepare,
    stroke_width,
)
from mnist_core.drawing.pretrained import DefaultModelError, default_model_card, load_default_model

# A 2, a 4 and a 7 as strokes in a unit square.
STROKES = {
    2: [[(0.25, 0.3), (0.35, 0.12), (0.6, 0.1), (0.72, 0.3), (0.5, 0.6), (0.22, 0.9), (0.8, 0.9)]],
    4: [[(0.6, 0.05), (0.2, 0.6), (0.85, 0.6)], [(0.65, 0.35), (0.62, 0.95)]],
    7: [[(0.2, 0.12), (0.8, 0.1), (0.45, 0.92)], [(0.35, 0.5), (0.72, 0.48)]],
}


def canvas(digit=2, *, side=280, size=180, left=50, top=50, width=20):
    """Black ink on white paper, uint8 [side, side]."""
    picture = Image.new("L", (4 * side, 4 * side), 255)
    pen = ImageDraw.Draw(picture)
    for stroke in STROKES[digit]:
        points = [(4 * (left + x * size), 4 * (top + y * size)) for x, y in stroke]
        pen.line(points, fill=0, width=4 * width, joint="curve")
        for x, y in points:
            pen.ellipse([x - 2 * width, y - 2 * width, x + 2 * width, y + 2 * width], fill=0)
    return np.asarray(picture.reduce(4))


def seen(image, **switches):
    return prepare(image, Preprocessing(**switches)).image28


def difference(one, other):
    """How much ink differs, as a share of the ink.

    Digits are placed by whole pixels, as in MNIST, so one may come to lie a pixel further.
    """
    places = [np.roll(other, (y, x), (0, 1)) for y in (-1, 0, 1) for x in (-1, 0, 1)]
    return min(float(np.abs(one - place).sum() / one.sum()) for place in places)


@pytest.mark.parametrize("digit", STROKES)
def test_a_digit_is_where_mnist_has_it(digit):
    steps = prepare(canvas(digit))
    image = steps.image28
    assert image.shape == (28, 28) and image.dtype == np.float32
    assert image.min() == 0 and 0.9 < image.max() <= 1
    assert max(steps.scaled.shape) == BOX
    for axis in (0, 1):
        amounts = image.sum(axis=1 - axis)
        assert abs(amounts @ np.arange(28) / amounts.sum() - MIDDLE) <= 0.51


def test_mnist_itself_has_its_centre_of_mass_there():
    images = mnist.load().x_test[:1000].astype(float)
    for axis in (1, 2):
        amounts = images.sum(axis=3 - axis)
        centre = (amounts * np.arange(28)).sum(1) / amounts.sum(1)
        assert abs(centre.mean() - MIDDLE) < 0.05
        assert ((centre > MIDDLE - 0.51) & (centre < MIDDLE + 0.51)).all()


@pytest.mark.parametrize("digit", STROKES)
def test_place_size_and_width_of_the_pen_hardly_matter(digit):
    plain = seen(canvas(digit))
    assert difference(plain, seen(canvas(digit, left=5, top=80))) < 0.05
    assert difference(plain, seen(canvas(digit, size=90, width=10))) < 0.12
    assert difference(plain, seen(canvas(digit, side=560, size=360, width=40))) < 0.08
    for width in (8, 14, 28):
        assert difference(plain, seen(canvas(digit, width=width))) < 0.35


def test_colours_and_paper_do_not_matter():
    grey = canvas()
    plain = seen(grey)
    assert np.allclose(plain, seen(255 - grey), atol=0.01)
    rgb = np.repeat(grey[..., None], 3, axis=2)
    assert np.allclose(plain, seen(rgb), atol=0.01)
    share = grey[..., None] / 255
    blue_on_yellow = (share * [250, 240, 120] + (1 - share) * [20, 40, 160]).astype(np.uint8)
    assert difference(plain, seen(blue_on_yellow)) < 0.05
    noise = np.random.default_rng(0).normal(0, 6, grey.shape)
    noisy = np.clip(grey * 0.6 + 60 + noise, 0, 255).astype(np.uint8)
    assert difference(plain, seen(noisy)) < 0.15
    shade = np.linspace(0.55, 1.0, 280)[None, :]
    assert difference(plain, seen((grey * shade).astype(np.uint8))) < 0.15


@pytest.mark.parametrize("ink", [(0, 0, 0), (255, 255, 255), (200, 30, 30)])
def test_ink_on_transparent_paper(ink):
    grey = canvas()
    picture = np.zeros((*grey.shape, 4), np.uint8)
    picture[..., :3] = ink
    picture[..., 3] = 255 - grey
    assert difference(seen(grey), seen(picture)) < 0.02
    opaque = np.dstack([grey] * 3 + [np.full_like(grey, 255)])
    assert np.allclose(seen(grey), seen(opaque), atol=0.01)


@pytest.mark.parametrize(
    "blank",
    [
        np.full((280, 280), 255, np.uint8),
        np.zeros((280, 280, 3), np.uint8),
        np.zeros((280, 280, 4), np.uint8),
        np.full((3, 5), 120, np.uint8),
        np.full((1, 1), 7, np.uint8),
        np.random.default_rng(0).integers(240, 256, (280, 280), np.uint8),
    ],
    ids=["white", "black", "transparent", "small", "one pixel", "grainy"],
)
def test_a_blank_picture_has_no_digit(blank):
    reading = read_drawing(blank)
    assert reading.digit is None and reading.confidence == 0
    assert not reading.image28.any() and reading.image28.shape == (28, 28)
    assert np.allclose(reading.probabilities, 0.1)


@pytest.mark.parametrize(
    "wrong",
    [
        np.zeros((28, 28), np.float32),
        np.zeros((28, 28, 2), np.uint8),
        np.zeros((0, 28), np.uint8),
        np.zeros(784, np.uint8),
        np.zeros((1, 28, 28, 1), np.uint8),
        "a picture",
        None,
    ],
)
def test_what_is_no_picture_is_refused_in_a_sentence(wrong):
    with pytest.raises(ValueError, match=r"The image is .* expected uint8 of shape \[H, W\]"):
        read_drawing(wrong)


@pytest.mark.parametrize("shape", [(5, 60), (60, 5), (3, 400), (2000, 1500)])
@pytest.mark.parametrize("switches", [{}, {"crop": False}, {"scale": False}, {"centre": False}])
def test_odd_shapes_give_an_image_all_the_same(shape, switches):
    picture = np.full(shape, 255, np.uint8)
    picture[shape[0] // 2 :, shape[1] // 2 :][:40, :40] = 0
    image = seen(picture, **switches)
    assert image.shape == (28, 28) and image.any() and np.isfinite(image).all()


@pytest.mark.parametrize("shape", [(1, 2), (2, 1), (1, 9), (2, 2)])
def test_a_few_pixels_are_no_accident(shape):
    pixels = np.random.default_rng(3).integers(0, 256, shape, np.uint8)
    assert np.isfinite(seen(pixels)).all()


def test_a_picture_cut_close_to_the_digit():
    drawing = canvas(7)
    rows, columns = np.flatnonzero((drawing < 128).any(1)), np.flatnonzero((drawing < 128).any(0))
    close = drawing[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    assert difference(seen(drawing), seen(close)) < 0.05


def test_strokes_come_to_a_range_of_widths():
    for width in (6, 12, 20, 28):
        scaled = prepare(canvas(width=width)).thickened
        found = stroke_width(scaled) * BOX / max(scaled.shape)
        assert THINNEST - 0.5 < found < THICKEST + 0.5


@pytest.mark.parametrize(("side", "width"), [(400, 1), (1000, 1), (1000, 3), (2000, 5)])
def test_a_thin_pen_on_large_paper_is_read(side, width):
    read = [
        read_drawing(canvas(digit, side=side, size=0.7 * side, left=0.15 * side, top=0.15 * side,
                            width=width)).digit
        for digit in STROKES
    ]  # fmt: skip
    assert read == list(STROKES)


def test_stroke_width_is_measured():
    for width in (6, 11, 20):
        bar = np.zeros((120, 120), np.float32)
        bar[10:110, 40 : 40 + width] = 1
        assert stroke_width(bar) == pytest.approx(width, rel=0.12)


def test_each_step_can_be_left_out():
    drawing = canvas(size=100, left=150, top=150, width=10)
    nothing = Preprocessing(crop=False, thickness=False, scale=False, centre=False)
    plain = np.asarray(Image.fromarray(255 - drawing).resize((28, 28), Image.Resampling.BOX))
    assert np.allclose(prepare(drawing, nothing).image28, plain / 255, atol=0.03)
    full = seen(drawing)
    for step in ("crop", "thickness", "scale", "centre"):
        assert not np.allclose(full, seen(drawing, **{step: False}), atol=0.1), step


def test_specks_of_dust_do_not_widen_the_box():
    drawing = canvas().copy()
    drawing[3:5, 270:272] = 0
    assert difference(seen(canvas()), seen(drawing)) < 0.02


def test_the_ink_keeps_its_greys():
    image = mnist.load().x_test[0]
    assert np.abs(extract_ink(image) - image / 255).max() < 0.03


@cache
def some_images():
    return mnist.load().x_test[:1000]


def test_mnist_enlarged_and_fed_back_is_read_the_same():
    model = load_default_model()
    images = some_images()
    direct = predict(model, images / np.float32(255)).argmax(1)
    enlarged = (Image.fromarray(image).resize((280, 280)) for image in images)
    fed_back = np.stack([seen(np.asarray(picture)) for picture in enlarged])
    assert (predict(model, fed_back).argmax(1) == direct).mean() >= 0.99


@pytest.mark.parametrize("digit", STROKES)
def test_digits_are_read(digit):
    for image in (canvas(digit), canvas(digit, size=80, left=10, top=10, width=12)):
        reading = read_drawing(image)
        assert reading.digit == digit
        assert reading.probabilities.dtype == np.float32
        assert reading.probabilities.sum() == pytest.approx(1, abs=1e-4)


def test_models_without_a_channel_axis_and_wrong_models():
    import keras

    layers = keras.layers
    flat = keras.Sequential([layers.Input((28, 28)), layers.Flatten(), layers.Dense(10)])
    assert read_drawing(canvas(), flat).probabilities.shape == (10,)
    wide = keras.Sequential([layers.Input((32, 32, 1)), layers.Flatten(), layers.Dense(10)])
    with pytest.raises(ValueError, match=r"takes \[32, 32, 1\]; expected"):
        read_drawing(canvas(), wide)
    three = keras.Sequential([layers.Input((28, 28)), layers.Flatten(), layers.Dense(3)])
    with pytest.raises(ValueError, match=r"gives \[3\]; expected 10"):
        read_drawing(canvas(), three)


def test_the_default_model_is_what_its_card_says():
    card = default_model_card()
    model = load_default_model()
    assert load_default_model() is model
    assert model.input_shape == (None, 28, 28, 1) and model.output_shape == (None, 10)
    assert model.count_params() == card["parameters"] and getattr(model, "optimizer", None) is None
    data = mnist.load()
    images = some_images() / np.float32(255)
    accuracy = (predict(model, images).argmax(1) == data.y_test[: len(images)]).mean()
    assert accuracy > 0.99
    assert card["test_accuracy"] >= 0.996


def test_a_missing_or_damaged_default_model_is_a_sentence(tmp_path, monkeypatch):
    from mnist_core.drawing import pretrained

    with pytest.raises(DefaultModelError, match=r"default.json is missing"):
        default_model_card(tmp_path)
    (tmp_path / "default.json").write_text("{")
    with pytest.raises(DefaultModelError, match=r"default.json is damaged"):
        default_model_card(tmp_path)
    monkeypatch.setattr(pretrained, "MODEL_FOLDER", tmp_path)
    with pytest.raises(DefaultModelError, match=r"default.keras is missing"):
        load_default_model()
    (tmp_path / "default.keras").write_bytes(b"PK")
    (tmp_path / "default.json").write_text('{"test_accuracy": 1.0, "sha256": "0"}')
    with pytest.raises(DefaultModelError, match=r"default.keras is damaged"):
        load_default_model()


def test_european_digits_are_mnist_like():
    images, labels = european_digits(mnist.load(), 30, seed=1)
    assert images.shape == (30, 28, 28) and images.dtype == np.uint8
    assert set(labels) == {0, 1, 7}
    again, _ = european_digits(mnist.load(), 30, seed=1)
    assert (images == again).all()
    centre = (images.sum(2) * np.arange(28)).sum(1) / images.sum((1, 2))
    assert np.abs(centre - MIDDLE).max() < 0.6
