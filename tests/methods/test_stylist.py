"""Stylist: Wasserstein distances against scipy's, which features stay, and the score by a naive computation."""

import numpy as np
import pytest
import torch
from scipy.stats import wasserstein_distance
from sklearn.metrics import roc_auc_score
from sklearn.preprocessing import StandardScaler, normalize

from twofold.data.domains import ArrayPictures, Domain, View
from twofold.methods.stylist import wasserstein


@pytest.mark.parametrize(("n", "m"), [(1, 1), (7, 7), (5, 8), (30, 12), (1, 9)])
def test_the_distance_of_each_feature_is_that_of_scipy(n, m):
    rng = np.random.default_rng(n * 100 + m)
    x, y = rng.normal(size=(n, 4)), rng.normal(1, 2, size=(m, 4))
    x[:, 3], y[:, 3] = rng.integers(0, 3, n), rng.integers(0, 3, m)  # ties
    expected = [wasserstein_distance(x[:, j], y[:, j]) for j in range(4)]
    np.testing.assert_allclose(wasserstein(torch.tensor(x), torch.tensor(y)).numpy(), expected, rtol=1e-12, atol=1e-12)


def test_the_distance_is_the_shift_of_a_shifted_sample_and_zero_of_the_same():
    x = torch.randn(9, 3, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(wasserstein(x, x + torch.tensor([0.0, -2.0, 5.0])), torch.tensor([0.0, 2.0, 5.0]))
    assert wasserstein(x, x[[3, 1, 2, 0, 8, 7, 6, 5, 4]]).abs().max() == 0
    torch.testing.assert_close(wasserstein(x, x.repeat(2, 1)), torch.zeros(3), atol=1e-6, rtol=0)


def by_hand(method, toy, share, k, rows):
    """Scores of the test pictures by scikit-learn, scipy and sorting; of equally stable features those that were kept."""
    parts = []
    views = [method.spaces(method.embed(view)) for view in (toy.source, toy.target, toy.test)]
    for i, (source, target, test) in enumerate(zip(*views, strict=True)):
        source, target, test = (normalize(space.double().numpy()) for space in (source, target, test))
        scaler = StandardScaler().fit(np.concatenate([source, target]))
        source, target, test = (scaler.transform(space) for space in (source, target, test))
        score = np.array([wasserstein_distance(x, y) for x, y in zip(source.T, target.T, strict=True)])
        moves = np.flatnonzero(np.ptp(np.concatenate([source, target]), axis=0) > 1e-6)
        stays = getattr(method, f"kept_{i}").numpy()
        assert set(stays) <= set(moves)
        np.testing.assert_allclose(np.sort(score[stays]), np.sort(score[moves])[: int(len(moves) * share)], rtol=1e-6)
        memory = {"source": source, "target": target, "both": np.concatenate([source, target])}[rows][:, stays]
        distance = np.sqrt(((test[:, None, stays] - memory) ** 2).sum(axis=2))
        own = np.sqrt(((memory[:, None] - memory) ** 2).sum(axis=2))
        np.fill_diagonal(own, np.inf)
        low, middle, high = np.quantile(np.sort(own, axis=1)[:, :k].mean(axis=1), [0.25, 0.5, 0.75])
        raw = np.sort(distance, axis=1)[:, :k].mean(axis=1)
        parts.append((raw - middle) / (high - low or 1.0) if len(views[0]) > 1 else raw)
    return np.mean(parts, axis=0)


@pytest.mark.parametrize(
    ("share", "k", "rows", "features"),
    [(0.25, 30, "both", "layers"), (0.5, 3, "source", "encoder_hidden"), (0.9, 5, "target", "layers")],
)
def test_the_score_is_the_naive_one(toy, share, k, rows, features):
    method = toy.fitted("stylist", features=features, stable_share=share, memory_neighbors=k, memory=rows)
    expected = by_hand(method, toy, share, k, rows)
    np.testing.assert_allclose(toy.scores(method), expected, rtol=1e-5)


def test_a_feature_that_only_the_shift_moves_is_dropped(toy):
    method = toy.fitted("stylist", features="encoder_last", stable_share=0.5)
    both = torch.cat([method.spaces(method.embed(view))[0] for view in (toy.source, toy.target)])
    unit = torch.nn.functional.normalize(both, dim=1).double()
    std = unit.std(dim=0, correction=0)
    distance = wasserstein(unit[:24], unit[24:]) / std
    dropped = (std > 1e-9).index_fill(0, method.kept_0, False)
    assert distance[method.kept_0].max() <= distance[dropped].min() + 1e-12


def test_a_feature_that_never_moves_is_dropped(toy):
    method = toy.fitted("stylist", features="backbone", stable_share=1.0)
    both = torch.cat([method.embed(view) for view in (toy.source, toy.target)])
    still = (both == both[:1]).all(dim=0)
    assert still.any()
    assert not still[method.kept_0].any()


def test_all_features_and_a_memory_of_the_target_are_neighbours_in_standardised_features(toy):
    method = toy.fitted("stylist", features="backbone", stable_share=1.0, memory="target", memory_neighbors=7)
    assert method.scales.tolist() == [[0.0, 1.0]]
    assert set(method.seen_) == set(toy.target.contents)


def test_without_any_shift_it_is_well_above_chance(toy):
    normals = toy.target.subset(np.flatnonzero(toy.labels == 0))
    method = toy.build("stylist").fit(normals.subset(np.arange(15)), normals.subset(np.arange(15, 30)))
    assert roc_auc_score(toy.test_labels, toy.scores(method)) > 0.9


def test_where_all_pictures_are_alike_nothing_is_divided_by_zero(toy):
    grey = Domain("toy", "grey", ArrayPictures(np.full((20, 32, 32, 3), 128, np.uint8)), ["x"] * 20, [*map(str, range(20))])
    view = View(grey, np.arange(20))
    assert np.isfinite(toy.build("stylist").fit(view, view).anomaly_score(toy.test)).all()
