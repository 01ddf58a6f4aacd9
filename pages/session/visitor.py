"""The visitor of a page: on a shared server each browser, or each account, is one.

A browser keeps a random token in a cookie, which Streamlit reads when the page connects. A first
visit makes the token here, so that nothing waits for the browser; the component hands it over.
"""

from __future__ import annotations

import streamlit as st

from mnist_core.visitors import addresses
from mnist_core.visitors.identity import (
    LOCAL_OWNER,
    is_token,
    new_token,
    owner_of,
    owner_of_account,
)
from mnist_core.visitors.limits import current
from pages.session import sign_in
from pages.session.browser_storage import KEPT_DAYS, cookie_path
from pages.streamlit_compat import connections
from pages.streamlit_compat.cookies import mount_hidden

COOKIE = "mnist_lab_visitor"
KEY = "visitor_cookie"
IN_SESSION = "visitor_token"

_JS = """
export default function ({ data, setStateValue }) {
  const { name, token, path, days } = data;
  const there = read(name);
  // Another tab of this browser was first: both are one visitor.
  if (there && there !== token && /^[\\w-]{43}$/.test(there)) {
    setStateValue("token", there);
    return;
  }
  keep(name, token, `Path=${path}; Max-Age=${days * 86400}`);
  const forgets = read(name) !== token;
  if (forgets !== data.forgets) setStateValue("forgets", forgets);
}
"""


def owner() -> str:
    """Whose runs this visitor sees and makes; on a single-user lab always the same name.

    On a shared server only a page may ask: RuntimeError in a thread of its own, where it would be
    nobody.
    """
    if not current().public:
        return LOCAL_OWNER
    if connections.session_id() is None:
        raise RuntimeError("Who the visitor is can only be asked on a page.")
    if account := sign_in.account():
        return owner_of_account(*account)
    return owner_of(_token())


def address() -> str | None:
    """The digest of the network address that this visitor comes from; None on one's own lab."""
    if not current().public or connections.session_id() is None:
        return None
    proxies = addresses.trusted_proxies()
    found = addresses.visitor_address(connections.peer(), connections.forwarded(), proxies)
    return addresses.digest(found)


def may_enter() -> bool:
    """False while the visitor has to sign in first."""
    return not (current().public and sign_in.is_configured() and not st.user.is_logged_in)


def welcome() -> None:
    """Make sure that the visitor is known when they come back; asks them to sign in where needed.

    Called on every page, before it.
    """
    if not may_enter():
        sign_in.ask()
    if current().public and not sign_in.is_configured():
        _hand_over(_token())


def _token() -> str:
    """The token of this session: the browser's, or a new one at the first visit."""
    kept = st.session_state.get(IN_SESSION)
    if not is_token(kept):
        sent = st.context.cookies.get(COOKIE)
        kept = sent if is_token(sent) else new_token()
        st.session_state[IN_SESSION] = kept
    return str(kept)


def _hand_over(token: str) -> None:
    """Let the browser keep the token; takes no room on the page."""
    said = st.session_state.get(KEY)
    forgets = bool(said and said.get("forgets"))
    mount_hidden(
        KEY,
        _JS,
        {
            "name": COOKIE,
            "token": token,
            "path": cookie_path(),
            "days": KEPT_DAYS,
            # What the browser says runs the page again, so that it says only what is new.
            "forgets": forgets,
        },
        on_token_change=_take_over,
        on_forgets_change=lambda: None,
    )
    if forgets:
        st.warning(
            "Your browser keeps no cookies from this page: after a reload your runs are out of "
            "reach. Allow cookies for it to keep them.",
            icon=":material/cookie_off:",
        )


def _take_over() -> None:
    """Callback: this browser had a token already."""
    token = st.session_state[KEY].get("token")
    if is_token(token):
        st.session_state[IN_SESSION] = token
