"""Partial transport: the source's pictures are moved to where most of the target is, and what costs too much stays out."""

from __future__ import annotations

from typing import Self

import numpy as np
import torch
from pydantic import Field
from pydantic.dataclasses import dataclass as checked
from torch import Tensor
from torch.nn import functional

from twofold.data.domains import View
from twofold.methods.base import STRICT
from twofold.methods.eyes import EyesMethod, EyesSettings
from twofold.parts.neighbors import knn_distance
from twofold.plots.style import Look

__all__ = ["PartialOT", "carried", "partial_plan"]

ITERATIONS, SMALL = 2000, 1e-9  # of the projections, and the change at which they end


def partial_plan(cost: np.ndarray, mass: float, regularization: float) -> np.ndarray:
    r"""The cheapest blurred way to move a share of one uniform mass onto a share of another.

    .. math:: \gamma = \arg\min_{\gamma \ge 0} \langle \gamma, C \rangle + \epsilon \sum_{ij} \gamma_{ij} \log \gamma_{ij}
        \quad \text{s.t.} \quad \gamma 1 \le \tfrac1n, \; \gamma^\top 1 \le \tfrac1m, \; 1^\top \gamma 1 = s

    Parameters
    ----------
    cost : (n, m) >= 0
    mass : s in (0, 1], the share that is moved.
    regularization : epsilon > 0, in units of the mean cost.

    Returns
    -------
    (n, m) >= 0 that sums to s, no row above 1 / n and no column above 1 / m (up to the solver's tolerance).

    Source
    ------
    Benamou et al. 2015, Proposition 5, by POT in logarithms. Deviations: the blur follows the mean cost.

    >>> cost = np.array([[0.0, 1.0, 9.0], [1.0, 0.0, 9.0]])
    >>> partial_plan(cost, mass=2 / 3, regularization=0.01).sum(axis=0).round(2) + 0.0
    array([0.33, 0.33, 0.  ])
    """
    from ot.partial import entropic_partial_wasserstein_logscale  # a second to import

    n, m = cost.shape
    blur = regularization * max(float(cost.mean()), 1e-12)
    masses = np.full(n, 1 / n), np.full(m, 1 / m)
    mass = min(mass, *(float(one.sum()) for one in masses))  # the sum of n times 1 / n need not be 1
    return entropic_partial_wasserstein_logscale(*masses, cost, blur, mass, numItermax=ITERATIONS, stopThr=SMALL)


def carried(plan: Tensor, z_target: Tensor) -> Tensor:
    r"""Where each source picture arrives: the mean of the target pictures that its mass goes to.

    .. math:: T(x_i) = \sum_j \gamma_{ij} \, y_j \, / \sum_j \gamma_{ij}

    Parameters
    ----------
    plan : (n, m) >= 0
    z_target : (m, d)

    Returns
    -------
    (n, d) within the convex hull of the target.

    Source
    ------
    The barycentric map of Courty et al. 2017. Deviations: none.

    >>> carried(torch.tensor([[0.1, 0.3]]), torch.tensor([[0.0], [4.0]]))
    tensor([[3.]])
    """
    return (plan @ z_target) / plan.sum(dim=1, keepdim=True).clamp_min(torch.finfo(plan.dtype).tiny)


@checked(frozen=True, config=STRICT)
class PartialSettings(EyesSettings):
    """Of ``PartialOT``."""

    moved_share: float = Field(0.85, gt=0, le=1, description="of both domains that the transport joins; the rest stays out")
    regularization: float = Field(0.05, gt=0, le=1e3, description="blur of the transport, in units of its mean cost")
    centered: bool = Field(True, description="compare the domains each about its own mean")
    memory_neighbors: int = Field(2, ge=1, le=10**6, description="neighbours in the memory")


class PartialOT(EyesMethod):
    r"""Mean distance to the nearest source pictures as they arrive in the target, fused over layers.

    .. math:: a(x) = \frac{1}{L} \sum_l \frac{\delta_l(x) - \operatorname{med} \delta_l}{\operatorname{iqr} \delta_l}, \qquad
        \delta_l(x) = \frac{1}{k} \sum_{i \in N_k(x)} \lVert \phi_l(x) - T(\phi_l(x_i^s)) \rVert

    One plan moves all layers: its cost is the mean over layers of squared distances between unit features, each layer in
    units of its own mean. A picture of the unlabelled target is judged by the source without that picture's part in where
    it arrives; of these held-out distances are the median and the interquartile range. With one space the distance is the
    score as it is. ``selected_`` are the target pictures that receive at least half of what they could.

    Source
    ------
    The setting and the idea, a robust Sinkhorn distance between a source memory and a contaminated target, are those of RoDA
    (Liao et al. 2025, arXiv 2503.14910), of which we know title and abstract; the equations are Benamou et al. 2015 and
    Courty et al. 2017. Deviations: pictures, not patches; nothing is trained, the memory is carried over by the plan;
    neighbours are 2 as in PANDA; share, blur, centring and fusion are ours, the share that of ``pooled_gaussian``.
    """

    Settings = PartialSettings
    looks = {"partial_ot": Look("partial transport of the source (no training)", "#B8860B", "$T$")}  # noqa: RUF012

    def fit(self, source: View, target: View, told: np.ndarray | None = None) -> Self:
        z_source, z_target = (self._units(self.embed(view)) for view in (source, target))
        costs = [self._cost(x, y) for x, y in zip(z_source, z_target, strict=True)]
        cost = np.mean([cost / max(cost.mean(), 1e-12) for cost in costs], axis=0)
        plan = torch.tensor(partial_plan(cost, self.settings.moved_share, self.settings.regularization))
        self.selected_ = (plan.sum(dim=0) * len(target) >= 0.5).numpy()
        held_out = [self._held_out(plan, z) for z in z_target]
        scales = torch.tensor([[0.0, 1.0]], dtype=torch.float64)
        if len(z_target) > 1:
            levels = torch.tensor([0.25, 0.5, 0.75], dtype=torch.float64)
            quartiles = [torch.quantile(distance, levels) for distance in held_out]
            scales = torch.stack([torch.stack([middle, (high - low).clamp_min(1e-12)]) for low, middle, high in quartiles])
        scores = torch.stack([(d - scale[0]) / scale[1] for d, scale in zip(held_out, scales, strict=True)]).mean(dim=0)
        self.seen_ = target.contents
        _, copy_of = np.unique(self.seen_, return_inverse=True)  # copies of a picture share the mean of their scores
        scores = (np.bincount(copy_of, scores.numpy()) / np.bincount(copy_of))[copy_of]
        fitted = {"scales": scales, "held_out": torch.tensor(scores)}
        for name, value in (fitted | {f"memory_{i}": carried(plan, z) for i, z in enumerate(z_target)}).items():
            self.register_buffer(name, value.to(self.device))
        return self

    def score(self, z: Tensor, own: Tensor | None = None) -> Tensor:
        scores = []
        for i, space in enumerate(self._units(z)):
            distance = knn_distance(space, getattr(self, f"memory_{i}"), self.settings.memory_neighbors)
            scores.append((distance - self.scales[i, 0]) / self.scales[i, 1])
        scores = torch.stack(scores).mean(dim=0)
        return scores if own is None else torch.where(own >= 0, self.held_out[own.clamp_min(0)], scores)

    def leaves(self, z: Tensor) -> dict[str, tuple[torch.dtype, tuple[int | None, ...]]]:
        spaces = self.spaces(z)
        memory = {f"memory_{i}": (torch.float64, (None, space.shape[1])) for i, space in enumerate(spaces)}
        return {"scales": (torch.float64, (len(spaces), 2)), "held_out": (torch.float64, (len(self.seen_),)), **memory}

    def _units(self, z: Tensor) -> list[Tensor]:
        """(n, d_l) float64 unit features of each layer."""
        return [functional.normalize(space.double(), dim=1) for space in self.spaces(z)]

    def _cost(self, x: Tensor, y: Tensor) -> np.ndarray:
        """(n, m) squared distances, where asked for each domain about its own mean."""
        if self.settings.centered:
            x, y = x - x.mean(dim=0), y - y.mean(dim=0)
        return (torch.cdist(x, y, compute_mode="donot_use_mm_for_euclid_dist") ** 2).numpy()

    def _held_out(self, plan: Tensor, z: Tensor) -> Tensor:
        """(m,) distance of each target picture to where the source arrives without it."""
        mass, moved, distances = plan.sum(dim=1), plan @ z, []
        for row in range(len(z)):
            left = mass - plan[:, row]
            there = left > SMALL * mass.max()  # a source picture that goes to this one alone is nowhere without it
            memory = (moved - plan[:, row : row + 1] * z[row])[there] / left[there, None]
            memory = memory if there.any() else z.mean(dim=0, keepdim=True)
            distances.append(knn_distance(z[row : row + 1], memory, self.settings.memory_neighbors))
        return torch.cat(distances)
