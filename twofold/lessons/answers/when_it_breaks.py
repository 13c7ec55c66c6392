"""Answers to notebook 11."""

from __future__ import annotations

from typing import Any

import numpy as np

from twofold.lessons.judging import Code, Count, Number, Open, Word
from twofold.runs.metrics import collapse_verdict

__all__ = ["ANSWERS"]


def _endings(rng: np.random.Generator) -> dict[str, tuple]:
    """Scores, features and features before training of runs that end well and badly."""
    before = rng.normal(size=(200, 4))
    outliers, nan = np.zeros((200, 4)), before.copy()
    outliers[:2], nan[7, 2] = 60.0, np.nan
    after = {"a healthy run": before / 3, "a NaN": nan, "a point": before / 500, "two outliers": outliers}
    return {name: ((z**2).sum(axis=1), z, before) for name, z in after.items()}


def _ends(nb: Any) -> str:
    """How the runs at a rate of 10 ended; nothing before there were any."""
    wild = nb.table[nb.table["setting"] == "learning_rate=10"]
    if wild.empty:
        return ""
    return "NaN" if not wild["finite"].all() else "one point" if wild["collapsed"].any() else "healthy"


ANSWERS = {
    "11.1": Number(
        lambda nb: 1 / 3**2,
        ("the step multiplies w by 1 - 2 · rate · x²", "when is that number under -1?"),
    ),
    "11.2": Number(
        lambda nb: float(np.log(1 + 7)),
        ("all similarities are equal: what is each of the seven quotients?", "each is 1: the logarithm of how much?"),
    ),
    "11.3": Count(
        lambda nb: 900 // 2,
        ("fewer than half as many as pictures is a collapse", "is exactly half of them fewer than half of them?"),
    ),
    "11.4": Code(
        lambda nb: collapse_verdict,
        (
            "three questions, and one bad answer is enough: finite? variance? distinct scores?",
            "variance: features.var(axis=0).sum() beside that before training, a thousandth of it",
            "distinct scores: len(np.unique(scores.astype(np.float32))) beside half of len(scores)",
        ),
        cases=_endings,
    ),
    "11.5": Open(
        lambda nb: (
            "the loss cannot tell: a silent collapse has the best one. Without labels one looks at the variance that the "
            "features kept, at distinct scores, and at whether the source's distance is spread or offset; an alignment loss "
            "that stands still at the logarithm of a whole number is a sign too. A healthy run may still rank badly."
        ),
        (),
    ),
    "11.6": Word(
        _ends,
        (
            "put 10.0 behind the others in `learning_rates` and run the notebook again",
            "the line of learning_rate=10 under the first figure says why, the one before the exercises how many are finite",
        ),
        choices={"NaN": ["infinite", "not finite"], "one point": ["a point", "collapsed", "constant"], "healthy": ["alive"]},
    ),
}
