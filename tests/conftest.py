"""What holds for every test: state in a temporary home, no settings from outside, no network."""

from __future__ import annotations

import functools
import os
import socket
import tempfile

import pytest
from streamlit.components.v2 import manifest_scanner
from streamlit.components.v2.component_manager import BidiComponentManager
from streamlit.runtime.scriptrunner import script_runner
from streamlit.testing.v1 import app_test

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ["KERAS_BACKEND"] = "tensorflow"
# For whatever looks at it while modules are imported; each test then gets a home of its own.
os.environ["MNIST_LAB_HOME"] = tempfile.mkdtemp(prefix="mnist-lab-tests-")


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """MNIST_LAB_HOME of this test: an empty folder."""
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("MNIST_LAB_HOME", str(folder))
    for name in ("MNIST_LAB_SCHEDULER", "MNIST_LAB_DATABASE", "MNIST_LAB_PUBLIC"):
        monkeypatch.delenv(name, raising=False)
    return folder


@pytest.fixture
def store(home):
    """A new store in the test's home."""
    from mnist_core.storage.store import Store

    opened = Store()
    yield opened
    opened.close()


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    """Reaching beyond this machine is a failure: MNIST Lab runs without a network."""
    connect = socket.socket.connect

    def connect_here(self, address):
        local = self.family not in (socket.AF_INET, socket.AF_INET6) or (
            str(address[0]).startswith("127.") or address[0] in ("::1", "localhost")
        )
        # Dask finds out its own address by “connecting” a datagram socket; that sends nothing.
        if not local and self.type != socket.SOCK_DGRAM:
            raise AssertionError(f"The test tried to reach {address} over the network.")
        return connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", connect_here)


class ComponentsOfPackages(BidiComponentManager):
    """Streamlit's register of components, with those of installed packages, as its server has."""

    def __init__(self, *args, **more):
        super().__init__(*args, **more)
        self.discover_and_register_components(start_file_watching=False)


@pytest.fixture(scope="session", autouse=True)
def components_of_packages():
    """Pages run without Streamlit's server here, which would find the drawable canvas."""
    scan = functools.cache(manifest_scanner.scan_component_manifests)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(manifest_scanner, "scan_component_manifests", scan)
        patch.setattr(app_test, "BidiComponentManager", ComponentsOfPackages)
        yield


@pytest.fixture(scope="session", autouse=True)
def compiled_networks_stay():
    """Pages compute in the tests' own process, and a server in another one.

    Where there is Keras, Streamlit clears its session after each run of a page.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(script_runner, "_clean_problem_modules", lambda: None)
        yield


@pytest.fixture(autouse=True)
def _new_server(home):
    """Each test is a server of its own: what a process has once is made anew, and then closed."""
    from mnist_core.base.once import close_all

    yield
    close_all()
