"""Where training runs: one local worker process by default, a Dask cluster when one is named.

The app's process trains nothing. It hands each run to Dask as one task, receives the run's
events through a Dask topic, and writes each into the store. A monitor thread watches over runs
and worker: what has died is said within seconds.
"""

from __future__ import annotations

import contextlib
import logging
import os
import queue
import secrets
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import dask
from distributed import Client, LocalCluster

from mnist_core import (
    data_transfer,
    kept_data,
    limits,
    relay,
    servers,
    visitors,
    waiting,
    warden,
    worker,
)
from mnist_core.dask_clock import bear_clock_changes
from mnist_core.events import Failed, from_message, pack_arrays, to_message
from mnist_core.local_worker import REPOSITORY as REPOSITORY
from mnist_core.local_worker import LocalWorker
from mnist_core.spec import Experiment
from mnist_core.store import Run, Store, StoreError, Unavailable

log = logging.getLogger(__name__)

MONITOR_SECONDS = 0.5
# A worker is gone when it is missing this many times in a row.
LOOKS = 3
HEARTBEAT_SECONDS = 2.0
CONNECT_SECONDS = 10
# How often a run that has not begun is handed out, and how long its last event may take.
MAX_TRIES = 3
# A process that ends so often in a row without a word cannot train at all.
MAX_DEATHS = 5
SWEEP_SECONDS = 2.0
# How often limits are looked at, and how long the speeds of recent runs are kept at hand.
LIMITS_SECONDS = 2.0
RATES_SECONDS = 10.0
# A process that trains grows by 4 to 6 MB with each new network, whatever is let go: a worker that
# holds more than this and has had nothing to do for so long gives way to a fresh one.
MOST_WORKER_BYTES = 500_000_000
RENEW_SECONDS = 10.0
STORE_TRIES = 3
STORE_AGAIN_SECONDS = 0.5
LAST_EVENT_SECONDS = 10
# The kind of the message, not an event, that says that a run's worker is gone.
LOST = "lost"


class EngineError(RuntimeError):
    """Training cannot be started; the message says why and what to do."""


@dataclass(frozen=True)
class WorkerInfo:
    """One process that trains."""

    address: str
    threads: int
    memory: int


@dataclass(eq=False)
class _Task:
    """A run that this server has handed out. `worker` is None until it has started.

    `began` and `paused` are when this attempt started and its present pause began, `number` when
    it was handed out, in microseconds of the clock. `held` says that it pauses because nothing can
    be stored, `over` that its end is known and only remains to be stored.
    """

    run_id: str
    attempt: str
    owner: str = "local"
    future: Any = None
    worker: str | None = None
    commands: list[dict[str, Any]] = field(default_factory=list)
    resume: bool = False
    number: int = 0
    taken: bool = False
    tries: int = 1
    done_at: float | None = None
    missed: int = 0
    began: float | None = None
    paused: float | None = None
    stopping: bool = False
    held: bool = False
    over: bool = False


class Engine:
    """Starts runs, steers them, and keeps what they tell."""

    def __init__(
        self, store: Store, scheduler: str | None = None, trainer: str = worker.TRAIN
    ) -> None:
        """Watch over `store`; no worker starts yet.

        `scheduler` is a Dask scheduler's address, by default that in `MNIST_LAB_SCHEDULER`;
        without any, the engine has a worker process of its own.
        """
        self.store = store
        self.scheduler = scheduler or os.environ.get("MNIST_LAB_SCHEDULER") or None
        self.error: str | None = None
        # Why nothing that training tells can be stored just now; training waits meanwhile.
        self.trouble: str | None = None
        self._trainer = trainer
        self._id = secrets.token_hex(8)
        self._topic = f"mnist-lab-{self._id}"
        self._tasks: dict[str, _Task] = {}
        self._last_number = 0
        self._rates: tuple[float, list[Run]] = (-RATES_SECONDS, [])
        self._lock = threading.RLock()
        self._messages: queue.Queue[dict[str, Any] | None] = queue.Queue()
        self._client: Client | None = None
        self._cluster: LocalCluster | None = None
        self._local: LocalWorker | None = None
        self._heard = False
        self._deaths = 0
        self._busy_at = time.monotonic()
        # Commands on their way, by the worker they go to.
        self._boxes: dict[str, queue.Queue[tuple[str, dict[str, Any]]]] = {}
        self._starting: threading.Thread | None = None
        self._closed = threading.Event()
        self._announced = False
        try:
            self._announce()
            servers.mark_interrupted(self.store)
        except StoreError:  # what is kept can be looked at all the same
            log.warning("the database takes nothing", exc_info=True)
        for target in (self._record_messages, self._monitor, self._beat):
            threading.Thread(target=target, name=target.__name__, daemon=True).start()

    # What pages call

    def warm(self) -> None:
        """Start the worker in the background, if that has not happened; returns at once."""
        with self._lock:
            if self._client is None and (self._starting is None or not self._starting.is_alive()):
                self._starting = threading.Thread(target=self._connect, daemon=True)
                self._starting.start()

    def ready(self) -> bool:
        """True when a worker is there to train."""
        return bool(self.workers())

    def lacks_workers(self) -> bool:
        """True when a cluster's scheduler answers and no worker has come to it."""
        return self.scheduler is not None and self._ask_for_workers() == []

    @property
    def id(self) -> str:
        """What the other servers on this database know this one by."""
        return self._id

    def start(
        self,
        experiment: Experiment,
        owner: str = "local",
        preset: str | None = None,
        study: str | None = None,
        trial: int | None = None,
    ) -> str:
        """Queue a new run, that of a study's trial say, and return its id at once.

        Raises StoreError.
        """
        self._make_known()
        run_id = self.store.create_run(
            experiment, owner, preset, server=self._id, study=study, trial=trial
        )
        self._log("the run is queued", run_id)
        self._hand_out(_Task(run_id, self._attempt(run_id), owner))
        return run_id

    def continue_run(self, run_id: str, epochs: int = 0) -> None:
        """Let an ended run go on from its newest snapshot, with `epochs` more than planned.

        Raises StoreError, also when that snapshot cannot be read; then nothing has changed.
        """
        run = self.store.run(run_id)
        if run is None or run.active:
            return
        self.store.resume_point(run_id)
        self._make_known()
        relay.forget(self.store, run_id)
        self.store.queue_again(run_id, self._id)
        asked_before = max(0, run.epochs - run.experiment.training.epochs)
        task = _Task(run_id, self._attempt(run_id), run.owner, resume=True)
        if asked_before + epochs:
            task.commands.append({"epochs": asked_before + epochs})
        self._hand_out(task)

    def send(self, run_id: str, **command: Any) -> None:
        """Pass a command (see `mnist_core.control.Control.send`) to a run, now or at its start.

        One that another server trains gets it through the database. Raises StoreError.
        """
        with self._lock:
            task = self._tasks.get(run_id)
            if task is None:
                run = self.store.run(run_id)
                if run is not None and run.active and run.server != self._id:
                    relay.leave(self.store, run_id, command)
                return
            if self.trouble and (pause := command.get("pause")) is not None:
                task.held = not pause  # it pauses already; this is for when it could go on
            elif task.worker is None:
                task.commands.append(command)
            else:
                self._post(task.worker, run_id, command)

    def _post(self, address: str, run_id: str, command: dict[str, Any]) -> None:
        """Let the thread of this worker deliver the command. Holds the lock."""
        if address not in self._boxes:
            self._boxes[address] = queue.Queue()
            threading.Thread(target=self._deliver, args=(address,), daemon=True).start()
        self._boxes[address].put((run_id, command))

    def _deliver(self, address: str) -> None:
        """Send one worker its commands, in order, while it has a run.

        Apart from pages and other workers: one that hangs must make nobody else wait.
        """
        box = self._boxes[address]
        while not self._closed.is_set():
            try:
                run_id, command = box.get(timeout=1)
            except queue.Empty:
                with self._lock:
                    ours = any(task.worker == address for task in self._tasks.values())
                    if box.empty() and not ours:
                        del self._boxes[address]
                        return
                continue
            try:
                if self._client is not None:
                    self._client.run(
                        worker.receive, run_id, command, workers=[address], on_error="ignore"
                    )
            except Exception:  # the scheduler has gone; the monitor tells
                log.info("a command was lost", exc_info=True, extra={"run": run_id})

    def stop(self, run_id: str, why: str = "") -> None:
        """End a run; its curve and weights stay. `why` becomes its message."""
        with self._lock:
            task = self._tasks.get(run_id)
            waits = task is not None and task.worker is None
            if task is not None and waits:
                message = why or "It was stopped before it started."
                self.store.set_status(run_id, "stopped", message, ended=datetime.now(UTC))
                self._tasks.pop(run_id)
            elif task is not None:
                task.stopping = True
                if why:
                    self.store.say(run_id, why)
        if task is not None and waits:
            _cancel(task)
        else:
            self.send(run_id, stop=True)

    def stopping(self, run_id: str) -> bool:
        """True when a run that trains here has been asked to end."""
        task = self._tasks.get(run_id)
        return task is not None and task.stopping

    def pause(self, run_id: str) -> None:
        """Hold a run after its present step."""
        self.send(run_id, pause=True)

    def resume(self, run_id: str) -> None:
        """Let a paused run go on."""
        self.send(run_id, pause=False)

    def position(self, run_id: str) -> int | None:
        """How many runs are before this one, None when it does not wait."""
        place = self.place(run_id)
        return None if place is None else place.ahead

    def place(self, run_id: str) -> waiting.Place | None:
        """How many runs are before this one and for how long, None when it does not wait."""
        active = self.store.active_runs()
        read, recent = self._rates
        if time.monotonic() - read > RATES_SECONDS:
            recent = self.store.recent_rates()
            self._rates = time.monotonic(), recent
        most = limits.current().minutes
        longest = None if most is None else 60 * most
        return waiting.place(run_id, active, len(self.workers()), recent, longest)

    def away(self, owner: str) -> bool:
        """Whether this visitor of a shared server has had no page open for too long."""
        seen = visitors.last_seen(self.store, [owner]).get(owner)
        return seen is not None and warden.is_away(_seconds_since(seen), limits.current())

    def workers(self) -> list[WorkerInfo]:
        """The processes that train now."""
        return self._ask_for_workers() or []

    def _ask_for_workers(self) -> list[WorkerInfo] | None:
        """The processes that train now; None when the scheduler does not say."""
        client = self._client
        if client is None:
            return None
        try:
            known = client.scheduler_info(n_workers=-1)["workers"]
        except Exception:  # Dask raises many kinds of error
            log.warning("the scheduler did not answer", exc_info=True)
            return None
        return [
            WorkerInfo(address, info["nthreads"], info.get("metrics", {}).get("memory", 0))
            for address, info in known.items()
        ]

    def worker_pid(self) -> int | None:
        """The process id of the engine's own worker, if it has one."""
        return self._local.pid if self._local is not None else None

    def close(self) -> None:
        """End the worker and all threads. Runs that go on are marked as interrupted."""
        self._closed.set()
        self._messages.put(None)
        with self._lock:
            self._tasks.clear()
        if self._starting is not None:
            self._starting.join(timeout=2 * CONNECT_SECONDS)
        if self._client is not None:
            self._client.close(timeout=2)
        with self._lock:  # the monitor may be about to start it again
            if self._local is not None:
                self._local.close()
        if self._cluster is not None:
            self._cluster.close(timeout=2)
        try:
            servers.unregister(self.store, self._id)
            servers.mark_interrupted(self.store)
        except StoreError:  # the next server does it
            log.warning("the end of this server could not be noted", exc_info=True)

    # Starting

    def _announce(self) -> None:
        """Tell the other servers on this database that this one lives. Raises StoreError."""
        servers.register(self.store, self._id)
        self._announced = True

    def _make_known(self) -> None:
        """As `_announce`, once: the runs of an unknown server would count as interrupted."""
        if not self._announced:
            self._announce()

    def _connect(self) -> None:
        """Reach the scheduler, with a local one and its worker when none is named."""
        bear_clock_changes()
        try:
            settings = {
                # What Dask keeps of past events: without a bound, every snapshot for ever.
                "distributed.admin.low-level-log-length": 1,
                "distributed.scheduler.allowed-failures": 0,
                "distributed.comm.timeouts.connect": f"{CONNECT_SECONDS}s",
            }
            with dask.config.set(settings):
                if self.scheduler is None:
                    self._cluster = LocalCluster(
                        n_workers=0,
                        protocol="tcp://",
                        host="127.0.0.1",
                        dashboard_address="127.0.0.1:0",
                        silence_logs=logging.ERROR,
                    )
                    warm = self._trainer == worker.TRAIN
                    self._local = LocalWorker(self._cluster.scheduler_address, warm)
                    self._heard = False
                address = self.scheduler or self._cluster
                client = Client(address, timeout=CONNECT_SECONDS, set_as_default=False)
            client.subscribe_topic(self._topic, self._on_event)
            _forget_events(client, self._topic)
            with self._lock:
                self._client, self.error = client, None
                waiting = [task for task in self._tasks.values() if task.future is None]
            for task in waiting:
                self._submit(task)
        except Exception as error:  # Dask raises many kinds; whichever, nothing can train
            log.warning("no scheduler", exc_info=True)
            self.error = self._no_scheduler(error)
            self._fail_waiting(self.error)

    def _no_scheduler(self, error: Exception) -> str:
        if self.scheduler is None:
            return f"The training process could not be started ({type(error).__name__}: {error})."
        return (
            f"The scheduler at {self.scheduler} cannot be reached. Start it, or unset "
            "MNIST_LAB_SCHEDULER to train on this computer."
        )

    # Handing out

    def _attempt(self, run_id: str) -> str:
        return f"mnist-lab-{run_id}-{secrets.token_hex(4)}"

    def _hand_out(self, task: _Task) -> None:
        with self._lock:
            # The time, so that several servers on one scheduler are served in turn, too.
            task.number = max(self._last_number + 1, time.time_ns() // 1000)
            self._last_number = task.number
            self._tasks[task.run_id] = task
            connected = self._client is not None
        if connected:
            self._submit(task)
        else:
            self.warm()

    def _submit(self, task: _Task) -> None:
        client = self._client
        try:
            run = self.store.run(task.run_id)
            resume = self._resume_point(task)
        except Unavailable:  # the monitor submits it later
            log.warning("the run waits for the database", exc_info=True, extra={"run": task.run_id})
            return
        except StoreError as error:
            self._fail(task, str(error))
            return
        if run is None or client is None:
            return
        with self._lock:
            if self._tasks.get(task.run_id) is not task or task.future is not None:
                return
            commands, task.commands = task.commands, []
            task.future = client.submit(
                worker.train_run,
                task.run_id,
                task.attempt,
                run.experiment.to_json(),
                self._topic,
                resume,
                commands,
                self._trainer,
                key=task.attempt,
                pure=False,
                # Else Dask orders what it gets within a tenth of a second by its keys.
                priority=-task.number,
            )

    def _resume_point(self, task: _Task) -> dict[str, Any] | None:
        point = self.store.resume_point(task.run_id) if task.resume else None
        if point is None:
            return None
        weights = pack_arrays(point.weights)
        return {"step": point.step, "weights": weights, "checkpoint": point.checkpoint}

    # Receiving

    def _on_event(self, event: tuple[float, dict[str, Any]]) -> None:
        """Called on Dask's event loop: hand over and return."""
        self._messages.put(event[1])

    def _record_messages(self) -> None:
        while (message := self._messages.get()) is not None:
            self._keep(message)

    def _keep(self, message: dict[str, Any]) -> None:
        """Store what a message tells. While the database takes nothing, training is held.

        No message overtakes another: what could not be stored comes first when it can.
        """
        run_id, attempt = message.pop("run"), message.pop("attempt")
        address = message.pop("worker")
        self._heard = self._heard or address is not None
        tries = 0
        while not self._closed.is_set():
            try:
                self._take(run_id, attempt, address, message)
                break
            except Unavailable as error:
                self._hold(str(error))
                self._wait_for_database()
            except Exception:  # whatever it is, it may be the moment's
                tries += 1
                if tries == STORE_TRIES:
                    log.exception("an event was not stored", extra={"run": run_id})
                    break
                self._closed.wait(STORE_AGAIN_SECONDS)
        if self.trouble is not None:
            self._let_go_on()

    def _hold(self, why: str) -> None:
        """Let all training here pause, so that little is at stake while nothing can be stored."""
        log.error("training is held: %s", why)
        with self._lock:
            before, self.trouble = self.trouble, why
            for task in self._tasks.values() if before is None else ():
                if task.worker is not None and task.paused is None:
                    task.held = True
                    self._post(task.worker, task.run_id, {"pause": True})

    def _let_go_on(self) -> None:
        with self._lock:
            self.trouble = None
            for task in self._tasks.values():
                if task.worker is not None and task.held:
                    self._post(task.worker, task.run_id, {"pause": False})
                task.held = False

    def _wait_for_database(self) -> None:
        """Until it takes a word; without the lock, for a database that is busy makes wait."""
        while not self._closed.wait(STORE_AGAIN_SECONDS):
            try:
                self._announce()
                return
            except StoreError as error:
                self.trouble = str(error)

    def _take(self, run_id: str, attempt: str, address: str, message: dict[str, Any]) -> None:
        """Store an event, unless its run was stopped, lost or handed out again meanwhile.

        Keeps in mind which worker trains the run, and sends it what was asked before its start.
        """
        kind = message["kind"]
        with self._lock:  # so that `stop` and `_lost` come wholly before or after
            task = self._tasks.get(run_id)
            if task is None or task.attempt != attempt:
                return
            if kind == worker.TAKEN:
                task.taken = True
                return
            if kind == data_transfer.WANTED:
                # Apart from everything else: a large set takes a while.
                about = (task.owner, str(message["data"]), address)
                threading.Thread(target=self._send_images, args=about, daemon=True).start()
                return
            if kind == LOST:
                self._record_loss(task, message["what"])
                return
            self.store.record(run_id, from_message(message), address)
            if kind == "started":
                self._log("training starts", run_id, address)
                task.worker, task.began = address, time.monotonic()
                commands, task.commands = task.commands, []
                for command in commands:
                    self.send(run_id, **command)
            elif kind == "steps":
                paused = message["paused"]
                task.paused = (task.paused or time.monotonic()) if paused else None
            elif kind in ("finished", "failed"):
                self._tasks.pop(run_id)
                why = f": {message['reason']}" if kind == "failed" else ""
                self._log(f"training has {kind}{why}", run_id, address)

    def _log(self, message: str, run_id: str, address: str | None = None) -> None:
        log.info(message, extra={"run": run_id, "server": self._id, "worker": address})

    def _send_images(self, owner: str, digest: str, address: str) -> None:
        """Give a worker the data set that a run of this owner trains on there."""
        found: bytes | str
        try:
            found = kept_data.content(self.store, owner, digest) or kept_data.not_here(digest)
        except StoreError as error:
            found = str(error)
        try:
            if self._client is not None:
                self._client.run(
                    worker.receive_images, digest, found, workers=[address], on_error="ignore"
                )
        except Exception:  # the scheduler has gone; the worker asks again, the monitor tells
            log.info("a data set did not reach its worker", exc_info=True)

    # Watching

    def _beat(self) -> None:
        """Apart from the monitor, whose looks may take long: silence counts as death."""
        while not self._closed.wait(HEARTBEAT_SECONDS):
            try:
                self._announce()
            except Exception as error:
                log.warning("no heartbeat could be noted: %s", error)

    def _monitor(self) -> None:
        last_sweep = last_limits = time.monotonic()
        while not self._closed.wait(MONITOR_SECONDS):
            try:
                if time.monotonic() - last_sweep > SWEEP_SECONDS:
                    last_sweep = time.monotonic()
                    servers.mark_interrupted(self.store)
                self._watch_client()
                self._watch_process()
                self._renew_process()
                self._watch_tasks()
                self._watch_relay()
                if time.monotonic() - last_limits > LIMITS_SECONDS:
                    last_limits = time.monotonic()
                    self._watch_limits()
            except Exception:
                log.exception("the monitor goes on")

    def _watch_process(self) -> None:
        """Start the local worker again when it has died."""
        with self._lock:
            if self._closed.is_set() or self._local is None:
                return
            code = self._local.revive()
            if code is None:
                return
            self._deaths = 0 if self._heard else self._deaths + 1
            self._heard = False
        if self._deaths >= MAX_DEATHS:
            self._deaths = 0
            self.error = f"The training process ends as soon as it starts (exit code {code})."
            for task in self._not_started():
                self._fail(task, self.error)

    def _renew_process(self) -> None:
        """Replace a local worker that has grown large while nobody needs it."""
        with self._lock:
            if self._tasks:
                self._busy_at = time.monotonic()
                return
            if self._local is None or self._closed.is_set():
                return
            # One that has told nothing is new: to renew it again would not make it smaller.
            if not self._heard or time.monotonic() - self._busy_at < RENEW_SECONDS:
                return
            if self._local.own_bytes() > MOST_WORKER_BYTES:
                log.info("the training process has grown large and gives way to a fresh one")
                self._local.renew()
                self._heard = False

    def _watch_client(self) -> None:
        """Reach a scheduler again that had gone; what trained there is lost, the rest waits."""
        client = self._client
        if client is not None and client.status not in ("running", "newly-created"):
            log.warning("the scheduler does not answer any more")
            with self._lock:
                self._client = None
            client.close(timeout=1)
        if self._client is None and self._not_started():
            self.warm()

    def _not_started(self) -> list[_Task]:
        with self._lock:
            return [t for t in self._tasks.values() if t.worker is None and not t.over]

    def _watch_tasks(self) -> None:
        with self._lock:
            tasks = [task for task in self._tasks.values() if not task.over]
        for task in [task for task in tasks if task.future is None]:
            tasks.remove(task)
            if self._client is not None:
                self._submit(task)  # it could not be read when it was its turn
        if not tasks:
            return
        known = self._ask_for_workers()
        for task in tasks:
            status = str(task.future.status) if task.future is not None else "pending"
            failed = status in ("error", "lost", "cancelled")
            if task.worker is None and failed and task.tries < MAX_TRIES:
                self._try_again(task)
            elif failed or self._gone(task, known) or self._silent(task, status):
                self._lost(task)

    def _gone(self, task: _Task, known: list[WorkerInfo] | None) -> bool:
        """True when a run's worker has been missing for some looks in a row.

        A scheduler that does not answer, on a busy machine say, is no death of a worker.
        """
        if known is None or task.worker is None:
            return False
        there = any(info.address == task.worker for info in known)
        task.missed = 0 if there else task.missed + 1
        return task.missed >= LOOKS

    def _silent(self, task: _Task, status: str) -> bool:
        """True when the task has ended but its last event has not come."""
        if status != "finished":
            return False
        task.done_at = task.done_at or time.monotonic()
        return time.monotonic() - task.done_at > LAST_EVENT_SECONDS

    def _try_again(self, task: _Task) -> None:
        """A run that had not begun when its worker died has lost nothing: it waits again."""
        self._log("the run is handed out again", task.run_id)
        with self._lock:
            task.attempt, task.future = self._attempt(task.run_id), None
            # One that only waited behind the run that killed the worker has not had its try.
            task.tries += task.taken
            task.taken = False
        self._submit(task)

    def _lost(self, task: _Task) -> None:
        """The worker died in mid-run: to be told after all that it had sent."""
        task.over = True
        what = _KILLED if self._client is not None else _CUT_OFF
        self._tell_myself(task, {"kind": LOST, "what": what})
        _cancel(task)

    def _record_loss(self, task: _Task, what: str) -> None:
        """Say so, keep the curve, do not repeat the run silently."""
        about = {"run": task.run_id, "worker": task.worker}
        log.warning("the run has lost its worker", extra=about)
        run = self.store.run(task.run_id)
        if run is not None and run.active:
            self.store.set_status(
                task.run_id,
                "failed",
                _lost_message(run, what),
                interrupted=True,
                ended=datetime.now(UTC),
            )
        self._tasks.pop(task.run_id)

    def _tell_myself(self, task: _Task, message: dict[str, Any]) -> None:
        """Store what a run has come to in the order of its events, and as surely as these."""
        about = {"run": task.run_id, "attempt": task.attempt, "worker": None}
        self._messages.put(message | about)

    def _watch_relay(self) -> None:
        """Take over what other servers' pages ask of the runs that train here."""
        for run_id, command in relay.collect(self.store, list(self._tasks)):
            if command.pop("stop", False):
                self.stop(run_id)
            else:
                self.send(run_id, **command)

    def _watch_limits(self) -> None:
        """End what has had its share of a shared server."""
        bounds, now = limits.current(), time.monotonic()
        with self._lock:
            tasks = [task for task in self._tasks.values() if not task.stopping]
        if bounds == limits.LOCAL or not tasks:
            return
        owners = [task.owner for task in tasks] if bounds.public else []
        seen = visitors.last_seen(self.store, owners)
        for task in tasks:
            handed_out = datetime.fromtimestamp(task.number / 1_000_000, UTC)
            times = warden.Times(
                training=None if task.began is None else now - task.began,
                pause=None if task.paused is None else now - task.paused,
                away=_seconds_since(max(handed_out, seen[task.owner]))
                if task.owner in seen
                else 0.0,
            )
            why = warden.reason_to_end(times, bounds)
            if why is not None:
                self.stop(task.run_id, why)

    def _fail_waiting(self, message: str) -> None:
        with self._lock:
            waiting = [t for t in self._tasks.values() if t.future is None and not t.over]
        for task in waiting:
            self._fail(task, message)

    def _fail(self, task: _Task, message: str) -> None:
        task.over = True
        self._tell_myself(task, to_message(Failed(0, 0, message)))
        _cancel(task)


def _seconds_since(moment: datetime) -> float:
    return (datetime.now(UTC) - moment).total_seconds()


def _forget_events(client: Client, topic: str) -> None:
    """Keep a cluster's scheduler from holding on to a thousand events, snapshots among them."""

    def bound(dask_scheduler: Any) -> None:  # sent by value: the scheduler need not have our code
        known = dask_scheduler._broker._topics[topic]
        known.events = type(known.events)(maxlen=1)

    with contextlib.suppress(Exception):  # costs the scheduler memory, nothing else
        client.run_on_scheduler(bound)


_KILLED = "The training process ended at step {:,}: it was killed or ran out of memory."
_CUT_OFF = "The connection to the scheduler was lost at step {:,}."


def _lost_message(run: Run, what: str) -> str:
    return f"{what.format(run.step)} {servers.what_is_left(run)}"


def _cancel(task: _Task) -> None:
    with contextlib.suppress(Exception):  # the scheduler may have gone
        if task.future is not None:
            task.future.cancel()
