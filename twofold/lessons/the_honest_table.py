"""Every method beside every control: all on one axis, and who is above whom in a sentence with its interval."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import pandas as pd
from matplotlib.axes import Axes

from twofold.plots.scores import score_axis
from twofold.plots.style import look_of_row
from twofold.results.sentences import few_words, rest_words, verdict_count, verdict_words
from twofold.results.statistics import PAIR, above, plain
from twofold.results.tables import pair_name

__all__ = ["comparison_table", "comparisons", "highest_words", "method_dots", "untold_first"]


def comparisons(frame: pd.DataFrame, methods: Sequence[str], controls: Sequence[str]) -> list[str]:
    """Whether each method is above each control on the pairs of a frame: a sentence each, then how many verdicts these are.

    Parameters
    ----------
    frame : as in ``statistics.above``.
    methods, controls : names in its ``method`` column.
    """
    lines, verdicts = [], []
    for method, control in product(methods, controls):
        found = above(frame, method, control)
        lines.append(f"{method} to {control}: {verdict_words(found)}")
        verdicts.append(found["verdict"])
    return [*lines, *filter(None, [verdict_count(verdicts)])]


def comparison_table(frame: pd.DataFrame, methods: Sequence[str], controls: Sequence[str]) -> tuple[pd.DataFrame, str]:
    """Each method to each control, a row each, a column each pair of domains; and how many verdicts these are.

    Parameters
    ----------
    frame, methods, controls : as in ``comparisons``.
    """
    wanted = list(product(methods, controls))
    table, verdicts = pd.DataFrame({"": [f"{method} to {control}" for method, control in wanted]}), []
    for pair, runs in frame.groupby(PAIR, sort=False):
        found = [above(runs, method, control) for method, control in wanted]
        table[pair_name(pair)] = [verdict_words(one) for one in found]
        verdicts += [one["verdict"] for one in found]
    return table, verdict_count(verdicts)


def untold_first(table: pd.DataFrame) -> list[str]:
    """The methods of a table in their order, those that are told labels after all others.

    Parameters
    ----------
    table : from ``statistics.class_means``, of one pair or several.

    >>> untold_first(pd.DataFrame({"method": ["a", "oracle", "b", "a"], "told": ["", "labels", "", ""]}))
    ['a', 'b', 'oracle']
    """
    told = table.drop_duplicates("method").set_index("method")["told"].eq("labels")
    return [*told.index[~told], *told.index[told]]


def highest_words(table: pd.DataFrame) -> str:
    """Which method that is told no label has the highest mean, and the next one: one sentence.

    Parameters
    ----------
    table : a row a method, of one pair; what collapsed, or is not printed, is not highest.
    """
    alive = table[table["told"].eq("") & table["mean"].notna()].sort_values("mean", ascending=False, kind="stable")
    if alive.empty:
        return "every method that is told no label collapsed"
    parts = [f"{plain(row['method'])} ({row['mean']:.1f} %)" for row in alive.head(2).to_dict("records")]
    n_classes = int(alive["n_classes"].min())  # 0 where they are not printed
    few = few_words(n_classes) if n_classes else ""
    return f"{few}{parts[0]} is highest without labels" + "".join(f", then {part}" for part in parts[1:])


def method_dots(table: pd.DataFrame, ax: Axes) -> Axes:
    """One dot a method on a common axis with its spread over classes, what was told labels hollow, what collapsed in words.

    Parameters
    ----------
    table : a row a method.
    """
    for i, row in enumerate(table.to_dict("records")):
        look = look_of_row(row)
        if pd.isna(row["mean"]):
            ax.text(50, i, rest_words(row), va="center", fontsize=9, color=look.color)
            continue
        face = "white" if row.get("told") == "labels" else look.color
        ax.errorbar(row["mean"], i, xerr=row["std_classes"], color=look.color, linewidth=1.2, zorder=1)
        ax.scatter(row["mean"], i, s=64, marker=look.marker, color=face, edgecolor=look.color, zorder=2)
        ax.text(row["mean"], i - 0.22, f"{row['mean']:.1f}", ha="center", va="bottom", fontsize=8.5, color="#333333")
    score_axis(ax, list(map(plain, table["method"])), (table["mean"] - table["std_classes"]).min(), 2, top=-0.8, letters=60)
    return ax
