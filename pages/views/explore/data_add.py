"""Add a data set: from files, or Fashion-MNIST by Keras's own loader; checked, then shown."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import Any

import streamlit as st

from mnist_core.base.job_queue import JobQueue, QueueFull
from mnist_core.base.once import once
from mnist_core.base.untrusted import FileRefused
from mnist_core.data import download
from mnist_core.data.custom import (
    KNOWN_NAMES,
    MAX_IMAGES,
    MAX_TITLE,
    OwnSet,
    class_names,
    from_arrays,
    inverted,
    pack,
    turned,
)
from mnist_core.data.mnist import Dataset
from mnist_core.data.read_files import MAX_FILES, MAX_MEGABYTES, read_set
from mnist_core.storage import datasets
from mnist_core.storage.store import StoreError
from mnist_core.visitors.limits import current, upload_problem
from pages.session.data_sets import forget_sets
from pages.session.limits import open_files_note, upload_megabytes
from pages.session.services import get_engine, jobs_in, owner, shared_store
from pages.views.explore.data_images import show_images
from pages.widgets.background import come_back_for, forget, newest
from pages.widgets.escape import escaped
from pages.widgets.progress_notes import time_left

log = logging.getLogger(__name__)

AS_THEY_ARE = "as in the file"
# Sets are read in processes of their own, one at a time: a large one takes a gigabyte meanwhile.
CHECKS = JobQueue("data-checks")
# The check of files, and the download, under way in a session.
WORK, DOWNLOAD = "data set", "data set download"


def add_view() -> None:
    """Files or Keras's loader; what they hold; and the button that keeps it."""
    st.caption(
        "Images in 2 to 50 classes, in the forms in which people have them: .npz or .npy, CSV as "
        "from Kaggle, Parquet as from Hugging Face, the IDX files of MNIST and its relatives, "
        "EMNIST’s .mat, or a zip file with a folder of images for each class. They become grey "
        "images of 28×28 pixels. You see what was made of them before anything is kept."
    )
    uploads = st.file_uploader(
        "Files",
        accept_multiple_files=True,
        key=f"data_files-{st.session_state.get('data_files_version', 0)}",
        max_upload_size=upload_megabytes(MAX_MEGABYTES),
        label_visibility="collapsed",
    )
    open_files_note()
    most = current().data_images or MAX_IMAGES
    if uploads:
        if said := upload_problem([upload.size for upload in uploads], current()):
            st.error(said, icon=":material/block:")
            return
        if len(uploads) > MAX_FILES:
            st.error(f"At most {MAX_FILES:,} files are taken; put them into a zip file.")
            return
        files = tuple(upload.file_id for upload in uploads)
        try:
            work = newest(WORK, files, partial(_read, uploads, most), jobs_in(CHECKS))
        except QueueFull as error:
            st.error(str(error), icon=":material/block:")
            return
        _show(work, lambda: f"The files are being read{time_left(WORK, work, CHECKS)}")
        return
    st.button(
        f"Or load {download.TITLE} (31 MB) by Keras’s own loader",
        key="data_fetch",
        icon=":material/cloud_download:",
        help="Needs a way to the network. Keras has no loader for KMNIST: add its files.",
        on_click=_fetch,
    )
    if attempt := st.session_state.get("data_fetching"):
        work = newest(DOWNLOAD, attempt, partial(download.fetch, most=most), _fetcher())
        _show(work, lambda: f"{download.TITLE} is on its way…")


def _fetch() -> None:
    """Callback: ask for it, anew after a failure."""
    st.session_state.data_fetching = st.session_state.get("data_fetching", 0) + 1


@once
def _fetcher() -> ThreadPoolExecutor:
    """Apart from the checks, because a network may hang."""
    return ThreadPoolExecutor(1, "data-fetcher")


def _read(uploads: Sequence[Any], most: int) -> OwnSet:
    return read_set([(upload.name, upload.getvalue()) for upload in uploads], most)


def _show(work: Future[OwnSet], meanwhile: Callable[[], str]) -> None:
    if not work.done():
        come_back_for(work, lambda: st.info(meanwhile(), icon=":material/sync:"))
        return
    try:
        found = work.result()
    except FileRefused as error:
        st.error(escaped(str(error)), icon=":material/block:")
        return
    except Exception as error:  # nobody foresaw it: into the log, a sentence onto the page
        log.error("files could not be read as a data set", exc_info=error)
        st.error(
            "This data set needs more memory than there is."
            if isinstance(error, MemoryError)
            else "These files are damaged in a way that was not foreseen; nothing was read.",
            icon=":material/block:",
        )
        return
    _preview(found)


def _preview(found: OwnSet) -> None:
    """The checked set, its names to be changed before it is kept."""
    data = found.dataset
    st.success(
        f"{len(data.classes)} classes, {len(data.x_train):,} training and {len(data.x_test):,} "
        "test images.",
        icon=":material/check_circle:",
    )
    shown, form = _as_assumed(found)
    title = st.text_input("Name of the data set", data.name, max_chars=MAX_TITLE,
                          key=f"new_data_title-{found.digest}")  # fmt: skip
    fitting = {name: names for name, names in KNOWN_NAMES.items()
               if len(names) == len(data.classes)}  # fmt: skip
    first = data.classes
    if fitting:
        called = title.casefold()
        guess = next(
            (name for name in fitting if name.split("-")[0].casefold() in called), AS_THEY_ARE
        )
        options = [AS_THEY_ARE, *fitting]
        known = st.segmented_control(
            "Classes are called", options, default=guess if data.classes[0] == "0" else AS_THEY_ARE,
            required=True, key=f"new_data_known-{found.digest}-{guess}",
        )  # fmt: skip
        first = fitting.get(known, data.classes)
    typed = class_names_field(first, f"new_data_classes-{found.digest}-{first[0]}")
    try:
        names = class_names(typed, len(data.classes))
    except FileRefused as error:
        st.error(escaped(str(error)), icon=":material/error:")
        return
    named = replace(shown, name=title.strip() or data.name, classes=names)
    st.button(
        "Keep this data set",
        key="keep_data",
        type="primary",
        icon=":material/add:",
        on_click=_keep,
        args=(named,),
    )
    if said := st.session_state.pop("keep_data_problem", None):
        st.error(said, icon=":material/error:")
    show_images(named, form)


def class_names_field(names: Sequence[str], key: str) -> list[str]:
    """The names of a set's classes, to be changed; returns what stands there."""
    text = st.text_area(
        "Names of the classes, one a line, in their order",
        "\n".join(names),
        height=min(400, 60 + 24 * len(names)),
        key=key,
    )
    return text.strip().split("\n")


def _as_assumed(found: OwnSet) -> tuple[Dataset, str]:
    """The assumptions about the files, and switches for those that may be wrong.

    Returns the images as they are wanted, and what to call them in this form.
    """
    if found.dataset.assumed:
        said = "\n".join(f"- {escaped(sentence)}" for sentence in found.dataset.assumed)
        with st.container(key="data_assumed"):
            st.markdown(f"**What was assumed.** Check it with the images below.\n\n{said}")
    with st.container(horizontal=True, gap="medium"):
        dark = st.toggle(
            "Exchange light and dark",
            key=f"new_data_inverted-{found.digest}",
            help="MNIST’s ink is light on black, and so is what you draw. Turn dark ink on light "
            "paper round, so that a network can read your drawings, too.",
        )
        lying = st.toggle(
            "Turn the images",
            key=f"new_data_turned-{found.digest}",
            help="Exchanges rows and columns. Images of EMNIST, and others from MATLAB, often lie "
            "on their side as if seen in a mirror.",
        )
    shown = inverted(found.dataset) if dark else found.dataset
    shown = turned(shown) if lying else shown
    return replace(shown, assumed=()), f"{found.digest} {dark} {lying}"


def _keep(data: Any) -> None:
    """Callback: the set becomes one of the visitor's, unless they keep as much as they may."""
    found, store = from_arrays(data), shared_store()
    try:
        if datasets.find(store, owner(), found.digest) is None:
            bounded = current().public or current().kept_megabytes is not None
            size = len(pack(data)) if bounded else 0
            if said := get_engine().data_problem(size):
                st.session_state.keep_data_problem = said
                return
        datasets.keep(store, owner(), found)
    except StoreError as error:
        st.session_state.keep_data_problem = f"The data set could not be kept. {error}"
        return
    forget(WORK)
    forget(DOWNLOAD)
    for name in ("data_fetching", "data_put_aside"):
        st.session_state.pop(name, None)
    st.session_state.data_files_version = st.session_state.get("data_files_version", 0) + 1
    st.session_state.data_chosen = found.digest
    forget_sets()
