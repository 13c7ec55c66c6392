"""IRAD: what both domains share is told apart from what is the source's own, by generating; a forest judges the shared."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, Self

import numpy as np
import torch
from pydantic import Field
from pydantic.dataclasses import dataclass as checked
from torch import Tensor, nn
from torch.nn import functional

from twofold.data.domains import View
from twofold.methods.base import STRICT, Role, Settings, TrainedMethod
from twofold.methods.training import Batch, seeded, train, unfreeze
from twofold.plots.style import Look

__all__ = ["Irad", "adversarial_losses", "reconstruction_loss", "similarity_loss"]

TREES = 100
STILL = 1e-3  # added to a spread: what never moves is not blown up


def adversarial_losses(real: Tensor, fakes: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    r"""What the discriminator lessens, and what the generator does: each fake is weighed as much as the real.

    .. math:: L_D = \frac12 \Big[ -E \log \sigma(D(x)) - \tfrac1K \sum_k E \log(1 - \sigma(D(\tilde x_k))) \Big], \qquad
        L_G = -\tfrac1K \sum_k E \log \sigma(D(\tilde x_k))

    Parameters
    ----------
    real : (n, 1) logits of the discriminator for source pictures.
    fakes : K of (n, 1), for what was generated.

    Returns
    -------
    () and (), >= 0; both are log 2 where nothing can be told apart.

    Source
    ------
    Goodfellow et al. 2014 in the non-saturating form, with the three fakes of Yang et al. 2020. Deviations: means over the
    fakes, which keeps both sides of the discriminator equally heavy.

    >>> adversarial_losses(torch.zeros(2, 1), [torch.zeros(2, 1)])
    (tensor(0.6931), tensor(0.6931))
    """
    fake = torch.cat(list(fakes))
    return (functional.softplus(-real).mean() + functional.softplus(fake).mean()) / 2, functional.softplus(-fake).mean()


def reconstruction_loss(x: Tensor, generated: Sequence[Tensor]) -> Tensor:
    r"""How far the generated are from the source pictures they stand for.

    .. math:: L = \sum_k \frac1n \sum_i \lVert x_i - \tilde x_{k,i} \rVert

    Parameters
    ----------
    x : (n, d)
    generated : of (n, d)

    Returns
    -------
    () scalar >= 0.

    Source
    ------
    Yang et al. 2020, the terms under alpha. Deviations: the mean over the batch.

    >>> reconstruction_loss(torch.zeros(1, 4), [torch.ones(1, 4), torch.full((1, 4), 2.0)])
    tensor(6.)
    """
    return sum((x - other).norm(dim=1).mean() for other in generated)


def similarity_loss(shared_source: Tensor, private_source: Tensor, shared_target: Tensor) -> Tensor:
    r"""Shared and private codes of one picture are to be unlike, shared codes of the two domains alike.

    .. math:: L = \frac1n \sum_i \lvert e_i^s \cdot p_i \rvert - \frac1n \sum_i e_i^s \cdot e_i^t

    Parameters
    ----------
    shared_source, private_source, shared_target : (n, d), compared by cosine.

    Returns
    -------
    () scalar in [-1, 2].

    Source
    ------
    Yang et al. 2020, the terms under beta. Deviations: cosines, since inner products have no lower end.

    >>> similarity_loss(torch.eye(2), torch.eye(2)[[1, 0]], torch.eye(2))
    tensor(-1.)
    """
    private = functional.cosine_similarity(shared_source, private_source).abs().mean()
    return private - functional.cosine_similarity(shared_source, shared_target).mean()


@checked(frozen=True, config=STRICT)
class IradSettings(Settings):
    """Of ``Irad``."""

    trains = True

    latent: int = Field(64, ge=1, le=10**4, description="numbers in a code")
    hidden: int = Field(256, ge=1, le=10**5, description="units of the private encoder, the generator and the discriminator")
    reconstruction: float = Field(1.0, ge=0, le=1e9, description="weight of reconstructing (alpha)")
    similarity: float = Field(0.5, ge=0, le=1e9, description="weight of likeness of codes (beta); 0 as in the public code")

    @property
    def networks(self) -> frozenset[Role]:
        return frozenset({"backbone"})


class Irad(TrainedMethod):
    r"""A code that both domains share and one that is the source's own, pulled apart by generating source pictures.

    .. math:: L = L_{GAN}(x^s; \tilde x_1, \tilde x_2, \tilde x_3)
        + \alpha (\lVert x^s - \tilde x_1 \rVert + \lVert x^s - \tilde x_2 \rVert)
        + \beta (\lvert E_{sh}(x^s) \cdot E_{pv}(x^s) \rvert - E_{sh}(x^s) \cdot E_{sh}(x^t))

    with the generated pictures G(E_pv(x^s) + E_sh(x^s)), G(E_pv(x^s) + E_sh(x^t)) and G(noise + E_sh(x^s)). The score is an
    isolation forest's on E_sh of all source and target training pictures. E_sh (n, latent) is the trainable tail with a
    linear head; a picture x (n, c h w) is what the frozen stem makes of it, standardised by the source.

    Source
    ------
    Yang, Bozchalooi & Darve 2020 (arXiv 2006.03689). Published and kept: the three fakes, alpha 1, beta 0.5, 64 numbers in
    a code, 100 trees; the public code sets beta to zero (``similarity`` 0). Deviations: the whole unlabelled target stands
    where they are given some target pictures known to be normal; pictures are the stem's maps and the networks small, theirs
    are convolutional on pixels; SGD and its recipe where they have Adam at 1e-4; no discriminator of codes, which only the
    public code has; cosines and means, see the losses.
    """

    Settings = IradSettings
    looks = {"irad": Look("IRAD (shared and private codes)", "#3D6B8E", "$I$")}  # noqa: RUF012
    no_graph = "its isolation forest is no tensor: use the detector itself"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._begin()

    def _begin(self) -> None:
        """Networks that have learned nothing."""
        latent, hidden = self.settings.latent, self.settings.hidden
        black = torch.zeros(1, 3, self.size_px, self.size_px, dtype=torch.uint8, device=self.device)
        with seeded(self.seed, self.device), torch.no_grad():
            maps = self._maps(black)
            size = maps[0].numel()
            self.head = nn.Linear(self.backbone.tail(maps).shape[1], latent)
            self.private = nn.Sequential(nn.Linear(size, hidden), nn.LeakyReLU(0.2), nn.Linear(hidden, latent))
            self.generator = nn.Sequential(nn.Linear(latent, hidden), nn.LeakyReLU(0.2), nn.Linear(hidden, size))
            self.discriminator = nn.Sequential(nn.Linear(size, hidden), nn.LeakyReLU(0.2), nn.Linear(hidden, 1))
        self.to(self.device)

    def fit(self, source: View, target: View, told: np.ndarray | None = None) -> Self:
        if hasattr(self, "fitted_to"):  # fitted before, or restored: begin anew
            self.backbone = self.load_backbone().to(self.device)
            self._begin()
        inputs = [self.inputs(view) for view in (source, target)]
        tail = unfreeze(self.backbone.tail, self.recipe)
        parts = {
            "generator": nn.ModuleList([tail, self.head, self.private, self.generator]),
            "discriminator": self.discriminator,
        }
        with seeded(self.seed, self.device):
            flat = self.look(inputs[0], lambda x: self._maps(x).flatten(1))
            mean, std = flat.mean(dim=0), flat.std(dim=0, correction=0)
            step = partial(self._step, mean.to(self.device), (std + STILL).to(self.device))
            self.losses_ = train(step, parts, *inputs, self.recipe, seed=self.seed, progress=self.progress)
            codes = torch.cat([self.look(part, self.features) for part in inputs])
        self.register_buffer("fitted_to", codes.to(self.device))
        return self._refit()

    def features(self, x: Tensor) -> Tensor:
        return self.head(self.backbone(x).float())

    def score(self, z: Tensor, own: Tensor | None = None) -> Tensor:
        return -torch.tensor(self.forest_.score_samples(z.cpu().numpy()), device=z.device)

    def leaves(self, z: Tensor) -> dict[str, tuple[torch.dtype, tuple[int | None, ...]]]:
        return {"fitted_to": (z.dtype, (None, z.shape[1]))}

    def restore(self, state: dict[str, Tensor], seen: Sequence[str] = ()) -> Self:
        return super().restore(state, seen)._refit()

    def _refit(self) -> Self:
        """The forest follows from the codes and the seed: it is grown again where a file is loaded."""
        from sklearn.ensemble import IsolationForest  # a second of imports that no other method needs

        codes = np.nan_to_num(self.fitted_to.cpu().numpy())  # a diverged network goes on to its verdict
        self.forest_ = IsolationForest(n_estimators=TREES, random_state=self.seed).fit(codes)
        return self

    def _maps(self, x: Tensor) -> Tensor:
        """(n, c, h, w) float, what the frozen stem makes of pictures."""
        if x.dtype == torch.uint8:
            x = self.backbone.stem_network(self.backbone.stem.prepare(x, self.device))
        return x.float()

    def _step(self, mean: Tensor, std: Tensor, batch: Batch) -> Iterator[tuple[str, dict[str, Tensor]]]:
        settings = self.settings
        x = (self._maps(batch.source).flatten(1) - mean) / std
        shared, other, private = self.features(batch.source), self.features(batch.target), self.private(x)
        noise = torch.randn_like(shared)
        fakes = [self.generator(code) for code in (private + shared, private + other, noise + shared)]
        seen, _ = adversarial_losses(self.discriminator(x), [self.discriminator(fake.detach()) for fake in fakes])
        yield "discriminator", {"discrimination": seen}
        _, fooled = adversarial_losses(self.discriminator(x), [self.discriminator(fake) for fake in fakes])
        terms = {"generation": fooled, "reconstruction": settings.reconstruction * reconstruction_loss(x, fakes[:2])}
        if settings.similarity:
            terms["similarity"] = settings.similarity * similarity_loss(shared, private, other)
        yield "generator", terms
