"""Means over classes, spreads with their names, and when one method may be called better than another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from twofold.runs.presets import METHODS, RECIPE_VERSION

__all__ = ["above", "as_frame", "collect", "gap_closed"]

PAIR = ["dataset", "source", "target"]
PROTOCOL = ["preset", "anomaly_classes", "transductive", "paired"]


def as_frame(results: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """Results as a table, one row a run: the scalar fields, the selection's quality, the preset; failed runs left out;
    methods stand in the order of the presets.

    A run of an older recipe shows as ``stale`` in its method.
    """
    rows = []
    for result in results:
        if result["error"] is not None:
            continue
        row = {key: value for key, value in result.items() if not isinstance(value, dict)}
        row |= {key: result["dominant"][key] for key in ("purity", "recall", "accuracy")}
        row |= {key: result["config"][key] for key in PROTOCOL}
        row["train_seconds"], row["total_seconds"] = result["seconds"]["train"], result["seconds"]["total"]
        if result["versions"]["recipe"] != RECIPE_VERSION:
            row["method"] += " (stale)"
        rows.append(row)
    columns = [*PAIR, "normal", "method", "seed", "anomaly_ratio", "auroc", "collapsed", "preset"]
    order = {name: i for i, name in enumerate(METHODS)}
    rows.sort(key=lambda row: (order.get(row["method"].split("[")[0].split(" ")[0], len(order)), row["method"]))
    return pd.DataFrame(rows) if rows else pd.DataFrame(columns=columns)


def collect(results: Sequence[dict[str, Any]], by: Sequence[str] = ("method",)) -> pd.DataFrame:
    """Aggregate AUROC over classes and seeds.

    Parameters
    ----------
    results : from the run store.
    by : fields that make a row; pairs, ratios, methods, presets and protocols that differ are never averaged together.

    Returns
    -------
    One row a group: mean, std_classes (ddof 0 over per-class means), std_seeds (ddof 1 over per-seed means; None for
    one seed), n_classes, n_seeds, n_runs, n_collapsed. The mean of a group with a collapsed run is None.

    >>> collect([]).empty
    True
    """
    frame = as_frame(results)
    if frame.empty:
        return frame
    apart = [*PAIR, "anomaly_ratio", "method", *PROTOCOL]
    apart = [field for field in apart if field not in by and frame[field].nunique(dropna=False) > 1]
    rows = []
    for key, group in frame.groupby([*apart, *by], sort=False, dropna=False):
        per_class = group.groupby("normal")["auroc"].mean()
        per_seed = group.groupby("seed")["auroc"].mean()
        collapsed = int(group["collapsed"].sum())
        rows.append(
            {
                **dict(zip([*apart, *by], key, strict=True)),
                "mean": None if collapsed else float(per_class.mean()),
                "std_classes": None if collapsed else float(per_class.std(ddof=0)),
                "std_seeds": None if collapsed or len(per_seed) < 2 else float(per_seed.std(ddof=1)),
                "n_classes": len(per_class),
                "n_seeds": len(per_seed),
                "n_runs": len(group),
                "n_collapsed": collapsed,
            }
        )
    table = pd.DataFrame(rows)
    for field in ("mean", "std_classes", "std_seeds"):  # a column of floats would turn None into NaN
        table[field] = pd.Series([row[field] for row in rows], dtype=object)
    return table


def above(frame: pd.DataFrame, method: str, control: str, n_boot: int = 10_000, seed: int = 0) -> dict[str, Any]:
    """Whether a method is above a control: bootstrap of the difference over pairs, then classes.

    Parameters
    ----------
    frame : from ``as_frame``, with both methods on the same pairs, classes and seeds.
    method, control : names in its ``method`` column.
    n_boot : bootstrap samples.
    seed : of the bootstrap.

    Returns
    -------
    difference (points of AUROC), low and high (95 % interval), verdict: above, below or undecided; where a run of
    either collapsed, the verdict is collapsed and there are no numbers.

    Raises
    ------
    ValueError : several ratios, presets or protocols in one frame, or no class and seed that both methods have.
    """
    _one_protocol(frame)
    wide = frame.set_index([*PAIR, "normal", "seed", "method"])[["auroc", "collapsed"]].unstack("method")
    if not {method, control} <= set(frame["method"]) or wide["auroc"][[method, control]].dropna().empty:
        raise ValueError(f"frame must hold {method!r} and {control!r} on the same classes, got none; run both first")
    if frame[frame["method"].isin([method, control])]["collapsed"].any():
        return {"difference": None, "low": None, "high": None, "verdict": "collapsed"}
    gain = (wide["auroc"][method] - wide["auroc"][control]).dropna().groupby([*PAIR, "normal"]).mean()
    pairs = [values.to_numpy() for _, values in gain.groupby(level=PAIR)]
    rng = np.random.default_rng(seed)
    means = np.empty(n_boot)
    for i in range(n_boot):
        drawn = rng.integers(len(pairs), size=len(pairs))
        means[i] = np.mean([rng.choice(pairs[p], len(pairs[p])).mean() for p in drawn])
    low, high = np.quantile(means, [0.025, 0.975])
    verdict = "above" if low > 0 else "below" if high < 0 else "undecided"
    return {
        "difference": float(np.mean([p.mean() for p in pairs])),
        "low": float(low),
        "high": float(high),
        "verdict": verdict,
    }


def _one_protocol(frame: pd.DataFrame) -> None:
    for field in ("anomaly_ratio", *PROTOCOL):
        if frame[field].nunique(dropna=False) > 1:
            raise ValueError(f"frame must hold one {field}, got {list(frame[field].unique())}; select one before comparing")


def gap_closed(frame: pd.DataFrame, method: str, controls: Sequence[str], oracle: str) -> tuple[pd.DataFrame, dict[str, float]]:
    """How much of the way from the best control to its own oracle a method goes, pair by pair and over all.

    Parameters
    ----------
    frame : from ``as_frame``, one ratio and protocol; a method with a collapsed run in a pair has no mean there.
    method : a name in its ``method`` column.
    controls : the best of them is taken in each pair.
    oracle : the same method with the true target normals and nothing else changed.

    Returns
    -------
    A row a pair (best control, its mean, the method's, the oracle's, gain, gap; points of AUROC) and the whole: mean_gain
    and worst_gain over all pairs, and closed, the sum of gains over the sum of gaps, in which a pair whose gap is below one
    point has no part; NaN where no pair is left. A pair without a mean of the method, of its oracle or of any control is a
    row of NaN and has no part in the whole.

    Raises
    ------
    ValueError : a method that the frame does not hold, several ratios, presets or protocols.
    """
    _one_protocol(frame)
    missing = {method, oracle, *controls} - set(frame["method"])
    if missing:
        raise ValueError(
            f"frame must hold {', '.join(sorted(missing))}, got {', '.join(frame['method'].unique())}; run them first"
        )
    means = frame.groupby([*PAIR, "method", "normal"])["auroc"].mean().groupby([*PAIR, "method"]).mean().unstack("method")
    means = means.mask(frame.groupby([*PAIR, "method"])["collapsed"].any().unstack("method").fillna(False).astype(bool))
    candidates = means[list(controls)]
    best = candidates.fillna(-np.inf).idxmax(axis=1).where(candidates.notna().any(axis=1))
    table = pd.DataFrame({"best_control": best, "control": means[list(controls)].max(axis=1)})
    table["method"], table["oracle"] = means[method], means[oracle]
    table["gain"], table["gap"] = table["method"] - table["control"], table["oracle"] - table["control"]
    wide = table[(table["gap"] >= 1) & table["gain"].notna()]
    closed = float(wide["gain"].sum() / wide["gap"].sum()) if len(wide) else float("nan")
    whole = {"mean_gain": float(table["gain"].mean()), "worst_gain": float(table["gain"].min()), "closed": closed}
    return table.reset_index(), whole
