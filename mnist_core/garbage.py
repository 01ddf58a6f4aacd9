"""Keep garbage collections short in a process that holds TensorFlow and compiled networks."""

from __future__ import annotations

import gc


def set_aside() -> None:
    """Collect garbage once; later collections leave out the objects there are now.

    TensorFlow and compiled functions are some hundred thousand objects that stay. Streamlit and
    Keras collect after every run of a page, which took 0.3 s of everybody's time each.
    """
    gc.unfreeze()  # what has been let go since the last time is garbage like any other
    gc.collect()
    gc.freeze()
