"""Programs of a cluster in processes of their own."""

from __future__ import annotations

import os
import subprocess
import sys

from mnist_core.base.paths import REPOSITORY
from mnist_core.engine.dask_client import KEPT_MESSAGES_SETTING
from mnist_core.engine.worker import WARM


def start(*arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", *arguments],
        cwd=REPOSITORY,
        # What these train needs no TensorFlow: it would only take its time to load.
        env=os.environ | {"PYTHONPATH": str(REPOSITORY), KEPT_MESSAGES_SETTING: "1", WARM: "0"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
