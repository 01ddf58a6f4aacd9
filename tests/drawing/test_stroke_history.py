"""What undo, redo and the canvas's reports do to a drawing."""

from __future__ import annotations

from mnist_core.drawing.stroke_history import MOST_POINTS, MOST_STEPS, History
from mnist_core.drawing.strokes import MAX_POINTS, Stroke

A, B, C, D = (Stroke(((float(place), 0.0), (9.0, 9.0))) for place in range(4))


def reported(*drawings):
    """A drawing after these reports of the canvas."""
    history = History()
    for drawing in drawings:
        history = history.reported(drawing)
    return history


def test_undo_and_redo_step_through_what_was_drawn():
    history = reported((A,), (A, B))
    assert history.undone().strokes == (A,)
    assert history.undone().undone().strokes == ()
    assert history.undone().undone().redone().redone() == history
    assert History().undone() == History() and history.redone() == history


def test_undo_brings_back_what_was_cleared():
    cleared = reported((A,), (A, B)).then(())
    assert cleared.strokes == ()
    assert cleared.undone().strokes == (A, B)
    assert cleared.reported((C,)).undone().undone().strokes == (A, B)


def test_a_new_stroke_forgets_what_was_taken_back():
    history = reported((A,), (A, B)).undone().reported((A, C))
    assert history.strokes == (A, C) and not history.future
    assert history.undone().strokes == (A,)


def test_the_canvas_takes_back_and_repeats_its_own_strokes():
    history = reported((A,), (A, B), (A, B, C), (A, B))
    assert history.strokes == (A, B) and history.future == ((A, B, C),)
    assert history.reported((A, B, C)) == reported((A,), (A, B), (A, B, C))
    # Two steps of which only the last was reported.
    assert reported((A,), (A, B), (A, B, C), (A,)).undone().strokes == ()
    assert reported((A,), (A, B), (A, B, C), (A,), (A, B, C)).future == ()
    # Taken back and drawn anew between two reports.
    assert reported((A,), (A, B), (A,), (A, D)).undone().strokes == (A,)


def test_the_same_report_twice_is_one_step():
    assert reported((A,), (A,)) == reported((A,))


def test_a_drawing_that_was_kept_is_undone_stroke_by_stroke():
    history = History.of((A, B))
    assert history.undone().strokes == (A,) and history.undone().undone().strokes == ()
    assert not history.is_new and History().is_new and History.of(()).is_new


def test_history_has_an_end():
    history = History()
    for _ in range(3 * MOST_STEPS):
        history = history.then((A,))
    assert len(history.past) == MOST_STEPS


def long(place, points=MAX_POINTS):
    """A stroke, each time made anew, as from a report of the canvas."""
    return Stroke(tuple((float(place), float(step)) for step in range(points)))


def test_a_stroke_is_held_once_however_often_it_is_reported():
    history = reported(*[tuple(long(place, 9) for place in range(count)) for count in range(1, 6)])
    assert [len(drawing) for drawing in history.past] == [0, 1, 2, 3, 4]
    for drawing in history.past:
        assert all(old is new for old, new in zip(drawing, history.strokes, strict=False))


def test_the_oldest_drawings_go_when_the_past_holds_too_many_points():
    history = History()
    for place in range(20):
        history = history.then((long(place),))
    assert len(history.past) == MOST_POINTS // MAX_POINTS
    assert history.undone().strokes == (long(18),)
    # Steps that add to a drawing cost nothing: all of them stay.
    history = History().then((long(0),))
    for place in range(20):
        history = history.then((*history.strokes, long(place, 1)))
    assert len(history.past) == 21
