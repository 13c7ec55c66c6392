"""Answers to notebook 09."""

from __future__ import annotations

from typing import Any

from twofold.lessons.judging import Number, Open, Word
from twofold.results.statistics import class_means

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
}
