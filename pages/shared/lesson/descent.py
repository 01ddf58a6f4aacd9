"""Chapter 7: how far to step, how often, and which way down."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import streamlit as st

from mnist_core import PRESETS
from mnist_core.figures.lesson_descent import descent_losses, surface
from mnist_core.smallnet import (
    MOMENTUM,
    OptimizerName,
    Surface,
    descend,
    line_surface,
    pair_surface,
)
from mnist_core.spec import TRAIN_IMAGES
from pages.shared.lesson.parts import Chapter, Option, Question, train_link
from pages.shared.lesson.words import plain, tex
from pages.shared.live_figure import live_figure

GRID = 81
RATES = (0.003, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 1.0)
BATCHES = (1, 4, 16, 64)
NAMES: dict[OptimizerName, str] = {
    "sgd": "SGD",
    "momentum": "with momentum",
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
All values that two parameters can take form a landscape, with the loss as its height: the **loss
surface**. A real network’s has as many directions as parameters; the idea is the same.
**Gradient descent** goes downhill, against the gradient, again and again:

$$
\\theta \\leftarrow \\theta - \\eta\\,\\nabla L(\\theta)
$$

The **learning rate** $\\eta$ says how long the stride is: $\\eta$ times the slope.
Too small: slow. Too large: it leaps across the valley, and out of it.

The gradient of a few random examples, a **batch**, is rough but cheap; such descent is called
**stochastic** (SGD). One round through all examples is an **epoch**. The two-layer network’s
{images:,} images in batches of {training.batch_size} make {steps} steps an epoch.

**Momentum** keeps {MOMENTUM:g} of its last stride, like a heavy ball: it crosses flat ground and
smooths the noise. **Adam** also divides by each parameter’s usual gradient, so that steep and
flat directions advance alike.
""",
        figure=figure,
        try_this="Full batch, SGD alone: find the largest learning rate that still arrives. Then "
        "take batches of 1. Press anywhere on the surface to start from there.",
        question=Question(
            "There are 1,000 examples, in batches of 100. What is an epoch?",
            (
                Option(
                    "One step",
                    "One step uses one batch of 100. An epoch is over when all 1,000 have had "
                    "their turn.",
                ),
                Option(
                    f"{1000 // 100} steps",
                    f"1,000 / 100 = {1000 // 100} batches, a step each, and every example has "
                    "been met once.",
                    right=True,
                ),
                Option(
                    "Training until the loss stands still",
                    "That may take many epochs, or a part of one. An epoch is one round through "
                    "the examples.",
                ),
            ),
        ),
        links=(
            train_link("Train with a learning rate far too high", PRESETS["too-fast"]),
            train_link("The same network with SGD at a good rate", slow),
            train_link("And with Adam", PRESETS["two-layer"]),
        ),
    )


@st.fragment
def figure() -> None:
    """The surface with the ways down from one start, and the loss along them."""
    scene, names = _what()
    rate, batch, epochs = _how(scene)
    if not names:
        st.info("Choose at least one optimiser.", icon=":material/trending_down:")
        return
    start = st.session_state.setdefault(f"descent_start_{scene.title}", scene.start)
    seed = st.session_state.setdefault("descent_seed", 0)
    paths = {name: descend(scene.surface, start, rate, epochs, batch, name, seed) for name in names}

    def move(point: dict[str, Any]) -> None:
        st.session_state[f"descent_start_{scene.title}"] = (
            float(point["x"]),
            float(point["y"]),
        )

    p, q = np.meshgrid(*scene.axes)
    losses = {name: scene.surface.loss(path[:, 0], path[:, 1]) for name, path in paths.items()}
    ends = "; ".join(f"{NAMES[name]} ends at {loss[-1]:.3g}" for name, loss in losses.items())
    live_figure(
        surface(scene.axes, scene.surface.loss(p, q), paths, NAMES, scene.parameters),
        "descent_surface",
        f"The loss surface with the ways down from one start. Final losses: {ends}.",
        on_click=move,
    )
    steps = len(scene.surface.x) // batch
    live_figure(descent_losses(losses, NAMES, steps), "descent_losses", f"Loss by step. {ends}.")
    _verdict(scene, losses, steps, epochs)


def _what() -> tuple[Scene, list[OptimizerName]]:
    left, right = st.columns([2, 3])
    with left:
        chosen = st.segmented_control(
            "Surface",
            list(scenes()),
            format_func=lambda key: scenes()[key].title,
            default="line",
            required=True,
            key="descent_scene",
        )
    with right:
        names = st.segmented_control(
            "Optimisers",
            list(NAMES),
            format_func=NAMES.__getitem__,
            selection_mode="multi",
            default=["sgd"],
            key="descent_names",
        )
    return scenes()[chosen], [name for name in NAMES if name in names]


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


def _verdict(
    scene: Scene, losses: dict[OptimizerName, np.ndarray], steps: int, epochs: int
) -> None:
    gone = [NAMES[name] for name, loss in losses.items() if loss[-1] > 2 * loss[0]]
    best = float(scene.surface.loss(*np.meshgrid(*scene.axes)).min())
    st.markdown(
        f"${scene.model}$: **{steps}** step{'s' * (steps > 1)} an epoch, **{steps * epochs}** in "
        f"all. The lowest point on this map has a loss of ${tex(best, 3)}$."
        + (f" :red[{' and '.join(gone)} leapt out of the valley.]" if gone else "")
    )
    if steps > 1:

        def again() -> None:
            st.session_state.descent_seed += 1

        noise = float(np.mean([np.abs(np.diff(loss[-steps:])).mean() for loss in losses.values()]))
        words, button = st.columns([3, 2], vertical_alignment="center")
        words.caption(
            f"In the last epoch the loss still goes up or down by {plain(noise, 4)} a step."
        )
        button.button(
            "Shuffle the batches", icon=":material/casino:", on_click=again, key="descent_again"
        )
