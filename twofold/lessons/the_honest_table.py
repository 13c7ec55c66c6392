"""Every method beside every control: all on one axis, and who is above whom in a sentence with its interval."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes

from twofold.plots.scores import score_axis
from twofold.plots.style import collapsed_words, look_of_row
from twofold.results.sentences import interval_words
from twofold.results.statistics import above

__all__ = ["comparison", "method_dots"]


def comparison(frame: pd.DataFrame, method: str, control: str) -> str:
    """Whether a method is above a control on the pairs of a frame, in a sentence with its 95 % interval.

    Parameters
    ----------
    frame, method, control : as in ``statistics.above``.
    """
    found = above(frame, method, control)
    verdicts = {
        "above": f"{method} is above {control}",
        "below": f"{method} is below {control}",
        "undecided": f"{method} is undecided against {control}",
        "collapsed": f"{method} and {control} cannot be compared",
        "too few classes": f"{method} against {control} has too few classes for a verdict",
    }
    return f"{verdicts[found['verdict']]}: {interval_words(found)}"


def method_dots(table: pd.DataFrame, ax: Axes) -> Axes:
    """One dot a method on a common axis with its spread over classes, what was told labels hollow, what collapsed in words.

    Parameters
    ----------
    table : a row a method.
    """
    for i, row in enumerate(table.to_dict("records")):
        look = look_of_row(row)
        if pd.isna(row["mean"]):
            ax.text(50, i, collapsed_words(row), va="center", fontsize=9, color=look.color)
            continue
        face = "white" if row.get("told") == "labels" else look.color
        ax.errorbar(row["mean"], i, xerr=row["std_classes"], color=look.color, linewidth=1.2, zorder=1)
        ax.scatter(row["mean"], i, s=64, marker=look.marker, color=face, edgecolor=look.color, zorder=2)
        ax.text(row["mean"], i - 0.22, f"{row['mean']:.1f}", ha="center", va="bottom", fontsize=8.5, color="#333333")
    score_axis(ax, list(table["method"]), (table["mean"] - table["std_classes"]).min(), 2, top=-0.8)
    return ax
