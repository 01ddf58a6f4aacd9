"""What TensorFlow is reached into for, and that it is still needed."""

from __future__ import annotations

import subprocess
import sys

import tensorflow as tf
from tensorflow.python.framework import ops

from mnist_core.base import tensorflow_compat
from mnist_core.base.paths import REPOSITORY


def custom_gradients() -> int:
    known = ops.gradient_registry._registry
    return sum(name.startswith("CustomGradient-") for name in known)


def compile_one() -> None:
    @tf.custom_gradient
    def twice(x):
        return 2 * x, lambda upstream: 2 * upstream

    tf.function(twice)(tf.constant(1.0))


def test_tensorflow_keeps_what_is_forgotten_here():
    """Where it no longer does, `forget_gradients` can go."""
    before = custom_gradients()
    compile_one()
    assert custom_gradients() > before
    tensorflow_compat.forget_gradients()
    assert custom_gradients() == 0


def test_what_is_compiled_still_works_after_all_is_set_aside():
    compiled = tf.function(lambda x: 3 * x)
    compiled(tf.constant(1.0))
    tensorflow_compat.set_aside()
    assert float(compiled(tf.constant(2.0))) == 6.0


def test_keras_comes_without_what_nobody_uses_of_it():
    """Each is tens of megabytes in every process; whoever imports one later still gets it."""
    program = """
import sys
from mnist_core.base.tensorflow_compat import UNUSED_IN_COMPUTING, load_keras
load_keras(without=UNUSED_IN_COMPUTING)
import keras
print([name for name in UNUSED_IN_COMPUTING if name in sys.modules])
print(keras.ops.add(1, 2).numpy())
import pandas, sklearn
"""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    assert done.stdout.splitlines() == ["[]", "3"], done.stderr
