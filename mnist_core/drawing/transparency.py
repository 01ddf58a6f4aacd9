"""Pictures with transparent pixels, laid on paper."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]


def flatten_transparency(image: npt.NDArray[np.uint8]) -> FloatArray:
    """Colours float32 [H, W, 1 or 3] in 0..255 of a picture laid on paper where transparent.

    The paper takes the usual colour of the opaque pixels when most are opaque (a scan with a
    cut-out); else these are the ink, and the paper is white or black, whichever differs more.
    """
    if image.ndim == 2:
        return image[..., None].astype(np.float32)
    colours = image[..., :3].astype(np.float32)
    if image.shape[2] == 3 or (image[..., 3] == 255).all():
        return colours
    opacity = image[..., 3:].astype(np.float32) / 255
    opaque = image[..., 3] > 127
    if opaque.mean() > 0.5:
        paper = np.median(colours[opaque], axis=0)
    else:
        ink = (colours * opacity).sum((0, 1)) / max(float(opacity.sum()), 1e-6)
        paper = np.full(3, 255.0 if ink.mean() < 128 else 0.0)
    return (colours * opacity + paper * (1 - opacity)).astype(np.float32)
