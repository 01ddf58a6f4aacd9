"""Data sets in the forms that people have: each becomes MNIST's, with what was assumed."""

from __future__ import annotations

import gzip
import io
import json
import zipfile
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mnist_core import FileRefused, read_data
from mnist_core.base.untrusted import array_bytes, read_array
from mnist_core.data import mnist as dataset
from mnist_core.data.custom import PARTS, inverted, pack
from mnist_core.data.mnist import Dataset
from mnist_core.data.read_files import MAX_IMAGES, dataset_in
from tests.support.data_sets import NAMES, bars, idx, idx_files, npz, parts
from tests.support.sandbox import here, zipped

DATA = bars()


def same(one: Dataset, other: Dataset = DATA) -> bool:
    return all(np.array_equal(getattr(one, part), getattr(other, part)) for part in PARTS)


def near(one: Dataset, other: Dataset = DATA) -> bool:
    """The same labels, and images that differ by rounding and scaling alone."""
    return all(
        np.array_equal(getattr(one, part), getattr(other, part))
        if part[0] == "y"
        else np.abs(getattr(one, part).astype(int) - getattr(other, part)).mean() < 12
        for part in PARTS
    )


def picture(image: np.ndarray, kind: str = "PNG", **more: Any) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, kind, **more)
    return stream.getvalue()


def resized(images: np.ndarray, side: int) -> np.ndarray:
    return np.stack([np.asarray(Image.fromarray(one).resize((side, side))) for one in images])


def changed(**arrays: Any) -> list[tuple[str, bytes]]:
    return [("bars.npz", npz(**(parts(DATA) | arrays)))]


def renamed(*names: str) -> list[tuple[str, bytes]]:
    given = dict(zip(names, parts(DATA).values(), strict=True))
    return [("bars.npz", npz(**given))]


def both(change: Any) -> list[tuple[str, bytes]]:
    return changed(x_train=change(DATA.x_train), x_test=change(DATA.x_test))


def labels(change: Any) -> list[tuple[str, bytes]]:
    return changed(y_train=change(DATA.y_train), y_test=change(DATA.y_test))


def csv(images: np.ndarray, numbers: np.ndarray, header: bool = True, last: bool = False) -> bytes:
    rows = images.reshape(len(images), -1)
    columns = [rows, numbers[:, None]] if last else [numbers[:, None], rows]
    table = np.concatenate(columns, axis=1)
    names = [f"pixel{at}" for at in range(rows.shape[1])]
    names = [*names, "label"] if last else ["label", *names]
    head = ",".join(names) + "\n" if header else ""
    return (head + "\n".join(",".join(map(str, row)) for row in table) + "\n").encode()


def folders(top: str = "set/", turn: Any = picture) -> dict[str, bytes]:
    found = {"set/readme.txt": b"About these images.", "__MACOSX/._x.png": b"left behind"}
    for role, images, numbers in (("train", DATA.x_train, DATA.y_train),
                                  ("test", DATA.x_test, DATA.y_test)):  # fmt: skip
        for place, (image, number) in enumerate(zip(images, numbers, strict=True)):
            found[f"{top}{role}/{NAMES[number]}/{place:04}.png"] = turn(image)
    return found


def parquet(images: np.ndarray, numbers: np.ndarray, hugging_face: bool = True) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = [{"bytes": picture(image), "path": None} for image in images]
    table = pa.table({"image": rows, "label": numbers.astype(np.int64)})
    if hugging_face:
        features = {"label": {"names": list(NAMES), "_type": "ClassLabel"}}
        info = json.dumps({"info": {"features": features}})
        table = table.replace_schema_metadata({"huggingface": info})
    stream = io.BytesIO()
    pq.write_table(table, stream)
    return stream.getvalue()


def emnist_mat() -> bytes:
    from scipy.io import savemat

    def part(images: np.ndarray, numbers: np.ndarray) -> dict[str, Any]:
        return {"images": images.swapaxes(1, 2).reshape(len(images), -1),
                "labels": numbers[:, None]}  # fmt: skip

    stream = io.BytesIO()
    mapping = np.array([[0, 65], [1, 66], [2, 67]])
    savemat(stream, {"dataset": {"train": part(DATA.x_train, DATA.y_train),
                                 "test": part(DATA.x_test, DATA.y_test),
                                 "mapping": mapping}}, do_compression=True)  # fmt: skip
    return stream.getvalue()


def npy_files() -> list[tuple[str, bytes]]:
    return [(f"{name}.npy", array_bytes(array)) for name, array in parts(DATA).items()]


def med_mnist() -> list[tuple[str, bytes]]:
    return [("bloodmnist.npz", npz(
        train_images=DATA.x_train[:90], train_labels=DATA.y_train[:90, None],
        val_images=DATA.x_train[90:], val_labels=DATA.y_train[90:, None],
        test_images=DATA.x_test, test_labels=DATA.y_test[:, None]))]  # fmt: skip


def kaggle() -> list[tuple[str, bytes]]:
    lines = csv(DATA.x_test, DATA.y_test).decode().split("\n")
    without = "\n".join(line.partition(",")[2] for line in lines)
    return [("train.csv", csv(DATA.x_train, DATA.y_train)), ("test.csv", without.encode())]


def small(images: np.ndarray) -> np.ndarray:
    return np.rint(resized(images, 8) / 255 * 16).astype(np.uint8)


# Each form: the files, how they compare, and words of what is assumed ("" for nothing at all).
FORMS: dict[str, tuple[Any, Any, str]] = {
    "npz": (changed, same, ""),
    "IDX, packed": (lambda: idx_files(DATA), same, ""),
    "IDX in a zip file": (lambda: [("mnist.zip", zipped(dict(idx_files(DATA))))], same, ""),
    "KMNIST's four npz": (
        lambda: [(f"k-{name[2:]}-{name[0]}.npz", npz(arr_0=array))
                 for name, array in parts(DATA).items()], same, ""),
    "X_train": (lambda: renamed("X_train", "Y_train", "X_test", "Y_test"), same, ""),
    "train_images": (
        lambda: renamed("train_images", "train_labels", "test_images", "test_labels"), same, ""),
    "trainX": (lambda: renamed("trainX", "trainY", "testX", "testY"), same, ""),
    "arr_0 to arr_3": (lambda: renamed("arr_0", "arr_1", "arr_2", "arr_3"), same, ""),
    "MedMNIST": (med_mnist, same, "Validation images were added"),
    "rows of 784": (lambda: both(lambda x: x.reshape(-1, 784)), same, ""),
    "a column an image": (lambda: both(lambda x: x.reshape(-1, 784).T), same, "Each column"),
    "channels first": (lambda: both(lambda x: x[:, None]), same, ""),
    "channels last": (lambda: both(lambda x: x[..., None]), same, ""),
    "numbered by the last axis": (lambda: both(lambda x: np.moveaxis(x, 0, -1)), same, "last axis"),
    "colours": (lambda: both(lambda x: np.repeat(x[..., None], 3, -1)), same, "converted to grey"),
    "one-hot": (lambda: labels(lambda y: np.eye(3)[y]), same, "one-hot"),
    "float labels": (lambda: labels(lambda y: y.astype(np.float64)), same, ""),
    "text labels": (lambda: labels(lambda y: np.array(NAMES)[y]), same, ""),
    "labels as bytes": (lambda: labels(lambda y: np.array(NAMES, "S")[y]), same, ""),
    "fractions": (lambda: both(lambda x: x / 255), same, ""),
    "floats to 255": (lambda: both(lambda x: x.astype(np.float32)), same, ""),
    "float16": (lambda: both(lambda x: (x / 255).astype(np.float16)), near, ""),
    "−1 to 1": (lambda: both(lambda x: x / 127.5 - 1), same, "from −1 to 1"),
    "mean and deviation": (lambda: both(lambda x: (x - 40.0) / 80), same, "became 0 to 255"),
    "16 bits": (lambda: both(lambda x: x.astype(np.uint16) * 257), same, "65,535"),
    "Fortran's order": (lambda: both(np.asfortranarray), same, ""),
    "four npy": (npy_files, same, ""),
    "light paper": (lambda: both(lambda x: 255 - x), same, "light paper was inverted"),
    "32×32": (lambda: both(lambda x: resized(x, 32)), near, "from 32×32 to 28×28"),
    "64×64": (lambda: both(lambda x: resized(x, 64)), near, "from 64×64 to 28×28"),
    "8×8 of 16 levels": (lambda: both(small), lambda one: near(one) or one.x_train.max() == 255,
                         "Pixels from 0 to 1"),
    "CSV": (lambda: [("train.csv", csv(DATA.x_train, DATA.y_train)),
                     ("test.csv", csv(DATA.x_test, DATA.y_test))], same, ""),
    "CSV without header": (
        lambda: [("mnist_train.csv", csv(DATA.x_train, DATA.y_train, header=False)),
                 ("mnist_test.csv", csv(DATA.x_test, DATA.y_test, header=False))],
        same, "first column"),
    "CSV, label last": (
        lambda: [("train.csv", csv(DATA.x_train, DATA.y_train, False, True)),
                 ("test.csv", csv(DATA.x_test, DATA.y_test, False, True))], same, "last column"),
    "CSV in a zip file": (
        lambda: [("archive.zip", zipped({
            "mnist_train.csv": csv(DATA.x_train, DATA.y_train),
            "mnist_test.csv": csv(DATA.x_test, DATA.y_test)}))], same, ""),
    "Parquet": (lambda: [("train-00000-of-00001.parquet", parquet(DATA.x_train, DATA.y_train)),
                         ("test-00000-of-00001.parquet", parquet(DATA.x_test, DATA.y_test))],
                same, ""),
    "EMNIST's mat": (lambda: [("emnist-letters.mat", emnist_mat())], same, "EMNIST"),
    "a folder a class": (lambda: [("set.zip", zipped(folders()))], None, "class is its folder"),
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_each_form_becomes_mnists_and_says_what_was_assumed(form) -> None:
    files, alike, words = FORMS[form]
    found = dataset_in(files())
    assert found.x_train.dtype == found.y_test.dtype == np.uint8
    if alike is not None:
        assert alike(found), found.assumed
    else:  # folders come in another order
        assert sorted(found.x_train.reshape(120, -1).sum(1)) == sorted(
            DATA.x_train.reshape(120, -1).astype(np.uint64).sum(1))  # fmt: skip
    said = " ".join(found.assumed)
    assert (words in said) if words else (said == "")


def test_black_and_white_is_never_nearly_black() -> None:
    for change in (lambda x: x > 127, lambda x: (x > 127).astype(np.uint8),
                   lambda x: (x > 127).astype(np.float32)):  # fmt: skip
        found = dataset_in(both(change))
        assert set(np.unique(found.x_train)) == {0, 255}
        assert "0 and 255" in " ".join(found.assumed) or change(DATA.x_train).dtype == np.float32


def test_one_file_is_split_the_same_way_each_time() -> None:
    whole = [("bars.csv", csv(DATA.x_train, DATA.y_train))]
    found, again = dataset_in(whole), dataset_in(whole)
    assert same(found, again)
    assert (len(found.x_train), len(found.x_test)) == (102, 18)
    assert np.bincount(found.y_test).tolist() == [6, 6, 6]
    assert "became test images" in " ".join(found.assumed)


def test_kaggles_test_file_has_no_labels() -> None:
    found = dataset_in(kaggle())
    assert "“test.csv” has no labels and was left out." in found.assumed
    assert len(found.x_train) + len(found.x_test) == 120
    assert "no labels" in " ".join(dataset_in(idx_files(DATA)[:3]).assumed)


def test_several_files_of_a_folder_a_class() -> None:
    files = [(name.removeprefix("set/train/"), data)
             for name, data in folders().items() if name.startswith("set/train/")]  # fmt: skip
    found = dataset_in(files)
    assert set(found.classes) == set(NAMES) and "became test images" in " ".join(found.assumed)
    flat = [(name.replace("/", "_").replace(" ", ""), data) for name, data in files]
    assert "start of its file" in " ".join(dataset_in(flat).assumed)


def test_names_come_from_the_file() -> None:
    assert dataset_in(FORMS["Parquet"][0]()).classes == NAMES
    assert dataset_in(FORMS["EMNIST's mat"][0]()).classes == ("A", "B", "C")
    assert dataset_in(FORMS["text labels"][0]()).classes == NAMES
    odd = labels(lambda y: np.array(["<b>", "#", "good"])[y])
    assert dataset_in(odd).classes == ("class 0", "b", "good")
    ten = labels(lambda y: np.array(["2", "10", "1"])[y])
    assert dataset_in(ten).classes == ("1", "2", "10")


def test_digits_that_lie_turned_are_turned_back() -> None:
    data = dataset.load()
    x, y = data.x_test[:300], data.y_test[:300]
    for name, images in (("plain", x), ("lying", x.swapaxes(1, 2))):
        found = dataset_in([(f"{name}.npz", npz(x=images, y=y))])
        assert ("were turned" in " ".join(found.assumed)) == (name == "lying")
        upright = dataset_in([("plain.npz", npz(x=x, y=y))])
        assert same(found, upright)


def test_what_this_app_has_saved_is_the_same_set_again() -> None:
    light = inverted(DATA)
    found = dataset_in([("again.npz", pack(light, names=True))])
    assert same(found, light) and found.classes == NAMES and found.assumed == ()


def test_a_transparent_drawing_lies_on_paper() -> None:
    def drawn(image: np.ndarray) -> bytes:
        ink = np.zeros((28, 28, 4), np.uint8)
        ink[..., 3] = image
        return picture(ink)

    found = dataset_in([("set.zip", zipped(folders(turn=drawn)))])
    assert np.median(found.x_train[:, 0]) < 60 and "inverted" in " ".join(found.assumed)


def test_the_files_are_read_in_a_process_of_its_own() -> None:
    found = read_data(both(lambda x: x[..., None] / 255))
    assert same(found) and found.name == "bars"
    with pytest.raises(FileRefused, match="missing"):
        read_data([("x.npz", npz(x_train=DATA.x_train))], call=here)


# --- what is refused ----------------------------------------------------------------------------


REFUSED = {
    "labels for training are missing": {"y_train": None},
    "images for training are missing": {"x_train": None},
    "120 images, but 119 labels": {"y_train": DATA.y_train[1:]},
    "infinite or not numbers": {"x_train": np.full((120, 28, 28), np.nan, np.float32)},
    "not one-hot": {"y_train": np.ones((120, 3))},
    "whole numbers or text": {"y_train": DATA.y_train + 0.5},
    "have 1 class;": {"y_train": np.zeros(120, np.uint8), "y_test": np.zeros(30, np.uint8)},
    "have 60 classes": {"y_train": np.arange(120, dtype=np.uint8) // 2},
    "only one training image": {"y_train": np.r_[np.uint8(9), DATA.y_train[1:]]},
    "Class 9 is in the test images": {"y_test": np.full(30, 9, np.uint8)},
    "There are 120 training and 5 test": {"x_test": DATA.x_test[:5], "y_test": DATA.y_test[:5]},
    "array of Python objects": {"x_train": np.array([{"a": 1}], dtype=object)},
    "2 names were given for 3 classes": {"class_names": np.array(["a", "b"])},
    "not a valid class name": {"class_names": np.array(["a", "b", "<b>c</b>"])},
    "not a square": {"x_train": np.zeros((120, 783), np.uint8)},
    "expected n×28×28": {"x_train": np.zeros((120, 2, 3, 28, 28), np.uint8)},
    "the same value": {"x_train": np.zeros((120, 28, 28), np.uint8),
                       "x_test": np.zeros((30, 28, 28), np.uint8)},
}  # fmt: skip


@pytest.mark.parametrize("words", REFUSED)
def test_what_is_no_data_set_is_refused_with_a_sentence(words) -> None:
    given = {name: array for name, array in (parts(DATA) | REFUSED[words]).items()
             if array is not None}  # fmt: skip
    with pytest.raises(FileRefused, match=words):
        dataset_in([("bad.npz", npz(**given))])


def header(shape: Any, kind: str = "|u1", fortran: bool = False) -> bytes:
    stream = io.BytesIO()
    described = {"descr": kind, "fortran_order": fortran, "shape": shape}
    np.lib.format.write_array_header_1_0(stream, described)
    return stream.getvalue()


@pytest.mark.parametrize(
    "data",
    [
        header((0, 10**20, 28)), header((True, 28, 28)) + bytes(784), header((-1, 28, 28)),
        header((10**30,)), header((1,) * 40) + b"a", header((3, 28, 28), "|V3") + bytes(9 * 784),
        header((2, 2), "|O"), header((0,), "<U0"), header((2,), "<M8[s]") + bytes(16),
        b"\x93NUMPY\x01\x00\xff\xff{", header((2**41, 0)),
    ],
)  # fmt: skip
def test_absurd_shapes_and_types_of_arrays_are_a_sentence(data) -> None:
    packed = zipped({"x_train.npy": data} | {
        f"{name}.npy": array_bytes(array) for name, array in parts(DATA).items()
        if name != "x_train"})  # fmt: skip
    with pytest.raises(FileRefused):
        dataset_in([("odd.npz", packed)])
    with pytest.raises(FileRefused):
        read_array(data, ("u1",), (4, 28, 28), "this run file")


def test_nothing_is_unpickled() -> None:
    class Trap:
        def __reduce__(self):
            return (pytest.fail, ("unpickled",))

    stream = io.BytesIO()
    np.save(stream, np.array([Trap()], dtype=object), allow_pickle=True)
    for files in ([("trap.npz", zipped({"x_train.npy": stream.getvalue()}))],
                  [("x_train.npy", stream.getvalue())]):  # fmt: skip
        with pytest.raises(FileRefused, match="Python objects"):
            dataset_in(files)
    with pytest.raises(FileRefused, match="pickled"):
        dataset_in([("mnist.pkl.gz", gzip.compress(b"\x80\x04\x95abc"))])


def bomb(**more: Any) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("3/a.png", bytes(30_000_000))
    return stream.getvalue()


@pytest.mark.parametrize(("files", "words"), [
    ([("train-images.gz", gzip.compress(idx(np.zeros((50_000, 28, 28), np.uint8)), 9))],
     "too large once unpacked"),
    ([("x.npz", npz(**parts(DATA) | {"x_train": np.zeros((9000, 28, 28), np.uint8)}))],
     "200 times its size"),
    ([("set.zip", bomb())], "200 times its size"),
    ([("set.zip", zipped({"a.zip": zipped({"b.zip": zipped({"c.zip": zipped({"d": b"1"})})})}))],
     "zip files too deeply"),
    ([("set.zip", zipped({"3/a.png": picture(np.zeros((3000, 2000), np.uint8)),
                          "4/b.png": b"\x89PNG"}))], "pixels; at most"),
    ([("set.zip", zipped({"3/a.png": b"\x89PNG\r\n", "4/b.png": b"\x89PNG"}))], "damaged"),
    ([("a.png", picture(DATA.x_train[0]))], "images have no labels"),
    ([*idx_files(DATA)[:3], ("train-labels2", idx(DATA.y_train))], "Two of these files hold"),
    (idx_files(DATA)[1:], "images for training are missing"),
    ([("train", idx(DATA.x_train)[:-1])], "size does not match its header"),
    ([("a.txt", b"")], "not in a known image format"),
    ([("a.h5", b"\x89HDF\r\n\x1a\n")], "HDF5"),
    ([("a.mat", b"MATLAB 7.3 MAT-file, and so on")], "v7"),
    ([("a.mat", b"MATLAB 5.0 MAT-file" + bytes(200))], "damaged"),
    ([("a.parquet", b"PAR1" + bytes(50))], "damaged"),
    ([("a.rar", b"Rar!abc")], "pack it as a zip"),
    ([("a.csv", b"a,b,c,d\n1,2\n")], "label|square|rows|columns|images"),
    ([("a.csv", csv(DATA.x_train, DATA.y_train).replace(b",0,", b",zero,"))], "not numbers"),
    ([(f"{number}.png", b"") for number in range(5001)], "put them into a zip|Put them"),
    ([], "No file"),
])  # fmt: skip
def test_other_files_are_told(files, words) -> None:
    with pytest.raises(FileRefused, match=words) as refused:
        dataset_in(files)
    assert str(refused.value).endswith(".")


@pytest.mark.parametrize("seed", range(100))
def test_damaged_files_are_refused_and_nothing_else_happens(seed) -> None:
    draw = np.random.default_rng(seed)
    kinds = ("npz", "IDX, packed", "EMNIST's mat", "Parquet", "a folder a class", "four npy")
    files = FORMS[kinds[seed % len(kinds)]][0]()
    name, data = files[0]
    broken = bytearray(data)
    for place in draw.integers(0, len(data), 40):
        broken[place] = draw.integers(256)
    if seed % 3 == 0:
        broken = broken[: draw.integers(1, len(data))]
    try:
        found = dataset_in([(name, bytes(broken)), *files[1:]])
    except FileRefused:
        return
    assert found.x_train.shape[1:] == (28, 28), "a flipped pixel may do no harm"


def test_a_set_has_at_most_so_many_images() -> None:
    assert MAX_IMAGES > 100
    with pytest.raises(FileRefused, match="150 images exceed the limit of 100"):
        dataset_in(idx_files(DATA), most=100)
