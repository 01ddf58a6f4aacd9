"""How many threads an operation gets, and in how many parts a batch is computed."""

from __future__ import annotations

import pytest
import tensorflow as tf

from mnist_core.training import threads


@pytest.fixture
def told(monkeypatch):
    """What TensorFlow is told, by "intra" and "inter", instead of this process's own."""
    values = {"intra": 0, "inter": 0}
    for name in values:
        method = f"%s_{name}_op_parallelism_threads"
        monkeypatch.setattr(
            tf.config.threading,
            method % "set",
            lambda value, name=name: values.update({name: value}),
        )
        monkeypatch.setattr(tf.config.threading, method % "get", lambda name=name: values[name])
    return values


@pytest.mark.parametrize(
    ("count", "an_operation", "parts"), [(1, 1, 1), (2, 1, 2), (4, 1, 4), (8, 8, 1)]
)
def test_few_threads_take_parts_and_many_share_operations(told, count, an_operation, parts):
    assert threads.batch_parts() == 1  # as TensorFlow comes
    threads.use_threads(count)
    assert told["intra"] == an_operation
    assert threads.batch_parts() == parts


def test_large_dense_layers_get_threads_that_share_operations(told):
    threads.use_threads(2, share_operations=True)
    assert told["intra"] == 2 and threads.batch_parts() == 1


def test_a_gpu_gets_the_batch_as_a_whole(told, monkeypatch):
    threads.use_threads(2)
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: [f"/{kind}:0"])
    assert threads.batch_parts() == 1
    threads.use_threads(2)
    assert told["intra"] == 2 and threads.batch_parts() == 1
