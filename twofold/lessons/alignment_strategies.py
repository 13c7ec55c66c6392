"""What each alignment loss asks of every point of a small batch in the plane, everything aligned or the normals alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from matplotlib.axes import Axes
from matplotlib.patches import Circle
from torch import Tensor

from twofold.lessons.beyond_dsvdd import descent, pull
from twofold.parts.alignment import DomainDiscriminator, contrastive_loss, domain_adversarial_loss, mmd_loss, reverse_gradient
from twofold.plots.style import ALIGNMENT_LOOKS, COLORS, MARKERS, collapsed_words, look_of_row
from twofold.results.sentences import few_words

__all__ = ["ToyBatch", "alignment_arrows", "rate_words", "toward_words", "toy_batch", "toy_losses"]


@dataclass(frozen=True)
class ToyBatch:
    """A batch in the plane: source (n, 2), target normals (n, 2), target anomalies (m, 2)."""

    source: Tensor
    normal: Tensor
    anomalous: Tensor

    @property
    def target(self) -> Tensor:
        """Normals, then anomalies, as training would see them: without a mark."""
        return torch.cat([self.normal, self.anomalous])


def toy_batch(n: int = 14, m: int = 6, seed: int = 0) -> ToyBatch:
    """Source normals, target normals a shift away, target anomalies further on, all near the unit circle.

    >>> toy_batch(n=3, m=2).target.shape
    torch.Size([5, 2])
    """
    rng = np.random.default_rng(seed)

    def cloud(size: int, degrees: float, spread: float) -> Tensor:
        angle = np.deg2rad(degrees + spread * rng.standard_normal(size))
        radius = 1 + 0.11 * rng.standard_normal(size)
        return torch.tensor(np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1), dtype=torch.float32)

    return ToyBatch(cloud(n, 15, 11), cloud(n, 72, 11), cloud(m, 124, 10))


def toy_losses(batch: ToyBatch, dominant_only: bool, temperature: float = 1.0, seed: int = 0) -> dict[str, Callable]:
    """The three alignment losses on a toy batch, each a function of the target points (n + m, 2).

    Parameters
    ----------
    batch : from ``toy_batch``.
    dominant_only : align the normals alone (the contrastive loss repels the others), else everything.
    temperature : of the contrastive loss.
    seed : of the domain discriminator, which learns a little of what is aligned before it is reversed.
    """
    n, source = len(batch.normal), batch.source

    def taken(z: Tensor) -> Tensor:
        return z[:n] if dominant_only else z

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        adversary = DomainDiscriminator(2)
        optimizer = torch.optim.Adam(adversary.parameters(), lr=0.01)
        for _ in range(10):
            optimizer.zero_grad()
            domain_adversarial_loss(adversary(source), adversary(taken(batch.target))).backward()
            optimizer.step()

    def contrastive(z: Tensor) -> Tensor:
        return contrastive_loss(source, taken(z), z[n:] if dominant_only else None, temperature, not dominant_only)

    def mmd(z: Tensor) -> Tensor:
        return mmd_loss(source, taken(z))

    def grl(z: Tensor) -> Tensor:
        return domain_adversarial_loss(adversary(reverse_gradient(source)), adversary(reverse_gradient(taken(z))))

    return {"contrastive": contrastive, "MMD": mmd, "GRL": grl}


def alignment_arrows(
    batch: ToyBatch, losses: Mapping[str, Callable], axes: Sequence[Axes], lengths: Mapping[str, float], heading: str = ""
) -> None:
    """The step each loss asks of every target point, over the field that one normal point would meet elsewhere.

    Parameters
    ----------
    batch : from ``toy_batch``.
    losses : from ``toy_losses``.
    axes : one a loss.
    lengths : the gradient that is drawn as an arrow of length 0.5, a loss; shared by panels that are to be compared.
    heading : behind the loss's name.
    """
    grid = torch.cartesian_prod(torch.linspace(-1.5, 1.5, 16), torch.linspace(-0.65, 1.5, 11))
    n, drawn = len(batch.normal), {"angles": "xy", "scale_units": "xy", "scale": 1}
    for (name, loss), ax in zip(losses.items(), axes, strict=True):
        steps = []
        for spot in grid:  # the first normal point stands at every spot in turn
            moved = batch.target
            moved[0] = spot
            steps.append(descent(loss, moved)[0])
        field = torch.stack(steps)
        size = field.norm(dim=1, keepdim=True)
        shade = (size / size.quantile(0.9)).clamp(0.1, 1).squeeze(1).tolist()
        unit = 0.15 * field / size.clamp_min(1e-12)
        ax.add_patch(Circle((0, 0), 1, fill=False, edgecolor="#CCCCCC", linewidth=1, zorder=0))
        ax.quiver(*grid.T, *unit.T, color=[(0.55, 0.55, 0.55, 0.6 * a) for a in shade], width=0.005, pivot="mid", **drawn)
        arrows = 0.5 * descent(loss, batch.target) / lengths[name]
        clouds = {"source": batch.source, "normal": batch.normal, "anomalous": batch.anomalous}
        for role, points in clouds.items():
            ax.scatter(*points.T, color=COLORS[role], marker=MARKERS[role], s=44, edgecolor="white", linewidth=0.7, zorder=5)
            if ax is axes[0]:
                shift, side = ((0.26, 0), "left") if role == "source" else ((0, 0.36), "center")
                at = points.mean(dim=0) + torch.tensor(shift)
                ax.text(*at.tolist(), role, color=COLORS[role], fontsize=9.5, fontweight="bold", ha=side)
        for role, rows in (("normal", slice(0, n)), ("anomalous", slice(n, None))):
            ax.quiver(*batch.target[rows].T, *arrows[rows].T, color=COLORS[role], width=0.0085, zorder=4, **drawn)
        ax.set_aspect("equal")
        ax.set_xlim(-1.6, 1.65)
        ax.set_ylim(-0.75, 1.65)
        ax.set_axis_off()
        ax.set_title(f"{name}{heading}", fontsize=11)


def toward_words(batch: ToyBatch, steps: Mapping[str, Tensor]) -> str:
    """How far each loss asks normals and anomalies towards the source, in parts of its longest step: one sentence.

    Parameters
    ----------
    batch : from ``toy_batch``.
    steps : name -> (n + m, 2) from ``descent``.
    """
    n, goal = len(batch.normal), batch.source.mean(dim=0)
    parts = []
    for name, step in steps.items():
        towards = pull(step, batch.target, goal) / step.norm(dim=1).max()
        parts.append(f"{name} {towards[:n].mean():+.1f} and {towards[n:].mean():+.1f}")
    return f"The dominant cluster aligned, normals and anomalies are pulled towards the source: {', '.join(parts)}"


def rate_words(means: pd.DataFrame) -> str:
    """Which alignment is highest at each learning rate, and which collapsed there: one sentence.

    Parameters
    ----------
    means : from ``results.statistics.class_means``, a row an alignment and rate, of one method.
    """
    parts = []
    for rate, rows in means.groupby("learning_rate"):
        rows = rows.sort_values("mean", ascending=False, na_position="last")
        words = [
            look_of_row(row, "alignment", ALIGNMENT_LOOKS).words
            + (f" {row['mean']:.0f}" if pd.notna(row["mean"]) else f" ({collapsed_words(row)})")
            for row in rows.to_dict("records")
        ]
        parts.append(f"at {rate:g} {', '.join(words)}")
    return f"{few_words(int(means['n_classes'].min()))}AUROC (%) by learning rate: {'; '.join(parts)}"
