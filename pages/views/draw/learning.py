"""View: what one run made of this drawing at every snapshot of its training."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import streamlit as st

from mnist_core.figures.drawing import learning_chart
from mnist_core.storage.store import StoreError
from pages.session.data_sets import class_names
from pages.session.network_choice import NetworkChoice, network_choices, snapshot_label, snapshots
from pages.session.network_pickers import network_menu
from pages.session.reader import NotReadable, Reader, wait_for
from pages.session.services import get_store
from pages.views.draw.answer import Answer
from pages.widgets.escape import escaped
from pages.widgets.live_figure import live_figure

# From this probability on, an answer is more than a guess.
SURE = 0.5


def learning_view(found: Answer | None) -> None:
    """Choose a run; the ten probabilities of the drawing over its training."""
    runs = {
        key: choice
        for key, choice in network_choices().items()
        if choice.run is not None and len(snapshots(key)) > 1
    }
    if not runs:
        st.info(
            "Train a network on the Train page. Every run keeps checkpoints: here you see how it "
            "learned to read your digit.",
            icon=":material/model_training:",
        )
        return
    kept = st.session_state.get("watched_run")
    if kept not in runs:
        kept = found.reader.choice.key if found and found.reader.choice.key in runs else None
    key = network_menu("Run", runs, kept, key="watched_run_menu")
    st.session_state.watched_run = key
    if found is None:
        st.caption("Draw a digit to see how this run learned to read it.")
        return
    try:
        _chart(runs[key], found)
    except NotReadable as error:
        st.error(str(error), icon=":material/error:")


def _chart(choice: NetworkChoice, found: Answer) -> None:
    kept = snapshots(choice.key)
    wait_for(Reader(choice, kept[-1].step), say=st.empty().markdown)
    shares = _over_training(choice, tuple(snapshot.step for snapshot in kept), found)
    names = class_names(choice.experiment)
    name = names[int(shares[-1].argmax())]
    labels = [snapshot_label(choice.key, snapshot) for snapshot in kept]
    live_figure(
        learning_chart(
            [snapshot.step for snapshot in kept],
            labels,
            shares,
            "Your drawing, read during training",
            names,
        ),
        key="learning_figure",
        alt=f"The probability of each digit at {len(kept)} checkpoints; "
        f"at the end the network reads {name} with {shares[-1].max():.0%}.",
    )
    st.caption(in_words(shares, labels, escaped(name)))


def _over_training(
    choice: NetworkChoice, steps: tuple[int, ...], found: Answer
) -> npt.NDArray[np.float32]:
    """The ten probabilities at each step, float32 [n, 10]."""
    from mnist_core.inspection.activations import probe

    network = probe(choice.network)
    image = found.reading.image28[None]
    return np.stack(
        [network.probabilities(weights, image)[0] for weights in _all_weights(choice.key, steps)]
    )


@st.cache_resource(max_entries=2, ttl=300, show_spinner=False)
def _all_weights(key: str, steps: tuple[int, ...]) -> list[list[npt.NDArray[np.float32]]]:
    """All kept weights of a run: 64 MB at most. Raises NotReadable when the run has gone."""
    try:
        found = [get_store().weights(key, step) for step in steps]
    except StoreError as error:
        raise NotReadable(str(error)) from error
    if any(weights is None for weights in found):
        raise NotReadable("This run has been deleted. Choose another one.")
    return [weights for weights in found if weights is not None]


def in_words(shares: npt.NDArray[np.float32], labels: list[str], name: str) -> str:
    """Since which snapshot the final answer has stood, and been more than a guess.

    `shares` float32 [n, classes]; the probability of what is read counts as more than a guess
    from 1/2 on.
    """
    final = int(shares[-1].argmax())
    sure = (shares.argmax(1) == final) & (shares[:, final] >= SURE)
    if not sure[-1]:
        return f"At the end it leans towards {name}, with a probability of {shares[-1, final]:.0%}."
    doubtful = np.flatnonzero(~sure)
    since = " · ".join(labels[int(doubtful[-1]) + 1 if len(doubtful) else 0].split(" · ")[:2])
    return (
        f"It has read {name} with a probability of at least {SURE:.0%} since {since}; before "
        f"that it guessed or changed its answer (chance: {1 / shares.shape[1]:.0%})."
    )
