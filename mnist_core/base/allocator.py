"""The C library's allocator, told to give memory back to the system."""

from __future__ import annotations

import ctypes
import sys

_M_MMAP_THRESHOLD = -3  # <malloc.h>
LARGE_BYTES = 8 << 20


def map_large_blocks() -> None:
    """Have blocks of 8 MB or more leave the process as soon as they are free, on Linux.

    Left to itself, glibc raises that bound to 32 MB with the first large block that is freed. What
    lies below it stays in the heap of the thread that asked for it: a server that had evaluated
    fourteen networks in as many threads held 60 MB more, and was no quicker.
    """
    _call("mallopt", _M_MMAP_THRESHOLD, LARGE_BYTES)


def give_back() -> None:
    """Give memory that Python and TensorFlow no longer use back to the system, on Linux."""
    _call("malloc_trim", 0)


def _call(name: str, *arguments: int) -> None:
    if sys.platform == "linux":
        function = getattr(ctypes.CDLL(None), name, None)  # not in every C library
        if function is not None:
            function(*arguments)
