"""A network's specification → the Keras model it describes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mnist_core.base.tensorflow_compat import load_keras
from mnist_core.experiment.initializers import INITIALIZERS
from mnist_core.experiment.optimizers import OPTIMIZERS
from mnist_core.experiment.shapes import INPUT_SHAPE, layer_name
from mnist_core.experiment.spec import NetworkSpec, TrainingSpec

if TYPE_CHECKING:
    import keras


def build_model(network: NetworkSpec, seed: int = 0, precision: str = "float32") -> keras.Model:
    """Build the Keras model of a network.

    Args:
        network: Its hidden layers and the number of its classes.
        seed: One seed gives one set of initial weights and one sequence of dropout masks.
        precision: With "bfloat16" layers compute in bfloat16 and keep their weights in float32.

    Returns:
        A model from images float32 [n, 28, 28, 1] in [0, 1] to probabilities float32 [n, classes].
        Its layer "logits" gives the numbers before the softmax.
    """
    load_keras()
    import keras

    policy = "mixed_bfloat16" if precision == "bfloat16" else "float32"
    inputs = values = keras.Input(INPUT_SHAPE, name="input")
    for index, layer in enumerate(network.layers):
        name = layer_name(index, layer.kind)
        *before, (class_name, settings) = layer.keras_layers(layer_seed(seed, index))
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
