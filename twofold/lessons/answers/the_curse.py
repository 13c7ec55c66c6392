"""Answers to notebook 01."""

from __future__ import annotations

from typing import Any

import numpy as np

from twofold.lessons.judging import Code, Number, Open, Word
from twofold.runs.metrics import auroc

__all__ = ["ANSWERS"]

UNCHANGED = 2.0  # points of AUROC that nobody should read anything into


def _first_worse(nb: Any) -> float:
    """The smallest share of coherent anomalies at which aligning everything has the lower AUROC."""
    of_shape = nb.curves[nb.curves["shape"] == "coherent"]
    levels = of_shape.pivot_table("auroc", "anomaly_ratio", "rule")
    return float(levels.index[levels["align_all"] < levels["source_only"]].min())


def _order(nb: Any) -> str:
    """What the AUROC of aligning everything does when a ring of anomalies grows."""
    ring = nb.curves[(nb.curves["shape"] == "ring") & (nb.curves["rule"] == "align_all")]
    level = ring.pivot_table("auroc", "anomaly_ratio").sort_index()["auroc"]
    return "stays" if abs(level.iloc[-1] - level.iloc[0]) <= UNCHANGED else "falls"


ANSWERS = {
    "01.1": Number(
        lambda nb: 1 / max(nb.n_clusters),
        (
            "set the anomalies' share equal to that of one slice of the normals",
            "r = (1 - r) / (K - 1), with the largest K of `n_clusters`",
        ),
        of="share",
    ),
    "01.2": Number(
        _first_worse,
        (
            "where does the line of crosses pass the dashed level in the upper left panel?",
            "it is one of `ratios`: pivot `curves` by share and rule, and compare two columns",
        ),
        of="share",
        exact=True,
    ),
    "01.3": Code(
        lambda nb: auroc,
        (
            "compare every anomaly with every normal picture: in which share of the pairs has the anomaly the higher score?",
            "scores[labels == 1][:, None] > scores[labels == 0] is a table of all pairs; its mean is a share, not yet percent",
            "two equal scores count one half",
        ),
        cases=lambda rng: {
            "forty scores": (np.arange(40) % 3 == 0, rng.normal(size=40)),
            "scores the wrong way round": (np.repeat([0, 1], 10), -np.arange(20.0) + rng.normal()),
            "ties": (np.arange(30) % 2, rng.integers(0, 4, 30).astype(float)),
        },
    ),
    "01.4": Word(
        _order,
        (
            "a ring lies around the normals on all sides: in which direction does its mean pull the map?",
            "read the upper right panel, the line of crosses",
        ),
        choices={"stays": ["same", "constant", "nothing"], "falls": ["down", "drops", "worse"]},
    ),
    "01.5": Open(
        lambda nb: (
            "an AUROC under 50 says that anomalies lie nearer to the centre than normals, on this class, as the labels of the "
            "test show; without labels nobody knows on which classes that is so, and flipping all would ruin the others. It is "
            "the shift that put the target's normals outside: mend the shift, not the sign."
        ),
        (),
    ),
}
