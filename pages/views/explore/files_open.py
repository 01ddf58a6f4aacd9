"""Open run files and Keras models, of one's own or of a whole class."""

from __future__ import annotations

from functools import partial

import streamlit as st

from mnist_core.base.allocator import give_back
from mnist_core.base.untrusted import MEGABYTE, FileRefused
from mnist_core.experiment.spec import MNIST
from mnist_core.files import runfile
from mnist_core.files.runfile import keep, with_author_in_note
from mnist_core.storage import datasets
from mnist_core.storage.store import LONGEST_TAG, StoreError
from mnist_core.visitors.limits import current, upload_problem
from pages.session.compared_runs import compare_with
from pages.session.data_sets import own_sets, titles_of
from pages.session.limits import no_room_for, open_files_note, upload_megabytes
from pages.session.open_elsewhere import open_buttons
from pages.session.services import get_store, owner
from pages.views.explore.files_compare import comparison
from pages.views.explore.files_held import unpacking
from pages.views.explore.files_uploaded import Opened, choose_network, read_once
from pages.widgets.background import CONVERSIONS, come_back_for
from pages.widgets.escape import escaped
from pages.widgets.progress_notes import time_left

MAX_FILES = 60
MAX_MEGABYTES = runfile.LIMITS.file_bytes // MEGABYTE


def open_view() -> None:
    """Drop files, see what they are, keep those that one wants as runs."""
    st.caption(
        "Run files (.mnistlab), and models that read digits: Keras (.keras, .h5, also of Keras 2) "
        "and ONNX (.onnx). Each is checked before anything of it is kept; nothing in a file can "
        "run here."
    )
    _models_read()
    uploads = st.file_uploader(
        "Files",
        accept_multiple_files=True,
        key="open_files",
        max_upload_size=upload_megabytes(MAX_MEGABYTES),
        label_visibility="collapsed",
    )
    open_files_note()
    if not uploads:
        read_once([])
        st.caption("Open several at once, as a class hands them in, to compare them here.")
        return
    if said := upload_problem([upload.size for upload in uploads], current()):
        st.error(said, icon=":material/block:")
        return
    if len(uploads) > MAX_FILES:
        st.warning(f"These are the first {MAX_FILES} of {len(uploads)} files.")
    opened = read_once(uploads[:MAX_FILES])
    for item in opened:
        item.look()
        if item.problem:
            st.error(
                f"**{escaped(item.name)}** was not taken. {escaped(item.problem)}",
                icon=":material/block:",
            )
        elif item.alone is not None:
            choose_network(item)
        elif item.poor:
            st.warning(f"**{escaped(item.name)}**: {escaped(item.note)}", icon=":material/warning:")
        elif item.note:
            st.caption(f"**{escaped(item.name)}**: {escaped(item.note)}")
    waiting = [item for item in opened if item.work is not None]
    for item in waiting[:1]:
        assert item.work is not None
        come_back_for(item.work, lambda: st.info(_waiting_words(waiting), icon=":material/sync:"))
    good = [item for item in opened if item.run is not None]
    for item in good:
        _say_where_data_is_missing(item)
    if good:
        chosen = comparison([(item.name, item.run) for item in good if item.run is not None])
        _keep([good[index] for index in chosen] or good, everything=not chosen)


def _waiting_words(waiting: list[Opened]) -> str:
    work = waiting[0].work
    assert work is not None
    return (
        f"Reading {escaped(waiting[0].name)} in a process of its own, and trying how its images "
        f"were prepared{time_left('model file', work, CONVERSIONS)}"
    )


def _models_read() -> None:
    """Choose the data set that models read: its classes are that set's, and its images test it."""
    if not own_sets():
        return
    names = [MNIST, *own_sets()]
    if st.session_state.get("open_data") not in names:
        st.session_state.open_data = MNIST
    st.selectbox(
        "Models read",
        names,
        format_func=titles_of(names).__getitem__,
        key="open_data",
        help="A model must have one output for each class of this data set.",
    )


def _say_where_data_is_missing(item: Opened) -> None:
    assert item.run is not None
    said = datasets.problem(get_store(), owner(), item.run.experiment)
    if said:
        st.warning(
            f"**{escaped(item.name)}**: {escaped(said)} Until then you can look at its curves and "
            "weights, but not at its predictions.",
            icon=":material/dataset:",
        )


def _keep(items: list[Opened], everything: bool) -> None:
    """Make runs of the files; those that are runs already are not made again."""
    fresh = [item for item in items if item.kept_as is None]
    with st.container(horizontal=True, gap="small", vertical_alignment="bottom"):
        tag = st.text_input(
            "Tag for these runs (optional)",
            key="open_tag",
            placeholder="for example the class",
            max_chars=LONGEST_TAG,
            width=280,
        )
        st.button(
            _keep_label(len(fresh), everything),
            key="keep_files",
            type="primary",
            icon=":material/add:",
            disabled=not fresh,
            on_click=_keep_now,
            args=(fresh, tag.strip()),
        )
    if problem := st.session_state.pop("keep_problem", None):
        st.error(problem, icon=":material/error:")
    _links([item for item in items if item.kept_as is not None])


def _keep_label(count: int, everything: bool) -> str:
    if count > 1:
        return f"Add all {count} to my runs" if everything else f"Add {count} runs to my runs"
    return "Add it to my runs" if count else "Added"


def _keep_now(items: list[Opened], tag: str) -> None:
    """Callback: each file becomes a run, as a whole or not at all."""
    size = sum(item.bytes for item in items)
    if said := no_room_for(len(items), size):
        st.session_state.keep_problem = said
        return
    try:
        for item in items:
            with unpacking:
                run = with_author_in_note(item.whole())
                item.kept_as = keep(get_store(), run, owner(), [tag] if tag else [])
                del run
        give_back()
    except (StoreError, FileRefused) as error:
        st.session_state.keep_problem = f"Not all runs could be kept. {error}"


def _links(kept: list[Opened]) -> None:
    """Say that the runs were added, and lead to them."""
    if not kept:
        return
    words = "It is one of your runs now." if len(kept) == 1 else f"{len(kept)} are your runs now."
    st.success(words, icon=":material/check_circle:")
    *others, newest = [item.kept_as for item in kept if item.kept_as is not None]
    with st.container(horizontal=True, gap="small", key="opened_links"):
        open_buttons(newest, "opened", partial(compare_with, others))
