"""What is read in the drawing, shown first and at once."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from mnist_core.drawing.neighbours import DOUBTFUL, STRANGE
from mnist_core.drawing.preprocessing import Preprocessing, Steps, prepare
from mnist_core.drawing.reader import Reading
from mnist_core.drawing.strokes import picture
from pages.session.reader import NotReadable, Reader, wait_for
from pages.views.draw.canvas import drawing
from pages.views.draw.networks import current_reader, novelty_measure, training_images
from pages.views.draw.parts import bars, confidence, image_address, percent
from pages.widgets.escape import plain

# Below this probability a network may just as well be looking at something else.
GUESS = 0.4
# Right on fewer validation images than this, a network says nothing about a drawing.
POOR = 0.5
INVITATION = "_Draw a digit: the answer appears here._"


@dataclass(frozen=True, eq=False)
class Answer:
    """The drawing on its way through the steps, who read it and what.

    `strangeness` is as in `mnist_core.drawing.neighbours`; None while that measure is being
    prepared.
    """

    steps: Steps
    reader: Reader
    reading: Reading
    strangeness: float | None = None

    @property
    def text(self) -> str:
        """The digit, or a question mark for what looks like none; of other classes the name."""
        strange = self.strangeness is not None and self.strangeness > STRANGE
        return "?" if strange else self.name

    @property
    def name(self) -> str:
        """What the network calls what it reads, strange or not."""
        assert self.reading.digit is not None
        return self.reader.names[self.reading.digit]


def answer() -> Answer | None:
    """Read the drawing and show what was read; None for empty paper, or when none can read it."""
    steps = prepared()
    row = st.container(horizontal=True, vertical_alignment="center", gap="medium", key="answer")
    below = st.container(gap="small")
    with row, st.container(key="prediction", width="content"):
        # One element, so that the old digit stays until the new one is known.
        place = _Place()
        try:
            reader = current_reader()
            wait_for(reader, say=place.say)
            training_images(), novelty_measure()  # begin now, for the drawings to come
            found = None if steps is None else _read(steps, reader)
            place.say(_large(found.text) if found else INVITATION)
        except NotReadable as error:
            place.say("")
            below.error(str(error), icon=":material/error:")
            return None
        if found is not None and (found := _measured(found)).text == "?":
            place.say(found.text)
    if found is not None:
        row.html(_seen(found))
        below.html(bars(found.reading.probabilities, found.reader.names))
    return found


def _large(text: str) -> str:
    """What is read, in Markdown: a digit as it is, a name in bold, which is set smaller."""
    return text if len(text) < 3 else f"**{plain(text)}**"


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


def prepared() -> Steps | None:
    """The drawing's way to 28×28, which Look inside shares; None while there is no ink."""
    strokes = drawing()
    steps = prepare(picture(strokes), switches()) if strokes else None
    if steps is not None and steps.blank:
        steps = None
    st.session_state.drawing_image28 = None if steps is None else steps.image28
    return steps


def switches() -> Preprocessing:
    """Which steps the person has left on."""
    return Preprocessing(**dict.fromkeys(steps_off(), False))


def steps_off() -> list[str]:
    """The steps that the person has turned off, by the name of their field."""
    names = [field.name for field in fields(Preprocessing)]
    return [name for name in names if not st.session_state.get(switch_key(name), True)]


def switch_key(step: str) -> str:
    """The key of the switch that turns a step on and off."""
    return f"step_{step}"


def _read(steps: Steps, reader: Reader) -> Answer:
    image = steps.image28
    probabilities = np.asarray(reader.probabilities(image[None])[0], np.float32)
    return Answer(steps, reader, Reading(int(probabilities.argmax()), probabilities, image))


def _measured(found: Answer) -> Answer:
    """With its strangeness, which would hold up the number on the screen if it came first."""
    measure = novelty_measure()
    if not found.reader.reads_digits:
        return found  # it measures what is strange for a digit
    if not measure.done() or measure.exception() is not None:
        return found
    return replace(found, strangeness=measure.result().strangeness(found.reading.image28))


def _reads_poorly(reader: Reader) -> bool:
    known = reader.accuracy
    return reader.reads_digits and known is not None and known < POOR


def _seen(found: Answer) -> str:
    """How sure the network is, and the 28×28 image it sees, white on black (an HTML figure)."""
    reading = found.reading
    doubtful = found.strangeness is not None and found.strangeness > DOUBTFUL
    word = "Doubtful" if doubtful else confidence(reading.confidence)
    sure = f"<strong>{word}</strong> · {percent(reading.confidence)}"
    more = "What the network sees: 28 × 28 pixels."
    if found.text == "?":
        sure = "<strong>Not a digit?</strong>"
        more = (
            "No training image looks like this. A network must choose all the same: "
            f"this one would say {found.name} ({percent(reading.confidence)})."
        )
    elif doubtful:
        more = (
            "Perhaps this is not a digit: hardly any training image looks like it, "
            "however sure the network is."
        )
    elif _reads_poorly(found.reader):
        more = (
            "It is the network that cannot read: it is right on about "
            f"{found.reader.accuracy:.0%} of the validation images. Choose another network or "
            "moment."
        )
    elif reading.confidence < GUESS:
        more = "The network cannot decide between them."
        if found.reader.reads_digits:
            more = "Perhaps this is not a digit: the network cannot decide between them."
    return (
        f'<figure class="seen"><img src="{image_address(reading.image28)}" '
        f'alt="The drawing as 28 × 28 pixels"><figcaption><p>{sure}</p>'
        f"<p>{more}</p></figcaption></figure>"
    )
