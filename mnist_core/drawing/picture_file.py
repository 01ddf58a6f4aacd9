"""A picture file as upright pixels: which files are taken, and their decoding elsewhere."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mnist_core.base import sandbox
from mnist_core.drawing.picture_decoder import DAMAGED, FILE, PIXELS

MAX_BYTES = 10_000_000
# Endings that the page offers; what counts is a file's content.
ENDINGS = ("png", "jpg", "jpeg", "jfif", "heic", "heif", "webp", "avif", "bmp", "gif")
DECODER = "mnist_core.drawing.picture_decoder"
LIMITS = sandbox.ProcessLimits(
    seconds=20, cpu_seconds=15, memory=1_200_000_000, file_bytes=50_000_000
)


class PhotoError(ValueError):
    """The file cannot be used; the message is a sentence for the person."""


def open_picture(data: bytes) -> tuple[npt.NDArray[np.uint8], float]:
    """The file as uint8 [H, W, 3], upright, of about a million pixels at most.

    The second value says how many of the file's pixels are one of the picture's. A process of its
    own decodes, with limits on its time and memory. Raises PhotoError.
    """
    if len(data) > MAX_BYTES:
        raise PhotoError(
            f"The file is {len(data) / 1e6:.0f} MB; up to {MAX_BYTES // 1_000_000} MB can be read."
        )
    with sandbox.folder_with({}) as folder:
        (folder / FILE).write_bytes(data)
        try:
            answer = sandbox.call(DECODER, folder, limits=LIMITS)
            if "error" in answer:
                raise PhotoError(answer["error"])
            return np.load(folder / PIXELS, allow_pickle=False), float(answer["scale"])
        except sandbox.LimitReached:
            raise PhotoError("The picture takes too long to open; save it smaller.") from None
        except sandbox.WorkFailed:
            raise PhotoError(DAMAGED) from None
