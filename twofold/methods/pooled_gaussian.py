"""Trimmed Gaussians of the target in frozen layers, steadied by the source's spread, against generic pictures; no training."""

from __future__ import annotations

from typing import Literal, Self

import numpy as np
import torch
from pydantic import Field
from pydantic.dataclasses import dataclass as checked
from torch import Tensor

from twofold.data.domains import View
from twofold.data.held import HeldView
from twofold.methods.background import BackgroundMethod, BackgroundSettings
from twofold.methods.base import STRICT, Role
from twofold.networks.backbones import Extractor
from twofold.parts.fusion import fused, spread
from twofold.parts.gaussians import FEW, Products, fit_pooled, products
from twofold.plots.style import Look

__all__ = ["PooledGaussian"]


@checked(frozen=True, config=STRICT)
class PooledSettings(BackgroundSettings):
    """Of ``PooledGaussian``."""

    selection: Literal["trimmed", "all", "oracle"] = Field("trimmed", description="which target pictures are taken for normal")
    features: Literal["both", "encoder", "backbone"] = Field("both", description="whose layers are looked at")
    hidden_layer: bool = Field(True, description="look at a hidden layer beside the last")
    kept_share: float = Field(0.85, gt=0, le=1, description="of the target that is taken for normal (trimmed)")
    source_weight: float | None = Field(
        None, ge=0, le=1e6, description="of a source picture in the covariance; 0 leaves it out, none finds it by likelihood"
    )
    background: str = Field("auto", description=BackgroundSettings.__pydantic_fields__["background"].description)

    @property
    def networks(self) -> frozenset[Role]:
        return frozenset({"encoder", "backbone"} if self.features == "both" else {self.features})

    @property
    def told(self) -> Literal["", "labels"]:
        return "labels" if self.selection == "oracle" else ""

    def unread(self) -> frozenset[str]:
        unread = BackgroundSettings.unread(self) - {"encoder_size_px"} | {"backbone_size_px"}  # layers at the encoder's size
        return unread if self.selection == "trimmed" else unread | {"kept_share"}


class PooledGaussian(BackgroundMethod):
    r"""Mean over layers of the standardised log ratio of two distances: to the target's trimmed mean, to generic pictures.

    .. math:: a(x) = \frac{1}{L} \sum_l \frac{e_l(x) - \operatorname{med} e_l}{\operatorname{iqr} e_l}, \qquad
        e_l(x) = \log (1 + d_l(x)) - \lambda g_l(x), \qquad d_l(x) = (\phi_l(x) - \mu_l)^\top \Sigma_l^{-1} (\phi_l(x) - \mu_l)

    The mean is the kept target's, the covariance pools the kept target and the source, each about its own mean. A picture
    of the unlabelled target has its held-out score: it is no judge of itself.

    Source
    ------
    Ours; see ``parts.gaussians.fit_pooled`` and ``parts.oddness``. ``target_gaussian`` is the same with the source left out.
    """

    Settings = PooledSettings
    looks = {  # noqa: RUF012
        "pooled_gaussian": Look("pooled Gaussians (ours, no training)", "#7A1FA2", "h"),
        "target_gaussian": Look("target Gaussian (no source, no training)", "#B48CD2", "H"),
    }

    def load_extractors(self) -> list[Extractor]:
        roles: tuple[Role, ...] = ("encoder", "backbone")
        pairs = [self.layers(role, self.settings.hidden_layer) for role in roles if role in self.settings.networks]
        self._widths = [width for _, widths in pairs for width in widths]
        return [extractor for extractor, _ in pairs]

    def spaces(self, z: Tensor) -> list[Tensor]:
        """(n, d_l) features of each layer, as they come.

        They are judged in double precision: where a camera never moves the Gaussians are so narrow that single precision
        tells a copy from its original.
        """
        return list(z.split(self._widths, dim=1))

    def fit(self, source: View, target: View, told: np.ndarray | None = None) -> Self:
        told = self.answers(told)
        kept = {"all": np.ones(len(target), bool), "oracle": None if told is None else told == 0}.get(self.settings.selection)
        source, target = self.hold(source), self.hold(target)
        z = [self.embed(view) for view in (source, target)]
        spaces = [[space.numpy() for space in self.spaces(of_view)] for of_view in z]
        sure = np.isin(target.contents, list(self.vouched))
        fitted = fit_pooled(
            *spaces, self.settings.kept_share, self.settings.source_weight, kept, sure, self._products(source, target)
        )
        weights = {f"source_weight_{i}": weight for i, weight in enumerate(fitted.source_weights)}
        self.notes_ = {"contrast": fitted.contrast, **weights}
        levels = self.learn_background(target, fitted.levels, fitted.kept)
        scales = [spread(level[fitted.kept]) for level in levels]
        for i, gaussian in enumerate(fitted.gaussians):
            for name, value in (("mean", gaussian.mean), ("map", gaussian.map), ("sphere", np.float64(gaussian.sphere))):
                value = np.array(value, order="C")  # laid out as it is restored: the order of a sum is part of its last bit
                self.register_buffer(f"{name}_{i}", torch.tensor(value, device=self.device))
        self.register_buffer("scales", torch.tensor(scales, dtype=torch.float64, device=self.device))
        self.seen_ = target.contents
        _, copy_of = np.unique(self.seen_, return_inverse=True)  # copies of a picture share the mean of their scores
        held_out = (np.bincount(copy_of, fused(levels, scales)) / np.bincount(copy_of))[copy_of]
        self.register_buffer("held_out", torch.tensor(held_out, device=self.device))
        self.selected_ = fitted.kept
        return self

    def _products(self, source: HeldView, target: HeldView) -> Products | None:
        """What the two have in common, made once for all parts of the target."""
        if len(source.whole) + len(target.whole) > FEW:
            return None

        def across(whole: HeldView) -> Tensor:
            return torch.from_numpy(products(self._rows(whole), self._rows(source)).transpose(1, 0, 2))

        with_source = target.of_each(self.named("across", source), across).numpy().transpose(1, 0, 2)
        return Products(self.pair_products(target), with_source, self.pair_products(source))

    def score(self, z: Tensor, own: Tensor | None = None) -> Tensor:
        levels = []
        for i, space in enumerate(self.units(z)):
            centred = space - getattr(self, f"mean_{i}")
            solved = ((centred @ getattr(self, f"map_{i}").T) ** 2).sum(dim=1)
            sphere = getattr(self, f"sphere_{i}")  # 0 where the map has all directions
            distance = torch.where(sphere > 0, (sphere * (centred**2).sum(dim=1) - solved).clamp_min(0), solved)
            level = self.less_background(distance.log1p(), space, i)
            levels.append((level - self.scales[i, 0]) / self.scales[i, 1])
        scores = torch.stack(levels).mean(dim=0)
        return scores if own is None else torch.where(own >= 0, self.held_out[own.clamp_min(0)], scores)

    def leaves(self, z: Tensor) -> dict[str, tuple[torch.dtype, tuple[int | None, ...]]]:
        left = {"scales": (torch.float64, (len(self._widths), 2)), "held_out": (torch.float64, (len(self.seen_),))}
        for i, width in enumerate(self._widths):
            shapes = {"mean": (width,), "map": (None, width), "sphere": ()}
            left |= {f"{name}_{i}": (torch.float64, shape) for name, shape in shapes.items()}
        return left | self.pile_leaves(self._widths)
