"""One run from its configuration to its result: load, split, fit, score, judge; only here are the answers unsealed."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import platform
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import numpy as np
import torch
from torch import Tensor

from twofold.compute import keep_memory, pick_device, single_thread
from twofold.data import load_pair
from twofold.data.background import check_background
from twofold.data.domains import Domain, View
from twofold.data.reading import READING_VERSION
from twofold.data.tasks import Task, build_task
from twofold.errors import InputError
from twofold.methods import METHODS
from twofold.methods.base import Method
from twofold.networks.cache import EmbeddingCache
from twofold.networks.weights import Weights, resolve_weights
from twofold.parts.selection import selection_quality
from twofold.runs.config import RunConfig, TaskConfig
from twofold.runs.metrics import auroc, average_precision, collapse_verdict, fpr_at_tpr
from twofold.runs.presets import RECIPE_VERSION

__all__ = ["OF_TASK", "Finished", "Prepared", "build", "failed", "prepare", "resolved", "run", "task_of"]

OF_TASK = ("dataset", "source", "target", "normal", "seed", "anomaly_ratio")  # told again at the top of a result


@dataclass(frozen=True, eq=False)
class Prepared:
    """A run whose input has been checked: nothing is trained yet, and the hash tells whether it ever was."""

    config: RunConfig
    task: Task
    weights: dict[str, Weights]  # of the networks that this run uses
    device: torch.device
    config_hash: str


@dataclass(frozen=True, eq=False)
class Finished:
    """A fitted method and what it makes of the test pictures."""

    method: Method
    features: Tensor  # (n, d) as the score sees them
    features_before: Tensor  # (n, d) before fitting; the same where nothing is trained
    scores: np.ndarray  # (n,)


def resolved(config: RunConfig) -> dict[str, Weights]:
    """Weights of the networks that a run uses, by role.

    Raises
    ------
    InputError : weights out of reach.
    """
    nets, roles = config.networks, sorted(config.settings.networks)
    return {role: resolve_weights(getattr(nets, role), getattr(nets, f"{role}_weights"), config.task.seed) for role in roles}


def task_of(split: TaskConfig, source: Domain, target: Domain) -> Task:
    """The task that a run's fields make of its two domains.

    Raises
    ------
    InputError : it cannot be built from these pictures.
    """
    return build_task(
        source,
        target,
        split.normal,
        split.seed,
        split.anomaly_ratio,
        split.anomaly_classes,
        split.transductive,
        split.paired,
        split.n_target,
    )


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
    where, weights, split = pick_device(device), resolved(config), config.task
    task = task_of(split, *load_pair(split.dataset, split.source, split.target, root))
    n, n_clusters = len(task.target_train), getattr(config.settings, "n_clusters", 1)
    if "n_clusters" not in config.settings.unread() and n_clusters > n:
        raise InputError(f"wanted n_clusters from 1 to the {n} target pictures, got {n_clusters}; lower it")
    check_background(getattr(config.settings, "background", "none"), split.dataset, (split.source, split.target))
    fields = {**config.flat, "recipe": RECIPE_VERSION, "reading": READING_VERSION, "split": task.split_hash}
    fields["device"], fields["content"] = where.type, config.settings.content()
    if config.shots is not None:
        fields["told"] = _shots(config, task).contents.tolist()
    for role in ("backbone", "encoder"):  # the bytes count, not where they lie
        fields[f"{role}_weights"] = weights[role].key if role in weights else None
    digest = hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()[:16]
    return Prepared(config, task, weights, where, digest)


def _shots(config: RunConfig, task: Task) -> View:
    """The target pictures that a run is told to be normal."""
    most = len(task.target_normals) // 2
    if config.shots > most:
        raise InputError(
            f"wanted shots from 1 to {most}, half of the {len(task.target_normals)} normals of {config.task.normal!r} that are "
            f"not tested, got {config.shots}; lower it"
        )
    return task.target_normals.subset(np.arange(config.shots))


def build(config: RunConfig, device: torch.device, cache: EmbeddingCache | None = None, progress: bool = False) -> Method:
    """The method of a run, its networks loaded, nothing fitted."""
    cls, _ = METHODS[config.method]
    method = cls(config.settings, config.networks, config.recipe, config.task.seed, cache, progress)
    return method.to(device)


def _versions() -> dict[str, str | int]:
    packages = ("twofold", "torch", "torchvision", "timm", "scikit-learn", "numpy")
    return {"recipe": RECIPE_VERSION, "python": platform.python_version(), **{name: version(name) for name in packages}}


def _empty(config: RunConfig) -> dict[str, Any]:
    """A result with every key and no value."""
    task = dataclasses.asdict(config.task)
    return {
        "method": config.name,
        "base": config.method,
        "changed": config.changed,
        "oracle": config.oracle,
        "told": config.told,
        "shots": config.shots,
        **{key: task[key] for key in OF_TASK},
        "auroc": None,
        "average_precision": None,
        "fpr_at_95_tpr": None,
        "dominant": {"size": None, "purity": None, "recall": None, "accuracy": None},
        "collapsed": None,
        "notes": {},
        "seconds": {"total": None, "encode": None, "train": None, "score": None},
        "config": dataclasses.asdict(config),
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


def _fit(prepared: Prepared, method: Method, log: Callable[[str], None]) -> tuple[Finished, dict[str, float]]:
    """Fit and score. Only what ``told`` names leaves the answer sheet, and nothing of the test."""
    config, task = prepared.config, prepared.task
    start = time.perf_counter()
    before = method.embed(task.target_test)
    encoded = time.perf_counter()
    target, told = task.target_train, task.target_train_labels if config.told == "labels" else None
    if config.told == "shots":
        target, told = _shots(config, task), np.zeros(config.shots, int)
    method.fit(task.source_train, target, told)
    fitted = time.perf_counter()
    sizes = f"{len(task.source_train)} source, {len(target)} target, {len(task.target_test)} test pictures"
    log(f"fitted on {sizes} ({fitted - start:.1f} s)")
    features = method.embed(task.target_test) if config.trains else before
    scores = method.anomaly_score(task.target_test, features)
    train = fitted - encoded if config.trains else 0.0
    seconds = {"encode": fitted - start - train, "train": train, "score": time.perf_counter() - fitted}
    return Finished(method, features, before, scores), seconds


def run(
    prepared: Prepared,
    cache: EmbeddingCache | None = None,
    progress: bool = False,
    log: Callable[[str], None] = lambda line: None,
) -> tuple[dict[str, Any], Finished]:
    """Do a prepared run.

    Parameters
    ----------
    prepared : from ``prepare``.
    cache : of frozen features.
    progress : bars on a terminal.
    log : takes one line per part of the run.

    Returns
    -------
    result, a nested dictionary with every key of the results' contract, and the fitted method.
    """
    config, task = prepared.config, prepared.task
    start = time.perf_counter()
    keep_memory()
    torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark = True, False
    with single_thread():
        finished, seconds = _fit(prepared, build(config, prepared.device, cache, progress), log)
        labels, scores = task.target_test_labels, finished.scores
        result = _empty(config)
        result["auroc"] = auroc(labels, scores)
        result["average_precision"] = average_precision(labels, scores)
        result["fpr_at_95_tpr"] = fpr_at_tpr(labels, scores)
        result["collapsed"] = collapse_verdict(scores, finished.features.numpy(), finished.features_before.numpy())
    if finished.method.selected_ is not None:
        result["dominant"] = selection_quality(finished.method.selected_, task.target_train_labels)
    result["notes"] = finished.method.notes_
    result["seconds"] = {"total": time.perf_counter() - start, **seconds}
    result["config_hash"], result["split_hash"] = prepared.config_hash, task.split_hash
    for role, weights in prepared.weights.items():
        result["weights"][role] = {"model": weights.model, "origin": weights.origin, "sha256": weights.key}
    result["device"] = str(prepared.device)
    verdict = f"{result['auroc']:.1f}{', collapsed' if result['collapsed'] else ''}"
    log(f"scored: AUROC {verdict} ({result['seconds']['total']:.1f} s)")
    return result, finished
