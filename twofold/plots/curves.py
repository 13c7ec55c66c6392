"""A score against a parameter: every line named, gaps where runs collapsed; conventions as in ``style``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from twofold.plots.style import HALO, SCORE_WORDS, Look, collapsed_words, look_of_row, spread_out

__all__ = ["score_curves", "score_panels", "selection_panels"]

MEASURES = {
    "purity": "purity: normals among the selected",
    "recall": "recall: selected among the normals",
    "accuracy": "accuracy: selected = normal",
}
FEW_BANDS = 3  # more of them hide each other, and the lines
LINE_POINTS, FOOT_POINTS = 14, 12  # what a line of a name takes of the height, and a row of counts
NEARLY = 0.75  # of the axis: a line that ends farther right is named outside


@dataclass(frozen=True)
class _End:
    """The last living point of a line, and what is written there."""

    x: float
    y: float
    words: str
    color: str


def _placed(table: pd.DataFrame, x: str) -> tuple[pd.DataFrame, str]:
    """The rows with their place ``at`` on the axis, and its unit: shares are drawn in percent."""
    share = x == "anomaly_ratio"
    return table.assign(at=table[x] * (100 if share else 1)), " %" if share else ""


def _axis(ax: Axes, x: str, places: np.ndarray, log: bool) -> None:
    """Ticks where there are values, equal distances for equal differences (or ratios)."""
    if log:
        ax.set_xscale("log")
        ax.minorticks_off()
    ax.set_xticks(places, [f"{place:g}" for place in places])
    first, last = (np.log(places[[0, -1]]) if log else places[[0, -1]]).astype(float)
    margin = 0.04 * (last - first) or 1.0
    edges = np.array([first - margin, last + margin])
    ax.set_xlim(*(np.exp(edges) if log else edges))
    ax.set_xlabel("anomalies in the unlabelled target set (%)" if x == "anomaly_ratio" else x.replace("_", " "))


def _fate(rows: pd.DataFrame, places: np.ndarray, unit: str) -> str:
    """Where a line breaks, ends, or was never drawn, in words.

    >>> _fate(pd.DataFrame({"at": [10, 20, 30], "mean": [80.0, np.nan, np.nan]}), np.array([10, 20, 30]), " %")
    'collapsed from 20 %'
    >>> _fate(pd.DataFrame({"at": [10], "mean": [np.nan]}), np.array([10, 20]), " %")
    'collapsed at 10 %, not run at 20 %'
    """
    fallen = rows["mean"].isna()
    collapsed, left_out = rows.loc[fallen, "at"].to_numpy(), np.setdiff1d(places, rows["at"])
    if fallen.all() and not len(left_out):
        return "collapsed everywhere"
    said = []
    for fate, where in (("collapsed", collapsed), ("not run", left_out)):
        to_the_end = len(where) > 1 and (where == places[-len(where) :]).all()
        words = f"from {where[0]:g}" if to_the_end else "at " + ", ".join(f"{place:g}" for place in where)
        said += [f"{fate} {words}{unit}"] * bool(len(where))
    return ", ".join(said)


def _line(ax: Axes, rows: pd.DataFrame, look: Look, band: bool, told: bool, order: int) -> None:
    """One line with its band, dotted across its gaps."""
    alive = rows[rows["mean"].notna()]
    if band:
        low, high = rows["mean"] - rows["std_classes"], rows["mean"] + rows["std_classes"]
        ax.fill_between(rows["at"], low, high, color=look.color, alpha=0.13, linewidth=0)
    if len(alive) < len(rows):
        ax.plot(alive["at"], alive["mean"], color=look.color, linewidth=1.1, linestyle=(0, (1, 2)), zorder=2)
    ax.plot(
        rows["at"], rows["mean"], color=look.color, marker=look.marker, markersize=7, linewidth=2.2,
        linestyle="--" if told else "-", zorder=3 + order, clip_on=False, label=look.words,
    )  # fmt: skip


def score_curves(
    table: pd.DataFrame,
    x: str,
    ax: Axes,
    by: str = "method",
    looks: Mapping[str, Look] | None = None,
    level: pd.DataFrame | None = None,
    log: bool = False,
) -> Axes:
    """AUROC against a parameter, a line a series, each named at its end; a gap and words where runs collapsed.

    Up to three series have a band, the standard deviation over classes; more would hide each other. Where any run collapsed
    there is no mean: a gap, bridged by dots, ``k/n`` at the foot of the figure at that place, and a word at the line's name.

    Parameters
    ----------
    table : a row a series and place.
    x : column of the parameter; ``anomaly_ratio`` is drawn in percent.
    by : column that makes a series, drawn in order of appearance.
    looks : of the series; None takes those of their methods.
    level : rows of methods that the parameter does not touch, dashed lines.
    log : equal distances for equal ratios of the parameter.
    """
    score_panels({ax: table}, x, by, looks, level, log)
    return ax


def score_panels(
    tables: Mapping[Axes, pd.DataFrame],
    x: str,
    by: str = "method",
    looks: Mapping[str, Look] | None = None,
    level: pd.DataFrame | None = None,
    log: bool = False,
) -> None:
    """``score_curves`` in panels that may share an axis: names find their places once all lines are there.

    Parameters
    ----------
    tables : panel -> its table.
    x, by, looks, level, log : as in ``score_curves``.
    """
    drawn = {ax: _lines(ax, table, x, by, looks, level, log) for ax, table in tables.items()}
    rows = max(len(fallen) for _, fallen in drawn.values())
    for ax in tables:
        ax.autoscale(True, "y")
    for ax, (low, high) in {ax: ax.get_ylim() for ax in tables}.items():
        low, high = max(0, low), min(101, high)
        ax.set_ylim(low - rows * _share(ax, FOOT_POINTS) * (high - low), high)
    for ax, (ends, fallen) in drawn.items():
        for row, (broken, look) in enumerate(fallen):
            _say_collapsed(ax, row, broken, look)
        _name_ends(ax, ends)
        ax.set_ylabel(SCORE_WORDS)


def _lines(
    ax: Axes, table: pd.DataFrame, x: str, by: str, looks: Mapping | None, level: pd.DataFrame | None, log: bool
) -> tuple[list[_End], list[tuple[pd.DataFrame, Look]]]:
    """Draw the lines of one panel; where each ends, and what collapsed of which."""
    table, unit = _placed(table, x)
    places = np.sort(table["at"].unique())
    _axis(ax, x, places, log)
    ends, fallen = [], []
    for row in [] if level is None else level.to_dict("records"):
        look, lives = look_of_row(row, by if by in row else "method", looks), pd.notna(row["mean"])
        ax.axhline(row["mean"], color=look.color, linewidth=1.8, linestyle=(0, (5, 3)), zorder=1)
        words = look.words if lives else f"{look.words}\n{collapsed_words(row)}"
        ends.append(_End(float(places[-1]), float(row["mean"]), words, look.color))
    groups = list(table.groupby(by, sort=False))
    for i, (_, rows) in enumerate(groups):
        rows = rows.sort_values("at")
        look, told = look_of_row(rows.iloc[0], by, looks), bool(rows.get("oracle", pd.Series([False])).eq(True).any())
        _line(ax, rows, look, len(groups) <= FEW_BANDS, told, i)
        broken, alive, fate = rows[rows["mean"].isna()], rows[rows["mean"].notna()], _fate(rows, places, unit)
        if len(broken):
            fallen.append((broken, look))
        last = alive.iloc[-1] if len(alive) else {"at": places[-1], "mean": np.nan}
        words = f"{look.words}\n{fate}" if fate else look.words
        ends.append(_End(float(last["at"]), float(last["mean"]), words, look.color))
    return ends, fallen


def _share(ax: Axes, points: float) -> float:
    """What a length on paper is of a panel's height."""
    return points * ax.figure.dpi / 72 / ax.bbox.height


def _say_collapsed(ax: Axes, row: int, broken: pd.DataFrame, look: Look) -> None:
    """Hollow markers and counts where one series collapsed, a row at the foot of the figure; inwards of the last place."""
    y, foot, last = (row + 0.6) * _share(ax, FOOT_POINTS), ax.get_xaxis_transform(), ax.get_xticks()[-1]
    for place in broken.to_dict("records"):
        ax.plot(place["at"], y, look.marker, color="white", markeredgecolor=look.color, markersize=7, zorder=9, transform=foot)
        words = f"{place['n_collapsed']}/{place['n_runs']}"
        shift, side = (-7, "right") if place["at"] == last else (7, "left")
        style = {"fontsize": 9, "color": look.color, "zorder": 9, "annotation_clip": False, "ha": side, "va": "center"}
        ax.annotate(words, (place["at"], y), (shift, 0), foot, "offset points", **style)


def _name_ends(ax: Axes, ends: Sequence[_End]) -> None:
    """Names, apart from each other: outside for lines that reach the end or nearly, tied to them; the others where they end."""
    low, high = ax.get_ylim()
    style = {"va": "center", "fontsize": 10, "fontweight": "bold", "annotation_clip": False, "linespacing": 1.1}
    along = (ax.transScale + ax.transLimits).transform([(end.x, high) for end in ends])[:, 0]  # 0 left, 1 right
    for outside in (True, False):
        group = [end for end, place in zip(ends, along, strict=True) if (place >= NEARLY) == outside]
        heights = [low if np.isnan(end.y) else end.y for end in group]
        line = _share(ax, LINE_POINTS) * (high - low)
        sizes = [line * (1 + end.words.count("\n")) for end in group]
        for end, height, place in zip(group, heights, spread_out(heights, sizes), strict=True):
            if outside:
                tie = {"arrowstyle": "-", "color": end.color, "linewidth": 0.8, "shrinkA": 0, "shrinkB": 4, "relpos": (0, 0.5)}
                spot = {"xytext": (1.04, place), "textcoords": ax.get_yaxis_transform()}
                spot["arrowprops"] = None if np.isnan(end.y) else tie
            else:
                points = (place - height) / (high - low) / _share(ax, 1)
                spot = {"xytext": (9, points), "textcoords": "offset points", "bbox": HALO, "zorder": 20}
            ax.annotate(end.words, (end.x, height), color=end.color, **spot, **style)


def selection_panels(
    tables: Mapping[str, pd.DataFrame],
    x: str,
    axes: Mapping[str, Axes],
    by: str = "method",
    looks: Mapping[str, Look] | None = None,
    log: bool = False,
) -> None:
    """Quality of what was taken for normal against a parameter, a panel a measure; dotted is what taking everything gives.

    Parameters
    ----------
    tables : from ``results.statistics.selection_means``, a row a series and place.
    x : column of the parameter; ``anomaly_ratio`` moves the dotted line too.
    axes : of purity, recall and accuracy, or some of them.
    by, looks, log : as in ``score_curves``.
    """
    lows = [100 * (tables[of]["mean"] - tables[of]["std_classes"].fillna(0)).min() for of in axes]
    lowest = max(0.0, 10 * np.floor(min(lows) / 10)) if np.isfinite(lows).any() else 0.0  # one range for all panels
    for measure, ax in axes.items():
        table, _ = _placed(tables[measure], x)
        share = table.groupby("at")["anomaly_ratio"].first()
        everything = 100 * (1 - share) if measure != "recall" else 0 * share + 100
        _axis(ax, x, share.index.to_numpy(), log)
        ax.plot(share.index, everything, color="#888888", linewidth=1.3, linestyle=":")
        for _, rows in table.groupby(by, sort=False):
            rows, look = rows.sort_values("at"), look_of_row(rows.iloc[0], by, looks)
            mean, spread = 100 * rows["mean"], 100 * rows["std_classes"]
            low, high = mean - spread, (mean + spread).clip(upper=100)
            ax.fill_between(rows["at"], low, high, color=look.color, alpha=0.13, linewidth=0)
            ax.plot(rows["at"], mean, color=look.color, marker=look.marker, markersize=5, linewidth=1.8, clip_on=False)
        ax.set_title(MEASURES[measure], fontsize=10, fontweight="normal")
        ax.set_ylim(lowest, 102)
        ax.set_ylabel("%")
