"""The reading of the drawing, shown first and at once."""

from __future__ import annotations

import html
from concurrent.futures import wait
from dataclasses import dataclass

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from mnist_core.base.sandbox import WorkFailed
from mnist_core.drawing.not_a_digit import DOUBTFUL
from mnist_core.drawing.preprocessing import Steps
from mnist_core.drawing.reader import Reading
from pages.session.drawn_digits import can_doubt, detector, digits_drawn, doubts, share
from pages.session.reader import NotReadable, Reader, wait_for
from pages.views.draw.networks import current_reader, training_images
from pages.views.draw.parts import (
    bars,
    confidence,
    gallery,
    image_address,
    in_a_row,
    percent,
    small_image,
    which_digit,
)
from pages.widgets.escape import escaped

# Below this probability a network may just as well be looking at something else.
GUESS = 0.4
# Right on fewer validation images than this, a network says nothing about a drawing.
POOR = 0.5
INVITATION = "_Draw one or more digits. The answer appears here._"


@dataclass(frozen=True, eq=False)
class Answer:
    """A digit of the drawing on its way through the steps, who read it and what.

    `doubt` is the probability that it is no digit; 0 where nothing can tell.
    """

    steps: Steps
    reader: Reader
    reading: Reading
    doubt: float = 0.0

    @property
    def text(self) -> str:
        """The digit; of other classes the name; a question mark where that would mean nothing.

        That is so for what looks like no digit, and for a network that is at chance.
        """
        return "?" if self.is_no_digit or self.reader.guesses else self.name

    @property
    def is_no_digit(self) -> bool:
        """True when the drawing looks like no digit."""
        return self.doubt > DOUBTFUL

    @property
    def name(self) -> str:
        """The network's name for what it reads, doubted or not."""
        assert self.reading.digit is not None
        return self.reader.names[self.reading.digit]


def answer() -> Answer | None:
    """Read the drawing and show what was read.

    Returns the digit that the rest of the page is about: the one that the person has chosen where
    there are several. None for empty paper, or when no network can read it.
    """
    row = st.container(horizontal=True, vertical_alignment="center", gap="medium", key="answer")
    below = st.container(gap="small", key="below_answer")
    # Empty at once, so that the error of before does not hide that a new try is under way.
    error_line = below.empty()
    with row, st.container(key="prediction", width="content"):
        # One element, so that the old number stays until the new one is known.
        place = _Place()
        training_images()  # begin now, for the drawings to come
        try:
            reader = current_reader()
            wait_for(reader, say=place.say)
            wait([detector()])
            found = _read(digits_drawn(can_doubt()), reader)
        except (NotReadable, WorkFailed) as error:
            digits_drawn(False)  # what has just failed is not asked again
            place.say("")
            error_line.error(str(error), icon=":material/error:")
            return None
        place.say(_large(found) if found else INVITATION)
    if not found:
        return None
    with row:
        st.html(_seen(found[0]) if len(found) == 1 else _each(found))
    with below:
        names = in_a_row([one.text for one in found])
        chosen = found[which_digit(names, "drawn_digit") if len(found) > 1 else 0]
        share(chosen.steps, can_doubt())
        st.html(bars(chosen.reading.probabilities, chosen.reader.names))
    return chosen


def _large(found: list[Answer]) -> str:
    """The reading in Markdown: digits as they are, a name in bold, which is set smaller."""
    if found[0].reader.reads_digits:
        return "".join(one.text for one in found)
    return " · ".join(f"**{escaped(one.text)}**" for one in found)


class _Place:
    """A line of text, replaced by the next one."""

    def __init__(self) -> None:
        self.element: DeltaGenerator | None = None

    def say(self, text: str) -> None:
        """Show this from now on."""
        if self.element is None:
            self.element = st.markdown(text)
        else:
            self.element.markdown(text)


def _read(drawn: tuple[Steps, ...], reader: Reader) -> list[Answer]:
    if not drawn:
        return []
    images = np.stack([steps.image28 for steps in drawn])
    shares = np.asarray(reader.probabilities(images), np.float32)
    doubted = doubts(images) if reader.reads_digits else np.zeros(len(images))
    return [
        Answer(steps, reader, Reading(int(row.argmax()), row, steps.image28), float(unsure))
        for steps, row, unsure in zip(drawn, shares, doubted, strict=True)
    ]


def _reads_poorly(reader: Reader) -> bool:
    known = reader.accuracy
    return reader.reads_digits and known is not None and known < POOR


def _each(found: list[Answer]) -> str:
    """Each of several digits as the network sees it, with its confidence (HTML)."""
    return gallery(
        small_image(
            one.reading.image28,
            f"Digit {place} of the drawing as 28 × 28 pixels",
            f"<strong>{html.escape(one.text)}</strong><br>{_how_sure(one)}",
            side=88,
        )
        for place, one in enumerate(found, 1)
    )


def _how_sure(found: Answer) -> str:
    if found.reader.guesses:
        return "Just guessing"
    return "Not a digit?" if found.is_no_digit else confidence(found.reading.confidence)


def _seen(found: Answer) -> str:
    """The network's confidence, and the 28×28 image it sees, white on black (an HTML figure)."""
    reading = found.reading
    more = "What the network sees: 28 × 28 pixels."
    if found.reader.guesses:
        more = (
            "The drawing is not the problem: at this checkpoint the network is at chance. It would "
            f"say {html.escape(found.name)}. Choose another network or checkpoint."
        )
    elif found.is_no_digit:
        more = (
            "This does not look like a digit. A network must still choose one: "
            f"this one says {html.escape(found.name)} ({percent(reading.confidence)})."
        )
    elif _reads_poorly(found.reader):
        more = (
            "The drawing is not the problem: this network’s validation accuracy is only about "
            f"{found.reader.accuracy:.0%}. Choose another network or checkpoint."
        )
    elif reading.confidence < GUESS:
        more = "The network cannot decide."
        if found.reader.reads_digits:
            more = "The network cannot decide. Perhaps this is not a digit."
    return (
        f'<figure class="seen"><img src="{image_address(reading.image28)}" '
        'alt="The drawing as 28 × 28 pixels"><figcaption>'
        f"<p><strong>{_how_sure(found)}</strong></p><p>{more}</p></figcaption></figure>"
    )
