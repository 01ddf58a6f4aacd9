"""Draw a digit and see, after every stroke, what a network reads in it."""

from __future__ import annotations

import base64
import io
import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import streamlit as st
from PIL import Image
from streamlit_drawable_canvas import st_canvas

from mnist_core.default_model import DefaultModelError, default_model_card
from mnist_core.drawing import Reading, predict, read_drawing
from mnist_core.figures.template import DARK, LIGHT
from pages.shared import entry
from pages.shared.state import get_store

if TYPE_CHECKING:
    from mnist_core.store import Run, Store

SIDE = 280
INK, PAPER = "#111111", "#ffffff"
RECENT_RUNS = 20
DEFAULT_MODEL = "default"
# How sure a network is, in words: the least probability for each.
CONFIDENCE = ((0.99, "Certain"), (0.9, "Sure"), (0.6, "Fairly sure"), (0.0, "Only a guess"))


@dataclass(frozen=True)
class Choice:
    """A network to read with: a run at its newest snapshot, or the default model (`run` None)."""

    key: str
    label: str
    run: Run | None = None
    step: int = 0


def page() -> None:
    """The page from top to bottom."""
    st.title("Draw a digit")
    st.markdown("One digit from 0 to 9, as you write it on paper. It is read after every stroke.")
    _style()
    _board()


@st.fragment
def _board() -> None:
    """The canvas and what is read from it; a stroke runs only this part of the page again."""
    with st.container(horizontal=True, gap="large", key="board"):
        with st.container(width=SIDE + 2, gap="small"):
            drawn = _canvas()
        with st.container(key="reading", gap="medium"):
            answer = st.container()
            choice = _choose_network()
            with answer:
                _answer(drawn, choice)


def _canvas() -> npt.NDArray[np.uint8] | None:
    """The drawing as RGBA [280, 280, 4]; None before the first stroke.

    It is kept in the session, because Streamlit forgets a canvas when its page is left.
    """
    state = st.session_state
    key = f"drawing-{state.setdefault('drawing_number', 0)}"
    if key not in state:  # the page was just entered, or the canvas cleared
        state.drawing_start = state.get("drawing_strokes")
    with st.container(key="canvas"):
        result = st_canvas(
            stroke_width=state.get("stroke_width", state.setdefault("chosen_width", 20)),
            stroke_color=INK,
            background_color=PAPER,
            width=SIDE,
            height=SIDE,
            initial_drawing=state.drawing_start,
            return_image_data=True,
            key=key,
        )
    if result.image_data is not None:
        state.drawing_strokes, state.drawing_image = result.json_data, result.image_data
    with st.container(horizontal=True, vertical_alignment="bottom"):
        state.chosen_width = st.slider(
            "Stroke width", 8, 40, state.chosen_width, key="stroke_width"
        )
        st.button("Clear", key="clear_canvas", icon=":material/delete:", on_click=_clear)
    return state.get("drawing_image")


def _clear() -> None:
    """Callback: a fresh canvas under a new key, so that nothing of the old one comes back."""
    st.session_state.drawing_number += 1
    st.session_state.drawing_strokes = st.session_state.drawing_image = None


@st.cache_resource(ttl=2, show_spinner=False)
def reading_models(owner: str = "local") -> list[Choice]:
    """What can read: the owner's newest runs that have weights, then the default model.

    Kept for two seconds, so that strokes in quick succession do not ask the store again.
    """
    store = get_store()
    choices = []
    for run in store.runs(owner, limit=RECENT_RUNS):
        snapshots = store.snapshots(run.id)
        if snapshots:
            choices.append(Choice(run.id, _run_label(run), run, snapshots[-1].step))
    return [*choices, Choice(DEFAULT_MODEL, _default_label())]


def _run_label(run: Run) -> str:
    if run.test_accuracy is not None:
        return f"{run.name} · {run.test_accuracy:.2%} on test images"
    if run.val_accuracy is not None:
        return f"{run.name} · {run.val_accuracy:.2%} on validation images"
    return f"{run.name} · hardly trained yet"


def _default_label() -> str:
    try:
        return f"Default model · {default_model_card()['test_accuracy']:.2%} on test images"
    except DefaultModelError:
        return "Default model"


def _choose_network() -> Choice:
    choices = {choice.key: choice for choice in reading_models()}
    kept = st.session_state.get("reading_network")
    key = st.selectbox(
        "Network that reads",
        list(choices),
        index=list(choices).index(kept) if kept in choices else 0,
        format_func=lambda key: choices[key].label,
        help="Your newest runs, and the model that comes with the app.",
    )
    st.session_state.reading_network = key
    return choices[key]


def _answer(drawn: npt.NDArray[np.uint8] | None, choice: Choice) -> None:
    row = st.container(horizontal=True, vertical_alignment="center", gap="medium", key="answer")
    with row, st.container(key="prediction", width="content"):
        loading = _loaded(choice)
        if (error := loading.exception()) is None:
            reading = None if drawn is None else read_drawing(drawn, loading.result())
            if reading is None or reading.digit is None:
                st.markdown("_Draw a digit: the answer appears here._")
            else:
                st.markdown(f"{reading.digit}")
    if error is not None:
        _loading.clear()
        st.error(_why_not(error), icon=":material/error:")
    elif reading is not None and reading.digit is not None:
        row.html(_seen(reading))
        st.html(_bars(reading.probabilities))


def _loaded(choice: Choice) -> Future[Any]:
    """The chosen network, waited for; what went wrong is in the future."""
    loading = _loading(choice.key, choice.step, choice.run)
    if not loading.done():
        place = st.empty()
        while not loading.done():
            place.markdown("_Loading the network…_")  # also lets a waiting rerun take over
            time.sleep(0.1)
    return loading


def _why_not(error: BaseException) -> str:
    if isinstance(error, DefaultModelError | ValueError):
        return str(error)
    return "This network cannot be loaded; choose another one."


def confidence(reading: Reading) -> str:
    """How sure the network is, in a word or two."""
    return next(word for least, word in CONFIDENCE if reading.confidence >= least)


def percent(share: float) -> str:
    """A probability for people; only what is all but 1 is written as 100 %."""
    return "> 99.9 %" if 0.9995 <= share < 1 else f"{100 * share:.1f} %"


@st.cache_resource(show_spinner=False)
def _loader() -> ThreadPoolExecutor:
    """One thread that loads networks: importing TensorFlow takes seconds, the page must not."""
    return ThreadPoolExecutor(1, "network-loader")


@st.cache_resource(max_entries=6, show_spinner=False)
def _loading(key: str, step: int, _run: Run | None) -> Future[Any]:
    """The model of a run at a step, or the default model, on its way."""
    return _loader().submit(_load, key, step, _run, get_store())


def _load(key: str, step: int, run: Run | None, store: Store) -> Any:
    if run is None:
        from mnist_core import load_default_model

        model = load_default_model()
    else:
        from mnist_core.build import build_model

        model = build_model(run.experiment.network)
        model.set_weights(store.weights(key, step))
    predict(model, np.zeros((1, 28, 28), np.float32))  # the first call compiles
    return model


def _seen(reading: Reading) -> str:
    """How sure the network is, and the 28×28 image it sees, white on black (an HTML figure)."""
    data = io.BytesIO()
    Image.fromarray(np.round(reading.image28 * 255).astype(np.uint8)).save(data, "PNG")
    source = "data:image/png;base64," + base64.b64encode(data.getvalue()).decode()
    sure = f"<strong>{confidence(reading)}</strong> · {percent(reading.confidence)}"
    return (
        f'<figure class="seen"><img src="{source}" alt="The drawing as 28 × 28 pixels">'
        f"<figcaption><p>{sure}</p><p>What the network sees: your digit cropped, scaled and "
        "centred to 28×28 pixels, as MNIST’s were.</p></figcaption></figure>"
    )


def _bars(probabilities: npt.NDArray[np.float32]) -> str:
    """The ten probabilities as bars (an HTML table: on screen at once, with nothing to load)."""
    best = int(probabilities.argmax())
    rows = "".join(
        f'<tr class="{"best" if digit == best else "other"}"><th scope="row">{digit}</th>'
        f'<td><div style="width:{max(100 * share, 0.5):.1f}%"></div></td>'
        f"<td>{percent(share)}</td></tr>"
        for digit, share in enumerate(probabilities.tolist())
    )
    return f'<table class="ten" aria-label="Probability of each digit">{rows}</table>'


def _style() -> None:
    accent = DARK[0] if st.context.theme.type == "dark" else LIGHT[0]
    st.html(f"<style>.stApp {{ --accent: {accent}; }}{STYLE}</style>")


STYLE = """
/* The canvas shows its tools above itself; its height stays when it is replaced. */
.st-key-canvas { margin-top: 2rem; height: 280px; flex: none; }
.st-key-reading { flex: 1 1 17rem; max-width: 34rem; }
.st-key-prediction { min-height: 7rem; min-width: 4.5rem; justify-content: center; }
.st-key-prediction p { font-size: 6.5rem; line-height: 1; font-weight: 700; margin: 0; }
.st-key-prediction p:has(em) { font-size: 1.25rem; font-weight: 400; }
.st-key-prediction em { font-style: normal; opacity: 0.7; }
figure.seen { display: flex; gap: 1rem; align-items: center; margin: 0; }
figure.seen img { width: 112px; height: 112px; image-rendering: pixelated; flex: none;
    outline: 1px solid rgba(128, 128, 128, 0.5); }
figure.seen p { margin: 0; }
figure.seen p + p { font-size: 0.875rem; opacity: 0.75; margin-top: 0.25rem; }
table.ten { width: 100%; border-collapse: collapse; font-variant-numeric: tabular-nums; }
table.ten tr, table.ten th, table.ten td { border: none; padding: 0; line-height: 1.5rem; }
table.ten th { width: 1.75rem; text-align: left; font-weight: 400; }
table.ten td:last-child { width: 5rem; text-align: right; }
table.ten div { height: 1rem; border-radius: 0.2rem; background: var(--accent); opacity: 0.45; }
table.ten .best div { opacity: 1; }
table.ten .best th, table.ten .best td { font-weight: 700; }
@media (min-width: 641px) { .st-key-answer { flex-wrap: nowrap; } }
@media (max-width: 640px) { .st-key-board, .st-key-answer { row-gap: 0.5rem; } }
"""


entry.through_app("draw")
page()
