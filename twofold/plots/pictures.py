"""Rows of pictures; conventions as in ``style``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import matplotlib.pyplot as plt
from matplotlib.axes import Axes

from twofold.plots.style import COLORS, INK

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["picture_rows"]

FRAMES = "green frame: normal; red frame and ✕: anomalous"


def picture_rows(rows: Sequence[tuple[str, Tensor, Sequence[int] | None, str]], ax: Axes) -> Axes:
    """Rows of pictures with a heading each; framed by label where labels are given, with a line that says what frames mean.

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
    bottom = -1.8 * (len(rows) - 1) - 1.3
    if any(labels is not None for _, _, labels, _ in rows):
        ax.text(0, bottom - 0.05, FRAMES, fontsize=8.5, color=INK, va="top")
        bottom -= 0.45
    ax.set_xlim(-0.05, n + 0.05)
    ax.set_ylim(bottom, 0.6)
    ax.set_aspect("equal")
    return ax
