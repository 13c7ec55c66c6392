"""Which target pictures are taken for normal (Eq. 6 and 7), and how right that is."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from twofold.errors import InputError

__all__ = ["CLUSTERINGS", "Selection", "dominant_cluster", "select", "selection_quality", "whiten"]


@dataclass(frozen=True, eq=False)
class Selection:
    """Masks (n,) over the unlabelled target: ``positive`` is aligned, ``negative`` repelled; the rest plays no part."""

    positive: np.ndarray
    negative: np.ndarray

    @property
    def rows(self) -> np.ndarray:
        """Rows that play a part."""
        return np.flatnonzero(self.positive | self.negative)


# scikit-learn is imported where it clusters: it takes as long to import as torch, and most commands need none of it


def _kmeans(features: np.ndarray, n_clusters: int, seed: int) -> np.ndarray:
    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # fewer distinct pictures than clusters
        return KMeans(n_clusters, n_init=10, random_state=seed).fit_predict(features)


def _gmm(features: np.ndarray, n_clusters: int, seed: int) -> np.ndarray:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import GaussianMixture

    # a full covariance is singular for fewer pictures than dimensions: diagonal, with a floor
    mixture = GaussianMixture(n_clusters, covariance_type="diag", reg_covar=1e-4, n_init=3, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return mixture.fit_predict(features.astype(np.float64))


def _meanshift(features: np.ndarray, n_clusters: int, seed: int) -> np.ndarray:
    from sklearn.cluster import MeanShift, estimate_bandwidth

    # distances concentrate in high dimension: a wide quantile would melt everything into one cluster
    quantile = min(1.0, max(0.1, 3 / len(features)))
    bandwidth = estimate_bandwidth(features, quantile=quantile, n_samples=500, random_state=seed)
    return MeanShift(bandwidth=bandwidth or 1e-3).fit_predict(features)


CLUSTERINGS: dict[str, Callable[[np.ndarray, int, int], np.ndarray]] = {
    "kmeans": _kmeans,
    "gmm": _gmm,
    "meanshift": _meanshift,
}


def dominant_cluster(features: np.ndarray, method: str, n_clusters: int, seed: int = 0) -> np.ndarray:
    r"""Mask of the largest cluster.

    .. math:: k^* = \arg\max_k |C_k|

    Parameters
    ----------
    features : (n, d) in the space that clusters; used as they are.
    method : kmeans, gmm or meanshift (which finds its own number of clusters).
    n_clusters : K, at most n.
    seed : of the initialisations.

    Returns
    -------
    (n,) bool; of clusters equally large the tightest is taken.

    Raises
    ------
    InputError : K larger than n.

    Source
    ------
    Eq. 6. Deviations: the rule for ties, the covariance of the mixture and the bandwidth are ours.

    >>> dominant_cluster(np.array([[0.0], [0.1], [9.0]]), "kmeans", 2)
    array([ True,  True, False])
    """
    if not 1 <= n_clusters <= len(features):
        raise InputError(f"wanted n_clusters from 1 to the {len(features)} target pictures, got {n_clusters}; lower it")
    found = CLUSTERINGS[method](features, n_clusters, seed)

    def rank(cluster: int) -> tuple[int, float]:
        members = features[found == cluster]
        return len(members), -float(((members - members.mean(axis=0)) ** 2).sum())

    return found == max(np.unique(found), key=rank)


def whiten(features: np.ndarray, dims: int, seed: int = 0) -> np.ndarray:
    """Standardise every dimension, then whiten the first principal components.

    The widest directions of a class are its own variety, and clusters of the bare features cut the normals in half along
    them. With all directions of equal width the odd pictures stand apart instead.

    Parameters
    ----------
    features : (n, d)
    dims : principal components to keep, at most a quarter of the pictures and d.
    seed : of the decomposition.

    Returns
    -------
    (n, min(dims, n // 4, d)), at least one column, each of zero mean and unit variance.

    Source
    ------
    Ours; the paper does not say how its encoder's features are scaled before they are clustered.

    >>> whiten(np.random.default_rng(0).normal(size=(40, 20)), dims=8).std(axis=0, ddof=1).round(3).tolist()
    [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0]
    """
    from sklearn.decomposition import PCA
    from sklearn.preprocessing import StandardScaler

    dims = max(1, min(dims, len(features) // 4, features.shape[1]))
    with np.errstate(invalid="ignore"):  # pictures that are all alike have no variance to share out
        components = PCA(dims, random_state=seed).fit_transform(StandardScaler().fit_transform(features))
    width = components.std(axis=0, ddof=1)
    return components / np.where(width > 1e-6, width, 1)


def _density(features: np.ndarray, neighbors: int) -> np.ndarray:
    import torch  # here alone: whoever clusters points in a plane needs none

    from twofold.parts.neighbors import leave_one_out

    return leave_one_out(torch.from_numpy(features), neighbors).numpy()


def _share(distances: np.ndarray, share: float, densest: bool) -> np.ndarray:
    n = max(1, round(share * len(distances)))
    order = np.argsort(distances, kind="stable")
    mask = np.zeros(len(distances), bool)
    mask[order[:n] if densest else order[len(order) - n :]] = True
    return mask


def select(
    features: np.ndarray,
    selection: str,
    negatives: str,
    *,
    n_clusters: int,
    whiten_dims: int,
    dense_share: float,
    sparse_share: float,
    neighbors: int,
    seed: int = 0,
    oracle_labels: np.ndarray | None = None,
) -> Selection:
    """Positives and negatives among the unlabelled target pictures (Eq. 7).

    Parameters
    ----------
    features : (n, d) in the space that selects; L2-normalised here.
    selection : kmeans, gmm, meanshift (dominant cluster), knn (the densest share), all, oracle.
    negatives : non_dominant (all that is not positive), sparse_tail (the sparsest share), both (non_dominant, and
        the batch's other positives in the loss), in_batch (none here).
    n_clusters : K of kmeans and gmm.
    whiten_dims : principal components that are clustered, as in ``whiten``; 0 clusters the unit features. The density
        looks at the unit features in any case.
    dense_share, sparse_share : of knn and sparse_tail.
    neighbors : of the kNN density.
    seed : of the clustering.
    oracle_labels : (n,) 0 normal, 1 anomalous; wanted by the oracle alone.

    Returns
    -------
    Selection; positive and negative are disjoint.

    Raises
    ------
    InputError : K larger than n.
    ValueError : the oracle without labels.

    >>> features = np.array([[1.0, 0.0], [1.0, 0.1], [1.0, -0.1], [0.0, 1.0]])
    >>> plain = {"n_clusters": 2, "whiten_dims": 0, "dense_share": 0.6, "sparse_share": 0.25, "neighbors": 1}
    >>> select(features, "knn", "sparse_tail", **plain).negative
    array([False, False, False,  True])
    """
    from sklearn.preprocessing import normalize

    features = normalize(features)
    n = len(features)
    if selection == "oracle":
        if oracle_labels is None:
            raise ValueError("selection='oracle' wants oracle_labels (n,), got None; pass the task's labels")
        positive = np.asarray(oracle_labels) == 0
    elif selection == "all":
        positive = np.ones(n, bool)
    elif selection == "knn":
        positive = _share(_density(features, neighbors), dense_share, densest=True)
    else:
        space = whiten(features, whiten_dims, seed) if whiten_dims else features
        positive = dominant_cluster(space, selection, n_clusters, seed)
    if negatives == "in_batch":
        negative = np.zeros(n, bool)
    elif negatives == "sparse_tail":
        sparse = _share(_density(features, neighbors), sparse_share, densest=False)
        negative, positive = sparse, positive & ~sparse
    else:
        negative = ~positive
    return Selection(positive, negative)


def selection_quality(positive: np.ndarray, labels: np.ndarray) -> dict[str, float | int | None]:
    """How right a selection is; for the report alone.

    Parameters
    ----------
    positive : (n,) bool, taken for normal.
    labels : (n,) 0 normal, 1 anomalous.

    Returns
    -------
    size (pictures), purity (normals among the selected), recall (selected among the normals), accuracy
    (of selected = normal), each in [0, 1].

    >>> selection_quality(np.array([True, True, False, False]), np.array([0, 1, 0, 1]))
    {'size': 2, 'purity': 0.5, 'recall': 0.5, 'accuracy': 0.5}
    """
    normal = np.asarray(labels) == 0
    size = int(positive.sum())
    return {
        "size": size,
        "purity": float(normal[positive].mean()) if size else None,
        "recall": float(positive[normal].mean()) if normal.any() else None,
        "accuracy": float((positive == normal).mean()),
    }
