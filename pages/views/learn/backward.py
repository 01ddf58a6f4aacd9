"""Chapter 6: how wrong the answer is, and what each weight has to do with it."""

from __future__ import annotations

import numpy as np
import streamlit as st

from mnist_core.experiment.shapes import CLASSES
from mnist_core.figures.lesson.backward import (
    EDGES,
    LAST_STEP,
    Shown,
    backward_drawing,
    share_bars,
)
from mnist_core.figures.lesson.forward import AT_PIXELS, forward_drawing
from mnist_core.lesson.numpy_net import cross_entropy, softmax
from mnist_core.lesson.recordings import pair_of
from pages.session.lesson_digit import LessonDigit
from pages.views.learn import chain
from pages.views.learn.diagram import diagram
from pages.views.learn.digit import NO_PAPER, choose_digit
from pages.views.learn.network import compute, compute_back
from pages.views.learn.parts import Chapter, Link, Option, Question, side_by_side
from pages.views.learn.words import as_text, factor, tex
from pages.widgets.live_figure import live_figure
from pages.widgets.player import player

LOGITS = (1.0, 0.5, -1.0)
RATE = 0.5


QUESTION = Question(
    "A weight has gradient 0.3. What lowers the loss?",
    (
        Option(
            "Making the weight a little larger",
            "A positive gradient says that the loss rises with the weight.",
        ),
        Option(
            "Making the weight a little smaller",
            "The loss rises with this weight, so going the other way lowers it: that is "
            "why a step subtracts the gradient.",
            right=True,
        ),
        Option(
            "Setting the weight to 0.3",
            "The gradient is no goal for the weight, but a slope: how fast the loss "
            "changes when the weight does.",
        ),
    ),
)


def chapter() -> Chapter:
    """The chapter's content."""
    return Chapter(
        text="""
The loss $L$ says how wrong an answer is. For **classes**, such as digits, it is the
**cross-entropy**: minus the logarithm of the probability of the right class $c$.

$$
L = -\\ln p_c
$$

A gradient says how fast the loss rises with a weight. **Backpropagation** finds them all, last
layer first, by the **chain rule**: along an edge, derivatives multiply.

$$
\\begin{aligned}
\\frac{\\partial L}{\\partial w} &= (\\text{what comes in}) \\cdot \\delta \\\\
\\delta_j &= \\varphi'(z_j) \\sum_k w_{jk}\\,\\delta_k
\\end{aligned}
$$

Here $\\delta$ is the derivative of the loss with respect to a neuron’s weighted sum. At the
outputs it is $\\delta_k = p_k - y_k$, with $y_k = 1$ for the right class and 0 for the others.
""",
        figure={
            "Predict each gradient": chain_figure,
            "Your digit, forward and back": flow_figure,
            "The loss": loss_figure,
        },
        try_this="Predict each number, and check it. Then choose a 1, which this network reads "
        "correctly: how large are the gradients now?",
        question=QUESTION,
        links=(
            Link(
                "pages/inspect.py",
                "See gradients flow back through a deep network",
                {"run": "default", "view": "backward"},
            ),
            Link("pages/train.py", "Watch a gradient vanish: ten sigmoid layers",
                 {"preset": "ten-sigmoids"}),
        ),
    )  # fmt: skip


@st.fragment
def flow_figure() -> None:
    """The network of chapter 5, its answer and its loss, and the gradients back to the pixels."""
    digit = choose_digit(NO_PAPER)
    flow = compute(digit.image)
    best = int(flow.shares.argmax())
    right = digit.label
    if right is None:
        right = st.segmented_control(
            "What have you drawn?",
            list(range(len(flow.shares))),
            default=best,
            required=True,
            key="flow_label",
            wrap=True,
        )
    back, loss = compute_back(digit.image, right)
    diagram(
        forward_drawing(flow, back),
        "back_drawing",
        f"{digit.name} goes through the network, which gives the right answer, {right}, "
        f"{flow.shares[right]:.0%}. The loss is {loss:.3f}; gradients flow back to the pixels.",
        clock="backward",
    )
    player(
        "backward",
        AT_PIXELS,
        9,
        run=(digit.image.tobytes(), right),
        label="Stage",
        names=(
            "Forward: pixels",
            "Forward: hidden neurons",
            "Forward: logits",
            f"The loss: −ln {as_text(float(flow.shares[right]), 3)} = {as_text(loss, 3)}",
            "Back: ∂L/∂z of each logit is p − y",
            "Back: times the weights, to the hidden neurons",
            "Back to the pixels: blue ones raise the loss, orange ones lower it",
        ),
    )


@st.fragment
def loss_figure() -> None:
    """Softmax and cross-entropy of three logits."""
    columns = st.columns(3)
    logits = np.array(
        [
            column.slider(f"Logit $z_{place + 1}$", -4.0, 4.0, first, 0.1, key=f"loss_z{place}")
            for place, (column, first) in enumerate(zip(columns, LOGITS, strict=True))
        ]
    )
    names = range(len(LOGITS))
    label = st.segmented_control(
        "Right class",
        list(names),
        format_func=lambda place: f"class {place + 1} is right",
        default=0,
        required=True,
        key="loss_label",
        label_visibility="collapsed",
    )
    shares = softmax(logits)
    loss = cross_entropy(logits[None], np.array([label]))
    live_figure(
        share_bars(shares, label),
        "loss_shares",
        f"The right class gets {shares[label]:.1%}; the loss is {loss:.3f}.",
    )
    st.caption(
        f"Sure and right: nearly 0. Sure and wrong: no limit. Guessing among {CLASSES} digits: "
        f"$\\ln {CLASSES} = {float(np.log(CLASSES)):.2f}$."
    )
    powers = " + ".join(rf"e^{{{tex(float(z), 1)}}}" for z in logits)
    st.latex(
        rf"\begin{{aligned}} p_{label + 1} &= "
        rf"\frac{{e^{{{tex(float(logits[label]), 1)}}}}}{{{powers}}} = "
        rf"{tex(float(shares[label]), 3)} \\ L &= -\ln {tex(float(shares[label]), 3)} = "
        rf"\mathbf{{{tex(loss, 3)}}} \end{{aligned}}"
    )


@st.fragment
def chain_figure() -> None:
    """The chain rule on a small network, one derivative a step."""
    state = st.session_state
    digit = choose_digit()
    label, inputs = pair_input(digit)
    if state.get("chain_digit") != (label, inputs):  # another digit: from the start
        state.chain_digit, state.chain_at, state.chain_shown = (label, inputs), 0, False
    found = chain.example(state.setdefault("chain_seed", 0), label, inputs)
    every = chain.steps(found)
    at = min(state.setdefault("chain_at", 0), len(every))
    shown = state.setdefault("chain_shown", False)
    drawing, beside = side_by_side("chain", 3, 2)
    with drawing:
        _drawing(found, every, at, shown)
    with beside:
        if at == len(every):
            _finished(found)
        else:
            _step(found, every[at], at, len(every), shown)
        _buttons(at, len(every), shown)


def pair_input(digit: LessonDigit) -> tuple[int, tuple[float, float]]:
    """The right output for a digit (0: it is a 1, 1: it is none) and its two pixels."""
    known = digit.label
    if known is None:
        known = int(compute(digit.image).shares.argmax())
    x1, x2 = (round(float(value), 2) for value in pair_of(digit.image))
    return int(known != 1), (x1, x2)


def _drawing(found: chain.Example, every: list[chain.Step], at: int, shown: bool) -> None:
    known = every[: at + 1] if shown else every[:at]
    now = every[at] if at < len(every) else None
    hidden, shares = found.passed.outputs[1][0], found.shares
    values = {"x1": found.inputs[0, 0], "x2": found.inputs[0, 1], "h1": hidden[0], "h2": hidden[1],
              "o1": shares[0], "o2": shares[1]}  # fmt: skip
    weights = {}
    for pair in EDGES:
        layer, row, column = chain.weight_place(pair)
        weights[pair] = float(found.layers[layer].weights[row, column])
    diagram(
        backward_drawing(
            Shown(
                {name: float(value) for name, value in values.items()},
                weights,
                {step.part: step.value for step in known},
                now.part if now else None,
                now.onward if now else frozenset(),
                {step.part: step.value for step in every if isinstance(step.part, str)},
            )
        ),
        "chain_drawing",
        f"A network of two pixels, two hidden neurons and two outputs; {len(known)} of "
        f"{len(every)} derivatives are known. "
        + (f"Now: {now.title}" if now else "All of them are found."),
        clock="chain",
    )
    player(
        "chain",
        LAST_STEP,
        6,
        run=(found.seed, found.inputs.tolist()),
        label="Stage",
        names=(
            "Two pixels",
            "Forward to hidden",
            "Forward to the outputs",
            "Loss: back from here",
            "Back to hidden",
            "Back to the pixels",
        ),
    )
    st.latex(
        rf"p = ({tex(float(shares[0]), 3)},\; {tex(float(shares[1]), 3)}) \qquad "
        rf"L = -\ln p_{found.label + 1} = \mathbf{{{tex(found.loss, 3)}}}"
    )


def _step(found: chain.Example, now: chain.Step, at: int, count: int, shown: bool) -> None:
    st.markdown(f"**Step {at + 1} of {count}:** {now.title}")
    result = rf"\mathbf{{{tex(now.value, 3)}}}" if shown else r"\;?"
    st.latex(_formula(now, result))
    if not shown:
        _prediction(now, at)
    elif isinstance(now.part, tuple):
        st.caption(
            f"Checked numerically: change this weight by ±{chain.NUDGE:g}, and the loss changes "
            f"at a rate of {as_text(chain.nudged(found, now.part), 3)}."
        )


def _formula(now: chain.Step, result: str) -> str:
    lines = rf"{now.name} &= {now.rule} \\ &= {now.numbers} \\ &= {result}"
    return rf"\begin{{aligned}} {lines} \end{{aligned}}"


def _prediction(now: chain.Step, at: int) -> None:
    """A field for the learner's number, and what there is to say to it."""
    state, key = st.session_state, f"chain_guess_{at}"

    def check() -> None:
        guess = state[key]
        if guess is None:
            state.chain_reply = "Type a number first, or let it be shown."
            return
        right, sentence = chain.verdict(guess, now.value)
        if right:
            state.chain_shown, state.chain_praise = True, True
        else:
            state.chain_reply = f"{sentence} {now.hint}"

    with st.form(f"chain_form_{at}", border=False):
        field, send = st.columns([3, 2], vertical_alignment="bottom")
        field.number_input(
            "Your prediction",
            value=None,
            step=0.001,
            format="%.3f",
            placeholder="for example −0.123",
            key=key,
        )
        send.form_submit_button("Check", icon=":material/check:", width="stretch", on_click=check)
    if reply := state.pop("chain_reply", None):
        st.warning(reply, icon=":material/lightbulb:")


def _buttons(at: int, count: int, shown: bool) -> None:
    state = st.session_state
    if state.pop("chain_praise", False):
        st.success("**Right.** On to the next one.", icon=":material/check_circle:")

    def go(place: int, visible: bool) -> None:
        state.chain_at, state.chain_shown = place, visible

    def renew() -> None:
        state.chain_seed = state.chain_seed + 1
        go(0, False)

    with st.container(horizontal=True, gap="small"):
        st.button("Back", icon=":material/arrow_back:", disabled=at == 0, on_click=go,
                  args=(at - 1, True), key="chain_back")  # fmt: skip
        if at < count and not shown:
            st.button("Show it", icon=":material/visibility:", on_click=go, args=(at, True),
                      key="chain_show")  # fmt: skip
        elif at < count:
            st.button("Next step", icon=":material/arrow_forward:", type="primary", on_click=go,
                      args=(at + 1, False), key="chain_next")  # fmt: skip
        st.button("Other weights", icon=":material/casino:", on_click=renew, key="chain_renew")


def _finished(found: chain.Example) -> None:
    after = chain.loss_after_step(found, RATE)
    st.markdown("**All gradients are found.** Now every weight takes a step against its own:")
    first = found.layers[1].weights[0, 0]
    slope = found.gradients[1].weights[0, 0]
    st.latex(
        rf"w \leftarrow w - \eta \frac{{\partial L}}{{\partial w}}: \quad "
        rf"{tex(float(first), 1)} - {RATE:g} \cdot {factor(float(slope), 3)} = "
        rf"{tex(float(first - RATE * slope), 3)}"
    )
    st.markdown(
        f"With a learning rate $\\eta = {RATE:g}$ for all of them (a bias’s gradient is the "
        f"$\\delta$ of its neuron), the loss goes from "
        f"**{found.loss:.3f}** to **{after:.3f}**."
    )
