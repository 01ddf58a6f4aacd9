"""Photos of handwriting as a telephone might take them, made from MNIST's test digits."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image, ImageDraw

from mnist_core.data import mnist

WIDTH, HEIGHT = 1200, 900


def photo(
    rows,
    *,
    seed=0,
    size=130,
    paper=(235, 230, 220),
    ink=(40, 45, 90),
    shade=0.0,
    shadow=0.0,
    noise=0.0,
    tilt=0.0,
    ruled=None,
    table=None,
    shape=(WIDTH, HEIGHT),
):
    """An RGB image, and for each row of digits the place of each image used in `x_test`.

    `shade`: how much darker the paper gets from left to right; `shadow`: the depth of a shadow
    with an edge across the page; `noise` in grey levels; `tilt` in degrees; `ruled`: the colour
    of lines, 0 (black) to 255; `table`: the colour of what the sheet lies on, a little turned.
    """
    generator = np.random.default_rng(seed)
    data = mnist.load()
    width, height = shape
    amount = Image.new("L", shape)
    used = []
    for row, digits in enumerate(rows):
        y = int((row + 0.5) * height / len(rows)) - size // 2
        step = min(int(size * 1.25), (width - size) // max(1, len(digits)))
        x = (width - step * len(digits)) // 2
        for digit in digits:
            index = int(generator.choice(np.flatnonzero(data.y_test == digit)))
            used.append(index)
            image = Image.fromarray(data.x_test[index]).resize((size, size), Image.BICUBIC)
            place = (x + int(generator.integers(-5, 6)), y + int(generator.integers(-12, 13)))
            amount.paste(255, place, image)
            x += step
    page = Image.new("RGB", shape, paper)
    if ruled is not None:
        pen = ImageDraw.Draw(page)
        for y in range(30, height, 62):
            pen.line([(0, y), (width, y)], fill=(ruled, ruled, min(255, ruled + 25)), width=2)
    page.paste(ink, (0, 0), amount)
    if tilt:
        page = page.rotate(tilt, Image.BICUBIC, fillcolor=paper)
    if table:
        around = Image.new("RGB", (width * 5 // 4, height * 5 // 4), table)
        sheet, cover = (
            each.rotate(4, Image.BICUBIC, expand=True)
            for each in (page, Image.new("L", shape, 255))
        )
        around.paste(sheet, (width // 11, height // 11), cover)
        page = around.resize(shape)
    pixels = np.asarray(page, np.float32)
    light = np.linspace(1, 1 - shade, width)[None, :, None] * np.ones((height, 1, 1))
    if shadow:
        y, x = np.mgrid[:height, :width]
        edge = np.clip((x + 0.5 * y - 0.75 * width) / 25, 0, 1)
        light = light * (1 - shadow * edge[..., None])
    pixels = pixels * light + generator.normal(0, noise, pixels.shape)
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)), used


def as_file(image, kind="JPEG", **options):
    data = io.BytesIO()
    image.save(data, kind, **options)
    return data.getvalue()
