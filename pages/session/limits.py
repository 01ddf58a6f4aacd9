"""Notes on a shared server's limits, shown before anything starts."""

from __future__ import annotations

import streamlit as st

from mnist_core.engine.visitor_engine import VisitorEngine
from mnist_core.storage.store import StoreError
from mnist_core.visitors.limits import current, rules
from pages.session import start_error
from pages.session.services import get_engine, get_store
from pages.widgets.escape import escaped


def rules_note() -> None:
    """The limits on a run, where there are any."""
    if said := rules(current()):
        with st.container(key="shared_rules"):
            st.caption(f":material/groups: {said}")


def offer_room(engine: VisitorEngine) -> None:
    """Offer to remove the oldest run when the visitor keeps as much as they may."""
    full = engine.room()
    if full is None:
        return
    with st.container(key="no_room"):
        st.warning(full.message, icon=":material/inventory_2:")
        if full.oldest is not None:
            st.button(
                f"Remove the oldest for good: {escaped(full.oldest.name)}",
                key="remove_oldest",
                icon=":material/delete_forever:",
                help="Its curve and weights cannot be brought back. Save it first (Explore → "
                "Files) to keep it.",
                on_click=_remove,
                args=(full.oldest.id,),
            )


def _remove(run_id: str) -> None:
    """Callback: the run goes, unless it trains again by now."""
    store = get_store()
    try:
        run = store.run(run_id)
        if run is not None and not run.active:
            store.delete(run_id)
    except StoreError as error:
        start_error.tell(str(error))


def upload_megabytes(most: int) -> int:
    """The largest size of an uploaded file, of `most` megabytes that its kind may have."""
    allowed = current().upload_megabytes or most
    return min(most, allowed, int(st.get_option("server.maxUploadSize")))


def open_files_note() -> None:
    """Say what becomes of a file beyond the budget, which Streamlit tells by a number alone."""
    if most := current().session_upload_megabytes:
        st.caption(
            f"Open files may take {most} MB together. One that goes beyond it is refused with "
            "“status code 413”: take others away first, or try again later if the server is full."
        )


def no_room_for(more: int, size: int = 0) -> str | None:
    """The reason why the visitor cannot keep `more` runs of `size` bytes together, or None."""
    full = get_engine().room(more, size)
    return None if full is None else full.message
