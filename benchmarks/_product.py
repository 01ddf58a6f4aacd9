"""How fast this machine multiplies matrices in TensorFlow: GFLOP/s a number format, as JSON."""

from __future__ import annotations

import json
import sys
import time

import tensorflow as tf

SIZE = 2048
SECONDS = 2.0


def speed(precision: str) -> float:
    """The best of many products of two square matrices, in GFLOP/s, on all cores."""
    factor = tf.cast(tf.random.stateless_normal([SIZE, SIZE], [0, 0]), precision)
    best, until = float("inf"), time.perf_counter() + SECONDS
    while time.perf_counter() < until:
        started = time.perf_counter()
        tf.matmul(factor, factor).numpy()
        best = min(best, time.perf_counter() - started)
    return 2 * SIZE**3 / best / 1e9


if __name__ == "__main__":
    json.dump({name: speed(name) for name in ("float32", "bfloat16")}, sys.stdout)
