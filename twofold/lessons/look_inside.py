"""One run looked at closely: what its network makes of both domains, before training and after."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.manifold import TSNE
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from twofold.data.tasks import Task, View
from twofold.methods.detectors import single_thread
from twofold.methods.training import Inputs, extract
from twofold.networks.backbones import load_backbone
from twofold.networks.cache import EmbeddingCache
from twofold.parts.one_class import center_distance
from twofold.parts.selection import Selection
from twofold.runs.config import RunConfig
from twofold.runs.run import Prepared, prepare, run

__all__ = [
    "ROLES",
    "Anatomy",
    "distance_table",
    "features_before_and_after",
    "proxy_a_distance",
    "tsne",
    "untrained_features",
]

ROLES = ("normal", "anomalous")  # of labels 0 and 1


@dataclass(frozen=True, eq=False)
class Anatomy:
    """A trained run taken apart. Labels stand here to judge and to frame pictures, after the last step."""

    config: RunConfig
    result: dict[str, Any]
    task: Task
    source_before: np.ndarray  # (n_source, d) of the source's training pictures, as the score sees them
    source: np.ndarray  # (n_source, d) after training
    target_before: np.ndarray  # (n, d) of the target's test pictures
    target: np.ndarray  # (n, d) after training
    labels: np.ndarray  # (n,) 0 normal, 1 anomalous
    source_scores: np.ndarray  # (n_source,)
    scores: np.ndarray  # (n,)
    losses: dict[str, np.ndarray]  # per step
    selection: Selection | None  # over the unlabelled target's rows


def untrained_features(prepared: Prepared, view: View, cache: EmbeddingCache | None = None) -> np.ndarray:
    """Features (n, d) of a view in a run's backbone before its first step, as the score sees them."""
    config = prepared.config
    shape = (config.backbone_size_px, config.frozen_stages, config.seed)
    backbone = load_backbone(config.backbone, prepared.weights["backbone"], *shape).to(prepared.device)
    inputs = Inputs(view, backbone, cache or EmbeddingCache())
    return extract(backbone, inputs, config.normalize_features).numpy()


def features_before_and_after(config: RunConfig, root: str | None = None, cache: EmbeddingCache | None = None) -> Anatomy:
    """Do a run in memory and keep what the run store does not: both domains' features, before and after, and the losses.

    Parameters
    ----------
    config : of a DSVDD run, whose score is the distance to its centre.
    root : of folder data sets.
    cache : of frozen features.

    Returns
    -------
    Anatomy.

    Raises
    ------
    ValueError : the run trains nothing, or scores otherwise.
    InputError : data or weights missing.
    """
    if config.one_class != "dsvdd":
        raise ValueError(f"config must train with one_class 'dsvdd', got {config.one_class!r}; choose a method that trains")
    prepared, cache = prepare(config, root), cache or EmbeddingCache()
    task = prepared.task
    result, fitted = run(prepared, cache)
    with single_thread():
        source_before = untrained_features(prepared, task.source_train, cache)
        source = extract(fitted.backbone, Inputs(task.source_train, fitted.backbone, cache), config.normalize_features)
    return Anatomy(
        config,
        result,
        task,
        source_before,
        source.numpy(),
        fitted.features_before.numpy(),
        fitted.features.numpy(),
        task.target_test_labels,
        center_distance(source, fitted.training.center.cpu()).numpy(),
        fitted.scores,
        fitted.training.losses,
        fitted.training.selection,
    )


def proxy_a_distance(z_a: np.ndarray, z_b: np.ndarray, folds: int = 5, seed: int = 0) -> float:
    r"""How well a linear classifier tells two sets of features apart.

    .. math:: \hat d_A = 2 (1 - 2 \epsilon)

    Parameters
    ----------
    z_a : (n_a, d)
    z_b : (n_b, d)
    folds : of the cross-validation, at most the rows of the smaller side.
    seed : of the folds.

    Returns
    -------
    2 where the two never mix, about 0 where they cannot be told apart (a little below by chance, never below -2); NaN
    where a feature is not finite.

    Raises
    ------
    ValueError : widths differ, or a side has fewer rows than folds.

    Source
    ------
    Ben-David et al. 2007. Deviations: epsilon is the mean of the two sides' errors in cross-validation, since the sides
    differ in size; the classifier is a logistic regression on standardised features.

    >>> proxy_a_distance(np.zeros((9, 2)), np.zeros((5, 2))), proxy_a_distance(np.zeros((9, 1)), np.ones((5, 1)))
    (0.0, 2.0)
    """
    if z_a.shape[1] != z_b.shape[1]:
        raise ValueError(f"z_b must have {z_a.shape[1]} columns like z_a, got {z_b.shape[1]}; embed both with one network")
    if min(len(z_a), len(z_b)) < folds:
        raise ValueError(f"both sides must have at least {folds} rows, got {len(z_a)} and {len(z_b)}; lower folds")
    z, side = np.concatenate([z_a, z_b]), np.repeat([0, 1], [len(z_a), len(z_b)])
    if not np.isfinite(z).all():
        return float("nan")
    if (z == z[0]).all():
        return 0.0  # one point has no sides
    classifier = make_pipeline(StandardScaler(), LogisticRegression(class_weight="balanced", max_iter=2000))
    with single_thread():
        told = cross_val_predict(classifier, z, side, cv=StratifiedKFold(folds, shuffle=True, random_state=seed))
    error = np.mean([(told[side == k] != k).mean() for k in (0, 1)])
    return float(2 * (1 - 2 * error))


def distance_table(anatomies: Sequence[Anatomy]) -> pd.DataFrame:
    """Proxy A-distance from the source to the target's test normals and anomalies, before training and after.

    Labels choose the two sides, after training, to judge.

    Returns
    -------
    One row a run and role: method, normal, seed, role, before, after.
    """
    known: dict[tuple[bytes, bytes], float] = {}  # all runs of a class begin alike

    def distance(z_source: np.ndarray, z_target: np.ndarray) -> float:
        key = z_source.tobytes(), z_target.tobytes()
        if key not in known:
            known[key] = proxy_a_distance(z_source, z_target)
        return known[key]

    rows = []
    for run_ in anatomies:
        for label, role in enumerate(ROLES):
            chosen = run_.labels == label
            row = {"method": run_.config.name, "normal": run_.config.normal, "seed": run_.config.seed, "role": role}
            row["before"] = distance(run_.source_before, run_.target_before[chosen])
            row["after"] = distance(run_.source, run_.target[chosen])
            rows.append(row)
    return pd.DataFrame(rows)


def tsne(parts: dict[str, np.ndarray], most: int = 120, perplexity: float = 30, seed: int = 0) -> dict[str, np.ndarray]:
    """Features of several parts laid out together in the plane by t-SNE.

    Parameters
    ----------
    parts : name -> (n, d) features.
    most : pictures drawn at random from a larger part.
    perplexity : lowered to a third of the pictures where there are few.
    seed : of the draw and of the layout.

    Returns
    -------
    name -> (at most ``most``, 2). Neighbours mean something; distances between clouds and their sizes do not.

    Raises
    ------
    ValueError : a feature is not finite.

    Source
    ------
    van der Maaten & Hinton 2008, as scikit-learn has it, started from the principal components.
    """
    rng = np.random.default_rng(seed)
    drawn = {name: z[np.sort(rng.permutation(len(z))[:most])] for name, z in parts.items()}
    z = np.concatenate(list(drawn.values()))
    if not np.isfinite(z).all():
        raise ValueError("parts must be finite, got a NaN or an infinity; a run that broke has no map")
    start = "pca" if (z != z[0]).any() else "random"
    with single_thread():
        layout = TSNE(perplexity=min(perplexity, (len(z) - 1) / 3), init=start, random_state=seed, n_jobs=1)
        places = layout.fit_transform(z)
    ends = np.cumsum([len(part) for part in drawn.values()])
    return dict(zip(drawn, np.split(places, ends[:-1]), strict=True))
