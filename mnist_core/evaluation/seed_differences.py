"""Comparison of results over several seeds: a difference made by a setting, or chance alone.

Each value of the setting is trained with several seeds. Welch's t-test compares the results of two
values without assuming that both scatter alike (B. L. Welch, "The generalization of 'Student's'
problem when several different population variances are involved", Biometrika 34, 1947). Holm's
method keeps the chance of a single false alarm in all comparisons together at `ALPHA` (S. Holm, "A
simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 6, 1979).

All values are trained with the same seeds, and are nevertheless not compared seed by seed: with
three seeds the paired test has two degrees of freedom instead of about four, which costs more than
pairing gains. What the seeds have in common makes Welch's test err on the careful side.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from scipy import stats

ALPHA = 0.05
LEAST_SEEDS = 2
_NUMBERS = {2: "two", 3: "three", 4: "four", 5: "five"}
# Results that differ by no more than this share of them are alike.
ROUNDING = 1e-9
METHOD = "Welch’s t-test with Holm’s correction"


@dataclass(frozen=True)
class Difference:
    """Two values of a setting, the better one first, and by how much it is better.

    `size` is the difference of the means, at least 0, `margin` the half width of its confidence
    interval at the level at which Holm's method tests it, infinite where the results do not scatter
    at all. `p` is corrected for all comparisons; `shown` says that it is more than chance.
    """

    better: str
    worse: str
    size: float
    margin: float
    p: float

    @property
    def shown(self) -> bool:
        """True when chance is ruled out at `ALPHA`."""
        return self.p < ALPHA


@dataclass(frozen=True)
class Verdict:
    """The verdict of `comparisons` comparisons; `seeds` is the fewest results that a value has.

    `reference` is the baseline, or without one the value with the best mean, `best`. The reported
    difference is that of the best and the baseline, or where the best is the reference, that of the
    best and the value that comes closest to it. `worse` are those that are worse than the reference
    by more than chance; `unknown` had too few results. `alike` says that all values have as many
    results.
    """

    best: str
    reference: str
    difference: Difference
    worse: tuple[str, ...]
    unknown: tuple[str, ...]
    comparisons: int
    seeds: int
    alike: bool


def compare(
    results: Mapping[str, Sequence[float]], baseline: str | None = None, more_is_better: bool = True
) -> Verdict | None:
    """Compare values by their results, one a seed; None where fewer than two have enough.

    Every value is compared with `baseline`; without one, or where it has too few results, every
    value with every other.
    """
    known = {name: np.asarray(each, float) for name, each in results.items()
             if len(each) >= LEAST_SEEDS}  # fmt: skip
    if len(known) < 2:
        return None
    sign = 1.0 if more_is_better else -1.0
    ranked = sorted(known, key=lambda name: -sign * float(known[name].mean()))
    best = ranked[0]
    if baseline in known:
        pairs = [(name, str(baseline)) for name in ranked if name != baseline]
    else:
        pairs = list(combinations(ranked, 2))
    found = _differences(known, pairs, sign)
    reference = baseline if baseline in known else best
    rivals = [each for each in found if best in (each.better, each.worse)]
    if baseline in known and baseline != best:
        reported = next(each for each in rivals if reference in (each.better, each.worse))
    else:
        reported = min(rivals, key=lambda each: each.size)
    counts = {len(each) for each in known.values()}
    return Verdict(
        best=best,
        reference=str(reference),
        difference=reported,
        worse=tuple(each.worse for each in found if each.shown and each.better == reference),
        unknown=tuple(name for name in results if name not in known),
        comparisons=len(pairs),
        seeds=min(counts),
        alike=len(counts) == 1,
    )


def in_words(verdict: Verdict, words: Callable[[float, float], str]) -> str:
    """A sentence, or two, that says no more than the results show.

    `words` writes a difference and its margin with their unit: "0.4 ± 0.2 points".
    """
    reported = verdict.difference
    by = words(reported.size, reported.margin)
    if reported.shown and reported.better == verdict.best:
        sentence = f"{reported.better} beats {reported.worse} by {by}: more than chance."
    elif math.isinf(reported.margin):
        sentence = (
            f"{reported.better} against {reported.worse} is {by}, but all seeds gave the same: "
            "without a spread nothing tells it from chance."
        )
    elif verdict.worse and verdict.best == verdict.reference:
        sentence = f"Nothing beats {verdict.best} by more than chance."
    else:
        sentence = (
            f"No difference that {_count(verdict.seeds)} could show: {reported.better} against "
            f"{reported.worse} is {by}."
        )
    if verdict.worse and not (reported.shown and verdict.worse == (reported.worse,)):
        worse = ", ".join(verdict.worse)
        sentence += f" Worse than {verdict.reference} by more than chance: {worse}."
    if verdict.unknown:
        sentence += f" Too few results to compare: {', '.join(verdict.unknown)}."
    return sentence


def method_in_words(verdict: Verdict, baseline: str | None) -> str:
    """The method behind the sentence, in words."""
    what = f"each value against {baseline}" if baseline else "each value against each other"
    seeds = " Each value was trained with the same seeds." if verdict.alike else ""
    return (
        f"{METHOD}, {what}: {verdict.comparisons} "
        f"comparison{'' if verdict.comparisons == 1 else 's'}, {100 * ALPHA:g}% in all.{seeds} "
        "± is the confidence interval."
    )


def _count(seeds: int) -> str:
    return f"{_NUMBERS.get(seeds, seeds)} seeds"


def _differences(
    known: Mapping[str, np.ndarray], pairs: Sequence[tuple[str, str]], sign: float
) -> list[Difference]:
    """Each pair tested, with Holm's corrected p and the interval at the level of its step.

    Holm's method ends with the first pair that chance could explain; those after it keep its level,
    so that an interval leaves out zero exactly where the difference is more than chance.
    """
    tests = [_welch(known[one], known[other]) for one, other in pairs]
    order = sorted(range(len(pairs)), key=lambda i: tests[i].pvalue)
    found: dict[int, Difference] = {}
    corrected, left = 0.0, len(pairs)
    for step, i in enumerate(order):
        if corrected < ALPHA:
            left = len(pairs) - step
        corrected = max(corrected, min(1.0, left * float(tests[i].pvalue)))
        one, other = pairs[i]
        gain = sign * float(known[one].mean() - known[other].mean())
        better, worse = (one, other) if gain >= 0 else (other, one)
        found[i] = Difference(better, worse, abs(gain), _margin(tests[i], ALPHA / left), corrected)
    return [found[i] for i in range(len(pairs))]


@dataclass(frozen=True)
class _Test:
    pvalue: float
    error: float  # of the difference, one standard deviation
    freedom: float


def _welch(one: np.ndarray, other: np.ndarray) -> _Test:
    """Welch's test; results that do not scatter say nothing about chance."""
    error = math.sqrt(one.var(ddof=1) / len(one) + other.var(ddof=1) / len(other))
    if error <= ROUNDING * max(abs(one.mean()), abs(other.mean())):
        return _Test(1.0, math.inf, 1.0)
    test = stats.ttest_ind(one, other, equal_var=False)
    return _Test(float(test.pvalue), error, float(test.df))


def _margin(test: _Test, alpha: float) -> float:
    return float(stats.t.ppf(1 - alpha / 2, test.freedom)) * test.error
