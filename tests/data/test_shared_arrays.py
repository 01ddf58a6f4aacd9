"""Arrays that several processes map from one file."""

from __future__ import annotations

import mmap
import sys
from pathlib import Path

import numpy as np
import pytest

from mnist_core.data.shared_arrays import SETTING, kept, let_go, shared

ARRAY = np.arange(12, dtype=np.uint8).reshape(3, 4)


def base(array: np.ndarray) -> object:
    """What holds the array's memory in the end."""
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array.base


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(SETTING, str(tmp_path / "arrays"))
    return tmp_path / "arrays"


def test_an_array_is_mapped_from_its_file(folder: Path) -> None:
    for _ in range(2):  # written, then found
        found = shared("digits", ARRAY)
        np.testing.assert_array_equal(found, ARRAY)
        assert isinstance(base(found), mmap.mmap) and not found.flags.writeable
    assert [path.name for path in folder.iterdir()] == ["digits.npy"]


def test_an_array_that_was_let_go_is_read_again(folder: Path) -> None:
    large = np.arange(1 << 20, dtype=np.uint8)
    found = shared("large", large)
    before = resident("large")
    let_go(found[10:])  # of a view, too
    if sys.platform == "linux":
        assert before > 900 and resident("large") == 0
    np.testing.assert_array_equal(found, large)
    let_go(ARRAY)  # that is mapped from nowhere


def resident(name: str) -> int:
    """Kilobytes of the file that this process holds; 0 where the system does not tell."""
    smaps = Path("/proc/self/smaps")
    lines = iter(smaps.read_text().splitlines() if smaps.exists() else [])
    for line in lines:
        if line.endswith(f"{name}.npy"):
            return next(int(entry.split()[1]) for entry in lines if entry.startswith("Rss:"))
    return 0


def test_only_what_is_there_is_kept(folder: Path) -> None:
    assert kept("digits") is None
    shared("digits", ARRAY)
    np.testing.assert_array_equal(kept("digits"), ARRAY)


@pytest.mark.parametrize("content", [b"", b"no array", b"\x93NUMPY\x01\x00"])
def test_a_damaged_file_is_written_anew(folder: Path, content: bytes) -> None:
    folder.mkdir()
    (folder / "digits.npy").write_bytes(content)
    np.testing.assert_array_equal(shared("digits", ARRAY), ARRAY)
    np.testing.assert_array_equal(np.load(folder / "digits.npy"), ARRAY)


def test_a_file_of_another_array_is_not_believed(folder: Path) -> None:
    shared("digits", ARRAY)
    np.testing.assert_array_equal(shared("digits", ARRAY + 1), ARRAY + 1)


def test_without_a_place_for_files_the_array_stays_as_it_is(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.write_text("a file where the folder would be")
    assert shared("digits", ARRAY) is ARRAY
    monkeypatch.delenv(SETTING)
    assert shared("digits", ARRAY) is ARRAY
