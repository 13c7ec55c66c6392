"""Answers to notebook 03."""

from __future__ import annotations

from typing import Any

import numpy as np

from twofold.lessons.judging import Code, Count, Number, Open
from twofold.results.statistics import ENOUGH_CLASSES, by_class, class_means, t_interval

__all__ = ["ANSWERS"]


def _interval(before: np.ndarray, after: np.ndarray) -> list[float]:
    return [float(edge) for edge in t_interval(after - before)]


def _losing(nb: Any) -> float:
    """Classes of the first pair that lose by adapting; NaN, which no answer equals, while they are fewer than asked for."""
    classes = by_class(class_means(next(iter(nb.parts.values())), methods=["source_only", "twofold"])).dropna()
    return (classes["twofold"] < classes["source_only"]).sum() if len(classes) >= ENOUGH_CLASSES else np.nan


ANSWERS = {
    "03.1": Number(
        lambda nb: float(nb.stds["Clip Art->Product", "twofold"] * (10 / 9) ** 0.5),
        ("ddof 1 divides the sum of squares by 9, ddof 0 by 10", "multiply the published one by the root of n / (n - 1)"),
    ),
    "03.2": Number(lambda nb: 0.0, ("every class gains the same", "what is the spread of ten equal numbers?")),
    "03.3": Count(
        lambda nb: int((nb.wide["twofold"] < nb.wide["source_only"]).sum()),
        ("add up a column of the second table", "`view` has a column of classes that lose"),
    ),
    "03.4": Code(
        lambda nb: _interval,
        (
            "differences first, class by class; the interval is of their mean",
            "half its width is scipy.stats.t.ppf(0.975, n - 1) times the standard error",
            "the standard error is std(ddof=1) / sqrt(n)",
        ),
        cases=lambda rng: {
            "ten classes": (before := rng.uniform(50, 90, 10), before + rng.normal(3, 2, 10)),
            "five classes": (rng.uniform(50, 90, 5), rng.uniform(50, 90, 5)),
        },
    ),
    "03.5": Open(
        lambda nb: (
            "the bars are wide since classes are easy or hard for every method alike; that part is the same in both rows and "
            "cancels in the difference of each class. Print the gain per class, its mean and its 95 % interval, on how many "
            "classes it is above zero, and n; under five classes no verdict."
        ),
        (),
    ),
    "03.6": Count(
        _losing,
        (
            "put the five classes into `normals` and run the notebook again",
            "the rows of the first pair: where is twofold under source_only? The title of its panel counts those that gain",
        ),
    ),
}
