"""The number of browsers that are connected to this server.

Streamlit 1.67 counts them, and tells only whoever asks its HTTP address for metrics. Without this
the status page does not say how many there are.
"""

from __future__ import annotations

from streamlit import runtime


def connected() -> int | None:
    """The sessions that are open now; None where no server runs."""
    if not runtime.exists():
        return None
    found = runtime.get_instance().stats_mgr.get_stats(["active_sessions"])
    return next((getattr(stat, "value", None) for stat in found.get("active_sessions", [])), None)
