"""What undo, redo and the canvas's reports do to a drawing."""

from __future__ import annotations

from mnist_core.drawing.stroke_history import MOST_STEPS, History
from mnist_core.drawing.strokes import Stroke

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
