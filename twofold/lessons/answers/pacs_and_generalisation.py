"""Answers to notebook 09."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from twofold.lessons.judging import Code, Number, Open, Word
from twofold.results.statistics import PAIR, class_means, over_trials

__all__ = ["ANSWERS"]


def _above_gnl(nb: Any) -> float:
    averages = nb.quoted.groupby("method")["auroc"].mean()
    return float(averages["twofold"] - averages["gnl"])


def _exception(nb: Any) -> str:
    """The printed target on which the few-shot baseline is nearest to the method, or above it."""
    wide = nb.quoted.pivot(index="block", columns="method", values="auroc")
    return (wide["msra"] - wide["twofold"]).idxmax().removeprefix("Photo->")


def _unaligned(nb: Any) -> float:
    """What the unlabelled target alone is worth on the first pair."""
    means = class_means(next(iter(nb.parts.values())), methods=nb.methods).set_index("method")["mean"]
    return float(means["target_only"] - means["source_only"])


def _over_targets(gains: Sequence[float], targets: Sequence[str]) -> float:
    places = pd.MultiIndex.from_tuples([("d", str(i), target) for i, target in enumerate(targets)], names=PAIR)
    return over_trials(pd.Series(gains, index=places))["difference"]


def _written(nb: Any) -> str:
    """The higher of the source alone and the target alone, on a second pair whose source is written too."""
    if list(nb.pairs[-1]) != ["digits", "optdigits", "mnist"]:
        return ""
    means = class_means(list(nb.parts.values())[-1], methods=nb.methods).set_index("method")["mean"]
    return "source_only" if means["source_only"] > means["target_only"] else "target_only"


ANSWERS = {
    "09.1": Number(_above_gnl, ("three targets, one mean each", "the mean of twofold minus the mean of gnl in `quoted`")),
    "09.2": Word(
        _exception,
        ("subtract two rows of Table 8", "msra minus twofold, target by target: where is it largest?"),
        choices={
            "Art": ["photo to art", "photo art", "art painting"],
            "Cartoon": ["photo to cartoon", "photo cartoon"],
            "Sketch": ["photo to sketch", "photo sketch"],
        },
    ),
    "09.3": Number(_unaligned, ("no adaptation is involved", "target_only minus source_only, on the first pair")),
    "09.4": Open(
        lambda nb: (
            "where no picture of the target is there before the first decision, where targets change faster than one can "
            "collect, or where nobody can say that anomalies are rare in what is collected. It costs what the unlabelled "
            "target would be worth, which target_only minus source_only measures on pairs where both can be had."
        ),
        (),
    ),
    "09.5": Code(
        lambda nb: _over_targets,
        (
            "pairs into one target are judged by the same pictures: they count once",
            "first a mean within each target, then a mean of these: pd.Series(gains).groupby(targets).mean() is the first",
        ),
        cases=lambda rng: {
            "five pairs into three targets": (list(rng.normal(3, 5, 5)), ["cartoon", "sketch", "cartoon", "art", "cartoon"]),
            "one target": (list(rng.normal(0, 5, 3)), ["sketch"] * 3),
        },
    ),
    "09.6": Word(
        _written,
        (
            'put ["digits", "optdigits", "mnist"] in the place of the second pair and run the notebook again',
            "the lines under *What is the unlabelled target worth?*, those of the second pair",
        ),
        choices={
            "source_only": ["source", "the source alone"],
            "target_only": ["target", "the target alone", "the unlabelled target"],
        },
    ),
}
