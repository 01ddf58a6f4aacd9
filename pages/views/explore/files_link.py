"""A link for a class: an experiment, which of its controls pupils see, and whose seed it has."""

from __future__ import annotations

from urllib.parse import urlsplit, urlunsplit

import streamlit as st

from mnist_core.experiment.class_links import GROUPS, class_query
from mnist_core.experiment.url import MAX_QUERY_LENGTH
from pages.views.explore.experiments import known_experiments
from pages.widgets.copy_link import address_to_copy, page_address

FIRST_CHOICE = ["learning_rate", "epochs", "advice"]


def link_view() -> None:
    """Choose an experiment and what may be changed; the address is ready to copy."""
    st.caption(
        "Whoever opens the link finds this experiment on the Train page, with only the controls "
        "that you leave. It keeps a lesson on its subject; it is no lock, because whoever edits "
        "the address sees every control again."
    )
    experiments = known_experiments()
    st.session_state.setdefault("link_experiment", next(iter(experiments)))
    if st.session_state.link_experiment not in experiments:
        st.session_state.link_experiment = next(iter(experiments))
    chosen = st.selectbox(
        "Experiment",
        list(experiments),
        format_func=lambda key: experiments[key][0],
        key="link_experiment",
    )
    st.session_state.setdefault("link_free", FIRST_CHOICE)
    free = st.pills(
        "Pupils see",
        list(GROUPS),
        selection_mode="multi",
        format_func=GROUPS.__getitem__,
        key="link_free",
    )
    own_seeds = st.toggle(
        "A seed of their own for each pupil",
        value=True,
        key="link_own_seeds",
        help="Their networks start from other weights and see the images in another order, so that "
        "the class sees by how much results differ by chance. Without it all get the same curve.",
    )
    query = class_query(experiments[chosen][1], set(GROUPS) - set(free), own_seeds)
    with st.container(key="class_link"):
        address_to_copy(f"{train_address(page_address())}?{query}")
    if len(query) > MAX_QUERY_LENGTH:
        st.error("This experiment is too large for a link; send its run file instead.")
    hidden = [title for name, title in GROUPS.items() if name not in free]
    st.caption(f"Hidden: {', '.join(hidden)}." if hidden else "Nothing is hidden.")


def train_address(address: str) -> str:
    """The Train page's address, from this page's."""
    parts = urlsplit(address)
    folder = parts.path.rstrip("/").rpartition("/")[0]
    return urlunsplit((parts.scheme, parts.netloc, f"{folder}/train", "", ""))
