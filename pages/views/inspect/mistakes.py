"""The network's mistakes: confusion, scores, calibration, and its map of the test images."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from mnist_core.data.mnist import Dataset, ink
from mnist_core.evaluation.embedding import COMPONENTS, Principal, pca, tsne
from mnist_core.evaluation.metrics import calibration, cell_examples, confusion, scores
from mnist_core.evaluation.metrics import mistakes as worst_mistakes
from mnist_core.experiment.class_names import marks, noun, one
from mnist_core.figures.evaluation import (
    calibration_chart,
    confusion_heatmap,
    embedding_scatter,
    scores_chart,
)
from mnist_core.figures.live import ImageSheet, image_sheet
from mnist_core.figures.pixels import Images
from mnist_core.inspection.activations import FloatArray
from pages.session.inspect_state import place
from pages.views.inspect.scene import Scene, shown_data, test_images, test_labels
from pages.widgets.background import Progress, come_back_for, layouts, newest_with_progress
from pages.widgets.escape import escaped
from pages.widgets.live_figure import live_figure
from pages.widgets.pixel_view import Click, pixel_view, whole
from pages.widgets.progress_notes import told

MOST_SHOWN, EMBEDDED = 30, 2000
PCA, TSNE = "PCA", "t-SNE"


def mistakes(scene: Scene) -> None:
    """The view: the confusion matrix and what a cell holds, then scores and the embedding."""
    found, labels = scene.test_probabilities, test_labels()
    wrong = int((found.argmax(1) != labels).sum())
    st.markdown(f"**{wrong:,}** of the {len(labels):,} test images are misread.")
    left, right = st.columns([3, 2], gap="medium")
    with left, st.container(key="confusion"):
        _confusion(found, scene.names)
    with right:
        _cell(found, scene.names)
    left, right = st.columns(2, gap="medium")
    with left:
        figure = _scores_figure(scene.choice.key, scene.snapshot.step, scene.names, scene)
        live_figure(figure, "digit_scores", f"Precision and recall of each {noun(scene.names)}")
    with right:
        figure, off = _calibration_figure(scene.choice.key, scene.snapshot.step, scene)
        live_figure(figure, "calibration", f"Calibration: expected error {off:.2%}")
    _embedding(scene)


# The charts do not depend on the input: a press on “Next” need not make them again.
@st.cache_resource(max_entries=16, show_spinner=False)
def _scores_figure(key: str, step: int, names: tuple[str, ...], _scene: Scene) -> go.Figure:
    return scores_chart(scores(confusion(_scene.test_probabilities, test_labels())), names)


@st.cache_resource(max_entries=16, show_spinner=False)
def _calibration_figure(key: str, step: int, _scene: Scene) -> tuple[go.Figure, float]:
    kept = calibration(_scene.test_probabilities, test_labels())
    return calibration_chart(kept), kept.expected_error


def _confusion(found: FloatArray, names: Sequence[str]) -> None:
    counts, cell = confusion(found, test_labels()), st.session_state.get("inspect_cell")
    if cell is not None and max(cell) >= len(names):  # pressed when another data set was shown
        del st.session_state.inspect_cell
        cell = None

    def clicked(point: dict[str, object]) -> None:
        true, read = whole(point.get("y")), whole(point.get("x"))
        if true in range(len(names)) and read in range(len(names)):
            st.session_state.inspect_cell = (true, read)

    live_figure(
        confusion_heatmap(counts, cell, names),
        "confusion_matrix",
        f"How often each {noun(names)} was read as each; click a cell to see its images",
        on_click=clicked,
    )


def _leave_cell() -> None:
    """Callback: the most confident mistakes of all again."""
    st.session_state.pop("inspect_cell", None)


def _cell(found: FloatArray, names: Sequence[str]) -> None:
    """The images of the chosen cell, or the network's most confident mistakes."""
    labels, cell = test_labels(), st.session_state.get("inspect_cell")
    if cell is None:
        chosen = worst_mistakes(found, labels, MOST_SHOWN)
        heading, note = "The most confident mistakes", "click a cell of the matrix for others"
    else:
        true, read = cell
        chosen = cell_examples(found, labels, true, read)
        heading = f"{escaped(names[true])} read as {escaped(names[read])}: {len(chosen):,} images"
        note = "the most confident first"
        st.button("Back to the worst mistakes", icon=":material/arrow_back:", on_click=_leave_cell)
    chosen = chosen[:MOST_SHOWN]
    if not len(chosen):
        st.markdown(f"**{heading}**")
        st.caption("No test image was read that way.")
        return
    sure, short = found[chosen].max(axis=1), marks(names)
    group = Images(
        "cell",
        heading,
        ink(test_images()[chosen]),
        f"{note}; click one to look inside",
        "ink",
        1.0,
        names=tuple(
            f"test image {index}, {one(names[labels[index]])} read as "
            f"{names[found[index].argmax()]} ({share:.1%})"
            for index, share in zip(chosen, sure, strict=True)
        ),
        captions=tuple(
            f"{short[labels[index]]} → {short[found[index].argmax()]}" for index in chosen
        ),
        largest=2,
    )

    def clicked(click: Click) -> None:
        here = place()
        here.look_at(int(chosen[click.image]))
        here.view = "network"

    pixel_view([group], "confusion_images", heading, clicked)


def _embedding(scene: Scene) -> None:
    """The last hidden layer's answer to some test images, laid out in the plane."""
    st.subheader("How the last hidden layer sees the test images", anchor=False)
    way = st.segmented_control("Layout", [PCA, TSNE], default=PCA, key="inspect-layout",
                               required=True)  # fmt: skip
    try:
        if way == PCA:
            about = (scene.choice.key, scene.snapshot.step, scene.names)
            _show_scatter(scene, _principal_figure(*about, scene))
        else:
            _tsne(scene)
    except ValueError as error:
        st.info(str(error))


def _tsne(scene: Scene) -> None:
    what = (scene.choice.key, scene.snapshot.step)
    lay_out = partial(_lay_out, _components(*what, scene).points)
    work, progress = newest_with_progress("t-SNE", what, lay_out, layouts())
    if not work.done():
        come_back_for(
            work,
            lambda: st.progress(
                progress.share, f"t-SNE is laying out the images: {progress.share:.0%}"
            ),
        )
    elif (problem := work.exception()) is None:
        _show_scatter(scene, _scatter(scene, work.result(), ("", "")))
    elif isinstance(problem, ValueError):
        st.info(str(problem))
    elif isinstance(problem, MemoryError):
        st.info("t-SNE needs more memory than there is.")
    else:
        st.info(f"t-SNE failed ({type(problem).__name__}: {problem}).")


def _lay_out(features: np.ndarray, progress: Progress) -> np.ndarray:
    """In another thread; given up when another snapshot is shown."""

    def report(share: float) -> None:
        progress.share = share

    return tsne(features, report, lambda: not progress.wanted)


def _scatter(scene: Scene, points: np.ndarray, axes: tuple[str, str]) -> go.Figure:
    labels = test_labels()[:EMBEDDED].astype(np.int64)
    read = scene.test_probabilities[:EMBEDDED].argmax(1)
    heading = f"{len(labels):,} test images"
    return embedding_scatter(points, labels, read, heading=heading, axes=axes, names=scene.names)


def _show_scatter(scene: Scene, figure: go.Figure) -> None:
    count = len(test_labels())

    def clicked(point: dict[str, object]) -> None:
        index = whole(point.get("customdata"))
        if index is not None and index < count:
            place().look_at(index)

    live_figure(
        figure,
        "embedding",
        "Test images as points; images that look alike to the network lie close together",
        on_click=clicked,
        images=_sheet(scene.choice.experiment.data, shown_data()),
    )


@st.cache_resource(max_entries=3, show_spinner=False)
def _sheet(name: str, _data: Dataset) -> ImageSheet:
    return image_sheet(_data.x_test[:EMBEDDED])


# Not the features themselves, of which a large layer has 50 MB and more.
@st.cache_resource(max_entries=4, show_spinner=False)
def _components(key: str, step: int, _scene: Scene) -> Principal:
    return pca(_features(_scene), COMPONENTS)


def _features(scene: Scene) -> FloatArray:
    hidden = [
        layer for layer in scene.probe.layers if layer.name not in ("logits", "probabilities")
    ]
    if not hidden:
        return _flat(ink(test_images()[:EMBEDDED]))
    found = scene.probe.output(scene.weights, test_images()[:EMBEDDED], hidden[-1].name)
    return _flat(found)


def _flat(values: FloatArray) -> FloatArray:
    return values.reshape(len(values), -1)


@told("components", "Finding the principal components")
@st.cache_resource(max_entries=16, show_spinner=False)
def _principal_figure(key: str, step: int, names: tuple[str, ...], _scene: Scene) -> go.Figure:
    principal = _components(key, step, _scene)
    across, up = (f"{share:.0%} of the variance" for share in principal.shares[:2])
    return _scatter(_scene, principal.points[:, :2], (across, up))
