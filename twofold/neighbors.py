"""Distances to nearest neighbours: a density for the selection, a score for the detectors."""

from __future__ import annotations

import numpy as np
from sklearn.neighbors import NearestNeighbors

__all__ = ["knn_distance"]


def knn_distance(features: np.ndarray, reference: np.ndarray, k: int, own: np.ndarray | None = None) -> np.ndarray:
    """Mean Euclidean distance to the k nearest rows of a reference set, fewer where it is smaller.

    Parameters
    ----------
    features : (n, d)
    reference : (m, d)
    k : neighbours.
    own : (n,) row of the reference that is the same picture, -1 where there is none; no picture is its own neighbour.

    Returns
    -------
    (n,) >= 0; as an anomaly score, higher is more anomalous.

    Source
    ------
    The density of PANDA and MSC. Deviations: distances where they sum squared distances.

    >>> knn_distance(np.array([[0.0]]), np.array([[1.0], [3.0], [9.0]]), k=2)
    array([2.])
    >>> points = np.array([[0.0], [1.0], [5.0]])
    >>> knn_distance(points, points, k=1, own=np.arange(3))
    array([1., 1., 4.])
    """
    more = 0 if own is None else 1
    finder = NearestNeighbors(n_neighbors=min(k + more, len(reference)), algorithm="brute").fit(reference)
    distances, rows = finder.kneighbors(features)
    if own is None:
        return distances.mean(axis=1)
    itself = rows == np.asarray(own)[:, None]
    itself[~itself.any(axis=1), -1] = len(reference) > k  # a stranger gives up its farthest neighbour instead
    kept = np.where(itself, 0.0, distances)
    return kept.sum(axis=1) / np.maximum((~itself).sum(axis=1), 1)
