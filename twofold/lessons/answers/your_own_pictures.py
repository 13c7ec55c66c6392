"""Answers to notebook 18."""

from __future__ import annotations

from typing import Any

import numpy as np

from twofold.deploy.thresholds import p_values
from twofold.lessons.judging import Code, Count, Open

__all__ = ["ANSWERS"]


def _alarms(nb: Any) -> float:
    """Fitted pictures above a line that promises 1 %; NaN, which no answer equals, before it is asked for."""
    return nb.detector.labels_.sum() if nb.fpr == 0.01 else np.nan


ANSWERS = {
    "18.1": Code(
        lambda nb: p_values,
        (
            "for every new score: how many of the calibration are at least as high?",
            "one more in the numerator and in the denominator: the picture itself is one of them, and no p-value is 0",
            "(1 + (calibration >= score).sum()) / (1 + len(calibration)), for each score",
        ),
        cases=lambda rng: {
            "ten scores": (rng.normal(1, 2, 10), rng.normal(size=40)),
            "ties": (rng.integers(0, 4, 6).astype(float), rng.integers(0, 4, 15).astype(float)),
            "beyond all others": (np.array([99.0]), rng.normal(size=19)),
        },
    ),
    "18.2": Count(
        _alarms,
        (
            "put 0.01 into `fpr` and run the notebook again",
            "the first line under *One line to a detector*: it counts them",
            "the smallest p-value of n scores is 1 / (n + 1): how many scores does one alarm in a hundred take?",
        ),
    ),
    "18.3": Open(
        lambda nb: (
            "the promise is a share of the normal pictures, not of the alarms. Of 100 pictures with 2 faults, 98 normal ones "
            "at 5 % give about five false alarms and the faults at most two: most alarms are false, and the promise is kept. "
            "Which share of the alarms is false depends on how many faults there are, which nobody knows; a whole batch can be "
            "weighed together for it (Benjamini-Hochberg), and finds less. An alarm is a reason to look."
        ),
        (),
    ),
}
