"""Where a curve over the share of anomalies falls off its cliff."""

from __future__ import annotations

import pandas as pd

__all__ = ["first_below"]


def first_below(values: pd.Series, threshold: pd.Series | float) -> float | None:
    """The first parameter value at which a curve lies below a threshold: where its cliff is.

    Parameters
    ----------
    values : indexed by the parameter; NaN (a collapsed place) is passed over.
    threshold : one number, or one a parameter value.

    Returns
    -------
    The parameter value, None where the curve never falls below.

    >>> first_below(pd.Series({0.1: 0.9, 0.5: 0.6, 0.7: 0.4}), 0.5)
    0.7
    """
    below = values.index[values < threshold]
    return float(min(below)) if len(below) else None
