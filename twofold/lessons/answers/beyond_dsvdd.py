"""Answers to notebook 07."""

from __future__ import annotations

from typing import Any

import torch

from twofold.lessons.judging import Code, Number, Open, Word
from twofold.parts.one_class import dsvdd_loss
from twofold.results.statistics import by_class, class_means

__all__ = ["ANSWERS"]


def _further(nb: Any) -> str:
    """Under which detector the alignment covers more of the way to the oracle; nothing before the share was raised."""
    if nb.anomaly_ratio < 0.3:
        return ""
    covered = {}
    for name, part in class_means(nb.frame, ["one_class", "base", "method"]).groupby("one_class"):
        rows = by_class(part, "base").dropna()
        covered[name] = (rows["twofold"] - rows["source_only"]).sum() / (rows["oracle"] - rows["source_only"]).sum()
    return "DSVDD" if covered["dsvdd"] > covered["msc"] else "MSC"


ANSWERS = {
    "07.1": Word(
        lambda nb: "second",
        ("a gain is a difference", "75 - 70 against 68 - 60"),
        choices={"first": ["1", "the first"], "second": ["2", "the second"]},
    ),
    "07.2": Number(lambda nb: 0.0, ("the mean squared distance to the centre", "how far is the centre from itself?")),
    "07.3": Code(
        lambda nb: dsvdd_loss,
        ("the centre is subtracted from every row", "squares are summed over the features, and then a mean over the pictures"),
        cases=lambda rng: {
            "six features": (torch.from_numpy(rng.normal(size=(6, 3))), torch.from_numpy(rng.normal(size=3))),
            "one feature": (torch.from_numpy(rng.normal(size=(1, 4))), torch.from_numpy(rng.normal(size=4))),
        },
    ),
    "07.4": Open(
        lambda nb: (
            "a gain is measured from the level of the same detector without adaptation. A level under 50 ranks the wrong way "
            "round, often for reasons that have nothing to do with the alignment, and much of the gain is the way back to "
            "chance. Report the level, the gain and the end together, and what target_only reaches on the same pictures."
        ),
        (),
    ),
    "07.5": Word(
        _further,
        ("put 0.3 into `anomaly_ratio` and run the notebook again", "the last lines above say how much of the way each covers"),
        choices={"DSVDD": ["deep svdd", "the first"], "MSC": ["mean-shifted", "the second"]},
    ),
}
