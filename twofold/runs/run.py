"""One run from its configuration to its result: load, split, encode, select, train, score, judge."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from importlib.metadata import version
from typing import Any

import numpy as np
import torch

from twofold.networks.backbones import load_encoder
from twofold.runs.config import RunConfig
from twofold.data import load_domain
from twofold.methods.detectors import Fitted, fit, pick_device, single_thread
from twofold.data.domains import Domain
from twofold.networks.cache import EmbeddingCache
from twofold.errors import InputError
from twofold.runs.metrics import auroc, average_precision, collapse_verdict, fpr_at_tpr
from twofold.runs.presets import PRESETS, RECIPE_VERSION
from twofold.parts.selection import selection_quality
from twofold.data.tasks import Task, build_task, join_near_duplicates
from twofold.networks.weights import Weights, resolve_weights

__all__ = ["Prepared", "failed", "prepare", "run"]


@dataclass(frozen=True, eq=False)
class Prepared:
    """A run whose input has been checked: nothing is trained yet, and the hash tells whether it ever was."""

    config: RunConfig
    task: Task
    weights: dict[str, Weights]  # of the networks that this run uses
    device: torch.device
    config_hash: str


@lru_cache(maxsize=4)
def _opened(dataset: str, name: str, root: str | None, variable: str | None) -> Domain:
    """A domain listed once per process: a sweep asks for the same two again and again."""
    return load_domain(dataset, name, root)


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
        "backbone": config.trains or config.features != "encoder",
        "encoder": (selects_in and config.selection_space == "encoder")
        or (not config.trains and config.features != "backbone"),
    }


def prepare(config: RunConfig, root: str | None = None, device: str = "auto") -> Prepared:
    """Check all that can be checked before the work begins.

    Parameters
    ----------
    config : from ``configure``.
    root : of folder data sets.
    device : auto, cpu, cuda, cuda:1, mps; its kind is part of the hash, since precision differs.

    Returns
    -------
    Prepared.

    Raises
    ------
    InputError : data or weights missing, or a task that cannot be built.
    """
    where = pick_device(device)
    weights = {
        role: resolve_weights(getattr(config, role), getattr(config, f"{role}_weights"), config.seed)
        for role, used in _used(config).items()
        if used
    }
    if config.dataset == "emoji":
        with single_thread():
            source, target = _concepts(config.dataset, config.source, config.target)
    else:
        source, target = (
            _opened(config.dataset, name, root, os.environ.get("TWOFOLD_DATA")) for name in (config.source, config.target)
        )
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
    fields = {**asdict(config), "recipe": RECIPE_VERSION, "split": task.split_hash, "pictures": task.pictures_hash}
    fields["device"] = where.type
    if config.frozen_score != "pooled_gaussian":  # what a run never looks at does not make it another run
        for field in ("kept_share", "source_weight", "hidden_layer"):
            del fields[field]
    for role in ("backbone", "encoder"):  # the bytes count, not where they lie
        fields[f"{role}_weights"] = weights[role].key if role in weights else None
    digest = hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()[:16]
    return Prepared(config, task, weights, where, digest)


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
        "contrast": None,
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
    cache: EmbeddingCache | None = None,
    progress: bool = False,
    log: Callable[[str], None] = lambda line: None,
) -> tuple[dict[str, Any], Fitted]:
    """Do a prepared run.

    Parameters
    ----------
    prepared : from ``prepare``.
    cache : of frozen features.
    progress : bars on a terminal.
    log : takes one line per part of the run.

    Returns
    -------
    result, a nested dictionary with every key of the results' contract, and the fitted detector.
    """
    config, task = prepared.config, prepared.task
    start = time.perf_counter()
    with single_thread():
        fitted = fit(config, task, prepared.weights, prepared.device, cache or EmbeddingCache(), progress, log)
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
    if fitted.kept is not None:
        result["dominant"] = selection_quality(fitted.kept, task.target_train_labels)
    result["contrast"] = fitted.contrast
    result["seconds"] = {"total": time.perf_counter() - start, **fitted.seconds}
    result["config_hash"], result["split_hash"] = prepared.config_hash, task.split_hash
    for role, weights in prepared.weights.items():
        result["weights"][role] = {"model": weights.model, "origin": weights.origin, "sha256": weights.key}
    result["device"] = str(prepared.device)
    verdict = f"{result['auroc']:.1f}{', collapsed' if result['collapsed'] else ''}"
    log(f"scored: AUROC {verdict} ({result['seconds']['total']:.1f} s)")
    return result, fitted
