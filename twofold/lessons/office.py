"""Whom adaptation serves and whom it harms: every class from one method to another."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes

from twofold.plots.scores import score_axis
from twofold.plots.style import COLORS, INK, look_of_row

__all__ = ["dumbbells"]


def dumbbells(table: pd.DataFrame, before: str, after: str, ax: Axes) -> Axes:
    """A row a class: from its AUROC under one method to that under another; classes that lose are dashed.

    Parameters
    ----------
    table : a row a method; classes where either collapsed are named and not drawn.
    before, after : methods.
    """
    rows = {row["method"]: row for row in table.to_dict("records")}
    wide = pd.DataFrame({method: rows[method]["classes"] for method in (before, after)}, dtype=float)
    gain = (wide[after] - wide[before]).sort_values(ascending=False, na_position="last")
    for i, name in enumerate(gain.index):
        if pd.isna(gain[name]):
            ax.text(50, i, "collapsed", va="center", fontsize=9, color=INK)
            continue
        lost = gain[name] < 0
        ax.plot(
            wide.loc[name, [before, after]], [i, i], color=COLORS["anomalous"] if lost else "#BBBBBB", linewidth=2.4,
            linestyle="--" if lost else "-", zorder=1,
        )  # fmt: skip
        for method in (before, after):
            look, label = look_of_row(rows[method]), method if i == 0 else None
            ax.scatter(wide.loc[name, method], i, s=52, color=look.color, marker=look.marker, zorder=2, label=label)
        style = {"color": COLORS["anomalous"] if lost else INK, "fontsize": 9, "va": "center"}
        ax.text(1.02, i, f"{gain[name]:+.1f}", transform=ax.get_yaxis_transform(), **style)
    score_axis(ax, [name.replace("_", " ") for name in gain.index], wide.min().min(), 5)
    return ax
