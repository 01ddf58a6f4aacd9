"""A run leaves as a file and comes back whole; any other bytes are refused with a sentence."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mnist_core.base.untrusted import FileRefused, array_bytes, checksum
from mnist_core.experiment.spec import Experiment
from mnist_core.files import runfile
from mnist_core.files.runfile import (
    MAX_EPOCHS,
    MAX_FACTS,
    SUFFIX,
    EpochFacts,
    from_store,
    keep,
    pack,
    read,
    with_author_in_note,
)
from mnist_core.storage.store import Store, StoreError
from mnist_core.training.events import Snapshot
from tests.support.runs_in_store import SMALL, ended_run, some_weights


@pytest.fixture(scope="module")
def good(tmp_path_factory) -> bytes:
    store = Store(home=tmp_path_factory.mktemp("store"))
    run = ended_run(store)
    store.annotate(run, ["first", "class 8b"], "a note")
    return pack(from_store(store, store.run(run), author="Ada"))


def entries(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def zipped(parts: dict[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", compression) as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
    return stream.getvalue()


def rebuilt(good: bytes, change: Callable[[dict[str, bytes]], None]) -> bytes:
    """The file with some entries changed and its manifest right again."""
    parts = entries(good)
    change(parts)
    manifest = json.loads(parts.pop("manifest.json"))
    manifest["files"] = {
        name: {"bytes": len(data), "sha256": checksum(data)} for name, data in parts.items()
    }
    return zipped({"manifest.json": json.dumps(manifest).encode(), **parts})


def with_facts(good: bytes, **changes) -> bytes:
    def change(parts):
        facts = json.loads(parts["run.json"]) | changes
        parts["run.json"] = json.dumps(facts).encode()

    return rebuilt(good, change)


def test_a_run_comes_back_as_it_left(store: Store) -> None:
    run_id = ended_run(store)
    store.annotate(run_id, ["first", "class 8b"], "a note")
    before = store.run(run_id)
    copy_id = keep(store, read(pack(from_store(store, before))), "someone", ["handed in"])
    after = store.run(copy_id)
    assert copy_id != run_id and after.owner == "someone"
    assert after.tags == ("handed in", "first", "class 8b")
    own = ("id", "owner", "created", "queued", "tags")
    second = store.run(keep(store, read(pack(from_store(store, before))), "someone"))
    assert (after.name, second.name) == (before.name, f"{before.name} (2)")
    for name in type(before).__dataclass_fields__:
        if name not in (*own, "server", "worker", "study", "trial"):
            assert getattr(after, name) == getattr(before, name), name
    np.testing.assert_equal(vars(store.steps(copy_id)), vars(store.steps(run_id)))
    np.testing.assert_equal(
        [vars(e) for e in store.epochs(copy_id)], [vars(e) for e in store.epochs(run_id)]
    )
    assert store.snapshots(copy_id) == store.snapshots(run_id)
    for moment in store.snapshots(run_id):
        np.testing.assert_equal(
            store.weights(copy_id, moment.step), store.weights(run_id, moment.step)
        )
    assert store.resume_point(copy_id).step == 20
    assert store.resume_point(copy_id).checkpoint == store.resume_point(run_id).checkpoint


def test_only_the_ends_make_a_smaller_file(store: Store) -> None:
    run = store.run(ended_run(store))
    small = read(pack(from_store(store, run, snapshots="ends")))
    assert [moment.step for moment in small.facts.moments] == [0, 20]
    assert store.resume_point(keep(store, small, "local")) is not None


def test_a_run_with_more_moments_than_a_file_takes_keeps_its_last(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = store.run(ended_run(store))
    for step in range(1, 9):
        store.record(run.id, Snapshot(step, step / 10, some_weights(SMALL, step)))
    monkeypatch.setattr(runfile, "MAX_SNAPSHOTS", 5)
    taken = from_store(store, run)
    # Kept are 0 to 8, 10 and 20.
    assert [moment.step for moment in taken.facts.moments] == [0, 2, 5, 8, 20]
    assert taken.facts.state_step == 20
    np.testing.assert_equal(taken.weights[-1], tuple(store.weights(run.id)))


def test_a_gap_in_the_steps_stays_a_gap(store: Store) -> None:
    run = store.run(ended_run(store))
    taken = from_store(store, run)
    facts = taken.facts.model_copy(update={"segments": ((1, 4), (11, 3))})
    short = replace(taken, facts=facts, loss=taken.loss[:7], accuracy=taken.accuracy[:7])
    back = store.steps(keep(store, read(pack(short)), "local"))
    assert back.step.tolist() == [1, 2, 3, 4, 11, 12, 13]


def test_a_run_that_goes_on_is_not_saved(store: Store) -> None:
    run = store.run(store.create_run(SMALL))
    with pytest.raises(FileRefused, match="still training"):
        from_store(store, run)


def test_the_author_is_said_in_the_note(good: bytes) -> None:
    assert with_author_in_note(read(good)).facts.note == "By Ada. a note"


def test_a_run_of_a_network_without_steps_is_taken(store: Store) -> None:
    """As fine-tuning and models from elsewhere make them: weights and nothing else."""
    from mnist_core.training.events import Finished, Snapshot, Started

    run = store.create_run(SMALL)
    store.record(run, Started(30, 30, 3190))
    store.record(run, Snapshot(30, 1.0, some_weights(SMALL, 1)))
    store.record(run, Finished(30, 1, None, 0.5, "epochs", 0.0))
    back = store.run(keep(store, read(pack(from_store(store, store.run(run)))), "local"))
    assert back.test_accuracy == 0.5 and store.resume_point(back.id) is None


def npy(array) -> bytes:
    return array_bytes(np.asarray(array))


def pickled() -> bytes:
    stream = io.BytesIO()
    np.save(stream, np.array([{"a": 1}], object), allow_pickle=True)
    return stream.getvalue()


BOMB = zipped({"manifest.json": b"{}", "run.json": b" " * 30_000_000})


def put(name: str, data: bytes) -> Callable[[dict[str, bytes]], None]:
    return lambda parts: parts.update({name: data})


def without(name: str) -> Callable[[dict[str, bytes]], None]:
    def change(parts):
        del parts[name]

    return change


def header(text: str) -> bytes:
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode()


TOO_LARGE = header("{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999,), }\n")
CALL = header("__import__('os').abort()\n")
NEWER = b'{"format": "mnist-lab run", "version": 9, "files": {}}'
LARGE = [{"kind": "flatten"}, *[{"kind": "dense", "units": 4096}] * 9]
DEEP = "[" * 5000 + "]" * 5000

MALFORMED: dict[str, Callable[[bytes], bytes]] = {
    "nothing": lambda good: b"",
    "text": lambda good: b"hello" * 100,
    "cut short": lambda good: good[: len(good) // 2],
    "end cut off": lambda good: good[:-10],
    "a flipped bit": lambda good: good[:600] + bytes([good[600] ^ 255]) + good[601:],
    "a pickle": lambda good: b"\x80\x04\x95\x10\x00\x00\x00",
    "another zip": lambda good: zipped({"word/document.xml": b"<xml/>"}),
    "no entries": lambda good: zipped({}),
    "too well packed": lambda good: BOMB,
    "too many entries": lambda good: zipped({f"e{i}": b"" for i in range(2000)}),
    "path upwards": lambda good: rebuilt(good, put("../evil.npy", b"x")),
    "absolute path": lambda good: rebuilt(good, put("/etc/passwd", b"x")),
    "backslashes": lambda good: rebuilt(good, put("a\\..\\b", b"x")),
    "a folder": lambda good: rebuilt(good, put("weights/", b"")),
    "unknown entry": lambda good: rebuilt(good, put("more.npy", npy([1.0]))),
    "no run": lambda good: rebuilt(good, without("run.json")),
    "no loss": lambda good: rebuilt(good, without("loss.npy")),
    "a moment missing": lambda good: rebuilt(good, without("weights/001.npy")),
    "wrong checksum": lambda good: zipped(entries(good) | {"loss.npy": npy(np.zeros(20, "f4"))}),
    "not in the manifest": lambda good: zipped(entries(good) | {"x.npy": b"1"}),
    "another version": lambda good: zipped(entries(good) | {"manifest.json": NEWER}),
    "pickled array": lambda good: rebuilt(good, put("loss.npy", pickled())),
    "array of text": lambda good: rebuilt(good, put("loss.npy", npy(["a"] * 20))),
    "array too short": lambda good: rebuilt(good, put("loss.npy", npy(np.zeros(19, "<f4")))),
    "array in doubles": lambda good: rebuilt(good, put("loss.npy", npy(np.zeros(20)))),
    "array that claims to be huge": lambda good: rebuilt(good, put("loss.npy", TOO_LARGE)),
    "array header that is code": lambda good: rebuilt(good, put("loss.npy", CALL)),
    "array header cut": lambda good: rebuilt(good, put("loss.npy", b"\x93NUMPY\x01\x00\xff")),
    "accuracy above 1": lambda good: rebuilt(good, put("accuracy.npy", npy(np.full(20, 2, "f4")))),
    "weights of another network": lambda good: rebuilt(
        good, put("weights/001.npy", npy(np.zeros(3000, "<f4")))
    ),
    "state of another network": lambda good: rebuilt(
        good, put("state/001.npy", npy(np.zeros((7, 7), "<f4")))
    ),
    "state of text": lambda good: rebuilt(good, put("state/001.npy", npy(["a"]))),
    "run.json is no JSON": lambda good: rebuilt(good, put("run.json", b"{")),
    "run.json is far too long": lambda good: rebuilt(
        good, lambda parts: parts.update({"run.json": parts["run.json"] + b" " * MAX_FACTS})
    ),
    "run.json is wrong throughout": lambda good: with_facts(
        good, **{f"fact {number}": number for number in range(1000)}
    ),
    "run.json is deep": lambda good: rebuilt(good, put("run.json", DEEP.encode())),
    "run.json is a list": lambda good: rebuilt(good, put("run.json", b"[]")),
    "run.json is no text": lambda good: rebuilt(good, put("run.json", b"\xff\xfe\x00")),
    "NaN among facts": lambda good: with_facts(good, seconds=float("nan")),
    "infinite": lambda good: with_facts(good, test_loss=float("inf")),
    "unknown fact": lambda good: with_facts(good, owner="teacher"),
    "name too long": lambda good: with_facts(good, name="x" * 121),
    "name is no text": lambda good: with_facts(good, name=["x"]),
    "test accuracy 3": lambda good: with_facts(good, test_accuracy=3),
    "still running": lambda good: with_facts(good, status="running"),
    "negative step": lambda good: with_facts(good, step=-1),
    "steps in epochs of none": lambda good: with_facts(good, steps_per_epoch=0),
    "huge step": lambda good: with_facts(good, total_steps=10**30),
    "overlapping steps": lambda good: with_facts(good, segments=[[1, 10], [5, 10]]),
    "too few steps": lambda good: with_facts(good, segments=[[1, 19]]),
    "steps after the end": lambda good: with_facts(good, segments=[[100, 20]]),
    "a moment twice": lambda good: with_facts(
        good, moments=[{"step": 5, "epoch": 1, "val_accuracy": None}] * 3
    ),
    "state of no moment": lambda good: with_facts(good, state_step=7),
    "no such layer": lambda good: with_facts(
        good, experiment={"network": {"layers": [{"kind": "lstm"}]}}
    ),
    "an experiment too large": lambda good: with_facts(
        good, experiment={"network": {"layers": LARGE}}
    ),
    "an experiment that is text": lambda good: with_facts(good, experiment="cnn"),
    "a date without a zone": lambda good: with_facts(good, started="2026-01-01T00:00:00"),
}  # fmt: skip


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_files_are_refused_with_a_sentence(name: str, good: bytes) -> None:
    with pytest.raises(FileRefused) as refused:
        read(MALFORMED[name](good))
    sentence = str(refused.value)
    assert 20 < len(sentence) < 400 and sentence[0].isupper() and sentence.endswith(".")
    assert "Error" not in sentence and "Traceback" not in sentence


def test_a_file_counts_as_many_steps_as_it_has(good: bytes, store: Store) -> None:
    """Whatever it says: what visitors keep is counted by them."""
    run = store.run(keep(store, read(with_facts(good, step=0)), "local"))
    assert run.step == len(store.steps(run.id).loss) == 20


def test_the_longest_run_fits_into_a_file(good: bytes) -> None:
    third, run = 1 / 3, read(good)
    epochs = tuple(
        EpochFacts(
            epoch=number,
            step=2_900 * number,
            loss=third,
            accuracy=third,
            val_loss=third,
            val_accuracy=third,
            seconds=third,
        )
        for number in range(1, MAX_EPOCHS + 1)
    )
    facts = run.facts.model_copy(
        update={"epochs": epochs, "total_steps": 15_000_000, "steps_per_epoch": 2_900}
    )
    assert read(pack(replace(run, facts=facts))).facts.epochs == epochs


@pytest.mark.parametrize("name", ["cut short", "weights of another network", "still running"])
def test_a_refused_file_leaves_the_store_as_it_was(name: str, good: bytes, store: Store) -> None:
    with pytest.raises(FileRefused):
        keep(store, read(MALFORMED[name](good)), "local")
    assert store.runs() == []


def test_a_run_is_inserted_as_a_whole_or_not_at_all(good: bytes, store: Store) -> None:
    from mnist_core.storage import schema

    with store.engine.begin() as connection:
        connection.exec_driver_sql(
            "create trigger full before insert on snapshots begin select raise(abort, 'full'); end"
        )
    with pytest.raises(StoreError):
        keep(store, read(good), "local")
    assert store.runs() == []
    with store.transaction() as connection:
        assert not connection.execute(schema.steps.select()).all()


@settings(max_examples=150, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_whatever_is_changed_is_refused_or_harmless(good: bytes, data) -> None:
    """Bytes of the file or of run.json exchanged: a run that holds together, or FileRefused."""
    changed = bytearray(good)
    inner = data.draw(st.booleans())
    if inner:
        changed = bytearray(entries(good)["run.json"])
    for _ in range(data.draw(st.integers(1, 4))):
        changed[data.draw(st.integers(0, len(changed) - 1))] = data.draw(st.integers(0, 255))
    file = rebuilt(good, put("run.json", bytes(changed))) if inner else bytes(changed)
    try:
        found = read(file)
    except FileRefused:
        return
    assert isinstance(found.experiment, Experiment)
    assert len(found.steps) == len(found.loss) == len(found.accuracy)
    assert len(found.weights) == len(found.facts.moments)


@settings(max_examples=100, deadline=None, database=None)
@given(st.binary(max_size=400))
def test_any_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(FileRefused):
        read(data)


def test_texts_lose_what_no_page_can_show(good: bytes, store: Store) -> None:
    file = read(with_facts(good, name="a\x00b\u202ec <b>", tags=["\x07x"]))
    assert file.facts.name == "a b c <b>"
    assert store.run(keep(store, file, "local")).tags == ("x",)


def test_the_suffix_says_where_it_comes_from() -> None:
    assert SUFFIX == ".mnistlab"
