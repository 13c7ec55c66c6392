"""Scores of methods side by side, every class a dot; conventions as in ``style``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from twofold.plots.style import (
    INK,
    SCORE_WORDS,
    chance_line,
    collapsed_words,
    look_of_row,
    plain_name,
    wrapped,
)

__all__ = ["class_dots", "score_axis"]


def _known(row: Mapping) -> pd.Series:
    """The classes of a row that have a number."""
    return pd.Series(row["classes"], dtype=float).dropna()


def _beside(ax: Axes, height: float, words: str, color: str, **look: object) -> None:
    """Words to the right of a row."""
    ax.text(1.02, height, words, transform=ax.get_yaxis_transform(), va="center", color=color, **look)


def score_axis(ax: Axes, names: list[str], lowest: float, margin: float, top: float = -0.6, letters: int = 26) -> None:
    """A row a name, in lines of so many letters, downwards, over the scores in percent."""
    chance_line(ax)
    ax.set_yticks(range(len(names)), [wrapped(name, letters) for name in names])
    ax.set_ylim(len(names) - 0.4, top)
    ax.set_xlim(np.nanmin([25.0, lowest - margin]), 102)
    ax.set_xlabel(SCORE_WORDS)


def _extremes(values: pd.Series) -> list[tuple[float, str]]:
    """Where to write the worst and the best class: below their dots, or together where these are close."""
    if len(values) < 2:
        return []
    worst, best = values.idxmin(), values.idxmax()
    if values[best] - values[worst] < 1.35 * len(worst + best) + 2:
        return [((values[worst] + values[best]) / 2, f"{worst}, {best}")]
    return [(values[worst], worst), (values[best], best)]


def class_dots(table: pd.DataFrame, ax: Axes, methods: Sequence[str] | None = None) -> Axes:
    """A row a method: a dot a class, the mean with its standard deviation over classes, worst and best class named.

    Parameters
    ----------
    table : a row a method, ours or from ``results.tables.printed``; a mean whose classes are not known is hollow, a row
        without any number is said not to be printed.
    methods : the rows from top to bottom, all of the table's among them: panels that are given the same line up.
    """
    lowest, methods, named = table["mean"].min(), list(table["method"] if methods is None else methods), []
    called = {row["method"]: plain_name(row["method"], look_of_row(row)) for row in table.to_dict("records")}
    for row in table.to_dict("records"):
        i = methods.index(row["method"])
        look, values = look_of_row(row), _known(row)
        lowest = np.nanmin([lowest, values.min()])
        ax.scatter(values, np.full(len(values), i), s=20, color="white", edgecolor=look.color, linewidth=1.0, zorder=2)
        named += [(where, i, names.replace("_", " ")) for where, names in _extremes(values)]
        if pd.isna(row["mean"]) and not row["n_collapsed"]:
            ax.text(60, i, "not printed", va="center", ha="center", fontsize=9, color=INK)
            continue
        if pd.isna(row["mean"]):
            _beside(ax, i - 0.1, collapsed_words(row, "\n"), look.color, fontsize=9.5, weight="bold")
            continue
        height = i - 0.14 if len(values) else i
        hollow = row.get("told") == "labels" or not len(values)
        ax.errorbar(row["mean"], height, xerr=row["std_classes"], color=look.color, linewidth=1.6, capsize=3, zorder=3)
        face = "white" if hollow else look.color
        ax.scatter(row["mean"], height, s=80, marker=look.marker, color=face, edgecolor=look.color, linewidth=1.5, zorder=4)
        _beside(ax, i - 0.1, f"{row['mean']:.1f}", look.color, fontsize=9.5, weight="bold")
    score_axis(ax, [called.get(method, method) for method in methods], lowest, 8)
    for where, i, names in named:  # a name that would cross the axis begins at it
        starts = where - len(names) < ax.get_xlim()[0]
        place = {"x": ax.get_xlim()[0] + 1, "ha": "left"} if starts else {"x": where, "ha": "center"}
        ax.text(y=i + 0.2, s=names, va="top", fontsize=8.5, color=INK, **place)
    return ax
