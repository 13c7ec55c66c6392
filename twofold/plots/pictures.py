"""Rows of pictures, and the first figure, which sets them beside what the shift costs; conventions as in ``style``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from twofold.plots.curves import score_curves
from twofold.plots.scores import bars
from twofold.plots.style import COLORS, INK

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["curse_figure", "picture_rows"]


def picture_rows(rows: Sequence[tuple[str, Tensor, Sequence[int] | None, str]], ax: Axes) -> Axes:
    """Rows of pictures with a heading each; framed by label where labels are given.

    Parameters
    ----------
    rows : (heading, uint8 (n, 3, h, w), labels (n,) or None, colour of the heading) each.
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
