"""The first figure: the task in pictures, what the shift costs, what each way of aligning makes of it; and that in words."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from twofold.errors import InputError
from twofold.plots.curves import score_curves
from twofold.plots.pictures import picture_rows
from twofold.plots.style import INK, SCORE_WORDS, chance_line, collapsed_words, look_of_row
from twofold.results.statistics import ENOUGH_CLASSES, class_means, selection_means

__all__ = ["bars", "curse_figure", "curse_headline", "curse_reading", "selection_reading"]


def bars(table: pd.DataFrame, ax: Axes) -> Axes:
    """The mean of each row as a bar over its classes, which are dots.

    Parameters
    ----------
    table : a row a method.
    """
    rows = table.to_dict("records")
    for i, row in enumerate(rows):
        look = look_of_row(row)
        if pd.isna(row["mean"]):
            ax.text(i, 50, collapsed_words(row, "\n"), ha="center", va="center", color=look.color)
            continue
        values = pd.Series(row["classes"], dtype=float).dropna()
        ax.bar(i, row["mean"], width=0.62, color=look.color, alpha=0.85)
        ax.scatter(np.full(len(values), i), values, s=16, color="white", edgecolor="black", linewidth=0.8, zorder=3)
        ax.text(i, 3, f"{row['mean']:.0f}", ha="center", color="white", fontsize=13, fontweight="bold")
    chance_line(ax, horizontal=True)
    ax.set_xticks(range(len(rows)), [look_of_row(row).words.replace("trained on ", "trained on\n") for row in rows])
    ax.set_ylim(0, 100)
    ax.set_ylabel(SCORE_WORDS)
    return ax


def curse_figure(
    rows: Sequence[tuple], cost: pd.DataFrame, table: pd.DataFrame, level: pd.DataFrame, claim: str, footer: str
) -> Figure:
    """The first figure: the task in pictures, what the shift costs, and what each way of aligning makes of it.

    Parameters
    ----------
    rows : of ``picture_rows``.
    cost : of ``bars``, such as trained on the target and trained on the source.
    table, level : of ``score_curves``, over the share of anomalies.
    claim : title, computed from the runs.
    footer : data, preset, n, seeds, selection rule.
    """
    figure = plt.figure(figsize=(14.5, 5.6))
    grid = figure.add_gridspec(1, 3, width_ratios=(1.3, 0.55, 1.45), wspace=0.26, left=0.02, right=0.83, top=0.82, bottom=0.16)
    left, middle, right = (figure.add_subplot(cell) for cell in grid)
    picture_rows(rows, left)
    bars(cost, middle).set_title("What the shift costs")
    score_curves(table, "anomaly_ratio", right, level=level).set_title("What aligning the target repairs")
    figure.text(0.02, 0.93, claim, fontsize=15, fontweight="bold", ha="left")
    figure.text(0.02, 0.015, footer, fontsize=9, color=INK, ha="left")
    return figure


def _over_ratios(frame: pd.DataFrame) -> tuple[pd.DataFrame, float]:
    """A row a ratio and method, and the level of ``source_only``, which never sees the target; NaN where it collapsed."""
    table = class_means(frame, ["anomaly_ratio", "method"])
    source = table.loc[table["method"] == "source_only", "mean"]
    if source.empty:
        raise InputError(f"wanted runs of source_only, got {', '.join(frame['method'].unique())}; run it first")
    return table[table["method"] != "source_only"].sort_values("anomaly_ratio", kind="stable"), source.mean(skipna=False)


def curse_headline(frame: pd.DataFrame) -> str:
    """One sentence that names the highest of the methods that use no label, computed from the runs.

    A method that collapsed somewhere is not compared, and then the sentence says that others do; under five classes it says
    that they are too few.

    Parameters
    ----------
    frame : runs of ``source_only`` and of methods over several ratios.

    Raises
    ------
    InputError : no run of ``source_only``.
    """
    table, source = _over_ratios(frame[~frame["oracle"].astype(bool)])
    curves = table.pivot(index="anomaly_ratio", columns="method", values="mean")
    swept = table.groupby("method").size() == table["anomaly_ratio"].nunique()
    means = curves.loc[:, swept].mean(skipna=False)
    if pd.isna(source) or means.isna().all():
        return "No winner: every method, or source_only, collapsed somewhere"
    best = means.idxmax()
    n_classes = int(table["n_classes"].min())
    few = f"Too few classes ({n_classes}) for a verdict: " if n_classes < ENOUGH_CLASSES else ""
    among = " of those that never collapse" if means.isna().any() else ""
    gain = f"{means[best] - source:+.0f} points to source_only"
    return f"{few}{best} is highest{among}: {means[best]:.0f} % AUROC on average, {gain}"


def curse_reading(frame: pd.DataFrame) -> list[str]:
    """What the shift costs, what anomalies do to each way of aligning, how far the oracle is: computed sentences.

    Parameters
    ----------
    frame : as in ``curse_headline``, with ``in_domain`` where it was run.

    Raises
    ------
    InputError : no run of ``source_only``.
    """
    table, source = _over_ratios(frame)
    home = table[table["base"] == "in_domain"]
    lines = []
    if len(home) and not pd.isna(source) and home["mean"].notna().all():
        level = home["mean"].mean()
        ends = f"{level:.1f} trained on the target, {source:.1f} on the source"
        lines.append(f"The shift costs {level - source:.1f} points: {ends}.")
    for method, rows in table[table["base"] != "in_domain"].groupby("method", sort=False):
        low, high = rows.iloc[0], rows.iloc[-1]
        ends = f"at {low['anomaly_ratio']:.0%} anomalies, {{:.1f}} at {high['anomaly_ratio']:.0%} ({{:+.1f}})"
        if fallen := int(rows["n_collapsed"].sum()):
            rest = f"of the rest {low['rest']:.1f} " + ends.format(high["rest"], high["rest"] - low["rest"])
            rest = rest if rows.iloc[[0, -1]]["rest"].notna().all() else "at an end of the curve none is left"
            lines.append(f"{method}: {fallen}/{rows['n_runs'].sum()} collapsed, so it has no mean; {rest}.")
            continue
        line = f"{method}: {low['mean']:.1f} " + ends.format(high["mean"], high["mean"] - low["mean"])
        if not pd.isna(source):
            side = "above" if high["mean"] > source else "below"
            line += f"; there {abs(high['mean'] - source):.1f} points {side} source_only"
        lines.append(f"{line}.")
    if (few := int(table["n_classes"].min())) < ENOUGH_CLASSES:
        lines.append(f"Too few classes ({few}) for a verdict on any of this.")
    return lines


def selection_reading(frame: pd.DataFrame) -> list[str]:
    """How right each method's selection was, judged after training: a computed sentence a method.

    Parameters
    ----------
    frame : runs over several ratios.
    """
    tables = selection_means(frame[~frame["oracle"].astype(bool)], ["anomaly_ratio", "method"])
    lines = []
    for method, purity in tables["purity"].groupby("method", sort=False):
        means = purity.set_index("anomaly_ratio")[["mean"]].sort_index()
        recall = tables["recall"]
        means["recall"] = recall[recall["method"] == method].set_index("anomaly_ratio")["mean"]
        first, last = means.iloc[0], means.iloc[-1]
        lines.append(
            f"{method}: of what it took for normal {first['mean']:.0%} was normal at {means.index[0]:.0%} anomalies and "
            f"{last['mean']:.0%} at {means.index[-1]:.0%}; it found {first['recall']:.0%} and {last['recall']:.0%} "
            "of the normals."
        )
    return lines
