"""Keep garbage collections short in a process that holds TensorFlow and compiled networks."""

from __future__ import annotations

import gc


def set_aside() -> None:
    """Collect garbage once, then never look at the objects there are now again.

    TensorFlow and compiled functions are some hundred thousand objects that stay. Streamlit and
    Keras collect after every run of a page, which took 0.3 s of everybody's time each.
    """
    gc.collect()
    gc.freeze()
