"""One drawing of the teacher's, as everyone's network reads it."""

from __future__ import annotations

import html

import numpy as np
import streamlit as st

from mnist_core.classrooms import classrooms
from mnist_core.classrooms.board import Entry
from mnist_core.classrooms.classrooms import Classroom
from mnist_core.drawing.preprocessing import prepare
from mnist_core.drawing.strokes import picture
from mnist_core.experiment.spec import MNIST
from pages.session import class_services
from pages.session.class_readings import reading_of
from pages.session.errors import fragment, said_later
from pages.session.paper import STYLE, drawing, paper
from pages.session.services import owner, shared_store
from pages.views.explore.class_images import gallery, small_image

REFRESH_SECONDS = 3.0
_CARDS = """<style>
.drawn { float: left; margin-right: 1rem; }
.readings { display: grid; grid-template-columns: repeat(auto-fill, minmax(7.5rem, 1fr));
  gap: 0.6rem; }
.readings div { border: 1px solid light-dark(#d3dae3, #36414f); border-radius: 0.5rem;
  padding: 0.4rem 0.6rem; overflow-wrap: anywhere; }
.readings b { font-size: 1.7rem; line-height: 1.2; display: block; }
.readings small { color: var(--quiet-text); font-size: 0.9rem; }
</style>"""


def drawing_view(room: Classroom, teaches: bool) -> None:
    """The teacher's paper, what was shown last, and what each network reads in it."""
    if teaches:
        st.html(f"<style>{STYLE}</style>")
        left, right = st.columns([1, 2], gap="large")
        with left:
            paper()
            st.button("Let all networks read it", key="show_drawing", type="primary",
                      icon=":material/co_present:", disabled=not drawing(), on_click=_show,
                      args=(room.id,))  # fmt: skip
        with right:
            fragment(_readings, run_every=REFRESH_SECONDS)(room.id, teaches)
    else:
        fragment(_readings, run_every=REFRESH_SECONDS)(room.id, teaches)


@said_later
def _show(room: str) -> None:
    """Callback: what is on the paper goes to everyone's network."""
    steps = prepare(picture(drawing()))
    if not steps.blank:
        image = np.round(steps.image28 * 255).astype(np.uint8)
        classrooms.show_drawing(shared_store(), owner(), room, image.tobytes())


def _readings(room_id: str, teaches: bool) -> None:
    room = class_services.still(room_id, teaches)
    if room is None:
        st.rerun()
        return
    if room.drawing is None:
        st.info("What the teacher draws is read by everyone's newest network.",
                icon=":material/draw:")  # fmt: skip
        return
    board = class_services.board_of(room)
    entries = [entry for entry in board.newest() if entry.experiment.data == MNIST]
    cards = [
        _card(room.id, entry, room.drawing) for entry in sorted(entries, key=lambda e: e.nickname)
    ]
    image = np.frombuffer(room.drawing, np.uint8).reshape(28, 28)
    seen = small_image(image, "The drawing as networks see it", "what all see")
    with st.container(key="class_readings"):
        st.html(
            f'{_CARDS}<div class="drawn">{gallery([seen])}</div>'
            f'<div class="readings">{"".join(cards)}</div>'
        )


def _card(room: str, entry: Entry, image: bytes) -> str:
    """A pupil's card (HTML): the digit that their network reads, and how sure it is."""
    name, underway = html.escape(entry.nickname), reading_of(room, entry, image).job
    if not underway.done():
        return f"<div>{name}<b>…</b><small>reads</small></div>"
    found = underway.result()
    if found is None:
        return f"<div>{name}<b>–</b><small>no weights yet</small></div>"
    digit = int(found.argmax())
    return f"<div>{name}<b>{digit}</b><small>{found[digit]:.0%}</small></div>"
