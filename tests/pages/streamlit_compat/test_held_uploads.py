"""The bytes that Streamlit holds of each session's uploads."""

from __future__ import annotations

from types import SimpleNamespace

from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.uploaded_file_manager import UploadedFileRec

from pages.streamlit_compat import held_uploads


def test_each_session_s_files_are_counted_until_they_are_let_go(monkeypatch) -> None:
    manager = MemoryUploadedFileManager("/_stcore/upload_file")
    server = SimpleNamespace(uploaded_file_mgr=manager)
    monkeypatch.setattr(held_uploads.runtime, "exists", lambda: True)
    monkeypatch.setattr(held_uploads.runtime, "get_instance", lambda: server)
    for session, file in (("a", "1"), ("a", "2"), ("b", "3")):
        manager.add_file(session, UploadedFileRec(file, "name", "type", b"12345"))
    one = held_uploads.OVERHEAD + len("1" + "name" + "type" + "12345")
    assert held_uploads.held_bytes() == {"a": 2 * one, "b": one}
    manager.remove_file("a", "1")
    manager.remove_session_files("b")
    assert held_uploads.held_bytes() == {"a": one}
    manager.add_file("a", UploadedFileRec("n" * 60_000, "name", "type", b""))
    assert held_uploads.held_bytes()["a"] > 60_000, "a long name takes room, too"


def test_streamlit_tells_no_session_s_bytes_itself() -> None:
    """When this fails, Streamlit may have what `held_uploads` is for: use it instead."""
    public = [name for name in dir(MemoryUploadedFileManager) if not name.startswith("_")]
    told = [name for name in public if "bytes" in name or "size" in name]
    assert told == []
