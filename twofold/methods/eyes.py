"""What a method that trains nothing looks at: a network, one layer, or the very layers that the pooled Gaussian sees."""

from __future__ import annotations

from typing import Literal

from pydantic import Field
from pydantic.dataclasses import dataclass as checked
from torch import Tensor

from twofold.methods.base import STRICT, FrozenMethod, Role, Settings
from twofold.networks.backbones import Extractor

__all__ = ["Eyes", "EyesMethod", "EyesSettings"]

# a network as its own preset sees it, one layer at the encoder's size, or all four layers
Eyes = Literal["encoder", "backbone", "layers", "encoder_hidden", "encoder_last", "backbone_hidden", "backbone_last"]
EYES = (
    "encoder, backbone (each at its own size); one layer, or all layers that pooled_gaussian looks at, fused as it fuses them"
)


@checked(frozen=True, config=STRICT)
class EyesSettings(Settings):
    """Of a method with a choice of layers."""

    features: Eyes = Field("layers", description=EYES)

    @property
    def networks(self) -> frozenset[Role]:
        return frozenset({"encoder", "backbone"}) if self.features == "layers" else frozenset({self.features.split("_")[0]})

    def unread(self) -> frozenset[str]:
        unread = Settings.unread(self)
        if self.features not in ("encoder", "backbone"):  # layers are looked at at the encoder's size
            unread = unread - {"encoder_size_px"} | {"backbone_size_px"}
        return unread


class EyesMethod(FrozenMethod):
    """A method that looks at one network, one layer, or every layer that the pooled Gaussian sees: the same eyes."""

    def load_extractors(self) -> list[Extractor]:
        where = self.settings.features
        if where in ("encoder", "backbone"):
            return [self.extractor(where)]
        roles: list[Role] = ["encoder", "backbone"] if where == "layers" else [where.split("_")[0]]
        pairs = [self.layers(role) for role in roles]
        self._widths = [width for _, widths in pairs for width in widths]
        return [extractor for extractor, _ in pairs]

    def spaces(self, z: Tensor) -> list[Tensor]:
        """(n, d_l) of each layer looked at, float64 where there are layers."""
        where = self.settings.features
        if where in ("encoder", "backbone"):
            return [z]
        layers = list(z.double().split(self._widths, dim=1))
        return layers if where == "layers" else [layers[0] if where.endswith("hidden") else layers[-1]]
