"""For whoever runs a server: `python -m mnist_core doctor` and `python -m mnist_core status`."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from mnist_core.cli import doctor

if TYPE_CHECKING:
    from mnist_core.engine.dask_client import WorkerInfo

REPOSITORY = Path(__file__).resolve().parent.parent


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line asks for; 0 when all is well, else 1."""
    parser = argparse.ArgumentParser(prog="python -m mnist_core", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    check = commands.add_parser("doctor", help="check this installation and say what mends it")
    check.add_argument("--port", type=int, help="the app's port")
    look = commands.add_parser("status", help="queue, workers, memory, versions, last errors")
    look.add_argument("--json", action="store_true", help="for programs")
    chosen = parser.parse_args(arguments)
    # What Dask notes about a connection is for its own developers.
    os.environ.setdefault("DASK_LOGGING__DISTRIBUTED", "critical")
    _find_service(quiet=chosen.command == "status" and chosen.json)
    take_secrets([Path.home(), REPOSITORY])
    if chosen.command == "doctor":
        port = chosen.port or int(os.environ.get("STREAMLIT_SERVER_PORT", doctor.PORT))
        return 0 if doctor.report(doctor.examine(port), _say) else 1
    return _status(chosen.json)


def _find_service(quiet: bool) -> None:
    """Look at the lab that runs here, unless a setting names one."""
    try:
        from mnist_core.cli import service
    except ImportError:  # without psutil, as the doctor will say
        return
    if any(os.environ.get(name) for name in service.CHOSEN_BY):
        return
    try:
        found = service.running()
    except service.NotAllowed as error:
        found = None
        print(error, file=sys.stderr)  # noqa: T201
    if found is not None:
        service.take_its_place(found)
    if not quiet:
        _say(f"Looking at {found or 'the lab of this user, which does not run'}.")


def take_secrets(folders: Sequence[Path]) -> None:
    """Settings in Streamlit's secrets count here too; as in Streamlit, the later file wins."""
    try:
        import tomllib
    except ImportError:  # an old Python, as the doctor will say
        return
    for folder in folders:
        try:
            secrets = tomllib.loads((folder / ".streamlit" / "secrets.toml").read_text("utf-8"))
        except (OSError, ValueError):
            continue
        for name, value in secrets.items():
            if name.startswith("MNIST_LAB_") and isinstance(value, str | int | float):
                os.environ[name] = str(value)


def _status(as_json: bool) -> int:
    from mnist_core.base.paths import home
    from mnist_core.cli import status
    from mnist_core.storage.store import Store, StoreError

    if not os.environ.get("MNIST_LAB_DATABASE") and not (home() / "lab.db").exists():
        _say(f"There is no database in {home()} yet. Is MNIST_LAB_HOME the server’s?")
        return 1
    try:
        store = Store()
        found = status.look(store, _workers())
        store.close()
    except StoreError as error:
        _say(str(error))
        return 1
    _say(json.dumps(asdict(found), default=str) if as_json else status.text(found))
    return 0


def _workers() -> list[WorkerInfo]:
    """Those of the cluster, where there is one that answers."""
    from mnist_core.engine import dask_client

    address = os.environ.get("MNIST_LAB_SCHEDULER")
    if not address:
        return []
    try:
        client = doctor.connected(address)
    except doctor.Wrong as error:
        print(error, file=sys.stderr)  # noqa: T201
        return []
    try:
        return dask_client.workers_of(client)
    finally:
        client.close(timeout=2)


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201


if __name__ == "__main__":
    sys.exit(main())
