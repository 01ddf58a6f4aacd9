"""Each layer's weights in a Keras file, by what they are, in the forms of Keras 1 to 3."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from mnist_core.base.untrusted import FileRefused
from mnist_core.experiment.layers import LAYERS
from mnist_core.experiment.spec import NetworkSpec
from mnist_core.files.model_import.hdf5 import Array, Hdf5, shapes_in, shapes_words
from mnist_core.files.model_import.keras_config import KerasLayer, KerasModel, snake_case
from mnist_core.files.model_import.keras_layers import PARTS, WeightsOf
from mnist_core.inspection.weights import layer_weights

# What Keras 1 called its weights: "dense_1_W", "batchnormalization_1_running_std".
_OLD_ENDINGS = {
    "_W": "kernel",
    "_b": "bias",
    "_gamma": "gamma",
    "_beta": "beta",
    "_running_mean": "moving_mean",
    "_running_std": "moving_variance",
}


def weights_in(file: Hdf5, model: KerasModel) -> WeightsOf:
    """A function that gives the weights of each of the model's layers. Raises FileRefused."""
    if "model_weights" in file.groups or file.texts("", "layer_names"):
        return _by_names(file, model)
    return lambda layer: _by_place(file, layer)


def _by_place(file: Hdf5, layer: KerasLayer) -> Mapping[str, Array]:
    """Keras 3, and .keras files of Keras 2: "layers/dense_1/vars/0" and so on."""
    path, count = f"{layer.saved}/vars", 0
    found = []
    while f"{path}/{count}" in file.datasets:
        found.append(file.array(f"{path}/{count}"))
        count += 1
    return named(layer, found)


def named(layer: KerasLayer, arrays: Sequence[Array]) -> dict[str, Array]:
    """Arrays in Keras's order by what they are. Raises FileRefused when some are missing."""
    parts = [part for part in _parts(layer) if part not in _absent(layer)]
    if len(arrays) < len(parts) and layer.class_name != "Normalization":
        raise FileRefused(
            f"{layer.words} has {len(arrays)} arrays of weights in this file; it needs "
            f"{len(parts)}. The file is damaged, or was saved before the model was built."
        )
    return dict(zip(parts, arrays, strict=False))


def _parts(layer: KerasLayer) -> tuple[str, ...]:
    if layer.class_name == "Convolution2D":
        return PARTS["Conv2D"]
    return PARTS.get(layer.class_name, PARTS["BatchNormalization"])


def _absent(layer: KerasLayer) -> set[str]:
    """Weights that a layer with these settings does not have."""
    switches = {"use_bias": "bias", "bias": "bias", "scale": "gamma", "center": "beta"}
    return {part for name, part in switches.items() if layer.settings.get(name) is False}


def _by_names(file: Hdf5, model: KerasModel) -> WeightsOf:
    """The .h5 form: each layer of the outermost model is a group that lists its weights."""
    root = "model_weights/" if "model_weights" in file.groups else ""

    def weights_of(layer: KerasLayer) -> Mapping[str, Array]:
        group = f"{root}{layer.name[0]}"
        if group not in file.groups:
            raise FileRefused(f"{layer.words} has no weights in this file.")
        names = file.texts(group, "weight_names")
        if len(layer.name) > 1:
            names = _of_nested(names, layer, _siblings(model, layer))
        by_part = {_part(name): name for name in names}
        if len(by_part) == len(names) and by_part.keys() <= set(_parts(layer)):
            wanted = [part for part in _parts(layer) if part in by_part]
            return {part: file.array(f"{group}/{by_part[part]}") for part in wanted}
        return named(layer, [file.array(f"{group}/{name}") for name in names])

    return weights_of


def _part(name: str) -> str:
    """The part of a layer that a weight is: "conv2d_1/kernel:0" → "kernel"."""
    last = name.rsplit("/", 1)[-1].partition(":")[0]
    for ending, part in _OLD_ENDINGS.items():
        if last.endswith(ending):
            return part
    return last


def _siblings(model: KerasModel, layer: KerasLayer) -> list[KerasLayer]:
    """All layers with weights of the nested model that a layer is in."""
    return [
        other
        for other in model.layers
        if other.name[0] == layer.name[0] and other.class_name in PARTS
    ]


def _of_nested(
    names: Sequence[str], layer: KerasLayer, siblings: Sequence[KerasLayer]
) -> list[str]:
    """A layer's share of the names that its outermost model lists: by its own name in them."""
    own = [name for name in names if layer.name[-1] in name.split("/")[:-1]]
    if own:
        return own
    # Names do not tell: all that is trained comes first, in the order of the layers.
    trained = [name for name in names if not _part(name).startswith(("moving_", "mean", "vari"))]
    moving = [name for name in names if name not in trained]
    places = list(_dealt(siblings, trained, moving))
    return next((mine for other, mine in places if other.name == layer.name), [])


def _dealt(
    siblings: Sequence[KerasLayer], trained: list[str], moving: list[str]
) -> Iterator[tuple[KerasLayer, list[str]]]:
    for layer in siblings:
        parts = [part for part in _parts(layer) if part not in _absent(layer)]
        mine = []
        for part in parts:
            source = moving if part.startswith(("moving_", "mean", "vari", "count")) else trained
            if source:
                mine.append(source.pop(0))
        yield layer, mine


# --- weights without a description ---------------------------------------------------------------


def arrays_for(file: Hdf5, network: NetworkSpec) -> list[Array]:
    """The weights of a file without a description, for a network that is known otherwise.

    Raises FileRefused when they are not those of such a network.
    """
    layers = layer_weights(network)
    found: list[Array] = []
    given = _listed_layers(file) or _numbered_layers(file, [layer.kind for layer in layers])
    for layer, arrays in zip(layers, given, strict=False):
        if layer.has_kernel and len(arrays) == 1:
            arrays = [*arrays, np.zeros(arrays[0].shape[-1:])]
        found += arrays
    wanted = [shape for layer in layers for shape in layer.shapes]
    if len(given) != len(layers) or [array.shape for array in found] != wanted:
        raise FileRefused(
            f"These weights do not fit the network that was chosen. The file holds "
            f"{shapes_words(shapes_in(file))}; the network needs {shapes_words(wanted)}."
        )
    return found


def _listed_layers(file: Hdf5) -> list[list[Array]]:
    root = "model_weights" if "model_weights" in file.groups else ""
    inside = f"{root}/" if root else ""
    groups = [f"{inside}{name}" for name in file.texts(root, "layer_names")]
    names = {group: file.texts(group, "weight_names") for group in groups if group in file.groups}
    return [[file.array(f"{group}/{name}") for name in own] for group, own in names.items() if own]


def _numbered_layers(file: Hdf5, kinds: Sequence[str]) -> list[list[Array]]:
    counts: dict[str, int] = {}
    found = []
    for kind in kinds:
        base = snake_case(LAYERS["dense" if kind == "output" else kind].keras_class)
        number = counts[base] = counts.get(base, -1) + 1
        path = f"layers/{base}_{number}/vars" if number else f"layers/{base}/vars"
        names = [name for at in range(6) if (name := f"{path}/{at}") in file.datasets]
        found.append([file.array(name) for name in names])
    used = sum(map(len, found))
    there = sum("/vars/" in name and name.startswith("layers/") for name in file.datasets)
    return found if used == there else []
