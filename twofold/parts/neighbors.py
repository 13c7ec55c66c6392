"""Distances between pictures: a density for the selection, a score for the detectors, and whether they tell anything."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

__all__ = ["contrast", "contrast_of", "knn_distance", "leave_one_out", "nearest_others", "squares_of", "unit_rows"]

ROWS = 1024  # looked at at once: memory grows with n, not with its square
PAIRS = 4 * ROWS**2  # compared at once, of the rows of a large reference fewer


def unit_rows(features: np.ndarray) -> np.ndarray:
    """Rows of length 1, float64; a row of zeros stays as it is.

    >>> unit_rows(np.array([[3.0, 4.0], [0.0, 0.0]])).tolist()
    [[0.6, 0.8], [0.0, 0.0]]
    """
    features = np.asarray(features, np.float64)
    lengths = np.sqrt(np.einsum("ij,ij->i", features, features))
    return features / np.where(lengths > 0, lengths, 1)[:, None]


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
    unit = unit_rows(features)
    n, d = unit.shape
    gram = unit @ unit.T if n < d else unit.T @ unit  # the same norm; at most (d, d), however many pictures
    pairs = n * (n - 1)
    mean = ((unit.sum(axis=0) ** 2).sum() - n) / pairs  # of the cosines
    variance = ((gram**2).sum() - n) / pairs - mean**2
    return float(np.sqrt(max(variance, 0.0)) / (1 - mean)) if 1 - mean > 1e-9 else 0.0


def knn_distance(features: Tensor, reference: Tensor, k: int, own: Tensor | None = None) -> Tensor:
    r"""Mean Euclidean distance to the k nearest rows of a reference set, fewer where it is smaller.

    .. math:: \delta(x) = \frac{1}{k} \sum_{j \in N_k(x)} \lVert x - y_j \rVert

    Parameters
    ----------
    features : (n, d)
    reference : (m, d)
    k : neighbours.
    own : (n,) row of the reference that is the same picture, -1 where there is none; no picture is its own neighbour.

    Returns
    -------
    (n,) float64, >= 0; as an anomaly score, higher is more anomalous. NaN where the reference holds a value that is not finite.

    Source
    ------
    The density of PANDA and MSC. Deviations: distances where they sum squared distances.

    >>> knn_distance(torch.tensor([[0.0]]), torch.tensor([[1.0], [3.0], [9.0]]), k=2)
    tensor([2.], dtype=torch.float64)
    >>> points = torch.tensor([[0.0], [1.0], [5.0]])
    >>> knn_distance(points, points, k=1, own=torch.arange(3))
    tensor([1., 1., 4.], dtype=torch.float64)
    """
    x, y = features.double(), reference.double()
    lengths = torch.cat([(part * part).sum(dim=1) for part in y.split(ROWS)])  # (m,)
    squares = (x * x).sum(dim=1, keepdim=True) + lengths - 2 * x @ y.T + 0 * y.sum()  # (n, m)
    if own is None:
        return squares.clamp_min(0).topk(min(k, len(y)), largest=False).values.sqrt().mean(dim=1)
    itself = torch.arange(len(y), device=y.device) == own[:, None]
    nearest = squares.clamp_min(0).masked_fill(itself, torch.inf).topk(min(k, len(y)), largest=False).values.sqrt()
    others = torch.isfinite(nearest) | torch.isnan(nearest)
    mean = torch.where(others, nearest, 0.0).sum(dim=1) / others.sum(dim=1).clamp_min(1)
    return mean + 0 * y.sum()  # the masked row ranks before NaN, and would stand in for it


def leave_one_out(features: Tensor, k: int) -> Tensor:
    """(n,) ``knn_distance`` of every row to the others, float64.

    >>> leave_one_out(torch.tensor([[0.0], [1.0], [5.0]]), k=1)
    tensor([1., 1., 4.], dtype=torch.float64)
    """
    rows = torch.arange(len(features), device=features.device)
    some = min(ROWS, max(PAIRS // len(features), 1))
    parts = zip(features.split(some), rows.split(some), strict=True)
    return torch.cat([knn_distance(part, features, k, own) for part, own in parts])


def squares_of(products: np.ndarray) -> np.ndarray:
    r"""Squared distances (..., n, n) of rows, of their products with each other, from whichever origin.

    .. math:: \lVert x_i - x_j \rVert^2 = x_i^\top x_i + x_j^\top x_j - 2 x_i^\top x_j

    >>> squares_of(np.array([[1.0, 0.0], [0.0, 4.0]])).tolist()
    [[0.0, 5.0], [5.0, 0.0]]
    """
    lengths = np.diagonal(products, axis1=-2, axis2=-1)
    return np.maximum(lengths[..., None] + lengths[..., None, :] - 2 * products, 0)


def nearest_others(squares: np.ndarray, k: int) -> np.ndarray:
    """(n,) ``leave_one_out`` of rows whose squared distances (n, n) are known.

    >>> nearest_others(np.array([[0.0, 1.0, 25.0], [1.0, 0.0, 16.0], [25.0, 16.0, 0.0]]), k=1).tolist()
    [1.0, 1.0, 4.0]
    """
    others = squares.copy()
    np.fill_diagonal(others, np.inf)
    k = min(k, len(others) - 1)
    if k < 1:
        return np.zeros(len(others))
    return np.sqrt(np.partition(others, k - 1, axis=1)[:, :k]).mean(axis=1)


def contrast_of(squares: np.ndarray) -> float:
    """``contrast`` of unit rows whose squared distances (n, n) are known.

    >>> round(contrast_of(np.array([[0.0, 0.0, 2.0], [0.0, 0.0, 2.0], [2.0, 2.0, 0.0]])), 3)
    0.707
    """
    pairs = len(squares) * (len(squares) - 1)
    mean = squares.sum() / pairs
    variance = np.vdot(squares, squares) / pairs - mean**2
    return float(np.sqrt(max(variance, 0.0)) / mean) if mean > 2e-9 else 0.0
