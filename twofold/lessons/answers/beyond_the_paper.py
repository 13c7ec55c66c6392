"""Answers to notebook 16."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from twofold.lessons.judging import Code, Number, Open, Word
from twofold.parts.oddness import general_oddness
from twofold.results.statistics import class_means

__all__ = ["ANSWERS"]


def _relative(distances: np.ndarray, features: np.ndarray, pile: np.ndarray) -> np.ndarray:
    return np.log1p(distances) - general_oddness(torch.from_numpy(features), torch.from_numpy(pile)).numpy()


def _unit(rng: np.random.Generator, n: int) -> np.ndarray:
    z = rng.normal(size=(n, 6))
    return z / np.linalg.norm(z, axis=1, keepdims=True)


def _costlier(nb: Any) -> str:
    """Which strangers cost the method more at a share of 0.45, on all pairs; nothing before it was asked for."""
    level = {}
    for words, runs in nb.kinds.items():
        runs = runs[(runs["method"] == nb.me) & (runs["anomaly_ratio"] == 0.45)]
        level[words] = class_means(runs, ["dataset", "source", "target"])["mean"].mean()
    return min(level, key=level.__getitem__) if all(np.isfinite(value) for value in level.values()) else ""


ANSWERS = {
    "16.1": Number(
        lambda nb: float((nb.leads["same eyes"]["oracle"] - nb.leads["same eyes"]["method"]).mean()),
        ("its oracle minus pooled_gaussian itself", "subtract pair by pair, then average over the pairs"),
    ),
    "16.2": Word(
        lambda nb: max(nb.gains, key=lambda words: nb.gains[words]["gain"].mean()),
        ("the panel of the figure whose dots lie furthest to the right", "the largest average in the table of steps"),
        choices=None,
    ),
    "16.3": Code(
        lambda nb: _relative,
        (
            "two logarithms: of one plus the given distance, and of what is to be computed of the pile",
            "the mean distance to the seven nearest, as in target_only, and then the square: not the mean of squares",
            "d = np.linalg.norm(features[:, None] - pile, axis=2), then np.sort(d, axis=1)[:, :7].mean(axis=1)",
        ),
        cases=lambda rng: {
            "five pictures and a pile of thirty": (rng.uniform(0, 20, 5), _unit(rng, 5), _unit(rng, 30)),
            "a pile of nine": (rng.uniform(0, 1, 3), _unit(rng, 3), _unit(rng, 9)),
        },
    ),
    "16.4": Open(
        lambda nb: (
            "the rows with the same eyes: neighbours in the same four layers, with the same pile, and target_gaussian, the "
            "method without its source. The lead over them, and not over target_only, is the method's own; with it go the "
            "interval over targets, what was tried on which pairs, and that another order of the steps would share the same "
            "sum otherwise."
        ),
        (),
    ),
    "16.5": Word(
        _costlier,
        (
            "put 0.45 in the place of 0.3 in `shares` and run the notebook again",
            "the second of the two tables of strangers, the row of pooled_gaussian: a crowd less spread ones",
        ),
        choices={
            "of all other classes": ["all other classes", "all", "spread", "all classes"],
            "of one class": ["one class", "one", "a crowd", "one crowd", "crowd"],
        },
    ),
}
