"""The test images, and the made-up image, that excite a feature map or a neuron most."""

from __future__ import annotations

import numpy as np
import streamlit as st

from mnist_core.data.mnist import ink
from mnist_core.experiment.class_names import one
from mnist_core.figures.pixels import Images, shown
from mnist_core.inspection.activation_maximization import channel_peaks, dream, most_exciting
from mnist_core.inspection.activations import FloatArray
from mnist_core.inspection.probe_layers import ProbeLayer
from pages.session.inspect_state import place
from pages.views.inspect.scene import Scene, test_images, test_labels
from pages.widgets.pixel_view import Click, pixel_view
from pages.widgets.progress_notes import told

COUNT = 12
DREAM_STEPS = 128


def what_excites(scene: Scene, layer: ProbeLayer, unit: tuple[int, ...]) -> None:
    """The twelve test images with the highest value, and an image made by gradient ascent."""
    channel = unit[-1]
    kind = "map" if len(unit) == 3 else "number"
    peaks = _peaks(scene.choice.key, scene.snapshot.step, layer.name, scene)
    best = most_exciting(peaks, channel, COUNT)
    picture, history = _dream(scene.choice.key, scene.snapshot.step, layer.name, channel, scene)
    labels = test_labels()
    found = Images(
        "best",
        f"The {COUNT} test images that activate {layer.name}, {kind} {channel} most",
        ink(test_images()[best]),
        "click one to look at it",
        "ink",
        1.0,
        names=tuple(f"test image {index}, {one(scene.names[labels[index]])}" for index in best),
        captions=tuple(shown(peaks[index, channel]) for index in best),
        largest=3,
    )
    made = Images(
        "dream",
        "Image made to activate it",
        picture[None],
        f"gradient ascent: {shown(history[0])} → {shown(history[-1])}",
        "ink",
        1.0,
        names=("made image",),
        largest=5,
    )

    def clicked(click: Click) -> None:
        if click.group == "best":
            place().look_at(int(best[click.image]))

    pixel_view([found, made], "inspect_excites", found.title, clicked, height=240)


@told("feature maps", "Showing it the test images")
@st.cache_resource(max_entries=4, show_spinner=False)
def _peaks(key: str, step: int, layer: str, _scene: Scene) -> FloatArray:
    return channel_peaks(_scene.network, _scene.weights, test_images(), layer)


@told("gradient ascent", "Climbing the gradient")
@st.cache_resource(max_entries=64, show_spinner=False)
def _dream(
    key: str, step: int, layer: str, channel: int, _scene: Scene
) -> tuple[FloatArray, FloatArray]:
    picture, history = dream(_scene.network, _scene.weights, layer, channel, DREAM_STEPS, 0)
    return picture, np.asarray(history, np.float32)
