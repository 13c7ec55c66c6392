"""The controls that train nothing: distance to the source's mean, or to the nearest source or target pictures."""

from __future__ import annotations

from typing import Literal, Self

import numpy as np
import torch
from pydantic import Field
from pydantic.dataclasses import dataclass as checked
from torch import Tensor
from torch.nn import functional

from twofold.data.domains import View
from twofold.methods.background import BackgroundMethod, BackgroundSettings
from twofold.methods.base import STRICT, Role, Settings
from twofold.methods.eyes import EYES, Eyes, EyesMethod, EyesSettings
from twofold.parts.fusion import spread
from twofold.parts.neighbors import knn_distance, leave_one_out
from twofold.parts.oddness import NEAREST
from twofold.parts.one_class import center_distance
from twofold.plots.style import Look

__all__ = ["Neighbors", "SourceMean"]


@checked(frozen=True, config=STRICT)
class MeanSettings(Settings):
    """Of ``SourceMean``."""

    features: Literal["encoder", "backbone"] = Field("encoder", description="the network that looks")
    normalize_features: bool = Field(True, description="L2-normalise the features")

    @property
    def networks(self) -> frozenset[Role]:
        return frozenset({self.features})


class SourceMean(EyesMethod):
    r"""Squared distance to the mean of the source's features: what a network knows before anyone trains it.

    .. math:: a(x) = \lVert \phi(x) - \tfrac{1}{N_s} \sum_i \phi(x_i^s) \rVert^2
    """

    Settings = MeanSettings
    looks = {  # noqa: RUF012
        "random_init": Look("random network", "#BBBBBB", "."),
        "zero_shot": Look("frozen encoder, source mean", "#999999", "<"),
    }

    def fit(self, source: View, target: View, told: np.ndarray | None = None) -> Self:
        self.register_buffer("center", self._unit(self.embed(source)).mean(dim=0).to(self.device))
        return self

    def score(self, z: Tensor, own: Tensor | None = None) -> Tensor:
        return center_distance(self._unit(z), self.center)

    def leaves(self, z: Tensor) -> dict[str, tuple[torch.dtype, tuple[int | None, ...]]]:
        return {"center": (z.dtype, z.shape[1:])}

    def _unit(self, z: Tensor) -> Tensor:
        return functional.normalize(z, dim=1) if self.settings.normalize_features else z


@checked(frozen=True, config=STRICT)
class NeighborSettings(EyesSettings, BackgroundSettings):
    """Of ``Neighbors``."""

    memory: Literal["source", "target"] = Field("target", description="whose pictures are remembered")
    features: Eyes = Field("encoder", description=EYES)
    source_neighbors: int = Field(2, ge=1, le=10**6, description="neighbours in a memory of the source")
    target_neighbors: int = Field(7, ge=1, le=10**6, description="neighbours in a memory of the target")
    background_weight: float = Field(
        0.5, ge=0, le=100, description=BackgroundSettings.__pydantic_fields__["background_weight"].description
    )

    def unread(self) -> frozenset[str]:
        unread = EyesSettings.unread(self) | {"target_neighbors" if self.memory == "source" else "source_neighbors"}
        return unread | ({"background_weight"} if self.background == "none" else set())


class Neighbors(EyesMethod, BackgroundMethod):
    r"""Mean distance to the k nearest remembered pictures, in one space or fused over layers.

    .. math:: a(x) = \delta(x) = \frac{1}{k} \sum_{j \in N_k(x)} \lVert \phi(x) - \phi(x_j) \rVert

    Several layers, or a pile of generic pictures, are fused as ``BackgroundMethod`` says, with the square of this distance
    for d, and the remembered pictures' own distances to each other for the scale.

    Source
    ------
    PANDA's and MSC's density (Reiss et al. 2021; 2 neighbours). Deviations: distances where they sum squared distances;
    the fusion and 7 neighbours in the target are ours: an unlabelled set holds anomalies that have a twin.
    """

    Settings = NeighborSettings
    looks = {  # noqa: RUF012
        "source_knn": Look("frozen encoder, source neighbours", "#777777", ">"),
        "target_only": Look("target only (kNN, no training)", "#00868B", "s"),
    }

    @property
    def k(self) -> int:
        """Neighbours."""
        return self.settings.source_neighbors if self.settings.memory == "source" else self.settings.target_neighbors

    @property
    def plain(self) -> bool:
        """Whether the score is the distance as it is."""
        return self.settings.features != "layers" and self.settings.background == "none"

    def fit(self, source: View, target: View, told: np.ndarray | None = None) -> Self:
        view = self.hold(source if self.settings.memory == "source" else target)
        self.seen_, self.notes_ = view.contents, {}
        units = self.units(self.embed(view))
        levels = [_log_square(leave_one_out(unit, self.k)).numpy() for unit in units]
        levels = self.learn_background(view, levels, np.ones(len(view), bool))
        scales = torch.tensor([spread(level) for level in levels], dtype=torch.float64)
        self.register_buffer("scales", scales.to(self.device))
        for i, unit in enumerate(units):
            self.register_buffer(f"memory_{i}", unit.to(self.device))
        return self

    def score(self, z: Tensor, own: Tensor | None = None) -> Tensor:
        scores = []
        for i, unit in enumerate(self.units(z)):
            distance = knn_distance(unit, getattr(self, f"memory_{i}"), self.k, own)
            if self.plain:
                return distance
            level = self.less_background(_log_square(distance), unit, i)
            scores.append((level - self.scales[i, 0]) / self.scales[i, 1])
        return torch.stack(scores).mean(dim=0)

    def leaves(self, z: Tensor) -> dict[str, tuple[torch.dtype, tuple[int | None, ...]]]:
        spaces = self.spaces(z)
        widths = [space.shape[1] for space in spaces]
        memory = {f"memory_{i}": (torch.float64, (len(self.seen_), width)) for i, width in enumerate(widths)}
        return {"scales": (torch.float64, (len(widths), 2)), **memory, **self.pile_leaves(widths)}


def _log_square(distance: Tensor) -> Tensor:
    return 2 * distance.clamp_min(NEAREST).log()
