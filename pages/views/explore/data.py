"""Data sets: MNIST and those of one's own, what they look like, and adding one."""

from __future__ import annotations

import streamlit as st

from mnist_core.base.untrusted import FileRefused
from mnist_core.data import mnist
from mnist_core.data.custom import MAX_TITLE, pack
from mnist_core.data.mnist import DatasetError
from mnist_core.experiment.spec import MNIST
from mnist_core.model.keras_script import data_file_name
from mnist_core.storage import datasets
from mnist_core.storage.datasets import SetInfo
from mnist_core.storage.store import StoreError
from pages.editors import draft
from pages.session.data_sets import forget_sets, own_dataset, own_sets, titles_of
from pages.session.errors import said_later
from pages.session.services import get_store, owner
from pages.views.explore.data_add import add_view, class_names_field
from pages.views.explore.data_images import show_images
from pages.views.explore.files_parts import size_words
from pages.widgets.escape import escaped
from pages.widgets.undo import undo_line


def view() -> None:
    """Choose a set, look at it, train on it; below, add another."""
    try:
        datasets.purge(get_store(), owner())
        known = own_sets()
        _undo()
        if said := st.session_state.pop("data_problem", None):
            st.error(said, icon=":material/error:")
        names = [MNIST, *known]
        if st.session_state.get("data_chosen") not in names:
            st.session_state.data_chosen = names[0]
        labels = titles_of(names)
        st.selectbox("Data set", names, format_func=labels.__getitem__, key="data_chosen")
        with st.expander(
            "Add a data set of your own", icon=":material/add:", expanded=not known, key="data_add"
        ):
            add_view()
        _about(known.get(st.session_state.data_chosen))
    except StoreError as error:
        st.error(str(error), icon=":material/database_off:")


def _about(info: SetInfo | None) -> None:
    """The set's content (None: MNIST), actions on it, and its images."""
    try:
        data = mnist.load() if info is None else own_dataset(info.digest)
    except DatasetError as error:
        st.error(str(error), icon=":material/error:")
        return
    facts = [
        f"{len(data.classes)} classes",
        f"{len(data.x_train):,} training and {len(data.x_test):,} test images",
    ]
    if info is not None:
        facts += [size_words(info.bytes), f"named {info.short} in tables and links"]
    st.caption(" · ".join(facts))
    with st.container(horizontal=True, gap="small"):
        if st.button("Train on it", key="data_train", type="primary",
                     icon=":material/model_training:"):  # fmt: skip
            draft.use_data(MNIST if info is None else info.digest, len(data.classes))
            st.switch_page("pages/train.py")
        if info is not None:
            st.download_button(
                "Save as .npz", lambda: pack(data, names=True), key="data_save",
                file_name=data_file_name(info.digest), mime="application/octet-stream",
                icon=":material/download:", on_click="ignore",
                help="To hand it to others, or to use it with the Keras script.",
            )  # fmt: skip
            _delete(info)
    if info is not None:
        _names(info)
    show_images(data, "mnist" if info is None else info.digest)


def _delete(info: SetInfo) -> None:
    """The button, with what depends on the set."""
    count = datasets.users(get_store(), owner(), info.digest)
    runs = "No run names it." if not count else (
        f"{count} of your runs name{'s' if count == 1 else ''} it: they keep curves and weights, "
        "but their test images cannot be looked at without it."
    )  # fmt: skip
    with st.popover("Delete", icon=":material/delete:", key="data_delete"):
        st.caption(runs)
        st.button("Delete this data set", key="data_delete_now", on_click=_put_aside,
                  args=(info.digest,))  # fmt: skip


@said_later
def _put_aside(digest: str) -> None:
    """Callback: delete the set so that it can be undone, unless a run needs it now."""
    if datasets.users(get_store(), owner(), digest, active=True):
        st.session_state.data_problem = (
            "A run that waits or trains needs this data set. Stop it, or wait for its end."
        )
        return
    datasets.put_aside(get_store(), owner(), digest)
    st.session_state.data_put_aside = digest
    forget_sets()


def _undo() -> None:
    if (digest := st.session_state.get("data_put_aside")) is not None:
        undo_line("The data set is deleted.", "data", _bring_back, digest)


@said_later
def _bring_back(digest: str) -> None:
    datasets.bring_back(get_store(), owner(), digest)
    st.session_state.pop("data_put_aside", None)
    st.session_state.data_chosen = digest
    forget_sets()


def _names(info: SetInfo) -> None:
    """The title and the names of the classes, to be changed."""
    with (
        st.expander("Names", icon=":material/edit:", key="data_names"),
        st.form(f"data_names_{info.digest}", border=False),
    ):
        title = st.text_input("Name of the data set", info.title, max_chars=MAX_TITLE,
                              key=f"data_title_{info.digest}")  # fmt: skip
        names = class_names_field(info.classes, f"data_classes_{info.digest}")
        if st.form_submit_button("Save names", key="data_save_names"):
            try:
                datasets.rename(get_store(), owner(), info.digest, title, names)
            except FileRefused as error:
                st.error(escaped(str(error)), icon=":material/error:")
                return
            forget_sets()
            st.rerun()
