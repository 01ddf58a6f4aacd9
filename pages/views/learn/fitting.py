"""Chapter 9: does it generalise, or has it memorised?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import streamlit as st

from mnist_core.experiment.layers import Dropout
from mnist_core.figures.lesson.fitting import fit_curves_figure
from mnist_core.lesson.recordings import FITS, FitCurve, fit_curves
from pages.views.learn.parts import Chapter, Link, Option, Question, open_link, train_link
from pages.views.learn.style import LAPTOP
from pages.views.learn.words import as_text
from pages.widgets.live_figure import live_figure
from pages.widgets.player import player


@dataclass(frozen=True)
class Note:
    """The title of a recorded run, and what to see in it."""

    title: str
    about: str


def _silent() -> float:
    """The share of neurons that the recorded run with dropout silences."""
    layers = FITS["dropout"].network.layers
    return next(layer.rate for layer in layers if isinstance(layer, Dropout))


NOTES = {
    "plain": Note(
        f"{FITS['plain'].training.training_images:,} images",
        "Overfitting: the training loss falls towards 0; the validation loss turns and climbs.",
    ),
    "tiny": Note(
        "Two neurons a layer",
        "Underfitting: both losses stay high. The network is too small for the task.",
    ),
    "dropout": Note(
        "Dropout",
        f"In each step a random {_silent():.0%} of the outputs are 0, so that no neuron can rely "
        "on any other. Dropout is active only during training.",
    ),
    "augmented": Note(
        "Augmentation",
        "Every image is shifted and rotated a little, differently each time.",
    ),
    "more": Note(
        f"{FITS['more'].training.training_images:,} images",
        "More data is the surest cure: the same network, the same number of epochs.",
    ),
}


QUESTION = Question(
    "Training loss 0.001, validation loss 0.5 and rising. What is it?",
    (
        Option(
            "Underfitting: train longer",
            "An underfitted network is bad on its training images as well. This one has "
            "memorised them; training longer makes it worse.",
        ),
        Option(
            "Overfitting: regularise, or get more images",
            "It is almost perfect on its training images, and ever worse on new ones.",
            right=True,
        ),
        Option(
            "All is well: the training loss is what counts",
            "A list of all training images with their answers would have a training loss "
            "of 0, and could not read a single new digit.",
        ),
    ),
)


def chapter() -> Chapter:
    """The chapter's content."""
    curves = fit_curves()
    plain_run, mended = curves["plain"], curves["augmented"]
    return Chapter(
        text=f"""
A network can do well because it has understood, or because it has **memorised** its training
images. To tell, some images are held back, the **validation** images. What counts is how well it
does on images it has never seen, its **generalisation**.

**Underfitting:** both losses stay high; too small a network, or too little training.
**Overfitting:** the training loss falls towards 0, but the validation loss turns and climbs. With
{plain_run.experiment.training.training_images:,} images this network’s **accuracy** on new ones is
{plain_run.val_accuracy[-1]:.1%}.

What helps is called **regularisation**. **Dropout** sets random outputs to 0 during training; alone
it reaches {curves["dropout"].val_accuracy[-1]:.1%} on new images. **Augmentation** varies the
images: {mended.val_accuracy[-1]:.1%}. **Early stopping** ends training when the validation loss has
not improved for some epochs, the **patience**. More data helps most:
{curves["more"].val_accuracy[-1]:.1%}.

Use the test images once, at the end: if you tune on the test set, you overfit to it.
""",
        figure=figure,
        try_this="Compare the gap between the curves in all five runs. Then set a patience of 1, "
        "and of 6: what does waiting cost or gain?",
        question=QUESTION,
        links=(
            train_link("Overfit 1,000 images yourself", FITS["plain"]),
            train_link("The same with augmentation", FITS["augmented"]),
            Link("pages/draw.py", "The real test: your own handwriting"),
        ),
    )


@st.fragment
def figure() -> None:
    """The curves of a recorded run, epoch by epoch, with early stopping."""
    name = st.pills(
        "Recorded run",
        list(NOTES),
        format_func=lambda key: NOTES[key].title,
        default="plain",
        required=True,
        key="fit_name",
    )
    curve = fit_curves()[name]
    patience, shares = _controls()
    best = int(curve.val_loss.argmin()) + 1
    stop = early_stop(curve.val_loss, patience) if patience else None
    training, validation = (
        (curve.accuracy, curve.val_accuracy) if shares else (curve.loss, curve.val_loss)
    )
    live_figure(
        fit_curves_figure(
            training,
            validation,
            "Accuracy" if shares else "Loss",
            shares=shares,
            best=best,
            stop=stop,
        ),
        "fit_curves",
        f"{NOTES[name].title}: after epoch {len(curve.loss)} the training loss is "
        f"{curve.loss[-1]:.3f}, the validation loss {curve.val_loss[-1]:.3f}.",
        grows_above=LAPTOP,
        clock="fit",
    )
    player(
        "fit",
        len(curve.loss) - 1,
        6,
        run=(name, shares),
        label="Epoch",
        names=[_at_epoch(curve, epoch) for epoch in range(len(curve.loss))],
    )
    st.markdown(NOTES[name].about)
    _stopped(curve, stop, patience)
    experiment = curve.experiment
    if patience:
        training_spec = experiment.training.model_copy(update={"patience": patience})
        experiment = experiment.model_copy(update={"training": training_spec})
    open_link(train_link("Train exactly this run", experiment))


def _controls() -> tuple[int, bool]:
    first, second = st.columns([3, 2], vertical_alignment="bottom")
    patience = first.select_slider(
        "Early stopping: patience",
        list(range(7)),
        0,
        format_func=lambda value: str(value) if value else "off",
        key="fit_patience",
    )
    return int(patience), second.toggle("Accuracy instead of loss", key="fit_shares")


def early_stop(val_loss: np.ndarray, patience: int) -> int | None:
    """The epoch (from 1) after which training ends, None when it goes through to its end."""
    best, waited = np.inf, 0
    for epoch, loss in enumerate(val_loss, start=1):
        best, waited = (loss, 0) if loss < best else (best, waited + 1)
        if waited >= patience:
            return epoch
    return None


def _at_epoch(curve: FitCurve, at: int) -> str:
    """The player's words at an epoch, `at` from 0."""
    gap = 100 * float(curve.accuracy[at] - curve.val_accuracy[at])
    return (
        f"Epoch {at + 1}: training accuracy {curve.accuracy[at]:.1%}, validation accuracy "
        f"{curve.val_accuracy[at]:.1%}, a gap of {as_text(gap, 1)} points"
    )


def _stopped(curve: FitCurve, stop: int | None, patience: int) -> None:
    """The cost or gain of early stopping with this patience."""
    if stop is not None:
        kept, full = (
            f"{curve.val_loss[place]:.3f} and an accuracy of {curve.val_accuracy[place]:.1%}"
            for place in (stop - 1, -1)
        )
        st.markdown(
            f":material/flag: With a patience of {patience} training ends after epoch {stop} "
            f"instead of {len(curve.loss)}, with a validation loss of {kept}. "
            f"At the end they would have been {full}."
        )
    elif patience:
        lowest = int(curve.val_loss.argmin()) + 1
        st.markdown(
            f":material/flag: With a patience of {patience} this run is never stopped: its "
            f"validation loss keeps improving (lowest after epoch {lowest})."
        )
