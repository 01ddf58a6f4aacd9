"""What a process may say of itself to the system, by prctl(2); Linux only."""

from __future__ import annotations

import ctypes
import sys

# <linux/prctl.h>
_PR_SET_NAME = 15
_PR_SET_CHILD_SUBREAPER = 36


def name_this_process(name: str) -> None:
    """Have `ps -o comm` say `name`, 15 characters at most; to be called in the main thread.

    A forked process would have the command line of the one it was forked from, and nothing else
    to be told by.
    """
    _prctl(_PR_SET_NAME, name.encode())


def adopt_orphans(adopt: bool) -> bool:
    """Have processes below this one fall to it when their parents end; False where that fails.

    As the man page says, "a subreaper fulfills the role of init(1) for its descendant processes".
    """
    return _prctl(_PR_SET_CHILD_SUBREAPER, int(adopt))


def _prctl(option: int, value: int | bytes) -> bool:
    return sys.platform == "linux" and ctypes.CDLL(None).prctl(option, value, 0, 0, 0) == 0
