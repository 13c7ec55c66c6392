"""Answers to notebook 00."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from twofold.lessons.judging import Code, Open, Word
from twofold.parts.neighbors import knn_distance
from twofold.results.statistics import class_means

__all__ = ["ANSWERS"]

UNCHANGED = 2.0  # points of AUROC that nobody should read anything into


def _target_only(target: np.ndarray, test: np.ndarray, neighbors: int) -> np.ndarray:
    return knn_distance(torch.from_numpy(test), torch.from_numpy(target), neighbors).numpy()


def _trend(nb: Any) -> str:
    """What ``target_only`` does from the smallest share of anomalies to the largest."""
    table = class_means(nb.frame, ["anomaly_ratio", "method"], methods=["target_only"])
    means = table.set_index("anomaly_ratio")["mean"].sort_index()
    change = means.iloc[-1] - means.iloc[0]
    return "stays" if abs(change) <= UNCHANGED else "rises" if change > 0 else "falls"


ANSWERS = {
    "00.1": Code(
        lambda nb: _target_only,
        (
            "for every test picture: its distances to all target pictures; keep the smallest ones",
            "sklearn.neighbors.NearestNeighbors(n_neighbors=...).fit(target).kneighbors(test) returns the distances first",
            "and then the mean over the neighbours, axis 1",
        ),
        cases=lambda rng: {
            "30 pictures and 7 neighbours": (rng.normal(size=(30, 4)), rng.normal(size=(9, 4)), 7),
            "one neighbour": (rng.normal(size=(5, 3)), rng.normal(size=(4, 3)), 1),
        },
    ),
    "00.2": Word(
        _trend,
        (
            "what are the seven nearest pictures of an anomaly, once many anomalies are in the unlabelled set?",
            "read the two numbers of target_only under Reading, at both ends",
        ),
        choices={"rises": ["up", "grows", "better"], "falls": ["down", "drops", "worse"], "stays": ["same", "constant"]},
    ),
    "00.3": Open(
        lambda nb: (
            "which pictures are the source (all known to be normal) and which the target (nobody looked); which share of the "
            "target may be anomalous, and whether the anomalies look alike; that the normal class must be the same in both; "
            "and that target_only, which ignores the source, is run beside whatever else is run."
        ),
        (),
    ),
}
