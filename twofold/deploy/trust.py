"""Whether to trust a detector, told without a label."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import torch
from pydantic.dataclasses import dataclass as checked
from scipy.stats import spearmanr
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.metrics import silhouette_score

from twofold.data.domains import View
from twofold.deploy.crossed import crossed, dealt
from twofold.deploy.thresholds import FENCE
from twofold.methods.background import BackgroundMethod
from twofold.methods.base import STRICT, FrozenMethod, Method
from twofold.parts.gaussians import WEAK_CONTRAST
from twofold.parts.neighbors import contrast, leave_one_out, unit_rows

__all__ = ["Trust", "agreement", "crowds", "domain_distance", "judge", "stability", "unit_layers"]

PICTURES = 1000  # at most that many of each domain are compared with each other
NEIGHBORS = 7
CROWD_DIMS, LEAST_CROWD, APART = 8, 5, 0.34
NATURAL, UNSEEN = 0.03, 0.25  # of normal pictures far out, and of anomalies that are not out


def _some(features: np.ndarray, n: int) -> np.ndarray:
    """At most n rows, evenly spread."""
    return features[np.linspace(0, len(features) - 1, min(n, len(features))).astype(int)]


@checked(frozen=True, config=STRICT | {"allow_inf_nan": False})
class Trust:
    """What the fitted pictures say of the detector; what a method cannot tell is None."""

    kept: int  # target pictures taken for normal
    contamination: tuple[float, float] | None  # lowest and highest plausible share of anomalies; None is unknown, where weak
    agreement: float | None  # mean rank correlation of the layers' own orders, in [-1, 1]
    stability: float | None  # rank correlation of the scores with those of detectors fitted to other halves, in [-1, 1]
    domain_distance: float  # 0 where source and target cannot be told apart, 1 where no picture looks like the other domain
    crowds: int  # groups among the kept pictures, 1 where they are one
    contrast: float  # how unequal the distances among target pictures are; 0 where nothing stands apart
    weak: bool  # whether the ranking should not be trusted before someone has looked

    def words(self) -> list[str]:
        """A line each for a person, the warning first."""
        share = "unknown" if self.contamination is None else "{:.0%} to {:.0%}".format(*self.contamination)
        lines = [f"{self.kept} pictures taken for normal, anomalies among all: {share}"]
        told = {"layers agree": self.agreement, "halves agree": self.stability}
        lines.append(", ".join(f"{name} {value:.2f}" for name, value in told.items() if value is not None))
        lines.append(f"distance of the domains {self.domain_distance:.2f}, contrast {self.contrast:.2f}")
        if self.crowds > 1:
            lines.append(f"the normal pictures form {self.crowds} groups: one Gaussian does not describe them well")
        if self.weak:
            lines.insert(0, "WEAK: look at the highest scores before you trust them")
        return [line for line in lines if line]


def contamination(scores: np.ndarray) -> tuple[float, float]:
    """Between which shares that of the anomalies may lie: from those far out, to those out at all and as many unseen.

    Parameters
    ----------
    scores : (n,) of the unlabelled target, each as if it were new.

    Returns
    -------
    lowest and highest plausible share, in [0, 0.5].

    Source
    ------
    Ours. The two margins are those under which nine of ten intervals hold on the development pairs, of 0 to 30 % anomalies,
    where the ranking is not weak: there as many at 30 % as at 0 %. Where it is weak one of three holds at 30 %, so that none is
    told. No narrower one was found that holds as often on the seen pairs: shares beyond other fences, mixtures of two
    Gaussians, and lines through several such numbers need 26 points or more.

    >>> contamination(np.arange(100.0)), contamination(np.append(np.arange(90.0), np.full(10, 999.0)))
    ((0.0, 0.25), (0.07, 0.35))
    """
    low, median = np.quantile(scores, [0.1, 0.5])
    if low == median:  # nothing tells how far normal pictures lie apart
        return 0.0, 0.5
    far, out = (float(np.mean(scores > median + times * (median - low))) for times in (FENCE, FENCE / 2))
    return round(max(far - NATURAL, 0.0), 4), round(min(out + UNSEEN, 0.5), 4)


def domain_distance(source: np.ndarray, target: np.ndarray) -> float:
    r"""How well the nearest other picture tells which domain a picture is from, with as many pictures of each.

    .. math:: 2 \cdot \max(q, \tfrac12) - 1, \qquad q = P(\text{the nearest other picture is of the same domain})

    Parameters
    ----------
    source, target : (n, d) and (m, d) unit features.

    Returns
    -------
    in [0, 1]; 0 where both lie among each other.

    Source
    ------
    The nearest-neighbour test of Schilling 1986. Deviations: one neighbour, and the statistic itself, no p-value.

    >>> domain_distance(np.eye(4)[:2], np.eye(4)[:2]), domain_distance(np.eye(4)[[0, 0]], np.eye(4)[[1, 1]])
    (0.0, 1.0)
    """
    n = min(len(source), len(target), PICTURES)
    z = np.concatenate([_some(source, n), _some(target, n)])
    alike = z @ z.T
    np.fill_diagonal(alike, -np.inf)
    same = float(np.mean((alike.argmax(axis=1) < n) == (np.arange(2 * n) < n)))
    return 2 * max(same, 0.5) - 1


def crowds(features: np.ndarray, seed: int = 0) -> int:
    """Into how many groups the pictures fall.

    Parameters
    ----------
    features : (n, d) unit features.

    Returns
    -------
    The number of groups, up to 5, whose mean silhouette is the highest, 1 where none reaches ``APART``.

    >>> rng = np.random.default_rng(0)
    >>> one = rng.normal(size=(60, 4))
    >>> crowds(one), crowds(one + np.repeat([[0.0], [9.0]], 30, axis=0))
    (1, 2)
    """
    z = _some(features, PICTURES)
    if np.ptp(z, axis=0).max() < 1e-9:  # pictures that are all alike
        return 1
    z = PCA(min(CROWD_DIMS, len(z) - 1, z.shape[1]), random_state=seed).fit_transform(z)
    found = {1: APART}
    for k in range(2, min(5, len(z) // LEAST_CROWD, len(np.unique(z.round(9), axis=0))) + 1):
        labels = KMeans(k, n_init=3, random_state=seed).fit_predict(z)
        if np.bincount(labels, minlength=k).min() >= LEAST_CROWD:
            found[k] = float(silhouette_score(z, labels))
    return max(found, key=found.__getitem__)


def agreement(spaces: Sequence[np.ndarray]) -> float | None:
    """Mean rank correlation between the layers' own orders: of each the distance to a picture's neighbours in it.

    Parameters
    ----------
    spaces : of each layer (n, d_l) unit features.

    Returns
    -------
    in [-1, 1]; None of a single layer.
    """
    if len(spaces) < 2:
        return None
    orders = [leave_one_out(torch.from_numpy(space), NEIGHBORS).numpy() for space in spaces]
    return float(np.mean([_alike(*pair) for pair in combinations(orders, 2)]))


def stability(method: FrozenMethod, source: View, target: View, held_out: np.ndarray, seed: int = 0) -> float:
    """Rank correlation between the scores and those that each half of the pictures gets from a detector of the other half.

    Parameters
    ----------
    method : a fitted method.
    source, target : what it was fitted on.
    held_out : (n,) its scores of the target.

    Returns
    -------
    in [-1, 1].
    """
    rows = _some(np.arange(len(target)), 2 * PICTURES)
    some = target.subset(rows)
    return _alike(crossed(method, source, some, dealt(some, 2, seed)), held_out[rows])


def _alike(one: np.ndarray, other: np.ndarray) -> float:
    """Rank correlation, 0 where one of them is constant."""
    return float(spearmanr(one, other).statistic) if np.ptp(one) > 0 and np.ptp(other) > 0 else 0.0


def judge(
    method: Method,
    source: View,
    target: View,
    held_out: np.ndarray,
    unseen: np.ndarray,
    kept: np.ndarray | None = None,
) -> Trust:
    """What the fitted pictures say of a detector, without a label.

    Parameters
    ----------
    method : fitted.
    source, target : what it was fitted on, in an order that tells nothing.
    held_out : (n,) its scores of the target.
    unseen : (n,) the same as if each picture were new, of ``deploy.crossed``.
    kept : (n,) bool, which of the target it takes for normal; None is all.

    Returns
    -------
    Trust; ``stability`` is None of a method that trains.
    """
    kept = np.ones(len(target), bool) if kept is None else kept
    of_target = unit_layers(method, target)
    unequal = float(np.mean([contrast(space) for space in of_target]))
    weak = unequal < WEAK_CONTRAST  # no other number of these, alone or with it, tells more on the development pairs
    n = min(len(source), len(target), PICTURES)
    of_both = [_whole([_some(space, n) for space in layers]) for layers in (unit_layers(method, source), of_target)]
    return Trust(
        kept=int(kept.sum()),
        contamination=None if weak else contamination(unseen),
        agreement=agreement([_some(space, PICTURES) for space in of_target]),
        stability=stability(method, source, target, held_out) if isinstance(method, FrozenMethod) else None,
        domain_distance=domain_distance(*of_both),
        crowds=crowds(_whole([space[_some(np.flatnonzero(kept), PICTURES)] for space in of_target])),
        contrast=unequal,
        weak=weak,
    )


def unit_layers(method: Method, view: View) -> list[np.ndarray]:
    """(n, d_l) unit features of each layer that the method looks at."""
    z = method.embed(view)
    layers = method.each_unit(z) if isinstance(method, BackgroundMethod) else [z.flatten(1)]
    return [unit_rows(layer.cpu().numpy()) for layer in layers]


def _whole(layers: Sequence[np.ndarray]) -> np.ndarray:
    """(n, d) unit features of all layers beside each other."""
    return unit_rows(np.concatenate(layers, axis=1))
