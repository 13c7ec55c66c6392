"""Several targets of one source, as the paper prints them."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes

from twofold.plots.scores import score_axis
from twofold.plots.style import look_of_row

__all__ = ["target_dots"]


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
        style = {"marker": look.marker, "edgecolor": look.color, "label": rows["method"].iloc[0]}
        ax.scatter(rows["mean"], where, s=70, color="white", linewidth=1.6, **style)
    score_axis(ax, [target.split("->")[1] for target in targets], table["mean"].min(), 8, top=-0.5)
    ax.set_ylim(len(targets) - 0.5, -0.5)
    ax.legend(fontsize=9, loc="upper left", frameon=True, framealpha=1, edgecolor="none")
    return ax
