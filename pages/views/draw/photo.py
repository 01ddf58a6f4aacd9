"""View: digits on paper, in a photo or before the camera."""

from __future__ import annotations

import hashlib
import html
from concurrent.futures import Future

import numpy as np
import streamlit as st
from PIL import Image, ImageDraw

from mnist_core.base.job_queue import QueueFull
from mnist_core.base.sandbox import WorkFailed
from mnist_core.data.mnist import ByteArray
from mnist_core.drawing.not_a_digit import DOUBTFUL
from mnist_core.drawing.photo import FoundPicture, PhotoError, find_photo
from mnist_core.drawing.picture_file import ENDINGS, MAX_BYTES
from mnist_core.drawing.segment import Box
from pages.session.drawn_digits import doubts
from pages.session.limits import open_files_note, upload_megabytes
from pages.session.reader import FloatArray, NotReadable, Reader, wait_for
from pages.session.services import jobs_in
from pages.views.draw.answer import Answer
from pages.views.draw.networks import current_reader
from pages.views.draw.parts import (
    MOST_BUTTONS,
    gallery,
    in_a_row,
    ordinal,
    percent,
    small_image,
    which_digit,
)
from pages.views.draw.steps import consequences, pictures
from pages.widgets.background import PHOTOS, come_back_for, forget, newest
from pages.widgets.escape import escaped
from pages.widgets.progress_notes import time_left

FRAME = (217, 96, 10)
# Of a picture on the page, in pixels.
MOST_WIDTH, MOST_HEIGHT = 640, 460


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
        work = newest("photo", digest, lambda: find_photo(data), jobs_in(PHOTOS))
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
    except (PhotoError, WorkFailed) as error:
        if isinstance(error, WorkFailed):
            forget("photo")  # it is tried again when the page next runs
        st.error(str(error), icon=":material/error:")
        return
    try:
        reader = current_reader()
        wait_for(reader, say=st.empty().markdown)
        if not photo.digits:
            st.warning(
                "No digits found. Use a dark pen on light paper and move the camera closer.",
                icon=":material/search_off:",
            )
            st.image(photo.picture, width=_shown_width(photo.picture), alt="Your photo")
            return
        images = np.stack([digit.steps.image28 for digit in photo.digits])
        shares = reader.probabilities(images)
    except NotReadable as error:
        st.error(str(error), icon=":material/error:")
        return
    read = _read(images, shares, reader)
    with st.container(horizontal=True, gap="large"):
        _reading(photo, read, reader)
        st.image(
            _framed(photo.picture, [digit.box for digit in photo.digits]),
            width=_shown_width(photo.picture),
            alt="Your photo with a frame around each digit that was found",
        )
    side = 88 if len(read) <= MOST_BUTTONS else 72
    st.html(
        gallery(
            small_image(
                image,
                f"A digit of the photo as 28 × 28 pixels, read as {html.escape(digit)}",
                f"<strong>{html.escape(digit)}</strong> · {_how_sure(digit, row, reader)}",
                side=side,
            )
            for image, digit, row in zip(images, read, shares, strict=True)
        )
    )
    _step_by_step(photo, read, reader)


def _reading(photo: FoundPicture, read: list[str], reader: Reader) -> None:
    """The digits that were read, line by line, and what is to be said about them."""
    between = " " if reader.reads_digits else " · "
    lines = [between.join(escaped(read[index]) for index in line) for line in photo.lines]
    with st.container(width="content", gap="small"):
        with st.container(key="photo_reading"):
            st.markdown("  \n".join(lines))
        if reader.guesses:
            st.caption("This network is at chance. Choose another one above.")
        elif "?" in read and reader.reads_digits:
            st.caption("**?** marks something that does not look like a digit.")
        if photo.left_out:
            st.caption(
                f"Only the first {len(read)} digits are read; {photo.left_out} more are left out."
            )


def _read(images: FloatArray, shares: FloatArray, reader: Reader) -> list[str]:
    """The digits as text; question marks for none, and from a network that is at chance."""
    if reader.guesses:
        return ["?"] * len(images)
    read = [reader.names[digit] for digit in shares.argmax(1)]
    if reader.reads_digits:
        pairs = zip(doubts(images) > DOUBTFUL, read, strict=True)
        read = ["?" if odd else digit for odd, digit in pairs]
    return read


def _how_sure(digit: str, shares: FloatArray, reader: Reader) -> str:
    is_no_digit = digit == "?" and reader.reads_digits and not reader.guesses
    return "no digit" if is_no_digit else percent(float(shares.max()))


def _step_by_step(photo: FoundPicture, read: list[str], reader: Reader) -> None:
    """One digit of the photo on its way to what the network sees, as for a drawing."""
    st.markdown("##### What the network sees, step by step")
    names = in_a_row(read)
    if len(photo.lines) > 1:
        for number, line in enumerate(photo.lines, 1):
            for place, index in enumerate(line, 1):
                names[index] = f"{read[index]} (line {number}, {ordinal(place)})"
    chosen = which_digit(names, "photo_digit") if len(read) > 1 else 0
    steps = photo.digits[chosen].steps
    pictures(steps)
    consequences(steps, reader)


def _framed(picture: ByteArray, boxes: list[Box]) -> Image.Image:
    framed = Image.fromarray(picture).copy()
    right, bottom = framed.width - 1, framed.height - 1
    pen = ImageDraw.Draw(framed)
    for box in boxes:
        corner = max(box.left - 4, 0), max(box.top - 4, 0)
        pen.rectangle(
            (*corner, min(box.right + 4, right), min(box.bottom + 4, bottom)),
            outline=FRAME,
            width=3,
        )
    return framed


def _shown_width(picture: ByteArray) -> int:
    """A picture's width on the page in pixels: all of it is to be on the screen at once."""
    height, width = picture.shape[:2]
    return max(1, min(width, MOST_WIDTH, MOST_HEIGHT * width // height))
