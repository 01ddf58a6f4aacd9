import numpy as np
import pytest

from mnist_core.storage.downsample import decimate, smooth


def noisy(n, seed=0):
    generator = np.random.default_rng(seed)
    return np.arange(1, n + 1), np.exp(-np.arange(n) / n) + 0.1 * generator.standard_normal(n)


@pytest.mark.parametrize("n", [0, 1, 7, 8, 9, 100, 599, 600, 601, 1201, 100_000])
@pytest.mark.parametrize("limit", [8, 100, 600])
def test_decimated_points_are_real_ordered_and_bounded(n, limit):
    step, value = noisy(n)
    few_steps, few_values = decimate(step, value, limit)
    assert len(few_steps) == len(few_values) <= max(limit, 0)
    assert (np.diff(few_steps) > 0).all()
    assert np.array_equal(value[few_steps - 1], few_values)
    if n <= limit:
        assert np.array_equal(few_steps, step)
    if n:
        assert (few_steps[0], few_steps[-1]) == (step[0], step[-1])
        assert (few_values.min(), few_values.max()) == (value.min(), value.max())


def test_every_spike_survives():
    step, value = noisy(50_000)
    spikes = [17, 12_345, 12_999, 40_001]
    value[spikes] = [9, -8, 7, 50]
    kept, _ = decimate(step, value, 300)
    assert set(step[spikes]) <= set(kept)


@pytest.mark.parametrize("hole", [np.nan, np.inf, -np.inf])
def test_values_that_are_no_numbers_leave_their_gap(hole):
    step, value = noisy(10_000)
    value[4000:4003] = hole
    value[9000:] = hole
    kept, few = decimate(step, value, 600)
    assert len(kept) <= 600
    gone = kept[~np.isfinite(few)]
    assert any(4001 <= s <= 4003 for s in gone)
    assert gone.max() == 10_000
    finite = value[np.isfinite(value)]
    assert few[np.isfinite(few)].min() == finite.min()
    assert few[np.isfinite(few)].max() == finite.max()


def test_nothing_but_holes():
    step, value = noisy(5000)
    kept, few = decimate(step, np.full_like(value, np.nan), 100)
    assert 2 <= len(kept) <= 100
    assert np.isnan(few).all()


def test_decimate_says_what_is_wrong():
    with pytest.raises(ValueError, match="equally long"):
        decimate([1, 2], [1.0], 100)
    with pytest.raises(ValueError, match="at least 8"):
        decimate([1], [1.0], 2)


@pytest.mark.parametrize("weight", [0.0, 0.3, 0.6, 0.9, 0.99])
def test_smoothing_takes_noise_away_and_keeps_the_level(weight):
    _, value = noisy(2000)
    value[[0, 50, 51]] = [np.nan, np.inf, np.nan]
    smoothed = smooth(value, weight)
    finite = np.isfinite(value)
    assert np.array_equal(np.isfinite(smoothed), finite)
    assert np.ptp(np.diff(smoothed[finite])) <= np.ptp(np.diff(value[finite]))
    half = round(1 / (1 - weight)) - 1
    middle = np.median(value[1000 - half : 1001 + half])
    assert abs(smoothed[1000] - middle) <= np.ptp(value[1000 - 2 * half : 1001 + 2 * half])


def test_smoothing_follows_a_leap_at_once():
    value = np.full(300, 2.0)
    value[3:20] = 5e4  # as the loss leaps with far too high a learning rate
    smoothed = smooth(value, 0.9)
    assert smoothed[10] == pytest.approx(5e4)
    np.testing.assert_allclose(smoothed[26:], 2.0)


def test_smoothing_leaves_its_input_and_a_constant_alone():
    value = np.full(100, 2.5, np.float32)
    np.testing.assert_allclose(smooth(value, 0.9), 2.5)
    assert smooth(value, 0.0) is not value
    assert smooth([], 0.9).shape == (0,)
    assert np.isnan(smooth([np.nan], 0.9)).all()


@pytest.mark.parametrize("weight", [-0.1, 1.0, np.nan])
def test_smoothing_refuses_a_weight_that_never_forgets(weight):
    with pytest.raises(ValueError, match="weight"):
        smooth([1.0], weight)
