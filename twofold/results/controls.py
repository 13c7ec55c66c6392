"""A method beside the best control of each pair: the lead pair by pair, over the targets, and how much of the gap is closed.

Which control is the best is judged by target labels, after all runs: nobody could choose it so, which makes the lead a
careful one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from twofold.errors import InputError
from twofold.results.statistics import (
    APART,
    PAIR,
    PROTOCOL,
    above,
    by_class,
    class_means,
    one_of_each,
    over_trials,
    whole_classes,
)

__all__ = ["LEAST_GAP", "best_controls", "over_pairs"]

LEAST_GAP = 1.0  # points of AUROC; with less to close, what share of it is closed says nothing


def best_controls(
    frame: pd.DataFrame,
    method: str,
    controls: Sequence[str],
    oracle: str | None = None,
    scores: Callable[[str], Mapping[str, np.ndarray]] | None = None,
) -> pd.DataFrame:
    """For each pair of domains the control of the highest mean AUROC, and how far a method is above it.

    Parameters
    ----------
    frame : runs of one ratio and protocol.
    method : a name in its ``method`` column.
    controls : the best of them is taken in each pair, judged by target labels.
    oracle : the same method with the true target normals and nothing else changed; None measures no gap.
    scores : as in ``statistics.above``.

    Returns
    -------
    A row a pair: best_control, control, method and oracle (their means), gain and gap (of method and oracle over the control;
    points of AUROC), low, high, n_classes, n_above, verdict and collapsed as of ``statistics.above``. All is of the classes and
    seeds that all were run on, without the classes on which one of them collapsed; one that collapsed on more than half of
    them is named and not waited for. A pair in which no class or no control is left has no numbers.

    Raises
    ------
    InputError : a method that the frame does not hold, no class and seed that all have, several ratios, presets or protocols.
    """
    one_of_each(frame, ["anomaly_ratio", *PROTOCOL])
    named = [method, *controls, *([oracle] if oracle else [])]
    missing = set(named) - set(frame["method"])
    if missing:
        had = ", ".join(frame["method"].unique())
        raise InputError(f"wanted runs of {', '.join(sorted(missing))}, got {had}; run them first")
    read = dict.fromkeys([*APART, "method", "normal", "seed", "auroc", "collapsed", "config_hash"])
    frame = frame[[field for field in read if field in frame]]  # few columns are copied fast
    rows = []
    for pair, runs in frame[frame["method"].isin(named)].groupby(PAIR, sort=False):
        rest, fallen = whole_classes(runs, needed=[method])
        shared = rest[rest.groupby(["normal", "seed"])["method"].transform("nunique") == rest["method"].nunique()]
        if len(rest) and shared.empty:
            raise InputError(f"wanted one class and seed of all methods on {' '.join(pair)}, got none; run them on the same")
        classes = by_class(class_means(shared))
        means = classes.mean().reindex(named)
        row = dict(zip(PAIR, pair, strict=True)) | {"best_control": None, "verdict": "collapsed"}
        row |= {"collapsed": fallen}
        if means[list(controls)].notna().any():
            best = means[list(controls)].idxmax()
            found = above(shared, method, best, scores)
            row |= {"best_control": best, "control": means[best], "method": means[method], "gain": means[method] - means[best]}
            row |= {"oracle": means[oracle], "gap": means[oracle] - means[best]} if oracle else {}
            row |= {field: found[field] for field in ("low", "high", "n_classes", "n_above", "verdict")}
        rows.append(row)
    numbers = ["control", "method", "oracle", "gain", "gap", "low", "high", "n_classes", "n_above"]
    table = pd.DataFrame(rows).reindex(columns=[*PAIR, "best_control", *numbers, "verdict", "collapsed"])
    return table.astype(dict.fromkeys(numbers, float))


def over_pairs(table: pd.DataFrame) -> dict[str, Any]:
    r"""The lead over the best control of each pair, over all of them.

    .. math:: \text{closed} = \sum_p \text{gain}_p \,/\, \sum_p \text{gap}_p

    Parameters
    ----------
    table : rows of ``best_controls``.

    Returns
    -------
    ``statistics.over_trials`` of the gains; n_pairs; collapsed, which is empty: the rows name it; worst (the least gain) and
    worst_pair; closed, in which a pair of a gap below one point has no part, NaN where none is left; left_out, those pairs;
    silent, the pairs without a gain, which have no part in anything.

    Raises
    ------
    InputError : no pair with a gain.

    >>> rows = [("d", "a", "x", 3.0, 4.0), ("d", "b", "x", 1.0, 4.0), ("d", "a", "y", 0.1, 0.2)]
    >>> found = over_pairs(pd.DataFrame(rows, columns=[*PAIR, "gain", "gap"]))
    >>> found["closed"], found["difference"], found["left_out"]
    (0.5, 1.05, [('d', 'a', 'y')])
    """
    gains = table.set_index(PAIR)["gain"]
    gaps = table.set_index(PAIR)["gap"][gains.notna()]
    silent, gains = list(gains[gains.isna()].index), gains.dropna()
    if gains.empty:
        raise InputError("wanted a pair with a gain, got none: the method or every control collapsed; look at its runs")
    wide = gaps >= LEAST_GAP
    closed = float(gains[wide].sum() / gaps[wide].sum()) if wide.any() else float("nan")
    worst = {"worst": float(gains.min()), "worst_pair": gains.idxmin(), "silent": silent}
    found = over_trials(gains) | {"n_pairs": len(gains), "collapsed": {}}
    return found | worst | {"closed": closed, "left_out": list(gaps[gaps < LEAST_GAP].index)}
