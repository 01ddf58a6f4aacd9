"""An experiment → a plain Keras script that trains the same network the same way.

The script needs Keras and NumPy only, reads from top to bottom, and meets the same images in
the same order from the same weights: its curve is the app's curve, to rounding.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mnist_core.data.mnist import SPLIT_SEED
from mnist_core.experiment.changes import Change, story
from mnist_core.experiment.initializers import INITIALIZERS
from mnist_core.experiment.losses import LOSSES
from mnist_core.experiment.schedules import SCHEDULES
from mnist_core.experiment.shapes import INPUT_SHAPE
from mnist_core.experiment.spec import MNIST, Experiment
from mnist_core.model.build import keras_optimizer, layer_seed


def keras_script(experiment: Experiment, changes: Sequence[Change] = ()) -> str:
    """The experiment as a Keras script that trains the same network in the same way.

    Args:
        experiment: What to train; presets and links give one.
        changes: What was changed in a run of it after training had begun; the script's header
            says so.

    Returns:
        The script's text. Saved to a file and run by itself, it prints Keras's progress.

    >>> from mnist_core import PRESETS
    >>> "keras.layers.Dense(units=128" in keras_script(PRESETS["two-layer"])
    True
    """
    training = experiment.training
    scheduled = training.schedule != "constant"
    augmented = training.augmentation.active
    parts = [
        _header(experiment, augmented, changes),
        _data(experiment),
        _model(experiment),
        _schedule_source(training.schedule) if scheduled else "",
        _augment_source() if augmented else "",
        _compile(experiment),
        _batches(experiment) if augmented else "",
        _fit(experiment, scheduled, augmented),
    ]
    return "\n\n".join(part.strip("\n") for part in parts if part) + "\n"


def _header(experiment: Experiment, augmented: bool, changes: Sequence[Change]) -> str:
    title = " ".join(experiment.name.split()).replace('"', "'").replace("\\", "/") or "a network"
    imports = ["import keras", "import numpy as np"]
    if augmented:
        imports = ["import math", "", *imports, "import tensorflow as tf"]
    data = "MNIST" if experiment.data == MNIST else "images of your own"
    first = f'"""Train {title} on {data} with plain Keras.'
    notes = _changed(experiment, changes) + _left_out(experiment)
    opening = "\n".join([first, "", *notes, '"""']) if notes else first + '"""'
    return opening + "\n\n" + "\n".join(imports)


def _changed(experiment: Experiment, changes: Sequence[Change]) -> list[str]:
    """A note on the changes in mid-run, which this script leaves out."""
    if not changes:
        return []
    return [
        "The run was changed while it trained; this script keeps the settings of its start:",
        *(f"  after step {step}: {words}" for step, words in story(experiment, changes)),
        "",
    ]


def _left_out(experiment: Experiment) -> list[str]:
    """A sentence for each thing that the app does otherwise."""
    training = experiment.training
    ends = {
        "the validation loss no longer falls": training.patience,
        "a validation accuracy is reached": training.target_accuracy,
        "some minutes are over": training.max_minutes,
    }
    said = [
        f"The app ends the training when {words}; this script takes all epochs."
        for words, value in ends.items()
        if value is not None
    ]
    if _has_other_objective(experiment):
        said.append(
            "Keras's loss and val_loss count label smoothing and penalties on weights, too;\n"
            f"val_{training.loss} is without them, as the app's validation loss is."
        )
    wanted, convolutional = training.precision, experiment.network.convolutional
    if wanted == "bfloat16" or (wanted == "auto" and convolutional):
        said.append("The app computes in bfloat16 where the CPU has it; this script in float32.")
    return said


def _has_other_objective(experiment: Experiment) -> bool:
    """True when what is minimised is more than the loss of the labels."""
    penalised = any(
        getattr(layer, name, 0) for layer in experiment.network.layers for name in ("l1", "l2")
    )
    return bool(experiment.training.label_smoothing) or penalised


def _data(experiment: Experiment) -> str:
    training = experiment.training
    lines = [
        *(_MNIST_LINES if experiment.data == MNIST else _own_lines(experiment.data)),
        'x_train = x_train[..., None].astype("float32") / 255',
        'x_test = x_test[..., None].astype("float32") / 255',
        "",
        "# Set some images aside for validation; they are never trained on.",
        f"order = np.random.default_rng({SPLIT_SEED}).permutation(len(x_train))",
        f"held = round(len(order) * {training.validation_share})",
    ]
    end = f"[: {training.training_images}]" if training.training_images else ""
    lines += [
        f"validation, rest = order[:held], order[held:]{end}",
        "x_val, y_val = x_train[validation], y_train[validation]",
        "x_train, y_train = x_train[rest], y_train[rest]",
    ]
    return "\n".join(lines)


_MNIST_LINES = [
    "# MNIST: from the app's file beside this script, else by Keras's own loader.",
    "try:",
    '    data = np.load("data/mnist.npz")',
    '    x_train, y_train = data["x_train"], data["y_train"]',
    '    x_test, y_test = data["x_test"], data["y_test"]',
    "except FileNotFoundError:",
    "    (x_train, y_train), (x_test, y_test) = keras.datasets.mnist.load_data()",
]


def _own_lines(data: str) -> list[str]:
    return [
        "# Your own data set: save it beside this script (Explore, Data, “Save as .npz”).",
        f'data = np.load("{data_file_name(data)}")',
        'x_train, y_train = data["x_train"], data["y_train"]',
        'x_test, y_test = data["x_test"], data["y_test"]',
    ]


def data_file_name(data: str) -> str:
    """The name of the file that holds a data set of one's own, by its digest."""
    return f"data-{data[:8]}.npz"


def _model(experiment: Experiment) -> str:
    network, seed = experiment.network, experiment.training.seed
    lines = ["model = keras.Sequential(", "    [", f"        keras.Input({INPUT_SHAPE}),"]
    for index, layer in enumerate(network.layers):
        *before, (class_name, settings) = layer.keras_layers(layer_seed(seed, index))
        for first_name, first in before:
            lines.append("        # The pixels that the stride meets: it may crash at kernel 1.")
            lines.append(f"        keras.layers.{first_name}({_arguments(first)}),")
        lines.append(f"        keras.layers.{class_name}({_arguments(settings)}),")
    output_seed = layer_seed(seed, len(network.layers))
    initializer = INITIALIZERS[network.output_initializer].keras_class
    output = {
        "units": network.classes,
        "activation": "softmax",
        "kernel_initializer": (initializer, {"seed": output_seed}),
    }
    lines += [f"        keras.layers.Dense({_arguments(output)}),", "    ]", ")"]
    return "\n".join([*lines, "model.summary()"])


def _arguments(settings: dict[str, Any]) -> str:
    places = {"kernel_initializer": "initializers", "kernel_regularizer": "regularizers"}
    texts = []
    for name, value in settings.items():
        if name in places:
            inner, arguments = value
            if inner in ("Zeros", "Ones"):
                arguments = {}
            text = f"keras.{places[name]}.{inner}({_arguments(arguments)})"
        else:
            text = repr(value)
        texts.append(f"{name}={text}")
    return ", ".join(texts)


def _schedule_source(schedule: str) -> str:
    return _unannotated(inspect.getsource(SCHEDULES[schedule].factor))


def _augment_source() -> str:
    # Not imported, as it needs TensorFlow, which a server does without.
    source = (Path(__file__).parent / "augment.py").read_text("utf-8")
    return _body(source, "SIZE =").replace(": Any", "").replace(" -> Any", "")


def _body(source: str, first_line: str) -> str:
    """A module's source from `first_line` on, without annotations that need an import."""
    return _unannotated(source[source.index("\n" + first_line) + 1 :])


def _unannotated(body: str) -> str:
    for annotation in ("npt.NDArray[np.float32]", "npt.NDArray[np.float64]"):
        body = body.replace(annotation, "np.ndarray")
    return body.replace(": list[Any]", "").replace("list[Any]", "list")


def _compile(experiment: Experiment) -> str:
    class_name, settings = keras_optimizer(experiment.training)
    chosen, smoothing = LOSSES[experiment.training.loss], experiment.training.label_smoothing
    rows = bool(smoothing) or chosen.sparse is None
    kind = chosen.categorical if rows else chosen.sparse
    loss = f"keras.losses.{kind}({_arguments({'label_smoothing': smoothing} if smoothing else {})})"
    metrics = ['"accuracy"']
    if _has_other_objective(experiment):
        metrics.append(f'keras.metrics.{kind}(name="{experiment.training.loss}")')
    lines = [
        "model.compile(",
        f"    optimizer=keras.optimizers.{class_name}({_arguments(settings)}),",
        f"    loss={loss},",
        f"    metrics=[{', '.join(metrics)}],",
        ")",
    ]
    classes = experiment.network.classes
    if rows:
        lines.insert(0, "# This loss takes the labels as rows, one number a class.")
        for name in ("y_train", "y_val", "y_test"):
            lines.insert(1, f"{name} = keras.utils.to_categorical({name}, {classes})")
    return "\n".join(lines)


def _batches(experiment: Experiment) -> str:
    training = experiment.training
    active = {name: value for name, value in training.augmentation.model_dump().items() if value}
    return f'''
class Batches(keras.utils.PyDataset):
    """One epoch's batches, each image changed a little at random."""

    def __init__(self, order, first_step):
        super().__init__()
        self.order, self.first_step = order, first_step

    def __len__(self):
        return -(-len(self.order) // {training.batch_size})

    def __getitem__(self, index):
        rows = self.order[index * {training.batch_size} : (index + 1) * {training.batch_size}]
        seed = tf.constant([{training.seed}, self.first_step + index])
        return augment(x_train[rows], seed, {_arguments(active)}), y_train[rows]

'''


def _fit(experiment: Experiment, scheduled: bool, augmented: bool) -> str:
    training = experiment.training
    lines = [f"steps_per_epoch = -(-len(x_train) // {training.batch_size})"]
    callbacks = ""
    if scheduled:
        function = SCHEDULES[training.schedule].factor.__name__
        lines += [
            f"total_steps = steps_per_epoch * {training.epochs}",
            "",
            "",
            "class Schedule(keras.callbacks.Callback):",
            '    """Sets the learning rate before each step."""',
            "",
            "    def on_train_batch_begin(self, batch, logs=None):",
            "        step = int(self.model.optimizer.iterations)",
            f"        factor = np.float32({function}(step / total_steps))",
            f"        self.model.optimizer.learning_rate = {training.learning_rate} * factor",
            "",
            "",
        ]
        callbacks = ", callbacks=[Schedule()]"
    data = (
        "Batches(order, epoch * steps_per_epoch)"
        if augmented
        else f"x_train[order], y_train[order], batch_size={training.batch_size}"
    )
    validation = ", validation_data=(x_val, y_val)" if training.validation_share else ""
    lines += [
        f"for epoch in range({training.epochs}):",
        f"    order = np.random.default_rng([{training.seed}, epoch]).permutation(len(x_train))",
        f"    model.fit({data}, shuffle=False, initial_epoch=epoch, epochs=epoch + 1"
        f"{validation}{callbacks})",
        "",
        "results = model.evaluate(x_test, y_test, verbose=0, return_dict=True)",
        "print(f\"Test accuracy {results['accuracy']:.2%}\")",
    ]
    return "\n".join(lines)
