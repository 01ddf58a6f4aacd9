"""Keep Dask's messages flowing when the wall clock is set back."""

from __future__ import annotations

import time

from distributed.batched import BatchedSend

_NAME = "next_deadline"


def bear_clock_changes() -> None:
    """Let Dask send when its next time to send has become unreachable.

    `BatchedSend` waits until a wall-clock time some milliseconds ahead. Where the clock is set
    back by an hour just then, it holds everything back for an hour: a run's events, too.
    """
    setattr(BatchedSend, _NAME, property(_deadline, _set_deadline))


def _deadline(sender: BatchedSend) -> float | None:
    # Senders that were there before keep theirs in the same place.
    deadline: float | None = vars(sender).get(_NAME)
    unreachable = deadline is not None and deadline - time.time() > sender.interval
    return None if unreachable else deadline


def _set_deadline(sender: BatchedSend, deadline: float | None) -> None:
    vars(sender)[_NAME] = deadline
