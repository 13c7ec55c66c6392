"""What a one-class objective asks of every feature in the plane, and what each method gains under it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd
import torch
from matplotlib.axes import Axes
from matplotlib.patches import Arc
from torch import Tensor

from twofold.plots.style import COLORS, HALO, INK, MARKERS, SCORE_WORDS, collapsed_words, look_of_row, wrapped
from twofold.results.sentences import few_words
from twofold.results.statistics import plain

__all__ = ["descent", "gain_bars", "gain_words", "objective_arrows", "pull", "pull_words", "toy_views"]


ARROW = {"width": 0.009, "headwidth": 3.2, "headlength": 3.2, "headaxislength": 2.8, "minshaft": 1.5, "minlength": 0.5}


def descent(loss: Callable[[Tensor], Tensor], points: Tensor) -> Tensor:
    r"""Where one step of gradient descent would send every point.

    .. math:: v_i = -\partial L / \partial z_i

    Parameters
    ----------
    loss : scalar function of the points.
    points : (n, d)

    Returns
    -------
    (n, d); zero for a point that the loss does not touch.

    >>> descent(lambda z: (z**2).sum() / 2, torch.tensor([[3.0, 0.0]]))
    tensor([[-3., -0.]])
    """
    z = points.detach().clone().requires_grad_(True)
    (gradient,) = torch.autograd.grad(loss(z), z)
    return -gradient


def pull(steps: Tensor, points: Tensor, goal: Tensor) -> Tensor:
    r"""How far each step leads towards a goal.

    .. math:: p_i = \frac{v_i \cdot (g - z_i)}{\lVert g - z_i \rVert}

    Parameters
    ----------
    steps : (n, d) from ``descent``.
    points : (n, d) where they start.
    goal : (d,) such as the source's mean.

    Returns
    -------
    (n,); negative leads away.

    >>> pull(torch.tensor([[1.0, 1.0]]), torch.zeros(1, 2), torch.tensor([5.0, 0.0]))
    tensor([1.])
    """
    way = goal - points
    return (steps * way).sum(dim=1) / way.norm(dim=1)


def toy_views(n: int = 6, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Unit features of two views (2n, 2), row i + n the twin of row i, and their centre (2,).

    >>> views, center = toy_views(n=4)
    >>> views.shape, bool((views.norm(dim=1) - 1).abs().max() < 1e-6)
    (torch.Size([8, 2]), True)
    """
    first = np.linspace(-0.35, 1.75, n)
    angles = np.concatenate([first, first + np.random.default_rng(seed).uniform(0.1, 0.24, n)])
    views = torch.tensor(np.stack([np.cos(angles), np.sin(angles)], axis=1), dtype=torch.float32)
    return views, views.mean(dim=0)


def pull_words(views: Tensor, center: Tensor, losses: Mapping[str, Callable]) -> str:
    """How many features each loss sends towards the centre: one sentence.

    >>> views, center = toy_views()
    >>> pull_words(views, center, {"a": lambda z: ((z - center) ** 2).sum()})
    'Sent towards the centre: 100 % of the features by a'
    """
    shares = {name: float((pull(descent(loss, views), views, center) > 0).float().mean()) for name, loss in losses.items()}
    words = [f"{100 * share:.0f} % {'of the features ' * (not i)}by {name}" for i, (name, share) in enumerate(shares.items())]
    return "Sent towards the centre: " + ", ".join(words)


def objective_arrows(views: Tensor, center: Tensor, losses: Mapping[str, Callable], axes: Sequence[Axes]) -> None:
    """The step each one-class objective asks of every feature; twins are joined, each loss has its own scale.

    Parameters
    ----------
    views : (2n, 2) features, row i + n the twin of row i.
    center : (2,)
    losses : name -> scalar function of the views.
    axes : one a loss.
    """
    n = len(views) // 2
    axes[0].text(0.3, -0.5, "pale: two views\nof one picture", fontsize=11, color=INK, ha="center", va="center")
    for (name, loss), ax in zip(losses.items(), axes, strict=True):
        arrows = descent(loss, views)
        arrows = 0.42 * arrows / arrows.norm(dim=1).max()
        ax.add_patch(Arc((0, 0), 2, 2, theta1=-33, theta2=128, edgecolor="#CCCCCC", linewidth=1, zorder=0))
        for a, b in zip(views[:n], views[n:], strict=True):
            ax.plot(*torch.stack([a, b]).T, color=COLORS["source"], linewidth=9, alpha=0.2, solid_capstyle="round", zorder=1)
        ax.quiver(*views.T, *arrows.T, color=COLORS["source"], angles="xy", scale_units="xy", scale=1, zorder=4, **ARROW)
        ax.scatter(*views.T, color=COLORS["source"], marker=MARKERS["source"], s=40, edgecolor="white", zorder=5)
        ax.scatter(*center, color="black", marker="+", s=130, linewidth=2.2, zorder=6)
        ax.annotate("centre", center.tolist(), (-9, 0), textcoords="offset points", ha="right", va="center", fontsize=10)
        ax.set_aspect("equal")
        ax.set_xlim(-0.68, 1.18)
        ax.set_ylim(-0.66, 1.2)
        ax.set_axis_off()
        ax.set_title(name)


def gain_words(tables: Mapping[str, pd.DataFrame], control: str, method: str) -> str:
    """What a method gains over its control under each objective: one sentence.

    Parameters
    ----------
    tables : name of an objective -> a row a method.
    control, method : rows of the tables; where either collapsed there is no gain.
    """
    parts = []
    for name, table in tables.items():
        means = table.set_index("method")["mean"]
        gain = means[method] - means[control]
        parts.append(f"{'no number (collapsed)' if pd.isna(gain) else f'{gain:+.1f} points'} under {name}")
    n_classes = min(int(table["n_classes"].min()) for table in tables.values())
    return f"{few_words(n_classes)}{plain(method)} to {plain(control)}: {', '.join(parts)}"


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
        look, values, mean = look_of_row(row), pd.Series(row["classes"], dtype=float).dropna(), row["mean"]
        lowest = np.nanmin([lowest, values.min(), 51.0])
        if pd.isna(mean):
            ax.text(i, 50, collapsed_words(row, "\n"), ha="center", va="center", color=look.color, fontsize=9, bbox=HALO)
            continue
        ax.plot([i, i], [level, mean], color=look.color, linewidth=5, alpha=0.35, solid_capstyle="butt")
        ax.scatter(np.full(len(values), i + 0.17), values, s=14, color=look.color, alpha=0.7, linewidth=0)
        ax.scatter(i, mean, s=90, color=look.color, marker=look.marker, edgecolor="white", zorder=4)
        gain = "" if row["method"] == control or np.isnan(level) else f"\n{mean - level:+.1f}"
        place = {"x": i - 0.14, "y": mean, "ha": "right", "va": "bottom"}
        if gain:  # words stand on their side of the level, which would strike them through
            place |= {"y": min(mean + 3, level - 1), "va": "top"} if mean < level else {"y": max(mean - 3, level + 1)}
        ax.text(s=f"{mean:.1f}{gain}", fontsize=9, color=look.color, bbox=HALO, **place)
    ax.set_xticks(range(len(rows)), [wrapped(plain(row["method"]), 14) for row in rows], fontsize=9)
    ax.set_xlim(-0.7, len(rows) - 0.5)
    ax.set_ylim(lowest - 11 if ax.get_autoscaley_on() else min(lowest - 11, ax.get_ylim()[0]), 104)  # panels may share it
    ax.set_ylabel(SCORE_WORDS)
    ax.set_xlabel("large: mean, small dot: a class")
    return ax
