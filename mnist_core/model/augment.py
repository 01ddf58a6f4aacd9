"""Random changes to training images, so that a network never meets the same image twice.

Each image is turned, sheared, scaled, bent and shifted in one resampling, then made thicker or
thinner. The numbers drawn depend on the seed and the step alone.
"""

from __future__ import annotations

import math
from typing import Any

import tensorflow as tf

SIZE = 28
# Side of the coarse grid whose random displacements are spread over the image.
ELASTIC_GRID = 6


def augment(
    images: Any,
    seed: Any,
    *,
    shift: float = 0.0,
    rotate: float = 0.0,
    scale: float = 0.0,
    shear: float = 0.0,
    elastic: float = 0.0,
    thickness: float = 0.0,
) -> Any:
    """Randomly changed copies of `images`, float32 [n, 28, 28, 1] in [0, 1].

    `seed` is an int32 tensor [2]. The other arguments are as in `experiment.spec.Augmentation`.
    The elastic displacement follows the idea of Simard, Steinkraus and Platt (2003): random
    vectors, smoothed; here drawn on a coarse grid and interpolated.
    """
    count = tf.shape(images)[0]
    seeds = _seeds(seed, 6)

    def uniform(index: int, limit: float, shape: list[Any]) -> Any:
        return tf.random.stateless_uniform(shape, seeds[index], -limit, limit)

    if shift or rotate or scale or shear or elastic:
        angle = uniform(0, math.radians(rotate), [count])
        slant = tf.tan(uniform(1, math.radians(shear), [count]))
        zoom = 1.0 / (1.0 + uniform(2, scale, [count, 2]))
        cosine, sine = tf.cos(angle), tf.sin(angle)
        axis = tf.range(SIZE, dtype=tf.float32) - (SIZE - 1) / 2
        y, x = axis[None, :, None], axis[None, None, :]
        a, b = zoom[:, 0, None, None], zoom[:, 1, None, None]
        cosine, sine, slant = (v[:, None, None] for v in (cosine, sine, slant))
        source_x = a * (cosine * x + (slant * cosine - sine) * y)
        source_y = b * (sine * x + (slant * sine + cosine) * y)
        moved = uniform(3, shift, [count, 2])
        offsets = tf.broadcast_to(moved[:, None, None, :], [count, SIZE, SIZE, 2])
        if elastic:
            grid = [count, ELASTIC_GRID, ELASTIC_GRID, 2]
            coarse = tf.random.stateless_normal(grid, seeds[4], stddev=elastic)
            offsets += tf.image.resize(coarse, [SIZE, SIZE], method="bicubic")
        images = _sample(images, source_x + offsets[..., 0], source_y + offsets[..., 1])
    if thickness:
        amount = uniform(5, thickness, [count, 1, 1, 1])
        thick = tf.nn.max_pool2d(images, 3, 1, "SAME")
        thin = -tf.nn.max_pool2d(-images, 3, 1, "SAME")
        images += tf.maximum(amount, 0.0) * (thick - images)
        images += tf.maximum(-amount, 0.0) * (thin - images)
    return images


def _seeds(seed: Any, count: int) -> list[Any]:
    return [seed + tf.constant([0, 7919 * (index + 1)], tf.int32) for index in range(count)]


def _sample(images: Any, x: Any, y: Any) -> Any:
    """Bilinear reading of [n, 28, 28, 1] images at offsets from the centre; 0 outside."""
    x = tf.clip_by_value(x + (SIZE - 1) / 2, -1.0, float(SIZE)) + 1.0
    y = tf.clip_by_value(y + (SIZE - 1) / 2, -1.0, float(SIZE)) + 1.0
    padded = SIZE + 3  # one pixel of paper before, two after
    flat = tf.reshape(tf.pad(images[..., 0], [[0, 0], [1, 2], [1, 2]]), [-1, padded * padded])
    left, top = tf.floor(x), tf.floor(y)
    across, down = x - left, y - top
    corner = tf.cast(top, tf.int32) * padded + tf.cast(left, tf.int32)

    def pixel(offset: int) -> Any:
        return tf.gather(flat, corner + offset, batch_dims=1)

    upper = pixel(0) * (1 - across) + pixel(1) * across
    lower = pixel(padded) * (1 - across) + pixel(padded + 1) * across
    return (upper * (1 - down) + lower * down)[..., None]
