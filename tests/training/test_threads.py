"""How many threads an operation gets, and in how many parts a batch is computed."""

from __future__ import annotations

import pytest
import tensorflow as tf

from mnist_core.training import threads


@pytest.mark.parametrize(
    ("count", "an_operation", "parts"), [(1, 1, 1), (2, 1, 2), (4, 1, 4), (8, 8, 1)]
)
def test_few_threads_take_parts_and_many_share_operations(monkeypatch, count, an_operation, parts):
    told = {"intra": 0, "inter": 0}
    for name in told:
        method = f"%s_{name}_op_parallelism_threads"
        monkeypatch.setattr(
            tf.config.threading, method % "set", lambda value, name=name: told.update({name: value})
        )
        monkeypatch.setattr(tf.config.threading, method % "get", lambda name=name: told[name])
    assert threads.batch_parts() == 1  # as TensorFlow comes
    threads.use_threads(count)
    assert told["intra"] == an_operation
    assert threads.batch_parts() == parts
