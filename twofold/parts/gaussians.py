"""Trimmed Gaussians of the target, steadied by the source's spread: a detector without any training."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from scipy.linalg import solve_triangular

from twofold.compute import cores
from twofold.parts.fusion import fused, spread
from twofold.parts.neighbors import ROWS, contrast, contrast_of, leave_one_out, nearest_others, squares_of, unit_rows

__all__ = ["FEW", "WEAK_CONTRAST", "Gaussian", "PooledGaussian", "Products", "fit_gaussian", "fit_pooled", "products"]

ROUNDS = 2  # of judging and keeping; more change nothing
SOURCE_WEIGHTS = (0.0, 0.1, 0.3, 1.0)  # from leaving the source out to trusting it like the target
FEW = 2048  # rows of both domains whose products are made: of four spaces they are at most 134 MB
CORE_NEIGHBORS = 5  # of the density that makes the first guess
WEAK_CONTRAST = 0.25  # best tells AUROC below 80 from the others on the development pairs, 0 to 50 % anomalies


@dataclass(frozen=True, eq=False)
class Gaussian:
    """A Gaussian of shrunk covariance by a Cholesky factor: of the covariance itself, or of what few rows add to a sphere."""

    mean: np.ndarray  # (d,)
    lower: np.ndarray  # (k, k) triangular
    rows: np.ndarray | None  # (k, d) that span the directions other than the sphere's; None where the factor has them all
    scale: np.ndarray | float  # (k,) of these rows
    sphere: float  # precision of the sphere
    log_determinant: float  # of the covariance
    shrinkage: float

    def distance(self, features: np.ndarray) -> np.ndarray:
        r"""Squared Mahalanobis distance :math:`(x-\mu)^\top \Sigma^{-1} (x-\mu)` of (n, d) features, (n,) >= 0."""
        return np.concatenate([self._of_some(features[at : at + ROWS]) for at in range(0, len(features), ROWS)])

    def _of_some(self, features: np.ndarray) -> np.ndarray:
        centred = features - self.mean
        if self.rows is None:
            return (solve_triangular(self.lower, centred.T, lower=True) ** 2).sum(axis=0)
        return self.distance_of_products(centred @ self.rows.T, (centred**2).sum(axis=1))

    def distance_of_products(self, across: np.ndarray, squares: np.ndarray) -> np.ndarray:
        """``distance`` of features less the mean, by their products (n, k) with ``rows`` and (n,) with themselves."""
        solved = (solve_triangular(self.lower, (across * self.scale).T, lower=True) ** 2).sum(axis=0)
        return np.maximum(self.sphere * squares - solved, 0)

    @property
    def map(self) -> np.ndarray:
        r"""(k, d) matrix :math:`A` with :math:`\lVert A (x-\mu) \rVert^2` as the solved part of the distance."""
        columns = np.eye(len(self.lower)) if self.rows is None else self.rows * self.scale[:, None]
        return solve_triangular(self.lower, columns, lower=True)


def fit_gaussian(mean: np.ndarray, deviations: np.ndarray, weights: np.ndarray, inner: np.ndarray | None = None) -> Gaussian:
    r"""Gaussian of given mean and of the weighted scatter of deviations, shrunk towards a sphere.

    .. math:: \Sigma = (1 - \rho) S + \rho \, \tfrac{\operatorname{tr} S}{d} I, \qquad
       S = \tfrac{1}{\sum_i w_i} \sum_i w_i \, u_i u_i^\top

    Parameters
    ----------
    mean : (d,)
    deviations : (n, d) rows :math:`u_i`, each already measured from the mean of its own kind.
    weights : (n,) >= 0, not all zero.
    inner : (n, n) products of the deviations, where they are known.

    Returns
    -------
    Gaussian; ``shrinkage`` in [0.001, 1].

    Source
    ------
    Ledoit & Wolf 2004, Lemma 3.4. Deviations: weights enter the sample size as (sum w)^2 / sum w^2; a floor of 0.001 on
    the shrinkage keeps the inverse finite where rows are alike.

    >>> fit_gaussian(np.zeros(2), np.array([[1.0, 0.0], [-1.0, 0.0]]), np.ones(2)).shrinkage
    0.001
    """
    n, d = deviations.shape
    total = weights.sum()
    scale = np.sqrt(weights / total)
    if n < d:  # the smaller of the two has the same trace and norm
        scatter = (deviations @ deviations.T if inner is None else inner) * scale * scale[:, None]
    else:
        scaled = deviations * scale[:, None]
        scatter = scaled.T @ scaled
        del scaled
    level = max(np.trace(scatter) / d, 1e-12)
    squares = np.vdot(scatter, scatter)
    lengths = (deviations**2).sum(axis=1) if inner is None else np.diag(inner)
    noise = (weights * lengths**2).sum() / total - squares
    noise /= total**2 / (weights**2).sum()
    shrinkage = float(np.clip(noise / max(squares - d * level**2, 1e-30), 1e-3, 1))
    floor, kept = shrinkage * level, 1 - shrinkage
    if n < d:  # the inverse by Woodbury's identity
        scatter *= kept / floor
        scatter.flat[:: n + 1] += 1
        lower = np.linalg.cholesky(scatter)
        log_determinant = d * np.log(floor) + 2 * np.log(np.diag(lower)).sum()
        scale *= np.sqrt(kept) / floor
        return Gaussian(mean, lower, deviations, scale, 1 / floor, float(log_determinant), shrinkage)
    lower = np.linalg.cholesky(kept * scatter + floor * np.eye(d))
    return Gaussian(mean, lower, None, 1.0, 0.0, float(2 * np.log(np.diag(lower)).sum()), shrinkage)


def leave_one_out_distance(
    gaussian: Gaussian, distance: np.ndarray, kept: np.ndarray, total: float
) -> tuple[np.ndarray, float]:
    r"""Distance of each target picture to the Gaussian of the other kept pictures, by taking it out of the whole one.

    .. math:: d_{-i} = \frac{W-1}{W} \left(\frac{n}{n-1}\right)^2 \frac{h_i}{1 - c h_i}, \qquad
       h_i = u_i^\top \Sigma^{-1} u_i, \qquad c = \frac{1-\rho}{W} \frac{n}{n-1}

    Without picture i the mean moves by :math:`u_i / (n-1)`, the scatter loses :math:`\tfrac{n}{n-1} u_i u_i^\top`, and the
    total weight W one: a change of rank one, and no order of the pictures plays a part.

    Parameters
    ----------
    gaussian : of the kept pictures and the source.
    distance : (n_target,) of each to the whole Gaussian.
    kept : (n_target,) bool, n >= 2 of them true.
    total : W, of all weights in the covariance.

    Returns
    -------
    (n_target,) distances >= 0, those of pictures that are not kept to the whole Gaussian; and the mean log-likelihood of
    the kept, each under the Gaussian of the others, but for a constant.

    Source
    ------
    Sherman & Morrison 1950. Deviations: the shrinkage is the whole's, and its sphere grows by W / (W - 1).

    >>> rows = np.array([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
    >>> whole = fit_gaussian(np.zeros(2), rows, np.ones(4))
    >>> bool((leave_one_out_distance(whole, whole.distance(rows), np.ones(4, bool), 4.0)[0] > whole.distance(rows)).all())
    True
    """
    n, d, distance = int(kept.sum()), len(gaussian.mean), distance.copy()
    along = (1 - gaussian.shrinkage) / total * n / (n - 1) * distance[kept]  # below 1: the scatter holds the picture itself
    left = np.maximum(1 - along, 1e-12)
    distance[kept] *= (total - 1) / total * (n / (n - 1)) ** 2 / left
    log_determinant = gaussian.log_determinant + np.log(left) + d * np.log(total / (total - 1))
    return distance, float(-(distance[kept] + log_determinant).mean() / 2)


@dataclass(frozen=True, eq=False)
class _HeldOut:
    """One space at one weight of the source."""

    gaussian: Gaussian
    distance: np.ndarray  # (n,) of the target's pictures, each judged without itself
    likelihood: float  # mean of the kept
    weight: float


def products(spaces: Sequence[np.ndarray], others: Sequence[np.ndarray] | None = None) -> np.ndarray:
    """Of each space (n, d_l) the products (n, n) of all rows less their mean, or (n, m) with other rows less theirs.

    >>> products([np.array([[1.0], [3.0]])]).tolist()
    [[[1.0, -1.0], [-1.0, 1.0]]]
    """
    centred = [space - space.mean(axis=0) for space in spaces]
    with_these = centred if others is None else [space - space.mean(axis=0) for space in others]
    return np.stack([one @ other.T for one, other in zip(centred, with_these, strict=True)])


@dataclass(frozen=True, eq=False)
class Products:
    """What the rows of two domains have in common in each space, each less a mean of its own domain, whichever it is."""

    target: np.ndarray  # (spaces, n, n)
    across: np.ndarray  # (spaces, n, m)
    source: np.ndarray  # (spaces, m, m)

    def of_all(self, space: int) -> np.ndarray:
        """(n + m, n + m), the target's rows first."""
        across = self.across[space]
        return np.block([[self.target[space], across], [across.T, self.source[space]]])


def _about_the_means(products: np.ndarray, kept: np.ndarray) -> np.ndarray:
    r"""The same products with the target measured from the mean of its kept rows, the source from its own.

    .. math:: (u_i - \delta)^\top v = u_i^\top v - \tfrac{1}{n} \sum_k u_k^\top v

    first on one side, then on the other.
    """
    n, moved = len(kept), products.copy()
    for side in (moved, moved.T):
        side[:n] -= side[:n][kept].mean(axis=0)
        side[n:] -= side[n:].mean(axis=0) if len(side) > n else 0
    return moved


def _held_out(
    source: np.ndarray, target: np.ndarray, kept: np.ndarray, weights: Sequence[float], products: np.ndarray | None = None
) -> list[_HeldOut]:
    """The kept target's mean, with the scatter of the kept target and of the source about their own means, at each weight.

    Where the products of all rows are known, and the rows fewer than dimensions, nothing else is needed of the features.
    """
    n, d = int(kept.sum()), target.shape[1]
    mean = target[kept].mean(axis=0)
    deviations = np.concatenate([target[kept] - mean, source - source.mean(axis=0)])
    known = np.empty((0, 0)) if products is None else _about_the_means(products, kept)
    rows = np.append(np.flatnonzero(kept), np.arange(len(kept), len(known)))  # as the deviations stand
    found = []
    for weight in weights:
        k = len(deviations) if weight > 0 else n  # rows that count at all
        each = np.concatenate([np.ones(n), np.full(k - n, weight)])
        if k < d and k <= len(rows) and len(known):
            across = known[:, rows[:k]]
            gaussian = fit_gaussian(mean, deviations[:k], each, across[rows[:k]])
            distance = gaussian.distance_of_products(across[: len(kept)], np.diag(known)[: len(kept)])
        else:
            gaussian = fit_gaussian(mean, deviations[:k], each)
            distance = gaussian.distance(target)
        found.append(_HeldOut(gaussian, *leave_one_out_distance(gaussian, distance, kept, float(each.sum())), weight))
    return found


def _alone(joined: np.ndarray, squares: np.ndarray | None) -> np.ndarray:
    """(n,) how far each picture lies from its nearest others in all spaces, whose squared distances may be known."""
    if squares is None:
        return leave_one_out(torch.from_numpy(joined), CORE_NEIGHBORS).numpy()
    return nearest_others(squares.sum(axis=0), CORE_NEIGHBORS)


def _lowest(scores: np.ndarray, share: float) -> np.ndarray:
    mask = np.zeros(len(scores), bool)
    mask[np.argsort(scores, kind="stable")[: max(2, round(share * len(scores)))]] = True
    return mask


@dataclass(frozen=True, eq=False)
class PooledGaussian:
    """What was found: one Gaussian a feature space, and who was taken for normal."""

    gaussians: list[Gaussian]
    levels: list[np.ndarray]  # of each space (n,) log(1 + d) of the target pictures, each judged without itself
    kept: np.ndarray  # (n,) bool, target pictures taken for normal
    source_weights: list[float]  # of a source picture in each space's covariance, against 1 of a target picture
    contrast: float  # of the unlabelled target, mean over spaces


def fit_pooled(
    source_spaces: Sequence[np.ndarray],
    target_spaces: Sequence[np.ndarray],
    kept_share: float,
    source_weight: float | None,
    kept: np.ndarray | None = None,
    sure: np.ndarray | None = None,
    known: Products | None = None,
) -> PooledGaussian:
    r"""Find the normal part of an unlabelled target and describe it by one Gaussian a feature space.

    The mean is the kept target's, the covariance pools the kept target and the source, each about its own mean: the
    source says how normal pictures vary, the target where they are. Every round each picture is judged by Gaussians
    without it, and the share with the largest distances is put aside.

    .. math:: e_l(x) = \log(1 + d_l(x)), \qquad d_l(x) = (\phi_l(x) - \mu_l^t)^\top \Sigma_l^{-1} (\phi_l(x) - \mu_l^t)

    Parameters
    ----------
    source_spaces : of each space (n_source, d_l) features of normal source pictures; L2-normalised here.
    target_spaces : of each space (n, d_l) features of unlabelled target pictures, n >= 2; L2-normalised here.
    kept_share : of the target that is taken for normal.
    source_weight : of a source picture in the covariance, against 1 of a target picture; 0 leaves the source out, None
        takes in each space the one of ``SOURCE_WEIGHTS`` under which held-out kept pictures are likeliest.
    kept : (n,) bool, the normals where they are known (oracle) or all; None finds them.
    sure : (n,) bool, pictures that are never put aside; None is none.
    known : products of the unit rows; None makes them where they are not too many.

    Returns
    -------
    PooledGaussian.

    Raises
    ------
    ValueError : fewer than two target pictures, or spaces that do not belong together.

    Source
    ------
    Ours; trimming as in the minimum covariance determinant (Rousseeuw 1984), with held-out distances, since a Gaussian
    of fewer pictures than dimensions is as near to its outliers as to its inliers. The logarithm is that of a heavy tail,
    a multivariate t of one degree of freedom: layers with a few very far pictures do not outvote the others.

    >>> rng = np.random.default_rng(0)
    >>> target = np.concatenate([rng.normal(size=(45, 8)) + 5, rng.normal(size=(5, 8)) - 5])
    >>> fitted = fit_pooled([rng.normal(size=(60, 8)) + 3], [target], kept_share=0.85, source_weight=None)
    >>> bool(fitted.kept[45:].any()), bool((fitted.levels[0][45:] > fitted.levels[0][:45].max()).all())
    (False, True)
    """
    n = len(target_spaces[0])
    if n < 2 or len(source_spaces) != len(target_spaces) or any(len(space) != n for space in target_spaces):
        raise ValueError(
            f"target_spaces must hold the same 2 or more pictures as often as source_spaces, got "
            f"{[len(space) for space in target_spaces]} against {len(source_spaces)} source spaces; embed both alike"
        )
    of_source, of_target = ([space.shape[1] for space in spaces] for spaces in (source_spaces, target_spaces))
    if of_source != of_target:
        raise ValueError(
            f"target_spaces must be as wide as source_spaces, got widths {of_target} against {of_source}; embed both alike"
        )
    joined = np.empty((n, sum(of_target)))  # all that is held of the target: each space is a part of it
    parts = np.split(joined, np.cumsum(of_target)[:-1], axis=1)
    for part, space in zip(parts, target_spaces, strict=True):
        part[:] = unit_rows(space)
    pairs = list(zip(map(unit_rows, source_spaces), parts, strict=True))
    if known is None and n + len(source_spaces[0]) <= FEW:
        sources = [source for source, _ in pairs]
        known = Products(products(parts), products(parts, sources), products(sources))
    fewer = [n + len(source) < part.shape[1] for source, part in pairs]  # rows than dimensions
    rows = [known.of_all(i) if known is not None and few else None for i, few in enumerate(fewer)]
    squares = None if known is None else squares_of(known.target)

    def held_out(*weights: float) -> list[list[_HeldOut]]:
        with ThreadPoolExecutor(min(2, cores())) as pool:  # spaces do not know each other: the numbers stay the same
            return list(pool.map(lambda pair, products: _held_out(*pair, kept, weights, products), pairs, rows))

    first = 1.0 if source_weight is None else source_weight
    if kept is None:
        sure = np.zeros(n, bool) if sure is None else sure
        kept = _lowest(_alone(joined, squares), kept_share) | sure
        for _ in range(ROUNDS):
            levels = [np.log1p(found.distance) for (found,) in held_out(first)]
            kept = _lowest(fused(levels, [spread(level[kept]) for level in levels]), kept_share) | sure
    weights = SOURCE_WEIGHTS if source_weight is None else (first,)
    best = [max(of_space, key=lambda found: found.likelihood) for of_space in held_out(*weights)]
    return PooledGaussian(
        [found.gaussian for found in best],
        [np.log1p(found.distance) for found in best],
        kept,
        [found.weight for found in best],
        float(np.mean([contrast(part) for part in parts] if squares is None else [contrast_of(space) for space in squares])),
    )
