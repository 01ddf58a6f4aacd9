"""A network's specification → the Keras model it describes."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from mnist_core.experiment.activations import LEAK
from mnist_core.experiment.initializers import INITIALIZERS
from mnist_core.experiment.optimizers import OPTIMIZERS
from mnist_core.experiment.shapes import INPUT_SHAPE, layer_name
from mnist_core.experiment.spec import NetworkSpec, TrainingSpec

if TYPE_CHECKING:
    import keras


def build_model(network: NetworkSpec, seed: int = 0, precision: str = "float32") -> keras.Model:
    """A Keras model from images float32 [n, 28, 28, 1] in [0, 1] to probabilities [n, classes].

    The layer "logits" gives the numbers before the softmax. One `seed`, one set of initial
    weights and one sequence of dropout masks. With precision "bfloat16" layers compute in
    bfloat16 and keep their weights in float32.
    """
    import keras

    policy = "mixed_bfloat16" if precision == "bfloat16" else "float32"
    inputs = values = keras.Input(INPUT_SHAPE, name="input")
    for index, layer in enumerate(network.layers):
        name = layer_name(index, layer.kind)
        *before, (class_name, settings) = keras_layers(layer, seed=layer_seed(seed, index))
        for helper_class, helper_settings in before:
            values = _make(helper_class, helper_settings, name=f"{name}_subsample", dtype=policy)(
                values
            )
        values = _make(class_name, settings, name=name, dtype=policy)(values)
    output_seed = layer_seed(seed, len(network.layers))
    initializer = (INITIALIZERS[network.output_initializer].keras_class, {"seed": output_seed})
    output = {"units": network.classes, "kernel_initializer": initializer}
    logits = _make("Dense", output, name="logits", dtype="float32")(values)
    probabilities = keras.layers.Softmax(name="probabilities", dtype="float32")(logits)
    return keras.Model(inputs, probabilities, name="network")


def layer_seed(seed: int, index: int) -> int:
    """Each layer's own seed, so that two layers of one shape do not start with equal weights."""
    return seed * 100 + index


def keras_layers(layer: Any, seed: int) -> list[tuple[str, dict[str, Any]]]:
    """The Keras layers that compute `layer`, in order: the last has its weights, mostly alone.

    A convolution of kernel 1 with a stride looks at every stride-th pixel only. Its gradient
    writes beyond its memory in TensorFlow 2.21's oneDNN kernels, which ends the process, so that
    these pixels are taken first: by pooling with a window of one pixel, which any reader of a
    Keras file knows. Then kernel 1 with stride 1 computes the same numbers.
    """
    class_name, settings = keras_layer(layer, seed)
    if getattr(layer, "frozen", False):
        settings["trainable"] = False
    if layer.kind != "conv" or layer.kernel_size > 1 or layer.stride == 1:
        return [(class_name, settings)]
    every = {"pool_size": 1, "strides": settings.pop("strides")}
    return [("AveragePooling2D", every), (class_name, settings)]


def keras_layer(layer: Any, seed: int) -> tuple[str, dict[str, Any]]:
    """The Keras class and the arguments of a layer: ("Dense", {"units": 32, …}).

    Initialisers and regularisers are pairs of their own class and arguments. Arguments at
    Keras's default are left out, so that the script a learner reads says only what matters.
    """
    settings: dict[str, Any] = {}
    if layer.kind == "dense":
        settings["units"] = layer.units
    elif layer.kind == "conv":
        settings |= {"filters": layer.filters, "kernel_size": layer.kernel_size}
        if layer.stride != 1:
            settings["strides"] = layer.stride
    elif layer.kind in ("max_pool", "average_pool"):
        settings["pool_size"] = layer.pool_size
        if layer.stride is not None:
            settings["strides"] = layer.stride
    elif layer.kind in _SETTINGS:
        settings |= _SETTINGS[layer.kind](layer, seed)
    elif _leaks_otherwise(layer):
        return "LeakyReLU", {"negative_slope": layer.negative_slope}
    if getattr(layer, "padding", "valid") != "valid":
        settings["padding"] = layer.padding
    if getattr(layer, "activation", "linear") != "linear" or layer.kind == "activation":
        settings["activation"] = layer.activation
    if layer.kind in ("dense", "conv"):
        initializer = INITIALIZERS[layer.initializer]
        arguments = {"seed": seed} if initializer.random else {}
        settings["kernel_initializer"] = (initializer.keras_class, arguments)
        if layer.l1 or layer.l2:
            settings["kernel_regularizer"] = ("L1L2", {"l1": layer.l1, "l2": layer.l2})
    return _CLASSES[layer.kind], settings


def _leaks_otherwise(layer: Any) -> bool:
    """Whether it is a leaky ReLU that Keras has no name for, as it has for the slope `LEAK`."""
    leaky = layer.kind == "activation" and layer.activation == "leaky_relu"
    return leaky and layer.negative_slope != LEAK


_SETTINGS: dict[str, Callable[[Any, int], dict[str, Any]]] = {
    "dropout": lambda layer, seed: {"rate": layer.rate, "seed": seed},
    "rescale": lambda layer, _seed: {"scale": layer.scale, "offset": layer.offset},
    "unit_norm": lambda _layer, _seed: {"axis": 1},
}
_CLASSES = {
    "dense": "Dense",
    "conv": "Conv2D",
    "max_pool": "MaxPooling2D",
    "average_pool": "AveragePooling2D",
    "batch_norm": "BatchNormalization",
    "activation": "Activation",
    "dropout": "Dropout",
    "flatten": "Flatten",
    "global_average_pool": "GlobalAveragePooling2D",
    "rescale": "Rescaling",
    "unit_norm": "UnitNormalization",
}


def keras_optimizer(training: TrainingSpec) -> tuple[str, dict[str, Any]]:
    """The Keras class and arguments of the optimiser: ("SGD", {"learning_rate": 0.1, …})."""
    optimizer = OPTIMIZERS[training.optimizer]
    settings = {"learning_rate": training.learning_rate, **optimizer.arguments}
    if optimizer.weight_decay:
        settings["weight_decay"] = training.weight_decay
    return optimizer.keras_class, settings


def build_optimizer(training: TrainingSpec) -> keras.optimizers.Optimizer:
    """The Keras optimiser; its learning rate is a variable that the training loop sets."""
    import keras

    class_name, settings = keras_optimizer(training)
    return getattr(keras.optimizers, class_name)(**settings)


def _make(class_name: str, settings: dict[str, Any], **more: Any) -> Any:
    import keras

    places = {"kernel_initializer": keras.initializers, "kernel_regularizer": keras.regularizers}
    arguments = {}
    for name, value in settings.items():
        if name in places:
            inner, inner_arguments = value
            if inner in ("Zeros", "Ones"):
                inner_arguments = {}
            value = getattr(places[name], inner)(**inner_arguments)
        arguments[name] = value
    return getattr(keras.layers, class_name)(**arguments, **more)
