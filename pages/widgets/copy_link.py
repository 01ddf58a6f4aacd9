"""An address that is there to be handed on, and what is said beside it."""

from __future__ import annotations

from urllib.parse import urlsplit

import streamlit as st

_HERE = ("localhost", "127.0.0.1", "::1")


def page_address() -> str:
    """The address of the page as the browser tells it; "" when that is none."""
    address = st.context.url or ""
    try:
        return address if urlsplit(address).netloc else ""
    except ValueError:  # no browser of a person's sent it
        return ""


def address_to_copy(address: str) -> None:
    """Show the address; say so when it opens on this computer alone."""
    st.code(address, language=None, wrap_lines=True)
    if urlsplit(address).hostname in _HERE:
        st.caption(
            ":material/computer: This address opens on this computer only. For others in the same "
            "network, open the lab at the *Network URL* that the terminal showed when it started, "
            "and copy the link there."
        )
