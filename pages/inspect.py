"""Look inside: a network's weights, feature maps and gradients at any of its checkpoints."""

from __future__ import annotations

import streamlit as st

from mnist_core.storage.store import SnapshotInfo
from pages.session import inspect_state as places
from pages.session.errors import fragment, guarded, run_again
from pages.session.inspect_state import VIEWS
from pages.session.network_choice import (
    NetworkChoice,
    Offered,
    choice_of,
    forget_snapshots,
    offered,
)
from pages.session.paper import paper
from pages.streamlit_compat import entry
from pages.views.inspect.style import style
from pages.widgets.layout import unseen_title

# How often the page looks for a newer checkpoint while a run trains.
FOLLOW_SECONDS = 2.0


def interval() -> float | None:
    """The seconds until the page looks again by itself: while playing, and while the run trains."""
    here = places.place()
    if here.playing:
        return places.PLAY_SECONDS
    training = trains(choice_of(here.run))
    return FOLLOW_SECONDS if training and here.step is None else None


def trains(choice: NetworkChoice | None) -> bool:
    """True when the network is a run that goes on."""
    return choice is not None and choice.trains


def body() -> None:
    """The page below its title: the network, its checkpoint, and what is looked at."""
    from pages.views.inspect import chooser

    chooser.play_on()
    above = st.container()
    with st.container(key="inspect_bar", horizontal=True, vertical_alignment="center", gap="small"):
        choice = chooser.choose_network()
        if places.has_ended(choice.key, trains(choice)):
            forget_snapshots(choice.key)  # its last ones may have come since they were read
        choices = offered(choice)
        snapshot = chooser.choose_snapshot(choice)
    with above:
        chooser.say_missing()
    # A press on what follows leaves the row above as it is, which saves the browser its drawing.
    fragment(look)(choice, snapshot, choices)
    if seconds := interval():
        run_again(seconds)


def look(choice: NetworkChoice, snapshot: SnapshotInfo | None, choices: Offered) -> None:
    """The view and the input that are chosen, and what they show; run again for each press."""
    from pages.views.inspect import chooser

    if offered(choice) != choices:
        st.rerun()  # a network or a checkpoint has come or gone, or a run has ended
    lacking = chooser.lacking_data(choice)
    with st.container(
        key="inspect_choices",
        horizontal=True,
        horizontal_alignment="distribute",
        vertical_alignment="center",
        gap="small",
    ):
        show_views()
        if snapshot is not None and not lacking:
            if places.place().view == "backward":
                chooser.open_on_mistake(choice, snapshot)
            with st.container(key="which_input", horizontal=True, gap="small", width="content",
                              vertical_alignment="center"):  # fmt: skip
                chooser.choose_input(choice, snapshot)
    chooser.say_chance(choice)
    if lacking:
        st.warning(lacking, icon=":material/dataset:")
    elif snapshot is None:
        st.info(
            "This run has kept no weights yet. They are kept from the first step of its "
            "training on; wait a moment, or choose another network."
            if trains(choice)
            else "This run has kept no weights; choose another network.",
            icon=":material/hourglass_empty:",
        )
    else:
        with guarded():
            show(choice, snapshot)
    places.show_in_url()


def show(choice: NetworkChoice, snapshot: SnapshotInfo) -> None:
    """The view; beside it the input, unless the view shows it itself, and the paper."""
    from pages.views.inspect import chooser
    from pages.views.inspect.network import network
    from pages.views.inspect.views import show_view

    here = places.place()
    draws = here.source == places.DRAWING
    with st.container(horizontal=True, gap="small", key="inspect_sides"):
        if draws or here.view != "network":
            side = st.container(width=214, key="inspect_side", gap="small")
        main = st.container(key="inspect_main")
    if draws:
        with side:
            paper()
    with main:
        scene = chooser.make_scene(choice, snapshot)
    if scene is None:
        return
    if here.view == "network":
        network(scene, main)
        return
    with side:
        chooser.show_input(scene)
    with main:
        show_view(here.view, scene)


def show_views() -> None:
    """The views of the network."""
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
        width="content",
    )


entry.through_app("inspect")
unseen_title("Look inside")
style()
for sentence in places.load():
    st.warning(sentence)
body()
