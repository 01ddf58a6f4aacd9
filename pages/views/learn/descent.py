"""Chapter 7: how far to step, how often, and which way down."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import streamlit as st

from mnist_core import PRESETS
from mnist_core.experiment.spec import TRAIN_IMAGES
from mnist_core.figures.lesson.descent import descent_losses, surface
from mnist_core.lesson.numpy_net import (
    MOMENTUM,
    OptimizerName,
    Surface,
    descend,
    line_surface,
    pair_surface,
)
from pages.views.learn.parts import Chapter, Option, Question, side_by_side, train_link
from pages.views.learn.style import LAPTOP
from pages.views.learn.words import as_text, tex
from pages.widgets.live_figure import live_figure
from pages.widgets.player import player

GRID = 81
RATES = (0.003, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 1.0)
BATCHES = (1, 4, 16, 64)
NAMES: dict[OptimizerName, str] = {
    "sgd": "SGD",
    "momentum": "momentum",
    "adam": "Adam",
}


@dataclass(frozen=True, eq=False)
class Scene:
    """A surface, what its parameters are called, the part of it that is shown, a first start."""

    title: str
    model: str
    surface: Surface
    parameters: tuple[str, str]
    p: tuple[float, float]
    q: tuple[float, float]
    start: tuple[float, float]

    @property
    def axes(self) -> tuple[np.ndarray, np.ndarray]:
        """The values of both parameters at which the loss is computed."""
        return np.linspace(*self.p, GRID), np.linspace(*self.q, GRID)


@lru_cache(maxsize=1)
def scenes() -> dict[str, Scene]:
    """The surfaces to choose from."""
    return {
        "line": Scene("One valley", r"\hat y = w x + b", line_surface(), ("w", "b"),
                      (-1.5, 3.5), (-3.0, 2.5), (-1.0, 2.0)),
        "pair": Scene("Two valleys", r"\hat y = v \tanh(w x)", pair_surface(), ("w", "v"),
                      (-3.0, 3.0), (-3.0, 3.0), (2.0, -1.8)),
    }  # fmt: skip


QUESTION = Question(
    "There are 1,000 examples, in batches of 100. What is an epoch?",
    (
        Option(
            "One step",
            "One step uses one batch of 100. An epoch is over when all 1,000 have had their turn.",
        ),
        Option(
            f"{1000 // 100} steps",
            f"1,000 / 100 = {1000 // 100} batches, a step each, and every example has "
            "been used once.",
            right=True,
        ),
        Option(
            "Training until the loss stands still",
            "That may take many epochs, or a part of one. An epoch is one round through "
            "the examples.",
        ),
    ),
)


def chapter() -> Chapter:
    """The chapter's content."""
    training = PRESETS["two-layer"].training
    images = TRAIN_IMAGES - training.validation_images
    steps = -(-images // training.batch_size)
    slow = PRESETS["two-layer"].model_copy(
        update={"training": training.model_copy(update={"optimizer": "sgd", "learning_rate": 0.1})}
    )
    return Chapter(
        text=f"""
The loss over all values of two parameters is a landscape, the **loss surface**. A real network’s
has as many directions as parameters; the idea is the same. **Gradient descent** goes downhill,
against the gradient, step by step:

$$
\\theta \\leftarrow \\theta - \\eta\\,\\nabla L(\\theta)
$$

The **learning rate** $\\eta$ sets the size of a step. Too small: slow. Too large: it overshoots the
valley.

The gradient of a few random examples, a **batch**, is rough but cheap; this is **stochastic**
gradient descent (SGD). One pass over all examples is an **epoch**: {images:,} images in batches of
{training.batch_size} are {steps} steps.

The **optimiser** turns gradients into steps. **Momentum** keeps {MOMENTUM:g} of the last step, like
a heavy ball. **Adam** also divides by each parameter’s usual gradient, so that steep and flat
directions advance alike.
""",
        figure=figure,
        try_this="Find the largest learning rate at which SGD still converges. Then try batches of "
        "1. Click the surface to start there.",
        question=QUESTION,
        links=(
            train_link("Train with a learning rate far too high", PRESETS["too-fast"]),
            train_link("The same network with SGD at a good rate", slow),
            train_link("And with Adam", PRESETS["two-layer"]),
        ),
    )


@st.fragment
def figure() -> None:
    """The surface with the ways down from one start, and the loss along them."""
    scene, names, start = _what()
    rate, batch, epochs = _how(scene)
    if not names:
        st.info("Choose at least one optimiser.", icon=":material/trending_down:")
        return
    seed = st.session_state.setdefault("descent_seed", 0)
    paths = {name: descend(scene.surface, start, rate, epochs, batch, name, seed) for name in names}

    def move(point: dict[str, Any]) -> None:
        st.session_state.update(start_at(scene, point))

    p, q = np.meshgrid(*scene.axes)
    losses = {name: scene.surface.loss(path[:, 0], path[:, 1]) for name, path in paths.items()}
    ends = "; ".join(f"{NAMES[name]} ends at {loss[-1]:.3g}" for name, loss in losses.items())
    steps = len(scene.surface.x) // batch
    left, right = side_by_side("descent", 4, 3)
    with left:
        live_figure(
            surface(scene.axes, scene.surface.loss(p, q), paths, NAMES, scene.parameters),
            "descent_surface",
            f"The loss surface with the ways down from one start. Final losses: {ends}.",
            on_click=move,
            grows_above=LAPTOP,
            clock="descent",
        )
    with right:
        live_figure(
            descent_losses(losses, NAMES, steps),
            "descent_losses",
            f"Loss by step. {ends}.",
            grows_above=LAPTOP,
            clock="descent",
        )
    taken = max(len(path) for path in paths.values()) - 1
    player(
        "descent",
        taken,
        min(3 + taken / 15, 10),
        run=(scene.title, start, rate, batch, epochs, names, seed),
        label="Step",
        names=[f"Step {step} of {taken}" for step in range(taken + 1)],
    )
    _verdict(scene, losses, steps, epochs)


def _what() -> tuple[Scene, list[OptimizerName], tuple[float, float]]:
    """The surface, the optimisers that go down it, and where they begin."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        chosen = st.segmented_control(
            "Surface",
            list(scenes()),
            format_func=lambda key: scenes()[key].title,
            default="line",
            required=True,
            key="descent_scene",
        )
        names = st.segmented_control(
            "Optimisers",
            list(NAMES),
            format_func=NAMES.__getitem__,
            selection_mode="multi",
            default=list(NAMES),
            key="descent_names",
        )
        start = _start(scenes()[chosen])
    return scenes()[chosen], [name for name in NAMES if name in names], start


def _how(scene: Scene) -> tuple[float, int, int]:
    first, second, third = st.columns(3)
    rate = first.select_slider(
        "Learning rate $\\eta$", RATES, 0.1, format_func=lambda value: f"{value:g}",
        key="descent_rate",
    )  # fmt: skip
    examples = len(scene.surface.x)
    batch = second.select_slider(
        "Batch size",
        BATCHES,
        examples,
        format_func=lambda size: f"all {size}" if size == examples else str(size),
        key="descent_batch",
    )
    epochs = third.slider("Epochs", 1, 40, 15, key="descent_epochs")
    return float(rate), int(batch), int(epochs)


def _start_sliders(scene: Scene) -> list[tuple[str, str, float, float]]:
    """For both parameters of a start: its slider's key, its axis, its least and largest value."""
    return [
        (f"descent_{''.join(scene.parameters)}_{name}", axis, *limits)
        for name, axis, limits in zip(scene.parameters, "xy", (scene.p, scene.q), strict=True)
    ]


def start_at(scene: Scene, point: dict[str, Any]) -> dict[str, float]:
    """The sliders' values at a pressed point, by their keys, without what is no finite number."""
    return {
        key: round(float(min(max(value, low), high)), 1)
        for key, axis, low, high in _start_sliders(scene)
        if isinstance(value := point.get(axis), int | float) and -math.inf < value < math.inf
    }


def _start(scene: Scene) -> tuple[float, float]:
    """The start of all paths: the place last clicked, or set by its sliders."""
    sliders = _start_sliders(scene)
    for (key, *_), first in zip(sliders, scene.start, strict=True):
        st.session_state.setdefault(key, first)
    with st.popover("Start", icon=":material/flag:", key="descent_start"):
        for (key, _, low, high), name in zip(sliders, scene.parameters, strict=True):
            st.slider(f"${name}$", low, high, step=0.1, key=key, persist_state="session")
    return float(st.session_state[sliders[0][0]]), float(st.session_state[sliders[1][0]])


def _verdict(
    scene: Scene, losses: dict[OptimizerName, np.ndarray], steps: int, epochs: int
) -> None:
    gone = [NAMES[name] for name, loss in losses.items() if loss[-1] > 2 * loss[0]]
    best = float(scene.surface.loss(*np.meshgrid(*scene.axes)).min())
    st.markdown(
        f"${scene.model}$: **{steps}** step{'s' * (steps > 1)} an epoch, **{steps * epochs}** in "
        f"all. The lowest point on this map has a loss of ${tex(best, 3)}$."
        + (f" :red[{' and '.join(gone)} diverged.]" if gone else "")
    )
    if steps > 1:

        def again() -> None:
            st.session_state.descent_seed += 1

        noise = float(np.mean([np.abs(np.diff(loss[-steps:])).mean() for loss in losses.values()]))
        words, button = st.columns([3, 2], vertical_alignment="center")
        words.caption(
            f"In the last epoch the loss still changes by {as_text(noise, 4)} a step, on average."
        )
        button.button(
            "Shuffle the batches", icon=":material/casino:", on_click=again, key="descent_again"
        )
