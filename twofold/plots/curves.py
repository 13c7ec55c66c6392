"""A score against a parameter, with gaps where runs collapsed, and the quality of a selection beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from twofold.plots.scores import METHOD_COLORS, METHOD_MARKERS, METHOD_WORDS

__all__ = [
    "ALIGNMENT_STYLES",
    "SELECTION_STYLES",
    "first_below",
    "gain_bars",
    "parameter_curves",
    "selection_map",
    "selection_panels",
    "spread_out",
    "with_fields",
]

MEASURES = {
    "purity": "purity: normals among the selected",
    "recall": "recall: selected among the normals",
    "accuracy": "accuracy: selected = normal",
}
HALO = {"facecolor": "white", "edgecolor": "none", "alpha": 0.85, "pad": 0.5}  # of words that stand on a line
SELECTION_STYLES = {
    "kmeans": ("K-means", METHOD_COLORS["twofold"], METHOD_MARKERS["twofold"]),
    "gmm": ("Gaussian mixture", METHOD_COLORS["in_domain"], METHOD_MARKERS["in_domain"]),
    "meanshift": ("mean shift", METHOD_COLORS["cluster_backbone"], METHOD_MARKERS["cluster_backbone"]),
    "knn": ("nearest neighbours", METHOD_COLORS["density"], METHOD_MARKERS["density"]),
    "all": ("everything", METHOD_COLORS["align_all"], METHOD_MARKERS["align_all"]),
    "oracle": ("oracle", METHOD_COLORS["oracle"], METHOD_MARKERS["oracle"]),
}

ALIGNMENT_STYLES = {
    "contrastive": ("contrastive", METHOD_COLORS["twofold"], METHOD_MARKERS["twofold"]),
    "mmd": ("MMD", METHOD_COLORS["density"], METHOD_MARKERS["density"]),
    "grl": ("GRL", METHOD_COLORS["cluster_backbone"], METHOD_MARKERS["cluster_backbone"]),
    "none": ("source only", METHOD_COLORS["source_only"], METHOD_MARKERS["source_only"]),
}


def with_fields(frame: pd.DataFrame, results: Sequence[dict[str, Any]], *fields: str) -> pd.DataFrame:
    """The frame with columns from the runs' configurations, and ``base``: the method without what was overridden.

    Parameters
    ----------
    frame : from ``statistics.as_frame``.
    results : the same runs, as the store holds them.
    fields : of ``RunConfig``.

    Raises
    ------
    KeyError : a row of the frame that is not among the results, or an unknown field.
    """
    configs = {result["config_hash"]: result["config"] for result in results}
    columns = {field: [configs[key][field] for key in frame["config_hash"]] for field in fields}
    return frame.assign(**columns, base=frame["method"].str.replace(r"[\[ ].*", "", regex=True))


def first_below(values: pd.Series, threshold: pd.Series | float) -> float | None:
    """The first parameter value at which a curve lies below a threshold: where its cliff is.

    Parameters
    ----------
    values : indexed by the parameter; NaN (a collapsed place) is passed over.
    threshold : one number, or one a parameter value.

    Returns
    -------
    The parameter value, None where the curve never falls below.

    >>> first_below(pd.Series({0.1: 0.9, 0.5: 0.6, 0.7: 0.4}), 0.5)
    0.7
    """
    below = values.index[values < threshold]
    return float(min(below)) if len(below) else None


def spread_out(heights: Sequence[float], gap: float) -> np.ndarray:
    """Heights moved apart to at least ``gap``, in their order, no further than needed: where labels stand.

    >>> spread_out([50.0, 50.0, 80.0], gap=4.0).tolist()
    [48.0, 52.0, 80.0]
    """
    order = np.argsort(heights, kind="stable")
    steps = gap * np.arange(len(order))
    free = np.asarray(heights, float)[order] - steps
    lifted, lowered = np.maximum.accumulate(free), np.minimum.accumulate(free[::-1])[::-1]
    placed = np.empty(len(order))
    placed[order] = (lifted + lowered) / 2 + steps
    return placed


def _style(key: str, styles: Mapping[str, tuple[str, str, str]] | None) -> tuple[str, str, str]:
    """Words, colour and marker of a series."""
    plain = key.split("[")[0].split(" ")[0]
    return (styles or {}).get(key) or (METHOD_WORDS[plain], METHOD_COLORS[plain], METHOD_MARKERS[plain])


def _name_ends(ax: Axes, ends: Sequence[tuple[float, str, str, int]], right: float, span: float) -> None:
    """Names at the lines' right ends, apart from each other, tied to their line."""
    gap = 0.055 * np.diff(ax.get_ylim())[0]
    places = spread_out([height for height, *_ in ends], gap)
    for (height, words, color, last), place in zip(ends, places, strict=True):
        ax.annotate(
            words, (last + 0.025 * span, height), (right + 0.09 * span, place), va="center", fontsize=10, color=color,
            fontweight="bold", annotation_clip=False,
            arrowprops={"arrowstyle": "-", "color": color, "linewidth": 0.8, "shrinkA": 0, "shrinkB": 0, "relpos": (0, 0.5)},
        )  # fmt: skip


def parameter_curves(
    frame: pd.DataFrame,
    x: str,
    ax: Axes,
    by: str = "method",
    styles: Mapping[str, tuple[str, str, str]] | None = None,
    level: pd.DataFrame | None = None,
) -> Axes:
    """AUROC against a parameter: a line and a band a series, named at its end; a gap and words where runs collapsed.

    The band is the standard deviation over classes (ddof 0) of the means over seeds. Where any run collapsed there is no
    mean: a gap, bridged by dots, and ``k/n`` at the foot of the figure at that place.

    Parameters
    ----------
    frame : from ``statistics.as_frame``, with a numeric column ``x``; places are equally spaced.
    x : parameter.
    ax : drawn on.
    by : column that makes a series, drawn in order of appearance.
    styles : words, colour and marker of a series; those of the methods are known.
    level : runs of one method that the parameter does not touch, a dashed line.
    """
    values = sorted(frame[x].unique())
    place = {value: i for i, value in enumerate(values)}
    ends, fallen = [], {}
    if level is not None and len(level):
        words, color, _ = _style(level["method"].iloc[0], styles)
        height = np.nan if level["collapsed"].any() else level.groupby("normal")["auroc"].mean().mean()
        ax.axhline(height, color=color, linewidth=1.8, linestyle=(0, (5, 3)), zorder=1)
        ends.append((height, words, color, len(values) - 1))
    for i, (key, rows) in enumerate(frame.groupby(by, sort=False)):
        words, color, marker = _style(key, styles)
        per_class = rows.groupby([x, "normal"])["auroc"].mean().unstack("normal")
        sums = rows.groupby(x)["collapsed"].agg(["sum", "size"])
        mean = per_class.mean(axis=1).where(sums["sum"] == 0)
        spread = per_class.std(axis=1, ddof=0)
        at = [place[value] for value in per_class.index]
        line = "--" if "oracle" in key else "-"
        faint = 0.13 if frame[by].nunique() < 4 else 0.07
        ax.fill_between(at, mean - spread, mean + spread, color=color, alpha=faint, linewidth=0)
        if mean.isna().any():
            ax.plot(np.array(at)[mean.notna()], mean.dropna(), color=color, linewidth=1.1, linestyle=(0, (1, 2)), zorder=2)
        ax.plot(at, mean, color=color, marker=marker, markersize=7, linewidth=2.2, linestyle=line, zorder=3 + i)
        for value, (k, n) in sums[sums["sum"] > 0].iterrows():
            fallen.setdefault(key, []).append((place[value], f"{k}/{n}", color, marker))
        height = mean.dropna()
        if len(height) and place[height.index[-1]] >= 0.75 * (len(values) - 1):
            ends.append((float(height.iloc[-1]), words, color, place[height.index[-1]]))
        elif len(height):  # the line ends long before the others do: named where it ends
            last = (place[height.index[-1]], float(height.iloc[-1]))
            ax.annotate(
                words, last, (9, 0), textcoords="offset points", va="center", fontsize=10, color=color, fontweight="bold"
            )
    ax.set_xticks(range(len(values)), [f"{value:g}" for value in values])
    span = max(len(values) - 1, 1)
    ax.set_xlim(-0.07 * span, len(values) - 1 + 0.07 * span)
    ax.autoscale(True, "y")  # panels may share it
    low, high = max(0, ax.get_ylim()[0]), min(101, ax.get_ylim()[1])
    ax.set_ylim(low - 0.055 * len(fallen) * (high - low), high)
    for row, counts in enumerate(fallen.values()):
        _say_collapsed(ax, row, counts)
    _name_ends(ax, [end for end in ends if np.isfinite(end[0])], len(values) - 1, span)
    ax.set_ylabel("AUROC on the target (%)")
    return ax


def _say_collapsed(ax: Axes, row: int, counts: Sequence[tuple[int, str, str, str]]) -> None:
    """Hollow markers and counts where one series collapsed, a row at the foot with its word at the last of them."""
    y, foot = 0.03 + 0.05 * row, ax.get_xaxis_transform()
    for j, (at, text, color, marker) in enumerate(counts):
        ax.plot(at, y, marker=marker, color="white", markeredgecolor=color, markersize=7, zorder=9, transform=foot)
        ax.annotate(
            text + (" collapsed" if j == len(counts) - 1 else ""), (at, y), (7, 0), foot, "offset points", va="center",
            fontsize=9, color=color, zorder=9, annotation_clip=False,
        )  # fmt: skip


def selection_panels(
    frame: pd.DataFrame,
    x: str,
    axes: Mapping[str, Axes],
    by: str = "method",
    styles: Mapping[str, tuple[str, str, str]] | None = None,
) -> None:
    """Quality of what was taken for normal against a parameter, a panel a measure; dotted is what taking everything gives.

    Parameters
    ----------
    frame : from ``statistics.as_frame``, with a numeric column ``x``.
    x : parameter; ``anomaly_ratio`` moves the dotted line too.
    axes : of purity, recall and accuracy, or some of them.
    by, styles : as in ``parameter_curves``.
    """
    values = sorted(frame[x].unique())
    share = frame.groupby(x)["anomaly_ratio"].mean().to_numpy()
    for measure, ax in axes.items():
        everything = np.ones(len(values)) if measure == "recall" else 1 - share
        ax.plot(range(len(values)), 100 * everything, color="#888888", linewidth=1.3, linestyle=":")
        for key, rows in frame[frame[measure].notna()].groupby(by, sort=False):
            _, color, marker = _style(key, styles)
            per_class = 100 * rows.groupby([x, "normal"])[measure].mean().unstack("normal")
            mean, spread = per_class.mean(axis=1), per_class.std(axis=1, ddof=0)
            at = [values.index(value) for value in per_class.index]
            ax.fill_between(at, mean - spread, (mean + spread).clip(upper=100), color=color, alpha=0.13, linewidth=0)
            ax.plot(at, mean, color=color, marker=marker, markersize=5, linewidth=1.8, clip_on=False)
        ax.set_title(MEASURES[measure], fontsize=10, fontweight="normal")
        ax.set_xticks(range(len(values)), [f"{value:g}" for value in values])
        ax.set_ylim(0, 102)
        ax.set_ylabel("%")


def selection_map(frame: pd.DataFrame, by: str, ax: Axes, styles: Mapping[str, tuple[str, str, str]] | None = None) -> Axes:
    """Recall against purity: a small mark a class, a large one the mean of a selection, with the AUROC that came of it.

    Parameters
    ----------
    frame : from ``statistics.as_frame``, with ``purity`` and ``recall``; rows without are passed over.
    by : column that tells selections apart.
    ax : drawn on.
    styles : words, colour and marker of each.
    """
    tops, known = [], {**SELECTION_STYLES, **(styles or {})}
    for key, rows in frame[frame["purity"].notna()].groupby(by, sort=False):
        words, color, marker = known[key]
        dots = 100 * rows.groupby("normal")[["purity", "recall"]].mean()
        x, y = dots["purity"].mean(), dots["recall"].mean()
        ax.scatter(dots["purity"], dots["recall"], s=18, color=color, marker=marker, alpha=0.35, linewidth=0)
        ax.scatter(x, y, s=130, color=color, marker=marker, edgecolor="white", zorder=4)
        collapsed = int(rows["collapsed"].sum())
        auroc = rows.groupby("normal")["auroc"].mean().mean()
        score = f"{collapsed}/{len(rows)} collapsed" if collapsed else f"AUROC {auroc:.1f}"
        tops.append((y, x, f"{words}: {score}", color))
    low, high = ax.get_ylim()
    right = ax.get_xlim()[1]
    for (y, x, text, color), place in zip(tops, spread_out([top[0] for top in tops], 0.075 * (high - low)), strict=True):
        ax.annotate(
            text, (x, y), (1.04, (place - low) / (high - low)), textcoords="axes fraction", va="center", color=color,
            fontsize=10, fontweight="bold", arrowprops={"arrowstyle": "-", "color": color, "linewidth": 0.7, "shrinkB": 6},
        )  # fmt: skip
    ax.set_xlim(right=right)
    ax.set_ylim(low, high)
    ax.set_xlabel("purity: normals among the selected (%)")
    ax.set_ylabel("recall: selected among the normals (%)")
    return ax


def gain_bars(frame: pd.DataFrame, methods: Sequence[str], control: str, ax: Axes) -> Axes:
    """AUROC of methods as dots over the control's level, with their gain in points; a small dot a class.

    Parameters
    ----------
    frame : from ``statistics.as_frame``, one ratio and one detector.
    methods : from left to right; those without a run are passed over.
    control : whose mean is the level; where a run of it collapsed there are no gains.
    ax : drawn on.
    """
    means = frame.groupby(["method", "normal"])["auroc"].mean().unstack("normal")
    fallen = frame.groupby("method")["collapsed"].agg(["sum", "size"])
    level = np.nan if fallen.loc[control, "sum"] else means.loc[control].mean()
    ax.axhline(level, color=METHOD_COLORS[control], linewidth=1.4, linestyle=(0, (5, 3)), zorder=1)
    shown = [method for method in methods if method in means.index]
    for i, method in enumerate(shown):
        _, color, marker = _style(method, None)
        k, n = fallen.loc[method]
        if k:
            ax.text(i, 50, f"{k}/{n}\ncollapsed", ha="center", va="center", color=color, fontsize=9, bbox=HALO)
            continue
        values = means.loc[method].dropna()
        ax.plot([i, i], [level, values.mean()], color=color, linewidth=5, alpha=0.35, solid_capstyle="butt")
        ax.scatter(np.full(len(values), i + 0.17), values, s=14, color=color, alpha=0.5, linewidth=0)
        ax.scatter(i, values.mean(), s=90, color=color, marker=marker, edgecolor="white", zorder=4)
        gain = "" if method == control or np.isnan(level) else f"\n{values.mean() - level:+.1f}"
        place = {"x": i - 0.14, "y": values.mean(), "ha": "right", "va": "center" if gain else "bottom"}
        ax.text(s=f"{values.mean():.1f}{gain}", fontsize=9, color=color, bbox=HALO, **place)
    ax.set_xticks(range(len(shown)), [method.replace("_", "\n") for method in shown])
    ax.set_xlim(-0.7, len(shown) - 0.5)
    below = min(45, np.nanmin(means.to_numpy()) - 6)
    ax.set_ylim(below if ax.get_autoscaley_on() else min(below, ax.get_ylim()[0]), 102)  # panels may share it
    ax.set_ylabel("AUROC on the target (%)")
    return ax
