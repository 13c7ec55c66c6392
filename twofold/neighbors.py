"""Distances to nearest neighbours: a density for the selection, a score for the detectors."""

from __future__ import annotations

import numpy as np
from sklearn.neighbors import NearestNeighbors

__all__ = ["knn_distance"]


def knn_distance(features: np.ndarray, reference: np.ndarray, k: int, exclude_self: bool = False) -> np.ndarray:
    """Mean Euclidean distance to the k nearest rows of a reference set, fewer where it is smaller.

    Parameters
    ----------
    features : (n, d)
    reference : (m, d)
    k : neighbours.
    exclude_self : features are the reference, and no row is its own neighbour.

    Returns
    -------
    (n,) >= 0; as an anomaly score, higher is more anomalous.

    Source
    ------
    The density of PANDA and MSC. Deviations: distances where they sum squared distances.

    >>> knn_distance(np.array([[0.0]]), np.array([[1.0], [3.0], [9.0]]), k=2)
    array([2.])
    """
    k = min(k, len(reference) - exclude_self)
    finder = NearestNeighbors(n_neighbors=k, algorithm="brute").fit(reference)
    return finder.kneighbors(None if exclude_self else features)[0].mean(axis=1)
