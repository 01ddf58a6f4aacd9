"""The threads of a training process, and the parts of a batch that keep them busy.

A step of a convolutional network has many operations that are too short to be shared by two
threads, and waits in between. With one thread an operation, and as many parts of the batch side by
side as there are threads, all are busy all the time, and none waits for another that the server
holds up. Large dense layers, which XLA computes, are faster where threads share each operation.
Which it is cannot be changed once a process has computed something.
"""

from __future__ import annotations

import tensorflow as tf

from mnist_core.base.environments import MOST_PARTS


def use_threads(count: int, share_operations: bool = False) -> None:
    """Let TensorFlow compute on `count` threads; `share_operations`: never in parts of a batch.

    Raises RuntimeError when it has computed something before.
    """
    side_by_side = count <= MOST_PARTS and not share_operations and not _has_gpu()
    tf.config.threading.set_intra_op_parallelism_threads(1 if side_by_side else count)
    if side_by_side:
        tf.config.threading.set_inter_op_parallelism_threads(count)


def batch_parts() -> int:
    """The parts in which a batch is to be computed side by side in this process."""
    alone = tf.config.threading.get_intra_op_parallelism_threads() == 1
    if not alone or _has_gpu():
        return 1
    return max(1, tf.config.threading.get_inter_op_parallelism_threads())


def _has_gpu() -> bool:
    """True where TensorFlow computes on a GPU, which needs the batch as a whole."""
    return bool(tf.config.list_physical_devices("GPU"))
