"""View: digits on paper, in a photo or before the camera."""

from __future__ import annotations

import hashlib
import html
from concurrent.futures import Future

import numpy as np
import streamlit as st
from PIL import Image, ImageDraw

from mnist_core.base.job_queue import QueueFull
from mnist_core.drawing.not_a_digit import DOUBTFUL, doubt
from mnist_core.drawing.photo import FoundPicture, PhotoError, find_photo
from mnist_core.drawing.picture_file import ENDINGS, MAX_BYTES
from mnist_core.drawing.segment import Box
from pages.session.drawn_digits import can_doubt
from pages.session.limits import open_files_note, upload_megabytes
from pages.session.reader import FloatArray, NotReadable, Reader, wait_for
from pages.session.services import owner
from pages.views.draw.answer import Answer
from pages.views.draw.networks import current_reader
from pages.views.draw.parts import gallery, percent, small_image, which_digit
from pages.views.draw.steps import consequences, pictures
from pages.widgets.background import PHOTOS, come_back_for, newest
from pages.widgets.escape import escaped
from pages.widgets.progress_notes import time_left

FRAME = (217, 96, 10)


def photo_view(found: Answer | None) -> None:
    """Upload a photo or take one; its digits are read in order by the network above."""
    st.markdown(
        "Write one or more digits on paper, leave some space between them, and take a photo from "
        "above."
    )
    most = upload_megabytes(MAX_BYTES // 1_000_000)
    camera = st.toggle("Use the camera", key="use_camera")
    file = (
        st.camera_input("Digits on paper", key="camera")
        if camera
        else st.file_uploader(
            f"A photo or picture (up to {most} MB)",
            ENDINGS,
            key="photo",
            max_upload_size=most,
        )
    )
    open_files_note()
    if file is None:
        return
    data = file.getvalue()
    digest = hashlib.sha256(data).digest()
    try:
        work = newest("photo", digest, lambda: find_photo(data), PHOTOS.of(owner()))
    except QueueFull as error:
        st.error(str(error), icon=":material/error:")
        return
    if not work.done():
        come_back_for(
            work, lambda: st.caption("Looking for digits" + time_left("photo", work, PHOTOS))
        )
        return
    _show(work)


def _show(work: Future[FoundPicture]) -> None:
    try:
        photo = work.result()
        reader = current_reader()
        wait_for(reader, say=st.empty().markdown)
        if not photo.digits:
            st.warning(
                "No digits found. Use a dark pen on light paper and move the camera closer.",
                icon=":material/search_off:",
            )
            st.image(photo.picture, width=480, alt="Your photo")
            return
        images = np.stack([digit.steps.image28 for digit in photo.digits])
        shares = reader.probabilities(images)
    except (PhotoError, NotReadable) as error:
        st.error(str(error), icon=":material/error:")
        return
    read = _read(images, shares, reader)
    with st.container(key="photo_reading"):
        between = " " if reader.reads_digits else " · "
        st.markdown(
            "  \n".join(
                between.join(escaped(read[index]) for index in line) for line in photo.lines
            )
        )
    if reader.guesses:
        st.caption(
            "This network is at chance. Choose another one above.",
        )
    if photo.left_out:
        st.caption(
            f"Only the first {len(read)} digits are read; the picture has {photo.left_out} more."
        )
    st.image(
        _framed(photo.picture, [digit.box for digit in photo.digits]),
        width=640,
        alt="Your photo with a frame around each digit that was found",
    )
    st.html(
        gallery(
            small_image(
                image,
                f"A digit of the photo as 28 × 28 pixels, read as {html.escape(digit)}",
                f"<strong>{html.escape(digit)}</strong> · {percent(float(row.max()))}",
                side=88,
            )
            for image, digit, row in zip(images, read, shares, strict=True)
        )
    )
    _step_by_step(photo, read, reader)


def _read(images: FloatArray, shares: FloatArray, reader: Reader) -> list[str]:
    """The digits as text; question marks for none, and from a network that is at chance."""
    if reader.guesses:
        return ["?"] * len(images)
    read = [reader.names[digit] for digit in shares.argmax(1)]
    if reader.reads_digits and can_doubt():
        pairs = zip(doubt(images) > DOUBTFUL, read, strict=True)
        read = ["?" if odd else digit for odd, digit in pairs]
    return read


def _step_by_step(photo: FoundPicture, read: list[str], reader: Reader) -> None:
    """One digit of the photo on its way to what the network sees, as for a drawing."""
    st.markdown("##### What the network sees, step by step")
    chosen = which_digit(read, "photo_digit") if len(read) > 1 else 0
    steps = photo.digits[chosen].steps
    pictures(steps)
    consequences(steps, reader)


def _framed(picture: np.ndarray, boxes: list[Box]) -> Image.Image:
    framed = Image.fromarray(picture).copy()
    pen = ImageDraw.Draw(framed)
    for box in boxes:
        edges = (box.left - 4, box.top - 4, box.right + 4, box.bottom + 4)
        pen.rectangle(edges, outline=FRAME, width=3)
    return framed
