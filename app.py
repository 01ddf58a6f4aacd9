"""MNIST Lab: train real neural networks on real digits, and look at how they learn."""

import streamlit as st

from mnist_core.base import logs
from pages.frame import projector, topbar
from pages.session import browser_storage, errors, server_start, start_error, visitor
from pages.streamlit_compat import (
    callbacks,
    downloads,
    entry,
    framed_uploads,
    page_switch,
)
from pages.widgets import layout


def show_page() -> None:
    """Run the page that the visitor is on, with what surrounds it."""
    logs.configure()
    callbacks.call_once()
    downloads.keep_downloads()
    st.session_state.inside_app = True
    st.set_page_config(page_title="MNIST Lab", page_icon="pages/frame/img/icon.png", layout="wide")
    # First of all that is shown: until it has come, the page stays unseen (`first_style.py`), also
    # one that asks to sign in or tells an error.
    layout.style()

    # Before all that may answer: what a browser's part of a page sends before it has heard which
    # page it is on would open the first one, and lose the link that the visitor followed.
    navigation = st.navigation(
        [
            st.Page("pages/learn.py", title="Learn", icon=":material/school:", default=True),
            st.Page(
                "pages/train.py", title="Train", icon=":material/model_training:", url_path="train"
            ),
            st.Page(
                "pages/inspect.py",
                title="Look inside",
                icon=":material/frame_inspect:",
                url_path="inspect",
            ),
            st.Page("pages/draw.py", title="Draw", icon=":material/draw:", url_path="draw"),
            st.Page(
                "pages/explore.py", title="Explore", icon=":material/explore:", url_path="explore"
            ),
            st.Page("pages/status.py", title="Status", url_path="status", visibility="hidden"),
        ],
        position="top" if visitor.may_enter() else "hidden",
    )
    if page_switch.forget_left_page(navigation.url_path) == "train":
        start_error.forget()
    visitor.welcome()
    framed_uploads.allow()
    projector.load()
    browser_storage.flush("before")
    # Filled after the page, which may be the first to open the database.
    notices, tour_place = st.container(), st.container(key="tour_place")
    with st.container(key="topbar"):
        topbar.style()
        topbar.tools(navigation.url_path)
    with errors.guarded(whole_page=True):
        navigation.run()
        with notices:
            errors.show_notice()
        with tour_place:
            # The engine and the store come with it: not before the page stands.
            from pages.frame import tour
            from pages.session import services

            server_start.all_imported()
            tour.strip(navigation.url_path)
            services.keep_noticing()
            browser_storage.flush("after")


# Streamlit imports this file once, when the server starts, and runs it for each page.
if __name__ == "__main__":
    with server_start.one_at_a_time():
        show_page()
else:
    entry.run_app_alone()
    callbacks.call_once()
    app = st.App(__file__, lifespan=server_start.lifespan, middleware=server_start.MIDDLEWARE)
