"""From a view's name to the view, for those that stand beside the input."""

from __future__ import annotations

from pages.views.inspect.backward import backward
from pages.views.inspect.edit import edit
from pages.views.inspect.mistakes import mistakes
from pages.views.inspect.robustness import robustness
from pages.views.inspect.scene import Scene
from pages.views.inspect.weights import weights

SHOW = {
    "weights": weights,
    "edit": edit,
    "backward": backward,
    "mistakes": mistakes,
    "robustness": robustness,
}


def show_view(name: str, scene: Scene) -> None:
    """Show the view with this name, one of `place.VIEWS` but the network."""
    SHOW[name](scene)
