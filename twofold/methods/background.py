"""A pile of generic pictures for detectors that look at frozen layers: how odd a picture is in general is subtracted."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import Self

import numpy as np
import torch
from pydantic import Field
from pydantic.dataclasses import dataclass as checked
from torch import Tensor
from torch.nn import functional

from twofold.data.background import BACKGROUNDS, load_background
from twofold.data.domains import View
from twofold.data.held import HeldView
from twofold.methods.base import STRICT, FrozenMethod, Settings
from twofold.networks.piles import piles
from twofold.parts.gaussians import FEW, products
from twofold.parts.neighbors import squares_of
from twofold.parts.oddness import FARTHEST, general_oddness, nearest, own_oddness

__all__ = ["BackgroundMethod", "BackgroundSettings"]

NAMED = ("none", "auto", *BACKGROUNDS)


@checked(frozen=True, config=STRICT)
class BackgroundSettings(Settings):
    """Of a method that can subtract general oddness."""

    background: str = Field("none", description=f"generic pictures to compare with: {', '.join(NAMED)}, or a folder of them")
    background_weight: float = Field(1.0, ge=0, le=100, description="of the logarithm of the squared distance to them")

    def unread(self) -> frozenset[str]:
        return Settings.unread(self) | ({"background_weight"} if self.background == "none" else set())

    def content(self) -> str | None:
        if self.background in NAMED:
            return None
        return hashlib.sha256("".join(sorted(load_background(self.background).contents)).encode()).hexdigest()


class BackgroundMethod(FrozenMethod):
    r"""Levels of several layers, less what generic pictures explain, each on its own scale, then their mean.

    .. math:: a(x) = \frac{1}{L} \sum_l \frac{e_l(x) - \operatorname{med} e_l}{\operatorname{iqr} e_l}, \qquad
        e_l(x) = \log d_l(x) - \lambda g_l(x)

    d is the squared distance to what is normal, g the ``general_oddness``: the logarithm of the squared mean distance to the
    nearest generic pictures. With ``auto`` the pile is the nearest to the pictures taken for normal, and none where all
    are far.
    """

    def spaces(self, z: Tensor) -> list[Tensor]:
        """(n, d_l) features of each layer."""
        raise NotImplementedError

    def units(self, z: Tensor) -> list[Tensor]:
        """(n, d_l) float64 unit features of each layer."""
        return list(self.each_unit(z))

    def each_unit(self, z: Tensor) -> Iterator[Tensor]:
        """``units``, one after another: of many pictures one is much."""
        for space in self.spaces(z):
            yield functional.normalize(space.double(), dim=1)

    def pair_products(self, view: HeldView) -> np.ndarray | None:
        """(layers, n, n) products of the view's unit features less a mean; None where it is a part of too many pictures."""
        if len(view.whole) > FEW:
            return None
        return view.of_pairs(self.named("products"), lambda whole: torch.from_numpy(products(self._rows(whole)))).numpy()

    def _rows(self, view: View) -> list[np.ndarray]:
        return [unit.numpy() for unit in self.each_unit(self.embed(view))]

    def learn_background(self, view: View, levels: list[np.ndarray], normal: np.ndarray) -> list[np.ndarray]:
        """Choose the pile and keep it; what is handed back are the levels without what it explains.

        Parameters
        ----------
        view : the n pictures in memory.
        levels : of each layer (n,) logarithms of their held-out squared distances.
        normal : (n,) bool, which of them are taken for normal.
        """
        view, found = self.hold(view), piles(self.settings.background, self.extractors, self.cache)
        seen = {name: [pile.float() for pile in self.units(z)] for name, z in found.items()}

        def oddness(view: View) -> Tensor:
            units = enumerate(self.each_unit(self.embed(view)))
            layers = [torch.stack([general_oddness(unit, pile[i]) for pile in seen.values()]) for i, unit in units]
            return torch.stack(layers).permute(2, 1, 0)  # (n, piles, layers)

        general, own = {}, []
        if seen:
            general = dict(zip(seen, view.of_each(self.named("oddness"), oddness).permute(1, 2, 0).numpy(), strict=True))
            pairs = self.pair_products(view)
            squares = None if pairs is None else squares_of(pairs)
            own = [
                own_oddness(unit[torch.from_numpy(normal)], None if squares is None else squares[i][normal][:, normal]).numpy()
                for i, unit in enumerate(self.each_unit(self.embed(view)))
            ]
        chosen, far = nearest(
            {name: [layer[normal] for layer in layers] for name, layers in general.items()},
            own,
            FARTHEST if self.settings.background == "auto" else np.inf,  # a pile that was named is taken
        )
        self.notes_ |= {f"background_{name if name in NAMED else 'own'}": value for name, value in far.items()}
        none = [torch.empty((0, space.shape[1])) for space in self.spaces(self.embed(view)[:0])]
        for i, pile in enumerate(none if chosen is None else seen[chosen]):
            self.register_buffer(f"pile_{i}", pile.to(self.device))
        if chosen is None:
            return levels
        weight = self.settings.background_weight
        return [level - weight * layer for level, layer in zip(levels, general[chosen], strict=True)]

    def less_background(self, level: Tensor, unit: Tensor, i: int) -> Tensor:
        """The level (n,) of pictures in layer i without what the pile explains."""
        pile = getattr(self, f"pile_{i}")
        return level - self.settings.background_weight * general_oddness(unit, pile) if len(pile) else level

    def restore(self, state: dict[str, Tensor], seen: Sequence[str] = ()) -> Self:
        lengths = {len(value) for name, value in state.items() if name.startswith("pile_")}
        if len(lengths) > 1:
            raise ValueError(
                f"state must hold one pile, got layers of {sorted(lengths)} pictures; take that of an equal method"
            )
        return super().restore(state, seen)

    def pile_leaves(self, widths: list[int]) -> dict[str, tuple[torch.dtype, tuple[int | None, ...]]]:
        """What ``learn_background`` leaves, for ``leaves``."""
        return {f"pile_{i}": (torch.float32, (None, width)) for i, width in enumerate(widths)}
