"""Answers to notebook 14."""

from __future__ import annotations

from typing import Any

import torch

from twofold.lessons.judging import Code, Count, Open, Word

__all__ = ["ANSWERS"]

UNCHANGED = 0.5  # points of AUROC by which the notebook lets its own method differ


def _rate(t: int, total: int, first: float) -> float:
    """PyTorch's own cosine, step by step."""
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=first)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=total)
    for _ in range(t):
        optimizer.step()
        schedule.step()
    return schedule.get_last_lr()[0]


def _change(nb: Any) -> str:
    """Where the AUROC went from the library's, which is the method unchanged."""
    change = nb.by_hand - nb.result["auroc"]
    return "same" if abs(change) < UNCHANGED else "higher" if change > 0 else "lower"


ANSWERS = {
    "14.1": Count(
        lambda nb: 2 * nb.steps * nb.recipe.batch_size,
        ("every step takes a batch of each domain", "`recipe.batch_size` is the pictures of one domain in one step"),
    ),
    "14.2": Code(
        lambda nb: _rate,
        ("at t = 0 it is the first rate, at t = T it is zero, half way one half", "first * (1 + cos(π t / T)) / 2"),
        cases=lambda rng: {
            "the first step": (0, 40, 0.01),
            "some step": (int(rng.integers(2, 12)), 30, 0.5),
        },
    ),
    "14.3": Word(
        _change,
        ("run it: the AUROC is printed under *The score*", "compare `by_hand` with `result['auroc']`, the method unchanged"),
        choices={"higher": ["up", "better"], "lower": ["down", "worse"], "same": ["equal", "unchanged"]},
    ),
    "14.4": Open(
        lambda nb: (
            "the negatives: known anomalies join `zt[~positive]` in every step, or are taken out of the positives at least. It "
            "is then told labels: results say how many, stand apart from those that were told none, and the control may use "
            "the same labels too. Anomalies of another kind than the labelled ones must be in the test."
        ),
        (),
    ),
}
