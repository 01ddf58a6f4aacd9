"""The folders of this installation and of its state, which its user alone may read."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path

from platformdirs import user_data_path

# The folder that this package lies in, with data/, models/ and app.py.
REPOSITORY = Path(__file__).resolve().parents[2]


def home() -> Path:
    """`MNIST_LAB_HOME`, else the usual place for a user's data on this system; not created here."""
    if chosen := os.environ.get("MNIST_LAB_HOME"):
        return Path(chosen).expanduser()
    return user_data_path("mnist-lab", appauthor=False)


def private_folder(folder: Path) -> None:
    """Make the folder where it is missing, and close it to other users, whatever the umask.

    One that is everybody's, as `/tmp` is, stays as it is. Raises OSError.
    """
    if not folder.exists():
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)
    elif not folder.stat().st_mode & stat.S_ISVTX:
        _close_to_others(folder)


def private_file(path: Path) -> None:
    """Make the file where it is missing, empty, and close it to other users. Raises OSError."""
    try:
        # Closed from its first moment on: who has opened it may go on reading.
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        path.chmod(0o600)
    except FileExistsError:
        _close_to_others(path)


def _close_to_others(path: Path) -> None:
    with suppress(PermissionError):  # another user's, who lets this one write there
        mode = path.stat().st_mode
        path.chmod(mode & (0o700 if stat.S_ISDIR(mode) else 0o600))
