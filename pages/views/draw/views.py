"""The views below the answer; only the one that is open is worked out."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from pages.views.draw.answer import Answer
from pages.views.draw.compare import compare_view
from pages.views.draw.learning import learning_view
from pages.views.draw.photo import photo_view
from pages.views.draw.reasons import reasons_view
from pages.views.draw.steps import steps_view
from pages.views.draw.teach import teach_view
from pages.widgets.tabs import view_tabs

VIEWS: dict[str, Callable[[Answer | None], None]] = {
    ":material/content_cut: Step by step": steps_view,
    ":material/help: Why?": reasons_view,
    ":material/compare: Compare networks": compare_view,
    ":material/show_chart: Watch it learn": learning_view,
    ":material/school: Wrong? Teach it": teach_view,
    ":material/photo_camera: Photo": photo_view,
}


def views(found: Answer | None) -> None:
    """The views as tabs."""
    view_tabs({name: partial(view, found) for name, view in VIEWS.items()}, "drawing_view")
