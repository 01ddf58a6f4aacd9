"""What the processes that a server starts know of its surroundings: no setting, no secret."""

from __future__ import annotations

import os
import sys

from mnist_core.base.paths import REPOSITORY

KEPT_VARIABLES = ("PATH", "HOME", "LANG", "LD_LIBRARY_PATH", "SYSTEMROOT", "TMPDIR", "TEMP", "TMP",
                  "USERPROFILE", "VIRTUAL_ENV", "MNIST_LAB_HOME",
                  "MNIST_LAB_SHARED_ARRAYS")  # fmt: skip
# A process that trains also gets what whoever runs the server has set for computing.
KEPT_IN_TRAINING = {*KEPT_VARIABLES, "TZ", "LD_PRELOAD"} - {"MNIST_LAB_HOME"}
KEPT_PREFIXES = ("LC_", "TF_", "KERAS_", "XLA_", "CUDA_", "NVIDIA_", "OMP_", "KMP_", "ONEDNN_",
                 "OPENBLAS_", "MALLOC_")  # fmt: skip


THREADS = "MNIST_LAB_THREADS"
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
        "TF_NUM_INTRAOP_THREADS": "2",
        "TF_NUM_INTEROP_THREADS": "2",
        "OMP_NUM_THREADS": "2",
        "OPENBLAS_NUM_THREADS": "2",
    }


def computing_environment() -> dict[str, str]:
    """The environment variables of the process in which the server computes: it has all cores.

    `MNIST_LAB_THREADS` sets another number of threads.
    """
    chosen = os.environ.get(THREADS, "")
    threads = chosen if chosen.isdecimal() and int(chosen) else str(min(cores(), MOST_THREADS))
    return clean_environment() | dict.fromkeys(
        ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS"), threads
    )


def cores() -> int:
    """The number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


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
