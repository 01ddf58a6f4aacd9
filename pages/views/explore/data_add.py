"""Add a data set: from files, or Fashion-MNIST by Keras's own loader; checked, then shown."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import streamlit as st

from mnist_core.base.once import once
from mnist_core.base.untrusted import MEGABYTE, FileRefused
from mnist_core.data import download
from mnist_core.data.custom import (
    KNOWN_NAMES,
    LIMITS,
    MAX_IMAGES,
    MAX_TITLE,
    OwnSet,
    class_names,
    from_arrays,
    inverted,
    pack,
    read_files,
)
from mnist_core.storage import datasets
from mnist_core.storage.store import StoreError
from mnist_core.visitors.limits import current, upload_problem
from pages.session.data_sets import forget_sets
from pages.session.limits import open_files_note, upload_megabytes
from pages.session.services import get_engine, owner, shared_store
from pages.views.explore.data_images import show_images
from pages.widgets.background import come_back_for
from pages.widgets.escape import plain

MAX_MEGABYTES = LIMITS.file_bytes // MEGABYTE
AS_THEY_ARE = "as in the file"


def add_view() -> None:
    """Files or Keras's loader; what they hold; and the button that keeps it."""
    st.caption(
        "Grey images of 28×28 pixels in 2 to 50 classes: one .npz file with x_train, y_train, "
        "x_test and y_test (and class_names, if you like), or the four IDX files in which "
        "Fashion-MNIST, KMNIST and others are published (.gz too). Each file is checked before "
        "anything of it is kept."
    )
    uploads = st.file_uploader(
        "Files",
        accept_multiple_files=True,
        key=f"data_files-{st.session_state.get('data_files_version', 0)}",
        max_upload_size=upload_megabytes(MAX_MEGABYTES),
        label_visibility="collapsed",
    )
    open_files_note()
    if uploads:
        if said := upload_problem([upload.size for upload in uploads], current()):
            st.error(said, icon=":material/block:")
            return
        key = tuple(upload.file_id for upload in uploads)
        _show(_work(key, lambda: _read(uploads)), "The files are being checked…")
        return
    st.button(
        f"Or load {download.TITLE} (31 MB) by Keras’s own loader",
        key="data_fetch",
        icon=":material/cloud_download:",
        help="Needs a way to the network. Keras has no loader for KMNIST: add its files.",
        on_click=_fetch,
    )
    if st.session_state.get("data_fetching"):
        most = current().data_images or MAX_IMAGES
        work = _work(
            ("fetch", st.session_state.data_fetching),
            lambda: _fetcher().submit(download.fetch, most=most),
        )
        _show(work, f"{download.TITLE} is on its way…")


def _fetch() -> None:
    """Callback: ask for it, anew after a failure."""
    st.session_state.data_fetching = st.session_state.get("data_fetching", 0) + 1


@once
def _checker() -> ThreadPoolExecutor:
    """One set at a time for all visitors: a large one takes hundreds of megabytes meanwhile."""
    return ThreadPoolExecutor(1, "data-checker")


@once
def _fetcher() -> ThreadPoolExecutor:
    """Apart from the checks, because a network may hang."""
    return ThreadPoolExecutor(1, "data-fetcher")


def _work(key: Any, begin: Callable[[], Future[OwnSet]]) -> Future[OwnSet]:
    """What is being checked in this session, or has been; only the newest is held."""
    before: tuple[Any, Future[OwnSet]] | None = st.session_state.get("data_work")
    if before is not None and before[0] == key:
        return before[1]
    if before is not None:
        before[1].cancel()
    future = begin()
    st.session_state.data_work = (key, future)
    return future


def _read(uploads: Sequence[Any]) -> Future[OwnSet]:
    files = [(upload.name, upload.getvalue()) for upload in uploads]
    return _checker().submit(read_files, files, current().data_images or MAX_IMAGES)


def _show(work: Future[OwnSet], meanwhile: str) -> None:
    if not work.done():
        come_back_for(work, lambda: st.info(meanwhile, icon=":material/sync:"))
        return
    try:
        found = work.result()
    except FileRefused as error:
        st.error(plain(str(error)), icon=":material/block:")
        return
    except MemoryError:
        st.error("This data set needs more memory than there is.", icon=":material/block:")
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
    text = st.text_area(
        "Names of the classes, one a line, in their order",
        "\n".join(first),
        height=min(400, 60 + 24 * len(first)),
        key=f"new_data_classes-{found.digest}-{first[0]}",
    )
    turned = st.toggle(
        "Exchange light and dark",
        key=f"new_data_inverted-{found.digest}",
        help="MNIST’s ink is light on black, and so is what you draw. Turn dark ink on light "
        "paper round, so that a network can read your drawings, too.",
    )
    shown = inverted(data) if turned else data
    try:
        names = class_names(text.strip().split("\n"), len(data.classes))
    except FileRefused as error:
        st.error(plain(str(error)), icon=":material/error:")
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
    show_images(named, f"{found.digest} {turned}")


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
    for name in ("data_work", "data_fetching", "data_put_aside"):
        st.session_state.pop(name, None)
    st.session_state.data_files_version = st.session_state.get("data_files_version", 0) + 1
    st.session_state.data_chosen = found.digest
    forget_sets()
