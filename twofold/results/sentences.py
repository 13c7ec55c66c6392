"""Words for people: one run, a fitted detector, aggregates, who is above whom; every number in them is computed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from twofold.errors import InputError
from twofold.parts.gaussians import WEAK_CONTRAST
from twofold.plots.style import collapsed_words
from twofold.results.statistics import ENOUGH_CLASSES, above, class_means, selection_means

__all__ = [
    "comparison",
    "curse_headline",
    "curse_reading",
    "fit_summary",
    "interval_words",
    "markdown_table",
    "render",
    "run_summary",
    "selection_reading",
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
    lines.append("most anomalous of the target (0 is a usual normal picture):")
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


def _over_ratios(frame: pd.DataFrame) -> tuple[pd.DataFrame, float]:
    """A row a ratio and method, and the level of ``source_only``, which never sees the target; NaN where it collapsed."""
    table = class_means(frame, ["anomaly_ratio", "method"])
    source = table.loc[table["method"] == "source_only", "mean"]
    if source.empty:
        raise InputError(f"wanted runs of source_only, got {', '.join(frame['method'].unique())}; run it first")
    return table[table["method"] != "source_only"].sort_values("anomaly_ratio", kind="stable"), source.mean(skipna=False)


def curse_headline(frame: pd.DataFrame) -> str:
    """One sentence that names the highest of the methods that use no label, computed from the runs.

    A method that collapsed somewhere is not compared, and then the sentence says that others do; under five classes it says
    that they are too few.

    Parameters
    ----------
    frame : runs of ``source_only`` and of methods over several ratios.

    Raises
    ------
    InputError : no run of ``source_only``.
    """
    table, source = _over_ratios(frame[~frame["oracle"].astype(bool)])
    curves = table.pivot(index="anomaly_ratio", columns="method", values="mean")
    swept = table.groupby("method").size() == table["anomaly_ratio"].nunique()
    means = curves.loc[:, swept].mean(skipna=False)
    if pd.isna(source) or means.isna().all():
        return "No winner: every method, or source_only, collapsed somewhere"
    best = means.idxmax()
    n_classes = int(table["n_classes"].min())
    few = f"Too few classes ({n_classes}) for a verdict: " if n_classes < ENOUGH_CLASSES else ""
    among = " of those that never collapse" if means.isna().any() else ""
    gain = f"{means[best] - source:+.0f} points to source_only"
    return f"{few}{best} is highest{among}: {means[best]:.0f} % AUROC on average, {gain}"


def curse_reading(frame: pd.DataFrame) -> list[str]:
    """What the shift costs, what anomalies do to each way of aligning, how far the oracle is: computed sentences.

    Parameters
    ----------
    frame : as in ``curse_headline``, with ``in_domain`` where it was run.

    Raises
    ------
    InputError : no run of ``source_only``.
    """
    table, source = _over_ratios(frame)
    home = table[table["base"] == "in_domain"]
    lines = []
    if len(home) and not pd.isna(source) and home["mean"].notna().all():
        level = home["mean"].mean()
        ends = f"{level:.1f} trained on the target, {source:.1f} on the source"
        lines.append(f"The shift costs {level - source:.1f} points: {ends}.")
    for method, rows in table[table["base"] != "in_domain"].groupby("method", sort=False):
        low, high = rows.iloc[0], rows.iloc[-1]
        ends = f"at {low['anomaly_ratio']:.0%} anomalies, {{:.1f}} at {high['anomaly_ratio']:.0%} ({{:+.1f}})"
        if fallen := int(rows["n_collapsed"].sum()):
            rest = f"of the rest {low['rest']:.1f} " + ends.format(high["rest"], high["rest"] - low["rest"])
            rest = rest if rows.iloc[[0, -1]]["rest"].notna().all() else "at an end of the curve none is left"
            lines.append(f"{method}: {fallen}/{rows['n_runs'].sum()} collapsed, so it has no mean; {rest}.")
            continue
        line = f"{method}: {low['mean']:.1f} " + ends.format(high["mean"], high["mean"] - low["mean"])
        if not pd.isna(source):
            side = "above" if high["mean"] > source else "below"
            line += f"; there {abs(high['mean'] - source):.1f} points {side} source_only"
        lines.append(f"{line}.")
    if (few := int(table["n_classes"].min())) < ENOUGH_CLASSES:
        lines.append(f"Too few classes ({few}) for a verdict on any of this.")
    return lines


def comparison(frame: pd.DataFrame, method: str, control: str) -> str:
    """Whether a method is above a control on the pairs of a frame, in a sentence with its 95 % interval.

    Parameters
    ----------
    frame, method, control : as in ``statistics.above``.
    """
    found = above(frame, method, control)
    verdicts = {
        "above": f"{method} is above {control}",
        "below": f"{method} is below {control}",
        "undecided": f"{method} is undecided against {control}",
        "collapsed": f"{method} and {control} cannot be compared",
        "too few classes": f"{method} against {control} has too few classes for a verdict",
    }
    return f"{verdicts[found['verdict']]}: {interval_words(found)}"


def selection_reading(frame: pd.DataFrame) -> list[str]:
    """How right each method's selection was, judged after training: a computed sentence a method.

    Parameters
    ----------
    frame : runs over several ratios.
    """
    tables = selection_means(frame[~frame["oracle"].astype(bool)], ["anomaly_ratio", "method"])
    lines = []
    for method, purity in tables["purity"].groupby("method", sort=False):
        means = purity.set_index("anomaly_ratio")[["mean"]].sort_index()
        recall = tables["recall"]
        means["recall"] = recall[recall["method"] == method].set_index("anomaly_ratio")["mean"]
        first, last = means.iloc[0], means.iloc[-1]
        lines.append(
            f"{method}: of what it took for normal {first['mean']:.0%} was normal at {means.index[0]:.0%} anomalies and "
            f"{last['mean']:.0%} at {means.index[-1]:.0%}; it found {first['recall']:.0%} and {last['recall']:.0%} "
            "of the normals."
        )
    return lines
