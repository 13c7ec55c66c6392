"""THE training loop: a one-class objective on the source plus an alignment with the selected target (Eq. 10)."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import v2
from tqdm.auto import tqdm

from twofold.data.tasks import View
from twofold.errors import InputError
from twofold.networks.backbones import Backbone
from twofold.networks.cache import EmbeddingCache
from twofold.parts.alignment import (
    DomainDiscriminator,
    contrastive_loss,
    domain_adversarial_loss,
    mmd_loss,
    reversal_strength,
    reverse_gradient,
)
from twofold.parts.one_class import dsvdd_loss, msc_loss
from twofold.parts.selection import Selection
from twofold.runs.config import RunConfig

__all__ = ["Inputs", "Training", "extract", "row_stream", "train"]

IN_MEMORY_BYTES = 2 << 30  # decoded pictures are kept up to here, and decoded by workers beyond


class Inputs:
    """What a backbone reads of a view, by row: stem features kept in memory, or uint8 pictures.

    Parameters
    ----------
    view : the pictures.
    backbone : the network that will read them.
    cache : of stem features; None hands on pictures (for augmentation, or where no stem is frozen).
    """

    def __init__(self, view: View, backbone: Backbone, cache: EmbeddingCache | None) -> None:
        self._view, self._size_px = view, backbone.stem.size_px
        if cache is not None and backbone.has_stem:
            self._held = view.embed(backbone.stem, cache)
        elif 3 * self._size_px**2 * len(view) <= IN_MEMORY_BYTES:
            self._held = view.images(np.arange(len(view)), self._size_px)
        else:
            self._held = None

    def __len__(self) -> int:
        return len(self._view)

    @property
    def in_memory(self) -> bool:
        """Whether a batch is a mere look-up."""
        return self._held is not None

    def batch(self, rows: np.ndarray) -> Tensor:
        """Stem features (len(rows), c, h, w) float32, or pictures (len(rows), 3, h, w) uint8."""
        return self._view.images(rows, self._size_px) if self._held is None else self._held[torch.as_tensor(rows)]


@dataclass
class Training:
    """What a training leaves besides the weights."""

    center: Tensor  # (d,)
    selection: Selection | None  # the last one
    fallback_steps: int = 0  # contrastive steps without a negative in the batch: in-batch negatives instead
    skipped_steps: int = 0  # steps whose batch held too few positives to align
    losses: dict[str, np.ndarray] = field(default_factory=dict)  # per step


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


class _Batches(Dataset):
    """Steps of (source rows, target rows), fetched together."""

    def __init__(self, source: Inputs, target: Inputs | None, plan: list) -> None:
        self.source, self.target, self.plan = source, target, plan

    def __len__(self) -> int:
        return len(self.plan)

    def __getitem__(self, step: int) -> tuple[Tensor, Tensor | None, np.ndarray | None] | InputError:
        source_rows, target_rows = self.plan[step]
        try:
            x_target = None if target_rows is None else self.target.batch(target_rows)
            return self.source.batch(source_rows), x_target, target_rows
        except InputError as error:  # a worker would wrap it in its traceback
            return error


def _keep(item):
    return item  # workers hand batches on as they are


def _batches(source: Inputs, target: Inputs | None, plan: list) -> Iterator[tuple]:
    """Batches of a plan, fetched by workers where pictures have to be decoded."""
    in_memory = source.in_memory and (target is None or target.in_memory)
    workers = 0 if in_memory else min(8, os.cpu_count() or 1)
    loader = DataLoader(_Batches(source, target, plan), batch_size=None, num_workers=workers, collate_fn=_keep)
    for batch in loader:
        if isinstance(batch, InputError):
            raise batch
        yield batch


def _scaled(features: Tensor, normalize: bool) -> Tensor:
    return functional.normalize(features, dim=1) if normalize else features


@torch.no_grad()
def extract(backbone: Backbone, inputs: Inputs, normalize: bool, batch_size: int = 256) -> Tensor:
    """Features (n, d) float32 of all rows on the CPU, as the objective and the score see them."""
    modes = [(module, module.training) for module in backbone.modules()]
    backbone.eval()
    plan = [(rows, None) for rows in np.array_split(np.arange(len(inputs)), -(-len(inputs) // batch_size))]
    device = backbone.stem.device
    features = [backbone(x.to(device)).float().cpu() for x, _, _ in _batches(inputs, None, plan)]
    for module, training in modes:
        module.training = training
    return _scaled(torch.cat(features), normalize)


def _views(size_px: int) -> v2.Compose:
    """The two-view augmentation of MSC: crop, flip, colour, grey, blur."""
    blur = v2.RandomApply([v2.GaussianBlur(kernel_size=max(3, size_px // 20 * 2 + 1), sigma=(0.1, 2.0))], p=0.5)
    jitter = v2.RandomApply([v2.ColorJitter(0.4, 0.4, 0.4, 0.1)], p=0.8)
    crop = v2.RandomResizedCrop(size_px, scale=(0.2, 1.0), antialias=True)
    return v2.Compose([crop, v2.RandomHorizontalFlip(), jitter, v2.RandomGrayscale(p=0.2), blur])


def train(
    backbone: Backbone,
    source: Inputs,
    target: Inputs | None,
    config: RunConfig,
    choose: Callable[[], Selection] | None = None,
    progress: bool = False,
) -> Training:
    r"""Train the backbone's tail; it stays changed.

    .. math:: L = \lambda_1 L_{AD} + \lambda_2 L_{UDA}

    Parameters
    ----------
    backbone : modified in place.
    source : normal source pictures.
    target : unlabelled target pictures, None where nothing is aligned.
    config : recipe and axes; its task fields are not read, its seed is.
    choose : called before the first step, and again ``config.reclusterings`` times where the backbone's own space
        selects; returns the selection over the target's rows.
    progress : show a bar on a terminal.

    Returns
    -------
    Training.

    Source
    ------
    Eq. 10 with SGD and cosine annealing. Deviations: length counts steps, the paper's epochs mean one step on its
    smallest classes; source and target go through the network together; statistics, scale and shift of BatchNorm stay
    frozen unless ``train_batch_norm``; a batch without negatives falls back to in-batch ones.
    """
    device = backbone.stem.device
    rng = np.random.default_rng([config.seed, 7])
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(config.seed)
        return _train(backbone, source, target, config, choose, progress, device, rng)


def _train(backbone, source, target, config, choose, progress, device, rng) -> Training:
    backbone.tail.requires_grad_(True).train(config.train_batch_norm)
    if not config.train_batch_norm:  # a bias alone can shrink the sphere, and kills units: scale and shift stay too
        for module in backbone.tail.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.requires_grad_(False)
    normalize_center = config.normalize_features or config.one_class == "msc"
    center = extract(backbone, source, normalize_center).mean(dim=0).to(device)
    done = Training(center, None)
    parameters = [p for p in backbone.tail.parameters() if p.requires_grad]
    adversary = None
    if config.aligns and config.alignment == "grl":
        adversary = DomainDiscriminator(len(center)).to(device)
        parameters += adversary.parameters()
    optimizer = torch.optim.SGD(
        parameters,
        lr=config.learning_rate,
        momentum=config.momentum,
        nesterov=config.momentum > 0,
        weight_decay=config.weight_decay,
    )
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=config.steps)
    views = _views(backbone.stem.size_px) if config.one_class == "msc" else None
    precision = torch.autocast("cuda", dtype=torch.bfloat16) if device.type == "cuda" else nullcontext()
    source_stream = row_stream(len(source), config.batch_size, rng)
    losses = []
    bar = tqdm(total=config.steps, desc="train", disable=None if progress else True, leave=False)
    for segment in _segments(config):
        plan = [(next(source_stream), None) for _ in segment]
        if config.aligns:
            done.selection = choose()
            rows = done.selection.rows
            target_stream = row_stream(len(rows), config.batch_size, rng)
            plan = [(source_rows, rows[next(target_stream)]) for source_rows, _ in plan]
        for step, (x_source, x_target, target_rows) in zip(segment, _batches(source, target, plan), strict=True):
            x_source = x_source.to(device, non_blocking=True)
            if views is not None:
                x_source = torch.stack([views(x) for x in x_source for _ in range(2)])  # (2n, 3, h, w), twins adjacent
            x = x_source if x_target is None else torch.cat([x_source, x_target.to(device, non_blocking=True)])
            x = x.to(memory_format=torch.channels_last)
            with precision:
                features = backbone(x)
            features = features.float()
            z = _scaled(features, config.normalize_features)
            z_source, z_target = z[: len(x_source)], z[len(x_source) :]
            loss = one_class = config.lambda_one_class * _one_class_loss(z_source, center, config)
            if config.aligns:
                align = _alignment_loss(z_source, z_target, target_rows, step, config, done, adversary)
                loss = one_class + config.lambda_alignment * align
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            if config.clip_norm:
                nn.utils.clip_grad_norm_(parameters, config.clip_norm)
            optimizer.step()
            schedule.step()
            losses.append(torch.stack([one_class.detach(), (loss - one_class).detach()]))
            bar.update()
    bar.close()
    if losses:
        one_class, align = torch.stack(losses).cpu().numpy().T
        done.losses = {"one_class": one_class, "alignment": align}
    return done


def _segments(config: RunConfig) -> list[np.ndarray]:
    """Steps between two selections."""
    again = config.aligns and config.selection_space == "backbone"
    segments = np.array_split(np.arange(config.steps), config.reclusterings if again else 1)
    return [segment for segment in segments if len(segment)]


def _one_class_loss(z_source: Tensor, center: Tensor, config: RunConfig) -> Tensor:
    if config.one_class == "msc":
        return msc_loss(z_source[0::2], z_source[1::2], center, config.msc_temperature)
    return dsvdd_loss(z_source, z_source.detach().mean(dim=0) if config.center == "batch" else center)


def _alignment_loss(z_source, z_target, target_rows, step, config, done: Training, adversary) -> Tensor:
    z_positive = z_target[torch.as_tensor(done.selection.positive[target_rows])]
    if len(z_positive) < (2 if config.alignment == "mmd" else 1):
        done.skipped_steps += 1
        return z_source.new_zeros(())
    if config.alignment == "mmd":
        return mmd_loss(z_source, z_positive)
    if config.alignment == "grl":
        strength = reversal_strength(step / config.steps)
        logits = adversary(reverse_gradient(torch.cat([z_source, z_positive]), strength))
        return domain_adversarial_loss(logits[: len(z_source)], logits[len(z_source) :])
    in_batch = config.negatives in ("in_batch", "both")
    z_negative = z_target[torch.as_tensor(done.selection.negative[target_rows])]
    if not in_batch and not len(z_negative):
        done.fallback_steps += 1
        in_batch = True
    return contrastive_loss(z_source, z_positive, z_negative, config.temperature, in_batch)
