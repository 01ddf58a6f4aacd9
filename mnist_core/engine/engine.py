"""Where training runs: one local worker process by default, a Dask cluster when one is named.

The app's process trains no run (only a copy that a drawing corrects, some steps: `finetune`). It
hands each run to Dask as one task, receives the run's events through a Dask topic, and writes each
into the store. A monitor thread watches over runs and worker: what has died is said within seconds.

The engine knows the runs; `connection` reaches the scheduler and its workers, `outbox` takes
commands to them, `task` is a run that has been handed out.
"""

from __future__ import annotations

import logging
import os
import queue
import secrets
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from mnist_core.engine import (
    dataset_transfer,
    queue_position,
    remote_commands,
    run_queue,
    turns,
    worker,
)
from mnist_core.engine.command_sender import Outbox
from mnist_core.engine.dask_client import Connection, Listener
from mnist_core.engine.dask_client import WorkerInfo as WorkerInfo
from mnist_core.engine.live_frames import LiveFrames
from mnist_core.engine.run_task import Task
from mnist_core.engine.worker_process import REPOSITORY as REPOSITORY
from mnist_core.experiment.spec import Experiment
from mnist_core.storage.store import Run, Store, StoreError, Unavailable
from mnist_core.training.events import Failed, Live, from_message, pack_arrays, to_message
from mnist_core.training.live_view import View
from mnist_core.visitors import address_limits, heartbeat, limits, run_limits, server_room, visitors
from mnist_core.visitors.last_seen import Silence

log = logging.getLogger(__name__)

MONITOR_SECONDS = 0.5
HEARTBEAT_SECONDS = 2.0
SWEEP_SECONDS = 2.0
# How often limits are looked at, and how long the speeds of recent runs are kept at hand.
LIMITS_SECONDS = 2.0
# How often it is looked whose turn it is, when nothing has told so.
TURN_SECONDS = 0.5
# How long a run's server may take to hand it out when its turn has come.
PATIENCE_SECONDS = 5.0
RATES_SECONDS = 10.0
# A worker that has had nothing to do for so long may give way to a fresh one.
RENEW_SECONDS = 10.0
# A local worker of which the scheduler has known nothing for so long does not come back.
GIVEN_UP_SECONDS = 120.0
STORE_TRIES = 3
STORE_AGAIN_SECONDS = 0.5
# How often what absent visitors keep is looked for.
UPKEEP_SECONDS = 3600.0
# How often it is looked whether the whole server keeps too much.
ROOM_SECONDS = 60.0
# A century is for ever: dates end in the year 9999, and do not begin before the year 1.
MOST_DAYS = 36_500
# The kind of the message, not an event, that says that a run's worker is gone.
LOST = "lost"


class Engine:
    """Starts runs, steers them, and keeps what they tell.

    Threads: pages call what has no underscore; `_record_messages` stores what workers tell, in
    order; `_take_turns` hands out runs; `_monitor` looks at runs, worker and limits; `_beat` says
    that this server lives; `_tidy` removes what absent visitors left; a connection that comes
    about, or does not, calls `_connected` or `_not_connected`. `_lock` guards the tasks and
    `trouble`. It may be held while the store, the outbox or the connection is called, for none of
    these calls back; it is not held while a worker is waited for.
    """

    def __init__(
        self, store: Store, scheduler: str | None = None, trainer: str = worker.TRAIN
    ) -> None:
        """Watch over `store`; no worker starts yet.

        `scheduler` is a Dask scheduler's address, by default that in `MNIST_LAB_SCHEDULER`;
        without any, the engine has a worker process of its own.
        """
        self.store = store
        self.scheduler = scheduler or os.environ.get("MNIST_LAB_SCHEDULER") or None
        # Why nothing that training tells can be stored just now; training waits meanwhile.
        self.trouble: str | None = None
        # Why nothing more can be kept: the server is full, and nobody is absent who made room.
        self.full: str | None = None
        self._id = secrets.token_hex(8)
        self._tasks: dict[str, Task] = {}
        self._last_number = 0
        self._rates: tuple[float, list[Run]] = (-RATES_SECONDS, [])
        self._lock = threading.RLock()
        self._messages: queue.Queue[dict[str, Any] | None] = queue.Queue()
        listener = Listener(self._arrived, self._connected, self._not_connected)
        topic = f"mnist-lab-{self._id}"
        self._connection = Connection(self.scheduler, trainer, topic, listener)
        self._outbox = Outbox(self._connection, store)
        self._live = LiveFrames()
        # Set when a run is queued or a worker may be free.
        self._turn = threading.Event()
        # Runs of other servers whose turn it is, and since when.
        self._others_due: dict[str, float] = {}
        self._absences = visitors.Absences(store)
        self._forgetting = visitors.Forgetting(store)
        self._silence = Silence()
        self._held_at = self._busy_at = self._worker_at = time.monotonic()
        self._closed = threading.Event()
        self._announced = False
        try:
            self._announce()
            heartbeat.mark_interrupted(self.store)
        except StoreError as error:  # what is kept can be looked at all the same
            log.warning("the database takes nothing: %s", error)
        threads = (self._record_messages, self._take_turns, self._monitor, self._beat, self._tidy)
        for target in threads:
            threading.Thread(target=target, name=target.__name__, daemon=True).start()

    # What pages call

    def warm(self) -> None:
        """Start the worker in the background, if that has not happened; returns at once."""
        self._connection.open()

    def ready(self) -> bool:
        """True when a worker is there to train."""
        return bool(self.workers())

    def lacks_workers(self) -> bool:
        """True when a cluster's scheduler answers and no worker has come to it."""
        return self.scheduler is not None and self._connection.workers() == []

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
        title: str | None = None,
    ) -> str:
        """Queue a new run, that of a study's trial say, and return its id at once.

        `title` is what it is called where neither experiment nor preset has a name. Raises
        StoreError.
        """
        self._make_known()
        run_id = self.store.create_run(
            experiment,
            owner,
            preset,
            server=self._id,
            study=study,
            trial=trial,
            title=title,
        )
        self._log("the run is queued", run_id)
        self._enqueue(Task(run_id, owner, study=study))
        return run_id

    def continue_run(self, run_id: str, epochs: int = 0) -> None:
        """Let an ended run go on from its newest snapshot, with `epochs` more than planned.

        Raises StoreError, also when that snapshot cannot be read or is gone; then nothing has
        changed.
        """
        run = self.store.run(run_id)
        if run is None or run.active:
            return
        if self.store.resume_point(run_id) is None and run.step:
            raise StoreError(_NOT_FROM_HERE)
        self._make_known()
        remote_commands.forget(self.store, run_id)
        self.store.queue_again(run_id, self._id)
        asked_before = max(0, run.epochs - run.experiment.training.epochs)
        task = Task(run_id, run.owner, resume=True, study=run.study)
        if asked_before + epochs:
            task.commands.append({"epochs": asked_before + epochs})
        self._enqueue(task)

    def send(self, run_id: str, **command: Any) -> None:
        """Pass a command to a run, now or at its start (see `training.control.Control.send`).

        One that another server trains gets it through the database. Raises StoreError.
        """
        with self._lock:
            task = self._tasks.get(run_id)
            if task is None:
                run = self.store.run(run_id)
                if run is not None and run.active and run.server != self._id:
                    remote_commands.leave(self.store, run_id, command)
                return
            if self.trouble and (pause := command.get("pause")) is not None:
                task.held = not pause  # it pauses already; this is for when it could go on
            elif task.worker is None:
                task.commands.append(command)
            else:
                self._outbox.post(task.worker, run_id, command)

    def stop(self, run_id: str, why: str = "") -> None:
        """End a run; its curve and weights stay. `why` becomes its message."""
        with self._lock:
            task = self._tasks.get(run_id)
            deaf = task is not None and (task.worker is None or task.hangs)
            if task is not None and deaf:
                self._end_deaf(task, why)
            elif task is not None:
                task.stopping = True
                if why:
                    self.store.say(run_id, why)
        if task is not None and deaf:
            task.cancel()
            if task.hangs:
                self._connection.end_worker()
        else:
            self.send(run_id, stop=True)

    def _end_deaf(self, task: Task, why: str) -> None:
        """Note that a run has been stopped that no command reaches: it waits, or it hangs."""
        changes: dict[str, Any] = {"ended": datetime.now(UTC)}
        message = why or "It was stopped before it started."
        run = self.store.run(task.run_id) if task.worker is not None else None
        if run is not None:
            message = f"{why or _HUNG} {heartbeat.what_is_left(run)}"
            changes["interrupted"] = True
        self.store.set_status(task.run_id, "stopped", message, **changes)
        self._forget(task.run_id)

    def stopping(self, run_id: str) -> bool:
        """True when a run that trains here has been asked to end."""
        task = self._tasks.get(run_id)
        return task is not None and task.stopping

    def loss(self, run_id: str) -> str | None:
        """How a run has ended, as long as nothing can be stored; None while it goes on."""
        task = self._tasks.get(run_id)
        return task.loss if task is not None and task.over else None

    def pause(self, run_id: str) -> None:
        """Hold a run after its present step."""
        self.send(run_id, pause=True)

    def resume(self, run_id: str) -> None:
        """Let a paused run go on."""
        self.send(run_id, pause=False)

    def watch(self, run_id: str, view: View) -> dict[str, Any] | None:
        """The newest frame of a run that trains here, for somebody who looks just now.

        See `live_view.pack`. To be asked again and again: a run makes frames only for those who
        have asked lately. None while there is no frame yet.
        """
        frame = self._live.look(run_id, view)
        self._send_views(run_id)
        return frame

    def _send_views(self, run_id: str) -> None:
        """Let the run's worker know what is looked at now, when that has changed."""
        with self._lock:
            task = self._tasks.get(run_id)
            if task is None or task.worker is None:
                return
            wanted = self._live.wanted(run_id)
            if wanted != task.views:
                task.views = wanted
                command = {"views": [view.to_message() for view in wanted]}
                self._outbox.post(task.worker, run_id, command)

    def place(self, run_id: str) -> queue_position.Place | None:
        """How many runs are before this one and for how long, None when it does not wait."""
        runs = {run.id: run for run in self.store.active_runs()}
        if run_id not in runs:
            return None
        queue = self._queue(runs[run_id].server)
        active = [runs[ticket.run] for ticket in queue if ticket.run in runs]
        read, recent = self._rates
        if time.monotonic() - read > RATES_SECONDS:
            recent = self.store.recent_rates()
            self._rates = time.monotonic(), recent
        most = limits.current().minutes
        longest = None if most is None else 60 * most
        return queue_position.place(run_id, active, self._seats(), recent, longest)

    def away(self, owner: str, waited: float | None = None) -> bool:
        """Whether this visitor of a shared server has had no page open for too long.

        `waited`: for what has waited in the queue for so many seconds.
        """
        absent = self._absences.seconds([owner]).get(owner, 0.0)
        if waited is not None:
            return run_limits.leaves_queue(min(absent, waited), limits.current())
        return run_limits.is_away(absent, limits.current())

    def workers(self) -> list[WorkerInfo]:
        """The processes that train now."""
        return self._connection.workers() or []

    def worker_pid(self) -> int | None:
        """The process id of the engine's own worker, if it has one."""
        return self._connection.worker_pid

    def close(self) -> None:
        """End the worker and all threads. Runs that go on are marked as interrupted."""
        self._closed.set()
        self._turn.set()
        self._messages.put(None)
        with self._lock:
            self._tasks.clear()
        self._connection.close()
        try:
            heartbeat.unregister(self.store, self._id)
            heartbeat.mark_interrupted(self.store)
        except StoreError as error:  # the next server does it
            log.warning("the end of this server could not be noted: %s", error)

    # Starting

    def _announce(self) -> None:
        """Tell the other servers on this database that this one lives. Raises StoreError."""
        heartbeat.register(self.store, self._id, self._connection.scheduler_id)
        self._announced = True

    def _make_known(self) -> None:
        """As `_announce`, once: the runs of an unknown server would count as interrupted."""
        if not self._announced:
            self._announce()

    def _connected(self) -> None:
        with self._lock:
            due = [task for task in self._tasks.values() if task.due and task.future is None]
        for task in due:
            self._submit(task)
        self._turn.set()

    def _not_connected(self, why: str) -> None:
        with self._lock:
            waiting = [t for t in self._tasks.values() if t.future is None and not t.over]
        for task in waiting:
            self._fail(task, why)

    # Handing out

    def _enqueue(self, task: Task) -> None:
        with self._lock:
            self._tasks[task.run_id] = task
        self._turn.set()
        self.warm()

    def _take_turns(self) -> None:
        """Hand out runs as workers become free: until then, others may come before them."""
        while not self._closed.is_set():
            self._turn.wait(TURN_SECONDS)
            self._turn.clear()
            try:
                self._hand_out()
            except Unavailable as error:
                log.warning("no run is handed out: %s", error)
            except Exception:
                log.exception("the queue goes on")

    def _hand_out(self) -> None:
        """Let go of those of this server's runs whose turn it is."""
        with self._lock:
            waits = any(not task.due and not task.over for task in self._tasks.values())
        if not waits or not self._connection.there:
            return
        tickets = self._tickets(self._id)
        passed_over = self._slow_others(tickets)
        others = []
        for ticket in run_queue.due(tickets, turns.served(self.store, tickets), self._seats(),
                                    passed_over):  # fmt: skip
            task = self._tasks.get(ticket.run)
            if task is None:
                others.append(ticket.run)
            elif not task.due and not task.over:
                turns.give(self.store, ticket)
                with self._lock:
                    task.due = True
                    # The time, so that Dask serves several servers in turn, too.
                    task.number = max(self._last_number + 1, time.time_ns() // 1000)
                    self._last_number = task.number
                self._submit(task)
        now = time.monotonic()
        self._others_due = {run: self._others_due.get(run, now) for run in [*others, *passed_over]}

    def _slow_others(self, tickets: list[run_queue.Ticket]) -> list[str]:
        """Runs whose turn has come and whose server has not handed them out, as if it hung."""
        now, waiting = time.monotonic(), {t.run for t in tickets if t.turn is None}
        late = (run for run, since in self._others_due.items() if now - since > PATIENCE_SECONDS)
        return [run for run in late if run in waiting]

    def _tickets(self, server: str) -> list[run_queue.Ticket]:
        """Of all runs that a server's workers train, or will."""
        return turns.tickets(self.store, heartbeat.sharing_workers(self.store, server))

    def _queue(self, server: str) -> list[run_queue.Ticket]:
        """The same in the order in which they are served."""
        tickets = self._tickets(server)
        return run_queue.queue_order(tickets, turns.served(self.store, tickets))

    def _seats(self) -> int:
        """How many runs train at once; one while no worker has come yet."""
        return max(1, sum(info.threads for info in self.workers()))

    def _forget(self, run_id: str) -> None:
        """The run has ended: another one may take its place. With the lock held."""
        self._tasks.pop(run_id)
        self._turn.set()

    def _submit(self, task: Task) -> None:
        try:
            run = self.store.run(task.run_id)
            resume = self._resume_point(task)
        except Unavailable as error:  # the monitor submits it later
            log.warning("the run waits: %s", error, extra={"run": task.run_id})
            return
        except StoreError as error:
            self._fail(task, str(error))
            return
        if run is None:
            return
        with self._lock:
            if self._tasks.get(task.run_id) is not task or task.future is not None:
                return
            experiment = run.experiment.to_json()
            task.future = self._connection.submit(
                task.run_id, task.attempt, experiment, resume, task.commands, task.number
            )
            if task.future is not None:
                task.given, task.commands = task.commands, []

    def _resume_point(self, task: Task) -> dict[str, Any] | None:
        point = self.store.resume_point(task.run_id) if task.resume else None
        if point is None:
            run = self.store.run(task.run_id) if task.resume else None
            if run is not None and run.step:
                raise StoreError(_NOT_FROM_HERE)
            return None
        return {
            "step": point.step,
            "weights": pack_arrays(point.weights),
            "checkpoint": point.checkpoint,
            "seconds": point.seconds,
            "val_losses": point.val_losses,
            "kept": point.kept,
        }

    # Receiving

    def _arrived(self, message: dict[str, Any]) -> None:
        """Take in what a worker tells, on Dask's event loop; whether it can be stored or not."""
        task = self._tasks.get(message["run"])
        if task is not None and task.attempt == message["attempt"]:
            task.hear(message)
        self._messages.put(message)

    def _record_messages(self) -> None:
        while (message := self._messages.get()) is not None:
            self._keep(message)

    def _keep(self, message: dict[str, Any]) -> None:
        """Store what a message tells. While the database takes nothing, training is held.

        No message overtakes another: what could not be stored comes first when it can.
        """
        run_id, attempt = message.pop("run"), message.pop("attempt")
        address = message.pop("worker")
        if address is not None:
            self._connection.heard()
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
        with self._lock:
            before, self.trouble = self.trouble, why
            if before is None:
                self._held_at = time.monotonic()
                log.error("training is held: %s", why)
            for task in self._tasks.values() if before is None else ():
                if task.worker is not None and task.paused is None:
                    task.held = True
                    self._outbox.post(task.worker, task.run_id, {"pause": True})

    def _let_go_on(self) -> None:
        log.info("training goes on after %.0f seconds", time.monotonic() - self._held_at)
        with self._lock:
            self.trouble = None
            for task in self._tasks.values():
                if task.worker is not None and task.held:
                    self._outbox.post(task.worker, task.run_id, {"pause": False})
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
            if kind == dataset_transfer.WANTED:
                self._outbox.send_images(task.owner, str(message["data"]), address)
                return
            if kind == LOST:
                self._record_loss(task, message["what"])
                return
            if kind == Live.kind:
                self._live.keep(run_id, message)
                return
            self.store.record(run_id, from_message(message), address)
            if kind == "started":
                self._log("training starts", run_id, address)
                task.worker, task.began, task.given = address, time.monotonic(), []
                commands, task.commands = task.commands, []
                for command in commands:
                    self.send(run_id, **command)
            elif kind == "steps":
                paused = message["paused"]
                task.paused = (task.paused or time.monotonic()) if paused else None
            elif kind in ("finished", "failed"):
                self._forget(run_id)
                why = f": {message['reason']}" if kind == "failed" else ""
                self._log(f"training has {kind}{why}", run_id, address)

    def _log(self, message: str, run_id: str, address: str | None = None) -> None:
        log.info(message, extra={"run": run_id, "server": self._id, "worker": address})

    # Watching

    def _beat(self) -> None:
        """Apart from the monitor, whose looks may take long: silence counts as death."""
        while not self._closed.wait(HEARTBEAT_SECONDS):
            try:
                self._announce()
            except Exception as error:
                log.warning("no heartbeat could be noted: %s", error)

    def _monitor(self) -> None:
        looks = (self._watch_client, self._watch_process, self._renew_process, self._watch_tasks,
                 self._watch_silence, self._watch_views)  # fmt: skip
        # These ask the database; one that is locked would keep the others waiting.
        asks = {self._watch_relay: 0.0, self._sweep: SWEEP_SECONDS,
                self._watch_limits: LIMITS_SECONDS}  # fmt: skip
        last = dict.fromkeys(asks, time.monotonic())
        while not self._closed.wait(MONITOR_SECONDS):
            now = time.monotonic()
            due = [ask for ask, seconds in asks.items() if now - last[ask] >= seconds]
            last |= dict.fromkeys(due, now)
            for look in (*looks, *(due if self.trouble is None else ())):
                self._look(look)

    def _look(self, look: Callable[[], None]) -> None:
        """One look of the monitor: whatever comes of it, the next one follows."""
        try:
            look()
        except StoreError as error:
            log.warning("the monitor goes on: %s", error)
        except Exception:
            log.exception("the monitor goes on")

    def _sweep(self) -> None:
        """Say of runs whose server is gone that they were interrupted."""
        heartbeat.mark_interrupted(self.store)

    def _tidy(self) -> None:
        """Apart from the monitor: after a term there may be much to remove."""
        last_upkeep = time.monotonic()
        while not self._closed.wait(min(ROOM_SECONDS, UPKEEP_SECONDS)):
            try:
                self._make_room()
                if time.monotonic() - last_upkeep >= UPKEEP_SECONDS:
                    last_upkeep = time.monotonic()
                    self._forget_absent()
            except Exception:
                log.exception("what absent visitors left stays for now")

    def _watch_process(self) -> None:
        """Start the local worker again when it has died; end one that has long been given up."""
        now = time.monotonic()
        if self._connection.worker_pid is None or self._connection.workers() != []:
            self._worker_at = now
        elif now - self._worker_at > GIVEN_UP_SECONDS:
            log.warning("the training process does not answer and gives way to a fresh one")
            self._worker_at = now
            self._connection.end_worker()
        code = self._connection.revive_worker()
        if code is not None:
            why = f"The training process ends as soon as it starts (exit code {code})."
            for task in self._not_started():
                self._fail(task, why)

    def _renew_process(self) -> None:
        """Replace a local worker that has grown large while nobody needs it."""
        with self._lock:  # nothing is handed out meanwhile
            if self._tasks:
                self._busy_at = time.monotonic()
            elif time.monotonic() - self._busy_at >= RENEW_SECONDS:
                self._connection.renew_worker()

    def _watch_client(self) -> None:
        """Reach a scheduler again that had gone; what trained there is lost, the rest waits."""
        self._connection.drop_lost()
        if not self._connection.there and self._not_started():
            self.warm()

    def _not_started(self) -> list[Task]:
        with self._lock:
            return [t for t in self._tasks.values() if t.worker is None and not t.over]

    def _watch_tasks(self) -> None:
        with self._lock:
            tasks = [task for task in self._tasks.values() if not task.over]
        for task in [task for task in tasks if task.future is None]:
            tasks.remove(task)
            if self._connection.there and task.due:
                self._submit(task)  # it could not be read when it was its turn
        if not tasks:
            return
        workers = self._connection.workers()
        known = None if workers is None else {info.address for info in workers}
        for task in tasks:
            failed = task.failed()
            if failed and task.may_try_again():
                self._try_again(task)
            elif failed or task.gone(known) or task.silent():
                self._lost(task)

    def _watch_silence(self) -> None:
        """Note of which runs nothing is heard, and when they speak again."""
        workers = self._connection.workers() or []
        quiet = {info.address: self._silence.seconds(info.address, info.sign) for info in workers}
        with self._lock:
            tasks = [task for task in self._tasks.values() if not task.over]
        for task in tasks:
            before = task.silent_for
            # Whichever worker speaks takes up a run that waits.
            waits = min(quiet.values(), default=0.0)
            task.listen(waits if task.worker is None else quiet.get(task.worker, 0.0))
            seconds, about = task.silent_for, {"run": task.run_id, "worker": task.worker}
            if seconds is not None and before is None:
                log.warning("nothing is heard of the run for %.0f seconds", seconds, extra=about)
            elif seconds is None and before is not None:
                log.info("the run is heard again", extra=about)
            if (seconds, before) != (None, None) and self.trouble is None:
                since = datetime.now(UTC) - timedelta(seconds=seconds or 0)
                self.store.note_unheard(task.run_id, None if seconds is None else since)

    def _try_again(self, task: Task) -> None:
        """A run that had not begun when its worker died has lost nothing: it waits again."""
        self._log("the run is handed out again", task.run_id)
        with self._lock:
            task.try_again()
        self._submit(task)

    def _lost(self, task: Task) -> None:
        """The worker died in mid-run, or its scheduler: to be told after all that it had sent."""
        what = _CUT_OFF if task.cut_off() or not self._connection.there else _KILLED
        if task.hangs:
            what = _HUNG_UP
            self._connection.end_worker()
        task.loss = what.format("")
        task.over = True
        self._tell_myself(task, {"kind": LOST, "what": what})
        task.cancel()

    def _record_loss(self, task: Task, what: str) -> None:
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
        self._forget(task.run_id)

    def _tell_myself(self, task: Task, message: dict[str, Any]) -> None:
        """Store what a run has come to in the order of its events, and as surely as these."""
        about = {"run": task.run_id, "attempt": task.attempt, "worker": None}
        self._messages.put(message | about)

    def _watch_relay(self) -> None:
        """Take over what other servers' pages ask of the runs that train here."""
        for run_id, command in remote_commands.collect(self.store, list(self._tasks)):
            if command.pop("stop", False):
                self.stop(run_id)
            else:
                self.send(run_id, **command)

    def _watch_views(self) -> None:
        """Runs that nobody looks at any more need make no frames."""
        for run_id in list(self._tasks):
            self._send_views(run_id)

    def _watch_limits(self) -> None:
        """End what has had its share of a shared server."""
        bounds = limits.current()
        with self._lock:
            tasks = [task for task in self._tasks.values() if not task.stopping]
        if bounds == limits.LOCAL or not tasks:
            return
        owners = [task.owner for task in tasks] if bounds.public else []
        absent = self._absences.seconds(owners)
        for task in tasks:
            times = task.times(absent.get(task.owner, 0.0))
            why = run_limits.reason_to_end(times, bounds)
            if why is not None:
                self.stop(task.run_id, why)

    def _make_room(self) -> None:
        """Keep the whole server within its bound."""
        bounds = limits.current()
        if not bounds.public:
            self.full = None
            return
        if removed := server_room.make_room(self.store, bounds):
            log.warning("the server is full: %s runs and data sets of absent visitors are removed",
                        removed)  # fmt: skip
        full = server_room.kept(self.store).over(bounds)
        self.full = _FULL if full else None

    def _forget_absent(self) -> None:
        """Remove what visitors keep who have not come back for long."""
        bounds = limits.current()
        if bounds.public and bounds.kept_days is not None:
            gone = self._forgetting.forget(timedelta(days=min(bounds.kept_days, MOST_DAYS)))
            if gone:
                log.info("what %s absent visitors kept is removed", gone)
        if bounds.public:
            address_limits.forget_idle(self.store)

    def _fail(self, task: Task, message: str) -> None:
        task.loss, task.over = message, True
        self._tell_myself(task, to_message(Failed(0, 0, message)))
        task.cancel()


_FULL = (
    "This server keeps as much as it may. Try again later, or remove runs and data sets of yours."
)
# With where it was, " at step 12" say, or without.
_KILLED = "The training process ended{}: it was killed or ran out of memory."
_HUNG_UP = "The training process did not answer any more{} and was ended."
_CUT_OFF = "The connection to the scheduler was lost{}."
_HUNG = "It was stopped while its training process did not answer."
_NOT_FROM_HERE = (
    "The run cannot go on: no snapshot of it is kept. Its curve is kept; start it again."
)


def _lost_message(run: Run, what: str) -> str:
    return f"{what.format(f' at step {run.step:,}')} {heartbeat.what_is_left(run)}"
