"""Chapter 9: learnt by heart, or understood?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import streamlit as st

from mnist_core.experiment.layers import Dropout
from mnist_core.figures.lesson.fitting import fit_curves_figure
from mnist_core.lesson.recordings import FITS, FitCurve, fit_curves
from pages.views.learn.parts import Chapter, Link, Option, Question, open_link, train_link
from pages.views.learn.words import plain
from pages.widgets.live_figure import live_figure


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
        "Overfitting: the training loss goes on falling, the validation loss turns and climbs.",
    ),
    "tiny": Note(
        "Two neurons a layer",
        "Underfitting: both curves stay high together. The network is too small for the task.",
    ),
    "dropout": Note(
        "Dropout",
        f"In each step a random {_silent():.0%} of the neurons are silent, so that none can rely "
        "on one other.",
    ),
    "augmented": Note(
        "Augmentation",
        "Every image is shifted and turned a little, anew each time: it is never met twice.",
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
            "An underfitted network is bad on its training images as well. This one "
            "knows them by heart; training longer makes it worse.",
        ),
        Option(
            "Overfitting: regularise, or get more images",
            "It does almost perfectly on what it has met, and ever worse on what it has not.",
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
A network can do well because it has understood, or because it knows its training images **by
heart**. To tell, some images are held back and never trained on, the **validation** images. What
counts is how well it does on images that it has not met, its **generalisation**.

**Underfitting:** both losses stay high; too small a network, or too little training.
**Overfitting:** the training loss falls towards 0, but the validation loss turns and climbs. With
{plain_run.experiment.training.training_images:,} images this network’s **accuracy**, the share that
it reads right, is {plain_run.accuracy[-1]:.1%} on them and {plain_run.val_accuracy[-1]:.1%} on new
ones.

What helps is called **regularisation**. **Dropout** silences random neurons in each step; alone it
comes to {curves["dropout"].val_accuracy[-1]:.1%} on new images. **Augmentation** changes the images
a little each time: {mended.val_accuracy[-1]:.1%}. **Early stopping** ends training when the
validation loss has not improved for some epochs, the **patience**. More data helps most:
{curves["more"].val_accuracy[-1]:.1%}.

Test images come last, and once: whoever chooses by them learns them, too.
""",
        figure=figure,
        try_this="Compare the gap between the curves in all five runs. Then give early stopping a "
        "patience of 1, and of 6: what does waiting cost or gain?",
        question=QUESTION,
        links=(
            train_link("Overfit 1,000 images yourself", FITS["plain"]),
            train_link("The same with augmentation", FITS["augmented"]),
            Link("pages/draw.py", "The real test: your own handwriting"),
        ),
    )


@st.fragment
def figure() -> None:
    """The curves of a recorded run, as far as it is shown, with early stopping."""
    name = st.pills(
        "Recorded run",
        list(NOTES),
        format_func=lambda key: NOTES[key].title,
        default="plain",
        required=True,
        key="fit_name",
    )
    curve = fit_curves()[name]
    shown, patience, shares = _controls(len(curve.loss))
    best = int(curve.val_loss[:shown].argmin()) + 1
    stop = early_stop(curve.val_loss, patience) if patience else None
    training, validation = (
        (curve.accuracy, curve.val_accuracy) if shares else (curve.loss, curve.val_loss)
    )
    live_figure(
        fit_curves_figure(
            training,
            validation,
            "Accuracy" if shares else "Loss · log",
            shares=shares,
            shown=shown,
            best=best,
            stop=stop,
        ),
        "fit_curves",
        f"{NOTES[name].title}: after epoch {shown} the training loss is "
        f"{curve.loss[shown - 1]:.3f}, the validation loss {curve.val_loss[shown - 1]:.3f}.",
    )
    _numbers(curve, shown, best, stop, patience)
    st.markdown(NOTES[name].about)
    experiment = curve.experiment
    if patience:
        training_spec = experiment.training.model_copy(update={"patience": patience})
        experiment = experiment.model_copy(update={"training": training_spec})
    open_link(train_link("Train exactly this run", experiment))


def _controls(epochs: int) -> tuple[int, int, bool]:
    first, second, third = st.columns([3, 3, 2], vertical_alignment="bottom")
    shown = first.slider("Up to epoch", 1, epochs, epochs, key="fit_shown")
    patience = second.select_slider(
        "Early stopping: patience",
        list(range(7)),
        0,
        format_func=lambda value: str(value) if value else "off",
        key="fit_patience",
    )
    shares = third.toggle("Accuracy", key="fit_shares")
    return int(shown), int(patience), shares


def early_stop(val_loss: np.ndarray, patience: int) -> int | None:
    """The epoch (from 1) after which training ends, None when it goes through to its end."""
    best, waited = np.inf, 0
    for epoch, loss in enumerate(val_loss, start=1):
        best, waited = (loss, 0) if loss < best else (best, waited + 1)
        if waited >= patience:
            return epoch
    return None


def _numbers(curve: FitCurve, shown: int, best: int, stop: int | None, patience: int) -> None:
    at = shown - 1
    gap = curve.accuracy[at] - curve.val_accuracy[at]
    st.markdown(
        f"Epoch **{shown}**: **{curve.accuracy[at]:.1%}** of the training images were read right "
        "as they were met, while the network still learned from them; at its end "
        f"**{curve.val_accuracy[at]:.1%}** of the validation images are. The difference is "
        f"**{plain(100 * float(gap), 1)}** points."
    )
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
