"""Malformed experiments, links, files, images and data: a sentence each, and nothing changes."""

from __future__ import annotations

import hashlib
import io
import json
import sqlite3
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as some
from PIL import Image
from streamlit.testing.v1 import AppTest

from mnist_core import PRESETS, Experiment, ExperimentError
from mnist_core.base.paths import REPOSITORY
from mnist_core.base.untrusted import FileRefused
from mnist_core.data import mnist
from mnist_core.data.mnist import DatasetError
from mnist_core.drawing.photo import find_in_picture
from mnist_core.drawing.picture_decoder import Refused, decode
from mnist_core.drawing.preprocessing import prepare
from mnist_core.drawing.strokes import Stroke, picture, read_strokes
from mnist_core.files.runfile import from_store, keep, pack, read
from mnist_core.storage.store import Store
from tests.support.runs_in_store import ended_run
from tests.support.train_page import fake_training as fake_training

NASTY = (
    *("", "0", "-1", "1e999", "nan", "٣", "9" * 400, "x" * 3000, "\x00", "a;b", "%", "🂡"),
    *("<b>x</b>", "**x**", "$x$", "../../etc/passwd", "'; DROP TABLE runs; --", "null", "[]", "{}"),
)
words = some.one_of(some.sampled_from(NASTY), some.text(max_size=30))
junk = some.recursive(
    some.none() | some.booleans() | some.integers() | some.floats() | words,
    lambda inner: some.lists(inner, max_size=4) | some.dictionaries(words, inner, max_size=4),
    max_leaves=8,
)


def quick(count: int) -> Callable[[Any], Any]:
    """So many examples, the same ones each time."""
    return settings(
        max_examples=count,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )


def is_sentence(error: Exception | str) -> bool:
    text = str(error)
    return text.endswith((".", "?")) and "Traceback" not in text and "pydantic" not in text


def outcome(refusal: type[Exception], call: Callable[..., Any], *arguments: Any) -> Any:
    """What the call gives, or None when it refuses in a sentence."""
    try:
        return call(*arguments)
    except refusal as error:
        said = str(error)
    assert is_sentence(said), said
    return None


@pytest.fixture
def digest(home: Path) -> Iterator[Callable[[], str]]:
    """Of all that is kept: a run, and later whatever else there is (but for the servers' beats)."""
    store = Store()
    ended_run(store)
    store.close()

    def now() -> str:
        found = hashlib.sha256()
        names = "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name"
        with sqlite3.connect(home / "lab.db") as connection:
            for (name,) in connection.execute(names).fetchall():
                if name != "servers":
                    rows = connection.execute(f"SELECT * FROM {name}").fetchall()
                    found.update(repr((name, rows)).encode())
        return found.hexdigest()

    before = now()
    yield now
    assert now() == before


# Experiments


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The paths to all values inside a JSON value."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value)
    inner = [(name, item) for name, item in pairs]
    found = [(*path, name) for name, _ in inner]
    for name, item in inner:
        if isinstance(item, dict | list):
            found += places(item, (*path, name))
    return found


def changed(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    copy = json.loads(json.dumps(value))
    place = copy
    for part in path[:-1]:
        place = place[part]
    place[path[-1]] = new
    return copy


GOOD = json.loads(PRESETS["cnn"].to_json())


@quick(150)
@given(path=some.sampled_from(places(GOOD)), new=junk)
def test_an_experiment_with_one_value_changed_is_one_or_a_sentence(path, new) -> None:
    text = json.dumps(changed(GOOD, path, new))
    found = outcome(ExperimentError, Experiment.from_json, text)
    assert found is None or Experiment.from_json(found.to_json()) == found


@quick(100)
@given(some.one_of(some.text(max_size=80), junk.map(json.dumps), some.binary(max_size=80)))
@example("[" * 100_000)
@example('{"network": ' * 20_000)
def test_any_text_is_no_experiment(text) -> None:
    with pytest.raises(ExperimentError) as caught:
        Experiment.from_json(text)
    assert is_sentence(caught.value)


NAMES = (
    *("preset", "layers", "epochs", "batch_size", "learning_rate", "optimizer", "seed", "name"),
    *("augment_rotation", "validation_share", "output_initializer", "patience", "nothing"),
)
queries = some.dictionaries(some.sampled_from(NAMES) | words, words, min_size=1, max_size=4)


@quick(150)
@given(queries)
def test_a_link_is_an_experiment_or_a_sentence(query) -> None:
    found = outcome(ExperimentError, Experiment.from_query, query)
    assert found is None or Experiment.from_query(found.to_query()) == found


# Addresses of pages

ADDRESSES: dict[str, tuple[dict[str, str], ...]] = {
    "train": (
        {"preset": "<b>none</b>"},
        {"layers": "dense(units:-1)"},
        {"layers": "conv(filters:9999999999999999999999);flatten"},
        {"layers": "((((;;;)"},
        {"epochs": "1e999", "preset": "cnn"},
        {"name": "x" * 5000},
        {"hide": "<img src=x>,layers"},
        {"run": "../../etc/passwd", "seed": "٣٤"},
        {"\x00": "\x00"},
    ),
    "inspect": (
        {"run": "' OR 1=1 --", "view": "weights"},
        {"view": "<script>", "step": "-1", "image": "99999999999999999999"},
        {"step": "١٢", "image": "٣"},
        {"run": "default", "layer": "../x", "image": "²"},
    ),
    "draw": ({"run": "<b>", "image": "nan"},),
    "explore": ({"explore_view": "x", "run": "\x00"},),
    "learn": ({"chapter": "-1"}, {"chapter": "9" * 300}, {"chapter": "<b>1</b>"}),
}


@pytest.mark.parametrize("page", ADDRESSES)
def test_an_address_that_asks_for_nonsense_opens_the_page(page: str, digest) -> None:
    for query in ADDRESSES[page]:
        app = AppTest.from_file(str(REPOSITORY / "app.py"), default_timeout=60)
        for name, value in query.items():
            app.query_params[name] = value
        app.switch_page(f"pages/{page}.py").run()
        assert not app.exception, (query, app.exception)


# Files and images


def harmed(good: bytes, data: some.DataObject) -> bytes:
    """Some bytes exchanged, and mostly the end missing."""
    changed = bytearray(good)
    for _ in range(data.draw(some.integers(1, 4))):
        changed[data.draw(some.integers(0, len(good) - 1))] = data.draw(some.integers(0, 255))
    return bytes(changed[: data.draw(some.integers(1, len(good)))])


def test_run_files_that_are_refused_leave_nothing(digest, home: Path) -> None:
    store = Store()
    run = store.runs()[0]
    good = pack(from_store(store, run))
    before = digest()

    @quick(60)
    @given(some.data())
    def each(data) -> None:
        found = outcome(FileRefused, read, harmed(good, data))
        if found is not None:  # what was changed means nothing, such as a time in the zip file
            store.delete(keep(store, found, "local"))
        assert store.run(run.id) == run

    each()
    assert digest() == before
    store.close()


def image_bytes(kind: str) -> bytes:
    stream = io.BytesIO()
    ink = np.full((90, 60), 230, np.uint8)
    ink[20:70, 25:32] = 30
    Image.fromarray(ink).save(stream, kind)
    return stream.getvalue()


@quick(60)
@given(some.sampled_from(("PNG", "JPEG", "GIF", "WEBP")).map(image_bytes), some.data())
def test_a_damaged_photo_is_read_or_a_sentence(good: bytes, data) -> None:
    opened = outcome(Refused, decode, harmed(good, data))
    if opened is not None:
        assert find_in_picture(*opened).picture.dtype == np.uint8


@quick(40)
@given(some.binary(max_size=200))
def test_any_bytes_are_no_photo(data: bytes) -> None:
    with pytest.raises(Refused) as caught:
        decode(data)
    assert is_sentence(caught.value)


@quick(60)
@given(some.one_of(junk, some.fixed_dictionaries({"objects": some.lists(some.fixed_dictionaries({
    "type": some.just("Path"),
    "path": some.lists(some.tuples(some.sampled_from("MQL"), junk, junk).map(list), max_size=4)
    | junk,
    "strokeWidth": junk,
}), max_size=4)})))  # fmt: skip
def test_whatever_a_browser_sends_becomes_strokes_or_nothing(sent) -> None:
    found = read_strokes(sent)
    assert all(isinstance(stroke, Stroke) for stroke in found)
    assert np.isfinite(prepare(picture(found)).image28).all()


@pytest.mark.parametrize("image", [
    np.zeros((0, 5)), np.zeros(5), np.zeros((3, 3, 7), np.uint8), np.zeros((3, 3), np.complex64),
    np.full((9, 9), np.nan), np.array([["a"]]), np.zeros((2, 2, 2, 2), np.uint8), np.array(None),
], ids=str)  # fmt: skip
def test_an_array_that_is_no_picture_is_a_sentence(image) -> None:
    with pytest.raises((ValueError, TypeError)) as caught:
        prepare(image)
    assert is_sentence(caught.value)


# MNIST itself


def archive(**arrays: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.savez(stream, **arrays)
    return stream.getvalue()


def in_all(array: np.ndarray) -> bytes:
    return archive(**dict.fromkeys(mnist.CHECKSUMS, array))


def pickled() -> bytes:
    stream = io.BytesIO()
    np.savez(stream, x_train=np.array([{}], object))
    return stream.getvalue()


def empty_zip() -> bytes:
    stream = io.BytesIO()
    zipfile.ZipFile(stream, "w").close()
    return stream.getvalue()


NO_MNIST: dict[str, Callable[[], bytes | None]] = {
    "missing": lambda: None,
    "empty": lambda: b"",
    "text": lambda: b"<html>404</html>",
    "empty zip": empty_zip,
    "cut": lambda: mnist.MNIST_FILE.read_bytes()[:100_000],
    "pickle": pickled,
    "no arrays": lambda: archive(x=np.zeros(3)),
    "wrong kind": lambda: in_all(np.zeros(3, np.float32)),
    "wrong values": lambda: in_all(np.zeros((3, 28, 28), np.uint8)),
}


@pytest.mark.parametrize("fault", NO_MNIST)
def test_another_file_in_mnists_place_is_a_sentence(fault: str, tmp_path: Path) -> None:
    data = NO_MNIST[fault]()
    path = tmp_path / "mnist.npz"
    if data is not None:
        path.write_bytes(data)
    with pytest.raises(DatasetError, match="git checkout") as caught:
        mnist.load(path)
    assert is_sentence(caught.value)


# As app.py does; AppTest runs a page's script without it.
GUARDED = """
import runpy
from pages.session import errors
with errors.guarded():
    runpy.run_path({page!r})
"""


@pytest.mark.parametrize("page", ["inspect", "train", "draw", "explore", "learn"])
def test_without_mnist_a_page_says_so_or_does_without(
    page: str, digest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mnist, "MNIST_FILE", tmp_path / "mnist.npz")
    (tmp_path / "pages").symlink_to(REPOSITORY / "pages")
    script = tmp_path / "app.py"
    script.write_text(GUARDED.format(page=str(REPOSITORY / f"pages/{page}.py")))
    app = AppTest.from_file(str(script), default_timeout=60)
    app.session_state["inside_app"] = True
    app.run()
    assert not app.exception, app.exception
    said = [item.value for kind in (app.error, app.warning, app.info) for item in kind]
    assert page != "inspect" or any("mnist.npz is missing" in item for item in said), said
