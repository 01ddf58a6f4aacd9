"""Kernels and dense weights as images, their spread now and at first, and dead ReLU units."""

from __future__ import annotations

import contextlib

import numpy as np
import streamlit as st

from mnist_core.experiment.layer import describe_shape
from mnist_core.figures.inside import weight_histogram
from mnist_core.figures.pixels import Images
from mnist_core.inspection.activation_maximization import dead_units
from mnist_core.inspection.activations import FloatArray
from mnist_core.inspection.weights import Kernel, histogram, initial_weights, kernels
from mnist_core.storage.store import StoreError
from pages.session.network_choice import DEFAULT_MODEL, Weights, snapshots, weights_at
from pages.views.inspect.number_field import choose_number
from pages.views.inspect.scene import Scene, test_images
from pages.widgets.live_figure import live_figure
from pages.widgets.pixel_view import pixel_view
from pages.widgets.progress_notes import told

# Dense neurons shown at once as 28×28 images.
NEURONS = 128
BINS = 60


def weights(scene: Scene) -> None:
    """The view: one layer's weights, their histograms, and how many units are dead."""
    found = {kernel.layer: kernel for kernel in kernels(scene.network, scene.weights)}
    name = st.segmented_control(
        "Layer", list(found), default=next(iter(found)), key=f"inspect-kernel-{scene.choice.key}",
        required=True,
    )  # fmt: skip
    kernel = found[name]
    show_kernel(scene, kernel)
    left, right = st.columns(2, gap="medium")
    then = _first_weights(scene)
    with left:
        _histogram(f"Weights of {kernel.layer}", kernel.kernel, then[kernel.kernel_index], "kernel")
    if kernel.bias is not None and kernel.bias_index is not None:
        with right:
            _histogram(f"Biases of {kernel.layer}", kernel.bias, then[kernel.bias_index], "bias")
    _dead(scene)


def show_kernel(scene: Scene, kernel: Kernel) -> None:
    """The kernel as images, whichever way suits its shape."""
    if kernel.kernel.ndim == 4:
        _convolution(kernel)
    elif sees_image(scene, kernel):
        _neurons(kernel)
    else:
        _matrix(scene, kernel)


def _convolution(kernel: Kernel) -> None:
    height, width, channels, filters = kernel.kernel.shape
    limit = float(np.abs(kernel.kernel).max())
    size = f"{height}×{width}"
    if channels == 1:
        values, nouns = kernel.kernel[:, :, 0], [f"filter {i}" for i in range(filters)]
        heading = f"{filters} kernels of {size}, one for each feature map"
    else:
        row = st.container(horizontal=True, vertical_alignment="bottom")
        way = row.segmented_control(
            "Show", ["One filter", "One input channel"], default="One filter",
            key=f"inspect-way-{kernel.layer}", required=True,
        )  # fmt: skip
        if way == "One filter":
            with row:
                chosen = choose_number("Filter", filters, width=170, key=f"filter-{kernel.layer}")
            values = kernel.kernel[:, :, :, chosen]
            nouns = [f"filter {chosen}, input channel {i}" for i in range(channels)]
            heading = f"Filter {chosen}: one {size} kernel for each of {channels} input channels"
        else:
            with row:
                chosen = choose_number("Channel", channels, width=170, key=f"chan-{kernel.layer}")
            values = kernel.kernel[:, :, chosen]
            nouns = [f"filter {i}, input channel {chosen}" for i in range(filters)]
            heading = f"Input channel {chosen}: its {size} kernel in each of {filters} filters"
    images = np.moveaxis(values, -1, 0)
    captions = tuple(str(i) for i in range(len(images)))
    _show(Images(kernel.layer, heading, images, _scale(limit), limit=limit, names=tuple(nouns),
                 captions=captions, largest=24))  # fmt: skip


def _neurons(kernel: Kernel) -> None:
    """The weights of neurons that see the whole image, as images."""
    units = kernel.kernel.shape[1]
    first = 0
    if units > NEURONS:
        pages = list(range(0, units, NEURONS))
        first = st.select_slider(
            "Neurons", pages, key=f"neurons-{kernel.layer}",
            format_func=lambda at: f"{at} to {min(at + NEURONS, units) - 1}",
        )  # fmt: skip
    shown = kernel.kernel[:, first : first + NEURONS]
    limit = float(np.abs(kernel.kernel).max())
    names = tuple(f"neuron {first + i}" for i in range(shown.shape[1]))
    heading = f"{shown.shape[1]} of {units} neurons: the weight each gives to each pixel"
    _show(Images(kernel.layer, heading, shown.T.reshape(-1, 28, 28), _scale(limit), limit=limit,
                 names=names, largest=4))  # fmt: skip


def _matrix(scene: Scene, kernel: Kernel) -> None:
    """Weights as a matrix, or for a flattened stack of maps one neuron's weights as maps."""
    inputs, units = kernel.kernel.shape
    limit = float(np.abs(kernel.kernel).max())
    before = maps_before(scene, kernel)
    if before is not None:
        key = f"unit-{kernel.layer}"
        unit = choose_number("Neuron", units, key=key, width=170)
        maps = np.moveaxis(kernel.kernel[:, unit].reshape(before), -1, 0)
        names = tuple(f"neuron {unit}, map {i}" for i in range(before[2]))
        heading = f"Neuron {unit}: its weights for {before[2]} maps of {describe_shape(before[:2])}"
        _show(Images(kernel.layer, heading, maps, _scale(limit), limit=limit, names=names))
        return
    heading = f"{units} neurons (rows) × {inputs} inputs (columns)"
    _show(Images(kernel.layer, heading, kernel.kernel.T[None], _scale(limit), limit=limit,
                 names=("neuron (row), input (column)",)))  # fmt: skip


def _show(group: Images) -> None:
    pixel_view([group], "weight_images", group.title)


def _scale(limit: float) -> str:
    return f"orange −{limit:.3g}, grey 0, blue {limit:.3g}"


def sees_image(scene: Scene, kernel: Kernel) -> bool:
    """True for a dense layer whose inputs are the image's pixels."""
    index = scene.probe.index(kernel.layer)
    before = scene.probe.layers[:index]
    return kernel.kernel.shape[0] == 28 * 28 and all(
        layer.passes_through or layer.kind in ("rescale", "unit_norm") for layer in before
    )


def maps_before(scene: Scene, kernel: Kernel) -> tuple[int, ...] | None:
    """(height, width, channels) of what was flattened right before this layer, if anything."""
    index = scene.probe.index(kernel.layer) - 1
    while index > 0 and scene.probe.layers[index].kind == "dropout":
        index -= 1
    if index > 0 and scene.probe.layers[index].kind == "flatten":
        shape = scene.probe.layers[index - 1].shape
        return shape if len(shape) == 3 else None
    return None


def _first_weights(scene: Scene) -> Weights:
    """The weights before training: the run's own where they are kept."""
    key = scene.choice.key
    kept = None
    if key != DEFAULT_MODEL and snapshots(key)[0].step == 0:
        with contextlib.suppress(StoreError):  # damaged: the seed gives them, too
            kept = weights_at(key, 0)
    if kept:
        return kept
    seed = scene.choice.run.experiment.training.seed if scene.choice.run else 0
    return tuple(initial_weights(scene.network, seed))


def _histogram(heading: str, now: FloatArray, then: FloatArray, key: str) -> None:
    found = histogram(now, then, BINS)
    live_figure(
        weight_histogram(found, heading),
        f"histogram_{key}",
        f"{heading}: how they are spread now (spread {now.std():.3g}) and at initialisation "
        f"({then.std():.3g})",
    )


def _dead(scene: Scene) -> None:
    """The share of ReLU units that no test image makes fire."""
    found = _dead_units(scene.choice.key, scene.snapshot.step, scene)
    if not found:
        st.caption("This network has no ReLU, so none of its units can be dead.")
        return
    st.markdown("**Dead ReLU units**: zero for each of the test images")
    st.dataframe(
        {
            "Layer": list(found),
            "Units": [len(dead) for dead in found.values()],
            "Dead": [int(dead.sum()) for dead in found.values()],
            "Share": [f"{dead.mean():.1%}" for dead in found.values()],
        },
        hide_index=True,
        width="content",
    )


@told("dead units", "Looking for dead units")
@st.cache_resource(max_entries=32, show_spinner=False)
def _dead_units(key: str, step: int, _scene: Scene) -> dict[str, np.ndarray]:
    return dead_units(_scene.network, _scene.weights, test_images())
