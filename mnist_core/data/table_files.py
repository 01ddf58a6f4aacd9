"""Images and labels in tables: CSV with a pixel a column, ARFF, and Parquet with images."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from mnist_core.base.untrusted import FileRefused, readable
from mnist_core.data.image_files import decoded
from mnist_core.data.parts import Array, Part, role_of

PARQUET = b"PAR1"
MAX_ROWS, MAX_COLUMNS = 350_000, 70_000
MAX_CELLS = 250_000_000
_LABEL_COLUMNS = ("label", "labels", "class", "target", "y", "digit", "character", "letter")
_IMAGE_COLUMNS = ("image", "img", "images", "x", "pixels", "jpg", "png")
_SNIFFED = 65_536


def csv_parts(name: str, data: bytes) -> Iterator[Part]:
    """Kaggle's form: a row an image, its label in the first or the last column.

    Raises FileRefused.
    """
    import pandas

    what = f"“{readable(name)[:60]}”"
    start, names, separator = _head(data, what)
    try:
        table = pandas.read_csv(
            io.BytesIO(data[start:]), sep=separator, header=None, index_col=False,
            comment="%" if names is None else None, skip_blank_lines=True, nrows=MAX_ROWS + 1,
            encoding_errors="replace", low_memory=False,
        )  # fmt: skip
    except Exception:  # pandas and the text itself fail in many ways
        raise FileRefused(f"{what} is not a table: its rows cannot be read.") from None
    if len(table) > MAX_ROWS:
        raise FileRefused(f"{what} has more than {MAX_ROWS:,} rows.")
    if names is not None and len(names) != table.shape[1]:
        names = None
    yield from _of_columns(name, what, table, names)


def _head(data: bytes, what: str) -> tuple[int, list[str] | None, str]:
    """The start of the rows, the columns' names if there are some, and what stands between them."""
    start = 0
    arff = re.search(rb"(?im)^\s*@data\s*$", data[: 20 * _SNIFFED])
    if data[:200].lstrip().lower().startswith((b"@relation", b"%")) and arff:
        start = arff.end() + 1
    start += 3 if data[start : start + 3] == b"\xef\xbb\xbf" else 0
    line = data[start : start + MAX_COLUMNS * 12].split(b"\n", 1)[0].decode(errors="replace")
    separator = max(",;\t ", key=line.count)
    cells = [cell.strip().strip("\"'") for cell in line.strip().split(separator)]
    if not 3 <= len(cells) <= MAX_COLUMNS or "\x00" in line:
        raise FileRefused(
            f"{what} is not in a known image format. Supported are .npz, .npy, CSV, Parquet, IDX, "
            "EMNIST's .mat, images in a folder for each class, and zip files of these."
        )
    if sum(_is_number(cell) for cell in cells) >= len(cells) - 2:
        return start, None, separator
    return start + len(line.encode()) + 1, cells, separator


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _of_columns(name: str, what: str, table: Any, names: list[str] | None) -> Iterator[Part]:
    rows, columns = table.shape
    if rows * columns > MAX_CELLS:
        raise FileRefused(f"{what} has {rows:,} rows of {columns:,} numbers, which is too many.")
    lowered = [column.lower() for column in names or []]
    at = next((lowered.index(known) for known in _LABEL_COLUMNS if known in lowered), None)
    said: list[str] = []
    index = next((lowered.index(one) for one in ("", "id", "index", "unnamed: 0")
                  if one in lowered), None)  # fmt: skip
    dropped = {index} if index is not None else set()
    if at is None:
        left = [place for place in range(columns) if place not in dropped]
        if _side(len(left)) and not _side(len(left) - 1):
            pixels = _numbers(table[left], what)
            yield Part(role_of(name), name, images=pixels)
            return
        at = min((left[0], left[-1]), key=lambda place: _unlike_labels(table[place]))
        said.append(
            f"The {'first' if at == left[0] else 'last'} column of {what} holds the labels."
        )
    pixels = _numbers(table[[p for p in range(columns) if p != at and p not in dropped]], what)
    yield Part(role_of(name), name, pixels, _label_column(table[at]), said=tuple(said))


def _side(count: int) -> int:
    """The side of a square image with so many pixels; 0 when there is none."""
    root = round(count**0.5)
    return root if root * root == count and root > 3 else 0


def _unlike_labels(column: Any) -> int:
    """A measure of how unlike labels a column is: they are few, but corners are paper alone."""
    values = int(column.nunique())
    return values if values > 1 else MAX_ROWS


def _label_column(column: Any) -> Array:
    if column.dtype.kind in "iufb":
        return np.asarray(column)
    return np.array([str(value).strip().strip("'\"") for value in column], dtype=np.str_)


def _numbers(table: Any, what: str) -> Array:
    try:
        if all(dtype.kind in "iub" for dtype in table.dtypes):
            values = table.to_numpy()
            if values.size and values.min() >= 0 and values.max() <= 255:
                return np.asarray(values, np.uint8)
            return np.asarray(values, np.int64)
        return np.asarray(table, np.float32)
    except (ValueError, TypeError, OverflowError):
        raise FileRefused(f"{what} has pixels that are not numbers.") from None


def parquet_parts(name: str, data: bytes) -> Iterator[Part]:
    """Hugging Face's form, images as PNG bytes, or a pixel a column. Raises FileRefused."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    what = f"“{readable(name)[:60]}”"
    try:
        file = pq.ParquetFile(io.BytesIO(data))
        if file.metadata.num_rows > MAX_ROWS or file.metadata.num_columns > MAX_COLUMNS:
            raise FileRefused(f"{what} has too many rows or columns.")
        table = file.read()
    except FileRefused:
        raise
    except Exception:  # Arrow's errors are of many kinds
        raise FileRefused(f"{what} is damaged: it cannot be read.") from None
    columns = {column.lower(): column for column in table.column_names}
    label = next((columns[known] for known in _LABEL_COLUMNS if known in columns), None)
    image = next((columns[known] for known in _IMAGE_COLUMNS if known in columns), None)
    if image is None:
        yield from _of_columns(name, what, _frame(table), list(table.column_names))
        return
    if label is None:
        raise FileRefused(f"{what} has images, but no column named “label”.")
    kind = table.schema.field(image).type
    values = table.column(image).to_pylist()
    labels = np.asarray(table.column(label).to_pylist())
    names = _hugging_face_names(table.schema.metadata, label)
    role = role_of(name)
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        try:
            yield Part(role, name, np.asarray(values, np.float32), labels, names)
        except (ValueError, TypeError):
            raise FileRefused(f"{what} holds images of different sizes.") from None
        return
    content = [value.get("bytes") if isinstance(value, dict) else value for value in values]
    yield Part(role, name, decoded(content, what), labels, names)


def _frame(table: Any) -> Any:
    frame = table.to_pandas()
    frame.columns = range(frame.shape[1])
    return frame


def _hugging_face_names(metadata: Any, label: str) -> tuple[str, ...] | None:
    """The classes' names, which Hugging Face keeps beside the columns."""
    try:
        features = json.loads((metadata or {})[b"huggingface"])["info"]["features"]
        names: Sequence[Any] = features[label]["names"]
    except (KeyError, TypeError, ValueError):
        return None
    return tuple(str(name) for name in names) if isinstance(names, list) else None
