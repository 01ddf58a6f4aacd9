"""The data sets that this visitor can use: which there are, their images, their classes' names."""

from __future__ import annotations

from collections.abc import Iterable

import streamlit as st

from mnist_core.data import mnist
from mnist_core.data.mnist import Dataset, DatasetError
from mnist_core.experiment.class_names import DIGITS
from mnist_core.experiment.spec import MNIST, Experiment
from mnist_core.storage import datasets
from mnist_core.storage.datasets import SetInfo
from mnist_core.storage.store import StoreError
from pages.session.services import get_store, owner
from pages.widgets.menu_labels import distinct


def own_sets() -> dict[str, SetInfo]:
    """The visitor's own sets by their digests, newest first; read at most every two seconds."""
    return _own_sets(owner())


def forget_sets() -> None:
    """Read the visitor's sets anew when they are next asked for."""
    _own_sets.clear(owner())


@st.cache_resource(ttl=2, max_entries=256, show_spinner=False)
def _own_sets(owner: str) -> dict[str, SetInfo]:
    return {info.digest: info for info in datasets.sets(get_store(), owner)}


def title_of(data: str) -> str:
    """The title of the data set that experiments call `data`."""
    if data == MNIST:
        return "MNIST"
    info = own_sets().get(data)
    return f"Data set {data[:8]}, which is not here" if info is None else info.title


def titles_of(names: Iterable[str]) -> dict[str, str]:
    """The same for each of them, no two alike: for a menu."""
    return distinct({name: title_of(name) for name in names})


def class_names(experiment: Experiment) -> tuple[str, ...]:
    """The names of the network's classes; numbers when nobody knows."""
    count = experiment.network.classes
    info = own_sets().get(experiment.data)
    if experiment.data == MNIST or info is None or len(info.classes) != count:
        return DIGITS if experiment.data == MNIST else tuple(str(n) for n in range(count))
    return info.classes


def dataset_of(experiment: Experiment) -> Dataset:
    """The images that the experiment is about. Raises DatasetError, a sentence, without them."""
    return mnist.load() if experiment.data == MNIST else own_dataset(experiment.data)


def own_dataset(digest: str) -> Dataset:
    """One of the visitor's own sets. Raises DatasetError when it is not here."""
    try:
        info = own_sets().get(digest)
        if info is None:
            raise DatasetError(datasets.not_here(digest))
        return _loaded(owner(), digest, info.title, info.classes)
    except StoreError as error:
        raise DatasetError(str(error)) from error


@st.cache_resource(max_entries=2, show_spinner="Loading the data set…")
def _loaded(owner: str, digest: str, title: str, classes: tuple[str, ...]) -> Dataset:
    """The largest sets take 235 MB: two at most are held."""
    return datasets.load(get_store(), owner, digest)
