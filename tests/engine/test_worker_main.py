"""The local training process's entry point, as far as it goes without a scheduler."""

from __future__ import annotations

import asyncio
from typing import Any

import dask
import pytest

from mnist_core.engine import certificates, worker_main
from mnist_core.engine.dask_compat import WorkerWithoutHttp

made: list[WorkerWithoutHttp] = []


class Unstarted(WorkerWithoutHttp):
    """A worker that reaches for no scheduler."""

    async def __aenter__(self) -> Unstarted:
        made.append(self)
        return self

    async def __aexit__(self, *_: Any) -> None:
        pass

    async def finished(self) -> None:
        pass


def test_the_local_worker_is_not_profiled_though_dask_would(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(worker_main, "WorkerWithoutHttp", Unstarted)
    security = certificates.of_this_start()
    asyncio.run(worker_main._serve("tls://127.0.0.1:1", security))
    assert not [name for name in made.pop().periodic_callbacks if "profile" in name]
    monkeypatch.setattr(worker_main, "SETTINGS", {})
    asyncio.run(worker_main._serve("tls://127.0.0.1:1", security))
    assert "profile" in made.pop().periodic_callbacks
    assert dask.config.get("distributed.worker.profile.enabled"), "set for this worker alone"
