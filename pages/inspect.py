"""Look inside: a network's weights, feature maps and gradients at any moment of its training."""

from __future__ import annotations

import streamlit as st

from pages.frame import projector
from pages.session import inspect_state as places
from pages.session.errors import fragment
from pages.session.inspect_state import VIEWS
from pages.session.network_choice import NetworkChoice, choice_of, forget_moments
from pages.streamlit_compat import entry

# How often the page looks for a newer moment while a run trains.
FOLLOW_SECONDS = 2.0


def interval() -> float | None:
    """How often the page looks again by itself: while playing, and while the run trains."""
    here = places.place()
    if here.playing:
        return places.PLAY_SECONDS
    training = trains(choice_of(here.run))
    return FOLLOW_SECONDS if training and here.step is None else None


def trains(choice: NetworkChoice | None) -> bool:
    """Whether the network is a run that goes on."""
    return choice is not None and choice.trains


def body(every: float | None) -> None:
    """The page below its title, run again for each press."""
    from mnist_core.inspection.compiled import apart
    from pages.views.inspect import chooser
    from pages.views.inspect.views import show_view

    apart()
    chooser.play_on()
    left, right = st.columns([2, 5] if projector.is_on() else [1, 3], gap="large")
    with left:
        choice = chooser.choose_network()
        moment = chooser.choose_moment(choice)
        lacking = chooser.lacking_data(choice)
        if moment is not None and not lacking:
            if places.place().view == "backward":
                chooser.open_on_a_mistake(choice, moment)
            chooser.choose_input(choice, moment)
    with right:
        show_views()
        if lacking:
            st.warning(lacking, icon=":material/dataset:")
        elif moment is None:
            st.info(
                "This run has kept no weights yet. They are kept from the first step of its "
                "training on; wait a moment, or choose another network."
                if trains(choice)
                else "This run has kept no weights; choose another network.",
                icon=":material/hourglass_empty:",
            )
        elif scene := chooser.make_scene(choice, moment):
            with left:
                chooser.show_input(scene)
            show_view(places.place().view, scene)
    places.show_in_url()
    if interval() != every or trains(choice) != trains(choice_of(choice.key)):
        forget_moments()  # the run may have ended since they were read
        st.rerun()


def show_views() -> None:
    """What can be looked at."""
    here = places.place()

    def changed(view: str | None) -> None:
        here.view = view or here.view

    st.segmented_control(
        "View",
        list(VIEWS),
        format_func=VIEWS.__getitem__,
        **places.steered("inspect-view", here.view, changed),
        label_visibility="collapsed",
        required=True,
        wrap=True,
    )


entry.through_app("inspect")
st.title("Look inside")
for sentence in places.load():
    st.warning(sentence)
every = interval()
fragment(body, run_every=every)(every)
