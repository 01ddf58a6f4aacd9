"""What is said beside an address that is there to be handed on."""

from __future__ import annotations

from urllib.parse import urlsplit

import streamlit as st

_HERE = ("localhost", "127.0.0.1", "::1")


def only_here_note(address: str) -> None:
    """Say so when the address opens on this computer alone."""
    if urlsplit(address).hostname in _HERE:
        st.caption(
            ":material/computer: This address opens on this computer only. For others in the same "
            "network, open the lab at the *Network URL* that the terminal showed when it started, "
            "and copy the link there."
        )
