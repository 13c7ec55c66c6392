"""The paper's method with its ladder and its oracles: DSVDD on the source, the selected target aligned with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Literal, Self

import numpy as np
import torch
from pydantic import Field
from pydantic.dataclasses import dataclass as checked
from torch import Tensor, nn
from torch.nn import functional

from twofold.data.domains import View
from twofold.methods.base import STRICT, Role, Settings, TrainedMethod
from twofold.methods.training import Batch, Draw, Inputs, autocast, seeded, train, unfreeze
from twofold.networks.cache import EmbeddingCache
from twofold.parts.alignment import (
    DomainDiscriminator,
    contrastive_loss,
    domain_adversarial_loss,
    mmd_loss,
    reversal_strength,
    reverse_gradient,
)
from twofold.parts.augmentation import Views, baseline_views, enlarged_px, msc_views, plain_views
from twofold.parts.neighbors import knn_distance
from twofold.parts.one_class import angular_msc_loss, center_distance, dsvdd_loss
from twofold.parts.selection import Selection, select
from twofold.plots.style import CLUSTER, DENSE, EVERYTHING, NOT_ADAPTED, Look

__all__ = ["TwoFold"]


@checked(frozen=True, config=STRICT)
class TwoFoldSettings(Settings):
    """Of ``TwoFold``; the defaults are the paper's method."""

    trains = True

    one_class: Literal["dsvdd", "msc"] = Field("dsvdd", description="what keeps the source compact")
    one_class_on: Literal["source", "target_normals"] = Field(
        "source", description="whose normals; target_normals is an oracle"
    )
    alignment: Literal["contrastive", "mmd", "grl", "none"] = Field(
        "contrastive", description="what draws the target to the source"
    )
    selection: Literal["kmeans", "gmm", "meanshift", "knn", "all", "oracle"] = Field(
        "kmeans", description="which target pictures are taken for normal"
    )
    selection_space: Literal["encoder", "backbone"] = Field("encoder", description="whose features are clustered")
    negatives: Literal["non_dominant", "sparse_tail", "in_batch", "both"] = Field(
        "non_dominant", description="what is repelled"
    )
    negative_bank: int = Field(0, ge=0, le=10**6, description="negatives drawn apart in every step; 0: as they come")
    augmentation: Literal["none", "baseline"] = Field(
        "none", description="crop, flip and turn both domains' training pictures; slower, since no stem features are kept"
    )
    normalize_features: bool = Field(True, description="L2-normalise in the one-class loss, the centre and the score")
    center: Literal["fixed", "batch"] = Field("fixed", description="fixed before training, or re-estimated in every batch")
    temperature: float = Field(1.0, gt=0, le=1e3, description="of the contrastive loss")
    lambda_one_class: float = Field(1.0, ge=0, le=1e9, description="weight of the one-class loss")
    lambda_alignment: float = Field(0.4, ge=0, le=1e9, description="weight of the alignment")
    n_clusters: int = Field(2, ge=1, le=10**6, description="K of kmeans and gmm")
    whiten_dims: int = Field(
        8, ge=0, le=10**6, description="whitened principal components that are clustered; 0: unit features"
    )
    reclusterings: int = Field(10, ge=1, le=10**6, description="selections in one run, in the backbone's own space")
    dense_share: float = Field(0.6, gt=0, le=1, description="of the knn selection")
    sparse_share: float = Field(0.1, gt=0, le=1, description="of the sparse_tail negatives")
    density_neighbors: int = Field(7, ge=1, le=10**6, description="of the kNN density")
    msc_temperature: float = Field(0.25, gt=0, le=1e3, description="of msc")
    lambda_angular: float = Field(0.0, ge=0, le=1e9, description="weight of msc's angular term, a view; 0 leaves it out")
    source_neighbors: int = Field(2, ge=1, le=10**6, description="of msc's score")
    radius_quantile: float = Field(1.0, ge=0, le=1, description="share of the source's pictures inside the hypersphere")

    @property
    def networks(self) -> frozenset[Role]:
        return frozenset({"backbone", "encoder"} if self.looks_with_encoder else {"backbone"})

    @property
    def told(self) -> Literal["", "labels"]:
        selects = self.aligns and self.selection == "oracle"
        return "labels" if selects or self.one_class_on == "target_normals" else ""

    @property
    def aligns(self) -> bool:
        """Whether target pictures play a part in training."""
        return self.alignment != "none"

    @property
    def clusters(self) -> bool:
        """Whether a dominant cluster is looked for."""
        return self.aligns and self.selection in ("kmeans", "gmm", "meanshift")

    @property
    def repels(self) -> bool:
        """Whether negatives play a part."""
        return self.alignment == "contrastive"

    @property
    def looks_at_density(self) -> bool:
        """Whether the kNN density plays a part."""
        return self.aligns and (self.selection == "knn" or self.drops_tail)

    @property
    def drops_tail(self) -> bool:
        """Whether the sparsest pictures are taken out: as negatives, and in any case not aligned."""
        return self.aligns and self.negatives == "sparse_tail"

    @property
    def looks_with_encoder(self) -> bool:
        """Whether the encoder's space selects."""
        return (self.clusters or self.looks_at_density) and self.selection_space == "encoder"

    def unread(self) -> frozenset[str]:
        read = {
            "selection_space": self.clusters or self.looks_at_density,
            "negative_bank": self.repels and self.negatives != "in_batch",
            "temperature": self.repels,
            **dict.fromkeys(("selection", "negatives", "lambda_alignment"), self.aligns),
            "n_clusters": self.clusters and self.selection != "meanshift",
            "whiten_dims": self.clusters,
            "reclusterings": self.aligns and self.selection_space == "backbone",
            "dense_share": self.aligns and self.selection == "knn",
            "sparse_share": self.drops_tail,
            "density_neighbors": self.looks_at_density,
            **dict.fromkeys(("augmentation", "center"), self.one_class == "dsvdd"),
            **dict.fromkeys(("msc_temperature", "lambda_angular", "source_neighbors"), self.one_class == "msc"),
        }
        return Settings.unread(self) | {name for name, is_read in read.items() if not is_read}

    def contradictions(self) -> str:
        if self.one_class_on == "target_normals" and self.aligns:
            return "wanted alignment none with one_class_on target_normals, got an alignment; the target is the source there"
        return ""


class TwoFold(TrainedMethod):
    r"""DSVDD on the source, the dominant cluster of the target drawn to it, the rest repelled.

    .. math:: L = \lambda_1 L_{AD} + \lambda_2 L_{UDA}, \qquad a(x) = \lVert f(x) - c \rVert^2, \qquad
        a(x) > R^2 = \max_i \, a(x_i^s) \iff x \text{ is anomalous}

    Source
    ------
    Mejri et al., arXiv 2502.21022, Eq. 5 to 10. Deviations: source and target go through the network together; statistics,
    scale and shift of BatchNorm stay frozen unless ``train_batch_norm``; a batch without negatives falls back to in-batch
    ones, counted in ``notes_``, unless a ``negative_bank`` gives every step its own; the radius, of which the paper says that
    it encapsulates the source, is that of the farthest source picture after training, and a ``radius_quantile`` below 1, ours,
    lets the rest of them lie outside; ``density`` (kNN selection, sparse negatives) is ours.
    """

    Settings = TwoFoldSettings
    selection_: Selection | None = None
    looks = {  # noqa: RUF012
        "source_only": Look("source only", NOT_ADAPTED, "o"),
        "align_all": Look("align everything", EVERYTHING, "X"),
        "dann_all": Look("align everything by an adversary (DANN)", "#882255", "$A$"),
        "mmd_all": Look("align everything by MMD", "#CC6677", "$M$"),
        "msc": Look("MSC (source, two views)", "#332288", "8"),
        "cluster_backbone": Look("align the backbone's dominant cluster", "#8C6D31", "v"),
        "twofold": Look("align the dominant cluster (paper)", CLUSTER, "^"),
        "twofold_mmd": Look("align the dominant cluster by MMD (best of its search)", "#7FBF3F", "$m$"),
        "density": Look("align the dense part (ours)", DENSE, "D"),
        "oracle": Look("oracle", "#000000", "*"),
        "in_domain": Look("trained on the target's normals", "#56B4E9", "P"),
    }

    def fit(self, source: View, target: View, told: np.ndarray | None = None) -> Self:
        if hasattr(self, "center"):  # fitted before, or restored: begin anew
            self.backbone = self.load_backbone().to(self.device)
        settings, tail, told = self.settings, self.backbone.tail, self.answers(told)
        if settings.one_class_on == "target_normals":
            source = target.subset(np.flatnonzero(told == 0))
        cache = None if settings.one_class == "msc" else self.cache  # augmented views have no features to keep
        domains = source, target if settings.aligns else None
        x_source, x_target = looks_at = self._read(domains, cache)
        if settings.augmentation == "baseline":
            looks_at = self._read(domains, None, enlarged_px(self.size_px))
        again = settings.reclusterings if settings.aligns and settings.selection_space == "backbone" else 1
        choose = self._chooser(target, x_target, told) if settings.aligns else None
        self._picture = np.unique(target.contents, return_inverse=True)[1] if settings.aligns else None  # (n,) same: a copy
        with seeded(self.seed, self.device):
            unfreeze(tail, self.recipe)
            center = self._unit(x_source) if settings.one_class == "msc" else self.look(x_source, self.features)
            self.register_buffer("center", center.mean(dim=0).to(self.device))
            self.discriminator = None
            if settings.alignment == "grl":
                self.discriminator = DomainDiscriminator(center.shape[1]).to(self.device)
            parts = nn.ModuleList(part for part in (tail, self.discriminator) if part is not None)
            self.notes_ = {"fallback_steps": 0, "skipped_steps": 0} if settings.aligns else {}
            draws = partial(self._select, choose) if settings.aligns else None
            step = partial(self._step, self._views())
            self.losses_ = train(step, {"tail": parts}, *looks_at, self.recipe, draws, again, self.seed, self.progress)
            if settings.one_class == "msc":
                self.seen_ = source.contents
                self.register_buffer("memory", self._unit(x_source).to(self.device))
        edge = np.quantile(self.anomaly_score(source), settings.radius_quantile, method="inverted_cdf")
        self.register_buffer("edge", torch.tensor(edge, dtype=torch.float32, device=self.device))
        if settings.one_class == "dsvdd":
            self.notes_["radius"] = float(edge) ** 0.5
        return self

    def predict(self, view: View, scores: np.ndarray | None = None) -> np.ndarray:
        """(n,) 0 inside the hypersphere, 1 outside; ``scores`` are those of the view, where they are there."""
        scores = self.anomaly_score(view) if scores is None else scores
        return (~(np.float32(scores) <= self.edge.item())).astype(int)  # a score that is no number lies outside

    def _read(self, views: Sequence[View | None], cache: EmbeddingCache | None, size_px: int | None = None) -> list:
        return [None if view is None else Inputs(view, self.backbone, cache, size_px) for view in views]

    def features(self, x: Tensor) -> Tensor:
        z = self.backbone(x).float()
        return functional.normalize(z, dim=1) if self.settings.normalize_features else z

    def score(self, z: Tensor, own: Tensor | None = None) -> Tensor:
        if self.settings.one_class == "msc":
            return knn_distance(functional.normalize(z, dim=1), self.memory, self.settings.source_neighbors, own)
        return center_distance(z, self.center)

    def leaves(self, z: Tensor) -> dict[str, tuple[torch.dtype, tuple[int | None, ...]]]:
        left = {"center": (z.dtype, z.shape[1:]), "edge": (torch.float32, ())}
        return left | {"memory": (z.dtype, (len(self.seen_), z.shape[1]))} if self.settings.one_class == "msc" else left

    def restore(self, state: dict[str, Tensor], seen: Sequence[str] = ()) -> Self:
        if self.settings.alignment == "grl":
            with seeded(self.seed, self.device):
                self.discriminator = DomainDiscriminator(self.glance().shape[1]).to(self.device)
        return super().restore(state, seen)

    # one training step ----------------------------------------------------------------------------------------------

    def _views(self) -> tuple[Views, Views]:
        """What training looks at in place of source and target pictures."""
        if self.settings.one_class == "msc":
            return msc_views(self.size_px), plain_views
        return (baseline_views(self.size_px) if self.settings.augmentation == "baseline" else plain_views,) * 2

    def _step(self, views: tuple[Views, Views], batch: Batch) -> Iterator[tuple[str, dict[str, Tensor]]]:
        x = [look(x) for look, x in zip(views, (batch.source, batch.target), strict=True) if x is not None]
        with autocast(self.device):
            z = self.backbone(torch.cat(x).to(memory_format=torch.channels_last))
        z = functional.normalize(z.float(), dim=1) if self.settings.normalize_features else z.float()
        z_source, z_target = z[: len(x[0])], z[len(x[0]) :]
        terms = {"one_class": self.settings.lambda_one_class * self._one_class(z_source)}
        if self.settings.aligns:
            terms["alignment"] = self.settings.lambda_alignment * self._align(z_source, z_target, batch)
        yield "tail", terms

    def _one_class(self, z_source: Tensor) -> Tensor:
        if self.settings.one_class == "msc":
            weights = self.settings.msc_temperature, self.settings.lambda_angular
            return angular_msc_loss(z_source[0::2], z_source[1::2], self.center, *weights)
        return dsvdd_loss(z_source, z_source.detach().mean(dim=0) if self.settings.center == "batch" else self.center)

    def _align(self, z_source: Tensor, z_target: Tensor, batch: Batch) -> Tensor:
        settings, rows = self.settings, batch.target_rows
        positive, negative = self.selection_.positive[rows], self.selection_.negative[rows]
        z_positive = z_target[torch.as_tensor(positive)]
        if len(z_positive) < (2 if settings.alignment == "mmd" else 1):
            self.notes_["skipped_steps"] += 1
            return z_source.new_zeros(())
        if settings.alignment == "mmd":
            return mmd_loss(z_source, z_positive)
        if settings.alignment == "grl":
            strength = reversal_strength(batch.progress)
            logits = self.discriminator(reverse_gradient(torch.cat([z_source, z_positive]), strength))
            return domain_adversarial_loss(logits[: len(z_source)], logits[len(z_source) :])
        in_batch = settings.negatives in ("in_batch", "both")
        z_negative = z_target[torch.as_tensor(negative)]
        if not in_batch and not len(z_negative):
            self.notes_["fallback_steps"] += 1
            in_batch = True
        pictures = torch.as_tensor(self._picture[rows[positive]], device=z_source.device)
        return contrastive_loss(z_source, z_positive, z_negative, settings.temperature, in_batch, pictures)

    # which target pictures ------------------------------------------------------------------------------------------

    def _chooser(self, target: View, inputs: Inputs, told: np.ndarray | None) -> Callable[[], Selection]:
        settings = self.settings
        choose = partial(
            select,
            selection=settings.selection,
            negatives=settings.negatives,
            n_clusters=settings.n_clusters,
            whiten_dims=settings.whiten_dims,
            dense_share=settings.dense_share,
            sparse_share=settings.sparse_share,
            neighbors=settings.density_neighbors,
            seed=self.seed,
            oracle_labels=told if settings.selection == "oracle" else None,
        )
        if settings.selection_space == "backbone" and (settings.clusters or settings.looks_at_density):
            # a diverged network has no space left to select in: the run goes on to its verdict
            return lambda: choose(np.nan_to_num(self._unit(inputs).numpy()))
        if not settings.looks_with_encoder:  # all and oracle look at no feature
            return partial(choose, np.zeros((len(target), 1), np.float32))
        encoder = self.extractor("encoder")
        encoder.network.to(self.device)
        return partial(choose, self.cache.embed(encoder, target).numpy())

    def _select(self, choose: Callable[[], Selection]) -> list[Draw]:
        self.selection_ = choose()
        self.selected_ = self.selection_.positive
        if not self.settings.negative_bank:
            return [Draw(self.selection_.rows, self.recipe.batch_size)]
        positive, negative = map(np.flatnonzero, (self.selection_.positive, self.selection_.negative))
        return [Draw(positive, self.recipe.batch_size), Draw(negative, self.settings.negative_bank)]

    def _unit(self, inputs: Inputs) -> Tensor:
        """(n, d) unit features of the backbone as it is now."""
        return functional.normalize(self.look(inputs, lambda x: self.backbone(x).float()), dim=1)
