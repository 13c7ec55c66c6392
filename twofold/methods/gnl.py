"""GNL: reverse distillation of the source that ignores style, and test pictures that are given the source's style."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Self

import numpy as np
import torch
from pydantic import Field
from pydantic.dataclasses import dataclass as checked
from torch import Tensor, nn
from torch.nn import functional

from twofold.data.domains import View
from twofold.errors import InputError
from twofold.methods.base import STRICT, Method, Role, Settings
from twofold.methods.training import Batch, Inputs, seeded, train, unfreeze
from twofold.networks.backbones import load_backbone
from twofold.networks.weights import resolve_weights
from twofold.parts.augmentation import grey_views, restyled
from twofold.plots.style import Look

__all__ = ["GNL", "cosine_gap", "match_distribution", "smoothed"]

LEVELS = 3  # maps that the student has to give back
SIGMA = 1 / 64  # of the blur, in sides of the picture: 4 of 256 pixels


def cosine_gap(one: Tensor, other: Tensor) -> Tensor:
    r"""One minus the cosine of two batches of maps, each picture's taken as one vector: :math:`E (1 - \cos(u_i, v_i))`.

    Parameters
    ----------
    one, other : (n, c, h, w)

    Returns
    -------
    () scalar in [0, 2].

    >>> cosine_gap(torch.ones(1, 2, 1, 1), torch.tensor([[[[1.0]], [[-1.0]]]]))
    tensor(1.)
    """
    return (1 - functional.cosine_similarity(one.flatten(1), other.flatten(1), dim=1)).mean()


def match_distribution(maps: Tensor, reference: Tensor, share: float) -> Tensor:
    r"""Move every channel's values towards those of the same rank in a reference.

    .. math:: x_{(k)} \leftarrow (1 - \alpha) \, x_{(k)} + \alpha \, r_{(k)}

    Parameters
    ----------
    maps : (n, c, h, w)
    reference : (c, h * w) sorted values.
    share : alpha in [0, 1], of the reference.

    Returns
    -------
    (n, c, h, w), ranks unchanged.

    Source
    ------
    Exact feature distribution matching, Zhang et al. 2022. Deviations: none.

    >>> match_distribution(torch.tensor([[[[5.0, 1.0]]]]), torch.tensor([[0.0, 9.0]]), share=1.0)
    tensor([[[[9., 0.]]]])
    """
    values = maps.flatten(2)
    ranked, places = values.sort(dim=2)
    return values.scatter(2, places, ranked + share * (reference - ranked)).view_as(maps)


def smoothed(maps: Tensor, sigma: float) -> Tensor:
    """Square maps (n, h, h) blurred by a Gaussian of so many cells, edges reflected into weights that sum to 1.

    >>> smoothed(torch.ones(1, 4, 4), sigma=1.0).allclose(torch.ones(1, 4, 4))
    True
    """
    cells = torch.arange(maps.shape[-1], dtype=maps.dtype, device=maps.device)
    blur = torch.exp(-((cells[:, None] - cells) ** 2) / (2 * sigma**2))
    blur = blur / blur.sum(dim=1, keepdim=True)
    return blur @ maps @ blur.transpose(0, 1)


class Student(nn.Module):
    """A narrow code of three maps, and the maps given back from it, the deepest first."""

    def __init__(self, shapes: list[tuple[int, int]], width: int) -> None:
        super().__init__()

        def block(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
            convolution = nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)
            return nn.Sequential(convolution, nn.BatchNorm2d(outputs), nn.ReLU())

        self.sizes = [side for _, side in shapes]
        self.down = nn.ModuleList()
        for level, (channels, _) in enumerate(shapes):
            steps = [block(channels if step == 0 else width, width, 2) for step in range(len(shapes) - 1 - level)]
            self.down.append(nn.Sequential(*steps or [block(channels, width)]))
        self.code = block(width * len(shapes), 2 * width, 2)
        self.up = nn.ModuleList(block(2 * width if level == 0 else width, width) for level in range(len(shapes)))
        self.out = nn.ModuleList(nn.Conv2d(width, channels, 1) for channels, _ in reversed(shapes))

    def forward(self, maps: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """Code (n, 2 width, h, h), and one map for each that was given, in their order."""
        down = [down(z) for down, z in zip(self.down, maps, strict=True)]
        code = z = self.code(torch.cat([functional.interpolate(z, size=(self.sizes[-1],) * 2) for z in down], dim=1))
        given_back = []
        for up, out, side in zip(self.up, self.out, reversed(self.sizes), strict=True):
            z = up(functional.interpolate(z, size=(side, side)))
            given_back.insert(0, out(z))
        return code, given_back


@checked(frozen=True, config=STRICT)
class GNLSettings(Settings):
    """Of ``GNL``."""

    trains = True

    width: int = Field(64, ge=1, le=10**4, description="channels of the student; its code has twice as many")
    lambda_code: float = Field(0.05, ge=0, le=1e9, description="weight of codes that do not follow the style")
    lambda_last: float = Field(0.05, ge=0, le=1e9, description="weight of last maps that do not follow the style")
    reference_share: float = Field(0.5, ge=0, le=1, description="how far a test picture takes the source's distribution")

    @property
    def networks(self) -> frozenset[Role]:
        return frozenset({"backbone"})

    def unread(self) -> frozenset[str]:
        return Settings.unread(self) | {"frozen_stages"}


class GNL(Method):
    r"""A student gives back a frozen teacher's maps of the source, whatever the style; where it fails is strange.

    .. math:: L = 0.9 \sum_{l=1}^{3} g(T_l, S_l) + \lambda_b \sum_v g(b, b^v) + \lambda_o \sum_v g(S_1, S_1^v), \qquad
        a(x) = \max_p \Big( G * \sum_l (1 - \cos(T_l, S_l)_p) \Big)

    T are maps of the teacher at a quarter, an eighth and a sixteenth of the side, S those that the student makes of the code b,
    g the mean of one minus the cosine, v two views in another style: colours mixed, and grey. Before a test picture is judged,
    the values of :math:`T_1`, and of :math:`T_2` that follows from them, are moved half way to those of one source picture.
    The features (n, h h) that the score looks at are the map under the blur G.

    Source
    ------
    Cao, Zhu & Pang, ICCV 2023, on Deng & Li, CVPR 2022. Published and kept: weights .9, .05, .05, three maps, share .5, batches
    of 16, learning BatchNorm, blur of 4 of 256 pixels. Deviations: the teacher, its size and the number of steps are the
    preset's (theirs: wide ResNet-50 at 256 px, 20 epochs), the student a small one of our own, its maps resized where theirs
    are transposed convolutions; SGD at 0.1 with momentum (theirs Adam at 0.005); maps meet on the first one's grid, theirs on
    the pictures'; the source picture is the first of the shuffled source.
    """

    Settings = GNLSettings
    frozen = ("teacher.",)
    no_graph = "values that differ in the last bit alone take other ranks in another runtime: use the detector itself"
    looks = {"gnl": Look("GNL (source, style views)", "#117733", "$G$")}  # noqa: RUF012
    published = {"batch_size": 16, "train_batch_norm": True, "learning_rate": 0.1}  # noqa: RUF012

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        nets = self.networks
        weights = resolve_weights(nets.backbone, nets.backbone_weights, self.seed)
        self.teacher = load_backbone(nets.backbone, weights, nets.backbone_size_px, 0, self.seed).requires_grad_(False)
        self.taken = self._taken()
        self.student = self._new_student()

    @torch.no_grad()
    def _taken(self) -> list[tuple[int, int, int]]:
        """Stage, channels and side of the last maps at a quarter of the side or less, one a side."""
        z, found = self.teacher.stem.prepare(torch.zeros(1, 3, self.size_px, self.size_px, dtype=torch.uint8)), {}
        for number, stage in enumerate(self.teacher.tail):
            z = stage(z)
            if z.ndim == 4 and z.shape[3] <= -(-self.size_px // 4):
                found[z.shape[3]] = (number, z.shape[1], z.shape[3])
        if len(found) < LEVELS:
            raise InputError(
                f"wanted {LEVELS} maps of different sizes from a quarter of the side on, got {len(found)} from "
                f"{self.networks.backbone} at {self.size_px} px; raise backbone_size_px, or take an EfficientNet or a ResNet"
            )
        return list(found.values())[:LEVELS]

    def _new_student(self) -> Student:
        with seeded(self.seed, torch.device("cpu")):
            return Student([(channels, side) for _, channels, side in self.taken], self.settings.width).eval()

    @property
    def size_px(self) -> int:
        return self.teacher.stem.size_px

    def fit(self, source: View, target: View, told: np.ndarray | None = None) -> Self:
        if hasattr(self, "reference_0"):  # fitted before, or restored: begin anew
            self.student = self._new_student().to(self.device)
            del self.reference_0, self.reference_1
        x_source = self.inputs(source)
        with seeded(self.seed, self.device):
            parts = {"student": unfreeze(self.student, self.recipe)}
            self.losses_ = train(self._step, parts, x_source, None, self.recipe, seed=self.seed, progress=self.progress)
        self.eval()
        with torch.no_grad():
            for level, z in enumerate(self.maps(x_source.batch(np.arange(1)).to(self.device))[:2]):
                self.register_buffer(f"reference_{level}", z[0].flatten(1).sort(dim=1).values)
        return self

    def inputs(self, view: View) -> Inputs:
        return Inputs(view, self.teacher, None)

    def maps(self, pictures: Tensor) -> list[Tensor]:
        """The teacher's three maps of uint8 pictures, each (n, c, h, h)."""
        z, found = self.teacher.stem.prepare(pictures, self.device), []
        for number, stage in enumerate(self.teacher.tail[: self.taken[-1][0] + 1]):
            z = stage(z)
            if number == self.taken[len(found)][0]:
                reference = getattr(self, f"reference_{len(found)}", None)
                if reference is not None:
                    z = match_distribution(z, reference, self.settings.reference_share)
                found.append(z)
        return found

    def features(self, x: Tensor) -> Tensor:
        wanted = self.maps(x)
        size = wanted[0].shape[-2:]
        gaps = [1 - functional.cosine_similarity(t, s, dim=1) for t, s in zip(wanted, self.student(wanted)[1], strict=True)]
        wide = [functional.interpolate(gap[:, None], size=size, mode="bilinear", align_corners=True) for gap in gaps]
        return sum(wide).flatten(1)

    def score(self, z: Tensor, own: Tensor | None = None) -> Tensor:
        side = self.taken[0][2]
        return smoothed(z.view(-1, side, side), SIGMA * side).amax(dim=(1, 2))

    def leaves(self, z: Tensor) -> dict[str, tuple[torch.dtype, tuple[int | None, ...]]]:
        return {f"reference_{i}": (z.dtype, (channels, side**2)) for i, (_, channels, side) in enumerate(self.taken[:2])}

    def _step(self, batch: Batch) -> Iterator[tuple[str, dict[str, Tensor]]]:
        views = [batch.source, torch.stack([restyled(x) for x in batch.source]), grey_views(batch.source)]
        wanted = [self.maps(x) for x in views]
        codes, given_back = zip(*map(self.student, wanted), strict=True)
        distillation = sum(cosine_gap(t, s) for t, s in zip(wanted[0], given_back[0], strict=True))
        code = sum(cosine_gap(codes[0], other) for other in codes[1:])
        last = sum(cosine_gap(given_back[0][0], other[0]) for other in given_back[1:])
        terms = {"distillation": 0.9 * distillation, "code": self.settings.lambda_code * code}
        yield "student", terms | {"last": self.settings.lambda_last * last}
