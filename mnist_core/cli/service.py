"""The lab that runs on this machine from this folder, for commands that look at it from outside."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from mnist_core.base.paths import REPOSITORY

# With one of these the person has said themselves which lab they mean.
CHOSEN_BY = ("MNIST_LAB_HOME", "MNIST_LAB_DATABASE")
TAKEN_OVER = ("MNIST_LAB_", "STREAMLIT_", "DASK_")
# Where they decide about files: the home of the service's user.
PLACES = ("HOME", "XDG_DATA_HOME")
OPTIONS = {
    "--server.port": "STREAMLIT_SERVER_PORT",
    "--server.baseUrlPath": "STREAMLIT_SERVER_BASE_URL_PATH",
}


@dataclass(frozen=True)
class Service:
    """A running lab; `settings` are the environment variables that count for it."""

    pid: int
    user: str
    settings: Mapping[str, str]

    def __str__(self) -> str:
        return f"the lab that runs as {self.user}, process {self.pid}"


class NotAllowed(Exception):
    """A lab runs, and its settings are another user's; the message says what to do."""


def running() -> Service | None:
    """The lab that runs from this folder, the oldest where there are several.

    Raises NotAllowed.
    """
    anothers = None
    for process in sorted(_labs(), key=psutil.Process.create_time):
        try:
            settings = process.environ() | _options(process.cmdline())
            return Service(process.pid, process.username(), settings)
        except psutil.AccessDenied:
            anothers = process.username()
        except psutil.NoSuchProcess:
            continue
    if anothers is not None:
        raise NotAllowed(
            f"A lab that runs here belongs to the user {anothers}. To look at that one, run this "
            "as root: sudo .venv/bin/python -m mnist_core …"
        )
    return None


def take_its_place(service: Service) -> None:
    """Have this process see what the service sees: its settings, and as its user.

    As root it becomes that user for good, so that it leaves no file behind that the service
    cannot write.
    """
    for name in [name for name in os.environ if name.startswith(TAKEN_OVER)]:
        del os.environ[name]
    for name, value in service.settings.items():
        if name.startswith(TAKEN_OVER) or name in PLACES:
            os.environ[name] = value
    if os.name == "posix" and os.geteuid() == 0 and service.user != "root":
        import pwd

        account = pwd.getpwnam(service.user)
        os.environ.setdefault("HOME", account.pw_dir)
        os.initgroups(account.pw_name, account.pw_gid)
        os.setgid(account.pw_gid)
        os.setuid(account.pw_uid)


def _labs() -> Iterator[psutil.Process]:
    """Processes of Streamlit that serve this folder's app, or may do so."""
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            arguments = process.cmdline()
            is_app = "streamlit" in " ".join(arguments[:3]) and "app.py" in arguments[3:6]
            if is_app and _is_here(process):
                yield process


def _is_here(process: psutil.Process) -> bool:
    """True when it runs in this folder, and for another user's process that does not tell."""
    # By the folder itself: one of the same name in a container is another.
    folder = Path(f"/proc/{process.pid}/cwd")
    try:
        return REPOSITORY.samefile(folder if folder.exists() else process.cwd())
    except (psutil.AccessDenied, PermissionError):
        return True
    except OSError:
        return False


def _options(arguments: list[str]) -> dict[str, str]:
    """Streamlit's options on the command line as the settings of the same meaning."""
    found = {}
    for place, argument in enumerate(arguments):
        name, equals, value = argument.partition("=")
        if name in OPTIONS:
            found[OPTIONS[name]] = value if equals else "".join(arguments[place + 1 : place + 2])
    return found
