"""Whom adaptation serves and whom it harms, class by class; and whether the paper's printed numbers agree with each other."""

from __future__ import annotations

from itertools import combinations

import pandas as pd
from matplotlib.axes import Axes

from twofold.plots.scores import score_axis
from twofold.plots.style import COLORS, INK, look_of_row
from twofold.results.published import TABLES, published

__all__ = ["disagreements", "dumbbells", "recomputed"]


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


def recomputed() -> pd.DataFrame:
    """Every printed mean and spread whose classes are printed too, beside its value from the classes (ddof 0).

    Returns
    -------
    table, block, method, statistic (mean or std), printed, recomputed, difference (recomputed - printed).

    >>> round(float(recomputed()["difference"].abs().max()), 3)
    0.007
    """
    rows = []
    for table in TABLES[:3]:
        for (block, method), group in published(table).groupby(["block", "method"], sort=False):
            classes = group.loc[group["normal"] != "mean", "auroc"]
            (mean,) = group[group["normal"] == "mean"].to_dict("records")
            for statistic, printed, value in (
                ("mean", mean["auroc"], classes.mean()),
                ("std", mean["std"], classes.std(ddof=0)),
            ):
                rows.append((table, block, method, statistic, printed, value, value - printed))
    return pd.DataFrame(rows, columns=["table", "block", "method", "statistic", "printed", "recomputed", "difference"])


def disagreements() -> pd.DataFrame:
    """Every number that two tables print differently.

    Returns
    -------
    block, method, normal, statistic (auroc or std), table_a, value_a, table_b, value_b, difference (b - a).

    >>> disagreements().query("statistic == 'auroc'")["block"].nunique()  # all of Office, none of VisDA
    4
    """
    keys, rows = ["block", "method", "normal"], []
    for a, b in combinations(TABLES, 2):
        both = published(a).merge(published(b), on=keys, suffixes=("_a", "_b"))
        for row in both.to_dict("records"):
            for statistic in ("auroc", "std"):
                value_a, value_b = row[f"{statistic}_a"], row[f"{statistic}_b"]
                if abs(value_a - value_b) > 1e-6:  # False where either is missing
                    rows.append((*(row[key] for key in keys), statistic, a, value_a, b, value_b, round(value_b - value_a, 2)))
    return pd.DataFrame(rows, columns=[*keys, "statistic", "table_a", "value_a", "table_b", "value_b", "difference"])
