"""Signing in with an account, on a server whose secrets name an OpenID provider in `[auth]`."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from contextlib import suppress

import streamlit as st
from streamlit.errors import StreamlitAuthError, StreamlitSecretNotFoundError

log = logging.getLogger(__name__)

FAILED = "sign_in_failed"


def is_configured() -> bool:
    """True when this server knows people by an account."""
    return "is_logged_in" in st.user


def account() -> tuple[str, str] | None:
    """The signed-in person: the provider's name and its name for them; None for nobody."""
    if not is_configured() or not st.user.is_logged_in:
        return None
    claims = st.user.to_dict()
    person = claims.get("sub") or claims.get("email")
    return (str(claims.get("iss", "")), str(person)) if person else None


def ask() -> None:
    """Ask the visitor to sign in, and show nothing else."""
    st.title("MNIST Lab")
    st.markdown("Sign in, so that your runs are yours alone and you find them again.")
    for name in _providers():
        st.button(
            f"Sign in with {name.title()}" if name else "Sign in",
            type="primary",
            icon=":material/login:",
            key=f"sign_in_{name or 'default'}",
            on_click=_go_to,
            args=(name,),
        )
    if st.session_state.get(FAILED):
        st.error(
            "Signing in does not work: the server’s settings for it are not complete. Please tell "
            "whoever runs this server; its log says what is missing."
        )
    st.stop()


def sign_out_button() -> None:
    """Show who is signed in, and a way out; nothing where nobody is."""
    if account() is None:
        return
    claims = st.user.to_dict()
    st.caption(f"Signed in as {claims.get('name') or claims.get('email') or claims.get('sub')}")
    st.button("Sign out", icon=":material/logout:", key="sign_out", on_click=st.logout)


def _providers() -> list[str | None]:
    """The providers that the secrets name as `[auth.NAME]`; None stands for one without a name."""
    with suppress(StreamlitSecretNotFoundError, KeyError):
        section = st.secrets["auth"]
        named = [name for name, value in section.items() if isinstance(value, Mapping)]
        named = [name for name in named if "client_id" in section[name]]
        if named and "client_id" not in section:
            return list(named)
    return [None]


def _go_to(provider: str | None) -> None:
    """Callback: send the browser to the provider."""
    st.session_state[FAILED] = False
    try:
        st.login(provider)
    except StreamlitAuthError as error:
        log.error("Signing in does not work. %s", " ".join(str(error).split()))
        st.session_state[FAILED] = True
