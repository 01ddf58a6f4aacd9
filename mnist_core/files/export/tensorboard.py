"""A run's curves as TensorBoard logs: event files in folders `train` and `validation`, zipped."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mnist_core.base.sandbox import answer, call, folder_with, request_in
from mnist_core.storage.store import StepMetrics
from mnist_core.training.events import Epoch

FILE = "events.out.tfevents.{seconds:.0f}.mnist-lab"


def tensorboard_logs(
    steps: StepMetrics, epochs: Sequence[Epoch], folder_name: str, began: float
) -> bytes:
    """A zip file; unpacked beside others, `tensorboard --logdir .` shows them together.

    `began` is when the run started, in seconds since 1970. Raises WorkFailed.
    """
    arrays: dict[str, Any] = {
        "train_step": steps.step,
        "train_loss": steps.loss,
        "train_accuracy": steps.accuracy,
        "validation_step": np.array([epoch.step for epoch in epochs], np.int64),
        "validation_loss": np.array([epoch.val_loss for epoch in epochs], np.float64),
        "validation_accuracy": np.array([epoch.val_accuracy for epoch in epochs], np.float64),
    }
    seconds = sum(epoch.seconds for epoch in epochs)
    request = {"began": began, "step_seconds": seconds / max(1, len(steps.step))}
    stream = io.BytesIO()
    with folder_with(request, **arrays) as folder:
        call("mnist_core.files.export.tensorboard", folder)
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
            for path in sorted(folder.glob("*/events*")):
                archive.write(path, f"{folder_name}/{path.relative_to(folder).as_posix()}")
    return stream.getvalue()


def work(folder: Path) -> None:
    """In a process of its own: write the event files with TensorFlow's record writer."""
    request, arrays = request_in(folder)
    for part in ("train", "validation"):
        step = arrays[f"{part}_step"]
        curves = {name: arrays[f"{part}_{name}"] for name in ("loss", "accuracy")}
        curves = {name: values for name, values in curves.items() if not np.isnan(values).all()}
        if len(step) and curves:
            _write(folder / part, step, curves, request["began"], request["step_seconds"])
    answer(folder, {})


def _write(
    folder: Path, steps: Any, curves: dict[str, Any], began: float, step_seconds: float
) -> None:
    import tensorflow as tf

    event, summary = tf.compat.v1.Event, tf.compat.v1.Summary
    folder.mkdir()
    with tf.io.TFRecordWriter(str(folder / FILE.format(seconds=began))) as writer:
        header = event(wall_time=began, file_version="brain.Event:2")
        writer.write(header.SerializeToString())
        for index, step in enumerate(steps.tolist()):
            values = [
                summary.Value(tag=name, simple_value=float(curve[index]))
                for name, curve in curves.items()
            ]
            record = event(
                wall_time=began + step * step_seconds, step=step, summary=summary(value=values)
            )
            writer.write(record.SerializeToString())
