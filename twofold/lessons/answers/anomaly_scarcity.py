"""Answers to notebook 10."""

from __future__ import annotations

from typing import Any

import numpy as np

from twofold.lessons.anomaly_scarcity import first_below
from twofold.lessons.judging import Code, Number, Open, Word
from twofold.parts.selection import selection_quality
from twofold.results.statistics import class_means

__all__ = ["ANSWERS"]

UNCHANGED = 2.0  # points of AUROC that nobody should read anything into


def _mostly_anomalous(nb: Any) -> float:
    """The first share at which the cluster of the class shown is mostly anomalous, 1 if there is none."""
    frame = nb.frame
    rows = frame[(frame["method"] == "twofold") & (frame["normal"] == nb.shown) & (frame["seed"] == nb.seeds[0])]
    place = first_below(rows.set_index("anomaly_ratio")["purity"], 0.5)
    return 1.0 if place is None else float(place)


def _adjusted(taken: np.ndarray, labels: np.ndarray) -> float:
    share = float(np.mean(labels))
    return (selection_quality(taken, labels)["purity"] - (1 - share)) / share


def _oracle(nb: Any) -> str:
    """What the oracle's AUROC does from the smallest share of anomalies to the largest at which it did not collapse."""
    table = class_means(nb.frame, ["anomaly_ratio", "method"], methods=["oracle"])
    means = table.set_index("anomaly_ratio")["mean"].sort_index().dropna()
    change = means.iloc[-1] - means.iloc[0]
    return "stays" if abs(change) <= UNCHANGED else "rises" if change > 0 else "falls"


ANSWERS = {
    "10.1": Number(
        lambda nb: (40 / 50 - 0.6) / 0.4,
        ("its purity is 0.8; taking everything gives 0.6", "how far it came from 0.6 to 1: (0.8 - 0.6) / (1 - 0.6)"),
        of="share",
    ),
    "10.2": Number(
        lambda nb: 0.9,
        ("accuracy counts whoever is judged rightly, left out or taken", "every anomaly is rightly left out"),
        of="share",
    ),
    "10.3": Number(
        _mostly_anomalous,
        (
            "count the crosses among the dark",
            "purity of the runs of twofold in `frame`, for the class `shown`: where is it first under one half?",
        ),
        of="share",
        exact=True,
    ),
    "10.4": Code(
        lambda nb: _adjusted,
        (
            "three numbers: the purity of what is taken, the share of anomalies r, and what taking everything would give",
            "(purity - (1 - r)) / r",
        ),
        cases=lambda rng: {
            "fifty pictures": (rng.permutation(50) < 30, (rng.permutation(50) < 20).astype(int)),
            "everything taken": (np.ones(20, bool), (rng.permutation(20) < 5).astype(int)),
        },
    ),
    "10.5": Open(
        lambda nb: (
            "the share of anomalies is the label shift: the classes' shares move, what each looks like does not. It can be "
            "bounded without labels of the target only from outside: from how the pictures were collected, or by looking at a "
            "random handful. A cluster's size says nothing by itself: it is large for a split-off handful and for half alike."
        ),
        (),
    ),
    "10.6": Word(
        _oracle,
        (
            "how many normals are there to pull, at either end?",
            "the row of the oracle in the table, its first and its last number",
        ),
        choices={"rises": ["up", "grows"], "falls": ["down", "drops"], "stays": ["same", "constant"]},
    ),
}
