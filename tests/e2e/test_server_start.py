"""A server that starts tells the truth about what an earlier one left, without a page."""

from __future__ import annotations

from mnist_core import PRESETS
from mnist_core.storage.store import Store
from tests.e2e.helpers import wait_until
from tests.e2e.server import running


def test_runs_of_a_killed_server_are_told_before_anybody_opens_a_page(home, tmp_path):
    store = Store(home=home)
    run_id = store.create_run(PRESETS["two-layer"], server="gone")
    store.set_status(run_id, "running", step=300)
    with running(home, tmp_path / "server.log"):
        wait_until(lambda: not store.run(run_id).active, 30, "The run is still said to train")
        run = store.run(run_id)
        assert run.status == "stopped" and run.interrupted
        assert "server went down" in run.message and "Start it again" in run.message
    store.close()
