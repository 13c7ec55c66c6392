"""A detector fitted to a task: a trained backbone or a frozen network, and its scores on the test pictures."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from threadpoolctl import threadpool_limits
from torch import Tensor
from torch.nn import functional

from twofold.data.tasks import Task, View
from twofold.errors import InputError
from twofold.methods.training import Inputs, Training, extract, train
from twofold.networks.backbones import Backbone, Extractor, load_backbone, load_encoder, load_layers
from twofold.networks.cache import EmbeddingCache
from twofold.networks.weights import Weights
from twofold.parts.gaussians import fit_pooled
from twofold.parts.neighbors import knn_distance
from twofold.parts.one_class import center_distance
from twofold.parts.selection import select
from twofold.runs.config import RunConfig

__all__ = ["Fitted", "embed_layers", "fit", "pick_device", "single_thread"]


@dataclass(frozen=True, eq=False)
class Fitted:
    """A trained detector on the test pictures."""

    backbone: Backbone | None
    training: Training | None
    features: Tensor  # (n, d) of the test pictures, as the score sees them
    features_before: Tensor  # (n, d) before training
    scores: np.ndarray  # (n,)
    seconds: dict[str, float]
    kept: np.ndarray | None = None  # (n,) target pictures that a frozen detector takes for normal
    contrast: float | None = None  # how unequal the distances within the target are, seen without a label


def pick_device(device: str = "auto") -> torch.device:
    """``auto`` is cuda, then mps, then cpu.

    Raises
    ------
    InputError : a device that this machine does not have.

    >>> pick_device("cpu")
    device(type='cpu')
    """
    available = [("cuda", torch.cuda.is_available()), ("mps", torch.backends.mps.is_available()), ("cpu", True)]
    if device == "auto":
        return torch.device(next(name for name, found in available if found))
    if device.split(":")[0] not in [name for name, found in available if found]:
        raise InputError(
            f"wanted a device of this machine, got {device!r}; choose one of: auto, " + ", ".join(n for n, f in available if f)
        )
    return torch.device(device)


@contextmanager
def single_thread() -> Iterator[None]:
    """One thread on the CPU: scores do not depend on how many cores or jobs there are."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with threadpool_limits(1):
            yield
    finally:
        torch.set_num_threads(before)


def fit(
    config: RunConfig,
    task: Task,
    weights: dict[str, Weights],
    device: torch.device,
    cache: EmbeddingCache,
    progress: bool = False,
    log: Callable[[str], None] = lambda line: None,
) -> Fitted:
    """Train as configured and score the test pictures.

    Only oracles read ``task.target_train_labels``; nothing here reads the test labels or the anomaly ratio.
    """
    torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark = True, False
    oracle_labels = task.target_train_labels if config.oracle else None
    source = task.source_train
    if config.one_class_on == "target_normals":
        source = task.target_train.subset(np.flatnonzero(oracle_labels == 0))
    if config.frozen_score == "pooled_gaussian" and not config.trains:
        return _score_pooled(config, task, source, weights, device, cache, oracle_labels)
    if not config.trains:
        return _score_frozen(config, task, source, weights, device, cache)

    start = time.perf_counter()
    backbone = load_backbone(config.backbone, weights["backbone"], config.backbone_size_px, config.frozen_stages, config.seed)
    backbone.to(device)
    stem_cache = None if config.one_class == "msc" else cache  # augmented views have no features to keep
    x_source = Inputs(source, backbone, stem_cache)
    x_target = Inputs(task.target_train, backbone, stem_cache) if config.aligns else None
    x_test = Inputs(task.target_test, backbone, cache)
    choose = None
    if config.aligns:
        options = {
            "selection": config.selection,
            "negatives": config.negatives,
            "n_clusters": config.n_clusters,
            "whiten_dims": config.whiten_dims,
            "dense_share": config.dense_share,
            "sparse_share": config.sparse_share,
            "neighbors": config.density_neighbors,
            "seed": config.seed,
            "oracle_labels": oracle_labels,
        }
        if config.selection_space == "backbone":

            def choose():
                # a diverged network has no space left to select in: the run goes on to its verdict
                return select(np.nan_to_num(extract(backbone, x_target, True).numpy()), **options)
        else:
            space = np.zeros((len(task.target_train), 1), np.float32)  # all and oracle look at no feature
            if "encoder" in weights:
                space = task.target_train.embed(_encoder(config, weights, device), cache).numpy()
            choose = partial(select, space, **options)
    features_before = extract(backbone, x_test, config.normalize_features)
    encoded = time.perf_counter()
    sizes = f"{len(source)} source, {len(task.target_train)} target, {len(task.target_test)} test pictures"
    log(f"encoded {sizes} ({encoded - start:.1f} s)")

    training = train(backbone, x_source, x_target, config, choose, progress)
    trained = time.perf_counter()
    log(f"trained {config.steps} steps ({trained - encoded:.1f} s)")

    features = extract(backbone, x_test, config.normalize_features)
    if config.one_class == "msc":
        bank = extract(backbone, x_source, True)
        scores = _knn(features, bank, config.source_neighbors, task.target_test.rows_in(source))
    else:
        scores = center_distance(features, training.center.cpu()).numpy()
    seconds = {"encode": encoded - start, "train": trained - encoded, "score": time.perf_counter() - trained}
    return Fitted(backbone, training, features, features_before, scores, seconds)


def _encoder(config: RunConfig, weights: dict[str, Weights], device: torch.device) -> Extractor:
    encoder = load_encoder(config.encoder, weights["encoder"], config.encoder_size_px, config.seed)
    encoder.network.to(device)
    return encoder


def _knn(features: Tensor, reference: Tensor, k: int, own: np.ndarray | None) -> np.ndarray:
    if not torch.isfinite(features).all() or not torch.isfinite(reference).all():
        return np.full(len(features), np.nan)
    unit = (functional.normalize(features, dim=1).numpy(), functional.normalize(reference, dim=1).numpy())
    return knn_distance(*unit, k, own)


def _score_frozen(
    config: RunConfig,
    task: Task,
    source: View,
    weights: dict[str, Weights],
    device: torch.device,
    cache: EmbeddingCache,
) -> Fitted:
    """Detectors that train nothing: the source's mean, or the nearest source or target pictures."""
    start = time.perf_counter()
    reference_view = task.target_train if config.frozen_score == "target_knn" else source
    if config.features == "encoder":
        encoder = _encoder(config, weights, device)
        reference, features = (view.embed(encoder, cache) for view in (reference_view, task.target_test))
    else:
        backbone = load_backbone(
            config.backbone, weights["backbone"], config.backbone_size_px, config.frozen_stages, config.seed
        )
        backbone.to(device)
        reference, features = (
            extract(backbone, Inputs(view, backbone, cache), False) for view in (reference_view, task.target_test)
        )
    encoded = time.perf_counter()
    if config.frozen_score == "source_mean":
        if config.normalize_features:
            reference, features = functional.normalize(reference, dim=1), functional.normalize(features, dim=1)
        scores = center_distance(features, reference.mean(dim=0)).numpy()
    else:
        k = config.target_neighbors if config.frozen_score == "target_knn" else config.source_neighbors
        scores = _knn(features, reference, k, task.target_test.rows_in(reference_view))
    seconds = {"encode": encoded - start, "train": 0.0, "score": time.perf_counter() - encoded}
    return Fitted(None, None, features, features, scores, seconds)


def embed_layers(
    config: RunConfig,
    views: Sequence[View],
    weights: dict[str, Weights],
    device: torch.device,
    cache: EmbeddingCache,
) -> list[list[np.ndarray]]:
    """Of each view its (n, d) features in each layer that a pooled Gaussian looks at, all seen at the encoder's size."""
    layers: list[list[np.ndarray]] = [[] for _ in views]
    for role in ("encoder", "backbone"):
        if config.features not in (role, "both"):
            continue
        name, size_px = getattr(config, role), config.encoder_size_px
        extractor, widths = load_layers(name, weights[role], size_px, config.hidden_layer, config.seed)
        extractor.network.to(device)
        for view, found in zip(views, layers, strict=True):
            found += np.split(view.embed(extractor, cache).numpy(), np.cumsum(widths)[:-1], axis=1)
    return layers


def _score_pooled(
    config: RunConfig,
    task: Task,
    source: View,
    weights: dict[str, Weights],
    device: torch.device,
    cache: EmbeddingCache,
    oracle_labels: np.ndarray | None,
) -> Fitted:
    """Trimmed Gaussians in the layers of frozen networks, seen at the encoder's size."""
    start = time.perf_counter()
    views = (source, task.target_train, task.target_test)
    of_source, of_target, of_test = embed_layers(config, views, weights, device, cache)
    encoded = time.perf_counter()
    kept = {"trimmed": None, "all": np.ones(len(task.target_train), bool)}.get(config.selection)
    if config.selection == "oracle":
        kept = oracle_labels == 0
    fitted = fit_pooled(of_source, of_target, config.kept_share, config.source_weight, kept)
    scores = fitted.anomaly_score(of_test)
    own = task.target_test.rows_in(task.target_train)
    if own is not None:  # a picture of the unlabelled target is judged by Gaussians fitted without it
        scores = np.where(own >= 0, fitted.train_scores[own], scores)
    features = torch.from_numpy(of_test[-1])
    seconds = {"encode": encoded - start, "train": 0.0, "score": time.perf_counter() - encoded}
    return Fitted(None, None, features, features, scores, seconds, fitted.kept, fitted.contrast)
