"""Preparation of the process that computes for a server: TensorFlow, without what it can spare."""

from mnist_core.base.allocator import map_large_blocks
from mnist_core.base.tensorflow_compat import UNUSED_IN_COMPUTING, load_keras

map_large_blocks()
load_keras(without=UNUSED_IN_COMPUTING)
