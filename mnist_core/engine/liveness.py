"""Liveness of a run: for how long it has not been heard of, and when it counts as hanging."""

from __future__ import annotations

# A worker's process tells Dask every half second that it lives.
PROCESS_SECONDS = 5.0
# A run tells of its steps several times a second; a long step or an evaluation takes longer.
TRAINING_SECONDS = 8.0
# A process, or a run whose process lives, that is not heard of for so long is taken to hang.
PROCESS_HANGS_SECONDS, TRAINING_HANGS_SECONDS = 10.0, 60.0


def unheard(process: float, training: float | None) -> float | None:
    """For how many seconds nothing has been heard, None while all is as it should be.

    `process`: seconds since its worker's last sign of life; `training`: since the run's last word,
    None where none is due, as in the queue or in a pause.
    """
    long = [process] if process > PROCESS_SECONDS else []
    if training is not None and training > TRAINING_SECONDS:
        long.append(training)
    return max(long, default=None)


def hangs(process: float, training: float | None) -> bool:
    """True when no command would reach it, so that only the end of its process ends it."""
    return process > PROCESS_HANGS_SECONDS or (
        training is not None and training > TRAINING_HANGS_SECONDS
    )
