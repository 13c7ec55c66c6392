"""PANDA: pre-trained features drawn together on the source, a small step at a time; the target is not looked at."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Self

import numpy as np
import torch
from pydantic import Field
from pydantic.dataclasses import dataclass as checked
from torch import Tensor

from twofold.data.domains import View
from twofold.methods.base import STRICT, Role, Settings, TrainedMethod
from twofold.methods.training import Batch, Inputs, fetched, seeded, train, unfreeze
from twofold.parts.neighbors import knn_distance
from twofold.plots.style import Look

__all__ = ["Panda", "compactness_loss", "elastic_loss"]


def compactness_loss(z_source: Tensor, center: Tensor) -> Tensor:
    r"""Mean squared distance of normal source features to a fixed centre, per dimension.

    .. math:: L = \frac{1}{N_s d} \sum_i \lVert f(x_i^s) - c \rVert^2

    Parameters
    ----------
    z_source : (n, d)
    center : (d,) mean of the source features before training.

    Returns
    -------
    () scalar >= 0.

    Source
    ------
    Reiss et al. 2021, Eq. 2, divided by d as in their public code. Deviations: none.

    >>> compactness_loss(torch.tensor([[3.0, 4.0], [0.0, 0.0]]), torch.zeros(2))
    tensor(6.2500)
    """
    return ((z_source - center) ** 2).mean()


def elastic_loss(now: Sequence[Tensor], start: Sequence[Tensor], importance: Sequence[Tensor]) -> Tensor:
    r"""How far the weights that matter have moved from where they started.

    .. math:: L = \tfrac12 \sum_j F_j (\theta_j - \theta_j^0)^2

    Parameters
    ----------
    now, start, importance : tensors of equal shapes, part by part; importance >= 0.

    Returns
    -------
    () scalar >= 0, zero where nothing has moved.

    Source
    ------
    Kirkpatrick et al. 2017, as PANDA uses it. Deviations: see ``Panda``.

    >>> elastic_loss([torch.tensor([1.0, 3.0])], [torch.tensor([1.0, 1.0])], [torch.tensor([9.0, 0.5])])
    tensor(1.)
    """
    return sum((f * (a - b) ** 2).sum() for a, b, f in zip(now, start, importance, strict=True)) / 2


@checked(frozen=True, config=STRICT)
class PandaSettings(Settings):
    """Of ``Panda``."""

    trains = True

    elastic: float = Field(0.0, ge=0, le=1e9, description="weight of the elastic loss; 0 leaves it out")
    source_neighbors: int = Field(2, ge=1, le=10**6, description="neighbours in a memory of the source")

    @property
    def networks(self) -> frozenset[Role]:
        return frozenset({"backbone"})


class Panda(TrainedMethod):
    r"""Compactness of the source under a clipped, short training; score by the nearest source pictures.

    .. math:: L = \frac{1}{N_s d} \sum_i \lVert f(x_i) - c \rVert^2 + \tfrac{\lambda}{2} \sum_j F_j (\theta_j - \theta_j^0)^2,
        \qquad a(x) = \tfrac12 \sum_{i \in N_2(x)} \lVert f(x) - f(x_i) \rVert

    Source
    ------
    Reiss, Cohen, Bergman & Hoshen, CVPR 2021. Published and kept: early layers and BatchNorm frozen, SGD at 0.01 with
    momentum 0.9 and weight decay 5e-5, gradient norm clipped to 0.001, 2 neighbours. Deviations: the backbone and the number
    of steps are the preset's (theirs: ResNet-152, 15 epochs); a constant rate becomes a cosine; the score is the mean
    distance, theirs the sum of squared ones; without ImageNet's labelled pictures the weights' importance F is that of
    memory-aware synapses (Aljundi et al. 2018), the mean squared gradient of half the squared feature norm on the source,
    whose scale is another: their weight of 1e4 has no meaning here, 0.01 holds the network back on digits.
    """

    Settings = PandaSettings
    looks = {"panda": Look("PANDA (source, clipped fine-tuning)", "#8E2A4F", "p")}  # noqa: RUF012
    published = {"learning_rate": 0.01, "momentum": 0.9, "weight_decay": 5e-5, "clip_norm": 1e-3}  # noqa: RUF012

    def fit(self, source: View, target: View, told: np.ndarray | None = None) -> Self:
        if hasattr(self, "center"):  # fitted before, or restored: begin anew
            self.backbone = self.load_backbone().to(self.device)
        inputs, tail = self.inputs(source), unfreeze(self.backbone.tail, self.recipe)
        moving = [parameter for parameter in tail.parameters() if parameter.requires_grad]
        start = [parameter.detach().clone() for parameter in moving]
        with seeded(self.seed, self.device):
            self.register_buffer("center", self.look(inputs, self.features).mean(dim=0).to(self.device))
            importance = self._importance(inputs, moving) if self.settings.elastic else None
            step = partial(self._step, moving, start, importance)
            self.losses_ = train(step, {"tail": tail}, inputs, None, self.recipe, seed=self.seed, progress=self.progress)
            self.register_buffer("memory", self.look(inputs, self.features).to(self.device))
        self.seen_ = source.contents
        return self

    def score(self, z: Tensor, own: Tensor | None = None) -> Tensor:
        return knn_distance(z, self.memory, self.settings.source_neighbors, own)

    def leaves(self, z: Tensor) -> dict[str, tuple[torch.dtype, tuple[int | None, ...]]]:
        return {"center": (z.dtype, z.shape[1:]), "memory": (z.dtype, (len(self.seen_), z.shape[1]))}

    def _step(
        self, moving: list[Tensor], start: list[Tensor], importance: list[Tensor] | None, batch: Batch
    ) -> Iterator[tuple[str, dict[str, Tensor]]]:
        terms = {"compactness": compactness_loss(self.features(batch.source), self.center)}
        if importance is not None:
            terms["elastic"] = self.settings.elastic * elastic_loss(moving, start, importance)
        yield "tail", terms

    def _importance(self, inputs: Inputs, moving: list[Tensor]) -> list[Tensor]:
        """Mean squared gradient of half the squared feature norm, a picture at a time."""
        squares = [torch.zeros_like(parameter) for parameter in moving]
        for x, _ in fetched(inputs, None, [(np.array([row]), None) for row in range(len(inputs))]):
            norm = (self.features(x.to(self.device)) ** 2).sum() / 2
            for square, gradient in zip(squares, torch.autograd.grad(norm, moving), strict=True):
                square += gradient**2 / len(inputs)
        return squares
