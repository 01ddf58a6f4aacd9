"""View: every step from the drawing to 28×28, each with a switch that turns it off."""

from __future__ import annotations

import html

import numpy as np
import numpy.typing as npt
import streamlit as st

from mnist_core.data.mnist import ByteArray, DatasetError, ink
from mnist_core.drawing.neighbours import Neighbours
from mnist_core.drawing.preprocessing import Preprocessing, Steps, pad_square, prepare
from mnist_core.experiment.class_names import one as called
from pages.session.data_sets import dataset_of
from pages.session.drawn_digits import steps_off, switch_key
from pages.session.reader import Reader
from pages.views.draw.answer import Answer
from pages.views.draw.networks import training_images, training_images_of
from pages.views.draw.parts import gallery, percent, small_image

FloatArray = npt.NDArray[np.float32]

# Each step in its order, with what it does.
STEPS = {
    "crop": ("Crop", "Removes the empty paper around the digit."),
    "thickness": ("Thickness", "Makes the strokes as wide as MNIST’s."),
    "scale": ("Scale", "Makes the longer side 20 pixels."),
    "centre": ("Centre", "Moves the ink’s centre of mass to the middle of 28 × 28 pixels."),
}
NEAREST = 10
SIDE = 130


def steps_off_note() -> None:
    """Beside the answer: that steps are off, which makes it worse, and the way back."""
    off = steps_off()
    if off:
        names = ", ".join(STEPS[name][0].lower() for name in off)
        with st.container(horizontal=True, vertical_alignment="center"):
            st.caption(f":material/warning: Turned off: {names}.", width="content")
            st.button("Turn all steps on", on_click=_all_on, type="tertiary")


def steps_view(found: Answer | None) -> None:
    """The steps with their switches and pictures, what they are good for, and the neighbours."""
    st.markdown(
        "A network only knows images like those it was trained on. These steps make a drawing look "
        "like an MNIST image. Turn one off and see what the network reads."
    )
    if found is None:
        st.markdown(":material/draw: **Draw a digit** to see what each step does.")
    pictures(found.steps if found else None, switches=True)
    if found is not None:
        consequences(found.steps, found.reader)


def pictures(steps: Steps | None, *, switches: bool = False) -> None:
    """A digit after each step, None for none yet; with `switches` each step can be turned off."""
    with st.container(horizontal=True, gap="medium"):
        images: list[FloatArray | None] = [None] * 5
        if steps is not None:
            shown = (steps.cropped, steps.thickened, steps.scaled, steps.image28)
            images = [pad_square(steps.ink), *shown]
        with st.container(width=SIDE, gap="small"):
            if images[0] is not None:
                _picture(images[0], "The ink")
            st.markdown("**Ink**")
            st.caption("What differs from the paper.")
        for (name, (label, does)), image in zip(STEPS.items(), images[1:], strict=True):
            with st.container(width=SIDE, gap="small"):
                if image is not None:
                    _picture(image, f"After the step {label.lower()}")
                if switches:
                    st.toggle(label, value=True, key=switch_key(name), persist_state="session")
                else:
                    st.markdown(f"**{label}**")
                st.caption(does)


def consequences(steps: Steps, reader: Reader) -> None:
    """The reading without some step, and the training images nearest to the drawing."""
    st.markdown("##### Without one of the steps")
    st.html(_left_out(steps, reader))
    st.markdown("##### The nearest training images")
    try:
        index = training_images_of(reader)
        images = dataset_of(reader.choice.experiment).x_train
    except DatasetError as error:
        st.info(str(error), icon=":material/dataset:")
        return
    if index.done() and (problem := index.exception()) is not None:
        training_images.clear()  # so that the next look tries again
        st.error(str(problem), icon=":material/error:")
    elif index.done():
        st.html(_nearest(index.result(), images, steps.image28, reader))
    else:
        st.caption("Searching the training images…")


def _picture(image: FloatArray, alt: str) -> None:
    st.html(small_image(image, alt, side=SIDE))


def _all_on() -> None:
    st.session_state.update({switch_key(name): True for name in STEPS})


def _left_out(steps: Steps, reader: Reader) -> str:
    """The readings with all steps, without each of them, and with none."""
    variants = {"All steps": Preprocessing()}
    for name, (label, _) in STEPS.items():
        variants[f"No {label.lower()}"] = Preprocessing(**{name: False})
    variants["No steps: only resized"] = Preprocessing(**dict.fromkeys(STEPS, False))
    dark = 255 - np.round(255 * steps.ink).astype(np.uint8)
    images = np.stack([prepare(dark, variant).image28 for variant in variants.values()])
    probabilities = reader.probabilities(images)
    read = [html.escape(reader.names[digit]) for digit in probabilities.argmax(1)]
    return gallery(
        small_image(
            image,
            f"{words}: 28 × 28 pixels",
            f"{words}<br><strong>{name}</strong> · {percent(float(share))}",
        )
        for words, image, name, share in zip(
            variants, images, read, probabilities.max(1), strict=True
        )
    )


def _nearest(index: Neighbours, images: ByteArray, image28: FloatArray, reader: Reader) -> str:
    found = index.nearest(image28, NEAREST)
    names = [html.escape(name) for name in reader.names]
    return gallery(
        small_image(
            ink(images[one.index]),
            f"Training image number {one.index}, {called(names[one.label])}",
            f"<strong>{names[one.label]}</strong> · differs by {one.distance:.2f}",
            side=88,
        )
        for one in found
    )
