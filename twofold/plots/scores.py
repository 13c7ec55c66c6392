"""Figures: one palette, one marker a role, direct labels; every function draws on the axes it is given."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

if TYPE_CHECKING:
    from torch import Tensor

__all__ = [
    "COLORS",
    "MARKERS",
    "METHOD_COLORS",
    "bars",
    "curse_figure",
    "method_dots",
    "picture_rows",
    "ratio_curves",
    "save",
    "use_style",
]

# Okabe and Ito's colours: told apart by colour-blind eyes, and, with the markers, in grey
COLORS = {"source": "#0072B2", "target": "#E69F00", "normal": "#009E73", "anomalous": "#D55E00"}
MARKERS = {"source": "o", "target": "s", "normal": "^", "anomalous": "X"}
METHOD_COLORS = {
    "random_init": "#BBBBBB",
    "zero_shot": "#999999",
    "source_knn": "#777777",
    "source_only": COLORS["source"],
    "target_only": COLORS["target"],
    "align_all": COLORS["anomalous"],
    "cluster_backbone": "#8C6D31",
    "twofold": COLORS["normal"],
    "density": "#CC79A7",
    "oracle": "#000000",
    "in_domain": "#56B4E9",
    "pooled_gaussian": "#7A1FA2",
}
METHOD_MARKERS = {
    **{"source_only": "o", "target_only": "s", "align_all": "X", "twofold": "^", "density": "D", "oracle": "*"},
    **{
        "in_domain": "P",
        "cluster_backbone": "v",
        "zero_shot": "<",
        "source_knn": ">",
        "random_init": ".",
        "pooled_gaussian": "h",
    },
}
METHOD_WORDS = {
    "random_init": "random network",
    "zero_shot": "frozen encoder, source mean",
    "source_knn": "frozen encoder, source neighbours",
    "source_only": "source only",
    "target_only": "target only (kNN, no training)",
    "align_all": "align everything",
    "cluster_backbone": "align the backbone's dominant cluster",
    "twofold": "align the dominant cluster (paper)",
    "density": "align the dense part (ours)",
    "oracle": "oracle",
    "in_domain": "trained on the target's normals",
    "pooled_gaussian": "pooled Gaussians (ours, no training)",
}


def _plain(method: str) -> str:
    """A method's name without what was overridden and without its oracle mark."""
    return method.split("[")[0].split(" ")[0]


def use_style() -> None:
    """Set the house style for all figures of a session."""
    sns.set_theme(
        style="ticks",
        context="notebook",
        rc={
            "figure.dpi": 110,
            "savefig.dpi": 160,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.titleweight": "bold",
            "axes.titlelocation": "left",
            "axes.titlesize": 12,
            "axes.labelsize": 11,
            "xtick.labelsize": 10,
            "ytick.labelsize": 10,
            "legend.frameon": False,
        },
    )


def save(figure: Figure, path: str | Path) -> Path:
    """Write a figure, creating its folder."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, bbox_inches="tight")
    return path


def picture_rows(rows: Sequence[tuple[str, Tensor, Sequence[int] | None, str]], ax: Axes) -> Axes:
    """Rows of pictures with a heading each; framed by label where labels are given.

    Parameters
    ----------
    rows : (heading, uint8 (n, 3, h, w), labels (n,) or None, colour of the heading) each.
    ax : drawn on.
    """
    ax.set_axis_off()
    ax.set_title("")
    n = max(len(pictures) for _, pictures, _, _ in rows)
    for i, (heading, pictures, labels, color) in enumerate(rows):
        top = -1.8 * i
        ax.text(0, top + 0.12, heading, color=color, fontsize=11.5, fontweight="bold", va="bottom")
        for j, picture in enumerate(pictures):
            ax.imshow(picture.permute(1, 2, 0).numpy(), extent=(j + 0.04, j + 0.96, top - 0.96, top - 0.04))
            role = None if labels is None else ("normal", "anomalous")[int(labels[j])]
            edge = "#CCCCCC" if role is None else COLORS[role]
            width = 0.8 if role is None else 2.6
            ax.add_patch(plt.Rectangle((j + 0.04, top - 0.96), 0.92, 0.92, fill=False, edgecolor=edge, linewidth=width))
            if role == "anomalous":
                ax.text(j + 0.5, top - 1.02, "✕", color=edge, ha="center", va="top", fontsize=9, fontweight="bold")
    ax.set_xlim(-0.05, n + 0.05)
    ax.set_ylim(-1.8 * (len(rows) - 1) - 1.3, 0.6)
    ax.set_aspect("equal")
    return ax


def bars(frame: pd.DataFrame, methods: Sequence[str], ax: Axes) -> Axes:
    """AUROC of methods as bars over their classes' values (dots).

    Parameters
    ----------
    frame : from ``statistics.as_frame``, the methods drawn at one anomaly ratio.
    methods : in this order.
    ax : drawn on.
    """
    for i, method in enumerate(methods):
        rows = frame[frame["method"] == method]
        color = METHOD_COLORS[_plain(method)]
        if rows["collapsed"].any():
            ax.text(i, 50, f"{int(rows['collapsed'].sum())}/{len(rows)}\ncollapsed", ha="center", va="center", color=color)
            continue
        values = rows.groupby("normal")["auroc"].mean()
        ax.bar(i, values.mean(), width=0.62, color=color, alpha=0.85)
        ax.scatter(np.full(len(values), i), values, s=16, color="white", edgecolor="black", linewidth=0.8, zorder=3)
        ax.text(i, 3, f"{values.mean():.0f}", ha="center", color="white", fontsize=13, fontweight="bold")
    ax.axhline(50, color="#888888", linewidth=1, linestyle=":")
    ax.set_xticks(range(len(methods)), [METHOD_WORDS[_plain(m)].replace("trained on ", "trained on\n") for m in methods])
    ax.set_ylim(0, 100)
    ax.set_ylabel("AUROC on the target (%)")
    return ax


def _apart(heights: list[float], gap: float) -> list[float]:
    """Heights moved apart to at least ``gap``, in their order, around where they were."""
    order = np.argsort(heights)
    placed = np.array(heights, float)[order]
    for _ in range(200):
        gaps = np.diff(placed)
        close = np.flatnonzero(gaps < gap - 1e-6)
        if not len(close):
            break
        for i in close:
            shift = (gap - (placed[i + 1] - placed[i])) / 2
            placed[i] -= shift
            placed[i + 1] += shift
    result = np.empty(len(heights))
    result[order] = placed
    return result.tolist()


def ratio_curves(frame: pd.DataFrame, methods: Sequence[str], ax: Axes, flat: Sequence[str] = ("source_only",)) -> Axes:
    """AUROC against the share of anomalies, labelled at the lines' ends; error bars over classes.

    Parameters
    ----------
    frame : from ``statistics.as_frame``.
    methods : drawn as curves.
    ax : drawn on.
    flat : methods that never see the target, drawn as a level.
    """
    ratios = sorted(frame["anomaly_ratio"].unique())
    ends = []
    for i, method in enumerate([*methods, *flat]):
        rows = frame[frame["method"] == method]
        per_class = rows.groupby(["anomaly_ratio", "normal"])["auroc"].mean().unstack("normal")
        color = METHOD_COLORS[_plain(method)]
        if method in flat:
            level = np.nan if rows["collapsed"].any() else per_class.to_numpy().mean()
            ax.axhline(level, color=color, linewidth=1.8, linestyle=(0, (5, 3)), zorder=1)
            ends.append((level, method))
            continue
        x = 100 * per_class.index.to_numpy()
        collapsed = rows.groupby("anomaly_ratio")["collapsed"].any().reindex(per_class.index).to_numpy(bool)
        mean = np.where(collapsed, np.nan, per_class.mean(axis=1))
        spread = per_class.std(axis=1, ddof=0)
        shift = (i - len(methods) / 2) * 0.25
        ax.errorbar(
            x + shift, mean, spread, color=color, marker=METHOD_MARKERS[_plain(method)], markersize=7, linewidth=2.2,
            ecolor=(*to_rgb(color), 0.4), elinewidth=1.1, linestyle="--" if method == "oracle" else "-",
        )  # fmt: skip
        ends.append((float(mean[-1]), method))
    ends = [(height, method) for height, method in ends if np.isfinite(height)]
    gap = 0.052 * np.diff(ax.get_ylim())[0]
    right = 100 * ratios[-1]
    span = right - 100 * ratios[0]
    for (height, method), place in zip(ends, _apart([h for h, _ in ends], gap), strict=True):
        color = METHOD_COLORS[_plain(method)]
        ax.annotate(
            METHOD_WORDS[_plain(method)], (right + 0.03 * span, height), (right + 0.09 * span, place), va="center", fontsize=10,
            color=color, fontweight="bold", annotation_clip=False,
            arrowprops={"arrowstyle": "-", "color": color, "linewidth": 0.8, "shrinkA": 0, "shrinkB": 0},
        )  # fmt: skip
    ax.set_xticks([100 * r for r in ratios])
    ax.set_xlabel("anomalies in the unlabelled target set (%)")
    ax.set_ylabel("AUROC on the target (%)")
    return ax


def method_dots(table: pd.DataFrame, ax: Axes) -> Axes:
    """One dot a method on a common axis, oracles hollow, collapsed ones said in words.

    Parameters
    ----------
    table : from ``statistics.collect``, indexed by method.
    ax : drawn on.
    """
    for i, (method, row) in enumerate(table.iterrows()):
        color = METHOD_COLORS[_plain(method)]
        if row["n_collapsed"]:
            ax.text(50, i, f"{row['n_collapsed']}/{row['n_runs']} collapsed", va="center", fontsize=9, color=color)
            continue
        told = "oracle" in method
        face = "white" if told else color
        ax.errorbar(row["mean"], i, xerr=row["std_classes"], color=color, linewidth=1.2, zorder=1)
        ax.scatter(row["mean"], i, s=64, marker=METHOD_MARKERS[_plain(method)], color=face, edgecolor=color, zorder=2)
        ax.text(row["mean"], i - 0.22, f"{row['mean']:.1f}", ha="center", va="bottom", fontsize=8.5, color="#333333")
    ax.axvline(50, color="#888888", linewidth=1, linestyle=":")
    ax.set_yticks(range(len(table)), table.index)
    ax.set_ylim(len(table) - 0.4, -0.8)
    lowest = pd.to_numeric(table["mean"]).min()
    ax.set_xlim(min(30, lowest - 8), 103)
    ax.set_xlabel("AUROC on the target (%)")
    return ax


def curse_figure(frame: pd.DataFrame, rows: Sequence[tuple], methods: Sequence[str], claim: str, footer: str) -> Figure:
    """The first figure: the task in pictures, what the shift costs, and what each way of aligning makes of it.

    Parameters
    ----------
    frame : from ``statistics.as_frame``.
    rows : of ``picture_rows``.
    methods : curves.
    claim : title, computed from the frame.
    footer : data, preset, n, seeds, selection rule.
    """
    figure = plt.figure(figsize=(14.5, 5.6))
    grid = figure.add_gridspec(1, 3, width_ratios=(1.3, 0.55, 1.45), wspace=0.26, left=0.02, right=0.83, top=0.82, bottom=0.16)
    pictures, cost, curves = (figure.add_subplot(cell) for cell in grid)
    picture_rows(rows, pictures)
    bars(frame, ["in_domain (oracle)", "source_only"], cost)
    cost.set_title("What the shift costs")
    ratio_curves(frame, methods, curves)
    curves.set_title("What aligning the target repairs")
    figure.text(0.02, 0.93, claim, fontsize=15, fontweight="bold", ha="left")
    figure.text(0.02, 0.015, footer, fontsize=9, color="#555555", ha="left")
    return figure
