"""A process with a wrong wall clock: import this before anything that asks for the time.

The file named in FAKE_CLOCK holds how many seconds are added; it may change at any time. With
FAKE_HOST the process also believes to be on another machine.
"""

from __future__ import annotations

import datetime
import os
import socket
import time
from pathlib import Path

_file = Path(os.environ["FAKE_CLOCK"])
_time, _time_ns = time.time, time.time_ns


def _shift() -> float:
    return float(_file.read_text() or 0)


class _Shifted(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return cls.fromtimestamp(_time() + _shift(), tz)


time.time = lambda: _time() + _shift()
time.time_ns = lambda: _time_ns() + int(_shift() * 1e9)
datetime.datetime = _Shifted
if "FAKE_HOST" in os.environ:
    socket.gethostname = lambda: os.environ["FAKE_HOST"]
