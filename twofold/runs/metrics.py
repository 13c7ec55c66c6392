"""How well scores rank anomalies, and whether they are scores at all."""

from __future__ import annotations

from typing import Any

import numpy as np

from twofold.errors import InputError

__all__ = ["auroc", "average_precision", "collapse_parts", "collapse_verdict", "fpr_at_tpr"]

COLLAPSED_VARIANCE = 1e-3  # of that before training
DISTINCT_SHARE = 0.5  # of the pictures


def _checked(labels: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    labels, scores = np.asarray(labels), np.asarray(scores, dtype=float)
    if labels.shape != scores.shape:
        raise ValueError(f"scores must have shape {labels.shape} like labels, got {scores.shape}")
    if not (np.any(labels == 1) and np.any(labels == 0)):
        raise InputError(
            f"wanted normals and anomalies to rank, got {len(labels)} pictures of one kind; add a folder of another class"
        )
    return labels, scores


def auroc(labels: np.ndarray, scores: np.ndarray) -> float:
    """Probability in percent that an anomaly scores above a normal, ties counted half.

    Parameters
    ----------
    labels : (n,) 0 normal, 1 anomalous.
    scores : (n,) higher is more anomalous.

    Returns
    -------
    [0, 100], NaN where a score is not finite.

    Raises
    ------
    InputError : labels of one kind.

    >>> auroc([0, 0, 1], [0.1, 0.5, 0.5])
    75.0
    """
    from sklearn.metrics import roc_auc_score  # imported where it judges: a detector of one's own never does

    labels, scores = _checked(labels, scores)
    return 100 * float(roc_auc_score(labels, scores)) if np.isfinite(scores).all() else float("nan")


def average_precision(labels: np.ndarray, scores: np.ndarray, prevalence: float = 0.1) -> float:
    """Average precision in percent, weighted as if anomalies were a tenth of the pictures.

    One-vs-rest test sets hold mostly anomalies, where precision says little; the weight makes sets comparable.

    Parameters
    ----------
    labels, scores : as in ``auroc``.
    prevalence : share of anomalies the weights stand for.

    Returns
    -------
    [0, 100]; ``100 * prevalence`` for a constant score.

    >>> round(average_precision([0, 1, 1, 1], [0, 0, 0, 0]), 6)
    10.0
    """
    from sklearn.metrics import average_precision_score

    labels, scores = _checked(labels, scores)
    if not np.isfinite(scores).all():
        return float("nan")
    anomalous = labels == 1
    weights = np.where(anomalous, prevalence / anomalous.mean(), (1 - prevalence) / (~anomalous).mean())
    return min(100 * float(average_precision_score(labels, scores, sample_weight=weights)), 100.0)  # weights round up


def fpr_at_tpr(labels: np.ndarray, scores: np.ndarray, tpr: float = 0.95) -> float:
    """Share of normals in percent that are flagged where at least ``tpr`` of the anomalies are.

    >>> fpr_at_tpr([0, 0, 1, 1], [0.0, 0.6, 0.5, 0.9])
    50.0
    """
    from sklearn.metrics import roc_curve

    labels, scores = _checked(labels, scores)
    if not np.isfinite(scores).all():
        return float("nan")
    false_positive, true_positive, _ = roc_curve(labels, scores, drop_intermediate=False)
    return 100 * float(false_positive[true_positive >= tpr].min())


def collapse_parts(scores: np.ndarray, features: np.ndarray, features_before: np.ndarray) -> dict[str, Any]:
    r"""What is left of the test pictures after training, in numbers, and which of them speak of a collapse.

    .. math:: \frac{\sum_j \operatorname{Var} f_j(x)}{\sum_j \operatorname{Var} f^0_j(x)} < 10^{-3}, \qquad
        \frac{\# \{a(x)\}}{n} < \frac{1}{2}

    Parameters
    ----------
    scores : (n,)
    features, features_before : (n, d) of the test pictures after and before training, as the score sees them.

    Returns
    -------
    finite (bool), variance_ratio >= 0 and distinct_share in (0, 1] of float32 scores (both NaN where a value is not finite),
    why: the parts that speak, "" where none does.

    >>> spread = np.arange(8.0).reshape(4, 2)
    >>> collapse_parts(np.ones(4), spread, spread)
    {'finite': True, 'variance_ratio': 1.0, 'distinct_share': 0.25, 'why': 'few distinct scores'}
    """
    if not (np.isfinite(scores).all() and np.isfinite(features).all()):
        return {"finite": False, "variance_ratio": np.nan, "distinct_share": np.nan, "why": "not finite"}
    before, after = features_before.var(axis=0).sum(), features.var(axis=0).sum()
    ratio = float(after / before) if before > 0 else float("nan")  # one point before training has no ratio
    distinct = len(np.unique(np.float32(scores))) / len(scores)
    parts = {"small variance": after < COLLAPSED_VARIANCE * before, "few distinct scores": distinct < DISTINCT_SHARE}
    why = " and ".join(words for words, speaks in parts.items() if speaks)
    return {"finite": True, "variance_ratio": ratio, "distinct_share": distinct, "why": why}


def collapse_verdict(scores: np.ndarray, features: np.ndarray, features_before: np.ndarray) -> bool:
    """Whether training shrank the test pictures to a point: the loss looks excellent and the score says nothing.

    Parameters
    ----------
    scores, features, features_before : as in ``collapse_parts``.

    Returns
    -------
    True for a non-finite value, a total variance below a thousandth of that before training, or fewer than n / 2
    distinct float32 scores.

    >>> spread = np.arange(8.0).reshape(4, 2)
    >>> collapse_verdict(np.arange(4.0), spread, spread), collapse_verdict(np.ones(4), spread, spread)
    (False, True)
    """
    return bool(collapse_parts(scores, features, features_before)["why"])
