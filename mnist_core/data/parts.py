"""Images and labels as files hold them, before they are brought into MNIST's form."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

Role = Literal["train", "validation", "test", "all"]
Array = npt.NDArray[Any]

_ROLES: tuple[tuple[Role, str], ...] = (
    ("train", r"train(ing)?|tr|trn"),
    ("validation", r"val(id)?(ation)?|dev"),
    ("test", r"test(ing)?|te|tst|t10k|eval"),
)
_IMAGES = {"x", "image", "images", "img", "imgs", "data", "pixels", "features", "digits", "input",
           "inputs"}  # fmt: skip
_LABELS = {"y", "label", "labels", "target", "targets", "class", "classes", "lbl", "lbls", "output"}
CLASS_NAMES = {"class_names", "label_names", "classnames", "names"}


@dataclass(frozen=True, eq=False)
class Part:
    """The content of one file, or of one entry of a file: images [n, …], their labels, or both.

    `names` are what labels 0, 1, … are called, where a file says it; `said` is what was assumed;
    `turned` says that rows and columns of each image are exchanged.
    """

    role: Role
    source: str
    images: Array | None = None
    labels: Array | None = None
    names: tuple[str, ...] | None = None
    said: tuple[str, ...] = ()
    turned: bool = False


def words_of(name: str) -> list[str]:
    """The words of a file's or an array's name: "X_trainImages2" → ["x", "train", "images"]."""
    parted = re.sub(r"([a-z0-9])([A-Z])", r"\1 \2", name)
    return [word.lower() for word in re.findall(r"t10k|[A-Za-z]+", parted)]


def role_of(*names: str) -> Role:
    """The purpose of images, by the first of some names that says it; "all" when none does."""
    for name in names:
        words = words_of(name)
        for role, pattern in _ROLES:
            if any(re.fullmatch(pattern, word) for word in words):
                return role
        for role, pattern in _ROLES:  # xtrain, trainx, testimages
            if any(re.fullmatch(rf"(?:[xy]|images?|labels?)?(?:{pattern})(?:[xy]|images?|labels?)?",
                                word) for word in words if len(word) > 4):  # fmt: skip
                return role
    return "all"


def kind_of(name: str, axes: int) -> Literal["images", "labels"]:
    """The kind of an array, images or labels, by its name, else by its number of axes."""
    words = set(words_of(name))
    joined = "".join(words_of(name))
    if words & _LABELS or re.search(r"label|target", joined) or joined in ("ytrain", "ytest"):
        return "labels"
    if words & _IMAGES or "image" in joined or joined in ("xtrain", "xtest"):
        return "images"
    return "labels" if axes == 1 else "images"


def natural(names: Iterable[str]) -> list[str]:
    """Names in the order in which people count: 2 before 10."""

    def key(name: str) -> list[tuple[int, str]]:
        return [(int(number or 0), text) for number, text in re.findall(r"(\d*)(\D*)", name)]

    return sorted(names, key=key)


def labels_of(names: Iterable[str]) -> Array:
    """Names of classes as an array of text."""
    return np.array(list(names), dtype=np.str_)
