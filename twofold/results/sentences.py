"""Words for people: one run, a fitted detector, aggregates, who is above whom; every number in them is computed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from twofold.parts.gaussians import WEAK_CONTRAST
from twofold.plots.style import collapsed_words

__all__ = [
    "fit_summary",
    "interval_words",
    "markdown_table",
    "render",
    "run_summary",
    "weak_words",
    "with_spread",
]

TOLD = {
    "labels": "oracle: target labels steered this run",
    "shots": "told shots: a few labelled target pictures steered this run",
}


def run_summary(result: dict[str, Any]) -> str:
    """A finished run in a few lines."""
    dominant = result["dominant"]
    lines = [
        f"{result['method']} on {result['dataset']} {result['source']}->{result['target']}, normal {result['normal']}, "
        f"seed {result['seed']}, {result['anomaly_ratio']:.0%} anomalies",
        f"  AUROC {result['auroc']:.1f}   AP (10 % anomalies) {result['average_precision']:.1f}   "
        f"FPR at 95 % TPR {result['fpr_at_95_tpr']:.1f}"
        if result["auroc"] is not None
        else "  AUROC none: the scores are not finite",
    ]
    if dominant["size"] is not None and dominant["purity"] is not None:
        lines.append(
            f"  taken for normal: {dominant['size']} pictures, purity {dominant['purity']:.2f}, "
            f"recall {dominant['recall']:.2f} (labels used for this line alone)"
        )
    contrast = result["notes"].get("contrast")
    if contrast is not None and contrast < WEAK_CONTRAST:
        lines.append(f"  {weak_words(contrast)}")
    if result["collapsed"]:
        lines.append("  COLLAPSED: the features have shrunk to a point, the AUROC means nothing")
    if result["told"]:
        lines.append(f"  {TOLD[result['told']]}")
    return "\n".join(lines)


def weak_words(contrast: float) -> str:
    """What a detector says, from unlabelled pictures alone, before its ranking is trusted.

    >>> weak_words(0.1)[:60]
    "WEAK: the target's pictures are all about as far from each o"
    """
    return (
        f"WEAK: the target's pictures are all about as far from each other (contrast {contrast:.2f}, below {WEAK_CONTRAST}): "
        "the normal ones vary too much, or strangers are too many; look at the highest scores before you trust them"
    )


def fit_summary(
    scores: np.ndarray,
    ids: Sequence[str],
    n_source: int,
    kept: np.ndarray | None = None,
    contrast: float | None = None,
    shown: int = 5,
) -> str:
    """A detector fitted to pictures of one's own, in a few lines.

    Parameters
    ----------
    scores : (n,) of the target pictures it was fitted to.
    ids : (n,)
    n_source : pictures of the source.
    kept : (n,) which of the target it took for normal, where it chose.
    contrast : of the target, where the method measures it.
    shown : how many of the most anomalous are listed.
    """
    lines = [f"{n_source} source pictures, {len(ids)} target pictures"]
    if kept is not None:
        lines[0] += f", {int(np.sum(kept))} of them taken for normal"
    if contrast is not None:
        lines.append(f"contrast {contrast:.2f} (from unlabelled pictures alone)")
        lines += [weak_words(contrast)] if contrast < WEAK_CONTRAST else []
    usual = "" if contrast is None else " (0 is a usual normal picture)"  # of standardised scores alone
    lines.append(f"most anomalous of the target{usual}:")
    order = np.argsort(-np.asarray(scores), kind="stable")[:shown]
    return "\n".join(lines + [f"  {scores[i]:7.2f}  {ids[i]}" for i in order])


def with_spread(row: Any) -> str:
    """``mean`` with both spreads, or how many runs collapsed; one class has no spread.

    >>> row = {"mean": 90.0, "std_classes": 4.0, "std_seeds": None, "n_classes": 3, "n_collapsed": 0, "n_runs": 9}
    >>> with_spread(row), with_spread({**row, "n_classes": 1}), with_spread({**row, "n_collapsed": 2})
    ('90.0 (classes 4.0)', '90.0 (one class)', '2/9 collapsed')
    """
    if row["n_collapsed"]:
        return collapsed_words(row)
    classes = "one class" if row["n_classes"] < 2 else f"classes {row['std_classes']:.1f}"
    seeds = "" if pd.isna(row["std_seeds"]) else f", seeds {row['std_seeds']:.1f}"
    return f"{row['mean']:.1f} ({classes}{seeds})"


def interval_words(found: dict[str, Any]) -> str:
    """The difference that ``above`` found, with its interval; few classes have none, but are counted.

    >>> interval_words({"verdict": "above", "difference": 3.2, "low": 1.0, "high": 5.1})
    '+3.2 points [+1.0, +5.1]'
    >>> interval_words({"verdict": "too few classes", "difference": 3.2, "n_above": 2, "n_classes": 3})
    '+3.2 points (above on 2 of 3 classes)'
    """
    if found["verdict"] == "collapsed":
        return "no difference, a run collapsed"
    if found["verdict"] == "too few classes":
        return f"{found['difference']:+.1f} points (above on {found['n_above']} of {found['n_classes']} classes)"
    return f"{found['difference']:+.1f} points [{found['low']:+.1f}, {found['high']:+.1f}]"


def markdown_table(frame: pd.DataFrame) -> str:
    """A frame of texts and numbers as a Markdown table.

    >>> print(markdown_table(pd.DataFrame({"a": [1], "b": ["x"]})))
    | a | b |
    |---|---|
    | 1 | x |
    """
    head = ["| " + " | ".join(map(str, frame.columns)) + " |", "|" + "---|" * len(frame.columns)]
    return "\n".join(head + ["| " + " | ".join(map(str, row)) + " |" for row in frame.itertuples(index=False)])


def render(collected: pd.DataFrame, style: str) -> str:
    """What ``statistics.collect`` gives, as table, csv, markdown or json."""
    if style == "json":
        return json.dumps(json.loads(collected.to_json(orient="records")))
    if style == "csv":
        return collected.to_csv(index=False).rstrip()
    if collected.empty:
        return "no finished runs"
    numbers = ["mean", "std_classes", "std_seeds", "n_collapsed"]
    shown = collected.drop(columns=numbers)
    shown.insert(len(shown.columns) - 3, "AUROC % (std over)", [with_spread(row) for _, row in collected.iterrows()])
    return markdown_table(shown) if style == "markdown" else shown.to_string(index=False)
