"""MNIST's file, its split, augmentation and schedules."""

from pathlib import Path

import numpy as np
import pytest

from mnist_core.data import mnist, shared_arrays
from mnist_core.experiment.schedules import factors
from mnist_core.experiment.spec import TrainingSpec
from mnist_core.model.augment import augment


def test_the_shipped_file_is_mnist() -> None:
    data = mnist.load()
    assert data.x_train.shape == (60_000, 28, 28) and data.x_test.shape == (10_000, 28, 28)
    assert data.x_train.dtype == data.y_test.dtype == np.uint8
    assert np.bincount(data.y_train).tolist() == [
        5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949,
    ]  # fmt: skip


def test_a_missing_or_damaged_file_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(mnist.DatasetError, match="is missing"):
        mnist.load(tmp_path / "mnist.npz")
    whole = mnist.MNIST_FILE.read_bytes()
    (tmp_path / "cut.npz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(mnist.DatasetError, match="is damaged"):
        mnist.load(tmp_path / "cut.npz")
    data = mnist.load()
    arrays = {name: getattr(data, name).copy() for name in mnist.CHECKSUMS}
    arrays["y_train"][7] += 1
    np.savez(tmp_path / "changed.npz", **arrays)
    with pytest.raises(mnist.DatasetError, match="checksum of its y_train"):
        mnist.load(tmp_path / "changed.npz")


def test_the_split_never_mixes_validation_and_training() -> None:
    data = mnist.load()
    spec = TrainingSpec(validation_share=0.1, training_images=500)
    part = mnist.split(data, spec)
    assert len(part.x_val) == 6_000 and len(part.x_train) == 500
    known = {image.tobytes() for image in part.x_val}
    shared = sum(image.tobytes() in known for image in part.x_train)
    assert shared == 0
    other = mnist.split(data, TrainingSpec(seed=5, validation_share=0.1))
    np.testing.assert_array_equal(part.x_val, other.x_val)
    assert len(mnist.split(data, TrainingSpec(validation_share=0)).x_val) == 0


def images(count: int = 8) -> np.ndarray:
    return mnist.load().x_train[:count, ..., None] / np.float32(255)


def test_no_augmentation_changes_nothing() -> None:
    before = images()
    np.testing.assert_array_equal(augment(before, np.array([0, 1], np.int32)), before)


def test_augmentation_follows_seed_and_step_alone() -> None:
    settings = {
        "shift": 2,
        "rotate": 10,
        "scale": 0.1,
        "shear": 5,
        "elastic": 0.5,
        "thickness": 0.5,
    }
    one, again, later = (
        augment(images(), np.array(seed, np.int32), **settings).numpy()
        for seed in ([3, 7], [3, 7], [3, 8])
    )
    np.testing.assert_array_equal(one, again)
    assert not np.array_equal(one, later)
    assert one.shape == (8, 28, 28, 1) and one.min() >= 0 and one.max() <= 1.0001
    assert np.abs(one - images()).mean() > 0.01


def test_shift_moves_the_centre_of_mass_within_its_limit() -> None:
    before = images(64)
    after = augment(before, np.array([0, 0], np.int32), shift=3).numpy()

    def centres(batch: np.ndarray) -> np.ndarray:
        ink = batch[..., 0].sum(axis=(1, 2))
        places = np.arange(28)
        return np.stack([(batch[..., 0].sum(axis=a) * places).sum(axis=1) / ink for a in (2, 1)], 1)

    moved = centres(after) - centres(before)
    assert np.abs(moved).max() < 3.1 and np.abs(moved).max() > 2
    assert np.abs(moved.mean(axis=0)).max() < 1


def test_a_shift_by_whole_pixels_is_exact() -> None:
    from mnist_core.model.augment import SIZE, _sample

    axis = np.arange(SIZE, dtype=np.float32) - (SIZE - 1) / 2
    x, y = np.broadcast_arrays(axis[None, None, :], axis[None, :, None])
    moved = _sample(images(2), np.repeat(x, 2, 0) + 1, np.repeat(y, 2, 0) - 2).numpy()
    expected = np.zeros_like(images(2))
    expected[:, 2:, :-1] = images(2)[:, :-2, 1:]
    np.testing.assert_allclose(moved, expected, atol=1e-5)


def test_thickness_adds_and_removes_ink() -> None:
    before = images(64).sum(axis=(1, 2, 3))
    after = augment(images(64), np.array([0, 0], np.int32), thickness=1).numpy().sum(axis=(1, 2, 3))
    assert (after > before * 1.1).any() and (after < before * 0.9).any()


@pytest.mark.parametrize("schedule", ["constant", "step", "cosine", "one_cycle"])
def test_schedules_do_not_depend_on_how_they_are_cut(schedule: str) -> None:
    whole = factors(schedule, 0, 100, 100)
    parts = np.concatenate([factors(schedule, first, 10, 100) for first in range(0, 100, 10)])
    np.testing.assert_array_equal(whole, parts)
    assert whole.max() <= 1 and (whole >= 0).all()
    late = factors(schedule, 100, 5, 100)
    assert (late >= 0.01).all() and len(set(late.tolist())) == 1


def test_one_cycle_rises_then_falls() -> None:
    values = factors("one_cycle", 0, 1000, 1000)
    peak = 300
    assert abs(int(values.argmax()) - peak) <= 1
    assert (np.diff(values[:peak]) > 0).all() and (np.diff(values[peak + 1 :]) < 0).all()
    assert values[-1] < 0.01


def test_cosine_and_step_values() -> None:
    cosine = factors("cosine", 0, 100, 100)
    np.testing.assert_allclose(cosine, 0.5 * (1 + np.cos(np.pi * np.arange(100) / 100)), rtol=1e-5)
    assert factors("step", 0, 3, 3).tolist() == pytest.approx([1, 0.3, 0.09])


def test_images_that_another_process_has_left_are_believed_by_their_checksum(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(shared_arrays.SETTING, str(tmp_path))
    whole = mnist._load.__wrapped__(mnist.MNIST_FILE)
    kept = mnist._load.__wrapped__(tmp_path / "not needed.npz")
    np.testing.assert_array_equal(kept.x_test, whole.x_test)
    assert not kept.x_train.flags.writeable
    for file in tmp_path.glob("*.npy"):  # one pixel is changed
        content = bytearray(file.read_bytes())
        content[-1] ^= 1
        file.write_bytes(content)
    with pytest.raises(mnist.DatasetError, match="missing"):
        mnist._load.__wrapped__(tmp_path / "not needed.npz")
    mended = mnist._load.__wrapped__(mnist.MNIST_FILE)
    np.testing.assert_array_equal(mended.y_test, mnist.load().y_test)
