"""Checks an installation and says what is wrong and what to do: `python -m mnist_core doctor`.

Nothing that is stored changes. Each check imports what it needs itself, so that it can also tell
what is missing.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

INSTALL = "Run “make app”, or “pip install -r requirements.txt”."
PYTHONS = ((3, 11), (3, 13))
PORT = 8501
ANSWER_SECONDS = 5
WORKER_SECONDS = 60
# Less than this and a few runs, or TensorFlow in two processes, do not fit.
LEAST_DISK, LEAST_MEMORY = 500_000_000, 1_200_000_000
# Of larger databases it takes too long to read every page.
LARGEST_SCANNED = 500_000_000


class Wrong(Exception):
    """A check that failed; the message says what is wrong and what to do."""


@dataclass(frozen=True)
class Finding:
    """The result of a check: `text` is a fact when all is well, else the problem and its remedy."""

    name: str
    well: bool
    text: str

    def __str__(self) -> str:
        return f"{'ok     ' if self.well else 'PROBLEM'}  {self.name:<9}  {self.text}"


def examine(port: int = PORT) -> Iterator[Finding]:
    """All checks, one after the other; a worker starts meanwhile."""
    with _worker_check() as worker:
        checks: list[tuple[str, Callable[[], str]]] = [
            ("python", python),
            ("packages", packages),
            ("data", data),
            ("home", home),
            ("database", database),
            ("settings", settings),
            ("machine", machine),
            ("port", lambda: free_port(port)),
            ("network", network),
            ("model", model),
            ("worker", worker),
        ]
        for name, check in checks:
            yield examined(name, check)


def examined(name: str, check: Callable[[], str]) -> Finding:
    """Do one check."""
    try:
        return Finding(name, True, check())
    except ImportError as error:
        return Finding(name, False, f"A package is missing or broken ({error}). {INSTALL}")
    except Exception as error:  # whatever is broken, the other checks go on
        known = isinstance(error, Wrong) or type(error).__module__.startswith("mnist_core.")
        said = str(error) if known else f"{type(error).__name__}: {error}"
        return Finding(name, False, " ".join(said.split()))


def python() -> str:
    """The interpreter."""
    least, most = (".".join(map(str, each)) for each in PYTHONS)
    found = ".".join(map(str, sys.version_info[:3]))
    if not PYTHONS[0] <= sys.version_info[:2] <= PYTHONS[1]:
        raise Wrong(f"Python is {found}. MNIST Lab needs {least} to {most}: make .venv with one.")
    return f"{found} in {sys.prefix}"


def packages() -> str:
    """Each pinned package is there, at its version."""
    from mnist_core.base import packages as known

    wrong = []
    for requirement in known.pinned():
        wanted, found = known.version(requirement), known.installed(requirement.name)
        if found is None:
            wrong.append(f"{requirement.name} {wanted} is missing")
        elif found != wanted:
            wrong.append(f"{requirement.name} is {found} instead of {wanted}")
    if wrong:
        raise Wrong(f"{'; '.join(wrong)}. {INSTALL}")
    return f"{len(known.pinned())} packages as in requirements.txt"


def data() -> str:
    """MNIST is there, with its authors' checksums."""
    from mnist_core.data import mnist

    found = mnist.load()
    return f"{len(found.x_train):,} and {len(found.x_test):,} images, checksums right"


def model() -> str:
    """The model that ships reads one of MNIST's own digits."""
    with _without_native_messages():
        from mnist_core import load_default_model, read_drawing
        from mnist_core.data import mnist

        images = mnist.load()
        reading = read_drawing(images.x_test[0], load_default_model())
    if reading.digit != images.y_test[0]:
        raise Wrong(
            f"The default model reads a {images.y_test[0]} as {reading.digit}. Restore it with "
            f"“git checkout models”. {INSTALL}"
        )
    return f"it reads a {reading.digit} as {reading.digit}"


@contextlib.contextmanager
def _without_native_messages() -> Iterator[None]:
    """TensorFlow writes to standard error while it loads, whatever it is told."""
    sys.stderr.flush()
    kept = os.dup(2)
    with Path(os.devnull).open("wb") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def home() -> str:
    """The folder for local state takes a file, and has room."""
    from mnist_core.base.paths import home as folder_of_state

    folder = folder_of_state()
    there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    remedy = "Make it writable, or set MNIST_LAB_HOME to a folder that is."
    try:
        with tempfile.TemporaryFile(dir=there) as file:
            file.write(b"mnist-lab")
    except OSError as error:
        raise Wrong(f"The folder {folder} cannot be written ({error.strerror}). {remedy}") from None
    free = shutil.disk_usage(there).free
    if free < LEAST_DISK:
        raise Wrong(
            f"Only {free / 1e6:,.0f} MB are free in {folder}. Make room, or set MNIST_LAB_HOME to "
            "a folder with more."
        )
    return f"{folder} is writable, {free / 1e9:,.1f} GB free"


def database() -> str:
    """The database answers, is whole and takes a row, which is taken back at once."""
    import sqlalchemy as sa

    from mnist_core.base.paths import home as folder_of_state

    file = folder_of_state() / "lab.db"
    url = os.environ.get("MNIST_LAB_DATABASE") or f"sqlite:///{file}"
    try:
        where = sa.make_url(url)
    except sa.exc.ArgumentError:
        raise Wrong(
            "MNIST_LAB_DATABASE is not a database address such as "
            "postgresql+psycopg://name:password@host/name."
        ) from None
    if where.get_backend_name() == "sqlite" and not Path(where.database or "").exists():
        return "none yet; the app creates it at its first start"
    try:
        return _insert_and_take_back(where)
    except sa.exc.SQLAlchemyError as error:
        reason = " ".join(str(getattr(error, "orig", None) or error).split())
        raise Wrong(
            f"{_shown(where)} does not work ({reason}). {_database_remedy(where)}"
        ) from None


def _insert_and_take_back(where: Any) -> str:
    import sqlalchemy as sa

    from mnist_core.storage import schema

    waits = {"sqlite": "timeout", "postgresql": "connect_timeout"}.get(where.get_backend_name())
    engine = sa.create_engine(where, connect_args={waits: ANSWER_SECONDS} if waits else {})
    try:
        with engine.connect() as connection:
            _scan(connection, where)
            if not sa.inspect(connection).has_table(schema.servers.name):
                return f"{_shown(where)} answers, still empty"
            values = {"id": "doctor", "host": socket.gethostname(), "pid": os.getpid()}
            moment = sa.func.current_timestamp()
            new = schema.servers.insert().values(**values, process_started=0, heartbeat=moment)
            connection.execute(new)
            connection.rollback()
    finally:
        engine.dispose()
    return f"{_shown(where)} takes rows"


def _scan(connection: Any, where: Any) -> None:
    """Let SQLite look through its file, unless that takes long."""
    if where.get_backend_name() != "sqlite":
        return
    if Path(where.database).stat().st_size <= LARGEST_SCANNED:
        said = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar()
        if said != "ok":
            raise Wrong(f"{_shown(where)} is damaged ({said}). {_database_remedy(where)}")


def _shown(where: Any) -> str:
    if where.get_backend_name() == "sqlite":
        return str(where.database)
    return str(where.render_as_string(hide_password=True))


def _database_remedy(where: Any) -> str:
    if where.get_backend_name() == "sqlite":
        return "Make file and folder writable; restore a damaged file from a backup, or move it."
    return "Start the database, or correct MNIST_LAB_DATABASE (unset: SQLite in the home folder)."


# Also those that one part of MNIST Lab sets for another.
_SETTINGS = {
    "MNIST_LAB_HOME",
    "MNIST_LAB_DATABASE",
    "MNIST_LAB_SCHEDULER",
    "MNIST_LAB_CERTIFICATES",
    "MNIST_LAB_PUBLIC",
    "MNIST_LAB_TRUSTED_PROXIES",
    "MNIST_LAB_FORK",
    "MNIST_LAB_THREADS",
    "MNIST_LAB_LOG",
    "MNIST_LAB_STATUS_KEY",
    "MNIST_LAB_ARTIFACTS",
    "MNIST_LAB_WARM",
    "MNIST_LAB_EXIT_WITH_PARENT",
    "MNIST_LAB_SHARED_ARRAYS",
    "MNIST_LAB_SHARE_OPERATIONS",
}


def _ours() -> set[str]:
    return {name for name in os.environ if name.startswith("MNIST_LAB_")} - _SETTINGS


def settings() -> str:
    """Environment variables of ours: each is known, and a number where it must be one."""
    from mnist_core.base import environments, logs
    from mnist_core.cli import admin_key
    from mnist_core.visitors import addresses, limits

    wrong = limits.setting_problems() + addresses.setting_problems()
    wrong += [f"{name} is no setting of MNIST Lab" for name in sorted(_ours() - limits.names())]
    if (threads := os.environ.get(environments.THREADS, "").strip()) and (
        not threads.isdecimal() or not 1 <= int(threads) <= 4 * (os.cpu_count() or 1)
    ):
        wrong.append(
            f"{environments.THREADS}={threads}: give a number from 1 to the number of cores, "
            f"{os.cpu_count()} here"
        )
    if os.environ.get(logs.SETTING, "").strip().lower() not in ("", *logs.FORMS):
        wrong.append(f"{logs.SETTING} is one of {', '.join(logs.FORMS)}")
    if os.environ.get(admin_key.SETTING) and not admin_key.is_set():
        wrong.append(f"{admin_key.SETTING} needs {admin_key.SHORTEST} or more characters")
    if wrong:
        raise Wrong(f"{'; '.join(wrong)}.")
    shared = "a shared server" if limits.current().public else "a personal lab"
    return f"{shared}, threads for training: {environments.training_threads()}"


def machine() -> str:
    """Memory for the app and its worker."""
    import psutil

    memory = psutil.virtual_memory()
    if memory.available < LEAST_MEMORY:
        raise Wrong(
            f"Only {memory.available / 1e9:.1f} GB of memory are free; the app and its training "
            f"process need {LEAST_MEMORY / 1e9:.1f}. Close other programs."
        )
    return f"{os.cpu_count()} cores, {memory.available / 1e9:.1f} GB of memory free"


def free_port(port: int = PORT) -> str:
    """The app's port is free, or it is the app that has it."""
    with socket.socket() as probe:
        probe.settimeout(ANSWER_SECONDS)
        if probe.connect_ex(("127.0.0.1", port)) != 0:
            return f"{port} is free"
    path = os.environ.get("STREAMLIT_SERVER_BASE_URL_PATH", "").strip("/")
    with contextlib.suppress(OSError, ValueError):
        address = f"http://127.0.0.1:{port}{path and '/' + path}/_stcore/health"
        with urllib.request.urlopen(address, timeout=ANSWER_SECONDS) as answer:
            if answer.read(16) == b"ok":
                return f"an app answers on {port}"
    raise Wrong(
        f"Another program, or another lab, uses port {port}. Choose another: “make app "
        f"PORT={port + 1}”."
    )


def network() -> str:
    """Nobody without a certificate reaches what can run code."""
    from mnist_core.engine import certificates

    address = os.environ.get("MNIST_LAB_SCHEDULER")
    if not address:
        return "only the app’s own port is open beyond this machine"
    if warning := certificates.warning_about(address):
        raise Wrong(warning)
    certificates.of_the_cluster()
    if problem := certificates.problem():
        raise Wrong(problem)
    return f"the scheduler at {address} listens to those with a certificate"


# The worker


@contextlib.contextmanager
def _worker_check() -> Iterator[Callable[[], str]]:
    """Start what the check of training needs, give the check, and end it all with the block."""
    if address := os.environ.get("MNIST_LAB_SCHEDULER"):
        yield lambda: scheduler(address)
        return
    with contextlib.ExitStack() as stack:
        try:
            training = stack.enter_context(_training())
        except Exception as error:  # said when it is the worker's turn
            yield _raising(error)
        else:
            yield training


def _raising(error: Exception) -> Callable[[], str]:
    def check() -> str:
        raise error

    return check


@contextlib.contextmanager
def _training() -> Iterator[Callable[[], str]]:
    """Begin a run on a worker of its own and a store that is thrown away."""
    from mnist_core import Experiment
    from mnist_core.engine.engine import Engine
    from mnist_core.storage.store import Store

    small = Experiment.from_query("layers=flatten;dense(units:10)&training_images=1000&epochs=1")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        store = Store(url=f"sqlite:///{Path(folder) / 'doctor.db'}")
        engine = Engine(store)
        try:
            run = engine.start(small)
            yield lambda: _trained(store, run)
        finally:
            engine.close()
            store.close()


def _trained(store: Any, run_id: str) -> str:
    end = time.monotonic() + WORKER_SECONDS
    while time.monotonic() < end:
        run = store.run(run_id)
        if run.status in ("failed", "stopped"):
            raise Wrong(f"{run.message} Start the app with MNIST_LAB_LOG=text and read its log.")
        if run.step > 0:
            return f"a process trained {run.step} steps"
        time.sleep(0.05)
    raise Wrong(
        f"The training process did not answer within {WORKER_SECONDS} seconds. Look for a program "
        "that keeps the processor busy, or a firewall that closes ports of 127.0.0.1."
    )


def connected(address: str) -> Any:
    """A client of the scheduler. Raises Wrong."""
    from distributed import Client

    from mnist_core.engine import certificates

    try:
        security = certificates.of_the_cluster()
        return Client(address, security=security, timeout=ANSWER_SECONDS, set_as_default=False)
    except certificates.Missing as error:
        raise Wrong(str(error)) from None
    except Exception:  # Dask raises many kinds
        raise Wrong(
            f"The scheduler at {address} cannot be reached. Start it, or put MNIST_LAB_SCHEDULER "
            "right (unset: train on this computer)."
        ) from None


def scheduler(address: str) -> str:
    """The scheduler answers, and has workers that know MNIST Lab."""
    from mnist_core.engine import dask_client, worker

    client = connected(address)
    try:
        count = len(client.scheduler_info(n_workers=-1)["workers"])
        if not count:
            raise Wrong(
                f"The scheduler at {address} has no workers. Start one: “python -m dask worker "
                f"{address} --nthreads 1 --no-nanny --no-dashboard "
                "--preload mnist_core.engine.worker”."
            )
        answers = client.run(worker.receive, "doctor", {}, on_error="return")
        lost = [name for name, answer in answers.items() if answer is not False]
        if lost:
            raise Wrong(
                f"The worker at {lost[0]} does not know MNIST Lab. Start it in the repository’s "
                "folder with --preload mnist_core.engine.worker."
            )
        if (kept := dask_client.kept_messages(client)) > dask_client.MOST_KEPT_MESSAGES:
            raise Wrong(
                f"The scheduler at {address} keeps {kept} messages of each server in memory, "
                f"weights among them. Start it with {dask_client.KEPT_MESSAGES_SETTING}=1."
            )
    finally:
        client.close(timeout=2)
    return f"{count} at the scheduler {address}"


def report(findings: Iterator[Finding] | Sequence[Finding], say: Callable[[str], None]) -> bool:
    """Say each finding when it comes; True when there is no problem."""
    wrong = 0
    for finding in findings:
        say(str(finding))
        wrong += not finding.well
    say("All is well." if not wrong else f"{wrong} problem{'s' if wrong > 1 else ''}.")
    return not wrong
