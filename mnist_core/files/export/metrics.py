"""A run's curves as one table, and that as CSV or Parquet."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from mnist_core.storage.store import StepMetrics
from mnist_core.training.events import Epoch

if TYPE_CHECKING:
    import pandas


def metrics_table(steps: StepMetrics, epochs: Sequence[Epoch]) -> pandas.DataFrame:
    """One row a step: step, epoch, loss, accuracy, val_loss, val_accuracy, epoch_seconds.

    The last three are there in the rows of steps that end an epoch, and empty in all others.
    """
    import pandas

    ends = np.array([epoch.step for epoch in epochs], np.int64)
    number = np.searchsorted(ends, steps.step) + 1
    table = pandas.DataFrame(
        {"step": steps.step, "epoch": number, "loss": steps.loss, "accuracy": steps.accuracy}
    ).set_index("step")
    ended = pandas.DataFrame(
        {
            "val_loss": [epoch.val_loss for epoch in epochs],
            "val_accuracy": [epoch.val_accuracy for epoch in epochs],
            "epoch_seconds": [epoch.seconds for epoch in epochs],
        },
        index=pandas.Index(ends, name="step"),
        dtype="float64",
    )
    return table.join(ended, how="left").reset_index()


def as_csv(table: pandas.DataFrame) -> bytes:
    """Comma-separated, float32 values with the digits that they have."""
    return table.to_csv(index=False, float_format="%.9g", lineterminator="\n").encode()


def as_parquet(table: pandas.DataFrame) -> bytes:
    """Apache Parquet, types kept."""
    stream = io.BytesIO()
    table.to_parquet(stream, index=False)
    return stream.getvalue()
