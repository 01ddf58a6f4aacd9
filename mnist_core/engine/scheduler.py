"""The scheduler of runs: who is started, in which turn, and from where an earlier run goes on."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from typing import Any

from mnist_core.engine import queue_position, run_queue, turns
from mnist_core.engine.dask_client import Connection
from mnist_core.engine.run_commands import RunCommands
from mnist_core.engine.run_duration import Durations
from mnist_core.engine.run_messages import RunMessages
from mnist_core.engine.run_task import Task
from mnist_core.engine.task_table import TaskTable
from mnist_core.engine.worker import Order
from mnist_core.experiment import changes
from mnist_core.experiment.spec import Experiment
from mnist_core.experiment.training_cost import shares_operations
from mnist_core.storage import datasets
from mnist_core.storage.store import Run, Store, StoreError, Unavailable
from mnist_core.training.events import Resume, pack_arrays
from mnist_core.visitors import heartbeat, limits

log = logging.getLogger(__name__)

# How often it is looked whose turn it is, when nothing has told so.
TURN_SECONDS = 0.5
# How long a run's server may take to hand it out when its turn has come.
PATIENCE_SECONDS = 5.0
# Small runs of a study that one worker trains one after the other, as one Dask task: seconds
# in which nobody else has its turn there.
MOST_TOGETHER = 8
# A worker that has had nothing to do for so long may give way to a fresh one.
RENEW_SECONDS = 10.0
# How long it is kept at hand how long recent runs took.
DURATIONS_SECONDS = 5.0

_NOT_FROM_HERE = (
    "The run cannot be resumed: no snapshot of it is kept. Its curve is kept; start it again."
)


class Scheduler:
    """Hands out runs as workers become free: until then, others may come before them.

    Only the thread in `run` calls `hand_out`; any may call the rest.
    """

    def __init__(
        self,
        store: Store,
        tasks: TaskTable,
        connection: Connection,
        messages: RunMessages,
        commands: RunCommands,
    ) -> None:
        self._store, self._tasks = store, tasks
        self._connection, self._messages, self._commands = connection, messages, commands
        self._last_number = 0
        self._busy_at = time.monotonic()
        # Runs of other servers whose turn it is, and since when.
        self._others_due: dict[str, float] = {}
        self._durations: tuple[float, Durations] = (-DURATIONS_SECONDS, Durations())

    def run(self, closed: threading.Event) -> None:
        """Hand out runs until `closed`."""
        while not closed.is_set():
            self._tasks.turn.wait(TURN_SECONDS)
            self._tasks.turn.clear()
            try:
                self.hand_out()
            except Unavailable as error:
                log.warning("no run is handed out: %s", error)
            except Exception:
                log.exception("the queue goes on")

    def enqueue(self, task: Task) -> None:
        """Let a run wait for its turn; the worker is started if there is none. Returns at once."""
        self._tasks.add(task)
        self._connection.open()

    # Handing out

    def hand_out(self) -> None:
        """Let go of those of this server's runs whose turn it is. Raises StoreError.

        A worker is replaced here, too: thus nothing is handed out meanwhile.
        """
        if not self._connection.there:
            return
        unended = self._tasks.unended()
        for task in unended:
            if task.due and task.future is None:  # its worker has died, or it could not be read
                self._submit([task])
        waited_for = any(task.waits or task.idles for task in unended)
        self._renew_worker(waited_for)
        if waited_for:
            while self._give_turns():  # who shares a turn leaves one to somebody else
                pass

    def _renew_worker(self, awaited: bool) -> None:
        """Let a local worker that has grown large give way, between two runs or while idle."""
        now, tasks = time.monotonic(), self._tasks.all()
        if not all(task.released for task in tasks):
            self._busy_at = now
        idle = now - self._busy_at >= RENEW_SECONDS
        if (awaited or idle) and all(task.future is None for task in tasks):
            self._connection.renew_worker(awaited)

    def _give_turns(self) -> bool:
        """Give a turn to whom it is due; whether several runs share one of them."""
        shared = False
        tickets = self._tickets(self._tasks.server)
        served = turns.served(self._store, tickets)
        passed_over = self._slow_others(tickets)
        others = []
        for ticket in run_queue.due(tickets, served, self.seats(), passed_over):
            task = self._tasks.get(ticket.run)
            if task is None:
                others.append(ticket.run)
            elif task.waits and not task.over:
                shared = self._give_turn(ticket, task) or shared
        self._free_workers(run_queue.lacking(tickets, self.seats(), passed_over))
        now = time.monotonic()
        self._others_due = {run: self._others_due.get(run, now) for run in [*others, *passed_over]}
        return shared

    def _give_turn(self, ticket: run_queue.Ticket, task: Task) -> bool:
        tasks = [task, *self._companions(task)]
        turns.give(self._store, ticket, [each.run_id for each in tasks])
        with self._tasks.lock:
            for each in tasks:
                each.due, each.number = True, self._next_number()
        self._submit(tasks)
        return len(tasks) > 1

    def _companions(self, task: Task) -> list[Task]:
        """Others of its study that the same worker trains after it: all are small.

        As many as leave an equal share to each worker.
        """
        if not task.small:
            return []
        waiting = [
            each
            for each in self._tasks.unended()
            if each.small and each.study == task.study and each.waits and each is not task
        ]
        share = -(-(len(waiting) + 1) // self.seats())
        return waiting[: min(share, MOST_TOGETHER) - 1]

    def _free_workers(self, lacking: int) -> None:
        """Let as many paused runs give up their workers as are `lacking` for those who wait."""
        tasks = self._tasks.unended()
        coming = sum(task.releasing for task in tasks)
        idle = [task for task in tasks if task.idles]
        for task in idle[: max(0, lacking - coming)]:
            self._commands.ask_to_release(task)

    def _next_number(self) -> int:
        """The time, so that Dask serves several servers in turn, too; each number once."""
        self._last_number = max(self._last_number + 1, time.time_ns() // 1000)
        return self._last_number

    def _slow_others(self, tickets: list[run_queue.Ticket]) -> list[str]:
        """Runs whose turn has come and whose server has not handed them out, as if it hung."""
        now, waiting = time.monotonic(), {t.run for t in tickets if t.turn is None}
        late = (run for run, since in self._others_due.items() if now - since > PATIENCE_SECONDS)
        return [run for run in late if run in waiting]

    def _submit(self, tasks: Sequence[Task]) -> None:
        """Give runs whose turn it is to Dask, as one task; one that cannot be read now waits."""
        orders = [(task, order) for task in tasks if (order := self._order(task)) is not None]
        if orders:
            self._suit_worker(orders[0][1])
        with self._tasks.lock:
            orders = [
                (task, {**order, "commands": task.commands})
                for task, order in orders
                if self._tasks.get(task.run_id) is task and task.future is None
            ]
            if not orders:
                return
            future = self._connection.submit([order for _, order in orders], orders[0][0].number)
            if future is None:
                return
            together = {task.run_id for task, _ in orders} if len(orders) > 1 else set()
            for task, _ in orders:
                task.future, task.together = future, together
                task.given, task.commands = task.commands, []

    def _suit_worker(self, order: Order) -> None:
        """Let a worker that computes otherwise than this run needs give way, if it is free."""
        if all(task.future is None for task in self._tasks.all()):
            experiment = Experiment.from_json(order["experiment"])
            self._connection.suit_worker(shares_operations(experiment))

    def _order(self, task: Task) -> Order | None:
        """The order for a worker to train a run; None for a run that cannot be read."""
        try:
            run = self._store.run(task.run_id)
            if run is None:
                return None
            resume = pack(newest_snapshot(self._store, run) if task.resume else None)
        except Unavailable as error:
            log.warning("the run waits: %s", error, extra={"run": task.run_id})
            return None
        except StoreError as error:
            self._messages.end_failed(task, str(error))
            return None
        return Order(
            run_id=task.run_id,
            attempt=task.attempt,
            experiment=run.experiment.to_json(),
            changes=changes.to_json(run.changes),
            resume=resume,
            commands=[],
        )

    # The queue

    def seats(self) -> int:
        """The number of runs that train at once; one while no worker has come yet."""
        return max(1, sum(info.threads for info in self._connection.workers() or []))

    def place(self, run_id: str) -> queue_position.Place | None:
        """The place in the queue and the expected wait, None when the run does not wait."""
        runs = {run.id: run for run in self._store.active_runs()}
        if run_id not in runs:
            return None
        tickets = self._tickets(runs[run_id].server)
        queue = run_queue.queue_order(tickets, turns.served(self._store, tickets))
        active = [runs[ticket.run] for ticket in queue if ticket.run in runs]
        most = limits.current().minutes
        longest = None if most is None else 60 * most
        return queue_position.place(run_id, active, self.seats(), self._known_durations(), longest)

    def _tickets(self, server: str) -> list[run_queue.Ticket]:
        """Of all runs that a server's workers train, or will."""
        return turns.tickets(self._store, heartbeat.sharing_workers(self._store, server))

    def _known_durations(self) -> Durations:
        read, known = self._durations
        if time.monotonic() - read > DURATIONS_SECONDS:
            known = Durations(self._store.timed_runs(), datasets.training_images(self._store))
            self._durations = time.monotonic(), known
        return known


def newest_snapshot(store: Store, run: Run) -> Resume | None:
    """From where an ended run can go on; None for one that has made no step.

    Raises StoreError when its snapshot is gone, or cannot be read.
    """
    point = store.resume_point(run.id)
    if point is None and run.step:
        raise StoreError(_NOT_FROM_HERE)
    return point


def pack(point: Resume | None) -> dict[str, Any] | None:
    """The same as a worker's order holds it."""
    if point is None:
        return None
    return {
        "step": point.step,
        "weights": pack_arrays(point.weights),
        "checkpoint": point.checkpoint,
        "seconds": point.seconds,
        "val_losses": point.val_losses,
        "kept": point.kept,
        "metrics": pack_arrays((point.loss, point.accuracy)),
    }
