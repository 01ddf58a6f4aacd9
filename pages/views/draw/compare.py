"""View: several networks read the same drawing, and the test images on which they disagree."""

from __future__ import annotations

import html

import numpy as np
import numpy.typing as npt
import streamlit as st

from mnist_core.data.mnist import ByteArray, Dataset, DatasetError, ink
from mnist_core.evaluation.metrics import read_digits
from mnist_core.experiment.class_names import one
from pages.session.data_sets import dataset_of
from pages.session.network_choice import NetworkChoice, network_choices, snapshots
from pages.session.network_pickers import checkpoint_slider, label_in
from pages.session.reader import NotReadable, Reader, wait_for
from pages.views.draw.answer import Answer
from pages.views.draw.parts import bars, confidence, gallery, small_image
from pages.widgets.background import come_back_for, forget, newest
from pages.widgets.escape import escaped
from pages.widgets.progress_notes import time_left

MOST = 4
SHOWN = 24
Predictions = npt.NDArray[np.int64]


def compare_view(found: Answer | None) -> None:
    """Choose networks and snapshots; their answers side by side."""
    choices = {key: choice for key, choice in network_choices().items() if snapshots(key)}
    keys = st.multiselect(
        "Networks",
        list(choices),
        default=_kept(choices, found),
        key="compared_networks",
        format_func=label_in(choices),
        max_selections=MOST,
        help="For example a dense network and a CNN, or two of your runs.",
    )
    st.session_state.compared = keys
    if len(choices) < 2:
        st.info(
            "Train a network on the Train page to compare it with the app’s own model.",
            icon=":material/model_training:",
        )
    if not keys:
        return
    readers = [Reader(choices[key], 0) for key in keys]
    columns = st.columns(len(keys))
    for index, (column, key) in enumerate(zip(columns, keys, strict=True)):
        with column:
            readers[index] = _column(choices[key], found)
    if len(readers) > 1:
        _disagreements(readers)


def _kept(choices: dict[str, NetworkChoice], found: Answer | None) -> list[str]:
    """The networks chosen before; at first the one that reads and another kind of network."""
    kept = [key for key in st.session_state.get("compared", ()) if key in choices]
    if kept or not choices:
        return kept
    first = found.reader.choice.key if found and found.reader.choice.key in choices else None
    first = first or next(iter(choices))
    others = [key for key in choices if choices[key].network != choices[first].network]
    return [first, *others[:1]]


def _column(choice: NetworkChoice, found: Answer | None) -> Reader:
    """One network: its name, its snapshot, its answer."""
    st.markdown(f"**{escaped(choice.label)}**")
    # Above the slider of snapshots, which not every network has: answers stand level.
    answer = st.container()
    kept = snapshots(choice.key)
    step = kept[-1].step
    if len(kept) > 1:
        step = checkpoint_slider(
            choice.key,
            kept,
            value=step,
            key=f"compared_moment_{choice.key}",
            label_visibility="collapsed",
        )
    reader = Reader(choice, step)
    with answer:
        _answer(reader, found)
    return reader


def _answer(reader: Reader, found: Answer | None) -> None:
    """The network's reading of the drawing."""
    if found is None:
        st.caption("Draw a digit to see its answer.")
        return
    place = st.empty()
    try:
        wait_for(reader, say=place.markdown)
        shares = reader.probabilities(found.reading.image28[None])[0]
    except NotReadable as error:
        place.error(str(error), icon=":material/error:")
        return
    sure = float(shares.max())
    read = html.escape(reader.names[int(shares.argmax())])
    large = "" if len(read) < 3 else ' class="long"'
    place.html(
        f'<p class="compared"><strong{large}>{read}</strong> '
        f"{confidence(sure)}</p>{bars(shares, reader.names)}"
    )


def _disagreements(readers: list[Reader]) -> None:
    """The test images that the networks read differently, once the person asks for them."""
    if len({reader.choice.experiment.data for reader in readers}) > 1:
        st.caption("These networks were trained on different data sets and share no test images.")
        return
    asked = tuple((reader.choice.key, reader.step) for reader in readers)
    if st.button("Find test images they disagree on", icon=":material/search:"):
        st.session_state.disagreement = asked
    if st.session_state.get("disagreement") != asked:
        return
    try:
        wait_for(*readers, say=st.empty().markdown)
        functions = [reader.function() for reader in readers]
        data = dataset_of(readers[0].choice.experiment)
        work = newest(
            "disagreement",
            asked,
            lambda: np.stack([read(data.x_test) for read in functions]),
        )
        if not work.done():
            words = "Reading all test images"
            come_back_for(work, lambda: st.caption(words + time_left("disagreement", work)))
            return
        shares = work.result()
        answers = np.stack([read_digits(each)[0] for each in shares])
        together, _ = read_digits(shares.mean(axis=0))
    except (NotReadable, DatasetError, ValueError) as error:
        forget("disagreement")
        st.error(str(error), icon=":material/error:")
        return
    _counts(readers, answers, together, data.y_test)
    _differing(readers, answers, together, data)


def _counts(
    readers: list[Reader], answers: Predictions, together: Predictions, labels: ByteArray
) -> None:
    """The test images that each misreads, and all voting; who is right where they differ."""
    differ = (answers != answers[0]).any(0)
    st.markdown(f"They disagree on **{int(differ.sum()):,}** of {len(labels):,} test images.")
    names = [*(escaped(reader.choice.name) for reader in readers), "**Vote of all**"]
    right = np.stack([*answers, together]) == labels
    st.table(
        {
            "Network": names,
            "Misread test images": [f"{count:,}" for count in (~right).sum(1)],
            "Right where they disagree": [f"{count:,}" for count in (right & differ).sum(1)],
        },
        hide_index=True,
        border="horizontal",
        alt="How many test images each network misreads, and all of them together",
    )
    st.caption("The vote averages the networks’ probabilities and takes the largest.")


def _differing(
    readers: list[Reader], answers: Predictions, together: Predictions, data: Dataset
) -> None:
    """The first of the test images on which they disagree."""
    names = [html.escape(name) for name in readers[0].names]
    differ = np.flatnonzero((answers != answers[0]).any(0))
    st.html(
        gallery(
            small_image(
                ink(data.x_test[index]),
                f"Test image number {index}, {one(names[data.y_test[index]])}",
                _who_read_what(readers, answers[:, index], together[index], data.y_test[index]),
                side=132,
            )
            for index in differ[:SHOWN].tolist()
        )
    )
    if len(differ) > SHOWN:
        st.caption(f"Showing the first {SHOWN}.")


def _who_read_what(readers: list[Reader], answers: Predictions, together: int, label: int) -> str:
    """A test image's caption (HTML): what each network reads, the right ones marked."""
    names = [html.escape(name) for name in readers[0].names]
    who = [*(html.escape(reader.choice.name) for reader in readers), "vote"]
    lines = (
        f"{name}: <strong>{names[digit]}</strong>{' ✓' if digit == label else ''}"
        for name, digit in zip(who, [*answers.tolist(), together], strict=True)
    )
    return "<br>".join([one(names[label]), *lines])
