"""Whether new pictures still look like those that a detector was fitted to."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import ks_2samp

from twofold.errors import InputError

__all__ = ["Check", "compare"]


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
        'the 40 new pictures do NOT look like the fitted ones (p = 3.1e-11, level 5'
        """
        verdict = "do NOT look" if self.different else "look"
        why = "; fit again, or see what changed" if self.different else ""
        return (
            f"the {self.n} new pictures {verdict} like the fitted ones (p = {self.p_value:.2g}, level {self.level:.0%}); "
            f"{self.above:.0%} of them lie above the line, {self.promised:.0%} of normal ones should at most{why}"
        )


def compare(held_out: np.ndarray, scores: np.ndarray, threshold: float, fpr: float, level: float = 0.05) -> Check:
    r"""Hold the scores of new pictures against the held-out scores of the fitted ones: Kolmogorov and Smirnov's test.

    .. math:: D = \sup_a |F_\text{new}(a) - F_\text{fitted}(a)|

    It keeps its level, whatever the scores' distribution, where new and fitted pictures are drawn alike; a larger share of
    anomalies counts as another kind too. What changes no score it cannot see, and few pictures show little.

    Parameters
    ----------
    held_out : (n,) scores of the fitted target, each judged without itself.
    scores : (m,) of the new pictures.
    threshold, fpr : of the line, and its promise.
    level : chance of calling pictures of one kind different, in (0, 1).

    Raises
    ------
    InputError : a level outside of (0, 1), or no new picture.

    Source
    ------
    Smirnov 1939, with the exact null distribution.
    """
    if not 0 < level < 1:
        raise InputError(f"wanted a level between 0 and 1, got {level}; 0.05 calls one of twenty like batches different")
    if not len(scores):
        raise InputError("wanted new pictures to look at, got none; name a folder with some")
    p = float(ks_2samp(held_out, scores).pvalue)
    return Check(len(scores), p, level, p <= level, float(np.mean(np.asarray(scores) > threshold)), fpr)
