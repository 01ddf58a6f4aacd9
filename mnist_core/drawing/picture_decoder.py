"""The process that decodes a picture file; it imports little, so that it starts quickly."""

from __future__ import annotations

import io
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError

from mnist_core.base import sandbox
from mnist_core.drawing.transparency import flatten_transparency

FILE, PIXELS = "picture", "pixels.npy"
FORMATS = ("PNG", "JPEG", "HEIF", "WEBP", "AVIF", "BMP", "GIF")
# JPEG is reduced while it is decoded; of other formats every pixel lies in memory at once. What
# telephones write in HEIF has 12 or 24 million pixels.
MAX_JPEG_PIXELS = 60_000_000
MAX_DECODED_BYTES = 50_000_000
MAX_CAMERA_BYTES = 80_000_000
CAMERA_FORMATS = ("HEIF", "AVIF")
LEAST_SIDE = 8
# The picture is reduced to so many pixels, and to this side at most.
WORKING_PIXELS, WORKING_SIDE = 1_000_000, 3000
DAMAGED = "The picture is damaged; take or save it again."


class Refused(ValueError):
    """A file that is not taken; the message is a sentence for the person."""


def work(folder: Path) -> None:
    """Decode the file FILE of `folder` into PIXELS, uint8 [H, W, 3], and answer its scale."""
    try:
        pixels, scale = decode((folder / FILE).read_bytes())
    except Refused as refusal:
        sandbox.answer(folder, {"error": str(refusal)})
        return
    np.save(folder / PIXELS, pixels)
    sandbox.answer(folder, {"scale": scale})


def decode(data: bytes) -> tuple[npt.NDArray[np.uint8], float]:
    """The first picture of a file, upright, uint8 [H, W, 3], and its scale.

    The scale says how many of the file's pixels one of these stands for. Raises Refused.
    """
    warnings.simplefilter("ignore")
    _know_formats()
    try:
        with Image.open(
            io.BytesIO(data), formats=[name for name in FORMATS if name in Image.OPEN]
        ) as image:
            return _decoded(image)
    except Refused:
        raise
    except Image.DecompressionBombError:
        raise Refused(_too_large(MAX_JPEG_PIXELS)) from None
    except UnidentifiedImageError:
        raise Refused("This is not a PNG, JPEG, HEIC, WebP, AVIF, BMP or GIF picture.") from None
    except Exception:  # decoders of damaged files raise whatever they come upon
        raise Refused(DAMAGED) from None


def _decoded(image: Image.Image) -> tuple[npt.NDArray[np.uint8], float]:
    width, height = image.size
    _check_size(image)
    factor = max(1.0, np.sqrt(width * height / WORKING_PIXELS), max(width, height) / WORKING_SIDE)
    size = max(1, round(width / factor)), max(1, round(height / factor))
    image.draft("RGB", size)  # JPEG: decode no more than is needed
    clear = image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info
    turn = image.getexif().get(0x0112, 1)
    if image.mode.startswith(("I", "F")):
        image = _eight_bits(image)
    elif image.mode in ("1", "P", "PA") or clear:
        image = image.convert("RGBA" if clear else "RGB")
    # Smaller first: to turn or to convert all pixels takes several times their memory.
    if factor > 1:
        image = image.resize(size, Image.Resampling.BOX)
    image.getexif()[0x0112] = turn
    upright = ImageOps.exif_transpose(image)
    if clear:
        flat = flatten_transparency(np.asarray(upright.convert("RGBA")))
        return np.round(flat).astype(np.uint8), float(factor)
    return np.asarray(upright.convert("RGB")), float(factor)


def _check_size(image: Image.Image) -> None:
    """Look at a file's size in pixels before it is decoded."""
    width, height = image.size
    if image.format in ("JPEG", "MPO"):
        if width * height > MAX_JPEG_PIXELS:
            raise Refused(_too_large(MAX_JPEG_PIXELS))
    else:
        most = MAX_CAMERA_BYTES if image.format in CAMERA_FORMATS else MAX_DECODED_BYTES
        bytes_a_pixel = _bytes_a_pixel(image)
        if width * height * bytes_a_pixel > most:
            raise Refused(_too_large(most // bytes_a_pixel))
    if min(width, height) < LEAST_SIDE:
        raise Refused(
            f"The picture has only {width} × {height} pixels; "
            f"{LEAST_SIDE} × {LEAST_SIDE} are the least."
        )


def _bytes_a_pixel(image: Image.Image) -> int:
    """The bytes a pixel while decoding; Pillow keeps 16-bit colours in 8 bits but unpacks all."""
    deep = "16" in image.mode or any("16" in str(tile[3]) for tile in getattr(image, "tile", ()))
    return len(image.getbands()) * (2 if deep else 1)


def _too_large(pixels: int) -> str:
    return f"The picture has more than {pixels / 1_000_000:.0f} million pixels; save it smaller."


def _eight_bits(image: Image.Image) -> Image.Image:
    """Grey values of 8, 10, 12 or 16 bits, whichever the brightest needs, brought to 8."""
    values: Any = np.asarray(image).astype(np.float32).clip(0)
    brightest = float(values.max(initial=0))
    full = next((top for top in (255, 1023, 4095, 65535) if brightest <= top), brightest)
    return Image.fromarray(np.round(values * (255 / full)).astype(np.uint8))


def _know_formats() -> None:
    Image.preinit()
    for name in ("WebP", "Avif"):
        try:
            __import__(f"PIL.{name}ImagePlugin")
        except ImportError:  # Pillow was built without it; such a file is then no known picture
            continue
    try:
        from pillow_heif import register_heif_opener
    except ImportError:
        return
    register_heif_opener()
