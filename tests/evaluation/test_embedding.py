"""Images laid out in a plane: PCA checked against scikit-learn, t-SNE by who is whose neighbour."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.manifold import trustworthiness

from mnist_core.evaluation import embedding
from mnist_core.evaluation.embedding import (
    COMPONENTS,
    Cancelled,
    pca,
    principal_components,
    tsne,
)


def clouds(n=150, d=12, groups=3, seed=0, dtype=np.float32):
    """Features in `groups` well separated clouds, and the group of each."""
    generator = np.random.default_rng(seed)
    group = np.arange(n) % groups
    centres = generator.normal(0, 8, (groups, d))
    return (centres[group] + generator.normal(0, 1, (n, d))).astype(dtype), group


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(embedding, "EARLY_STEPS", 60)
    monkeypatch.setattr(embedding, "STEPS", 100)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(200, 12), (40, 300), (300, 200), (150, 400), (7, 2)])
def test_pca_is_scikit_learns(shape, dtype):
    features, _ = clouds(*shape, dtype=dtype)
    reference = PCA(2, svd_solver="full").fit(features.astype(np.float64))
    expected = reference.transform(features.astype(np.float64))
    found = pca(features)
    signs = np.sign((found.points * expected).sum(axis=0))
    scale = np.abs(expected).max()
    np.testing.assert_allclose(found.points / scale, expected * signs / scale, atol=2e-5)
    np.testing.assert_allclose(found.shares, reference.explained_variance_ratio_, rtol=1e-4)


def test_the_components_stand_at_right_angles_and_their_shares_add_up():
    features, _ = clouds(100, 5, dtype=np.float64)
    points, shares = principal_components(features, 5)
    products = points.T @ points
    np.testing.assert_allclose(products, np.diag(products.diagonal()), atol=1e-8)
    assert shares.sum() == pytest.approx(1)
    assert (np.diff(shares) <= 0).all()


def test_signs_do_not_depend_on_chance():
    features, _ = clouds()
    assert np.array_equal(pca(features).points, pca(features).points)
    np.testing.assert_allclose(pca(-features).points, pca(features).points, atol=1e-3)
    largest = np.abs(pca(features).points).argmax(axis=0)
    assert (pca(features).points[largest, [0, 1]] > 0).all()


def test_units_that_never_change_do_not_matter():
    features, _ = clouds()
    with_dead = np.hstack([features, np.full((len(features), 4), 3.0, np.float32)])
    np.testing.assert_allclose(pca(with_dead).points, pca(features).points, atol=1e-3)


def test_one_direction_is_enough():
    line = np.arange(20.0)[:, None]
    found = pca(line)
    np.testing.assert_allclose(np.abs(found.points[:, 0]), np.abs(line[:, 0] - 9.5))
    assert not found.points[:, 1].any() and found.shares == (1.0, 0.0)


@pytest.mark.parametrize("integers", [np.uint8, np.int64])
def test_integers_are_features_too(integers):
    features = np.arange(60, dtype=integers).reshape(20, 3)
    np.testing.assert_allclose(pca(features).points, pca(features.astype(float)).points)


BAD = [
    (np.full((30, 4), np.nan), "diverged"),
    (np.where(np.eye(30, 4), np.inf, 0.0), "diverged"),
    (np.full((30, 4), 0.7, np.float32), "same features"),
    (np.zeros((1, 4)), "same features"),
    (np.zeros((0, 4)), "shape"),
    (np.zeros(30), "shape"),
]


@pytest.mark.parametrize(("features", "words"), BAD)
def test_what_cannot_be_laid_out_is_told(features, words):
    for function in (pca, tsne):
        with pytest.raises(ValueError, match=words):
            function(features)


def test_tsne_needs_some_images():
    with pytest.raises(ValueError, match="at least 8 images; there are 5"):
        tsne(clouds(5)[0])


@pytest.mark.usefixtures("quick")
def test_tsne_keeps_neighbours_together():
    features, group = clouds()
    points = tsne(features)
    assert points.shape == (150, 2) and np.isfinite(points).all()
    assert trustworthiness(features, points, n_neighbors=5) > 0.9
    distances = np.linalg.norm(points[:, None] - points[None], axis=2)
    np.fill_diagonal(distances, np.inf)
    assert np.array_equal(group[distances.argmin(axis=1)], group)


def test_components_are_their_own_components():
    found = pca(clouds(60, 80)[0], COMPONENTS)
    again = pca(found.points, COMPONENTS)
    np.testing.assert_allclose(again.points, found.points, atol=1e-6 * np.abs(found.points).max())
    assert sum(found.shares) < 1 and sum(again.shares) == pytest.approx(1)


@pytest.mark.usefixtures("quick")
def test_one_seed_one_layout_and_more_features_than_components():
    features, _ = clouds(60, COMPONENTS + 30)
    assert np.array_equal(tsne(features, seed=4), tsne(features, seed=4))


@pytest.mark.usefixtures("quick")
def test_equal_and_few_images():
    few, _ = clouds(8)
    assert np.isfinite(tsne(few)).all()
    assert np.isfinite(tsne(np.repeat(few[:3], 10, axis=0))).all()


@pytest.mark.usefixtures("quick")
def test_progress_grows_to_one():
    shares: list[float] = []
    tsne(clouds()[0], progress=shares.append)
    assert shares == sorted(shares) and len(shares) == 16
    assert shares[0] == pytest.approx(1 / 16) and shares[-1] == 1.0


@pytest.mark.usefixtures("quick")
def test_it_stops_when_it_is_asked_to():
    shares: list[float] = []
    with pytest.raises(Cancelled):
        tsne(clouds()[0], progress=shares.append, cancelled=lambda: len(shares) >= 3)
    assert len(shares) == 3


def test_it_costs_nothing_until_it_is_used():
    code = (
        "import sys, mnist_core.evaluation.embedding; "
        "print({'openTSNE', 'sklearn'} & set(sys.modules))"
    )
    seen = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert seen.stdout.strip() == "set()"
