"""The way to the scheduler and its workers: those of a cluster that is named, or one's own."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import dask
from distributed import Client, SpecCluster
from distributed.security import Security

from mnist_core.engine import certificates, worker
from mnist_core.engine.dask_compat import SchedulerWithoutHttp, bear_clock_changes
from mnist_core.engine.worker_process import LocalWorker

log = logging.getLogger(__name__)

# Where nobody else writes the log, Dask has a handler of its own, which would tell of each
# connection. Its option `silence_logs` would turn down other people's handlers of that logger too.
for _handler in logging.getLogger("distributed").handlers:
    if type(_handler) is logging.StreamHandler:
        _handler.setLevel(logging.ERROR)

CONNECT_SECONDS = 10
CLOSE_SECONDS = 2
# How long a worker may take to give back what its last run took.
SETTLE_SECONDS = 0.5
# How long it may take until the scheduler knows that a worker has ended.
FAREWELL_SECONDS = 2
WAIT_SECONDS = 0.02
# A scheduler keeps what it was told last under each topic, snapshots of many megabytes among it;
# by Dask's default the last thousand. How few is for whoever starts it to say.
MOST_KEPT_MESSAGES = 10
KEPT_MESSAGES_SETTING = "DASK_DISTRIBUTED__ADMIN__LOW_LEVEL_LOG_LENGTH"


@dataclass(frozen=True)
class WorkerInfo:
    """One process that trains. `sign` changes whenever it says that it lives."""

    address: str
    threads: int
    memory: int
    sign: float = 0.0


@dataclass(frozen=True)
class Listener:
    """The callbacks of a connection, each called from its own thread, never with its lock held.

    `message` gets what workers tell, on Dask's event loop: it must return at once. `connected`
    and `failed`, which gets a sentence for people, end an attempt to connect.
    """

    message: Callable[[dict[str, Any]], None]
    connected: Callable[[], None]
    failed: Callable[[str], None]


class Connection:
    """Reaches the scheduler, with a local one and its worker when none is named.

    All threads of the engine may call all of it, with the engine's lock held or not, except that
    `close` is called without. Its own lock guards which client and local worker there are; it is
    held for no longer than it takes to start or end a process, and nothing of the engine is
    called meanwhile: the engine's lock may be taken before this one, never after.
    """

    def __init__(self, scheduler: str | None, trainer: str, topic: str, listener: Listener) -> None:
        """Connect to nothing yet.

        `scheduler` is an address, `trainer` names the function that trains, workers tell what
        happens under `topic`.
        """
        self._scheduler, self._trainer, self._topic = scheduler, trainer, topic
        self._listener = listener
        self._lock = threading.Lock()
        self._client: Client | None = None
        self._scheduler_id: str | None = None
        self._cluster: SpecCluster | None = None
        self._local: LocalWorker | None = None
        self._starting: threading.Thread | None = None
        self._closed = False

    # Reaching the scheduler

    @property
    def there(self) -> bool:
        """True when the scheduler has been reached."""
        return self._client is not None

    @property
    def scheduler_id(self) -> str | None:
        """The id of the scheduler that has been reached, unlike all others; None without one."""
        return self._scheduler_id if self._client is not None else None

    def open(self) -> None:
        """Connect in the background, if that has not happened; returns at once."""
        with self._lock:
            starting = self._starting is not None and self._starting.is_alive()
            if self._client is None and not starting and not self._closed:
                self._starting = threading.Thread(target=self._connect, daemon=True)
                self._starting.start()

    def drop_lost(self) -> None:
        """Let go of a scheduler that has gone, so that `open` reaches for it again."""
        client = self._client
        if client is not None and self._lost(client):
            log.warning("the scheduler does not answer any more")
            self._release(client)

    def _lost(self, client: Client) -> bool:
        """True when its scheduler has gone, also when another one has taken the address since.

        Dask's client goes over to such a one by itself, but without what it had subscribed to.
        """
        if client.status not in ("running", "newly-created"):
            return True
        if self._scheduler is None:  # it lives in this process
            return False
        try:
            return bool(client.scheduler_info(n_workers=0)["id"] != self._scheduler_id)
        except Exception:  # Dask raises many kinds; a busy scheduler is not a lost one
            return False

    def close(self) -> None:
        """End the connection, and the local scheduler and worker."""
        with self._lock:
            self._closed = True
            starting = self._starting
        if starting is not None:
            starting.join(timeout=2 * CONNECT_SECONDS)
        self._release(self._client)

    def _release(self, client: Client | None) -> None:
        """Close this client, and the local worker and scheduler: none of them outlives another."""
        with self._lock:  # whoever opens anew, or starts the worker again, does so before or after
            parts = [client, self._local, self._cluster]
            self._client = self._local = self._cluster = None
        for part in parts:
            # A scheduler that has gone takes no farewell; the others are to be closed all the same.
            with contextlib.suppress(Exception):
                if isinstance(part, LocalWorker):
                    part.close()
                elif part is not None:
                    part.close(timeout=CLOSE_SECONDS)

    def _connect(self) -> None:
        bear_clock_changes()
        client: Client | None = None
        try:
            if self._scheduler and (warning := certificates.warning_about(self._scheduler)):
                log.warning(warning)
            client = self._reach_scheduler()
            client.subscribe_topic(self._topic, self._heard)
            if self._scheduler:
                _warn_of_kept_messages(client)
            identity = client.scheduler_info(n_workers=0)["id"]
            with self._lock:
                self._client, self._scheduler_id = client, identity
            self._listener.connected()
        except Exception as error:  # Dask raises many kinds; whichever, nothing can train
            log.warning("no scheduler", exc_info=True)
            if self._client is None:
                self._release(client)
            self._listener.failed(self._no_scheduler(error))

    def _heard(self, event: tuple[float, dict[str, Any]]) -> None:
        """Pass on what a worker tells; Dask gives the time along with it."""
        local = self._local
        if local is not None:
            local.heard()
        self._listener.message(event[1])

    def _reach_scheduler(self) -> Client:
        settings = {
            # What Dask keeps of past events: without a bound, every snapshot for ever.
            "distributed.admin.low-level-log-length": 1,
            "distributed.scheduler.allowed-failures": 0,
            "distributed.comm.timeouts.connect": f"{CONNECT_SECONDS}s",
        }
        with dask.config.set(settings):
            if self._scheduler is None:
                address, security = self._start_own()
            else:
                address, security = self._scheduler, certificates.of_the_cluster()
            return Client(address, security=security, timeout=CONNECT_SECONDS, set_as_default=False)

    def _start_own(self) -> tuple[str, Security]:
        security = certificates.of_this_start()
        options = {"host": "127.0.0.1", "port": 0, "protocol": "tls://", "security": security}
        self._cluster = SpecCluster(
            scheduler={"cls": SchedulerWithoutHttp, "options": options | {"dashboard": False}},
            security=security,
        )
        warm = self._trainer == worker.TRAIN
        self._local = LocalWorker(self._cluster.scheduler_address, security, warm)
        return self._cluster.scheduler_address, security

    def _no_scheduler(self, error: Exception) -> str:
        if self._scheduler is None:
            return f"The training process could not be started ({type(error).__name__}: {error})."
        if isinstance(error, certificates.Missing):
            return str(error)
        return (
            f"The scheduler at {self._scheduler} cannot be reached. Start it, or unset "
            "MNIST_LAB_SCHEDULER to train on this computer."
        )

    # Its workers

    def workers(self) -> list[WorkerInfo] | None:
        """The processes that train now; None when the scheduler does not say."""
        client = self._client
        if client is None:
            return None
        try:
            return workers_of(client)
        except Exception:  # Dask raises many kinds of error
            log.warning("the scheduler did not answer", exc_info=True)
            return None

    def submit(self, orders: Sequence[worker.Order], number: int) -> Any:
        """Have a worker train these runs, one after the other; lower `number`s come first.

        Returns Dask's future, None without a scheduler.
        """
        client = self._client
        if client is None:
            return None
        return client.submit(
            worker.train_runs,
            list(orders),
            self._topic,
            self._trainer,
            key=orders[0]["attempt"],
            pure=False,
            # Else Dask orders what it gets within a tenth of a second by its keys.
            priority=-number,
        )

    def call(self, address: str, function: Callable[..., object], *arguments: Any) -> None:
        """Have a worker call this, beside what it trains, and wait until it has.

        One that hangs makes the caller wait. Raises what Dask raises without a scheduler.
        """
        client = self._client
        if client is not None and not self._closed:
            client.run(function, *arguments, workers=[address], on_error="ignore")

    # The local worker

    @property
    def has_worker(self) -> bool:
        """True when there is a local worker, or one is about to start."""
        return self._local is not None

    @property
    def worker_pid(self) -> int | None:
        """The process id of the local worker, None while there is none that has started."""
        local = self._local
        return local.pid if local is not None else None

    def revive_worker(self) -> int | None:
        """Start a local worker again that has died; its exit code when it does so each time."""
        with self._lock:
            if self._closed or self._local is None:
                return None
            return self._local.revive()

    def end_worker(self) -> None:
        """Kill the local worker, one that hangs too; `revive_worker` starts another."""
        with self._lock:
            if self._local is not None:
                self._local.kill()

    def renew_worker(self, awaited: bool = False) -> None:
        """Replace a local worker that has grown large; it must have nothing to do.

        `awaited`: a run that waits has just taken over from another one. Then it is replaced only
        where that takes no time, and is given a moment to return what that one took.
        """
        local = self._local
        if local is None or not local.has_grown_large():
            return
        if awaited and not (local.starts_quickly and _stays_large(local)):
            return
        self._replace(local, awaited)

    def suit_worker(self, share_operations: bool) -> None:
        """Have the threads of a local worker as the next run needs them; it has nothing to do.

        Only where another one is there at once. `share_operations` is as for `LocalWorker.renew`.
        """
        local = self._local
        if local is not None and local.starts_quickly and not local.suits(share_operations):
            self._replace(local, True, share_operations)

    def _replace(self, local: LocalWorker, awaited: bool, share_operations: bool = False) -> None:
        before = self._addresses()
        with self._lock:
            if self._closed or self._local is not local:
                return
            local.renew(awaited, share_operations)
        # Else the scheduler would give the next run to the one that has just ended.
        _wait(lambda: not before & self._addresses(), FAREWELL_SECONDS)

    def _addresses(self) -> set[str]:
        return {info.address for info in self.workers() or []}


def _stays_large(local: LocalWorker) -> bool:
    """False for a worker that gives back in this moment what its last run took."""
    return not _wait(lambda: not local.has_grown_large(), SETTLE_SECONDS)


def _wait(condition: Callable[[], bool], seconds: float) -> bool:
    """Wait until the condition holds; False when it does not within `seconds`."""
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            return False
        time.sleep(WAIT_SECONDS)
    return True


def workers_of(client: Client) -> list[WorkerInfo]:
    """The processes that the client's scheduler knows, idle ones too. Raises what Dask raises."""
    known = client.scheduler_info(n_workers=-1)["workers"]
    return [
        WorkerInfo(
            address,
            info["nthreads"],
            info.get("metrics", {}).get("memory", 0),
            info["last_seen"],
        )
        for address, info in known.items()
    ]


def kept_messages(client: Client) -> int:
    """The number of past messages of each server that the scheduler keeps, by its setting."""
    name = "distributed.admin.low-level-log-length"
    return int(client.run_on_scheduler(dask.config.get, name, 1000))


def _warn_of_kept_messages(client: Client) -> None:
    with contextlib.suppress(Exception):  # Dask raises many kinds; then nothing is said
        if (count := kept_messages(client)) > MOST_KEPT_MESSAGES:
            log.warning(
                "the scheduler keeps %d messages of each server in memory, weights among them: "
                "start it with %s=1",
                count,
                KEPT_MESSAGES_SETTING,
            )
