"""Scores of methods side by side: bars, dots, gains, and what a selection took; conventions as in ``style``."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from twofold.plots.style import (
    COLORS,
    HALO,
    INK,
    SCORE_WORDS,
    SELECTION_LOOKS,
    Look,
    chance_line,
    collapsed_words,
    look_of_row,
    spread_out,
)

__all__ = ["bars", "class_dots", "dumbbells", "gain_bars", "heap_bars", "method_dots", "selection_map", "target_dots"]

HEAP = {  # part of the unlabelled target -> role, hatched where it is repelled
    "normals aligned": ("normal", ""),
    "anomalies aligned": ("anomalous", ""),
    "anomalies repelled": ("anomalous", "////"),
    "normals repelled": ("normal", "////"),
}


def _known(row: Mapping) -> pd.Series:
    """The classes of a row that have a number."""
    return pd.Series(row["classes"], dtype=float).dropna()


def _beside(ax: Axes, height: float, words: str, color: str, **look: object) -> None:
    """Words to the right of a row."""
    ax.text(1.02, height, words, transform=ax.get_yaxis_transform(), va="center", color=color, **look)


def _score_axis(ax: Axes, names: list[str], lowest: float, margin: float, top: float = -0.6) -> None:
    """A row a name, downwards, over the scores in percent."""
    chance_line(ax)
    ax.set_yticks(range(len(names)), names)
    ax.set_ylim(len(names) - 0.4, top)
    ax.set_xlim(np.nanmin([25.0, lowest - margin]), 102)
    ax.set_xlabel(SCORE_WORDS)


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
        values = _known(row)
        ax.bar(i, row["mean"], width=0.62, color=look.color, alpha=0.85)
        ax.scatter(np.full(len(values), i), values, s=16, color="white", edgecolor="black", linewidth=0.8, zorder=3)
        ax.text(i, 3, f"{row['mean']:.0f}", ha="center", color="white", fontsize=13, fontweight="bold")
    chance_line(ax, horizontal=True)
    ax.set_xticks(range(len(rows)), [look_of_row(row).words.replace("trained on ", "trained on\n") for row in rows])
    ax.set_ylim(0, 100)
    ax.set_ylabel(SCORE_WORDS)
    return ax


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
    _score_axis(ax, list(table["method"]), (table["mean"] - table["std_classes"]).min(), 2, top=-0.8)
    return ax


def _extremes(values: pd.Series) -> list[tuple[float, str]]:
    """Where to write the worst and the best class: below their dots, or together where these are close."""
    if len(values) < 2:
        return []
    worst, best = values.idxmin(), values.idxmax()
    if values[best] - values[worst] < 1.2 * len(worst + best) + 2:
        return [((values[worst] + values[best]) / 2, f"{worst}, {best}")]
    return [(values[worst], worst), (values[best], best)]


def class_dots(table: pd.DataFrame, ax: Axes) -> Axes:
    """A row a method: a dot a class, the mean with its standard deviation over classes, worst and best class named.

    Parameters
    ----------
    table : a row a method, ours or from ``results.tables.printed``; a mean whose classes are not known is hollow, a row
        without any number is said not to be printed.
    """
    lowest = table["mean"].min()
    for i, row in enumerate(table.to_dict("records")):
        look, values = look_of_row(row), _known(row)
        lowest = np.nanmin([lowest, values.min()])
        ax.scatter(values, np.full(len(values), i), s=20, color="white", edgecolor=look.color, linewidth=1.0, zorder=2)
        for where, names in _extremes(values):
            ax.text(where, i + 0.2, names.replace("_", " "), ha="center", va="top", fontsize=7.5, color=INK)
        if pd.isna(row["mean"]) and not row["n_collapsed"]:
            ax.text(60, i, "not printed", va="center", ha="center", fontsize=9, color=INK)
            continue
        if pd.isna(row["mean"]):
            _beside(ax, i - 0.1, collapsed_words(row, "\n"), look.color, fontsize=9.5, weight="bold")
            continue
        height = i - 0.14 if len(values) else i
        hollow = row.get("told") == "labels" or not len(values)
        ax.errorbar(row["mean"], height, xerr=row["std_classes"], color=look.color, linewidth=1.6, capsize=3, zorder=3)
        face = "white" if hollow else look.color
        ax.scatter(row["mean"], height, s=80, marker=look.marker, color=face, edgecolor=look.color, linewidth=1.5, zorder=4)
        _beside(ax, i - 0.1, f"{row['mean']:.1f}", look.color, fontsize=9.5, weight="bold")
    _score_axis(ax, [method.replace("[", "\n[") for method in table["method"]], lowest, 8)
    return ax


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
    _score_axis(ax, [target.split("->")[1] for target in targets], table["mean"].min(), 8, top=-0.5)
    ax.set_ylim(len(targets) - 0.5, -0.5)
    ax.legend(fontsize=9, loc="upper left", frameon=True, framealpha=1, edgecolor="none")
    return ax


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
        _beside(ax, i, f"{gain[name]:+.1f}", COLORS["anomalous"] if lost else INK, fontsize=9)
    _score_axis(ax, [name.replace("_", " ") for name in gain.index], wide.min().min(), 5)
    return ax


def gain_bars(table: pd.DataFrame, control: str, ax: Axes) -> Axes:
    """AUROC of methods as dots over the control's level, with their gain in points; a small dot a class.

    Parameters
    ----------
    table : a row a method, from left to right; the control among them.
    control : whose mean is the level; where a run of it collapsed there are no gains.
    """
    rows = table.to_dict("records")
    (reference,) = (row for row in rows if row["method"] == control)
    level, lowest = reference["mean"], np.nan
    ax.axhline(level, color=look_of_row(reference).color, linewidth=1.4, linestyle=(0, (5, 3)), zorder=1)
    for i, row in enumerate(rows):
        look, values, mean = look_of_row(row), _known(row), row["mean"]
        lowest = np.nanmin([lowest, values.min(), 51.0])
        if pd.isna(mean):
            ax.text(i, 50, collapsed_words(row, "\n"), ha="center", va="center", color=look.color, fontsize=9, bbox=HALO)
            continue
        ax.plot([i, i], [level, mean], color=look.color, linewidth=5, alpha=0.35, solid_capstyle="butt")
        ax.scatter(np.full(len(values), i + 0.17), values, s=14, color=look.color, alpha=0.5, linewidth=0)
        ax.scatter(i, mean, s=90, color=look.color, marker=look.marker, edgecolor="white", zorder=4)
        gain = "" if row["method"] == control or np.isnan(level) else f"\n{mean - level:+.1f}"
        place = {"x": i - 0.14, "y": mean, "ha": "right", "va": "center" if gain else "bottom"}
        ax.text(s=f"{mean:.1f}{gain}", fontsize=9, color=look.color, bbox=HALO, **place)
    ax.set_xticks(range(len(rows)), [row["method"].replace("_", "\n") for row in rows])
    ax.set_xlim(-0.7, len(rows) - 0.5)
    ax.set_ylim(lowest - 6 if ax.get_autoscaley_on() else min(lowest - 6, ax.get_ylim()[0]), 102)  # panels may share it
    ax.set_ylabel(SCORE_WORDS)
    return ax


def selection_map(
    tables: Mapping[str, pd.DataFrame], ax: Axes, key: str = "selection", looks: Mapping[str, Look] = SELECTION_LOOKS
) -> Axes:
    """Recall against purity: a small mark a class, a large one the mean of a selection, with the AUROC that came of it.

    Parameters
    ----------
    tables : from ``results.statistics.selection_means``, a row a selection.
    key : column that tells selections apart.
    looks : of each.
    """
    tops = []
    rows = (tables[of].to_dict("records") for of in ("purity", "recall", "auroc"))
    for purity, recall, auroc in zip(*rows, strict=True):
        look = look_of_row(purity, key, looks)
        dots = 100 * pd.DataFrame({"x": purity["classes"], "y": recall["classes"]}, dtype=float)
        x, y = 100 * purity["mean"], 100 * recall["mean"]
        ax.scatter(dots["x"], dots["y"], s=18, color=look.color, marker=look.marker, alpha=0.35, linewidth=0)
        ax.scatter(x, y, s=130, color=look.color, marker=look.marker, edgecolor="white", zorder=4)
        score = collapsed_words(auroc) if pd.isna(auroc["mean"]) else f"AUROC {auroc['mean']:.1f}"
        tops.append((y, x, f"{look.words}: {score}", look.color))
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


def heap_bars(parts: pd.DataFrame, ax: Axes) -> Axes:
    """A bar a method: what it aligns (plain) and repels (hatched), normals and anomalies apart.

    Parameters
    ----------
    parts : from ``results.statistics.heap_parts``.
    """
    left = np.zeros(len(parts))
    for part, (role, hatch) in HEAP.items():
        width = 100 * parts[part].to_numpy()
        line = np.where(width < 0.05, 0, 1)  # a part of nothing has no edge
        look = {"color": "white" if hatch else COLORS[role], "edgecolor": COLORS[role], "hatch": hatch, "label": part}
        ax.barh(range(len(parts)), width, left=left, height=0.62, linewidth=line, **look)
        for i, (start, share) in enumerate(zip(left, width, strict=True)):
            if share >= 4:
                box = {"facecolor": "white", "edgecolor": "none", "pad": 1.2} if hatch else None
                style = {"fontsize": 9, "color": "black" if hatch else "white", "bbox": box}
                ax.text(start + share / 2, i, f"{share:.0f}", ha="center", va="center", **style)
        left += width
    ax.set_yticks(range(len(parts)), parts.index)
    ax.set_ylim(len(parts) - 0.4, -0.6)
    ax.set_xlim(0, 100)
    ax.set_xlabel("share of the unlabelled target set (%)")
    legend = ax.legend(ncols=2, loc="lower left", bbox_to_anchor=(0, 1.0), fontsize=9, borderaxespad=0.2)
    for patch in legend.get_patches():
        patch.set_linewidth(1)
    return ax
