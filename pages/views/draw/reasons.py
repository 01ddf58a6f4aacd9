"""View: which ink spoke for the answer, and the smallest change that would have changed it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import streamlit as st

from mnist_core.base.sandbox import WorkFailed
from mnist_core.drawing.explain import Flip, FloatArray, evidence, smallest_flip_of
from mnist_core.experiment.class_names import DIGITS, one
from mnist_core.figures.pixels import Bars, Images
from pages.session.reader import NotReadable
from pages.views.draw.answer import Answer
from pages.views.draw.parts import percent
from pages.widgets.background import come_back_for, forget, newest
from pages.widgets.escape import escaped
from pages.widgets.pixel_view import pixel_view
from pages.widgets.progress_notes import time_left

LARGEST = 9  # screen pixels for one of the 28


def reasons_view(found: Answer | None) -> None:
    """Saliency over the drawing, and what single stroke would flip the answer."""
    if found is None:
        st.caption("Draw a digit to see why the network reads it this way.")
        return
    digit, image, names = found.reading.digit, found.reading.image28, found.reader.names
    assert digit is not None
    name = names[digit]
    try:
        network, weights = found.reader.network, found.reader.weights()
        slopes = evidence(network, weights, image, digit)
    except (NotReadable, WorkFailed) as error:
        st.error(str(error), icon=":material/error:")
        return
    asked = (found.reader.choice.key, found.reader.step, image.tobytes())
    search = newest("flip", asked, lambda: smallest_flip_of(network, weights, image))
    flip, problem = None, ""
    try:
        flip = search.result() if search.done() else None
    except WorkFailed as error:
        forget("flip")  # it is tried again when the page next runs
        problem = str(error)
    groups: list[Images | Bars] = [
        Images(
            "evidence",
            f"Why {name}?",
            slopes[None],
            f"Blue: more ink here makes {name} likelier. Orange: less likely.",
            noun="pixel",
            names=(f"slope for {name}",),
            backdrop=image,
            largest=LARGEST,
        )
    ]
    if flip is not None:
        groups += _flip_images(image, flip, names[flip.digit])
    pixel_view(groups, "reasons_pixels", f"Which ink makes {name} likely")
    if problem:
        st.error(problem, icon=":material/error:")
    elif search.done():
        st.markdown(_words(name, flip, names))
    else:
        words = "Trying thousands of small changes"
        come_back_for(search, lambda: st.caption(words + time_left("flip", search)))


def _flip_images(image: FloatArray, flip: Flip, name: str) -> list[Images]:
    return [
        Images(
            "flip",
            "What would change the answer?",
            flip.change[None],
            "Blue: ink added. Orange: ink erased.",
            limit=1.0,
            noun="pixel",
            names=("ink",),
            backdrop=image,
            largest=LARGEST,
        ),
        Images(
            "flipped",
            f"Then it reads {name}",
            np.clip(image + flip.change, 0, 1)[None],
            f"with {percent(flip.probability)}",
            palette="ink",
            limit=1.0,
            noun="pixel",
            names=("ink",),
            largest=LARGEST,
        ),
    ]


def _words(name: str, flip: Flip | None, names: Sequence[str]) -> str:
    if flip is None:
        return (
            "No short straight stroke of pen or eraser that was tried changes the answer: it stays "
            f"{escaped(name)}."
        )
    how = "one stroke added" if flip.added else "one stroke erased"
    return (
        f"The smallest change found: {how} ({flip.ink:.0%} of the drawing’s ink) turns "
        f"{_the(name)} into {escaped(one(names[flip.digit]))}. The change is made to the "
        "28 × 28 pixels that the network sees."
    )


def _the(name: str) -> str:
    return f"the {name}" if name in DIGITS else escaped(one(name))
