"""Sizes of the uploaded files that Streamlit holds, by session.

Written for Streamlit 1.67, which keeps every file in memory until its session ends, and tells
only the total of a whole server (`get_stats`). Without this there is no budget for a session.
"""

from __future__ import annotations

from collections.abc import Mapping

from streamlit import runtime
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.uploaded_file_manager import UploadedFileRec

# Bytes that an empty file takes, about.
OVERHEAD = 1000


def held_bytes() -> Mapping[str, int]:
    """Bytes of the uploaded files that each session holds; empty while no server runs."""
    if not runtime.exists():
        return {}
    manager = runtime.get_instance().uploaded_file_mgr
    if not isinstance(manager, MemoryUploadedFileManager):
        return {}
    # Copies, as requests of other threads may change both while this one counts.
    return {
        session: sum(_size(file) for file in list(files.values()))
        for session, files in list(manager.file_storage.items())
    }


def _size(file: UploadedFileRec) -> int:
    """The bytes that a file takes; whoever uploads chooses its id, name and type freely, too."""
    return len(file.data) + len(file.file_id) + len(file.name) + len(file.type) + OVERHEAD
