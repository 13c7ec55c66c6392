"""Answers to notebook 06."""

from __future__ import annotations

from typing import Any

import numpy as np

from twofold.lessons.judging import Code, Count, Number, Open, Word
from twofold.lessons.which_clustering import clusters
from twofold.parts.selection import dominant_cluster

__all__ = ["ANSWERS"]


def _dominant(points: np.ndarray, n_clusters: int) -> np.ndarray:
    return dominant_cluster(points, "kmeans", n_clusters)


def _alone(nb: Any) -> int:
    """Size of the dominant cluster with as many clusters as pictures."""
    space = nb.unlabelled.space
    return int((clusters(space, "kmeans", len(space), nb.seeds[0]) == 0).sum())


def _clouds(rng: np.random.Generator, *sizes: int) -> np.ndarray:
    """Clouds (n, 2) so far apart that every start of K-means ends with the same ones."""
    places = 50 * np.arange(len(sizes))[:, None] + np.zeros(2)
    return np.concatenate([place + rng.normal(size=(n, 2)) for place, n in zip(places, sizes, strict=True)])


def _recall(nb: Any) -> str:
    """What the recall does from the smallest K to the largest."""
    recall = nb.means["recall"].sort_index().dropna()
    return "rises" if recall.iloc[-1] > recall.iloc[0] else "falls"


ANSWERS = {
    "06.1": Number(
        lambda nb: 70 * 0.9 / 90, ("how many normals are among the 70?", "63 of how many normals in all?"), of="share"
    ),
    "06.2": Count(_alone, ("every picture is a cluster of its own", "unless two pictures lie in the very same place")),
    "06.3": Number(
        lambda nb: 1 - 0.2,
        ("who is judged rightly when all are called normal?", "the normals are: what is their share?"),
        of="share",
    ),
    "06.4": Code(
        lambda nb: _dominant,
        (
            "sklearn.cluster.KMeans(n_clusters, n_init=10, random_state=0).fit_predict(points) gives every point a number",
            "np.bincount counts them; the answer is one True or False a point",
        ),
        cases=lambda rng: {
            "two clouds": (_clouds(rng, 12, 20), 2),
            "three clouds, the largest first": (_clouds(rng, 25, 9, 14), 3),
        },
    ),
    "06.5": Open(
        lambda nb: (
            "a larger K makes the dominant cluster purer and smaller: the normals in the other clusters become negatives, so "
            "recall is paid for purity. Without labels one can look at pictures of each cluster (a style or another class?), "
            "at how its size follows K, and at whether two seeds give the same cluster; not at purity, which needs labels."
        ),
        (),
    ),
    "06.6": Word(
        _recall,
        ("K = 1 takes everything: what is its recall?", "the lines under the second figure say the recall of every K"),
        choices={"rises": ["up", "grows"], "falls": ["down", "drops", "sinks"]},
    ),
}
