"""A run's share of a shared server, and the sentences with which it ends."""

from __future__ import annotations

from dataclasses import dataclass

from mnist_core.visitors.limits import Limits

KEPT = "Its curve and weights are kept."


@dataclass(frozen=True)
class Times:
    """Seconds that a run has trained, been in its present pause, and been without its visitor.

    None: it does not train, does not pause. `begun`: it has trained before, or trains now. `waits`:
    its turn in the queue has not come.
    """

    training: float | None = None
    pause: float | None = None
    begun: bool = False
    away: float = 0.0
    waits: bool = False


def reason_to_end(times: Times, limits: Limits) -> str | None:
    """The reason to stop the run now, for its visitor; None while all is well."""
    if _over(times.training, limits.minutes):
        return f"It was stopped after {limits.minutes:g} minutes, this server’s limit. {KEPT}"
    if _over(times.pause, limits.pause_minutes):
        return f"It was stopped because it had paused for {limits.pause_minutes:g} minutes. {KEPT}"
    if times.waits and leaves_queue(times.away, limits):
        what_next = f"{KEPT} Resume it when you like." if times.begun else "Start it again."
        return (
            f"It left the queue because you had no page open for {limits.away_queued_seconds:g} "
            f"seconds. {what_next}"
        )
    if _over(times.away, limits.away_minutes):
        kept = KEPT if times.begun else "It had not started yet."
        return (
            f"It was stopped because you had no page open for {limits.away_minutes:g} minutes. "
            f"{kept}"
        )
    return None


def is_away(seconds: float, limits: Limits) -> bool:
    """True when a visitor not seen for so long counts as gone."""
    return _over(seconds, limits.away_minutes)


def leaves_queue(seconds: float, limits: Limits) -> bool:
    """True when what waits for a visitor not seen for so long gives its place to others."""
    return limits.away_queued_seconds is not None and seconds > limits.away_queued_seconds


def _over(seconds: float | None, minutes: float | None) -> bool:
    return seconds is not None and minutes is not None and seconds > 60 * minutes
