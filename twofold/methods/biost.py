"""BiOST: pictures are translated between the domains and back; what does not survive the way is anomalous."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any, Literal, Self

import numpy as np
import torch
from pydantic import Field
from pydantic.dataclasses import dataclass as checked
from torch import Tensor, nn

from twofold.data.domains import View
from twofold.methods.base import STRICT, Role, Settings, TrainedMethod
from twofold.methods.training import Batch, seeded, train, unfreeze
from twofold.plots.style import Look

__all__ = ["Biost", "code_size", "feature_cycle", "picture_loss"]

STILL = 1e-3  # added to a spread: what never moves is not blown up


def picture_loss(x: Tensor, made: Tensor) -> Tensor:
    r"""Absolute difference of pictures and what was made of them.

    .. math:: L = \tfrac{1}{n} \sum_i \lVert x_i - \tilde x_i \rVert_1

    Parameters
    ----------
    x, made : (n, d)

    Returns
    -------
    () scalar >= 0.

    Source
    ------
    Cohen & Wolf 2019, reconstruction and cycles. Deviations: see ``Biost`` on sums and means.

    >>> picture_loss(torch.tensor([[1.0, -3.0]]), torch.zeros(1, 2))
    tensor(4.)
    """
    return (x - made).abs().sum(dim=1).mean()


def code_size(code: Tensor) -> Tensor:
    r"""Squared length of the codes: twice the divergence of Gaussians of unit variance from the standard one.

    .. math:: L = \tfrac{1}{n} \sum_i \lVert \mu_i \rVert^2

    Parameters
    ----------
    code : (n, k)

    Returns
    -------
    () scalar >= 0.

    Source
    ------
    Cohen & Wolf 2019, as in their public code. Deviations: see ``Biost`` on sums and means.

    >>> code_size(torch.tensor([[1.0, 3.0]]))
    tensor(10.)
    """
    return (code**2).sum(dim=1).mean()


def feature_cycle(code: Tensor, again: Tensor) -> Tensor:
    r"""A source code, made into a target picture and encoded again, is to be itself; it is no one's to move.

    .. math:: L = \tfrac{1}{n} \sum_i \lVert E_A(G_A(E_B(b_i))) - \operatorname{sg} E_B(b_i) \rVert^2

    Parameters
    ----------
    code, again : (n, k)
        Gradients go through ``again`` alone.

    Returns
    -------
    () scalar >= 0.

    Source
    ------
    Cohen & Wolf 2019, the feature cycle. Deviations: see ``Biost`` on sums and means.

    >>> feature_cycle(torch.tensor([[1.0, 3.0]]), torch.zeros(1, 2))
    tensor(10.)
    """
    return ((again - code.detach()) ** 2).sum(dim=1).mean()


@checked(frozen=True, config=STRICT)
class BiostSettings(Settings):
    """Of ``Biost``."""

    trains = True

    latent: int = Field(32, ge=1, le=10**4, description="numbers in a code")
    hidden: int = Field(256, ge=1, le=10**5, description="units of the generators")
    size_weight: float = Field(0.01, ge=0, le=1e9, description="weight of the size of the codes")

    @property
    def networks(self) -> frozenset[Role]:
        return frozenset({"backbone"})


class _Half(nn.Module):
    """Encoder and generator of one domain: maps (n, c, h, w) -> code (n, k) -> standardised picture (n, c h w)."""

    def __init__(self, tail: nn.Module, width: int, size: int, latent: int, hidden: int) -> None:
        super().__init__()
        self.tail, self.head = tail, nn.Linear(width, latent)
        self.generator = nn.Sequential(nn.Linear(latent, hidden), nn.LeakyReLU(0.2), nn.Linear(hidden, size))

    def encode(self, maps: Tensor) -> Tensor:
        return self.head(self.tail(maps).float())

    def make(self, code: Tensor) -> Tensor:
        return self.generator(code)


class Biost(TrainedMethod):
    r"""Two auto-encoders with one space of codes: B of the source, learned first, and A of the target, that begins as B.

    .. math:: L_B = \lvert b - G_B(E_B(b)) \rvert + \lvert b - G_B(E_A(G_A(E_B(b)))) \rvert + \gamma \lvert E_B(b) \rvert^2

    .. math:: L_A = \lvert a - G_A(E_A(a)) \rvert + \lvert a - G_A(E_B(G_B(E_A(a)))) \rvert + \gamma \lvert E_A(a) \rvert^2
        + \lVert E_A(G_A(E_B(b))) - \operatorname{sg} E_B(b) \rVert^2

    L_A moves A alone and L_B moves B alone: the selective back-propagation. In training a generator gets its code with unit
    noise where it makes a picture of its own domain again.

    **As a detector**, which no source says how: a picture of the target goes to the source and back, and its score is the
    mean absolute difference. B has seen normal pictures alone, so that the way there has no place for what is none; that
    the target's own generator may have learned to make its anomalies does not help them.

    .. math:: a(x) = \tfrac1d \lVert x - G_A(E_B(G_B(E_A(x)))) \rVert_1

    Source
    ------
    Cohen & Wolf, ICCV 2019 (arXiv 1908.11315). Published and kept: both phases, all terms, each with weight 1 but the size
    of the codes, whose weight is ours; its rich domain B is our source, its one picture A our unlabelled target. Deviations:
    the whole target, not one picture of it; a picture is what the frozen stem makes of it, standardised by the source,
    encoders are tails with a linear head, generators have one hidden layer (theirs are convolutional on pixels); each phase
    lasts ``steps``, by SGD and its recipe, theirs 60 and 20 epochs of Adam; losses are sums over a picture's numbers, theirs
    means, which Adam alone can lessen at any scale; the detector.
    """

    Settings = BiostSettings
    looks = {"biost": Look("BiOST (to the source and back)", "#7D5BA6", "$B$")}  # noqa: RUF012

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._begin()

    def _begin(self) -> None:
        """Networks that have learned nothing; B's tail is the backbone's."""
        black = torch.zeros(1, 3, self.size_px, self.size_px, dtype=torch.uint8, device=self.device)
        with seeded(self.seed, self.device), torch.no_grad():
            maps = self._maps(black)
            width, size = self.backbone.tail(maps).shape[1], maps[0].numel()
            sizes = (width, size, self.settings.latent, self.settings.hidden)
            self.b = _Half(copy.deepcopy(self.backbone.tail), *sizes)
            self.a = copy.deepcopy(self.b)
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("std", torch.ones(size))
        self.shape_ = maps.shape[1:]
        self.to(self.device)

    def fit(self, source: View, target: View, told: np.ndarray | None = None) -> Self:
        self._begin()
        inputs = [self.inputs(view) for view in (source, target)]
        with seeded(self.seed, self.device):
            flat = self.look(inputs[0], lambda x: self._maps(x).flatten(1))
            self.mean, self.std = flat.mean(dim=0).to(self.device), (flat.std(dim=0, correction=0) + STILL).to(self.device)
            for half in (self.a, self.b):
                unfreeze(half, self.recipe)
            first = train(self._alone, {"b": self.b}, inputs[0], None, self.recipe, seed=self.seed, progress=self.progress)
            self.a.load_state_dict(self.b.state_dict())
            parts = {"a": self.a, "b": self.b}
            second = train(self._step, parts, *inputs, self.recipe, seed=self.seed, progress=self.progress)
        self.losses_ = {f"alone_{name}": values for name, values in first.items()} | second
        return self

    def features(self, x: Tensor) -> Tensor:
        """(n, c h w) what is left of a picture when what came back from the source is taken away."""
        maps = self._maps(x)
        there = self.b.make(self.a.encode(maps))
        return self._standard(maps) - self.a.make(self.b.encode(self._as_maps(there)))

    def score(self, z: Tensor, own: Tensor | None = None) -> Tensor:
        return z.abs().mean(dim=1)

    def _maps(self, x: Tensor) -> Tensor:
        """(n, c, h, w) float, what the frozen stem makes of pictures."""
        if x.dtype == torch.uint8:
            x = self.backbone.stem_network(self.backbone.stem.prepare(x, self.device))
        return x.float()

    def _standard(self, maps: Tensor) -> Tensor:
        """(n, c h w) pictures in units of the source's spread."""
        return (maps.flatten(1) - self.mean) / self.std

    def _as_maps(self, made: Tensor) -> Tensor:
        """(n, c, h, w) the way back."""
        return (made * self.std + self.mean).unflatten(1, self.shape_)

    def _again(self, half: _Half, maps: Tensor, name: Literal["a", "b"]) -> tuple[Tensor, dict[str, Tensor]]:
        """A domain's codes, and the terms of its own auto-encoder."""
        code = half.encode(maps)
        made = half.make(code + torch.randn_like(code))
        terms = {f"reconstruction_{name}": picture_loss(self._standard(maps), made)}
        return code, terms | {f"size_{name}": self.settings.size_weight * code_size(code)}

    def _alone(self, batch: Batch) -> Iterator[tuple[str, dict[str, Tensor]]]:
        yield "b", self._again(self.b, self._maps(batch.source), "b")[1]

    def _step(self, batch: Batch) -> Iterator[tuple[str, dict[str, Tensor]]]:
        maps_a, maps_b = self._maps(batch.target), self._maps(batch.source)
        code, terms = self._again(self.a, maps_a, "a")
        back = self.a.make(self.b.encode(self._as_maps(self.b.make(code))))
        source_code = self.b.encode(maps_b)
        again = self.a.encode(self._as_maps(self.a.make(source_code.detach())))
        terms["cycle_a"] = picture_loss(self._standard(maps_a), back)
        yield "a", terms | {"feature_cycle": feature_cycle(source_code, again)}
        code, terms = self._again(self.b, maps_b, "b")
        back = self.b.make(self.a.encode(self._as_maps(self.a.make(code))))
        yield "b", terms | {"cycle_b": picture_loss(self._standard(maps_b), back)}
