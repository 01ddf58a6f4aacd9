"""The images of a data set as points in a plane, so that like ones lie together.

What is laid out are features float [n, d], such as the outputs of a network's last hidden layer.
They are centred but not divided by their deviations: the units of one layer share a scale, and
a unit that hardly ever answers should not count as much as one that tells digits apart.

Features that are not numbers, or are all alike, cannot be laid out: both functions then raise
ValueError, one sentence.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.sparse.linalg import eigsh

Floats = npt.NDArray[np.float64]

PERPLEXITY = 30.0
# t-SNE measures distances between so many principal components.
COMPONENTS = 50
EARLY_STEPS, STEPS, REPORT_STEPS = 250, 500, 10
FEWEST = 8
# Up to this size all eigenvectors are computed; beyond, a few of them are found sooner.
SMALL = 512


class Cancelled(Exception):
    """The layout was given up because it was asked to be."""


@dataclass(frozen=True, eq=False)
class Principal:
    """`points` [n, count] along the directions of greatest variance, and their `shares` of it."""

    points: Floats
    shares: tuple[float, ...]


def pca(features: npt.ArrayLike, count: int = 2) -> Principal:
    """The first `count` principal components of features [n, d], the same signs every time."""
    points, shares = principal_components(features, count)
    return Principal(points, tuple(map(float, shares)))


def principal_components(features: npt.ArrayLike, count: int) -> tuple[Floats, Floats]:
    """The first `count` components [n, count], and each one's share of the variance.

    Components that the features do not have are 0.
    """
    centred = _centred(features)
    # The smaller of the two products has the same eigenvalues.
    tall = centred.shape[0] >= centred.shape[1]
    product = (centred.T @ centred if tall else centred @ centred.T).astype(np.float64)
    values, vectors = _largest_eigenpairs(product, count)
    wanted = len(values)
    found = centred @ vectors if tall else vectors * np.sqrt(values)
    points, shares = np.zeros((len(centred), count)), np.zeros(count)
    largest = found[np.abs(found).argmax(axis=0), np.arange(wanted)]
    points[:, :wanted] = found * np.where(largest < 0, -1.0, 1.0)
    shares[:wanted] = values / np.trace(product)
    return points, shares


def _largest_eigenpairs(product: Floats, count: int) -> tuple[Floats, Floats]:
    """Eigenvalues, none below 0 and the largest first, and eigenvectors as columns."""
    size = len(product)
    if size <= max(SMALL, 2 * count):
        values, vectors = np.linalg.eigh(product)
    else:
        start = np.linspace(1.0, 2.0, size)  # not drawn, so that the result is the same
        values, vectors = eigsh(product, count, v0=start)
    order = values.argsort()[::-1][:count]
    return np.maximum(values[order], 0.0), vectors[:, order]


def tsne(
    features: npt.ArrayLike,
    progress: Callable[[float], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
    seed: int = 0,
) -> Floats:
    """Features [n, d] laid out by t-SNE, [n, 2]: near points stay near; far ones tell little.

    The first `COMPONENTS` principal components of features are laid out as they themselves are.

    van der Maaten and Hinton (2008), as openTSNE computes it, from the principal components and
    starting at them. `progress` hears of the share that is done, up to 1; when `cancelled` says
    True, Cancelled is raised. One seed, one layout. 2,000 images take some ten seconds.
    """
    components, _ = principal_components(features, COMPONENTS)
    if len(components) < FEWEST:
        raise ValueError(f"t-SNE needs at least {FEWEST} images; there are {len(components)}.")
    from openTSNE import TSNE  # brings scikit-learn along: seconds

    done = 0
    said_stop = False

    def report(step: int, _error: float, _points: Any) -> bool:
        nonlocal done, said_stop
        done += REPORT_STEPS
        if progress:
            progress(min(done / (EARLY_STEPS + STEPS), 1.0))
        said_stop = bool(cancelled and cancelled())
        return said_stop

    start = components[:, :2] / components[:, 0].std() * 1e-4
    layout = TSNE(
        perplexity=min(PERPLEXITY, (len(components) - 1) / 3),
        initialization=start,
        early_exaggeration_iter=EARLY_STEPS,
        n_iter=STEPS,
        neighbors="exact",
        negative_gradient_method="bh",
        n_jobs=1,  # the other processors are for those who are looking at pages
        random_state=seed,
        callbacks=report,
        callbacks_every_iters=REPORT_STEPS,
    ).fit(components)
    if said_stop:
        raise Cancelled
    return np.array(layout, np.float64)


def _centred(features: npt.ArrayLike) -> npt.NDArray[Any]:
    rows = np.asarray(features)
    if rows.dtype not in (np.float32, np.float64):
        rows = rows.astype(np.float64)
    if rows.ndim != 2 or 0 in rows.shape:
        raise ValueError(f"The features have shape {list(rows.shape)}; expected [n, d].")
    if not np.isfinite(rows).all():
        raise ValueError(
            "Some features are not numbers (NaN): this network has diverged, so its images "
            "cannot be mapped."
        )
    centred = rows - rows.mean(axis=0, dtype=np.float64).astype(rows.dtype)
    if not (np.ptp(rows, axis=0) > 0).any():
        raise ValueError(
            "All images have the same features, so there is nothing to map: this layer gives "
            "the same output for every image."
        )
    return centred
