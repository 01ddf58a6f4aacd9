"""The clock of epochs: steps, batches and epochs, also when the batch size changes."""

from __future__ import annotations

import numpy as np

from mnist_core.training.epoch_clock import EpochClock


def test_an_epoch_ends_with_a_smaller_batch() -> None:
    clock = EpochClock(images=105, batch_size=10)
    assert (clock.steps_per_epoch, clock.total(3), clock.epoch) == (11, 33, 1)
    clock.advance(11)
    assert (clock.ended, clock.met, clock.epoch, clock.epochs_passed) == (1, 0, 1, 1.0)
    assert clock.last_sizes.tolist() == [10] * 10 + [5]
    clock.advance(1)
    assert (clock.step, clock.epoch, clock.met) == (12, 2, 10) and clock.total(3) == 33


def test_steps_taken_at_once_are_steps_taken_one_by_one() -> None:
    one, many = EpochClock(105, 10), EpochClock(105, 10)
    many.advance(28)
    for _ in range(28):
        one.advance(1)
    assert (one.step, one.ended, one.met) == (many.step, many.ended, many.met) == (28, 2, 60)
    assert np.concatenate(one.sizes).tolist() == np.concatenate(many.sizes).tolist()


def test_the_rest_of_an_epoch_comes_in_batches_of_another_size() -> None:
    clock = EpochClock(images=100, batch_size=10)
    clock.advance(3)
    clock.batch_size = 40
    assert (clock.left, clock.total(2)) == (2, 3 + 2 + 3)
    clock.advance(2)
    assert clock.last_sizes.tolist() == [10, 10, 10, 40, 30]
    assert (clock.ended, clock.total(1), clock.total(2)) == (1, 5, 8)
