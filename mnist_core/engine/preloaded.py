"""What the processes that compute have in common, imported in the fork server of a server.

Nothing here may run an operation of TensorFlow or start a thread: neither outlives a fork.
"""

import os
from contextlib import suppress

import numpy as np

from mnist_core.base import warm_process as warm_process
from mnist_core.base.errors import AppError
from mnist_core.base.tensorflow_compat import UNUSED_IN_COMPUTING, keep_frozen, load_keras

load_keras(without=UNUSED_IN_COMPUTING)

from mnist_core.data import mnist  # noqa: E402 (after Keras, which must find no pandas)
from mnist_core.engine import worker as worker  # noqa: E402
from mnist_core.engine import worker_main as worker_main  # noqa: E402
from mnist_core.inspection import gradients as gradients  # noqa: E402
from mnist_core.training import loop as loop  # noqa: E402
from mnist_core.training import train_step as train_step  # noqa: E402

with suppress(AppError):  # whoever needs the images says so
    mnist.load()
keep_frozen()
# Else all of them would draw the same random numbers; Python's own generator sees to that itself.
os.register_at_fork(after_in_child=np.random.seed)
