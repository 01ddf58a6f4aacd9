"""Whether a setting made a difference: told only where the seeds' spread allows it."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from mnist_core.evaluation.seed_differences import ALPHA, compare, in_words, method_in_words

LOW, HIGH = (0.970, 0.972, 0.971), (0.9790, 0.9805, 0.9795)


def words(size: float, margin: float) -> str:
    return f"{100 * size:.2g} ± {100 * margin:.2g} points"


def test_two_values_are_compared_as_by_welch() -> None:
    verdict = compare({"0.001": LOW, "0.003": HIGH}, baseline="0.001")
    test = stats.ttest_ind(HIGH, LOW, equal_var=False)
    interval = test.confidence_interval(1 - ALPHA)
    told = verdict.difference
    assert (told.better, told.worse, verdict.comparisons) == ("0.003", "0.001", 1)
    assert told.p == pytest.approx(test.pvalue) and told.shown
    assert told.size - told.margin == pytest.approx(interval.low)
    assert told.size + told.margin == pytest.approx(interval.high)
    assert in_words(verdict, words) == "0.003 beats 0.001 by 0.87 ± 0.21 points: more than chance."


def test_holms_method_asks_more_of_many_comparisons() -> None:
    results = {"own": LOW, "b": HIGH, "c": (0.9705, 0.9725, 0.9712), "d": (0.969, 0.973, 0.971)}
    verdict = compare(results, baseline="own")
    alone = stats.ttest_ind(HIGH, LOW, equal_var=False)
    assert verdict.comparisons == 3 and verdict.difference.better == "b"
    assert verdict.difference.p == pytest.approx(3 * alone.pvalue)


def test_interval_and_test_always_say_the_same() -> None:
    random, shown = np.random.default_rng(1), 0
    for _ in range(200):
        spreads, means = random.uniform(0.001, 0.02, 4), random.uniform(0.9, 0.95, 4)
        results = {
            str(i): random.normal(mean, spread, 3)
            for i, (mean, spread) in enumerate(zip(means, spreads, strict=True))
        }
        reported = compare(results, baseline="0").difference
        shown += reported.shown
        assert reported.shown == (reported.size > reported.margin), results
    assert 10 < shown < 190, "both happen"


def test_what_scatters_more_than_it_differs_is_no_difference() -> None:
    results = {"0.001": (0.97, 0.98, 0.975), "0.003": (0.972, 0.981, 0.976)}
    verdict = compare(results, baseline="0.001")
    assert not verdict.difference.shown
    said = in_words(verdict, words)
    assert said.startswith("No difference that three seeds could show: 0.003 against 0.001 is 0.1")
    assert "more than chance" not in said


def test_less_is_better_for_a_loss_and_what_is_worse_is_named() -> None:
    results = {
        "0.1": (0.90, 0.91, 0.90),
        "0.01": (0.30, 0.31, 0.305),
        "0.02": (0.301, 0.309, 0.306),
    }
    verdict = compare(results, baseline="0.01", more_is_better=False)
    assert verdict.best == "0.01" and verdict.worse == ("0.1",)
    said = in_words(verdict, words)
    assert (
        said == "Nothing beats 0.01 by more than chance. Worse than 0.01 by more than chance: 0.1."
    )


def test_what_is_worse_is_worse_than_the_experiment_s_own_value() -> None:
    """Although another has the best mean, which chance explains."""
    results = {"0": (0.970, 0.972, 0.971), "2": (0.9705, 0.9725, 0.971), "3": (0.90, 0.901, 0.902)}
    verdict = compare(results, baseline="0")
    assert (verdict.best, verdict.reference, verdict.worse) == ("2", "0", ("3",))
    assert in_words(verdict, words) == (
        "No difference that three seeds could show: 2 against 0 is 0.033 ± 0.23 points. "
        "Worse than 0 by more than chance: 3."
    )


def test_only_where_all_have_as_many_results_the_seeds_are_called_the_same() -> None:
    whole, part = compare({"a": LOW, "b": HIGH}), compare({"a": LOW, "b": HIGH[:2]})
    assert whole.alike and "with the same seeds" in method_in_words(whole, None)
    assert (part.seeds, part.alike) == (2, False)
    assert "the same seeds" not in method_in_words(part, None)


def test_values_with_too_few_results_are_named_and_left_out() -> None:
    verdict = compare({"a": LOW, "b": HIGH, "c": (0.9,), "d": ()}, baseline="a")
    assert verdict.unknown == ("c", "d") and "Too few results to compare: c, d." in in_words(
        verdict, words
    )
    assert compare({"a": LOW, "b": (0.9,)}) is None


def test_without_a_baseline_every_pair_is_compared() -> None:
    verdict = compare({"a": LOW, "b": HIGH, "c": (0.95, 0.951, 0.952)}, baseline="gone")
    assert verdict.comparisons == 3 and verdict.best == "b"
    assert verdict.difference.worse == "a", "the best is compared with what comes closest"
    assert "against each other" in method_in_words(verdict, None)


def test_results_without_any_spread_prove_nothing() -> None:
    verdict = compare({"a": (0.9, 0.9 + 1e-16), "b": (0.8, 0.8)}, baseline="a")
    assert not verdict.difference.shown and verdict.difference.margin == np.inf
    assert "all seeds gave the same" in in_words(
        verdict, lambda size, _: f"{100 * size:.2g} points"
    )


def test_chance_alone_is_seldom_called_a_difference() -> None:
    """In all comparisons of a study together not more often than `ALPHA`, whatever the spreads."""
    random, alarms = np.random.default_rng(0), 0
    for _ in range(400):
        spreads = random.uniform(0.001, 0.01, 5)
        results = {str(i): random.normal(0.97, spread, 3) for i, spread in enumerate(spreads)}
        verdict = compare(results, baseline="0")
        alarms += bool(verdict.worse) or verdict.difference.shown
    assert alarms / 400 <= ALPHA + 0.03
