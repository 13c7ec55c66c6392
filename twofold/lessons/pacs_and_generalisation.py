"""Several targets of one source, as the paper prints them."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes

from twofold.plots.scores import score_axis
from twofold.plots.style import look_of_row
from twofold.results.statistics import plain

__all__ = ["target_dots", "target_words"]


def target_words(table: pd.DataFrame) -> str:
    """Which method that is told no label is highest on each of several targets: one sentence.

    Parameters
    ----------
    table : from ``results.tables.printed``, blocks of one source.

    >>> rows = [("Photo->Art", "a", 60.0, ""), ("Photo->Art", "b", 90.0, "shots"), ("Photo->Sketch", "a", 70.5, "")]
    >>> target_words(pd.DataFrame(rows, columns=["block", "method", "mean", "told"]))
    'highest without labels is a on Art (60.0 %), a on Sketch (70.5 %)'
    """
    free = table[table["told"].eq("")]
    best = free.loc[free.groupby("block", sort=False)["mean"].idxmax()]
    places = zip(best["method"], best["block"], best["mean"], strict=True)
    return "highest without labels is " + ", ".join(
        f"{plain(method)} on {block.split('->')[1]} ({mean:.1f} %)" for method, block, mean in places
    )


def target_dots(table: pd.DataFrame, ax: Axes) -> Axes:
    """Printed means of several targets, a row a target and a marker a method.

    Parameters
    ----------
    table : from ``results.tables.printed``, blocks of one source.
    """
    targets, methods = list(dict.fromkeys(table["block"])), list(dict.fromkeys(table["method"]))
    for i, (_, rows) in enumerate(table.groupby("method", sort=False)):
        look = look_of_row(rows.iloc[0])
        where = [targets.index(block) + 0.12 * (i - (len(methods) - 1) / 2) for block in rows["block"]]
        method, told = rows["method"].iloc[0], rows["told"].iloc[0]
        style = {"marker": look.marker, "edgecolor": look.color, "label": plain(method) + (f" (told {told})" if told else "")}
        ax.scatter(rows["mean"], where, s=70, color="white", linewidth=1.6, **style)
    score_axis(ax, [target.split("->")[1] for target in targets], table["mean"].min(), 8, top=-0.5)
    ax.set_ylim(len(targets) - 0.5, -0.5)
    ax.legend(fontsize=9, loc="upper left", frameon=True, framealpha=1, edgecolor="none")
    return ax
