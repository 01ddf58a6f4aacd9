"""The menu of networks and the slider of checkpoints, as all pages show them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import streamlit as st

from mnist_core.storage.store import SnapshotInfo
from pages.session.network_choice import NetworkChoice, snapshot_label


def network_menu(
    label: str, choices: Mapping[str, NetworkChoice], chosen: str | None = None, **more: Any
) -> str:
    """Choose one of the networks; returns its key.

    `chosen` is the one to begin with, else the first. `more` is the widget's.
    """
    keys = list(choices)
    if chosen is not None and chosen in choices:
        more["index"] = keys.index(chosen)
    return str(st.selectbox(label, keys, format_func=label_in(choices), **more))


def label_in(choices: Mapping[str, NetworkChoice]) -> Callable[[str], str]:
    """The name of a network in a menu; "" for one that has gone since the browser heard of it."""
    return lambda key: choices[key].label if key in choices else ""


def checkpoint_slider(network: str, kept: Sequence[SnapshotInfo], **more: Any) -> int:
    """Choose one of the snapshots of a network; returns its step. `more` is the widget's."""
    labels = {snapshot.step: snapshot_label(network, snapshot) for snapshot in kept}
    return int(
        st.select_slider(
            "Checkpoint",
            list(labels),
            format_func=lambda step: labels.get(step, ""),
            **more,
        )
    )
