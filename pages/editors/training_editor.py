"""Widgets for training: optimiser, batches, data, augmentation, stop conditions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import get_args

import streamlit as st

from mnist_core import Problem
from mnist_core.data.mnist import DatasetError
from mnist_core.experiment.losses import LOSSES
from mnist_core.experiment.optimizers import OPTIMIZERS
from mnist_core.experiment.schedules import SCHEDULES
from mnist_core.experiment.shapes import CLASSES
from mnist_core.experiment.spec import (
    MNIST,
    Augmentation,
    PrecisionName,
)
from pages.editors import draft, fields
from pages.editors.augmentation_preview import Image, augmentation_preview
from pages.editors.problem_notes import show_problems
from pages.session import explore_tabs as tabs
from pages.session.data_sets import own_sets, titles_of
from pages.widgets.layout import slot

LEARNING_RATES = [round(m * 10.0**e, 6) for e in range(-5, 1) for m in (1, 2, 5)] + [10.0]
BATCH_SIZES = [2**power for power in range(13)]


def training_editor(problems: Sequence[Problem], digit: Callable[[], Image]) -> None:
    """Show and edit the draft's training settings, with what is wrong with them.

    `digit` gives the image, uint8 [28, 28], on which augmentation is shown; it may raise
    DatasetError.
    """
    controls = {
        "dataset": _dataset,
        "optimizer": _optimizer,
        "learning_rate": _learning_rate,
        "schedule": _schedule,
        "batch_size": _batch_size,
        "epochs": _epochs,
        "seed": _seed,
    }
    controls = {group: control for group, control in controls.items() if draft.shown(group)}
    mistakes = [
        item for item in problems if item.layer is None and item.field not in (None, "layers")
    ]
    for group, control in controls.items():
        control()
        with st.container():  # always there: what comes after keeps its place and stays open
            show_problems(item for item in mistakes if item.field == group)
    folded = {group: part for group, part in _FOLDED.items() if draft.shown(group)}
    said = {*controls}
    for group, (title, control, names) in folded.items():
        # What is folded away need not be worked out.
        works = group == "augmentation"
        fold = st.expander(title, key=f"training_{group}", on_change="rerun" if works else "ignore")
        with fold:
            if works and fold.open:
                _preview(digit)
            control()
            with st.container():
                show_problems(item for item in mistakes if item.field in names)
        said |= names
    if not controls and not folded:
        st.caption("The link you opened fixes all of these settings.")
    show_problems(item for item in mistakes if item.field not in said)


def _dataset() -> None:
    """Choose what to train on, once there is a choice."""
    known, (data, classes) = own_sets(), draft.data_set()
    if not known and data == MNIST:
        return
    counts = {MNIST: CLASSES} | {digest: len(info.classes) for digest, info in known.items()}
    counts.setdefault(data, classes)

    def chosen() -> None:
        draft.use_data(name := st.session_state[key], counts[name])

    key = f"data-{st.session_state.draft_version}"
    with st.container(key="train_data"), slot("data"):
        st.selectbox(
            "Data set",
            list(counts),
            index=list(counts).index(data),
            format_func=titles_of(counts).__getitem__,
            key=key,
            on_change=chosen,
            help="Add your own under Explore → Data. The output layer has a neuron a class.",
        )


def _optimizer() -> None:
    fields.choose(
        "Optimiser",
        ("training", "optimizer"),
        list(OPTIMIZERS),
        tip="How a gradient becomes an update of the weights.",
        show=lambda name: OPTIMIZERS[name].title,
    )
    _loss()


def _loss() -> None:
    fields.choose(
        "Loss",
        ("training", "loss"),
        list(LOSSES),
        show=lambda name: LOSSES[name].title,
    )
    if (chosen := LOSSES.get(draft.value(("training", "loss")))) is not None:
        st.caption(chosen.expect)


def _learning_rate() -> None:
    fields.pick(
        "Learning rate",
        ("training", "learning_rate"),
        LEARNING_RATES,
        tip="How far each step goes along the gradient. Too small: slow. Too large: unstable.",
    )


def _schedule() -> None:
    fields.choose(
        "Learning-rate schedule",
        ("training", "schedule"),
        list(SCHEDULES),
        tip="How the learning rate changes over the run:\n\n"
        + "\n".join(f"- {item.title}: {item.about}" for item in SCHEDULES.values()),
        show=lambda name: SCHEDULES[name].title,
    )


def _batch_size() -> None:
    fields.pick(
        "Batch size",
        ("training", "batch_size"),
        BATCH_SIZES,
        tip="How many images each step averages its gradient over.",
    )


def _epochs() -> None:
    fields.whole("Epochs", ("training", "epochs"), tip="How often each training image is used.")


def _seed() -> None:
    fields.whole(
        "Seed",
        ("training", "seed"),
        tip="Decides the first weights and the order of the images. Runs with the same seed "
        "start from the same weights, so their difference comes from the settings.",
    )


def _data() -> None:
    if st.button("Train on images of your own", icon=":material/dataset:", type="tertiary",
                 on_click=tabs.own_data):  # fmt: skip
        st.switch_page("pages/explore.py")
    fields.slide(
        "Validation share",
        ("training", "validation_share"),
        0.0,
        0.5,
        0.01,
        tip="Share of the training images that is set aside for validation.",
    )
    fields.whole(
        "Training images (empty: all)",
        ("training", "training_images"),
        tip="Fewer images make overfitting easy to see.",
        optional=True,
    )
    fields.slide(
        "Label smoothing",
        ("training", "label_smoothing"),
        0.0,
        0.5,
        0.05,
        tip="Spreads this share of each label over all classes, so that the network does not "
        "become overconfident.",
    )
    optimizer = OPTIMIZERS.get(draft.value(("training", "optimizer")))
    if (optimizer and optimizer.weight_decay) or draft.value(("training", "weight_decay")):
        fields.real("Weight decay", ("training", "weight_decay"), 0.001)
    fields.choose(
        "Number format",
        ("training", "precision"),
        get_args(PrecisionName),
        tip="auto: bfloat16 for convolutions where this CPU computes it fast, else float32.",
    )


def _augmentation() -> None:
    st.caption("Each image is changed a little at random every time it is used.")
    at = ("training", "augmentation")
    fields.slide("Shift (pixels)", (*at, "shift"), 0.0, 6.0, 0.1)
    fields.slide("Rotate (degrees)", (*at, "rotate"), 0.0, 45.0, 1.0)
    fields.slide("Scale (share)", (*at, "scale"), 0.0, 0.5, 0.01)
    fields.slide("Shear (degrees)", (*at, "shear"), 0.0, 45.0, 1.0)
    fields.slide("Bend, elastic (pixels)", (*at, "elastic"), 0.0, 3.0, 0.05)
    fields.slide("Stroke thickness (share)", (*at, "thickness"), 0.0, 1.0, 0.05)


def _preview(digit: Callable[[], Image]) -> None:
    """Show a digit as the draft's augmentation changes it."""
    try:
        training = draft.value(("training",))
        augmentation = Augmentation.model_validate(training["augmentation"])
        augmentation_preview(digit(), augmentation, int(training["seed"]))
    except (DatasetError, ValueError, TypeError):
        return  # what is wrong is said at the setting itself, or where the data set is chosen


def _stop_conditions() -> None:
    fields.real("Max minutes", ("training", "max_minutes"), 1.0, optional=True)
    fields.real(
        "Target accuracy (0.99 is 99%)",
        ("training", "target_accuracy"),
        0.01,
        tip="Training ends once the validation accuracy has reached it.",
        optional=True,
    )
    fields.whole(
        "Patience (epochs)",
        ("training", "patience"),
        tip="Training ends after this many epochs without a lower validation loss.",
        optional=True,
    )


# Each folded group: its title, its controls, and the fields of an experiment that they set.
_FOLDED: dict[str, tuple[str, Callable[[], None], set[str]]] = {
    "data": (
        "Data and regularisation",
        _data,
        {
            "validation_share",
            "training_images",
            "label_smoothing",
            "weight_decay",
            "precision",
        },
    ),
    "augmentation": ("Augmentation", _augmentation, set(Augmentation.model_fields)),
    "stop": ("Stop early", _stop_conditions, {"max_minutes", "target_accuracy", "patience"}),
}
