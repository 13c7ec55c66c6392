"""Scores of several layers made one: each on its own scale, then their mean."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

__all__ = ["fused", "spread"]


def spread(levels: np.ndarray) -> tuple[float, float]:
    """Median and interquartile range of (n,) levels; the range is at least 1e-12.

    >>> spread(np.array([0.0, 1.0, 2.0, 3.0, 4.0]))
    (2.0, 2.0)
    """
    low, middle, high = np.percentile(levels, [25, 50, 75])
    return float(middle), float(max(high - low, 1e-12))


def fused(levels: Sequence[np.ndarray], scales: Sequence[tuple[float, float]]) -> np.ndarray:
    r"""Mean over layers of standardised levels.

    .. math:: s(x) = \frac{1}{L} \sum_l \frac{e_l(x) - \operatorname{med} e_l}{\operatorname{iqr} e_l}

    Parameters
    ----------
    levels : of each layer (n,).
    scales : of each layer median and interquartile range, of pictures taken for normal.

    Returns
    -------
    (n,)

    >>> fused([np.array([3.0, 5.0]), np.array([0.0, 1.0])], [(3.0, 2.0), (0.0, 1.0)]).tolist()
    [0.0, 1.0]
    """
    return np.mean([(level - middle) / width for level, (middle, width) in zip(levels, scales, strict=True)], axis=0)
