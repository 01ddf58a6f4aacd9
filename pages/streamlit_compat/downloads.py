"""A file made for a download stays until the browser has fetched it, however busy the server is."""

from __future__ import annotations

import time

from streamlit.runtime import media_file_manager
from streamlit.runtime.media_file_manager import MediaFileMetadata
from streamlit.runtime.media_file_storage import MediaFileKind

# Longer than any browser takes to ask for the file whose address it was just told.
KEPT_SECONDS = 60.0


class KeptMetadata(MediaFileMetadata):
    """Streamlit's note of a file; it goes at the earliest `KEPT_SECONDS` after it was made."""

    def __init__(self, kind: MediaFileKind = MediaFileKind.MEDIA) -> None:
        super().__init__(kind)
        self._made = time.monotonic()

    @property
    def is_marked_for_delete(self) -> bool:
        """True when the next tidying may delete it."""
        return super().is_marked_for_delete and time.monotonic() - self._made > KEPT_SECONDS


def keep_downloads() -> None:
    """Stop Streamlit from deleting a file made for a download before it is fetched.

    Streamlit 1.67 deletes it at the second run of any page by any visitor after it was made: with a
    class that watches its curves that is well under a second.
    """
    media_file_manager.MediaFileMetadata = KeptMetadata  # type: ignore[misc]
