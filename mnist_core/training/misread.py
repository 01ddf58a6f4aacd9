"""Test images that a network reads wrongly, as a few bytes: the number of each, and what is read.

Four bytes for an image's number, little-endian, and one for the class; first all numbers.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

# A network that misreads more than these has learned too little for the list to say anything.
MOST = 3_000

ByteArray = npt.NDArray[np.uint8]


def pack(labels: ByteArray, read: ByteArray) -> bytes | None:
    """The images whose `read` is not their label, both uint8 [n]; None for more than `MOST`."""
    wrong = np.flatnonzero(read != labels)
    if len(wrong) > MOST:
        return None
    return wrong.astype("<u4").tobytes() + read[wrong].astype(np.uint8).tobytes()


def unpack(data: bytes) -> tuple[npt.NDArray[np.uint32], ByteArray]:
    """The numbers of the images and what was read, of equal length. Raises ValueError."""
    count, rest = divmod(len(data), 5)
    if rest or count > MOST:
        raise ValueError(f"{len(data)} bytes are no list of misread images.")
    return np.frombuffer(data[: 4 * count], "<u4"), np.frombuffer(data[4 * count :], np.uint8)
