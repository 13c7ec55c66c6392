"""Distances to nearest neighbours against sorting by hand, and their contrast against all pairs."""

import numpy as np
import pytest
import torch

from twofold.parts import neighbors
from twofold.parts.neighbors import contrast, contrast_of, leave_one_out, nearest_others, squares_of


def knn_distance(features, reference, k, own=None):
    """Of arrays."""
    tensors = [None if a is None else torch.from_numpy(np.ascontiguousarray(a)) for a in (features, reference, own)]
    return neighbors.knn_distance(tensors[0], tensors[1], k, tensors[2]).numpy()


def sorted_distance(features, reference, k, exclude_self=False):
    means = []
    for i, x in enumerate(features):
        others = np.delete(reference, i, axis=0) if exclude_self else reference
        distances = sorted(float(np.sqrt(((x - y) ** 2).sum())) for y in others)
        means.append(np.mean(distances[:k]))
    return np.array(means)


@pytest.mark.parametrize("k", [1, 2, 5, 12])
@pytest.mark.parametrize("exclude_self", [False, True])
def test_knn_distance_is_the_mean_of_the_k_smallest(k, exclude_self):
    rng = np.random.default_rng(0)
    reference = rng.normal(size=(13, 4))
    features = reference if exclude_self else rng.normal(size=(6, 4))
    found = knn_distance(features, reference, k, np.arange(len(features)) if exclude_self else None)
    np.testing.assert_allclose(found, sorted_distance(features, reference, k, exclude_self), rtol=1e-6)


@pytest.mark.parametrize(
    ("features", "k", "expected"),
    [([[0.0]], 1, [1]), ([[0.0]], 2, [2]), ([[0.0]], 3, [13 / 3]), ([[1.0], [9.0]], 1, [0, 0]), ([[5.0]], 2, [3])],
)
def test_knn_distance_has_its_hand_derived_values(features, k, expected):
    reference = np.array([[1.0], [3.0], [9.0]])
    np.testing.assert_allclose(knn_distance(np.array(features), reference, k), expected)


def test_a_reference_smaller_than_k_is_used_whole():
    reference = np.array([[1.0], [3.0]])
    np.testing.assert_allclose(knn_distance(np.array([[0.0]]), reference, k=7), [2])
    np.testing.assert_allclose(knn_distance(reference, reference, k=7, own=np.arange(2)), [2, 2])


def test_no_row_is_its_own_neighbour_but_a_duplicate_is():
    features = np.array([[0.0], [0.0], [4.0]])
    np.testing.assert_allclose(knn_distance(features, features, k=1, own=np.arange(3)), [0, 0, 4])
    np.testing.assert_allclose(knn_distance(features, features, k=2, own=np.arange(3)), [2, 2, 4])


def test_knn_distance_scales_with_the_features_and_follows_their_order():
    rng = np.random.default_rng(1)
    features, reference = rng.normal(size=(5, 3)), rng.normal(size=(9, 3))
    plain = knn_distance(features, reference, 3)
    np.testing.assert_allclose(knn_distance(2 * features, 2 * reference, 3), 2 * plain)
    np.testing.assert_allclose(knn_distance(features[::-1], reference[::-1], 3), plain[::-1])


@pytest.mark.parametrize(("n", "d"), [(6, 20), (20, 6)])
def test_contrast_is_what_all_pairs_give(n, d):
    rows = np.random.default_rng(0).normal(size=(n, d)) + 0.5
    unit = rows / np.sqrt((rows**2).sum(axis=1, keepdims=True))
    pairs = [((unit[i] - unit[j]) ** 2).sum() for i in range(n) for j in range(i)]
    assert contrast(rows) == pytest.approx(np.std(pairs) / np.mean(pairs))
    assert contrast(7 * rows[::-1]) == pytest.approx(contrast(rows))


def test_contrast_is_zero_without_a_crowd_and_falls_as_strangers_become_many():
    crowd, strangers = np.tile(np.eye(200)[0], (60, 1)), np.eye(200)[1:]
    assert contrast(strangers) == pytest.approx(0)
    found = [contrast(np.concatenate([crowd, strangers[:n]])) for n in (20, 40, 80, 160)]
    assert found == sorted(found, reverse=True)


@pytest.mark.parametrize("k", [1, 3, 40])
def test_leave_one_out_leaves_each_row_out_in_parts_as_in_one(k, monkeypatch):
    rows = np.random.default_rng(0).normal(size=(23, 4))
    whole = leave_one_out(torch.from_numpy(rows), k)
    np.testing.assert_allclose(whole, sorted_distance(rows, rows, k, exclude_self=True), rtol=1e-6)
    monkeypatch.setattr(neighbors, "ROWS", 5)
    np.testing.assert_allclose(leave_one_out(torch.from_numpy(rows), k), whole, rtol=1e-12)


def test_some_rows_may_be_in_the_reference_and_others_not():
    reference = np.array([[1.0], [3.0], [9.0]])
    features = np.array([[1.0], [1.0]])
    np.testing.assert_allclose(knn_distance(features, reference, k=1, own=np.array([0, -1])), [2, 0])


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_reference_that_diverged_gives_no_number(bad):
    reference = np.array([[1.0], [bad], [9.0]])
    for own in (None, np.array([0, -1])):
        assert np.isnan(knn_distance(np.array([[1.0], [2.0]]), reference, k=1, own=own)).all()


def test_single_precision_features_are_compared_in_double():
    rows = torch.eye(3) * 1e4 + 1e-4 * torch.arange(3)[:, None]
    assert leave_one_out(rows, 1).dtype == torch.float64
    exact = [min(float((a - b).norm()) for b in rows.double() if not torch.equal(a, b)) for a in rows.double()]
    np.testing.assert_allclose(leave_one_out(rows, 1), exact, rtol=1e-9)


@pytest.mark.parametrize("k", [1, 4, 40])
def test_known_squared_distances_give_the_same_neighbours_and_contrast(k):
    rows = np.random.default_rng(0).normal(size=(20, 6))
    unit = rows / np.linalg.norm(rows, axis=1)[:, None]
    moved = unit - unit.mean(axis=0)  # from another origin
    squares = squares_of(moved @ moved.T)
    np.testing.assert_allclose(nearest_others(squares, k), leave_one_out(torch.from_numpy(unit), k).numpy())
    assert contrast_of(squares) == pytest.approx(contrast(rows))
    assert contrast_of(np.zeros((3, 3))) == 0
    assert nearest_others(np.zeros((1, 1)), k).tolist() == leave_one_out(torch.zeros(1, 2), k).tolist() == [0]
