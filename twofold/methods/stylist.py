"""Stylist: the features that differ most between the domains are dropped, and neighbours are looked for in the rest."""

from __future__ import annotations

from typing import Literal, Self

import numpy as np
import torch
from pydantic import Field
from pydantic.dataclasses import dataclass as checked
from torch import Tensor
from torch.nn import functional

from twofold.data.domains import View
from twofold.methods.base import STRICT
from twofold.methods.eyes import EyesMethod, EyesSettings
from twofold.parts.neighbors import knn_distance, leave_one_out
from twofold.plots.style import Look

__all__ = ["Stylist", "wasserstein"]

STILL = 1e-9  # of unit features: a spread up to here is rounding


def wasserstein(x: Tensor, y: Tensor) -> Tensor:
    r"""First Wasserstein distance between two samples, feature by feature.

    .. math:: W_j = \int_0^1 \lvert F_{x_j}^{-1}(u) - F_{y_j}^{-1}(u) \rvert \, du

    Parameters
    ----------
    x : (n, d)
    y : (m, d)
        n and m need not be equal.

    Returns
    -------
    (d,) >= 0, in units of the feature; zero where both samples have one distribution.

    Source
    ------
    The score of a feature in Smeu et al. 2025. Deviations: none.

    >>> wasserstein(torch.tensor([[0.0], [2.0]]), torch.tensor([[5.0]]))
    tensor([4.])
    """
    n, m = len(x), len(y)
    ends = torch.cat([torch.arange(1, n + 1) * m, torch.arange(1, m + 1) * n]).unique()  # (k,) in parts of 1 / (n m)
    widths = torch.diff(ends, prepend=ends.new_zeros(1)).to(x) / (n * m)
    rows_x, rows_y = ((ends - 1) // m).to(x.device), ((ends - 1) // n).to(x.device)  # the quantile just below each end
    return widths @ (x.sort(dim=0).values[rows_x] - y.sort(dim=0).values[rows_y]).abs()


@checked(frozen=True, config=STRICT)
class StylistSettings(EyesSettings):
    """Of ``Stylist``."""

    memory: Literal["source", "target", "both"] = Field("both", description="whose pictures are remembered")
    stable_share: float = Field(0.25, gt=0, le=1, description="of the features that is kept, those that differ least")
    memory_neighbors: int = Field(30, ge=1, le=10**6, description="neighbours in the memory")


class Stylist(EyesMethod):
    r"""Mean distance to the nearest remembered pictures in the features that the domains share, fused over layers.

    .. math:: a(x) = \frac{1}{L} \sum_l \frac{\delta_l(x) - \operatorname{med} \delta_l}{\operatorname{iqr} \delta_l}, \qquad
        \delta_l(x) = \frac{1}{k} \sum_{i \in N_k(x)} \lVert \psi_l(x) - \psi_l(x_i) \rVert

    where psi holds, standardised over both domains together, those features whose Wasserstein distance between source and
    target is among the smallest share. With one space the distance is the score as it is; the median and the interquartile
    range are those of the remembered pictures' own distances to each other.

    Source
    ------
    Smeu, Burceanu, Haller & Nicolicioiu, WACV 2025 (arXiv 2310.03738). Published and kept: standardised features, the
    Wasserstein distance averaged over pairs of environments (here one pair), 30 neighbours among the training pictures of
    all environments. Deviations: the target's pictures are unlabelled and hold anomalies, theirs are normal; distances
    where they average squared ones; the method as it is called takes half of the features, and 7 neighbours in the target
    alone, chosen on the development pairs where they print the best of twenty shares on the test; features that never move
    are dropped before all; unit features, and the mean of standardised distances over layers, are ours (the controls take
    logarithms of squared distances).
    """

    Settings = StylistSettings
    looks = {"stylist": Look("Stylist (features that differ dropped, no training)", "#6B8E23", "$S$")}  # noqa: RUF012

    def fit(self, source: View, target: View, told: np.ndarray | None = None) -> Self:
        settings, kept_pictures = self.settings, []
        rows = {"source": slice(len(source)), "target": slice(len(source), None), "both": slice(None)}[settings.memory]
        self.seen_ = np.concatenate([source.contents, target.contents])[rows]
        both = torch.cat([self.embed(source), self.embed(target)])
        for i, space in enumerate(self.spaces(both)):
            unit = functional.normalize(space, dim=1).double()
            mean, std = unit.mean(dim=0), unit.std(dim=0, correction=0)
            moves = std > STILL  # what never does would be the stablest, and tells nothing
            std = torch.where(moves, std, 1.0)
            standard = (unit - mean) / std
            distance = wasserstein(standard[: len(source)], standard[len(source) :]).masked_fill(~moves, torch.inf)
            n_kept = max(1, int(moves.sum() * settings.stable_share))
            kept = distance.argsort(stable=True)[:n_kept].sort().values
            fitted = {"mean": mean[kept], "std": std[kept], "kept": kept, "memory": standard[rows][:, kept]}
            for name, value in fitted.items():
                self.register_buffer(f"{name}_{i}", value.contiguous().to(self.device))
            kept_pictures.append(fitted["memory"])
        scales = torch.tensor([[0.0, 1.0]], dtype=torch.float64)
        if len(kept_pictures) > 1:
            levels = torch.tensor([0.25, 0.5, 0.75], dtype=torch.float64)
            quartiles = [torch.quantile(leave_one_out(z, settings.memory_neighbors), levels) for z in kept_pictures]
            scales = torch.stack([torch.stack([middle, high - low]) for low, middle, high in quartiles])
            scales[scales[:, 1] <= STILL, 1] = 1.0  # most of the memory is one picture, in these features
        self.register_buffer("scales", scales.to(self.device))
        return self

    def score(self, z: Tensor, own: Tensor | None = None) -> Tensor:
        scores = []
        for i, space in enumerate(self.spaces(z)):
            unit = functional.normalize(space, dim=1).double()
            mean, std, kept, memory = (getattr(self, f"{name}_{i}") for name in ("mean", "std", "kept", "memory"))
            distance = knn_distance((unit[:, kept] - mean) / std, memory, self.settings.memory_neighbors, own)
            scores.append((distance - self.scales[i, 0]) / self.scales[i, 1])
        return torch.stack(scores).mean(dim=0)

    def leaves(self, z: Tensor) -> dict[str, tuple[torch.dtype, tuple[int | None, ...]]]:
        left = {"scales": (torch.float64, (len(self.spaces(z)), 2))}
        for i in range(len(self.spaces(z))):
            left |= {f"{name}_{i}": (torch.float64, (None,)) for name in ("mean", "std")}
            left |= {f"kept_{i}": (torch.int64, (None,)), f"memory_{i}": (torch.float64, (len(self.seen_), None))}
        return left
