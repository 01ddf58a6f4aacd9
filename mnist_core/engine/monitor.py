"""The monitor: looks at the scheduler, its workers and what trains, and says what has died."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from mnist_core.engine.dask_client import Connection
from mnist_core.engine.live_watch import LiveWatch
from mnist_core.engine.run_commands import RunCommands
from mnist_core.engine.run_messages import RunMessages
from mnist_core.engine.run_task import Task
from mnist_core.engine.task_table import TaskTable
from mnist_core.storage.store import Store, StoreError
from mnist_core.visitors import heartbeat, limits, run_limits
from mnist_core.visitors.last_seen import LastSeen
from mnist_core.visitors.visitors import Absences

log = logging.getLogger(__name__)

MONITOR_SECONDS = 0.5
# How often it is looked which servers have gone, and who has had their share.
SWEEP_SECONDS = 2.0
LIMITS_SECONDS = 2.0
# A local worker of which the scheduler has known nothing for so long does not come back.
GIVEN_UP_SECONDS = 120.0

# With where it was, " at step 12" say, or without.
_KILLED = "The training process ended{}: it was killed or ran out of memory."
_HUNG_UP = "The training process stopped responding{} and was ended."
_CUT_OFF = "The connection to the scheduler was lost{}."
_ENDS_AT_ONCE = "The training process ends as soon as it starts (exit code {})."


class Monitor:
    """Makes its looks one after the other, each alone: what one meets does not keep the next.

    Only the thread in `run` calls them. What a run has come to is told through `messages`.
    """

    def __init__(
        self,
        store: Store,
        tasks: TaskTable,
        connection: Connection,
        messages: RunMessages,
        commands: RunCommands,
        live: LiveWatch,
        absences: Absences,
    ) -> None:
        self._store, self._tasks, self._connection = store, tasks, connection
        self._messages, self._commands = messages, commands
        self._live, self._absences = live, absences
        self._last_seen = LastSeen()
        self._worker_at = time.monotonic()

    def run(self, closed: threading.Event) -> None:
        """Look until `closed`."""
        looks = (self.watch_scheduler, self.watch_worker, self.watch_tasks, self.watch_liveness,
                 self._live.ask_all)  # fmt: skip
        # These ask the database; one that is locked would keep the others waiting.
        asks = {self._commands.take_remote: 0.0, self.sweep: SWEEP_SECONDS,
                self.watch_limits: LIMITS_SECONDS}  # fmt: skip
        last = dict.fromkeys(asks, time.monotonic())
        while not closed.wait(MONITOR_SECONDS):
            now = time.monotonic()
            due = [ask for ask, seconds in asks.items() if now - last[ask] >= seconds]
            last |= dict.fromkeys(due, now)
            for look in (*looks, *(due if self._tasks.storage_error is None else ())):
                _look(look)

    # The scheduler and the local worker

    def watch_scheduler(self) -> None:
        """Reach a scheduler again that had gone; what trained there is lost, the rest waits."""
        self._connection.drop_lost()
        if not self._connection.there and self._not_started():
            self._connection.open()

    def watch_worker(self) -> None:
        """Start the local worker again when it has died; end one that has long been given up."""
        now = time.monotonic()
        if not self._connection.has_worker or self._connection.workers() != []:
            self._worker_at = now
        elif now - self._worker_at > GIVEN_UP_SECONDS:
            log.warning("the training process does not answer and gives way to a fresh one")
            self._worker_at = now
            self._connection.end_worker()
        code = self._connection.revive_worker()
        if code is not None:
            for task in self._not_started():
                self._messages.end_failed(task, _ENDS_AT_ONCE.format(code))

    def _not_started(self) -> list[Task]:
        tasks = self._tasks.unended()
        return [task for task in tasks if task.worker is None and not task.released]

    # Runs that are handed out

    def watch_tasks(self) -> None:
        """Find runs whose worker has died: they wait again, or fail when they had begun."""
        tasks = [task for task in self._tasks.unended() if task.future is not None]
        if not tasks:
            return
        workers = self._connection.workers()
        known = None if workers is None else {info.address for info in workers}
        for task in tasks:
            failed = task.failed()
            if failed and task.may_try_again():
                self._try_again(task)
            elif failed or task.gone(known) or task.ended_unheard():
                self._lost(task)

    def _try_again(self, task: Task) -> None:
        """A run that had not begun when its worker died has lost nothing: it waits again."""
        log.info("the run is handed out again", extra=self._tasks.about(task))
        with self._tasks.lock:
            task.try_again()
        self._tasks.turn.set()

    def _lost(self, task: Task) -> None:
        """The worker died in mid-run, or its scheduler."""
        what = _CUT_OFF if task.cut_off() or not self._connection.there else _KILLED
        if task.hangs:
            what = _HUNG_UP
            self._connection.end_worker()
        self._messages.end_lost(task, what)

    def watch_liveness(self) -> None:
        """Note of which runs nothing is heard, and when they speak again. Raises StoreError."""
        workers = self._connection.workers() or []
        quiet = {info.address: self._last_seen.seconds(info.address, info.sign) for info in workers}
        # Whichever worker speaks takes up a run that waits.
        shortest = min(quiet.values(), default=0.0)
        for task in self._tasks.unended():
            if task.released:
                continue
            before = task.silent_for
            task.listen(shortest if task.worker is None else quiet.get(task.worker, 0.0))
            self._report_hanging(task, before)

    def _report_hanging(self, task: Task, before: float | None) -> None:
        seconds = task.silent_for
        if seconds is not None and before is None:
            log.warning(
                "nothing is heard of the run for %.0f seconds",
                seconds,
                extra=self._tasks.about(task),
            )
        elif seconds is None and before is not None:
            log.info("the run is heard again", extra=self._tasks.about(task))
        if (seconds, before) != (None, None) and self._tasks.storage_error is None:
            since = datetime.now(UTC) - timedelta(seconds=seconds or 0)
            self._store.note_unheard(task.run_id, None if seconds is None else since)

    # What the database tells

    def sweep(self) -> None:
        """Mark the runs of servers that are gone as interrupted. Raises StoreError."""
        heartbeat.mark_interrupted(self._store)

    def watch_limits(self) -> None:
        """End what has had its share of a shared server. Raises StoreError."""
        bounds = limits.current()
        tasks = [task for task in self._tasks.all() if not task.stopping]
        if bounds == limits.LOCAL or not tasks:
            return
        owners = [task.owner for task in tasks] if bounds.public else []
        absent = self._absences.seconds(owners)
        for task in tasks:
            times = task.times(absent.get(task.owner, 0.0))
            why = run_limits.reason_to_end(times, bounds)
            if why is not None:
                self._commands.stop(task.run_id, why)


def _look(look: Callable[[], None]) -> None:
    """Make one look: whatever comes of it, the next one follows."""
    try:
        look()
    except StoreError as error:
        log.warning("the monitor goes on: %s", error)
    except Exception:
        log.exception("the monitor goes on")
