"""Small pictures that a detector keeps, so that a report can be made without the folders."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from twofold.data.domains import Domain

__all__ = ["KINDS", "NAME", "SIDE_PX", "Thumbnails", "thumbnails"]

NAME = "thumbnails"  # of the tensor in a file

KINDS = ("most anomalous", "doubtful", "central")
SIDE_PX = 64
EACH, SHARE = 12, 7  # at most so many pictures of a kind, and at most one of so many


@dataclass(frozen=True, eq=False)
class Thumbnails:
    """Some pictures of the fitted target, small."""

    pictures: np.ndarray  # (n, 3, 64, 64) uint8
    ids: tuple[str, ...]
    kinds: tuple[str, ...]  # of each, one of KINDS
    scores: tuple[float, ...]


def thumbnails(domain: Domain, scores: np.ndarray, threshold: float, rows: np.ndarray) -> Thumbnails:
    """The most anomalous pictures, those nearest to the line, and the most usual ones.

    Parameters
    ----------
    domain : n pictures.
    scores : (n,) theirs.
    threshold : the line; where it is infinite none is doubtful.
    rows : (m,) of the domain, those that may be shown.

    Returns
    -------
    Thumbnails, at most 12 of a kind, of few pictures fewer, and no picture twice.
    """
    shown = np.sort(rows)
    far = scores[shown]
    order = np.argsort(-far, kind="stable")
    near = np.argsort(np.abs(far - threshold), kind="stable") if np.isfinite(threshold) else order[:0]
    middle = np.argsort(np.abs(far - np.median(far)), kind="stable")
    taken: dict[int, str] = {}
    for kind, places in zip(KINDS, (order, near, middle), strict=True):
        fresh = [row for row in shown[places].tolist() if row not in taken]
        taken |= dict.fromkeys(fresh[: min(EACH, -(-len(far) // SHARE))], kind)
    rows = list(taken)
    pictures = domain.images(rows, SIDE_PX).numpy()
    return Thumbnails(
        pictures, tuple(str(domain.ids[row]) for row in rows), tuple(taken.values()), tuple(float(scores[row]) for row in rows)
    )
