"""The paper's few-shot variant: labelled target normals drawn to the source, patched views of them repelled."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Self

import numpy as np
import torch
from pydantic import Field
from pydantic.dataclasses import dataclass as checked
from torch import Tensor
from torch.nn import functional

from twofold.data.domains import View
from twofold.methods.base import STRICT, Role, ShotSettings, TrainedMethod
from twofold.methods.training import Batch, Inputs, autocast, seeded, train, unfreeze
from twofold.parts.alignment import contrastive_loss
from twofold.parts.augmentation import contrasted_view, patched
from twofold.parts.one_class import center_distance, dsvdd_loss
from twofold.plots.style import Look

__all__ = ["FewShot"]


@checked(frozen=True, config=STRICT)
class FewShotSettings(ShotSettings):
    """Of ``FewShot``."""

    trains = True

    normalize_features: bool = Field(True, description="L2-normalise in the one-class loss, the centre and the score")
    temperature: float = Field(0.2, gt=0, le=1e3, description="of the contrastive loss")
    lambda_one_class: float = Field(1.0, ge=0, le=1e9, description="weight of the one-class loss")
    lambda_alignment: float = Field(0.4, ge=0, le=1e9, description="weight of the alignment")
    least_area: float = Field(0.7, gt=0, le=1, description="smallest share of a shot that a view shows")
    smallest_patch: float = Field(16 / 224, gt=0, le=1, description="side of the smallest patches, of the picture's")
    largest_patch: float = Field(72 / 224, gt=0, le=1, description="side of the largest patches, of the picture's")

    @property
    def networks(self) -> frozenset[Role]:
        return frozenset({"backbone"})

    def contradictions(self) -> str:
        if self.smallest_patch > self.largest_patch:
            return f"wanted smallest_patch up to largest_patch {self.largest_patch:g}, got {self.smallest_patch:g}; lower it"
        return ""


class FewShot(TrainedMethod):
    r"""DSVDD on the source; views of the shots drawn to it, and what is left of those views in patches repelled.

    .. math:: L = \lambda_1 \frac{1}{N_s} \sum_i \lVert f(x_i^s) - c \rVert^2
        - \lambda_2 \frac{1}{|P|} \sum_{(i,j) \in P} \log \frac{\exp(s(z_i^s, z_j^+) / \tau)}
        {\exp(s(z_i^s, z_j^+) / \tau) + \sum_k \exp(s(z_i^s, z_k^-) / \tau)}, \qquad a(x) = \lVert f(x) - c \rVert^2

    A batch of b shots, drawn in turn, becomes b views :math:`x^+`, each a fresh crop with other colours, and b pseudo-anomalies
    :math:`x^-`, each the patches of one such view; z (b, d) are the backbone's features of them.

    Source
    ------
    Mejri et al., arXiv 2502.21022, section 6 ("Ours, few-shot"), on its Eq. 5, 8 and 9: 10 shots, 100 on VisDA; views and
    patches as in Ge et al. 2021, patches of the sizes of its public code, weights of the losses as in ``twofold``. The
    supplement that describes the variant was not at hand. Deviations: patches alone, no synthesised textures; one
    pseudo-anomaly a view, of weight 1 in the denominator (Ge et al. weigh theirs by 2); a view shows at least 0.7 of a picture
    (theirs 0.2) and the temperature is 0.2, chosen on digits type->optdigits; the source is not augmented; statistics, scale
    and shift of BatchNorm stay frozen unless ``train_batch_norm``.
    """

    Settings = FewShotSettings
    looks = {"few_shot": Look("few-shot variant (paper)", "#44AA99", "d")}  # noqa: RUF012

    def fit(self, source: View, target: View, told: np.ndarray | None = None) -> Self:
        shots = self.shots(target, told)
        if hasattr(self, "center"):  # fitted before, or restored: begin anew
            self.backbone = self.load_backbone().to(self.device)
        x_source, x_shots = self.inputs(source), Inputs(shots, self.backbone, None)  # views have no features to keep
        tail = unfreeze(self.backbone.tail, self.recipe)
        with seeded(self.seed, self.device):
            self.register_buffer("center", self.look(x_source, self.features).mean(dim=0).to(self.device))
            step = partial(self._step, contrasted_view(self.size_px, self.settings.least_area))
            self.losses_ = train(step, {"tail": tail}, x_source, x_shots, self.recipe, seed=self.seed, progress=self.progress)
        return self

    def features(self, x: Tensor) -> Tensor:
        z = self.backbone(x).float()
        return functional.normalize(z, dim=1) if self.settings.normalize_features else z

    def score(self, z: Tensor, own: Tensor | None = None) -> Tensor:
        return center_distance(z, self.center)

    def leaves(self, z: Tensor) -> dict[str, tuple[torch.dtype, tuple[int | None, ...]]]:
        return {"center": (z.dtype, z.shape[1:])}

    def _step(self, view: torch.nn.Module, batch: Batch) -> Iterator[tuple[str, dict[str, Tensor]]]:
        settings = self.settings
        positive = torch.stack([view(x) for x in batch.target])
        negative = torch.stack([patched(x, settings.smallest_patch, settings.largest_patch) for x in positive])
        with autocast(self.device):
            z = self.features(torch.cat([self.backbone.stemmed(x) for x in (batch.source, positive, negative)]))
        z_source, z_positive, z_negative = z.split([len(batch.source), len(positive), len(negative)])
        alignment = contrastive_loss(z_source, z_positive, z_negative, settings.temperature, in_batch=False)
        terms = {"one_class": settings.lambda_one_class * dsvdd_loss(z_source, self.center)}
        yield "tail", terms | {"alignment": settings.lambda_alignment * alignment}
