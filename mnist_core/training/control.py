"""The controls by which a person steers a training loop while it runs."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from mnist_core.training.live_view import View


@dataclass(frozen=True)
class ControlState:
    """The settings that a person can change while a run trains.

    `steps_allowed` counts the single steps still to be taken while paused, `extra_epochs` the
    epochs asked for beyond the experiment's own, `delay` the seconds to wait after each step
    (slow motion), `learning_rate` replaces the schedule's base rate when not None. `views` is what
    somebody looks at just now, empty when nobody does. `snapshots`, read at the start, is how many
    sets of weights are to be kept at most, None for the usual number.
    """

    stop: bool = False
    pause: bool = False
    steps_allowed: int = 0
    extra_epochs: int = 0
    learning_rate: float | None = None
    delay: float = 0.0
    views: tuple[View, ...] = ()
    snapshots: int | None = None


class Control:
    """Controls that one thread sets and a training loop reads. Safe between threads."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._state = ControlState()

    def send(
        self,
        *,
        stop: bool | None = None,
        pause: bool | None = None,
        step: int = 0,
        epochs: int = 0,
        learning_rate: float | None = None,
        delay: float | None = None,
        views: Sequence[dict[str, Any]] | None = None,
        snapshots: int | None = None,
    ) -> None:
        """Change some controls; those not named stay as they were.

        `step` and `epochs` add to what was asked before. Asking for single steps pauses. `views`
        are messages of `View`.
        """
        with self._changed:
            now = self._state
            self._state = replace(
                now,
                stop=now.stop if stop is None else stop,
                pause=step > 0 or (now.pause if pause is None else pause),
                steps_allowed=0 if pause is not None else now.steps_allowed + step,
                extra_epochs=now.extra_epochs + epochs,
                learning_rate=now.learning_rate if learning_rate is None else learning_rate,
                delay=now.delay if delay is None else max(0.0, delay),
                views=now.views if views is None else tuple(map(View.from_message, views)),
                snapshots=now.snapshots if snapshots is None else snapshots,
            )
            self._changed.notify_all()

    def read(self) -> ControlState:
        """The present controls."""
        with self._changed:
            return self._state

    def take_step(self) -> None:
        """Note that one of the single steps asked for has been taken."""
        with self._changed:
            self._state = replace(self._state, steps_allowed=max(0, self._state.steps_allowed - 1))

    def wait(self, seconds: float) -> None:
        """Sleep for `seconds`, or until the next message."""
        with self._changed:
            self._changed.wait(seconds)
