"""Clicks that a browser reports: only those that the view can have sent are believed."""

from __future__ import annotations

import numpy as np
import pytest

from mnist_core.figures.pixels import Bars, Images
from pages.widgets.pixel_view import Click, read_click

GROUPS = (
    Images("maps", "maps", np.zeros((4, 3, 2), np.float32), opens=True),
    Images("plain", "plain", np.zeros((1, 3, 2), np.float32)),
    Bars("bars", "bars", np.zeros(2, np.float32), ("a", "b"), opens=True),
)


def sent(group: object, *place: object, **more: object) -> dict[str, object]:
    return {"group": group, **dict(zip(("image", "row", "column"), place, strict=True)), **more}


def test_a_pixel_and_a_title_are_told_apart() -> None:
    assert read_click(sent("maps", 3, 2, 1, unit=7), GROUPS) == Click("maps", 3, 2, 1, 7)
    assert read_click(sent("maps", 0, 0, 0, unit=None), GROUPS) == Click("maps", 0, 0, 0)
    assert read_click(sent("bars", -1, 0, 0), GROUPS) == Click("bars", -1, 0, 0)


@pytest.mark.parametrize(
    "message",
    [
        None,
        7,
        {},
        {"group": "maps"},
        sent("other", 0, 0, 0),
        sent(["maps"], 0, 0, 0),
        sent("maps", 4, 0, 0),
        sent("maps", 0, -1, 0),
        sent("maps", 0, 0, 10**9),
        sent("maps", "0", 0, 0),
        sent("maps", 0.0, 0, 0),
        sent("maps", True, 0, 0),
        sent("plain", -1, 0, 0),
        sent("bars", 0, 0, 0),
    ],
)
def test_anything_else_is_no_click(message: object) -> None:
    assert read_click(message, GROUPS) is None
