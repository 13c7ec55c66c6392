"""Distances between pictures: a density for the selection, a score for the detectors, and whether they tell anything."""

from __future__ import annotations

import numpy as np
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import normalize

__all__ = ["contrast", "knn_distance"]


def contrast(features: np.ndarray) -> float:
    r"""How unequal the squared distances of all pairs of pictures are: their standard deviation over their mean.

    .. math:: \sqrt{\operatorname{var} \delta_{ij}} \, / \operatorname{mean} \delta_{ij}, \qquad
       \delta_{ij} = \lVert x_i - x_j \rVert^2 = 2 - 2 \, x_i^\top x_j, \quad i \neq j

    Parameters
    ----------
    features : (n, d), n >= 2; L2-normalised here.

    Returns
    -------
    >= 0; 0 where all are equally far from each other, and then nothing stands apart; 0 too where all are the same.

    Source
    ------
    Beyer et al. 1999, Theorem 1: as the variance of the distance over its squared mean goes to zero, the nearest neighbour
    loses its meaning. Deviations: squared distances, and the root.

    >>> contrast(np.eye(3)), round(contrast(np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])), 3)
    (0.0, 0.707)
    """
    unit = normalize(np.asarray(features, np.float64))
    n, d = unit.shape
    gram = unit @ unit.T if n < d else unit.T @ unit  # the same norm; at most (d, d), however many pictures
    pairs = n * (n - 1)
    mean = ((unit.sum(axis=0) ** 2).sum() - n) / pairs  # of the cosines
    variance = ((gram**2).sum() - n) / pairs - mean**2
    return float(np.sqrt(max(variance, 0.0)) / (1 - mean)) if 1 - mean > 1e-9 else 0.0


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
