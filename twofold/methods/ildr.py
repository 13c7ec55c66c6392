"""ILDR: what is normal in a domain is inferred from its pictures as one latent vector, and reconstructing follows it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Self

import numpy as np
import torch
from pydantic import Field
from pydantic.dataclasses import dataclass as checked
from torch import Tensor, nn

from twofold.data.domains import View
from twofold.methods.base import STRICT, Role, Settings, TrainedMethod
from twofold.methods.training import Batch, seeded, train, unfreeze
from twofold.plots.style import Look

__all__ = ["Ildr", "divergence", "reconstruction_score"]

STILL = 1e-3  # added to a spread: what never moves is not blown up


def reconstruction_score(x: Tensor, generated: Tensor) -> Tensor:
    r"""How badly a picture is reconstructed: mean square over its numbers.

    .. math:: s(x | z) = \tfrac1d \lVert x - G(F(x), z) \rVert^2

    Parameters
    ----------
    x, generated : (n, d)

    Returns
    -------
    (n,) >= 0, higher is more anomalous.

    Source
    ------
    Kumagai et al. 2019, the anomaly score. Deviations: divided by d, so that the weight of the divergence fits any width.

    >>> reconstruction_score(torch.tensor([[3.0, 4.0]]), torch.zeros(1, 2))
    tensor([12.5000])
    """
    return ((x - generated) ** 2).mean(dim=1)


def divergence(mean: Tensor, log_variance: Tensor) -> Tensor:
    r"""Kullback-Leibler divergence of a diagonal Gaussian from the standard one.

    .. math:: KL = \tfrac12 \sum_k (\mu_k^2 + \sigma_k^2 - \log \sigma_k^2 - 1)

    Parameters
    ----------
    mean, log_variance : (k,)

    Returns
    -------
    () scalar >= 0, zero for the standard Gaussian.

    Source
    ------
    Kumagai et al. 2019, the prior of the domain vector. Deviations: none.

    >>> divergence(torch.tensor([2.0]), torch.zeros(1))
    tensor(2.)
    """
    return (mean**2 + log_variance.exp() - log_variance - 1).sum() / 2


@checked(frozen=True, config=STRICT)
class IldrSettings(Settings):
    """Of ``Ildr``."""

    trains = True

    latent: int = Field(32, ge=1, le=10**4, description="numbers in a picture's code")
    domain_numbers: int = Field(8, ge=1, le=10**4, description="numbers in a domain's vector")
    hidden: int = Field(256, ge=1, le=10**5, description="units of the set encoder and the generator")
    divergence: float = Field(0.01, ge=0, le=1e9, description="weight of the domain vector's divergence (beta)")

    @property
    def networks(self) -> frozenset[Role]:
        return frozenset({"backbone"})


class Ildr(TrainedMethod):
    r"""An auto-encoder whose decoder is told the domain, as a vector inferred from the set of the domain's pictures.

    .. math:: L = \sum_{d \in \{s, t\}} E_{z \sim q(z | X_d)} \tfrac{1}{n} \sum_{x \in X_d} s(x | z)
        + \beta \, KL(q(z | X_d) \,\|\, N(0, I)), \qquad a(x) = s(x | E \, q(z | X_t))

    q is a Gaussian whose mean and variance come from the mean over the set of an embedding of each picture. F (n, latent)
    is the trainable tail with a linear head; a picture x (n, c h w) is what the frozen stem makes of it, standardised by
    the source.

    Source
    ------
    Kumagai, Iwata & Fujiwara, NeurIPS 2019. Kept: one vector a domain, from a set, drawn in training and its mean in use;
    the term that lifts anomalies above normals drops out, since no anomaly is known. Deviations: two domains, theirs are
    many; the whole unlabelled target is its set, theirs is normal; one draw a step; sets in training are batches; pictures
    are the stem's maps, the networks small, SGD and its recipe; no public code is known to us, all sizes and beta are ours.
    """

    Settings = IldrSettings
    looks = {"ildr": Look("ILDR (latent domain vectors)", "#A65E2E", "$L$")}  # noqa: RUF012

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._begin()

    def _begin(self) -> None:
        """Networks that have learned nothing, and buffers that say so."""
        settings = self.settings
        black = torch.zeros(1, 3, self.size_px, self.size_px, dtype=torch.uint8, device=self.device)
        with seeded(self.seed, self.device), torch.no_grad():
            maps = self._maps(black)
            size = maps[0].numel()
            self.head = nn.Linear(self.backbone.tail(maps).shape[1], settings.latent)
            self.embedding = nn.Sequential(nn.Linear(size, settings.hidden), nn.ReLU())
            self.inference = nn.Linear(settings.hidden, 2 * settings.domain_numbers)
            code = settings.latent + settings.domain_numbers
            self.generator = nn.Sequential(nn.Linear(code, settings.hidden), nn.ReLU(), nn.Linear(settings.hidden, size))
        for name, value in (("mean", torch.zeros(size)), ("std", torch.ones(size))):
            self.register_buffer(name, value)
        self.register_buffer("domain", torch.zeros(settings.domain_numbers))
        self.to(self.device)

    def fit(self, source: View, target: View, told: np.ndarray | None = None) -> Self:
        self.backbone = self.load_backbone().to(self.device)
        self._begin()
        inputs = [self.inputs(view) for view in (source, target)]
        tail = unfreeze(self.backbone.tail, self.recipe)
        parts = {"all": nn.ModuleList([tail, self.head, self.embedding, self.inference, self.generator])}
        with seeded(self.seed, self.device):
            flat = self.look(inputs[0], lambda x: self._maps(x).flatten(1))
            self.mean, self.std = flat.mean(dim=0).to(self.device), (flat.std(dim=0, correction=0) + STILL).to(self.device)
            self.losses_ = train(self._step, parts, *inputs, self.recipe, seed=self.seed, progress=self.progress)
            embedded = self.look(inputs[1], lambda x: self.embedding(self._standard(x))).to(self.device)
            with torch.no_grad():
                self.domain = self._domain(embedded)[0]
        return self

    def features(self, x: Tensor) -> Tensor:
        """(n, c h w) what is left of a picture when its reconstruction is taken away."""
        return self._left(x, self.domain)

    def score(self, z: Tensor, own: Tensor | None = None) -> Tensor:
        return reconstruction_score(z, torch.zeros_like(z))

    def _maps(self, x: Tensor) -> Tensor:
        """(n, c, h, w) float, what the frozen stem makes of pictures."""
        if x.dtype == torch.uint8:
            x = self.backbone.stem_network(self.backbone.stem.prepare(x, self.device))
        return x.float()

    def _standard(self, x: Tensor) -> Tensor:
        """(n, c h w) pictures in units of the source's spread."""
        return (self._maps(x).flatten(1) - self.mean) / self.std

    def _domain(self, embedded: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log variance (k,) of the domain's vector, of the embedded pictures (n, hidden) of a set."""
        mean, log_variance = self.inference(embedded.mean(dim=0)).chunk(2)
        return mean, log_variance

    def _left(self, x: Tensor, domain: Tensor) -> Tensor:
        code = self.head(self.backbone(x).float())
        return self._standard(x) - self.generator(torch.cat([code, domain + torch.zeros_like(code[:, :1])], dim=1))

    def _step(self, batch: Batch) -> Iterator[tuple[str, dict[str, Tensor]]]:
        scores, distances = [], []
        for x in (batch.source, batch.target):
            mean, log_variance = self._domain(self.embedding(self._standard(x)))
            drawn = mean + torch.randn_like(mean) * (log_variance / 2).exp()
            left = self._left(x, drawn)
            scores.append(reconstruction_score(left, torch.zeros_like(left)).mean())
            distances.append(divergence(mean, log_variance))
        yield "all", {"reconstruction": sum(scores), "divergence": self.settings.divergence * sum(distances)}
