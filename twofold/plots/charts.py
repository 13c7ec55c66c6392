"""Figures of the tables: every class as a dot, what each class gains, what becomes of the unlabelled heap."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from twofold.plots.scores import COLORS, METHOD_COLORS, METHOD_MARKERS

__all__ = ["class_dots", "dumbbells", "heap_bars", "heap_parts", "look_of", "quoted_means", "target_dots"]

GREY = "#555555"
HEAP = {  # part of the heap -> role, hatched where it is repelled
    "normals aligned": ("normal", ""),
    "anomalies aligned": ("anomalous", ""),
    "anomalies repelled": ("anomalous", "////"),
    "normals repelled": ("normal", "////"),
}


def look_of(method: str) -> tuple[str, str]:
    """Colour and marker of a method; the paper's other methods are grey."""
    plain = method.split("[")[0].split(" ")[0]
    return METHOD_COLORS.get(plain, "#999999"), METHOD_MARKERS.get(plain, "d")


def _extremes(values: pd.Series) -> list[tuple[float, str]]:
    """Where to write the worst and the best class: below their dots, or together where these are close."""
    if len(values) < 2:
        return []
    worst, best = values.idxmin(), values.idxmax()
    if values[best] - values[worst] < 1.2 * len(worst + best) + 2:
        return [((values[worst] + values[best]) / 2, f"{worst}, {best}")]
    return [(values[worst], worst), (values[best], best)]


def class_dots(wide: pd.DataFrame, ax: Axes) -> Axes:
    """A row a method: a dot a class, the mean with its standard deviation over classes (ddof 0), worst and best class named.

    Parameters
    ----------
    wide : classes x methods, percent; NaN where a class collapsed, and then its method has no mean.
    ax : drawn on.
    """
    for i, method in enumerate(wide):
        color, marker = look_of(method)
        values = wide[method].dropna()
        ax.scatter(values, np.full(len(values), i), s=20, color="white", edgecolor=color, linewidth=1.0, zorder=2)
        for where, names in _extremes(values):
            ax.text(where, i + 0.2, names.replace("_", " "), ha="center", va="top", fontsize=7.5, color=GREY)
        if len(values) < len(wide):
            told = f"{len(wide) - len(values)}/{len(wide)}\ncollapsed"
        else:
            told = f"{values.mean():.1f}"
            ax.errorbar(values.mean(), i - 0.14, xerr=values.std(ddof=0), color=color, linewidth=1.6, capsize=3, zorder=3)
            face = "white" if "oracle" in method else color
            ax.scatter(values.mean(), i - 0.14, s=80, marker=marker, color=face, edgecolor=color, zorder=4)
        ax.text(1.02, i - 0.1, told, transform=ax.get_yaxis_transform(), va="center", fontsize=9.5, color=color, weight="bold")
    ax.axvline(50, color="#888888", linewidth=1, linestyle=":", zorder=0)
    ax.set_yticks(range(len(wide.columns)), [method.replace("[", "\n[") for method in wide])
    ax.set_ylim(len(wide.columns) - 0.4, -0.6)
    ax.set_xlim(min(25.0, np.nanmin(wide.to_numpy()) - 8), 102)
    ax.set_xlabel("AUROC on the target (%)")
    return ax


def quoted_means(quoted: pd.DataFrame, methods: Sequence[str], ax: Axes) -> Axes:
    """Printed means with their printed standard deviation, in the rows of ``class_dots``; hollow, since the classes are lost.

    Parameters
    ----------
    quoted : one block of ``published.published``, indexed by method.
    methods : rows, in this order; one that is not printed stays empty.
    ax : drawn on.
    """
    for i, method in enumerate(methods):
        color, marker = look_of(method)
        if method not in quoted.index:
            ax.text(60, i, "not printed", va="center", ha="center", fontsize=9, color=GREY)
            continue
        row = quoted.loc[method]
        ax.errorbar(row["auroc"], i, xerr=row["std"], color=color, linewidth=1.4, capsize=3, zorder=1)
        ax.scatter(row["auroc"], i, s=80, marker=marker, color="white", edgecolor=color, linewidth=1.5, zorder=2)
        told = f"{row['auroc']:.1f}"
        ax.text(1.02, i, told, transform=ax.get_yaxis_transform(), va="center", fontsize=9.5, color=color, weight="bold")
    ax.axvline(50, color="#888888", linewidth=1, linestyle=":", zorder=0)
    ax.set_xlim(25, 102)
    ax.set_xlabel("AUROC on the target (%)")
    return ax


def target_dots(quoted: pd.DataFrame, ax: Axes) -> Axes:
    """Printed means of several targets, a row a target and a marker a method.

    Parameters
    ----------
    quoted : from ``published.published``, blocks of one source.
    ax : drawn on.
    """
    targets = list(dict.fromkeys(quoted["block"]))
    for method, rows in quoted[quoted["normal"] == "mean"].groupby("method", sort=False):
        color, marker = look_of(method)
        known = method in METHOD_COLORS
        marker, color = (marker, color) if known else ({"GNL": "h", "MsRA": "P"}.get(method, "d"), "#777777")
        where = [targets.index(block) + 0.12 * (len(ax.collections) - 1.5) for block in rows["block"]]
        ax.scatter(rows["auroc"], where, s=70, marker=marker, color="white", edgecolor=color, linewidth=1.6, label=method)
    ax.axvline(50, color="#888888", linewidth=1, linestyle=":", zorder=0)
    ax.set_yticks(range(len(targets)), [target.split("->")[1] for target in targets])
    ax.set_ylim(len(targets) - 0.5, -0.5)
    ax.set_xlim(25, 102)
    ax.set_xlabel("AUROC on the target (%)")
    ax.legend(fontsize=9, loc="upper left", frameon=True, framealpha=1, edgecolor="none")
    return ax


def dumbbells(wide: pd.DataFrame, before: str, after: str, ax: Axes) -> Axes:
    """A row a class: from its AUROC under one method to that under another; classes that lose are dashed.

    Parameters
    ----------
    wide : classes x methods, percent; classes where either collapsed are named and not drawn.
    before, after : methods.
    ax : drawn on.
    """
    gain = (wide[after] - wide[before]).sort_values(ascending=False, na_position="last")
    for i, name in enumerate(gain.index):
        if pd.isna(gain[name]):
            ax.text(50, i, "collapsed", va="center", fontsize=9, color=GREY)
            continue
        lost = gain[name] < 0
        color = COLORS["anomalous"] if lost else "#BBBBBB"
        ends = wide.loc[name, [before, after]]
        ax.plot(ends, [i, i], color=color, linewidth=2.4, linestyle="--" if lost else "-", zorder=1)
        for method in (before, after):
            look, marker = look_of(method)
            ax.scatter(wide.loc[name, method], i, s=52, color=look, marker=marker, zorder=2, label=method if i == 0 else None)
        ink = COLORS["anomalous"] if lost else GREY
        ax.text(1.02, i, f"{gain[name]:+.1f}", transform=ax.get_yaxis_transform(), va="center", fontsize=9, color=ink)
    ax.axvline(50, color="#888888", linewidth=1, linestyle=":", zorder=0)
    ax.set_yticks(range(len(gain)), [name.replace("_", " ") for name in gain.index])
    ax.set_ylim(len(gain) - 0.4, -0.6)
    ax.set_xlim(min(25.0, np.nanmin(wide[[before, after]].to_numpy()) - 5), 102)
    ax.set_xlabel("AUROC on the target (%)")
    return ax


def heap_bars(parts: pd.DataFrame, ax: Axes) -> Axes:
    """A bar a method: what it aligns (plain) and repels (hatched), normals and anomalies apart.

    Parameters
    ----------
    parts : from ``heap_parts``.
    ax : drawn on.
    """
    left = np.zeros(len(parts))
    for part, (role, hatch) in HEAP.items():
        width = 100 * parts[part].to_numpy()
        face = COLORS[role] if not hatch else "white"
        line = np.where(width < 0.05, 0, 1)  # a part of nothing has no edge
        look = {"color": face, "edgecolor": COLORS[role], "linewidth": line, "hatch": hatch, "label": part}
        ax.barh(range(len(parts)), width, left=left, height=0.62, **look)
        for i, (start, share) in enumerate(zip(left, width, strict=True)):
            if share >= 4:
                box = {"facecolor": "white", "edgecolor": "none", "pad": 1.2} if hatch else None
                ink = "black" if hatch else "white"
                ax.text(start + share / 2, i, f"{share:.0f}", ha="center", va="center", fontsize=9, color=ink, bbox=box)
        left += width
    ax.set_yticks(range(len(parts)), parts.index)
    ax.set_ylim(len(parts) - 0.4, -0.6)
    ax.set_xlim(0, 100)
    ax.set_xlabel("share of the unlabelled target set (%)")
    legend = ax.legend(ncols=2, loc="lower left", bbox_to_anchor=(0, 1.0), fontsize=9, borderaxespad=0.2)
    for patch in legend.get_patches():
        patch.set_linewidth(1)
    return ax


def heap_parts(frame: pd.DataFrame, methods: Sequence[str]) -> pd.DataFrame:
    r"""What becomes of the unlabelled heap, for methods that repel whatever they do not take for normal.

    .. math:: \text{anomalies per normal} = \frac{a - r + r (1 - p) / p}{1 - a}

    Parameters
    ----------
    frame : from ``statistics.as_frame``; purity p, recall r and accuracy a of the selection tell the four parts.
    methods : rows; not for those that leave a part of the heap alone (``density``).

    Returns
    -------
    Shares of the heap, mean over the runs: normals aligned, anomalies aligned, anomalies repelled, normals repelled; each
    in [0, 1], their sum is 1.

    >>> run = {"method": "twofold", "purity": 2 / 3, "recall": 2 / 4, "accuracy": 2 / 5, "anomaly_ratio": 0.2}
    >>> heap_parts(pd.DataFrame([run]), ["twofold"]).round(2).iloc[0].tolist()  # 4 normals, 1 anomaly; 2 + 1 are taken
    [0.4, 0.2, 0.0, 0.4]
    """
    parts = {}
    for method in methods:
        runs = frame[(frame["method"] == method) & frame["recall"].gt(0)]
        purity, recall, accuracy = runs["purity"], runs["recall"], runs["accuracy"]
        wrong = recall * (1 - purity) / purity  # anomalies aligned, per normal
        known = accuracy < 1  # else the heap was told apart without an error, and its share of anomalies is the drawn one
        anomalies = ((accuracy - recall + wrong) / (1 - accuracy).where(known)).where(
            known, runs["anomaly_ratio"] / (1 - runs["anomaly_ratio"])
        )
        shares = pd.DataFrame(
            {
                "normals aligned": recall,
                "anomalies aligned": wrong,
                "anomalies repelled": anomalies - wrong,
                "normals repelled": 1 - recall,
            }
        )
        parts[method] = shares.div(1 + anomalies, axis=0).mean()
    return pd.DataFrame(parts).T.clip(lower=0)
