"""Robustness views: turned, shifted, noisy images, and a change made to fool the network."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import streamlit as st

from mnist_core.data.mnist import ink
from mnist_core.evaluation.metrics import accuracy
from mnist_core.evaluation.robustness import (
    PERTURBATIONS,
    accuracy_curve,
    fgsm,
    fgsm_probabilities,
    fooling_grid,
    perturb,
    smallest_fooling_epsilon,
)
from mnist_core.experiment.class_names import DIGITS, noun, one
from mnist_core.figures.evaluation import fgsm_chart, robustness_curve
from mnist_core.figures.pixels import Bars, Images
from mnist_core.inspection.activations import FloatArray
from mnist_core.inspection.gradients import backward as gradients_of
from pages.views.inspect.scene import Scene, test_images, test_labels
from pages.widgets.escape import escaped
from pages.widgets.live_figure import live_figure
from pages.widgets.pixel_view import pixel_view
from pages.widgets.progress_notes import told

# Test images behind each point of a curve.
IMAGES = 500
LARGEST_EPSILON, EPSILON_STEP = 0.5, 0.005


def robustness(scene: Scene) -> None:
    """The view: a perturbation with its strength, then the fast gradient sign method."""
    _perturbed(scene)
    st.subheader("An adversarial change", anchor=False)
    _fooled(scene)


def _perturbed(scene: Scene) -> None:
    name = st.segmented_control(
        "Change the images",
        list(PERTURBATIONS),
        default="rotate",
        format_func=lambda name: PERTURBATIONS[name].title,
        key="inspect-perturbation",
        required=True,
        wrap=True,
    )
    kind = PERTURBATIONS[name]
    strength = st.slider(
        f"{kind.title}: {kind.axis}",
        kind.low,
        kind.high,
        0.0,
        (kind.high - kind.low) / 100,
        key=f"inspect-strength-{name}",
    )
    left, right = st.columns([2, 3], gap="medium")
    changed = perturb(scene.image[None], name, strength)
    answer = scene.probe.probabilities(scene.weights, changed)[0]
    with left:
        title = f"Read as {scene.names[int(answer.argmax())]}"
        digit = Images("changed", title, changed, "changed image", "ink", 1.0,
                       names=("changed image",), largest=6)  # fmt: skip
        bars = Bars("answer", "", answer, scene.names)
        pixel_view([digit, bars], "robust_input", digit.title)
    with right:
        now = _accuracy(scene.choice.key, scene.snapshot.step, name, strength, scene)
        shown = min(IMAGES, len(test_labels()))
        curve = _curve(scene.choice.key, scene.snapshot.step, name, scene)
        live_figure(
            robustness_curve(kind, kind.steps, curve, (strength, now), chance=1 / len(scene.names)),
            "robustness_curve",
            f"Accuracy on {shown:,} test images at each strength; now {now:.1%}",
        )
        st.caption(f"The accuracy is that on the first {shown:,} test images.")


@told("robustness", "Changing the test images")
@st.cache_resource(max_entries=64, show_spinner=False)
def _curve(key: str, step: int, name: str, _scene: Scene) -> npt.NDArray[np.float64]:
    images, labels = ink(test_images()[:IMAGES]), test_labels()[:IMAGES]
    return accuracy_curve(_predict(_scene), images, labels, name)


@st.cache_resource(max_entries=256, show_spinner=False)
def _accuracy(key: str, step: int, name: str, strength: float, _scene: Scene) -> float:
    changed = perturb(ink(test_images()[:IMAGES]), name, strength)
    return accuracy(_predict(_scene)(changed), test_labels()[:IMAGES])


def _predict(scene: Scene) -> Callable[[FloatArray], FloatArray]:
    return lambda images: scene.probe.probabilities(scene.weights, images)


def first_that_fools(epsilon: float) -> float:
    """The slider's first step that is not below `epsilon`, the smallest change that fools."""
    steps = math.ceil(round(epsilon / EPSILON_STEP, 6))
    return min(max(steps, 1) * EPSILON_STEP, LARGEST_EPSILON)


def _fooled(scene: Scene) -> None:
    """Each pixel a little lighter or darker, whichever makes the loss grow."""
    label = scene.asked
    names = scene.names
    this = f"this {names[label]}" if names[label] in DIGITS else escaped(one(names[label]))
    gradient = gradients_of(scene.network, scene.weights, scene.image, label).input_gradient
    predict = _predict(scene)
    steps = fooling_grid(LARGEST_EPSILON)
    shares = fgsm_probabilities(predict, scene.image, gradient, steps)
    fooling = smallest_fooling_epsilon(
        predict, scene.image, gradient, label, LARGEST_EPSILON, shares
    )
    if fooling is None:
        st.markdown(f"No change of up to {LARGEST_EPSILON:g} per pixel in this direction fools it.")
    elif fooling.epsilon == 0:
        st.markdown(f"It misreads {this} even without a change.")
    else:
        st.markdown(
            f"The smallest change that fools it: **ε = {fooling.epsilon:.3f}** per pixel "
            f"(ink is 1). Then {this} is read as **{escaped(names[fooling.read])}**."
        )
    start = 0.1 if fooling is None else first_that_fools(fooling.epsilon)
    key = f"inspect-epsilon-{scene.choice.key}-{scene.snapshot.step}-{scene.picture}"
    epsilon = st.slider("ε, the change of each pixel", 0.0, LARGEST_EPSILON, start, EPSILON_STEP,
                        format="%.3f", key=key)  # fmt: skip
    changed = fgsm(gradient, scene.image, epsilon)
    answer = predict(changed[None])[0]
    read = names[int(answer.argmax())]
    groups: list[Images | Bars] = [
        Images("image", "Image", scene.image[None], f"read as {names[scene.read]}", "ink", 1.0,
               names=("image",), largest=5),
        Images("change", "Change", (changed - scene.image)[None], "ε × sign of the gradient",
               limit=0.5, names=("change",), largest=5),
        Images("sum", "Sum", changed[None], f"read as {read}", "ink", 1.0,
               names=("changed image",), largest=5),
        Bars("answer", "", answer, scene.names),
    ]  # fmt: skip
    with st.container(key="fgsm"):
        pixel_view(groups, "fgsm_images", f"Changed by {epsilon:g} it is read as {read}")
    live_figure(fgsm_chart(steps, shares, label, fooling, epsilon, names), "fgsm_chart",
                f"The probability of each {noun(names)} as epsilon grows")  # fmt: skip
