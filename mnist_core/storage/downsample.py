"""Long curves made fit for the screen: fewer points, less noise, nothing made up."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.ndimage import median_filter, uniform_filter1d

Indices = npt.NDArray[np.intp]


def decimate(
    step: npt.ArrayLike, value: npt.ArrayLike, limit: int
) -> tuple[npt.NDArray[np.generic], npt.NDArray[np.generic]]:
    """At most `limit` of the points of a curve, chosen so that its outline stays.

    Every point returned is one of the given ones. The first and the last are kept and, in
    each of equally long stretches, the lowest and the highest, so that no spike is lost.
    A stretch with values that are not finite keeps the first of those too, which leaves the
    gap in the line. With one point a pixel column this is M4 aggregation without its per-column
    first and last (Jugel et al., VLDB 2014, doi:10.14778/2732951.2732953).

    Args:
        step: [n], ascending.
        value: [n], may hold NaN and infinities.
        limit: the most points wanted, at least 8.

    Raises:
        ValueError: when the lengths differ or `limit` is below 8.
    """
    steps, values = np.asarray(step), np.asarray(value)
    if steps.shape != values.shape or steps.ndim != 1:
        raise ValueError(f"step {steps.shape} and value {values.shape} must be equally long rows")
    if limit < 8:
        raise ValueError(f"limit must be at least 8, not {limit}")
    if len(steps) <= limit:
        return steps, values
    kept = _outline(np.asarray(values, np.float64), limit)
    return steps[kept], values[kept]


def _outline(values: npt.NDArray[np.float64], limit: int) -> Indices:
    finite = np.isfinite(values)
    gaps = not finite.all()
    size = -(-len(values) // ((limit - 2) // (3 if gaps else 2)))
    stretches = -(-len(values) // size)
    padding = (0, stretches * size - len(values))

    def rows(filled: npt.NDArray[np.float64], fill: float) -> npt.NDArray[np.float64]:
        return np.pad(filled, padding, constant_values=fill).reshape(stretches, size)

    start = np.arange(stretches) * size
    low = start + rows(np.where(finite, values, np.inf), np.inf).argmin(axis=1)
    high = start + rows(np.where(finite, values, -np.inf), -np.inf).argmax(axis=1)
    kept = [np.array([0, len(values) - 1]), low, high]
    if gaps:
        broken = rows(np.where(finite, 0.0, 1.0), 0.0)
        kept.append((start + broken.argmax(axis=1))[broken.any(axis=1)])
    return np.unique(np.concatenate(kept))


def smooth(value: npt.ArrayLike, weight: float) -> npt.NDArray[np.float64]:
    """A curve without its noise, which follows a leap where it happens.

    The running median of a window around each point, then the mean of half that window to round
    its corners. An exponential average would still be high long after the curve itself has come
    down from a leap, and behind it at every bend. Values that are not finite stay as they are; the
    others are smoothed as if these were not there.

    Args:
        value: [n].
        weight: the window is that over which an exponential average of this weight has the same
            mean age, 2 / (1 - weight) - 1 points; in [0, 1), 0 changes nothing.

    Raises:
        ValueError: when `weight` is outside [0, 1).
    """
    if not 0 <= weight < 1:
        raise ValueError(f"weight must be at least 0 and below 1, not {weight}")
    values = np.array(value, np.float64)
    finite = np.isfinite(values)
    half = min(round(1 / (1 - weight)) - 1, int(finite.sum()) - 1)
    if half > 0:
        middle = median_filter(values[finite], 2 * half + 1, mode="reflect")
        values[finite] = uniform_filter1d(middle, 2 * (half // 2) + 1, mode="nearest")
    return values
