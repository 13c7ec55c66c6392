"""The curse in a plane: two domains of points, ways of aligning them, and the terms of the adaptation bound (Eq. 2-4)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression

from twofold.errors import InputError
from twofold.parts.selection import dominant_cluster, selection_quality
from twofold.runs.metrics import auroc

__all__ = ["RULES", "SHAPES", "Scene", "align", "bound_terms", "discrepancy", "matching_map", "measure", "simulate", "sphere"]

SHAPES = {  # angles of the anomalies' clusters around the normals, in degrees; None is all around
    "coherent": (35.0,),
    "scattered": (10.0, 70.0, 130.0, 250.0),
    "ring": None,
}
RULES = ("source_only", "align_all", "twofold", "oracle")  # the methods of the same names, with an affine map for a network
NORMAL_STD = (1.0, 0.6)
ANOMALY_DISTANCE, ANOMALY_STD = 4.5, 0.4
TARGET_TURN, TARGET_SCALE, TARGET_SHIFT = np.deg2rad(25.0), 1.3, (-1.4, -2.0)  # what the change of domain does to all points


@dataclass(frozen=True, eq=False)
class Scene:
    """Points (n, 2) of both domains; labels are 0 normal, 1 anomalous, and only those that are held out serve to judge."""

    source: np.ndarray  # normal, all that a one-class method knows of the source
    source_test: np.ndarray  # with anomalies, which the bound asks for and one-class training never has
    source_test_labels: np.ndarray
    target: np.ndarray  # unlabelled
    target_labels: np.ndarray  # for the oracle
    target_test: np.ndarray
    target_test_labels: np.ndarray
    selected: np.ndarray  # (n,) bool, target points that an alignment was fitted on


def _points(rng: np.random.Generator, shape: str, n_normal: int, n_anomalous: int) -> np.ndarray:
    normals = rng.normal(size=(n_normal, 2)) * NORMAL_STD
    angles = SHAPES[shape]
    turn = rng.uniform(0, 360, n_anomalous) if angles is None else rng.choice(angles, n_anomalous)
    places = ANOMALY_DISTANCE * np.column_stack([np.cos(np.deg2rad(turn)), np.sin(np.deg2rad(turn))])
    return np.concatenate([normals, places + ANOMALY_STD * rng.normal(size=places.shape)])


def _shifted(points: np.ndarray) -> np.ndarray:
    cos, sin = np.cos(TARGET_TURN), np.sin(TARGET_TURN)
    return TARGET_SCALE * points @ np.array([[cos, sin], [-sin, cos]]) + TARGET_SHIFT


def simulate(shape: str = "coherent", anomaly_ratio: float = 0.25, n: int = 600, seed: int = 0) -> Scene:
    """A source of normals, and a target that is turned, widened and moved and holds anomalies.

    Parameters
    ----------
    shape : where anomalies lie: one coherent cluster, clusters scattered around the normals, or a ring.
    anomaly_ratio : share among the unlabelled target points, in [0, 1).
    n : source points, unlabelled target points, and normals as well as anomalies of each test set.
    seed : of every draw; test points do not depend on the ratio.

    Returns
    -------
    Scene, nothing aligned.

    Raises
    ------
    InputError : an unknown shape, a ratio outside [0, 1), fewer than 20 points.

    >>> scene = simulate("ring", anomaly_ratio=0.1, n=100)
    >>> len(scene.target), int(scene.target_labels.sum())
    (100, 10)
    """
    if shape not in SHAPES:
        raise InputError(f"wanted a shape, got {shape!r}; choose one of: {', '.join(SHAPES)}")
    if not 0 <= anomaly_ratio < 1:
        raise InputError(f"wanted anomaly_ratio in [0, 1), got {anomaly_ratio}; 0.1 is one anomaly in ten points")
    if n < 20:
        raise InputError(f"wanted n of at least 20 points, got {n}; a covariance needs some")
    n_anomalous = round(anomaly_ratio * n)
    tests, target = np.random.default_rng([seed, 0]), np.random.default_rng([seed, 1])
    test_labels = np.repeat([0, 1], n)
    return Scene(
        source=_points(tests, shape, n, 0),
        source_test=_points(tests, shape, n, n),
        source_test_labels=test_labels,
        target_test=_shifted(_points(tests, shape, n, n)),
        target_test_labels=test_labels,
        target=_shifted(_points(target, shape, n - n_anomalous, n_anomalous)),
        target_labels=np.repeat([0, 1], [n - n_anomalous, n_anomalous]),
        selected=np.zeros(n, bool),
    )


def _power(covariance: np.ndarray, exponent: float) -> np.ndarray:
    values, vectors = np.linalg.eigh(covariance)
    return (vectors * np.maximum(values, 1e-9) ** exponent) @ vectors.T


def matching_map(points: np.ndarray, onto: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    r"""The affine map that gives points the mean and covariance of others (CORAL, with means).

    .. math:: g(x) = (x - \mu)\, \Sigma^{-1/2}\, \Sigma_s^{1/2} + \mu_s

    Parameters
    ----------
    points : (n, d)
    onto : (m, d)

    Returns
    -------
    (d, d) matrix and (d,) offset of ``points @ matrix + offset``.

    Source
    ------
    Sun, Feng & Saenko 2016. Deviations: means are matched too, no ridge.

    >>> matrix, offset = matching_map(np.array([[0.0], [2.0]]), np.array([[5.0], [9.0]]))
    >>> matrix.round(3).tolist(), offset.round(3).tolist()
    ([[2.0]], [5.0])
    """
    whitened, colored = (np.atleast_2d(np.cov(x, rowvar=False)) for x in (points, onto))
    matrix = _power(whitened, -0.5) @ _power(colored, 0.5)
    return matrix, onto.mean(axis=0) - points.mean(axis=0) @ matrix


def align(scene: Scene, rule: str, n_clusters: int = 2, strength: float = 1.0, seed: int = 0) -> Scene:
    """Map the target onto the source by what a rule takes for normal.

    Parameters
    ----------
    scene : from ``simulate``.
    rule : ``source_only`` maps nothing, ``align_all`` fits the map on every target point, ``twofold`` on the dominant
        K-means cluster, ``oracle`` on the true normals.
    n_clusters : K of twofold.
    strength : 0 stays where it was, 1 is the whole way to the fitted map, between them a straight line.
    seed : of the clustering.

    Returns
    -------
    Scene whose target is mapped and whose ``selected`` says what the map was fitted on.

    Raises
    ------
    InputError : an unknown rule, or more clusters than points.
    """
    if rule not in RULES:
        raise InputError(f"wanted a rule, got {rule!r}; choose one of: {', '.join(RULES)}")
    if rule == "source_only":
        return scene
    selected = np.ones(len(scene.target), bool)
    if rule == "twofold":
        selected = dominant_cluster(scene.target, "kmeans", n_clusters, seed)
    elif rule == "oracle":
        selected = scene.target_labels == 0
    matrix, offset = matching_map(scene.target[selected], scene.source)

    def moved(points: np.ndarray) -> np.ndarray:
        return (1 - strength) * points + strength * (points @ matrix + offset)

    return replace(scene, target=moved(scene.target), target_test=moved(scene.target_test), selected=selected)


def sphere(scene: Scene, share: float = 0.95) -> tuple[np.ndarray, float]:
    """Centre and radius of the circle around the source's mean that holds a share of its normals."""
    center = scene.source.mean(axis=0)
    return center, float(np.quantile(np.linalg.norm(scene.source - center, axis=1), share))


def discrepancy(points: np.ndarray, others: np.ndarray) -> float:
    r"""Proxy A-distance: how well a line tells two clouds apart.

    .. math:: \hat d = 2 (1 - 2 \hat\epsilon)

    Parameters
    ----------
    points, others : (n, d), (m, d)

    Returns
    -------
    [0, 2]; 0 where the line is not better than a coin. Its error weighs both clouds the same, and is taken on the half of
    the points that the line was not fitted on.

    Source
    ------
    Ben-David et al. 2007. Deviations: logistic regression, cut off at 0. Blind to all but what a line sees.
    ``look_inside.proxy_a_distance`` cross-validates on standardised features: it has few pictures in many dimensions.

    >>> near, far = np.zeros((8, 1)) + np.arange(8)[:, None] / 10, np.full((8, 1), 9.0)
    >>> discrepancy(near, far), discrepancy(near, near)
    (2.0, 0.0)
    """
    x, y = np.concatenate([points, others]), np.repeat([0, 1], [len(points), len(others)])
    fitted = np.arange(len(x)) % 2 == 0
    told = LogisticRegression(class_weight="balanced").fit(x[fitted], y[fitted]).predict(x[~fitted])
    error = np.mean([(told[y[~fitted] == side] != side).mean() for side in (0, 1)])
    return float(max(0.0, 2 * (1 - 2 * error)))


def _errors(distances: np.ndarray, labels: np.ndarray, radii: np.ndarray) -> np.ndarray:
    """Error of each radius, normals outside and anomalies inside weighed the same."""
    outside = distances[None, :] > radii[:, None]  # (radii, n)
    return (outside[:, labels == 0].mean(axis=1) + (~outside[:, labels == 1]).mean(axis=1)) / 2


def bound_terms(scene: Scene) -> dict[str, float]:
    r"""Stand-ins for every term of the bound on a scene, judged with all labels.

    .. math:: \epsilon_t \le \epsilon_s + \tfrac12 d + \lambda

    Parameters
    ----------
    scene : aligned or not.

    Returns
    -------
    source_error and target_error of the sphere; discrepancy of the source's normals to all target points, to the selected
    ones (Eq. 4; NaN where none are) and to the true normals (Eq. 3); ideal_joint_error, the least sum of both errors that
    one radius reaches; normals_outside and anomalies_inside the sphere on the target; auroc (percent) of the distance to
    the centre; purity and recall of the selected. Shares are in [0, 1].

    Source
    ------
    Eq. 2-4 and Ben-David et al. 2010, Theorem 2 (the factor 1/2). Deviations: a line's proxy in place of the supremum over
    pairs of detectors, so the sum need not bound; the source's side of the discrepancy has normals only, as in training.
    """
    center, radius = sphere(scene)
    labels, source_labels = scene.target_test_labels, scene.source_test_labels
    source, target = (np.linalg.norm(x - center, axis=1) for x in (scene.source_test, scene.target_test))
    radii = np.quantile(np.concatenate([[0.0], source, target]), np.linspace(0, 1, 400))
    at, selected = np.array([radius]), scene.selected
    quality = selection_quality(selected, scene.target_labels)
    return {
        "source_error": float(_errors(source, source_labels, at)[0]),
        "discrepancy": discrepancy(scene.source, scene.target),
        "discrepancy_selected": discrepancy(scene.source, scene.target[selected]) if selected.any() else float("nan"),
        "discrepancy_normals": discrepancy(scene.source, scene.target[scene.target_labels == 0]),
        "ideal_joint_error": float((_errors(source, source_labels, radii) + _errors(target, labels, radii)).min()),
        "target_error": float(_errors(target, labels, at)[0]),
        "normals_outside": float((target[labels == 0] > radius).mean()),
        "anomalies_inside": float((target[labels == 1] <= radius).mean()),
        "auroc": auroc(labels, target),
        "purity": float("nan") if quality["purity"] is None else quality["purity"],
        "recall": quality["recall"],
    }


def measure(
    shapes: Sequence[str] = ("coherent",),
    ratios: Sequence[float] = (0.25,),
    rules: Sequence[str] = RULES,
    n_clusters: Sequence[int] = (2,),
    strengths: Sequence[float] = (1.0,),
    seeds: Sequence[int] = (0,),
    n: int = 600,
) -> pd.DataFrame:
    """``bound_terms`` over the product of all settings, one row each; K and strength vary only for rules that have them.

    >>> measure(ratios=[0.1, 0.4], n_clusters=[2, 5], n=50).groupby("rule", sort=False).size().to_dict()
    {'source_only': 2, 'align_all': 2, 'twofold': 4, 'oracle': 2}
    """
    rows = []
    for shape, ratio, seed in product(shapes, ratios, seeds):
        scene = simulate(shape, ratio, n, seed)
        for rule in rules:
            ks = n_clusters if rule == "twofold" else n_clusters[:1]
            for k, strength in product(ks, strengths[:1] if rule == "source_only" else strengths):
                keys = {
                    "shape": shape,
                    "anomaly_ratio": ratio,
                    "seed": seed,
                    "rule": rule,
                    "n_clusters": k,
                    "strength": strength,
                }
                rows.append({**keys, **bound_terms(align(scene, rule, k, strength, seed))})
    return pd.DataFrame(rows)
