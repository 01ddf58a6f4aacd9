"""The name by which the system knows this process, in `ps -o comm` say; Linux only."""

from __future__ import annotations

import ctypes
import sys

_PR_SET_NAME = 15  # <linux/prctl.h>


def name_this_process(name: str) -> None:
    """Give this process a name, 15 characters at most; to be called in its main thread.

    A forked process would have the command line of the one it was forked from, and nothing else
    to be told by.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_NAME, name.encode(), 0, 0, 0)
