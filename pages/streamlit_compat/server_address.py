"""The address of the server, told to the browser instead of letting it guess.

The browser part of Streamlit 1.67 does not know what of a page's address belongs to the server:
at `/draw` it asks for `/draw/_stcore/health`, fails, waits for a tenth of a second and asks for
`/_stcore/health`. It takes the address from `window.__streamlit`, which serves whoever hosts apps.
The files in a page's HTML lie at `./static`, so that the server is at `./`. Can go once
`test_streamlit_still_guesses_the_server_s_address` fails; when Streamlit no longer listens,
`test_a_page_asks_once_for_its_server_and_runs_once` does.
"""

from __future__ import annotations

SCRIPT = (
    "<script>window.__streamlit ="
    ' { BACKEND_BASE_URL: new URL("./", location.href).href, ...window.__streamlit };</script>'
)
