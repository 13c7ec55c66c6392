"""THE training loop: batches of both domains, steps that say which part moves to lessen what (Eq. 10)."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from pydantic import Field
from pydantic.dataclasses import dataclass as checked
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from tqdm.auto import tqdm

from twofold.data.domains import View
from twofold.errors import InputError
from twofold.networks.backbones import Backbone
from twofold.networks.cache import EmbeddingCache

__all__ = ["Batch", "Draw", "Inputs", "Recipe", "Step", "autocast", "row_stream", "seeded", "train", "unfreeze"]

IN_MEMORY_BYTES = 2 << 30  # decoded pictures are kept up to here, and decoded by workers beyond

Step = Callable[["Batch"], Iterator[tuple[str, dict[str, Tensor]]]]


@checked(frozen=True, config={"strict": True, "extra": "forbid"})
class Recipe:
    """How a network is trained; read by methods that train one."""

    steps: int = Field(100, ge=1, le=10**9, description="training steps; the only field of length")
    batch_size: int = Field(32, ge=2, le=10**6, description="pictures a step of each domain")
    learning_rate: float = Field(0.01, gt=0, le=1e3, description="of SGD, annealed by a cosine to 0")
    momentum: float = Field(0.9, ge=0, le=1, description="of SGD (Nesterov)")
    weight_decay: float = Field(5e-4, ge=0, le=1e3, description="of SGD")
    clip_norm: float = Field(5.0, ge=0, le=1e9, description="largest gradient norm of a step; 0 is no clipping")
    train_batch_norm: bool = Field(False, description="let BatchNorm learn; else its statistics, scale and shift stay")

    def optimizer(self, part: nn.Module) -> torch.optim.SGD:
        """SGD over what of a part may move."""
        return torch.optim.SGD(
            [parameter for parameter in part.parameters() if parameter.requires_grad],
            lr=self.learning_rate,
            momentum=self.momentum,
            nesterov=self.momentum > 0,
            weight_decay=self.weight_decay,
        )


class Inputs:
    """What a network reads of a view, by row: stem features kept in memory, or uint8 pictures.

    Parameters
    ----------
    view : the pictures.
    backbone : the network that will read them.
    cache : of stem features; None hands on pictures (for augmentation, or where no stem is frozen).
    size_px : side of the pictures that are handed on, where it is not the network's.
    """

    def __init__(self, view: View, backbone: Backbone, cache: EmbeddingCache | None, size_px: int | None = None) -> None:
        self._view, self._stem, self._size_px = view, backbone.stem, size_px or backbone.stem.size_px
        if cache is not None and backbone.has_stem:
            self._held = cache.embed(backbone.stem, view)
        elif 3 * self._size_px**2 * len(view) <= IN_MEMORY_BYTES:
            self._held = self._pictures(np.arange(len(view)))
        else:
            self._held = None

    def __len__(self) -> int:
        return len(self._view)

    def _pictures(self, rows: np.ndarray) -> Tensor:
        return self._view.images(rows, self._size_px, self._stem.center_crop)

    @property
    def in_memory(self) -> bool:
        """Whether a batch is a mere look-up."""
        return self._held is not None

    def batch(self, rows: np.ndarray) -> Tensor:
        """Stem features (len(rows), c, h, w) float32, or pictures (len(rows), 3, h, w) uint8."""
        return self._pictures(rows) if self._held is None else self._held[torch.as_tensor(rows)]


@dataclass(frozen=True, eq=False)
class Batch:
    """One step's pictures on the device, as ``Inputs`` hands them out."""

    source: Tensor  # (n, ...)
    target: Tensor | None  # (n, ...), None where nothing of the target is trained on
    target_rows: np.ndarray | None  # (n,) rows of the unlabelled target
    progress: float  # in [0, 1)


class Draw(NamedTuple):
    """Rows of the target that play a part, and how many of them a step takes."""

    rows: np.ndarray
    n: int


def row_stream(n: int, batch_size: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Endless batches of rows: every row once before any comes again, also where a domain is smaller than a batch.

    >>> stream = row_stream(3, 2, np.random.default_rng(0))
    >>> sorted(np.concatenate([next(stream), next(stream), next(stream)]).tolist())
    [0, 0, 1, 1, 2, 2]
    """
    waiting = np.empty(0, int)
    while True:
        while len(waiting) < batch_size:
            waiting = np.concatenate([waiting, rng.permutation(n)])
        yield waiting[:batch_size]
        waiting = waiting[batch_size:]


class _Steps(Dataset):
    """Steps of (source rows, target rows), fetched together."""

    def __init__(self, source: Inputs, target: Inputs | None, plan: list) -> None:
        self.source, self.target, self.plan = source, target, plan

    def __len__(self) -> int:
        return len(self.plan)

    def __getitem__(self, step: int) -> tuple[Tensor, Tensor | None] | InputError:
        source_rows, target_rows = self.plan[step]
        try:
            return self.source.batch(source_rows), None if target_rows is None else self.target.batch(target_rows)
        except InputError as error:  # a worker would wrap it in its traceback
            return error


def _keep(item):
    return item  # workers hand batches on as they are


def fetched(source: Inputs, target: Inputs | None, plan: list) -> Iterator[tuple[Tensor, Tensor | None]]:
    """Batches of a plan of (source rows, target rows), fetched by workers where pictures have to be decoded."""
    in_memory = source.in_memory and (target is None or target.in_memory)
    workers = 0 if in_memory else min(8, os.cpu_count() or 1)
    for batch in DataLoader(_Steps(source, target, plan), batch_size=None, num_workers=workers, collate_fn=_keep):
        if isinstance(batch, InputError):
            raise batch
        yield batch


def _batches(
    source: Inputs, target: Inputs | None, recipe: Recipe, draws: Callable | None, again: int, seed: int, device: torch.device
) -> Iterator[Batch]:
    rng = np.random.default_rng([seed, 7])
    source_stream = row_stream(len(source), recipe.batch_size, rng)
    for segment in np.array_split(np.arange(recipe.steps), again):
        plan = [(next(source_stream), None) for _ in segment]
        if target is not None and plan:
            drawn = [Draw(np.arange(len(target)), recipe.batch_size)] if draws is None else draws()
            streams = [(rows, row_stream(len(rows), n, rng)) for rows, n in drawn if len(rows)]
            plan = [(source_rows, np.concatenate([rows[next(s)] for rows, s in streams])) for source_rows, _ in plan]
        for step, (_, target_rows), (x_source, x_target) in zip(segment, plan, fetched(source, target, plan), strict=True):
            x_source = x_source.to(device, non_blocking=True)
            x_target = None if x_target is None else x_target.to(device, non_blocking=True)
            yield Batch(x_source, x_target, target_rows, step / recipe.steps)


def train(
    step: Step,
    parts: dict[str, nn.Module],
    source: Inputs,
    target: Inputs | None,
    recipe: Recipe,
    draws: Callable[[], Sequence[Draw]] | None = None,
    again: int = 1,
    seed: int = 0,
    progress: bool = False,
) -> dict[str, np.ndarray]:
    r"""Move the parts as the steps ask; they stay changed.

    .. math:: \theta_{part} \leftarrow \theta_{part} - \eta \nabla_{\theta_{part}} \sum_{terms} L_{term}

    Parameters
    ----------
    step : takes a ``Batch`` and yields, in order, the name of a part and the terms (scalars) that it lessens; the part
        has moved before the step goes on.
    parts : what moves, each with an optimiser and a cosine of its own.
    source, target : pictures by row; target None where only the source is trained on.
    recipe : length, batch, optimiser.
    draws : what of the target a step takes, in this order, each by turns of its own; asked at the beginning and ``again - 1``
        times more; None is a batch of all rows.
    again : selections in one run.
    seed : of the batches; ``seeded`` seeds the rest.
    progress : show a bar on a terminal.

    Returns
    -------
    Every term by step, (steps,) each; a term that a step left out is NaN there.

    Source
    ------
    Eq. 10 with SGD and cosine annealing. Deviations: length counts steps, the paper's epochs mean one step on its
    smallest classes.

    >>> class Ones(list):
    ...     in_memory = True
    ...     def batch(self, rows):
    ...         return torch.ones(len(rows), 1)
    >>> line = nn.Linear(1, 1)
    >>> def step(batch):
    ...     yield "line", {"square": (line(batch.source) ** 2).mean()}
    >>> recipe = Recipe(steps=20, batch_size=2, learning_rate=0.05)
    >>> losses = train(step, {"line": line}, Ones("four"), None, recipe)["square"]
    >>> len(losses), bool(losses[-1] < losses[0])
    (20, True)
    """
    optimizers = {name: recipe.optimizer(part) for name, part in parts.items()}
    schedules = [torch.optim.lr_scheduler.CosineAnnealingLR(o, T_max=recipe.steps) for o in optimizers.values()]
    device = next(parameter for part in parts.values() for parameter in part.parameters()).device
    bar = tqdm(total=recipe.steps, desc="train", disable=None if progress else True, leave=False)
    losses: list[dict[str, Tensor]] = []
    for batch in _batches(source, target, recipe, draws, again, seed, device):
        losses.append({})
        for name, terms in step(batch):
            optimizer = optimizers[name]
            optimizer.zero_grad(set_to_none=True)
            sum(terms.values()).backward()
            if recipe.clip_norm:
                nn.utils.clip_grad_norm_([p for group in optimizer.param_groups for p in group["params"]], recipe.clip_norm)
            optimizer.step()
            losses[-1] |= {term: loss.detach() for term, loss in terms.items()}
        for schedule in schedules:
            schedule.step()
        bar.update()
    bar.close()
    names = dict.fromkeys(term for terms in losses for term in terms)
    nothing = torch.tensor(torch.nan, device=device)
    return {name: torch.stack([terms.get(name, nothing) for terms in losses]).float().cpu().numpy() for name in names}


def unfreeze(part: nn.Module, recipe: Recipe) -> nn.Module:
    """Let a part learn; of its BatchNorm layers only where the recipe says so.

    A bias alone can shrink the sphere, and kills units: scale and shift stay with the statistics.
    """
    part.requires_grad_(True).train(recipe.train_batch_norm)
    if not recipe.train_batch_norm:
        for module in part.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.requires_grad_(False)
    return part


@contextmanager
def seeded(seed: int, device: torch.device) -> Iterator[None]:
    """Torch's random numbers from this seed, and afterwards as if nothing had been drawn."""
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        yield


def autocast(device: torch.device) -> torch.autocast | nullcontext:
    """bfloat16 on cuda, nothing elsewhere."""
    return torch.autocast("cuda", dtype=torch.bfloat16) if device.type == "cuda" else nullcontext()
