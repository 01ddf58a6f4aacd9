"""From a view's name to the view."""

from __future__ import annotations

from pages.shared.inspect.backward import backward
from pages.shared.inspect.edit import edit
from pages.shared.inspect.mistakes import mistakes
from pages.shared.inspect.network import network
from pages.shared.inspect.robustness import robustness
from pages.shared.inspect.scene import Scene
from pages.shared.inspect.weights import weights

SHOW = {
    "network": network,
    "weights": weights,
    "edit": edit,
    "backward": backward,
    "mistakes": mistakes,
    "robustness": robustness,
}


def show_view(name: str, scene: Scene) -> None:
    """Show the view with this name, one of `place.VIEWS`."""
    SHOW[name](scene)
