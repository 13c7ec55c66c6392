"""The first figure: the task in pictures, what the shift costs, what each way of aligning makes of it; and that in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from twofold.errors import InputError
from twofold.plots.curves import score_curves
from twofold.plots.pictures import picture_rows
from twofold.plots.style import SCORE_WORDS, Look, chance_line, headline, look_of_row, wrapped
from twofold.results.sentences import fallen_words, few_words, rest_words
from twofold.results.statistics import ENOUGH_CLASSES, class_means, look_of, plain, selection_means, whole_classes

__all__ = ["SAME_EYES", "bars", "curse_figure", "curse_headline", "curse_reading", "selection_reading"]

SAME_EYES = "target_only[background=auto,features=layers]"  # the control with the layers and the pile of pooled_gaussian
NAME_LETTERS = 19  # in a line of a name beside the curves


def _look(method: str) -> Look:
    """The control's two forms have one colour."""
    if method == SAME_EYES:
        return replace(look_of("target_only"), words=f"{plain(SAME_EYES)} (no training)", marker="D")
    return look_of(method)


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
            ax.text(i, 50, rest_words(row, "\n"), ha="center", va="center", color=look.color)
            continue
        values = pd.Series(row["classes"], dtype=float).dropna()
        ax.bar(i, row["mean"], width=0.62, color=look.color, alpha=0.85)
        ax.scatter(
            np.full(len(values), i), values, s=16, color="white", edgecolor="black", linewidth=0.8, zorder=3, clip_on=False
        )
        ax.text(i, 3, f"{row['mean']:.0f}", ha="center", color="white", fontsize=13, fontweight="bold")
    chance_line(ax, horizontal=True)
    ax.set_xticks(range(len(rows)), [wrapped(look_of_row(row).words, 12) for row in rows])
    ax.set_ylim(0, 100)
    ax.set_xlabel("bar: mean, dot: a class")
    ax.set_ylabel(SCORE_WORDS)
    return ax


def curse_figure(rows: Sequence[tuple], cost: pd.DataFrame, table: pd.DataFrame, level: pd.DataFrame, claim: str) -> Figure:
    """The first figure: the task in pictures, what the shift costs, and below what each way of aligning makes of it.

    It is no wider than a telephone can show in letters that are read.

    Parameters
    ----------
    rows : of ``picture_rows``.
    cost : of ``bars``, such as trained on the target and trained on the source.
    table, level : of ``score_curves``, over the share of anomalies.
    claim : title, computed from the runs.
    """
    figure = plt.figure(figsize=(6.0, 7.0))
    left, right = (figure.add_axes(place) for place in ((0.01, 0.61, 0.56, 0.34), (0.72, 0.68, 0.28, 0.25)))
    below = figure.add_axes((0.11, 0.1, 0.56, 0.4))
    picture_rows(rows, left)
    bars(cost, right).set_title("What the shift costs")
    looks = {name: _look(name) for name in [*table["method"], *level["method"]]}
    looks = {name: replace(look, words=wrapped(look.words, NAME_LETTERS)) for name, look in looks.items()}
    score_curves(table, "anomaly_ratio", below, looks=looks, level=level)
    below.set_title("What unlabelled target pictures repair")
    below.set_xlabel(f"{below.get_xlabel()}\nbroken: reads target labels, or never sees the target")
    headline(figure, claim)
    return figure


def _over_ratios(frame: pd.DataFrame, *methods: str) -> tuple[pd.DataFrame, float, str]:
    """Of the classes on which none collapsed: a row a ratio and method, the level of ``source_only``, which never sees the
    target, and in words what collapsed; no row of a method that is to be left out. ``methods`` are waited for, else none.
    """
    if not frame["method"].eq("source_only").any():
        raise InputError(f"wanted runs of source_only, got {', '.join(frame['method'].unique())}; run it first")
    rest, fallen = whole_classes(frame, needed=["source_only", *methods])
    table = class_means(rest, ["anomaly_ratio", "method"])
    level = table.loc[table["method"] == "source_only", "mean"].mean()
    table = table[table["method"] != "source_only"].sort_values("anomaly_ratio", kind="stable")
    return table, level, fallen_words(fallen)


def curse_headline(frame: pd.DataFrame) -> str:
    """One sentence that names the highest of the methods that use no label, computed from the runs.

    All are compared on the classes where none collapsed; one that collapsed on most is not waited for. What collapsed is
    named, and so are under five classes.

    Parameters
    ----------
    frame : runs of ``source_only`` and of methods over several ratios.

    Raises
    ------
    InputError : no run of ``source_only``.
    """
    table, source, fallen = _over_ratios(frame[~frame["oracle"].astype(bool)])
    if table.empty:
        return f"No class is left to compare the methods on: {fallen}"
    curves = table.pivot(index="anomaly_ratio", columns="method", values="mean")
    means = curves.dropna(axis="columns").mean()  # of those that were run at every ratio
    if means.empty:
        return "No method was run at every share of anomalies"
    best, n_classes = means.idxmax(), int(table["n_classes"].min())
    few = few_words(n_classes)
    rest = f"; {fallen}, this is of the rest" if fallen else ""
    return (
        f"{few}{'highest' if few else 'Highest'} without labels: {_look(best).short}, {means[best]:.0f} % AUROC on average, "
        f"{means[best] - source:+.0f} points to {_look('source_only').short}{rest}"
    )


def _ends(rows: pd.DataFrame, source: float) -> str:
    """A curve at both ends, and beside the source at the last."""
    low, high = rows.iloc[0], rows.iloc[-1]
    side = "above" if high["mean"] > source else "below"
    return (
        f"{low['mean']:.1f} at {low['anomaly_ratio']:.0%} anomalies, {high['mean']:.1f} at {high['anomaly_ratio']:.0%} "
        f"({high['mean'] - low['mean']:+.1f}); there {abs(high['mean'] - source):.1f} points {side} source_only"
    )


def curse_reading(frame: pd.DataFrame) -> list[str]:
    """What the shift costs, what anomalies do to each way of aligning, how far the oracle is: computed sentences.

    A method is read on the classes where neither it, at any ratio, nor ``source_only`` collapsed; what did is named.

    Parameters
    ----------
    frame : as in ``curse_headline``, with ``in_domain`` where it was run.

    Raises
    ------
    InputError : no run of ``source_only``.
    """
    lines, counts = [], []
    others = frame[frame["method"] != "source_only"]
    home_first = others.sort_values("base", key=lambda base: base != "in_domain", kind="stable")
    for method, runs in home_first.groupby("method", sort=False):
        both = pd.concat([frame[frame["method"] == "source_only"], runs])
        rows, source, fallen = _over_ratios(both, method)
        before = f"{fallen}; of the rest " if fallen else ""
        if rows.empty:
            lines.append(f"{method}: {fallen}; no class is left.")
            continue
        counts.append(int(rows["n_classes"].min()))
        if rows["base"].eq("in_domain").all():
            home = rows["mean"].mean()
            ends = f"{home:.1f} trained on the target, {source:.1f} on the source"
            lines.append(f"{before + 'the' if fallen else 'The'} shift costs {home - source:.1f} points: {ends}.")
        else:
            lines.append(f"{method}: {before}{_ends(rows, source)}.")
    if counts and (few := min(counts)) < ENOUGH_CLASSES:
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
