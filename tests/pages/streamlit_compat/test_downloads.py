"""A file made for a download outlasts the pages of others, and not for ever."""

from __future__ import annotations

from streamlit.runtime import media_file_manager
from streamlit.runtime.media_file_manager import MediaFileManager
from streamlit.runtime.memory_media_file_storage import MemoryMediaFileStorage

from pages.streamlit_compat import downloads


def fetched(manager: MediaFileManager, storage: MemoryMediaFileStorage) -> list[bool]:
    """Whether the file is there after each of three tidyings."""
    waiting = manager.add_deferred(
        lambda: b"a run", "application/octet-stream", "1.2", "a.mnistlab"
    )
    url = manager.execute_deferred(waiting)
    found = []
    for _ in range(3):
        manager.remove_orphaned_files()
        try:
            storage.get_file(url.rpartition("/")[2])
            found.append(True)
        except Exception:
            found.append(False)
    return found


def test_a_download_survives_the_pages_of_others_for_a_while(monkeypatch):
    monkeypatch.setattr(media_file_manager, "MediaFileMetadata", downloads.MediaFileMetadata)
    storage = MemoryMediaFileStorage("/media")
    # Where Streamlit itself keeps it, `keep_downloads` can go.
    assert fetched(MediaFileManager(storage), storage) == [True, False, False]
    downloads.keep_downloads()
    assert fetched(MediaFileManager(storage), storage) == [True, True, True]
    monkeypatch.setattr(downloads, "KEPT_SECONDS", -1.0)
    assert fetched(MediaFileManager(storage), storage) == [True, False, False]
