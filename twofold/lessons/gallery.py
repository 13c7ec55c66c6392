"""Figures and pictures of one run taken apart: maps, histograms, what it selected and what it finds odd."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from scipy.stats import rankdata

from twofold.data.tasks import View
from twofold.lessons.look_inside import ROLES, Anatomy, tsne
from twofold.plots.scores import COLORS, MARKERS, METHOD_COLORS

__all__ = ["cluster_rows", "disagreement_rows", "distance_arrows", "extreme_rows", "score_histograms", "tsne_panel"]

ROLE_WORDS = {"source": "source train", "normal": "target normal", "anomalous": "target anomalous"}


def distance_arrows(table: pd.DataFrame, ax: Axes) -> Axes:
    """Where training moved each role: hollow before, filled after, averaged over classes and seeds.

    Parameters
    ----------
    table : from ``distance_table``.
    ax : drawn on.
    """
    methods = list(dict.fromkeys(table["method"]))
    means = table.groupby(["method", "role"])[["before", "after"]].mean()
    for i, method in enumerate(methods):
        for role, shift in zip(ROLES, (-0.16, 0.16), strict=True):
            before, after = means.loc[(method, role)]
            style = {"marker": MARKERS[role], "s": 70, "edgecolor": COLORS[role], "zorder": 3}
            ax.plot([before, after], [i + shift] * 2, color=COLORS[role], linewidth=2, alpha=0.6)
            ax.scatter(before, i + shift, color="white", **style)
            ax.scatter(after, i + shift, color=COLORS[role], label=ROLE_WORDS[role] if i == 0 else None, **style)
    ax.set_yticks(range(len(methods)), methods)
    ax.set_ylim(len(methods) - 0.5, -0.5)
    ax.set_xlim(min(-0.05, means.min().min() - 0.05), 2.05)
    ax.set_xlabel("proxy A-distance to the source (2: never mixed, 0: one cloud)")
    ax.legend(loc="lower left", title="hollow before training, filled after", title_fontsize=10, fontsize=10)
    return ax


def tsne_panel(z_source: np.ndarray, z_target: np.ndarray, labels: np.ndarray, ax: Axes, most: int = 120) -> Axes:
    """Source, target normals and target anomalies on one map, in the palette; labels only colour it.

    What lies far outside is drawn at the edge: how far it lies means nothing.
    """
    parts = {"source": z_source, "normal": z_target[labels == 0], "anomalous": z_target[labels == 1]}
    layout = tsne(parts, most)
    low, high = np.quantile(np.concatenate(list(layout.values())), (0.03, 0.97), axis=0)
    reach = 0.3 * (high - low)
    for role, drawn in layout.items():
        places = np.clip(drawn, low - reach, high + reach)
        style = {"s": 26 if role == "anomalous" else 22, "alpha": 0.75, "linewidth": 0.3, "edgecolor": "white"}
        ax.scatter(*places.T, color=COLORS[role], marker=MARKERS[role], label=ROLE_WORDS[role], **style)
    ax.set(xticks=[], yticks=[])
    ax.spines[["left", "bottom"]].set_color("#CCCCCC")
    return ax


def score_histograms(run_: Anatomy, ax: Axes, bins: int = 40) -> Axes:
    """Scores of source train, target normal and target anomalous pictures, from zero on; labels only colour them."""
    parts = {"source": run_.source_scores, **{role: run_.scores[run_.labels == i] for i, role in enumerate(ROLES)}}
    scores = np.concatenate(list(parts.values()))
    ax.set_xlabel("anomaly score")
    if not np.isfinite(scores).all():
        ax.text(0.5, 0.5, "scores are not finite", transform=ax.transAxes, ha="center")
        return ax
    edges = np.linspace(0, max(1.02 * np.quantile(scores, 0.995), 1e-9), bins + 1)
    for (role, part), (fill, style) in zip(parts.items(), ((True, ":"), (False, "-"), (False, "--")), strict=True):
        weights = np.full(len(part), 100 / len(part))
        shared = {"bins": edges, "weights": weights, "color": COLORS[role]}
        clipped = np.minimum(part, edges[-1])
        if fill:
            ax.hist(clipped, alpha=0.3, **shared)
        ax.hist(clipped, histtype="step", linewidth=1.8, linestyle=style, label=ROLE_WORDS[role], **shared)
    ax.set_ylabel("pictures of a part (%)")
    ax.xaxis.set_major_locator(MaxNLocator(5))
    return ax


def _framed(view: View, rows: np.ndarray, labels: np.ndarray, heading: str, color: str, size_px: int) -> tuple:
    return heading, view.images(rows, size_px), labels[rows], color


def cluster_rows(run_: Anatomy, n: int = 12, size_px: int = 48) -> list[tuple]:
    """Rows for ``plots.picture_rows``: what a run took for normal, and the rest, framed by what they are."""
    rows, labels = [], run_.task.target_train_labels
    for words, mask in (("taken for normal", run_.selection.positive), ("the rest", ~run_.selection.positive)):
        chosen = np.flatnonzero(mask)
        if len(chosen):
            count = f"{len(chosen)} picture{'s' if len(chosen) > 1 else ''}"
            heading = f"{run_.config.normal}, {words}: {count}, {(labels[chosen] == 0).sum()} of them normal"
            color = METHOD_COLORS.get(run_.config.method, "black")
            rows.append(_framed(run_.task.target_train, chosen[:n], labels, heading, color, size_px))
    return rows


def extreme_rows(run_: Anatomy, n: int = 12, size_px: int = 48) -> list[tuple]:
    """Rows for ``plots.picture_rows``: the test pictures a run finds most and least anomalous, framed by what they are."""
    order, color = np.argsort(-run_.scores, kind="stable"), METHOD_COLORS.get(run_.config.method, "black")
    halves = (("most anomalous", order[:n]), ("least anomalous", order[::-1][:n]))
    return [
        _framed(run_.task.target_test, rows, run_.labels, f"{run_.config.name}, {words}", color, size_px)
        for words, rows in halves
    ]


def disagreement_rows(run_: Anatomy, control: str, scores: np.ndarray, n: int = 12, size_px: int = 48) -> list[tuple]:
    """Rows for ``plots.picture_rows``: test pictures whose ranks differ most between a run and a control.

    Parameters
    ----------
    run_ : the run.
    control : name of the other method.
    scores : (n,) the control's, of the same test pictures.
    """
    gap = rankdata(run_.scores) - rankdata(scores)
    order = np.argsort(-gap, kind="stable")
    name = run_.config.name
    halves = ((f"anomalous for {name}, not for {control}", name, order[:n]),)
    halves += ((f"anomalous for {control}, not for {name}", control, order[::-1][:n]),)
    return [
        _framed(run_.task.target_test, rows, run_.labels, words, METHOD_COLORS.get(by.split("[")[0], "black"), size_px)
        for words, by, rows in halves
    ]
