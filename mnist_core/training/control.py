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
    (slow motion), `experiment` the experiment, as JSON, as which to go on from here, None for the
    present one. `release` asks a paused run to end here, to be resumed later on whichever worker is
    free. `views` is what somebody looks at just now, empty when nobody does. `snapshots`, read at
    the start, is how many sets of weights are to be kept at most, None for the usual number.
    """

    stop: bool = False
    pause: bool = False
    steps_allowed: int = 0
    extra_epochs: int = 0
    experiment: str | None = None
    delay: float = 0.0
    release: bool = False
    views: tuple[View, ...] = ()
    snapshots: int | None = None

    def to_command(self) -> dict[str, Any]:
        """The arguments of `Control.send` that do the same in another process, without a pause."""
        command = {
            "epochs": self.extra_epochs,
            "experiment": self.experiment,
            "delay": self.delay,
            "snapshots": self.snapshots,
        }
        return {name: value for name, value in command.items() if value}


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
        experiment: str | None = None,
        delay: float | None = None,
        release: bool = False,
        views: Sequence[dict[str, Any]] | None = None,
        snapshots: int | None = None,
    ) -> None:
        """Change some controls; those not named stay as they were.

        `step` and `epochs` add to what was asked before. Asking for single steps pauses. `release`
        counts only while paused, until the pause ends. `views` are messages of `View`.
        """
        with self._changed:
            now = self._state
            moves = step > 0 or pause is False
            self._state = replace(
                now,
                stop=now.stop if stop is None else stop,
                pause=step > 0 or (now.pause if pause is None else pause),
                steps_allowed=0 if pause is not None else now.steps_allowed + step,
                extra_epochs=now.extra_epochs + epochs,
                experiment=now.experiment if experiment is None else experiment,
                delay=now.delay if delay is None else max(0.0, delay),
                release=not moves and (now.release or (release and _stands_still(now))),
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

    def take_experiment(self) -> str | None:
        """The experiment that is asked for, once; None when the present one goes on."""
        with self._changed:
            taken = self._state.experiment
            self._state = replace(self._state, experiment=None)
            return taken

    def wait(self, seconds: float) -> None:
        """Sleep for `seconds`, or until the next message."""
        with self._changed:
            self._changed.wait(seconds)


def _stands_still(state: ControlState) -> bool:
    return state.pause and state.steps_allowed == 0
