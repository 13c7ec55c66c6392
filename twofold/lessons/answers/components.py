"""Answers to notebook 05."""

from __future__ import annotations

from typing import Any

import numpy as np

from twofold.lessons.judging import Code, Number, Open, Word
from twofold.parts.selection import selection_quality
from twofold.results.statistics import class_means

__all__ = ["ANSWERS"]


def _purity_and_recall(taken: np.ndarray, labels: np.ndarray) -> list[float]:
    quality = selection_quality(taken, labels)
    return [quality["purity"], quality["recall"]]


def _density(nb: Any) -> str:
    """Where ``density`` ends beside ``twofold``; nothing before it was run."""
    if "density" not in set(nb.frame["method"]):
        return ""
    means = class_means(nb.frame, methods=["twofold", "density"]).set_index("method")["mean"]
    return "higher" if means["density"] > means["twofold"] else "lower"


ANSWERS = {
    "05.1": Number(
        lambda nb: float(1 - nb.frame["anomaly_ratio"].iloc[0]),
        ("it selects all of the target: what share of that is normal?", "one minus the share of anomalies"),
        of="share",
    ),
    "05.2": Number(
        lambda nb: float(100 * nb.shares["normals repelled"]["twofold"]),
        ("the last part of its bar", "`shares` holds shares: of 100 pictures they are percentages"),
    ),
    "05.3": Number(
        lambda nb: float(nb.quoted["auroc"]["twofold"] - nb.quoted["auroc"]["cluster_backbone"]),
        ("with the encoder and without it, all else the same", "the row twofold minus the row cluster_backbone of `quoted`"),
    ),
    "05.4": Code(
        lambda nb: _purity_and_recall,
        (
            "purity looks at the selected, recall at the normals",
            "(labels[taken] == 0).mean() is one of the two; swap the roles for the other",
        ),
        cases=lambda rng: {
            "forty pictures": (rng.permutation(40) < 25, (rng.permutation(40) < 8).astype(int)),
            "everything taken": (np.ones(20, bool), (rng.permutation(20) < 5).astype(int)),
        },
    ),
    "05.5": Open(
        lambda nb: (
            "the change moved three things at once: who is repelled, who is a positive, and how many steps have a negative at "
            "all. To hold the last still, give every step its own negatives (`negative_bank`) or count steps without any; to "
            "hold the positives still, repel the sparse tail but take the same cluster less that tail in both runs. Only then "
            "does a difference belong to the negatives."
        ),
        (),
    ),
    "05.6": Word(
        _density,
        ('put "density" into `methods` and run the notebook again', "two rows of the first table"),
        choices={"higher": ["up", "better", "above"], "lower": ["down", "worse", "below"]},
    ),
}
