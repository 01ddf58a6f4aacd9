"""Where this installation keeps its local state."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def home() -> Path:
    """`MNIST_LAB_HOME`, else the usual place for a user's data on this system; not created here."""
    if chosen := os.environ.get("MNIST_LAB_HOME"):
        return Path(chosen).expanduser()
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Application Support"
    else:
        base = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    return base / "mnist-lab"
