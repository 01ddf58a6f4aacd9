"""A process's memory, given back to the system where it is no longer needed; Linux only."""

from __future__ import annotations

import ctypes
import sys

import psutil

_M_MMAP_THRESHOLD = -3  # <malloc.h>
LARGE_BYTES = 8 << 20
_MADV_DONTNEED = 4  # <bits/mman-linux.h>


def map_large_blocks() -> None:
    """Have blocks of 8 MB or more leave the process as soon as they are free.

    Left to itself, glibc raises that bound to 32 MB with the first large block that is freed. What
    lies below it stays in the heap of the thread that asked for it: a process that had evaluated
    fourteen networks in as many threads held 60 MB more, and was no quicker.
    """
    _call("mallopt", _M_MMAP_THRESHOLD, LARGE_BYTES)


def give_back() -> None:
    """Give memory that Python and TensorFlow no longer use back to the system."""
    _call("malloc_trim", 0)


def leave_files() -> None:
    """Let go of the pages of programs and libraries; what is used again is mapped again.

    Importing TensorFlow touches 260 MB of them. No thread may be loading a library meanwhile.
    """
    for part in psutil.Process().memory_maps(grouped=False) if sys.platform == "linux" else ():
        # Where the linker has written addresses, part of it is not as the file has it, and would
        # be lost.
        as_in_file = part.path.startswith("/") and not (part.anonymous or part.swap)
        if as_in_file and part.perms.startswith("r") and "w" not in part.perms:
            start, end = (int(address, 16) for address in part.addr.split("-"))
            length = ctypes.c_size_t(end - start)
            _call("madvise", ctypes.c_void_p(start), length, _MADV_DONTNEED)


def _call(name: str, *arguments: object) -> None:
    if sys.platform == "linux":
        function = getattr(ctypes.CDLL(None), name, None)  # not in every C library
        if function is not None:
            function(*arguments)
