"""Answers to notebook 15."""

from __future__ import annotations

from typing import Any

import numpy as np

from twofold.lessons.judging import Code, Number, Open, Word
from twofold.parts.selection import select

__all__ = ["ANSWERS"]


def _of_the_selection(nb: Any) -> float:
    """What K-means alone adds to aligning everything, with the negatives of the batch."""
    return float(nb.means["kmeans", "in_batch"] - nb.means["all", "in_batch"])


def _tail(features: np.ndarray, share: float, neighbors: int) -> np.ndarray:
    settings = {"n_clusters": 2, "whiten_dims": 0, "dense_share": 0.6, "sparse_share": share, "neighbors": neighbors}
    return select(features, "all", "sparse_tail", **settings).negative


def _unit(rng: np.random.Generator, n: int) -> np.ndarray:
    z = rng.normal(size=(n, 6)) + 2
    return z / np.linalg.norm(z, axis=1, keepdims=True)


ANSWERS = {
    "15.1": Number(
        _of_the_selection,
        ("the step changes two things; take the path that changes the positives first", "down the first column of the grid"),
    ),
    "15.2": Code(
        lambda nb: _tail,
        (
            "every picture's mean distance to its nearest neighbours, itself left out; then the largest of these",
            "NearestNeighbors(n_neighbors=neighbors + 1) on its own pictures finds each picture itself first",
            "np.argsort of the mean distances; the last round(share * n) of them",
        ),
        cases=lambda rng: {"forty pictures": (_unit(rng, 40), 0.1, 7), "a quarter of twenty": (_unit(rng, 20), 0.25, 3)},
    ),
    "15.3": Word(
        lambda nb: "negatives" if nb.means["all", "sparse_tail"] > nb.means["oracle", "in_batch"] else "positives",
        ("two cells of the grid, one in the last row", "oracle with the batch's negatives against everything with the tail"),
        choices={"negatives": ["the negatives", "sparse tail", "tail"], "positives": ["the positives", "oracle"]},
    ),
    "15.4": Open(
        lambda nb: (
            "a ladder in which every step changes one thing, or all cells of the grid; the step from align_all to twofold is "
            "split into positives and negatives, in both orders where both exist; the same number of settings tried for each; "
            "and the control beside it, so that one sees what the unlabelled pictures are worth without any alignment."
        ),
        (),
    ),
}
