"""Work that takes longer than a stroke may wait: done in threads, shown when it is ready.

A stroke never interrupts a fragment that is running, so that the page must not wait in it.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import streamlit as st

from mnist_core.base.job_queue import JobQueue
from mnist_core.base.once import once
from pages.widgets.progress_notes import measured

Result = TypeVar("Result")
LOOK_AGAIN_SECONDS = 0.4
# Converters and files that TensorFlow has to read: a process of a gigabyte each, one at a time.
CONVERSIONS = JobQueue("converter")
# Photos, one at a time: this bounds what decoding and looking for digits take.
PHOTOS = JobQueue("photos")


class Pool(Protocol):
    """Whatever does work in the background."""

    def submit(self, work: Callable[[], Result], /) -> Future[Result]:
        """Have it done; the future tells when it is."""


@once
def loader() -> ThreadPoolExecutor:
    """Prepares what is needed for every reading, such as the networks."""
    return ThreadPoolExecutor(2, "drawing-loader")


@once
def helper() -> ThreadPoolExecutor:
    """Works out what the open views of all visitors ask for: a second or two each."""
    return ThreadPoolExecutor(2, "drawing-helper")


@once
def teacher() -> ThreadPoolExecutor:
    """Teaches networks, one after the other, so that nothing else waits for it."""
    return ThreadPoolExecutor(1, "drawing-teacher")


@once
def layouts() -> ThreadPoolExecutor:
    """Lays images out by t-SNE, one layout after the other: ten seconds of a processor each."""
    return ThreadPoolExecutor(1, "t-SNE")


def newest(
    name: str, what: Any, work: Callable[[], Result], pool: Pool | None = None
) -> Future[Result]:
    """The future of `work`, which is submitted once for each new `what` (to `helper`).

    How long it takes is `measured` under this name.
    What was asked for under this name before, and has not begun, is not wanted any more.
    """
    before: tuple[Any, Future[Result]] | None = st.session_state.get(f"work_{name}")
    if before is not None:
        if before[0] == what:
            return before[1]
        before[1].cancel()

    def timed() -> Result:
        with measured(name):
            return work()

    future = (pool or helper()).submit(timed)
    st.session_state[f"work_{name}"] = (what, future)
    return future


@dataclass
class Progress:
    """Signals of work under way: the share that is done, and whether to go on."""

    share: float = 0.0
    wanted: bool = True


def newest_with_progress(
    name: str, what: Any, work: Callable[[Progress], Result], pool: Pool
) -> tuple[Future[Result], Progress]:
    """As `newest`, for work that tells how far it is and may end early once it is not wanted."""
    before: tuple[Any, Progress] | None = st.session_state.get(f"progress_{name}")
    if before is None or before[0] != what:
        if before is not None:
            before[1].wanted = False
        before = st.session_state[f"progress_{name}"] = (what, Progress())
    progress = before[1]
    return newest(name, what, lambda: work(progress), pool), progress


def forget(name: str) -> None:
    """Have the work of this name done anew when it is next asked for."""
    st.session_state.pop(f"work_{name}", None)


def come_back_for(future: Future[Any], show: Callable[[], Any] = lambda: None) -> None:
    """Run the page again when the work is done; until then `show` is called again and again."""
    if not future.done():
        _look_again(future, show)


@st.fragment(run_every=LOOK_AGAIN_SECONDS)
def _look_again(future: Future[Any], show: Callable[[], Any]) -> None:
    if future.done():
        st.rerun()
    show()
