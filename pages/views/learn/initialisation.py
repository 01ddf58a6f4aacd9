"""Chapter 4: the weights to begin with."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import streamlit as st

from mnist_core import PRESETS
from mnist_core.experiment.shapes import CLASSES
from mnist_core.figures.lesson.start import short, signal_ridges, start_curves
from mnist_core.lesson.numpy_net import LARGE, SMALL, forward, random_network
from mnist_core.lesson.recordings import DEEP_LAYERS, DEEP_UNITS, loss_curves, samples
from pages.views.learn.parts import (
    Chapter,
    Option,
    Question,
    open_link,
    side_by_side,
    train_link,
)
from pages.views.learn.style import LAPTOP
from pages.widgets.live_figure import live_figure
from pages.widgets.player import player


@dataclass(frozen=True)
class Start:
    """An initialization: its title, its rule in LaTeX, and what becomes of it."""

    title: str
    rule: str
    about: str


STARTS = {
    "zeros": Start(
        "Zeros",
        r"w = 0",
        "Every neuron of a layer computes the same, gets the same gradient and stays the same.",
    ),
    "random_normal": Start(
        "Too small",
        rf"w \sim \mathcal{{N}}(0, {SMALL:g}^2)",
        "The signal shrinks layer by layer until nothing is left of the image.",
    ),
    "large": Start(
        "Too large",
        rf"w \sim \mathcal{{N}}(0, {LARGE:g}^2)",
        "The signal grows from layer to layer; the first loss is astronomical.",
    ),
    "glorot_uniform": Start(
        "Glorot",
        r"w \sim \mathcal{U}(-r, r),\; r = \sqrt{6 / (n_\text{in} + n_\text{out})}",
        "Keeps the spread where the activation is nearly linear, as tanh is around 0.",
    ),
    "he_normal": Start(
        "He",
        r"w \sim \mathcal{N}(0, 2 / n_\text{in})",
        "Twice the variance, because ReLU sets half of the sums to 0.",
    ),
}
BENDS = {"relu": "ReLU", "tanh": "tanh", "sigmoid": "sigmoid"}


def chapter() -> Chapter:
    """The chapter's content."""
    chance = float(np.log(CLASSES))
    return Chapter(
        text=f"""
The choice of the first weights, the **initialisation**, decides whether learning can begin.

Equal weights make equal neurons, and they stay equal: random weights **break the symmetry**. How
large? A sum of $n$ products has a variance of $n \\cdot \\mathrm{{Var}}(w)$ times the mean square
of the inputs. For a **signal** to stay as strong from layer to layer, weights must shrink as the
number of inputs grows:

$$
\\begin{{aligned}}
\\mathrm{{Var}}(w) &= \\tfrac{{2}}{{n_\\text{{in}} + n_\\text{{out}}}} && \\text{{(Glorot)}} \\\\
\\mathrm{{Var}}(w) &= \\tfrac{{2}}{{n_\\text{{in}}}} && \\text{{(He, for ReLU)}}
\\end{{aligned}}
$$

The first plot shows real digits on their way through {DEEP_LAYERS} layers of {DEEP_UNITS} neurons;
the **spread** is the standard deviation of the outputs. The second shows recorded runs: the
**loss**, which says how wrong the network is, after each **step** of training. Guessing among
{CLASSES} digits has a loss of $\\ln {CLASSES} = {chance:.2f}$.
""",
        figure=figure,
        try_this="Try all five with ReLU, then with tanh. Which one keeps the spread up to "
        "layer 10? Does its recorded run learn fastest?",
        question=_question(chance),
        links=(
            train_link("Train a network that starts from zeros", PRESETS["zeros"]),
            train_link("Ten sigmoid layers with Glorot’s start", PRESETS["ten-sigmoids"]),
        ),
    )


def _question(chance: float) -> Question:
    """The question, with a loss of `chance` for guessing."""
    return Question(
        "Why not start with all weights at zero?",
        (
            Option(
                "All neurons of a layer would stay identical",
                "Equal weights get equal gradients, so that a layer can do no more than a "
                "single neuron. With ReLU even that one never learns.",
                right=True,
            ),
            Option(
                "The loss would be infinite",
                f"It is not: all ten outputs get the same share, and the loss is that of "
                f"guessing, {chance:.2f}. It just stays there.",
            ),
            Option(
                "It takes longer, but it works in the end",
                "Look at the recorded run: the loss does not move, because the neurons never "
                "become different from each other.",
            ),
        ),
    )


@st.fragment
def figure() -> None:
    """Signals through ten layers, and recorded runs from the same starts."""
    name = st.segmented_control(
        "Initialisation",
        list(STARTS),
        format_func=lambda key: STARTS[key].title,
        default="random_normal",
        required=True,
        key="start_name",
    )
    draws = st.session_state.setdefault("start_draws", 0)

    def again() -> None:
        st.session_state.start_draws += 1

    with st.container(horizontal=True, vertical_alignment="bottom"):
        bend = st.segmented_control(
            "Activation",
            list(BENDS),
            format_func=BENDS.__getitem__,
            default="relu",
            required=True,
            key="start_bend",
        )
        st.button("Draw new weights", icon=":material/casino:", on_click=again, key="start_again")
    outputs = signals(name, bend, draws)
    start = STARTS[name]
    st.markdown(f"**{start.title}:** ${start.rule}$. {start.about}")
    reach = 1.0 if bend != "relu" else max(1.0, float(np.abs(outputs[0]).max()) * 0.8)
    low = -reach if bend == "tanh" else 0.0
    first, last = (short(float(values.std())) for values in (outputs[0], outputs[-1]))
    now, later = side_by_side("start", 1, 1)
    with now:
        live_figure(
            signal_ridges(outputs, (low, reach), "Outputs, computed now"),
            "start_signals",
            f"{start.title} with {BENDS[bend]}: the spread of the outputs goes from {first} in "
            f"the first layer to {last} in the last.",
            grows_above=LAPTOP,
            clock="start",
        )
        player(
            "start",
            DEEP_LAYERS,
            3,
            run=(name, bend, draws),
            label="Layers that the signal has passed",
            names=["Input", *(f"Layer {layer + 1}" for layer in range(DEEP_LAYERS))],
        )
    with later:
        _recorded(name)


def _recorded(name: str) -> None:
    curves = loss_curves()
    live_figure(
        start_curves(
            {STARTS[key].title: (curve.steps, curve.loss) for key, curve in curves.items()},
            STARTS[name].title,
            float(np.log(CLASSES)),
            DEEP_LAYERS,
        ),
        "start_losses",
        f"Training loss by first weights; {STARTS[name].title} is drawn bold and ends at "
        f"{curves[name].loss[-1]:.3g}.",
        grows_above=LAPTOP,
        clock="start",
    )
    label = "Train this run yourself"
    if name == "large":
        label = "Train with all weights at 1, the largest start that Train offers"
    open_link(train_link(label, curves[name].experiment))


def signals(name: str, bend: str, draws: int) -> list[np.ndarray]:
    """The outputs [images, units] of each of the ten layers for some test images."""
    images = np.stack([sample.image for sample in samples()]).reshape(len(samples()), -1) / 255.0
    sizes = [images.shape[1], *[DEEP_UNITS] * DEEP_LAYERS]
    layers = random_network(sizes, bend, name, np.random.default_rng(draws))
    return list(forward(layers, images).outputs[1:])
