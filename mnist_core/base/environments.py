"""What the processes that a server starts know of its surroundings: no secret, few settings."""

from __future__ import annotations

import logging
import os

from mnist_core.base.paths import REPOSITORY

log = logging.getLogger(__name__)

KEPT_VARIABLES = ("PATH", "HOME", "LANG", "LD_LIBRARY_PATH", "SYSTEMROOT", "TMPDIR", "TEMP", "TMP",
                  "USERPROFILE", "VIRTUAL_ENV", "MNIST_LAB_HOME",
                  "MNIST_LAB_SHARED_ARRAYS")  # fmt: skip
# A process that trains also gets what whoever runs the server has set for computing.
KEPT_IN_TRAINING = {*KEPT_VARIABLES, "TZ", "LD_PRELOAD"} - {"MNIST_LAB_HOME"}
KEPT_PREFIXES = ("LC_", "TF_", "KERAS_", "XLA_", "CUDA_", "NVIDIA_", "OMP_", "KMP_", "ONEDNN_",
                 "OPENBLAS_", "MALLOC_")  # fmt: skip

THREADS = "MNIST_LAB_THREADS"
TENSORFLOW_THREADS = "TF_NUM_INTRAOP_THREADS"
# So many compute the parts of a batch side by side; more share each operation, as TensorFlow has
# it. Only two were measured.
MOST_PARTS = 4
# More threads than this are no use to networks of this size, and each takes memory.
MOST_THREADS = 16


def clean_environment() -> dict[str, str]:
    """The environment variables of a sandbox, in which visitors have something computed."""
    kept = {name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ}
    return kept | {
        "KERAS_BACKEND": "tensorflow",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "CUDA_VISIBLE_DEVICES": "-1",
        "PYTHONWARNINGS": "ignore",
        # Two threads, however many cores there are: the limit on computing means the same
        # everywhere, and pages go on being served.
        TENSORFLOW_THREADS: "2",
        "TF_NUM_INTEROP_THREADS": "2",
        "OMP_NUM_THREADS": "2",
        "OPENBLAS_NUM_THREADS": "2",
    }


def computing_environment() -> dict[str, str]:
    """The environment variables of the process in which the server computes: it has all cores.

    `MNIST_LAB_THREADS` sets another number of threads.
    """
    threads = _threads_in(THREADS) or min(cores(), MOST_THREADS)
    return clean_environment() | dict.fromkeys(
        (TENSORFLOW_THREADS, "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS"), str(threads)
    )


def training_threads() -> int:
    """The number of threads that training uses: as set for it, or for TensorFlow, or all cores."""
    return _threads_in(THREADS) or _threads_in(TENSORFLOW_THREADS) or cores()


def _threads_in(name: str) -> int | None:
    """The number of threads in an environment variable; None where it holds none."""
    text = os.environ.get(name, "").strip()
    if text.isdecimal() and int(text):
        return int(text)
    if text:
        log.warning("%s=%s is not used: give a number of threads, at least 1", name, text)
    return None


def cores() -> int:
    """The number of cores that this process may use, in a container within its quota."""
    from dask.system import cpu_count  # a sandbox does without Dask

    return cpu_count()


def training_environment(*more: str) -> dict[str, str]:
    """The environment variables of a process that trains; `more` are names of others it gets."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name in KEPT_IN_TRAINING or name in more or name.startswith(KEPT_PREFIXES)
    }
    python_path = [part for part in os.environ.get("PYTHONPATH", "").split(os.pathsep) if part]
    return kept | {
        "TF_CPP_MIN_LOG_LEVEL": os.environ.get("TF_CPP_MIN_LOG_LEVEL", "2"),
        "PYTHONPATH": os.pathsep.join([str(REPOSITORY), *python_path]),
    }
