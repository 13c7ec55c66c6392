"""Scores that pictures get from detectors which never saw them: what a line is drawn from, and how stable an order is."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch

from twofold.compute import cores
from twofold.data.domains import View
from twofold.methods.base import FrozenMethod, Method

__all__ = ["MANY", "MOST", "PARTS", "crossed", "dealt", "unseen"]

PARTS = 10
MANY = 500  # with more pictures half as many parts leave as much to fit to, and fits take long
MOST = 1000  # with more pictures one has no part in who else is put aside, and a fit takes long


def dealt(target: View, parts: int, seed: int = 0) -> np.ndarray:
    """(n,) which of at least 2 parts each picture goes to, by chance; copies of a picture go together."""
    names, copy_of = np.unique(target.contents, return_inverse=True)
    return (np.random.default_rng(seed).permutation(len(names)) % min(parts, len(names)))[copy_of]


def crossed(method: FrozenMethod, source: View, target: View, part_of: np.ndarray) -> np.ndarray:
    """Scores of the target's pictures, each by a detector that was fitted to the other parts of it.

    Parameters
    ----------
    method : a fitted method, which stays as it is.
    source, target : what it was fitted on, in an order that tells nothing.
    part_of : (n,) the part of each picture, below 0 where it is judged by none.

    Returns
    -------
    (n,), NaN where it is judged by none.
    """
    scores = np.full(len(target), np.nan)

    def judge(part: int) -> None:
        judged = part_of == part
        twin = method.twin().fit(source, target.subset(~judged))
        scores[judged] = twin.anomaly_score(target.subset(judged))

    # twins do not know each other: the numbers stay the same
    with ThreadPoolExecutor(min(2, cores()), initializer=torch.set_num_threads, initargs=(1,)) as pool:
        list(pool.map(judge, np.unique(part_of[part_of >= 0])))
    return scores


def unseen(method: Method, source: View, target: View, held_out: np.ndarray) -> np.ndarray:
    """Scores of the target's pictures as if each were new.

    A held-out score leaves the picture out of the Gaussian, and not out of the choice of who is put aside: the pictures that
    are like it were kept with it. A new picture finds no such company, and scores higher. Here all is chosen without it.

    Parameters
    ----------
    method : a fitted method.
    source, target : what it was fitted on, in an order that tells nothing.
    held_out : (n,) its scores of the target.

    Returns
    -------
    (n,); those of a method that trains, and of more than ``MOST`` pictures, are the held-out ones.

    Source
    ------
    Cross-conformal prediction, Vovk 2015. Deviations: one line through the scores of all parts, where a picture's rank
    among each part's own would keep its guarantee.
    """
    if not isinstance(method, FrozenMethod) or len(target) > MOST:
        return held_out
    return crossed(method, source, target, dealt(target, PARTS if len(target) <= MANY else PARTS // 2))
