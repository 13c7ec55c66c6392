"""Clusters: the space is the one that the run selects in, the dominant one is the run's, pictures keep their labels."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from given import runs, together, written
from matplotlib.colors import to_hex

from twofold.errors import InputError
from twofold.lessons import which_clustering as clusters
from twofold.parts.selection import dominant_cluster
from twofold.plots.style import SELECTION_LOOKS
from twofold.results.statistics import selection_means
from twofold.runs.config import configure
from twofold.runs.run import prepare


def test_clusters_are_numbered_by_size_and_ties_by_width():
    space = np.array([[0.0], [0.3], [9.0], [9.1], [50.0], [50.1], [50.2]])
    assert clusters.clusters(space, n_clusters=3).tolist() == [2, 2, 1, 1, 0, 0, 0]


@pytest.mark.parametrize("method", ["kmeans", "gmm", "meanshift"])
def test_the_first_cluster_is_the_one_that_selection_takes(method):
    space = np.random.default_rng(3).normal(size=(60, 4)) + 4 * np.repeat([[0], [1]], [40, 20], axis=0)
    found = clusters.clusters(space, method, 3, seed=1)
    assert (np.diff(np.bincount(found)) <= 0).all()
    assert ((found == 0) == dominant_cluster(space, method, 3, seed=1)).all()


@pytest.fixture(scope="module")
def unlabelled():
    return clusters.unlabelled_target(configure("digits", "type", "optdigits", "3"))


def test_the_unlabelled_target_is_the_run_s_own(unlabelled):
    task = prepare(configure("digits", "type", "optdigits", "3")).task
    assert (unlabelled.labels == task.target_train_labels).all()
    assert len(unlabelled.space) == len(unlabelled.pictures) == len(unlabelled.labels)
    assert np.allclose(unlabelled.space.std(axis=0, ddof=1), 1)
    bare = clusters.unlabelled_target(configure("digits", "type", "optdigits", "3", whiten_dims=0))
    assert np.allclose(np.linalg.norm(bare.space, axis=1), 1, atol=1e-5)


def test_a_run_that_does_not_cluster_there_is_refused():
    for fields in ({"method": "align_all"}, {"method": "cluster_backbone"}, {"selection": "knn"}):
        with pytest.raises(InputError, match="clusters in the encoder's space"):
            clusters.unlabelled_target(configure("digits", "type", "optdigits", "3", **fields))


def test_rows_hold_each_cluster_s_pictures_with_their_labels(unlabelled):
    found = clusters.clusters(unlabelled.space, n_clusters=2)
    rows = clusters.cluster_rows(unlabelled, found, shown=5, size_px=16)
    assert len(rows) == 2
    members = np.flatnonzero(found == 0)
    assert rows[0][0] == f"dominant cluster: {len(members)} pictures, {(unlabelled.labels[members] == 0).sum()} normal"
    assert all(tuple(pictures.shape) == (len(labels), 3, 16, 16) for _, pictures, labels, _ in rows)
    everything = clusters.cluster_rows(unlabelled, found, shown=10**4, size_px=8)
    assert sum(len(labels) for _, _, labels, _ in everything) == len(unlabelled.labels)
    assert sum(int(sum(labels)) for _, _, labels, _ in everything) == unlabelled.labels.sum()


def test_a_map_shows_every_picture_once_and_hides_labels_when_told(unlabelled):
    found = clusters.clusters(unlabelled.space, n_clusters=2)
    figure, (told, hidden) = plt.subplots(1, 2)
    clusters.cluster_map(unlabelled, found, told)
    clusters.cluster_map(unlabelled, found, hidden, revealed=False)
    for ax in (told, hidden):
        assert sum(len(c.get_offsets()) for c in ax.collections) == len(unlabelled.labels)
    assert told.get_legend() is not None
    assert hidden.get_legend() is None
    plt.close(figure)


def test_a_selection_is_named_with_its_auroc_or_its_collapse():
    def taken(name, *values, auroc=80.0, **fields):
        parts = [runs("twofold", auroc, selection=name, purity=p, recall=r, accuracy=0.5, **fields) for p, r in values]
        return together(*(part.assign(normal=str(i)) for i, part in enumerate(parts)))

    frame = together(
        taken("kmeans", (0.8, 0.5), (1.0, 0.7), auroc=81.0),
        taken("knn", (1.0, 0.6), collapsed=True),
        taken("a new one", (0.5, 0.5), auroc=60.0),
    )
    figure, ax = plt.subplots()
    clusters.selection_map(selection_means(frame, ["selection", "method"]), ax)
    assert written(ax) == [
        "K-means: AUROC 81.0",
        "nearest neighbours: 1/1 collapsed",
        "align the dominant cluster (paper): AUROC 60.0",  # a selection that has no look of its own
    ]
    classes, mean = ax.collections[:2]
    np.testing.assert_allclose(classes.get_offsets(), [[80, 50], [100, 70]])
    np.testing.assert_allclose(mean.get_offsets(), [[90, 60]])
    assert ax.get_xlim() == ax.get_ylim(), "a point of purity is as long as one of recall"
    assert to_hex(mean.get_facecolor()[0]) == SELECTION_LOOKS["kmeans"].color.lower()
    plt.close(figure)


def test_a_map_draws_what_lies_far_out_at_its_edge_and_all_reach_as_far():
    space = np.concatenate([np.random.default_rng(0).normal(size=(50, 2)), [[90.0, 0.0]]])
    unlabelled = clusters.Unlabelled(None, space, np.zeros(51, int))
    figure, ax = plt.subplots()
    clusters.cluster_map(unlabelled, np.zeros(51, int), ax, legend=False)
    (low, high), mean, spread = ax.get_xlim(), space[:, 0].mean(), space[:, 0].std()
    drawn = np.concatenate([c.get_offsets() for c in ax.collections])
    assert low < drawn[:, 0].min() <= drawn[:, 0].max() < high
    np.testing.assert_allclose(drawn[:, 0].max(), mean + clusters.REACH * spread)
    np.testing.assert_allclose(drawn[:-1, 0], space[:-1, 0])
    assert ax.get_legend() is None
    plt.close(figure)


def test_what_the_dominant_cluster_takes_is_said():
    unlabelled = clusters.Unlabelled(None, np.zeros((4, 1)), np.array([0, 0, 1, 0]))
    said = clusters.dominant_words({"K = 1": (unlabelled, np.zeros(4, int)), "K = 2": (unlabelled, np.array([0, 0, 1, 1]))})
    assert said == "The dominant cluster takes of the target 100% at K = 1 (75% of it normal), 50% at K = 2 (100% of it normal)"


def counted(k, auroc, purity, recall, **fields):
    return runs("twofold", auroc, n_clusters=k, purity=purity, recall=recall, accuracy=0.5, **fields)


def test_the_best_number_of_clusters_and_the_ends_are_said_and_a_collapsed_one_is_not_best():
    frame = together(counted(2, 70.0, 0.9, 0.8), counted(4, 80.0, 1.0, 0.5), counted(8, 99.0, 1.0, 0.4, collapsed=True))
    said = clusters.count_words(selection_means(frame, ["n_clusters", "method"]))
    assert said == (
        "On 1 class, too few for a verdict, highest at K = 4: AUROC 80.0 %, 100% pure, 50% of the normals; "
        "K = 2: AUROC 70.0 %, 90% pure, 80% of the normals"
    )


def test_the_best_selection_is_one_that_reads_no_label():
    frame = together(
        runs("twofold", 70.0, selection="kmeans", purity=0.9, recall=0.8, accuracy=0.5),
        runs("twofold", 80.0, selection="gmm", purity=1.0, recall=0.5, accuracy=0.5),
        runs("oracle", 95.0, selection="oracle", purity=1.0, recall=1.0, accuracy=1.0),
    )
    said = clusters.selection_words(selection_means(frame, ["selection", "method"]))
    assert said == (
        "On 1 class, too few for a verdict, Gaussian mixture has the highest AUROC without labels, "
        "80.0 %: 100% pure, 50% of the normals; "
        "then K-means 70.0"
    )
