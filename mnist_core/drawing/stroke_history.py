"""History of a drawing: what undo and redo step through."""

from __future__ import annotations

from dataclasses import dataclass

from mnist_core.drawing.strokes import MAX_POINTS, Stroke

Strokes = tuple[Stroke, ...]

MOST_STEPS = 200
# Points of all drawings before; a stroke that goes on from one to the next counts once.
MOST_POINTS = 5 * MAX_POINTS


@dataclass(frozen=True)
class History:
    """A drawing, the drawings before it (the newest last) and those taken back (the next last)."""

    strokes: Strokes = ()
    past: tuple[Strokes, ...] = ()
    future: tuple[Strokes, ...] = ()

    @property
    def is_new(self) -> bool:
        """True when nothing has been drawn yet."""
        return not (self.strokes or self.past or self.future)

    @staticmethod
    def of(strokes: Strokes) -> History:
        """A drawing whose strokes can be undone one by one."""
        return History(strokes, tuple(strokes[:count] for count in range(len(strokes))))

    def then(self, strokes: Strokes) -> History:
        """After a change; what had been taken back is forgotten, and so is the oldest, if need be.

        Strokes that are as before stay the same objects: a long history holds each of them once.
        """
        kept = next(
            (
                place
                for place, (new, known) in enumerate(zip(strokes, self.strokes, strict=False))
                if new != known
            ),
            min(len(strokes), len(self.strokes)),
        )
        strokes = (*self.strokes[:kept], *strokes[kept:])
        return History(strokes, _newest((*self.past, self.strokes)[-MOST_STEPS:], strokes))

    def undone(self) -> History:
        """One step back, as far as there is one."""
        if not self.past:
            return self
        return History(self.past[-1], self.past[:-1], (*self.future, self.strokes))

    def redone(self) -> History:
        """One step forward again, as far as there is one."""
        if not self.future:
            return self
        return History(self.future[-1], (*self.past, self.strokes), self.future[:-1])

    def reported(self, strokes: Strokes) -> History:
        """After a report of a canvas that only adds strokes, and takes back or repeats its own.

        Reports may be lost between two that come, so that each may stand for several steps.
        """
        now = self
        while now.past and len(strokes) < len(now.strokes):
            now = now.undone()
        while now.future and _begins(strokes, now.future[-1], after=len(now.strokes)):
            now = now.redone()
        return now if strokes == now.strokes else now.then(strokes)


def _newest(past: tuple[Strokes, ...], present: Strokes) -> tuple[Strokes, ...]:
    """The newest drawings that hold no more than `MOST_POINTS` together, beside the present one."""
    points, later = 0, present
    for place in range(len(past) - 1, -1, -1):
        points += _points_gone(past[place], later)
        if points > MOST_POINTS:
            return past[place + 1 :]
        later = past[place]
    return past


def _points_gone(drawing: Strokes, later: Strokes) -> int:
    """The points of strokes that a later drawing does not share; shared are the first ones."""
    points = 0
    for place in range(len(drawing) - 1, -1, -1):
        if place < len(later) and drawing[place] is later[place]:
            break
        points += len(drawing[place].points)
    return points


def _begins(strokes: Strokes, other: Strokes, after: int) -> bool:
    """True when a drawing holds the strokes of another, of which there are more than `after`."""
    return len(other) > after and strokes[after : len(other)] == other[after:]
