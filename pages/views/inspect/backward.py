"""The way back: the gradient at each layer, one path of the chain rule, and what pixels count."""

from __future__ import annotations

import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import streamlit as st

from mnist_core.data.mnist import ink
from mnist_core.experiment.class_names import noun, one
from mnist_core.figures.inside import NormSeries, gradient_norms
from mnist_core.figures.pixels import Bars, Images, as_tile
from mnist_core.inspection.evidence import Evidence, evidence
from mnist_core.inspection.gradients import (
    Backward,
    gradient_norms_at_start,
    largest_path,
    path_product,
)
from mnist_core.inspection.gradients import backward as gradients_of
from mnist_core.inspection.latex import number
from mnist_core.inspection.occlusion import SIDE
from pages.views.inspect.network import STRIP_MAPS, as_images, strip_layers
from pages.views.inspect.scene import Scene, test_images, test_labels
from pages.widgets.escape import escaped
from pages.widgets.live_figure import live_figure
from pages.widgets.pixel_view import pixel_view
from pages.widgets.progress_notes import told

START_IMAGES = 16
# The same layers with these, untrained, to compare with: activation, initialiser.
STARTS = {
    "with sigmoid and Glorot, untrained": ("sigmoid", "glorot_uniform"),
    "with ReLU and He, untrained": ("relu", "he_normal"),
}


def backward(scene: Scene) -> None:
    """The view, from the loss back to the pixels."""
    label = st.segmented_control(
        f"The {noun(scene.names)} that the loss is computed for",
        list(range(len(scene.names))),
        format_func=scene.names.__getitem__,
        default=scene.asked,
        key=f"inspect-label-{scene.choice.experiment.data}-{scene.index}-{scene.asked}",
        required=True,
        wrap=True,
    )
    with ThreadPoolExecutor(1) as aside:
        # What takes longest is computed while the rest is drawn.
        about = scene.network, scene.weights, scene.image, label
        pixels = aside.submit(evidence, *about)
        _on_the_way(scene, label, gradients_of(*about))
        _pixels(scene, label, pixels.result())


def _on_the_way(scene: Scene, label: int, found: Backward) -> None:
    """The loss, and its gradients on the way back to the pixels."""
    # Not the answer's own float32, which is 1 long before the loss is 0.
    p = math.exp(-found.loss)
    shown = number(p) if p < 0.999 else f"(1 - {number(-math.expm1(-found.loss))})"
    st.latex(rf"L = -\ln p_{{{label}}} = -\ln {shown} = {number(found.loss)}")
    if scene.choice.experiment.training.loss != "cross_entropy":
        st.caption("It was trained with another loss; what follows is about the cross-entropy.")
    _norms(scene, found)
    _maps(scene, found)
    _path(scene, label)


def _norms(scene: Scene, found: Backward) -> None:
    layers = [layer for layer in scene.probe.layers if layer.weights and layer.kind != "batch_norm"]
    places = [scene.probe.index(layer.name) for layer in layers]
    series = [NormSeries("this network now", _relative(found.norms, places))]
    for name, (activation, initializer) in STARTS.items():
        about = (scene.network.model_dump_json(), scene.choice.experiment.data)
        norms = _start_norms(*about, activation, initializer, scene)
        series.append(NormSeries(name, _relative(norms, places), dashed=True))
    names = [layer.name for layer in layers]
    figure = gradient_norms(names, series)
    sizes = ", ".join(
        f"{name} {found.norms[at]:.2g}" for name, at in zip(names, places, strict=True)
    )
    live_figure(figure, "gradient_norms", f"Size of the gradient at each layer: {sizes}")
    st.caption(
        "Relative to the gradient at the logits, next to the loss. Going back, to the left, each "
        "layer multiplies the gradient by its weights and by the slope of its activation. A "
        "sigmoid’s slope is at most ¼, so in a deep network little arrives: the gradient vanishes."
    )


def _relative(norms: Sequence[float], places: Sequence[int]) -> tuple[float, ...]:
    """The norms at some layers, as shares of that at the last of them, the logits."""
    last = norms[places[-1]]
    return tuple(norms[at] / last if last > 0 else float("nan") for at in places)


@told("first gradients", "Building an untrained network to compare with")
@st.cache_resource(max_entries=64, show_spinner=False)
def _start_norms(
    network: str, data: str, activation: str, initializer: str, _scene: Scene
) -> list[float]:
    """Norms per layer of `probe.layers`, the mean over the first test images."""
    images, labels = ink(test_images()[:START_IMAGES]), test_labels()[:START_IMAGES]
    return list(gradient_norms_at_start(_scene.network, images, labels, activation, initializer, 0))


def _maps(scene: Scene, found: Backward) -> None:
    st.markdown("**The gradient at each layer**: how fast the loss grows with each value")
    one_scale = st.toggle(
        "One colour scale for all layers",
        key="inspect-one-scale",
        help="A layer whose gradient has vanished is pale then. The probabilities keep a scale "
        "of their own.",
    )
    groups: list[Images | Bars] = []
    gradient = found.input_gradient
    layers = [one for one in strip_layers(scene.probe.layers) if not one.passes_through]
    shown = [scene.probe.index(layer.name) for layer in layers]
    limit = None
    if one_scale:
        sizes = [gradient, *(found.gradients[at] for at in shown[:-1])]
        limit = max(float(np.abs(values).max()) for values in sizes)
    groups.append(Images("input", "input", gradient[None], f"norm {np.linalg.norm(gradient):.2g}",
                         limit=limit, names=("∂loss/∂pixel",), largest=4))  # fmt: skip
    for layer in layers:
        at = scene.probe.index(layer.name)
        values = found.gradients[at]
        note = f"norm {found.norms[at]:.2g}"
        if values.ndim == 1:
            groups.append(Images(layer.name, layer.name, as_tile(values)[None], note, limit=limit,
                                 noun="tile", names=("∂loss/∂value",)))  # fmt: skip
        else:
            maps = as_images(values)[:STRIP_MAPS]
            groups.append(Images(layer.name, layer.name, maps, note, limit=limit))
    pixel_view(groups, "gradient_strip", "The gradient of the loss at each layer", strip=True,
               height=200)  # fmt: skip


def _path(scene: Scene, label: int) -> None:
    path = st.expander(
        "The chain rule along one path, from the loss to one pixel",
        key="inspect-path",
        on_change="rerun",
    )
    if not path.open:
        return
    steps = largest_path(scene.network, scene.weights, scene.outputs, label, scene.image)
    with path:
        st.markdown(
            "The gradient is a sum over all paths through the network; along one path it is the "
            "product of the slopes along it. At each layer, this path takes the input that "
            "contributes most."
        )
        for step in steps:
            st.latex(step.latex)
        if steps:
            st.markdown("All factors on this path, weights and slopes collected:")
            st.latex(path_product(scene.network, steps))


def _pixels(scene: Scene, label: int, found: Evidence) -> None:
    """Four answers to the question which pixels made the network say this digit."""
    st.markdown(
        f"**Which pixels are evidence for {escaped(one(scene.names[label]))}**, "
        "and which against it"
    )
    behind = scene.image * np.float32(0.8)
    groups: list[Images | Bars] = [
        Images("occlusion", "Occlusion", found.occlusion[None],
               f"fall of the logit when {SIDE}×{SIDE} pixels are covered",
               names=("fall",), backdrop=behind, largest=8),
        Images("saliency", "Saliency", found.saliency[None], "slope of the digit’s logit",
               names=("slope",), backdrop=behind, largest=8),
        Images("integrated", "Integrated gradients", found.integrated[None],
               f"shares of the logit; sum off by {abs(found.gap):.2g}",
               names=("share",), backdrop=behind, largest=8),
    ]  # fmt: skip
    if found.cam is not None:
        groups.append(
            Images("cam", "Grad-CAM", found.cam[None], "where the last feature maps count",
                   names=("weight",), backdrop=behind, largest=8)
        )  # fmt: skip
    pixel_view(groups, "saliency", f"Saliency maps for {one(scene.names[label])}")
    if found.cam is None:
        st.caption("Grad-CAM needs a convolution; this network has none.")
