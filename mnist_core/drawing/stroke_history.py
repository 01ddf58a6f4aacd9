"""History of a drawing: what undo and redo step through."""

from __future__ import annotations

from dataclasses import dataclass

from mnist_core.drawing.strokes import Stroke

Strokes = tuple[Stroke, ...]

MOST_STEPS = 200


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
        """After a change; what had been taken back is forgotten."""
        return History(strokes, (*self.past, self.strokes)[-MOST_STEPS:])

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


def _begins(strokes: Strokes, other: Strokes, after: int) -> bool:
    """True when a drawing holds the strokes of another, of which there are more than `after`."""
    return len(other) > after and strokes[after : len(other)] == other[after:]
