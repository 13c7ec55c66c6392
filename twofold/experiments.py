"""One run from its configuration to its result: load, split, encode, select, train, score, judge."""

from __future__ import annotations

import hashlib
import json
import platform
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from functools import lru_cache, partial
from importlib.metadata import version
from typing import Any

import numpy as np
import torch
from threadpoolctl import threadpool_limits
from torch import Tensor
from torch.nn import functional

from twofold.backbones import Backbone, Extractor, load_backbone, load_encoder
from twofold.config import PRESETS, RECIPE_VERSION, RunConfig
from twofold.datasets import load_domain
from twofold.domains import Domain
from twofold.embeddings import EmbeddingCache
from twofold.errors import InputError
from twofold.metrics import auroc, average_precision, collapse_verdict, fpr_at_tpr
from twofold.neighbors import knn_distance
from twofold.objectives import center_distance
from twofold.selection import select, selection_quality
from twofold.tasks import Task, View, build_task, join_near_duplicates
from twofold.training import Inputs, Training, extract, train
from twofold.weights import Weights, resolve_weights

__all__ = ["Fitted", "Prepared", "failed", "fit", "pick_device", "prepare", "run", "single_thread"]


@dataclass(frozen=True, eq=False)
class Prepared:
    """A run whose input has been checked: nothing is trained yet, and the hash tells whether it ever was."""

    config: RunConfig
    task: Task
    weights: dict[str, Weights]  # of the networks that this run uses
    config_hash: str


@dataclass(frozen=True, eq=False)
class Fitted:
    """A trained detector on the test pictures."""

    backbone: Backbone | None
    training: Training | None
    features: Tensor  # (n, d) of the test pictures, as the score sees them
    features_before: Tensor  # (n, d) before training
    scores: np.ndarray  # (n,)
    seconds: dict[str, float]


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
            f"wanted a device of this machine, got {device!r}; choose one of: auto, "
            + ", ".join(n for n, f in available if f)
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


@lru_cache(maxsize=8)
def _concepts(dataset: str, source: str, target: str) -> tuple[Domain, Domain]:
    """Emoji domains whose look-alikes are joined, always by the embedded preset's encoder: the split is a fixed thing."""
    fixed = PRESETS["embedded"]
    name, size_px = fixed["encoder"], fixed["by_dataset"]["emoji"]["encoder_size_px"]
    encoder = load_encoder(name, resolve_weights(name), size_px)
    domains = [load_domain(dataset, source), load_domain(dataset, target)]
    features = torch.cat([EmbeddingCache().embed(encoder, domain, range(len(domain))) for domain in domains])
    groups = np.concatenate([domain.groups for domain in domains])
    joined = join_near_duplicates(groups, np.concatenate([domain.class_names for domain in domains]), features)
    n = len(domains[0])
    return replace(domains[0], groups=joined[:n]), replace(domains[1], groups=joined[n:])


def _used(config: RunConfig) -> dict[str, bool]:
    selects_in = config.aligns and (config.selection not in ("all", "oracle") or config.negatives == "sparse_tail")
    return {
        "backbone": config.trains or config.features == "backbone",
        "encoder": (selects_in and config.selection_space == "encoder")
        or (not config.trains and config.features == "encoder"),
    }


def prepare(config: RunConfig, root: str | None = None) -> Prepared:
    """Check all that can be checked before the work begins.

    Parameters
    ----------
    config : from ``configure``.
    root : of folder data sets.

    Returns
    -------
    Prepared.

    Raises
    ------
    InputError : data or weights missing, or a task that cannot be built.
    """
    weights = {
        role: resolve_weights(getattr(config, role), getattr(config, f"{role}_weights"), config.seed)
        for role, used in _used(config).items()
        if used
    }
    if config.dataset == "emoji":
        with single_thread():
            source, target = _concepts(config.dataset, config.source, config.target)
    else:
        source, target = (load_domain(config.dataset, name, root) for name in (config.source, config.target))
    task = build_task(
        source,
        target,
        config.normal,
        config.seed,
        config.anomaly_ratio,
        config.anomaly_classes,
        config.transductive,
        config.paired,
    )
    n = len(task.target_train)
    if config.aligns and config.selection in ("kmeans", "gmm") and config.n_clusters > n:
        raise InputError(f"wanted n_clusters from 1 to the {n} target pictures, got {config.n_clusters}; lower it")
    fields = {**asdict(config), "recipe": RECIPE_VERSION, "split": task.split_hash}
    for role in ("backbone", "encoder"):  # the bytes count, not where they lie
        fields[f"{role}_weights"] = weights[role].key if role in weights else None
    digest = hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()[:16]
    return Prepared(config, task, weights, digest)


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
    oracle_labels = task.target_train_labels if config.oracle else None
    source = task.source_train
    if config.one_class_on == "target_normals":
        source = _subset(task.target_train, np.flatnonzero(oracle_labels == 0))
    if not config.trains:
        return _score_frozen(config, task, source, weights, device, cache)

    start = time.perf_counter()
    backbone = load_backbone(
        config.backbone, weights["backbone"], config.backbone_size_px, config.frozen_stages, config.seed
    )
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
            "standardize": config.standardize,
            "dense_share": config.dense_share,
            "sparse_share": config.sparse_share,
            "neighbors": config.density_neighbors,
            "seed": config.seed,
            "oracle_labels": oracle_labels,
        }
        if config.selection_space == "backbone":

            def choose():
                return select(extract(backbone, x_target, True).numpy(), **options)
        else:
            space = np.zeros((len(task.target_train), 1), np.float32)  # all and oracle look at no feature
            if "encoder" in weights:
                space = task.target_train.embed(_encoder(config, weights, device), cache).numpy()
            choose = partial(select, space, **options)
    features_before = extract(backbone, x_test, config.normalize_features)
    encoded = time.perf_counter()
    log(
        f"encoded {len(source)} source, {len(task.target_train)} target, {len(task.target_test)} test pictures ({encoded - start:.1f} s)"
    )

    training = train(backbone, x_source, x_target, config, choose, progress)
    trained = time.perf_counter()
    log(f"trained {config.steps} steps ({trained - encoded:.1f} s)")

    features = extract(backbone, x_test, config.normalize_features)
    if config.one_class == "msc":
        bank = extract(backbone, x_source, True)
        scores = _knn(features, bank, config.source_neighbors)
    else:
        scores = center_distance(features, training.center.cpu()).numpy()
    seconds = {"encode": encoded - start, "train": trained - encoded, "score": time.perf_counter() - trained}
    return Fitted(backbone, training, features, features_before, scores, seconds)


def _subset(view: View, rows: np.ndarray) -> View:
    return View(view._domain, view._indices[rows])


def _encoder(config: RunConfig, weights: dict[str, Weights], device: torch.device) -> Extractor:
    encoder = load_encoder(config.encoder, weights["encoder"], config.encoder_size_px, config.seed)
    encoder.network.to(device)
    return encoder


def _knn(features: Tensor, reference: Tensor, k: int) -> np.ndarray:
    if not torch.isfinite(features).all() or not torch.isfinite(reference).all():
        return np.full(len(features), np.nan)
    unit = (functional.normalize(features, dim=1).numpy(), functional.normalize(reference, dim=1).numpy())
    return knn_distance(*unit, k)


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
        scores = _knn(features, reference, k)
    seconds = {"encode": encoded - start, "train": 0.0, "score": time.perf_counter() - encoded}
    return Fitted(None, None, features, features, scores, seconds)


def _versions() -> dict[str, str | int]:
    packages = ("twofold", "torch", "torchvision", "timm", "scikit-learn", "numpy")
    return {"recipe": RECIPE_VERSION, "python": platform.python_version(), **{name: version(name) for name in packages}}


def _empty(config: RunConfig) -> dict[str, Any]:
    """A result with every key and no value."""
    return {
        "method": config.name,
        "oracle": config.oracle,
        **{k: getattr(config, k) for k in ("dataset", "source", "target", "normal", "seed", "anomaly_ratio")},
        "auroc": None,
        "average_precision": None,
        "fpr_at_95_tpr": None,
        "dominant": {"size": None, "purity": None, "recall": None, "accuracy": None},
        "collapsed": None,
        "steps": {"total": None, "fallback": None, "skipped": None},
        "seconds": {"total": None, "encode": None, "train": None, "score": None},
        "config": asdict(config),
        "config_hash": None,
        "split_hash": None,
        "weights": {"backbone": None, "encoder": None},
        "versions": _versions(),
        "device": None,
        "error": None,
    }


def failed(config: RunConfig, error: Exception, config_hash: str | None = None) -> dict[str, Any]:
    """The result of a run that ended in an error: a row like any other, with its reason."""
    reason = " ".join(str(error).split()) or type(error).__name__
    return {**_empty(config), "config_hash": config_hash, "error": f"{type(error).__name__}: {reason}"}


def run(
    prepared: Prepared,
    device: str = "auto",
    cache: EmbeddingCache | None = None,
    progress: bool = False,
    log: Callable[[str], None] = lambda line: None,
) -> tuple[dict[str, Any], Fitted]:
    """Do a prepared run.

    Parameters
    ----------
    prepared : from ``prepare``.
    device : auto, cpu, cuda, cuda:1, mps.
    cache : of frozen features.
    progress : bars on a terminal.
    log : takes one line per part of the run.

    Returns
    -------
    result, a nested dictionary with every key of the results' contract, and the fitted detector.
    """
    config, task = prepared.config, prepared.task
    start = time.perf_counter()
    where = pick_device(device)
    with single_thread():
        fitted = fit(config, task, prepared.weights, where, cache or EmbeddingCache(), progress, log)
        labels, scores = task.target_test_labels, fitted.scores
        result = _empty(config)
        result["auroc"] = auroc(labels, scores)
        result["average_precision"] = average_precision(labels, scores)
        result["fpr_at_95_tpr"] = fpr_at_tpr(labels, scores)
        result["collapsed"] = collapse_verdict(scores, fitted.features.numpy(), fitted.features_before.numpy())
    if fitted.training is not None:
        training = fitted.training
        result["steps"] = {
            "total": config.steps,
            "fallback": training.fallback_steps,
            "skipped": training.skipped_steps,
        }
        if training.selection is not None:
            result["dominant"] = selection_quality(training.selection.positive, task.target_train_labels)
    result["seconds"] = {"total": time.perf_counter() - start, **fitted.seconds}
    result["config_hash"], result["split_hash"] = prepared.config_hash, task.split_hash
    for role, weights in prepared.weights.items():
        result["weights"][role] = {"model": weights.model, "origin": weights.origin, "sha256": weights.key}
    result["device"] = str(where)
    log(
        f"scored: AUROC {result['auroc']:.1f}{', collapsed' if result['collapsed'] else ''} ({result['seconds']['total']:.1f} s)"
    )
    return result, fitted
