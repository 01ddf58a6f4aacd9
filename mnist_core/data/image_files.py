"""Images as files of their own, in a folder for each class, decoded within bounds."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from mnist_core.base.untrusted import FileRefused, readable
from mnist_core.data.parts import Part, Role, labels_of, role_of
from mnist_core.experiment.shapes import INPUT_SHAPE

SIDE = INPUT_SHAPE[0]
FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP", "TIFF", "PPM")
SUFFIXES = (".png", ".jpg", ".jpeg", ".jfif", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".pgm")
MAX_PIXELS = 4_000_000
_PREFIX = re.compile(r"([A-Za-z]+|\d{1,2})[ _-]+.+")


def is_image(name: str, data: bytes) -> bool:
    """True when a file is an image, by its first bytes or its name."""
    starts = (b"\x89PNG", b"\xff\xd8\xff", b"BM", b"GIF8", b"II*\x00", b"MM\x00*")
    riff = data[:4] == b"RIFF" and data[8:12] == b"WEBP"
    return data.startswith(starts) or riff or name.lower().endswith(SUFFIXES)


def image_parts(files: Sequence[tuple[str, bytes]]) -> Iterator[Part]:
    """Image files whose paths say what they are: "train/3/x.png", "3/x.png", or "3_17.png".

    Raises FileRefused when the classes cannot be told.
    """
    said: list[str] = []
    paths = [PurePosixPath(name.replace("\\", "/")) for name, _ in files]
    labels = [_folder(path) for path in paths]
    if any(label is None for label in labels):
        labels = [_prefix(path) for path in paths]
        if any(label is None for label in labels) or len(set(labels)) < 2:
            raise FileRefused(
                "These images have no labels. Put them into a folder for each class, such as "
                "3/a.png, and upload the folders as one zip file; or start each file's name with "
                "its class: 3_a.png."
            )
        said.append("Each image’s class is the start of its file name.")
    else:
        said.append("Each image’s class is its folder.")
    roles: dict[Role, list[int]] = {}
    for place, path in enumerate(paths):
        roles.setdefault(role_of(*reversed(path.parts[:-1])), []).append(place)
    for role, places in roles.items():
        content = [files[place][1] for place in places]
        images = decoded(content, f"“{readable(str(paths[places[0]]))[:60]}”")
        names = labels_of(str(labels[place]) for place in places)
        yield Part(role, str(paths[places[0]].parent), images, names, said=tuple(said))


def _folder(path: PurePosixPath) -> str | None:
    """The folder that names the class: the innermost that does not say what images are for."""
    inner = path.parts[:-1]
    return inner[-1] if inner and role_of(inner[-1]) == "all" else None


def _prefix(path: PurePosixPath) -> str | None:
    found = _PREFIX.fullmatch(path.stem)
    return found.group(1) if found else None


def decoded(content: Sequence[bytes | None], what: str) -> npt.NDArray[np.uint8]:
    """Images, grey, uint8 [n, height, width] of the first one's size. Raises FileRefused.

    `what` names the file or the first image in sentences.
    """
    found: npt.NDArray[np.uint8] | None = None
    for place, data in enumerate(content):
        grey = _grey(data, f"Image {place + 1:,} of {what}")
        if found is None:
            # Images of one size stay as they are until all are scaled together.
            size = grey.shape if max(grey.shape) <= 64 else (SIDE, SIDE)
            found = np.zeros((len(content), *size), np.uint8)
        if grey.shape != found.shape[1:]:
            grey = np.asarray(scaled(Image.fromarray(grey), found.shape[2], found.shape[1]))
        found[place] = grey
    assert found is not None
    return found


def _grey(data: Any, what: str) -> npt.NDArray[np.uint8]:
    if not isinstance(data, bytes):
        raise FileRefused(f"{what} is missing.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns of what is refused here anyway
            with Image.open(io.BytesIO(data), formats=FORMATS) as image:
                if image.width * image.height > MAX_PIXELS:
                    raise FileRefused(
                        f"{what} has {image.width}×{image.height} pixels; at most "
                        f"{MAX_PIXELS:,} in total are read."
                    )
                image.load()
                return _on_paper(image)
    except FileRefused:
        raise
    except Exception:  # decoders fail in many ways on damaged files
        raise FileRefused(f"{what} is damaged: it cannot be decoded.") from None


def _on_paper(image: Any) -> npt.NDArray[np.uint8]:
    """Grey levels; what is transparent lies on the side that is not drawn on."""
    if image.mode in ("I;16", "I;16B", "I"):
        values = np.asarray(image, np.float64)
        return np.asarray(values / max(values.max(), 1) * 255, np.uint8)
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        rgba = np.asarray(image.convert("RGBA"), np.float64)
        grey, alpha = rgba[..., :3] @ [0.299, 0.587, 0.114], rgba[..., 3] / 255
        ink = float((grey * alpha).sum() / max(alpha.sum(), 1e-9))
        if alpha.min() < 1:
            grey = grey * alpha + (1 - alpha) * (0 if ink > 127 else 255)
        return np.asarray(grey.round().clip(0, 255), np.uint8)
    return np.asarray(image.convert("L"))


def scaled(image: Any, width: int, height: int) -> Any:
    """An image in another size, smoothly."""
    return image.resize((width, height), Image.Resampling.LANCZOS)
