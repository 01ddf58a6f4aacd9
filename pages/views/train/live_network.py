"""The network of a run, alive: what its units hold and answer for one image while it trains."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import streamlit as st

from mnist_core import PRESETS, Experiment
from mnist_core.base.errors import AppError
from mnist_core.base.sandbox import WorkFailed
from mnist_core.data.mnist import DatasetError
from mnist_core.engine.visitor_engine import VisitorEngine
from mnist_core.experiment.class_names import one
from mnist_core.storage.store import Run, StoreError
from mnist_core.training.live_view import View, pack, snapshot_frame
from mnist_core.visitors.limits import current
from pages.editors import draft
from pages.session.data_sets import class_names, dataset_of
from pages.session.errors import OTHER_ICON, fragment
from pages.session.network_choice import forget_snapshots, snapshots, weights_at
from pages.session.open_elsewhere import look_inside
from pages.widgets.progress_notes import start_told

# Between two looks at what the worker has sent; each takes time from training.
REFRESH_SECONDS, SHARED_REFRESH_SECONDS = 0.3, 0.4
# Test images among which one that is misread is looked for.
SEARCHED = 1000
FIRST_NOTE = "Appears with the first training step."
TEST, MISREAD, DRAWING = "test", "misread", "drawing"
# In the session: what could not be computed last, and why.
_FAILED = "live_failed"
INSIDE = "inside"  # not an image, but the wish to look at this one on Look inside

_CSS = Path(__file__).with_suffix(".css").read_text(encoding="utf-8")
_JS = Path(__file__).with_suffix(".js").read_text(encoding="utf-8")
_HTML = """<section class="live" aria-label="Live network">
<header><h3>Live network</h3><span class="about"></span>
<span class="group" role="group" aria-label="Image">
<button type="button" data-choose="test">Next image</button
><button type="button" data-choose="misread">Misread image</button
><button type="button" data-choose="drawing">My drawing</button></span>
<span class="group" role="group" aria-label="What is shown">
<button type="button" data-mode="weights">Weights</button
><button type="button" data-mode="activations">Activations</button
><button type="button" data-mode="gradients">Gradients</button></span>
<span class="group"><button type="button" data-choose="inside">Look inside</button></span></header>
<p class="empty" hidden></p>
<div class="stage"><canvas role="img" aria-label="The network"></canvas>
<div class="tip" hidden></div></div></section>"""


@dataclass
class Choice:
    """The visitor's input: `source` and, of the test images, which one.

    `problem` says why what was asked for last is not shown; "" when it is.
    """

    source: str = TEST
    index: int = 0
    gradients: bool = False
    problem: str = ""


def live_network(engine: VisitorEngine, run: Run) -> None:
    """Show the run's network at work, and go on refreshing while the run trains or pauses.

    Nothing changes while it waits; the page runs again when it starts.
    """
    seconds = SHARED_REFRESH_SECONDS if current().public else REFRESH_SECONDS
    moves = run.active and run.status != "queued"
    st.session_state.pop(_FAILED, None)  # whoever has the page drawn anew has it tried again
    if not run.active:
        forget_snapshots(run.id)  # nothing looks again once its last one is shown
    with st.container(key="live_network"):
        fragment(_show, run_every=seconds if moves else None)(engine, run)


def _show(engine: VisitorEngine, run: Run) -> None:
    choice = _choice()
    try:
        image, label, title = _image(choice, run.experiment)
    except DatasetError as error:
        st.caption(str(error))
        return
    view = View(image.tobytes(), label, choice.gradients)
    if st.session_state.pop("live_inside", False):
        look_inside(run.id, image=None if label is None else choice.index % _count(run))
    if choice.problem:
        st.error(choice.problem, icon=OTHER_ICON)
    frame, note = engine.watch(run.id, view) if run.active else None, FIRST_NOTE
    if frame is None:
        frame, problem = _of_snapshot(run, view)
        note = problem or note
    mount = st.components.v2.component(
        "mnist_lab.live_network",
        html=_HTML,
        css=_CSS,
        js=_JS,
    )
    mount(
        key="live_view",
        data={
            "run": run.id,
            "frame": frame and {**frame, "data": base64.b64encode(frame["data"]).decode()},
            "image": base64.b64encode(image.tobytes()).decode(),
            "label": label,
            "title": title,
            "source": choice.source,
            "drawn": _drawing() is not None,
            "misread": bool(snapshots(run.id)),
            "classes": list(class_names(run.experiment)),
            # On a phone the page goes there once.
            "started": run.id if run.id == st.session_state.get("started_run") else None,
            "note": "" if frame else note,
        },
        on_gradients_change=_take_gradients,
        on_choose_change=lambda: _choose(run),
    )


def _choice() -> Choice:
    found: Choice = st.session_state.setdefault("live_choice", Choice())
    return found


def _take_gradients() -> None:
    """Callback: gradients instead of weights and activations, or the reverse."""
    _choice().gradients = bool(st.session_state.live_view.get("gradients"))


def _choose(run: Run) -> None:
    """Callback: another image; pressing the same button again gives the next of its kind."""
    choice, wanted = _choice(), st.session_state.live_view.get("choose")
    choice.problem = ""
    if wanted == INSIDE:
        st.session_state.live_inside = True
        return
    if wanted == TEST:
        choice.index += choice.source == TEST
    elif wanted == MISREAD:
        try:
            found = _misread(run)
        except (AppError, WorkFailed) as error:
            choice.problem = str(error)
            return
        later = found[found > choice.index]
        if not len(found):
            return
        choice.index = int(later[0] if len(later) else found[0])
    elif wanted != DRAWING:  # nothing, or what no button sends
        return
    choice.source = wanted


def chosen_digit(experiment: Experiment | None) -> npt.NDArray[np.uint8]:
    """The image that the visitor looks at, uint8 [28, 28]; of MNIST where there is no experiment.

    Raises DatasetError when there are no images.
    """
    return _image(_choice(), experiment or PRESETS[draft.FIRST_PRESET])[0]


def _image(choice: Choice, experiment: Experiment) -> tuple[npt.NDArray[np.uint8], int | None, str]:
    """The image uint8 [28, 28], its class where that is known, and what it is.

    Raises DatasetError when there are no images.
    """
    drawing = _drawing()
    if choice.source == DRAWING and drawing is not None:
        return np.rint(255 * drawing).astype(np.uint8), None, "your drawing"
    data = dataset_of(experiment)
    index = choice.index % len(data.y_test)
    label = int(data.y_test[index])
    what = one(class_names(experiment)[label])
    return np.ascontiguousarray(data.x_test[index]), label, f"Test image {index}, {what}"


def _count(run: Run) -> int:
    """The number of test images."""
    return len(dataset_of(run.experiment).y_test)


def _drawing() -> npt.NDArray[np.float32] | None:
    """The visitor's last drawing, float32 [28, 28] in [0, 1]."""
    found = st.session_state.get("drawing_image28")
    return None if found is None else np.asarray(found, np.float32)


def _of_snapshot(run: Run, view: View) -> tuple[dict[str, Any] | None, str]:
    """The frame of the newest snapshot, None when there is none yet or it is damaged.

    Beside it stands why it could not be computed, else "". Refreshes do not ask for that again.
    """
    kept = snapshots(run.id)
    if not kept:
        return None, ""
    wanted = run.id, kept[-1].step, view
    failed, why = st.session_state.get(_FAILED, (None, ""))
    if failed == wanted:
        return None, why
    try:
        with start_told():
            return _packed(*wanted, run), ""
    except WorkFailed as error:
        st.session_state[_FAILED] = wanted, str(error)
        return None, str(error)


@st.cache_resource(max_entries=64, show_spinner=False)
def _packed(run_id: str, step: int, view: View, _run: Run) -> dict[str, Any] | None:
    try:
        weights = weights_at(run_id, step)
        if weights is None:
            return None
        trained = _run.present_experiment
        frame = snapshot_frame(trained.network, weights, view, step, trained.training.loss)
        return pack(frame)
    except (StoreError, ValueError):
        return None


def _misread(run: Run) -> npt.NDArray[np.intp]:
    """The places of those first test images that the newest snapshot gets wrong."""
    from mnist_core.inspection.activations import probe

    step = snapshots(run.id)[-1].step
    weights, data = weights_at(run.id, step), dataset_of(run.experiment)
    if weights is None:
        return np.zeros(0, np.intp)
    images = data.x_test[:SEARCHED]
    read = probe(run.experiment.network).probabilities(weights, images).argmax(axis=1)
    return np.flatnonzero(read != data.y_test[:SEARCHED])
