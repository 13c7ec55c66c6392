"""Where a curve over the share of anomalies falls off its cliff."""

from __future__ import annotations

import pandas as pd

from twofold.results.sentences import few_words
from twofold.results.statistics import look_of

__all__ = ["fall_words", "first_below"]


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


def fall_words(means: pd.DataFrame, level: pd.DataFrame) -> str:
    """From which share of anomalies each method lies below the source alone: one sentence.

    Parameters
    ----------
    means : from ``results.statistics.class_means``, a row a share and method; collapsed places are passed over.
    level : the row of ``source_only``.
    """
    source = level["mean"].iloc[0]
    if pd.isna(source):
        return f"{look_of('source_only').short} collapsed: there is no level to fall below"
    places = {}
    for method, rows in means.groupby("method", sort=False):
        below = first_below(rows.set_index("anomaly_ratio")["mean"], source)
        places.setdefault("at no share" if below is None else f"from {below:.0%} anomalies", []).append(look_of(method).short)
    parts = "; ".join(f"{', '.join(methods)} {place}" for place, methods in places.items())
    few = few_words(int(means["n_classes"].min()))
    return f"{few}{'below' if few else 'Below'} {look_of('source_only').short} ({source:.0f} %): {parts}"
