"""Answers to notebook 08."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from twofold.lessons.judging import Code, Count, Number, Open
from twofold.parts.alignment import contrastive_loss, mmd_loss

__all__ = ["ANSWERS"]


def _tenfold(nb: Any) -> float:
    """By how much MMD changes when all features are ten times as long."""
    source, target = nb.batch.source, nb.batch.target
    return float(mmd_loss(10 * source, 10 * target) / mmd_loss(source, target))


def _fallen(nb: Any) -> float:
    """Runs that collapsed at the rate of 0.1; NaN, which no answer equals, before there are any."""
    fast = nb.frame[nb.frame["learning_rate"] == 0.1]
    return np.nan if fast.empty else fast["collapsed"].sum()


ANSWERS = {
    "08.1": Number(_tenfold, ("what is the bandwidth a multiple of?", "distances and bandwidths grow alike")),
    "08.2": Number(
        lambda nb: 0.0,
        ("does the loss change when a point slides along its ray?", "a cosine does not know how long its vectors are"),
    ),
    "08.3": Code(
        lambda nb: lambda zs, zt, tau: contrastive_loss(zs, zt, None, tau, in_batch=True),
        (
            "one table of cosines, source against target; partners stand on its diagonal",
            "-log of the diagonal's part of its row: torch.nn.functional.cross_entropy(table / tau, torch.arange(n))",
        ),
        cases=lambda rng: {
            "five pairs": (torch.from_numpy(rng.normal(size=(5, 3))), torch.from_numpy(rng.normal(size=(5, 3))), 0.5),
            "two pairs": (torch.from_numpy(rng.normal(size=(2, 4))), torch.from_numpy(rng.normal(size=(2, 4))), 1.0),
        },
    ),
    "08.4": Open(
        lambda nb: (
            "each strategy has its own best learning rate, and the level moves with the rate as well. A fair table chooses the "
            "rate for every strategy by one rule that reads no label of the target, or on other pairs; compares only rates at "
            "which all runs are alive; and says how many rates each was given."
        ),
        (),
    ),
    "08.5": Count(
        _fallen,
        ("put 0.1 behind the others in `learning_rates` and run the notebook again", "add up the last line above"),
    ),
}
