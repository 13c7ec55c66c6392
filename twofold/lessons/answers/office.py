"""Answers to notebook 03."""

from __future__ import annotations

from twofold.lessons.judging import Count, Number

__all__ = ["ANSWERS"]

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
}
