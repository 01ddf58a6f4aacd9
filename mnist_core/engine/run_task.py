"""One run as the engine has handed it out to a worker, from its turn in the queue to its end."""

from __future__ import annotations

import contextlib
import secrets
import time
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from mnist_core.engine import liveness
from mnist_core.training.live_view import View
from mnist_core.visitors.run_limits import Times

# A run that has not begun is handed out so often.
MAX_TRIES = 3
# A worker is gone when it is missing this many times in a row.
LOOKS = 3
# How long a run's last event may take after its task has ended.
LAST_EVENT_SECONDS = 10


@dataclass(eq=False)
class Task:
    """A run that this server is to train. `worker` is None until it has started.

    `queued`, `began` and `paused` are when it was queued, when this attempt started and its present
    pause began, in seconds of the steady clock. `due` says that it has had its turn in the queue:
    it is handed out as soon as that can be done, in the order of `number`. `commands` wait for it
    to be handed out or to start, `given` went along with it and are kept until it has started.
    `held` says that it pauses because nothing can be stored, `over` that its end is known and only
    remains to be stored, and `loss` how it came. `views` is what its worker knows to be looked at.

    `releasing` says that it has been asked, in a pause, to give its worker to those who wait, and
    `released` that it has: then it waits for the person, not for its turn, and its pause goes on.

    `small` says that it may share a Dask task with others of its study, which one worker trains one
    after the other; `together` are the runs of such a task that are still wanted, this one among
    them, empty for a run that has a Dask task to itself.

    `heard` is when it last told of steps, None while it has none to tell of; `silent_for` the
    seconds since anything was heard of it, None while all is well; `hangs` that no command would
    reach it.

    Which thread changes which field, and under which lock, is said in `engine`.
    """

    run_id: str
    owner: str = "local"
    resume: bool = False
    study: str | None = None
    small: bool = False
    together: set[str] = field(default_factory=set)
    commands: list[dict[str, Any]] = field(default_factory=list)
    given: list[dict[str, Any]] = field(default_factory=list)
    attempt: str = field(init=False)
    future: Any = None
    worker: str | None = None
    due: bool = False
    number: int = 0
    queued: float = field(default_factory=time.monotonic)
    taken: bool = False
    tries: int = 1
    done_at: float | None = None
    missed: int = 0
    began: float | None = None
    paused: float | None = None
    stopping: bool = False
    held: bool = False
    releasing: bool = False
    released: bool = False
    over: bool = False
    loss: str = ""
    heard: float | None = None
    silent_for: float | None = None
    hangs: bool = False
    views: tuple[View, ...] = ()

    def __post_init__(self) -> None:
        self.attempt = self._new_attempt()

    def _new_attempt(self) -> str:
        return f"mnist-lab-{self.run_id}-{secrets.token_hex(4)}"

    @property
    def reachable(self) -> bool:
        """True when commands reach it: it has started, and its process does not hang."""
        return self.worker is not None and not self.hangs

    @property
    def waits(self) -> bool:
        """True when it waits for its turn."""
        return not self.due and not self.released

    @property
    def idles(self) -> bool:
        """True when it pauses on a worker that others could have; not when that has been asked."""
        steered = self.held or self.releasing or self.stopping
        return self.reachable and self.paused is not None and not steered

    def release(self, command: dict[str, Any]) -> None:
        """Its worker has let go of it, in a pause; `command` brings back what was asked of it."""
        self.released, self.releasing, self.resume = True, False, True
        self.attempt, self.future, self.worker = self._new_attempt(), None, None
        self.together.discard(self.run_id)  # the others of its Dask task go on
        self.together = set()
        self.due, self.taken, self.done_at, self.views = False, False, None, ()
        self.began = self.heard = self.silent_for = None
        self.commands = [command, *self.commands] if command else self.commands

    def wait_again(self) -> None:
        """It has been resumed, and waits for its turn."""
        self.released, self.paused, self.queued = False, None, time.monotonic()

    def try_again(self) -> None:
        """Make it wait once more, as another attempt."""
        self.attempt, self.future = self._new_attempt(), None
        self.together = set()
        self.heard = None
        # Whatever was asked of it has gone with its worker.
        self.commands, self.given = self.given + self.commands, []
        # One that only waited behind the run that killed the worker has not had its try.
        self.tries += self.taken
        self.taken = False

    def failed(self) -> bool:
        """True when Dask has given it up: its worker has died, or the scheduler."""
        return self._status() == "error" or self.cut_off()

    def cut_off(self) -> bool:
        """True when it was the scheduler that has gone, not the worker: Dask then lets all go."""
        return self._status() in ("lost", "cancelled")

    def may_try_again(self) -> bool:
        """True while it has not begun, so that nothing is lost, and not killed too many workers."""
        return self.worker is None and self.tries < MAX_TRIES

    def gone(self, known: Collection[str] | None) -> bool:
        """True when its worker has been missing in `known`, addresses, for some looks in a row.

        A scheduler that does not answer (None), on a busy machine say, is no death of a worker.
        """
        if known is None or self.worker is None:
            return False
        self.missed = 0 if self.worker in known else self.missed + 1
        return self.missed >= LOOKS

    def ended_unheard(self) -> bool:
        """True when it has ended but its last event has not come."""
        if self._status() != "finished":
            return False
        self.done_at = self.done_at or time.monotonic()
        return time.monotonic() - self.done_at > LAST_EVENT_SECONDS

    def times(self, absent: float) -> Times:
        """The times that it has trained and paused, its visitor last seen so long ago."""
        now = time.monotonic()
        return Times(
            training=None if self.began is None else now - self.began,
            pause=None if self.paused is None else now - self.paused,
            begun=self.resume or self.began is not None,
            away=min(absent, now - self.queued),  # whoever starts a run is there
            # Its study looks after a trial that waits.
            waits=self.waits and self.study is None,
        )

    def hear(self, message: dict[str, Any]) -> None:
        """Its worker tells something."""
        if message["kind"] == "steps":
            self.heard = None if message["paused"] else time.monotonic()
        elif self.heard is not None:
            self.heard = time.monotonic()

    def listen(self, process: float) -> None:
        """Note how long ago it was heard of; `process` is the age of its worker's last sign."""
        training = None if self.heard is None else time.monotonic() - self.heard
        self.silent_for = liveness.unheard(process, training)
        self.hangs = liveness.hangs(process, training)

    def leave(self) -> None:
        """It has ended: the Dask task that it shares ends with the last run that is wanted."""
        if self.run_id in self.together:
            self.cancel()

    def cancel(self) -> None:
        """Let Dask forget it, unless others that share its Dask task are wanted."""
        self.together.discard(self.run_id)
        if self.together:
            return
        with contextlib.suppress(Exception):  # the scheduler may have gone
            if self.future is not None:
                self.future.cancel()

    def _status(self) -> str:
        return str(self.future.status) if self.future is not None else "pending"
