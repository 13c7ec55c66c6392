"""TSA: the source's features are strewn as the target's are, without drawing one, and kept compact all the same."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Self

import numpy as np
import torch
from pydantic import Field
from pydantic.dataclasses import dataclass as checked
from torch import Tensor
from torch.nn import functional

from twofold.data.domains import View
from twofold.methods.base import STRICT, Role, Settings, TrainedMethod
from twofold.methods.training import Batch, seeded, train, unfreeze
from twofold.parts.one_class import center_distance
from twofold.plots.style import Look

__all__ = ["Tsa", "augmented_compactness"]


def augmented_compactness(z_source: Tensor, z_target: Tensor, center: Tensor, strength: float) -> Tensor:
    r"""Expected squared distance to the centre of source features that are moved and strewn as the target's are.

    .. math:: L = E_i \, E_{\tilde z \sim N(z_i^s + \lambda (\mu_t - \mu_s), \lambda \Sigma_t)} \lVert \tilde z - c \rVert^2
        = \frac1n \sum_i \lVert z_i^s + \lambda (\mu_t - \mu_s) - c \rVert^2 + \lambda \operatorname{tr} \Sigma_t

    Parameters
    ----------
    z_source : (n, d)
    z_target : (m, d)
    center : (d,)
    strength : lambda >= 0; 0 is the DSVDD loss of the source alone.

    Returns
    -------
    () scalar >= 0. Means and covariance (over m, not m - 1) are those of the batch, and gradients go through them.

    Source
    ------
    The augmentation is Li et al. 2021, the loss is ours: see ``Tsa``.

    >>> z = torch.tensor([[1.0, 0.0], [3.0, 0.0]])
    >>> augmented_compactness(z, z + torch.tensor([0.0, 2.0]), torch.zeros(2), strength=0.5)  # 5 + 1 + 0.5
    tensor(6.5000)
    """
    mean_target = z_target.mean(dim=0)
    moved = z_source + strength * (mean_target - z_source.mean(dim=0))
    return center_distance(moved, center).mean() + strength * center_distance(z_target, mean_target).mean()


@checked(frozen=True, config=STRICT)
class TsaSettings(Settings):
    """Of ``Tsa``."""

    trains = True

    strength: float = Field(0.25, ge=0, le=1e3, description="of the augmentation at the end of training, from 0 at its start")
    normalize_features: bool = Field(True, description="L2-normalise the features")

    @property
    def networks(self) -> frozenset[Role]:
        return frozenset({"backbone"})


class Tsa(TrainedMethod):
    r"""DSVDD on source features that are augmented towards the target, in closed form.

    .. math:: L = \frac1n \sum_i \lVert f(x_i^s) + \lambda (\mu_t - \mu_s) - c \rVert^2 + \lambda \operatorname{tr} \Sigma_t,
        \quad \lambda = \lambda_0 \, t / T, \qquad a(x) = \lVert f(x) - c \rVert^2

    TSA trains a classifier on infinitely many source features, each moved by the difference of its class's means and
    strewn with its class's target covariance, through an upper bound of the expected cross-entropy. With one class a
    cross-entropy is zero whatever the features are, so the expectation is taken of the loss that one class has, DSVDD's;
    it needs no bound. Target pictures have that one class for pseudo-label: all of them are aligned, the anomalies too,
    which is the curse and TSA's own doing. Its mutual information of predictions is zero with one class and drops out.

    Source
    ------
    Li et al., CVPR 2021 (arXiv 2103.12562), strength 0.25 t / T as published; the method as it is called takes 1 and a
    rate of 0.003, chosen on the development pairs. Deviations: the one-class reading above, which is ours, since no source
    defines any; means and covariance are those of the batch, with gradients, where TSA keeps a
    memory of all features and classifier weights learn: with a fixed centre and nothing else to learn, statistics without
    gradients would move the source away and leave the target where it is; features those of ``source_only``.
    """

    Settings = TsaSettings
    looks = {"tsa": Look("TSA (source strewn as the target)", "#2F8F83", "$W$")}  # noqa: RUF012

    def fit(self, source: View, target: View, told: np.ndarray | None = None) -> Self:
        if hasattr(self, "center"):  # fitted before, or restored: begin anew
            self.backbone = self.load_backbone().to(self.device)
        inputs, tail = [self.inputs(view) for view in (source, target)], unfreeze(self.backbone.tail, self.recipe)
        with seeded(self.seed, self.device):
            self.register_buffer("center", self.look(inputs[0], self.features).mean(dim=0).to(self.device))
            self.losses_ = train(self._step, {"tail": tail}, *inputs, self.recipe, seed=self.seed, progress=self.progress)
        return self

    def features(self, x: Tensor) -> Tensor:
        z = self.backbone(x).float()
        return functional.normalize(z, dim=1) if self.settings.normalize_features else z

    def score(self, z: Tensor, own: Tensor | None = None) -> Tensor:
        return center_distance(z, self.center)

    def leaves(self, z: Tensor) -> dict[str, tuple[torch.dtype, tuple[int | None, ...]]]:
        return {"center": (z.dtype, z.shape[1:])}

    def _step(self, batch: Batch) -> Iterator[tuple[str, dict[str, Tensor]]]:
        z = self.features(torch.cat([batch.source, batch.target]))
        z_source, z_target = z[: len(batch.source)], z[len(batch.source) :]
        strength = self.settings.strength * batch.progress
        yield "tail", {"compactness": augmented_compactness(z_source, z_target, self.center, strength)}
