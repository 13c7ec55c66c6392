"""Which target pictures are taken for normal: closed cases, laws, and how selections fail."""

import numpy as np
import pytest

from twofold.errors import InputError
from twofold.parts.selection import CLUSTERINGS, dominant_cluster, selection_quality, whiten
from twofold.parts.selection import select as selected_by

PLAIN = {"n_clusters": 2, "whiten_dims": 0, "dense_share": 0.6, "sparse_share": 0.1, "neighbors": 7}


def select(features, selection, negatives, **changed):
    return selected_by(features, selection, negatives, **{**PLAIN, **changed})


@pytest.fixture
def blobs():
    """30 normals about one direction and 10 anomalies about another, lengths at random, with their labels."""
    rng = np.random.default_rng(0)
    centers = np.eye(8)[np.repeat([0, 1], [30, 10])]
    features = (centers + 0.1 * rng.normal(size=(40, 8))) * rng.uniform(0.5, 20, size=(40, 1))
    order = rng.permutation(40)
    return features[order], np.repeat([0, 1], [30, 10])[order]


@pytest.mark.parametrize("selection", ["kmeans", "gmm", "meanshift"])
def test_the_dominant_cluster_holds_the_larger_of_two_blobs(blobs, selection):
    features, labels = blobs
    found = select(features, selection, "non_dominant", whiten_dims=0)
    assert found.positive.dtype == bool
    if selection != "meanshift":  # it finds its own number of clusters
        np.testing.assert_array_equal(found.positive, labels == 0)
    assert labels[found.positive].sum() == 0
    assert found.positive.sum() >= 20
    np.testing.assert_array_equal(found.negative, ~found.positive)


def test_selection_ignores_the_length_of_features(blobs):
    features, _ = blobs
    lengths = np.random.default_rng(1).uniform(0.1, 100, size=(40, 1))
    for selection in ("kmeans", "gmm", "knn"):
        plain, scaled = (select(z, selection, "sparse_tail") for z in (features, features * lengths))
        np.testing.assert_array_equal(scaled.positive, plain.positive)
        np.testing.assert_array_equal(scaled.negative, plain.negative)


@pytest.mark.parametrize("selection", ["kmeans", "gmm", "meanshift", "knn"])
def test_selection_follows_the_order_of_rows(blobs, selection):
    features, _ = blobs
    plain, turned = (select(z, selection, "non_dominant", whiten_dims=0) for z in (features, features[::-1]))
    np.testing.assert_array_equal(turned.positive[::-1], plain.positive)


SELECTIONS = [*CLUSTERINGS, "knn", "all", "oracle"]
NEGATIVES = ["non_dominant", "sparse_tail", "in_batch", "both"]


@pytest.mark.parametrize("selection", SELECTIONS)
@pytest.mark.parametrize("negatives", NEGATIVES)
def test_every_selection_with_every_negatives_is_repeatable_and_disjoint(blobs, selection, negatives):
    features, labels = blobs
    first, second = (select(features, selection, negatives, seed=3, oracle_labels=labels) for _ in range(2))
    np.testing.assert_array_equal(first.positive, second.positive)
    np.testing.assert_array_equal(first.negative, second.negative)
    assert first.positive.shape == first.negative.shape == (40,)
    assert not (first.positive & first.negative).any()
    assert first.positive.any()
    np.testing.assert_array_equal(first.rows, [i for i in range(40) if first.positive[i] or first.negative[i]])


def test_of_clusters_equally_large_the_tightest_is_taken():
    wide, tight = [[0.0], [2.0], [4.0]], [[100.0], [100.1], [100.2]]
    np.testing.assert_array_equal(dominant_cluster(np.array(wide + tight), "kmeans", 2), [False] * 3 + [True] * 3)
    np.testing.assert_array_equal(dominant_cluster(np.array(tight + wide), "kmeans", 2), [True] * 3 + [False] * 3)


def test_size_counts_before_tightness():
    features = np.array([[0.0], [2.0], [4.0], [100.0], [100.0]])
    np.testing.assert_array_equal(dominant_cluster(features, "kmeans", 2), [True] * 3 + [False] * 2)


@pytest.mark.parametrize("method", CLUSTERINGS)
def test_one_cluster_or_pictures_all_alike_are_taken_whole(method):
    alike = np.ones((6, 3))
    if method != "gmm":
        assert dominant_cluster(alike, method, 2).all()
    spread = np.arange(12.0).reshape(6, 2)
    if method != "meanshift":
        assert dominant_cluster(spread, method, n_clusters=1).all()


def test_as_many_clusters_as_pictures_leave_one():
    assert dominant_cluster(np.array([[0.0], [1.0], [5.0]]), "kmeans", 3).sum() == 1


@pytest.mark.parametrize("n_clusters", [0, 5])
def test_more_clusters_than_pictures_are_refused(n_clusters):
    with pytest.raises(InputError, match=f"wanted n_clusters from 1 to the 4 target.* got {n_clusters}; lower it"):
        select(np.eye(4), "kmeans", "non_dominant", n_clusters=n_clusters)


@pytest.mark.parametrize(("share", "size"), [(0.6, 24), (0.25, 10), (0.001, 1), (1.0, 40)])
def test_knn_takes_the_densest_share_and_at_least_one(blobs, share, size):
    features, _ = blobs
    unit = features / np.linalg.norm(features, axis=1, keepdims=True)
    distances = np.sort(np.linalg.norm(unit[:, None] - unit[None], axis=2), axis=1)[:, 1:6].mean(axis=1)
    found = select(features, "knn", "non_dominant", dense_share=share, neighbors=5)
    assert found.positive.sum() == size
    np.testing.assert_array_equal(np.flatnonzero(found.positive), np.sort(np.argsort(distances)[:size]))


def test_the_sparse_tail_holds_the_loneliest_and_leaves_the_middle_out(blobs):
    features, _ = blobs
    features[7] = -20 * np.eye(8)[2]  # a direction of its own
    found = select(features, "knn", "sparse_tail", dense_share=0.6, sparse_share=0.1)
    assert found.negative.sum() == 4
    assert found.negative[7]
    assert found.positive.sum() == 24
    assert len(found.rows) == 28


def test_the_sparse_tail_is_taken_from_the_positives_where_they_meet(blobs):
    features, _ = blobs
    found = select(features, "all", "sparse_tail", sparse_share=0.25)
    assert found.negative.sum() == 10
    np.testing.assert_array_equal(found.positive, ~found.negative)


def test_in_batch_has_no_negatives_and_all_takes_everything(blobs):
    features, _ = blobs
    assert not select(features, "kmeans", "in_batch").negative.any()
    assert select(features, "all", "in_batch").positive.all()
    assert not select(features, "all", "non_dominant").negative.any()


def test_both_selects_as_non_dominant_does(blobs):
    features, _ = blobs
    both, plain = (select(features, "kmeans", negatives) for negatives in ("both", "non_dominant"))
    np.testing.assert_array_equal(both.negative, plain.negative)


def test_the_oracle_takes_the_normals_and_repels_the_anomalies_without_a_look_at_features(blobs):
    _, labels = blobs
    found = select(np.zeros((40, 1)), "oracle", "non_dominant", oracle_labels=labels)
    np.testing.assert_array_equal(found.positive, labels == 0)
    np.testing.assert_array_equal(found.negative, labels == 1)


def test_the_oracle_without_labels_is_refused():
    with pytest.raises(ValueError, match=r"selection='oracle' wants oracle_labels \(n,\), got None; pass the task's"):
        select(np.eye(3), "oracle", "non_dominant")


@pytest.mark.parametrize("selection", [name for name in SELECTIONS if name != "oracle"])
def test_labels_move_no_selection_but_the_oracle(blobs, selection):
    features, labels = blobs
    plain, told = (select(features, selection, "sparse_tail", oracle_labels=given) for given in (None, 1 - labels))
    np.testing.assert_array_equal(plain.positive, told.positive)


@pytest.mark.parametrize(
    ("positive", "labels", "expected"),
    [
        ([1, 1, 1, 0], [0, 0, 1, 1], {"size": 3, "purity": 2 / 3, "recall": 1.0, "accuracy": 0.75}),
        ([1, 0, 0, 0], [0, 0, 0, 1], {"size": 1, "purity": 1.0, "recall": 1 / 3, "accuracy": 0.5}),
        ([0, 0, 1], [0, 0, 1], {"size": 1, "purity": 0.0, "recall": 0.0, "accuracy": 0.0}),
        ([0, 0], [0, 1], {"size": 0, "purity": None, "recall": 0.0, "accuracy": 0.5}),
        ([1, 0], [1, 1], {"size": 1, "purity": 0.0, "recall": None, "accuracy": 0.5}),
    ],
)
def test_quality_has_its_hand_derived_values(positive, labels, expected):
    assert selection_quality(np.array(positive, bool), np.array(labels)) == pytest.approx(expected)


def test_whitened_components_have_unit_variance_and_no_correlation():
    features = np.random.default_rng(0).normal(size=(80, 12)) * np.logspace(0, 2, 12)
    space = whiten(features, dims=6)
    np.testing.assert_allclose(np.cov(space.T), np.eye(6), atol=1e-8)


def test_whitening_forgets_the_scale_of_every_dimension():
    features = np.random.default_rng(0).normal(size=(40, 12))
    np.testing.assert_allclose(np.abs(whiten(features, 4)), np.abs(whiten(features * np.arange(1, 13) + 5, 4)), atol=1e-8)


def test_pictures_that_are_all_alike_whiten_to_zeros():
    assert not whiten(np.ones((20, 5)), 8).any()


def test_odd_pictures_stand_apart_once_the_variety_of_the_normals_is_whitened_away():
    rng = np.random.default_rng(0)
    features = rng.normal(size=(200, 40)) * np.r_[10, 8, np.ones(38)]
    features[:20, 2:6] += 6  # a tenth is odd, in directions narrower than the normals' own
    odd = np.arange(200) < 20
    bare = dominant_cluster(features, "kmeans", 2)
    assert bare[~odd].mean() < 0.7
    found = dominant_cluster(whiten(features, 8), "kmeans", 2)
    assert found[~odd].mean() > 0.95
    assert not found[odd].any()
