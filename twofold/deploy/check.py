"""Whether new pictures still look like those that a detector was fitted to."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from numbers import Real

import numpy as np
from scipy.stats import ks_2samp
from sklearn.cluster import KMeans

from twofold.data.domains import View
from twofold.deploy.crossed import MANY, crossed
from twofold.deploy.trust import unit_layers
from twofold.errors import InputError
from twofold.methods.base import FrozenMethod, Method
from twofold.parts.neighbors import unit_rows

__all__ = ["Check", "compare", "without_like"]

GROUPS = 20  # of pictures that are alike; of 10 and 20 the one that finds more on the digits and emoji of the development pairs


@dataclass(frozen=True)
class Check:
    """What the scores of new pictures say when they are held against those of the fitted ones."""

    n: int  # new pictures
    p_value: float  # chance of scores as different, where new and fitted pictures are of one kind
    level: float  # chance that pictures of one kind are called different
    different: bool
    above: float  # share of the new pictures above the line
    promised: float  # of normal ones

    def words(self) -> str:
        """One line for a person.

        >>> compare(np.arange(40.0), np.arange(40.0) + 30, 37.0, 0.05).words()[:74]
        'the 40 new pictures do NOT look like the fitted ones (p = 1.5e-11, level 5'
        """
        verdict = "do NOT look" if self.different else "look"
        why = "; fit again, or see what changed" if self.different else ""
        return (
            f"the {self.n} new pictures {verdict} like the fitted ones (p = {self.p_value:.2g}, level {self.level:.0%}); "
            f"{self.above:.0%} of them lie above the line, {self.promised:.0%} of normal ones should at most{why}"
        )


def without_like(method: Method, source: View, target: View, unseen: np.ndarray) -> np.ndarray:
    """Scores of the target's pictures, each by a detector that saw neither it nor those that are most like it.

    Pictures come in families: views of one object, sisters of one block, variants of a drawing. Where a picture is put aside
    alone its family vouches for it, while a new picture often brings a family that nobody has seen.

    Parameters
    ----------
    method : a fitted method.
    source, target : what it was fitted on, in an order that tells nothing.
    unseen : (n,) of ``deploy.crossed``, each judged without itself; they stand in for the scores of a method that trains, of
        more than ``MANY`` pictures, and of a group of more than half of all.

    Returns
    -------
    (n,)

    Source
    ------
    Ours; cross-validation by blocks as in Roberts et al. 2017, the blocks found by k-means. Held against ``unseen`` scores,
    both ways, 4 of 28 all-normal runs of the development pairs were called different at 5 %, all of them drawings; held
    against these, upwards, one is.
    """
    if not isinstance(method, FrozenMethod) or len(target) > MANY:
        return unseen
    z = unit_rows(np.concatenate(unit_layers(method, target), axis=1))
    group = KMeans(min(GROUPS, len(np.unique(z.round(9), axis=0))), n_init=3, random_state=0).fit_predict(z)
    large = 2 * np.bincount(group)[group] > len(group)
    return np.where(large, unseen, crossed(method, source, target, np.where(large, -1, group)))


def compare(fitted: np.ndarray, scores: np.ndarray, threshold: float, fpr: float, level: float = 0.05) -> Check:
    r"""Whether new pictures score higher than the fitted ones do: Kolmogorov and Smirnov's test, one-sided.

    .. math:: D = \sup_a \left( F_\text{fitted}(a) - F_\text{new}(a) \right)

    It keeps its level, whatever the scores' distribution, where new and fitted pictures are drawn alike; a larger share of
    anomalies counts as another kind too. What changes no score or lowers it this cannot see, and few pictures show little.

    Parameters
    ----------
    fitted : (n,) scores of the fitted target, best those of ``without_like``.
    scores : (m,) of the new pictures.
    threshold, fpr : of the line, and its promise.
    level : chance of calling pictures of one kind different, in (0, 1).

    Raises
    ------
    InputError : a level outside of (0, 1), or no new picture.

    Source
    ------
    Smirnov 1939, with the exact null distribution, its limit where hundreds of pictures are compared.
    """
    if not isinstance(level, Real) or not 0 < level < 1:
        raise InputError(f"wanted a level between 0 and 1, got {level!r}; 0.05 calls one of twenty like batches different")
    if not len(scores):
        raise InputError("wanted new pictures to look at, got none; name a folder with some")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # that it takes the limit where exact numbers would overflow
        p = float(ks_2samp(fitted, scores, alternative="greater").pvalue)
    return Check(len(scores), p, level, p <= level, float(np.mean(np.asarray(scores) > threshold)), fpr)
