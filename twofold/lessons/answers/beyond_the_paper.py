"""Answers to notebook 16."""

from __future__ import annotations

from twofold.lessons.judging import Number, Word

__all__ = ["ANSWERS"]

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
}
