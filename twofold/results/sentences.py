"""Words for people: one run, a fitted detector, aggregates, who is above whom; every number in them is computed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from twofold.data.reading import printable
from twofold.parts.gaussians import WEAK_CONTRAST
from twofold.plots.style import collapsed_words
from twofold.results.statistics import ENOUGH_CLASSES, LEVEL

__all__ = [
    "copies_words",
    "fallen_words",
    "few_words",
    "fit_summary",
    "interval_words",
    "left_out_words",
    "markdown_table",
    "render",
    "rest_words",
    "run_summary",
    "shared_words",
    "skipped_words",
    "verdict_count",
    "verdict_words",
    "weak_words",
    "with_spread",
]

DECISIVE = {"above", "below", "holds", "reversed", "smaller", "undecided"}  # what an interval says

SHOWN = 10  # names of a list that may be endless

TOLD = {
    "labels": "oracle: target labels steered this run",
    "shots": "told shots: {shots} labelled target pictures, all normal, steered this run",
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
        lines.append("  " + TOLD[result["told"]].format(shots=result["shots"]))
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
    p: np.ndarray,
    ids: Sequence[str],
    n_source: int,
    threshold: float,
    promise: str,
    together: str,
    trust: Sequence[str],
    shown: int = 5,
) -> str:
    """A detector fitted to pictures of one's own, in a few lines.

    Parameters
    ----------
    scores, p : (n,) of the target pictures it was fitted to, and their p-values.
    ids : (n,)
    n_source : pictures of the source.
    threshold, promise : the line, and what it promises; where it is infinite, why there is none.
    together : how many stand out where all are weighed together.
    trust : lines about it, a warning first.
    shown : how many of those above the line are listed.

    >>> p = np.array([0.3, 1.0])
    >>> print(fit_summary(np.array([3.0, 0.0]), p, ["a", "b"], 9, 2.0, "At most ...", "together none", ["contrast 0.5"]))
    9 source pictures, 2 target pictures
    contrast 0.5
    line at 2: At most ...
    1 of the target's pictures is above the line, the highest first:
        3.00  p 0.3    a
    together none
    """
    order = np.argsort(-np.asarray(scores), kind="stable")
    rows = [f"  {scores[i]:7.2f}  p {p[i]:<6.2g} {printable(str(ids[i]))}".rstrip() for i in order[:shown]]
    n = int(np.sum(np.asarray(scores) > threshold))
    lines = [f"{n_source} source pictures, {len(ids)} target pictures", *trust]
    if not np.isfinite(threshold):
        return "\n".join([*lines, promise, "the highest:", *rows[:1]])
    lines.append(f"line at {threshold:.4g}: {promise}")
    if n:
        are = "is" if n == 1 else "are"
        lines += [f"{n} of the target's pictures {are} above the line, the highest first:", *rows[:n], together]
    else:
        lines += ["none stands out: no picture of the target is above the line; the highest:", *rows[:1]]
    return "\n".join(lines)


def skipped_words(name: str, skipped: Mapping[str, str], n: int) -> list[str]:
    """Which of a folder's pictures could not be read, each with its reason; nothing where all could.

    >>> skipped_words("new", {"2.png": "truncated"}, 7)
    ['1 of 7 pictures of new could not be read and is in no result:', '  2.png: truncated']
    """
    if not skipped:
        return []
    are = "is" if len(skipped) == 1 else "are"
    head = f"{len(skipped)} of {n} pictures of {printable(name)} could not be read and {are} in no result:"
    return [head, *(f"  {printable(picture)}: {printable(why)}" for picture, why in skipped.items())]


def left_out_words(name: str, kinds: Mapping[str, Sequence[str]]) -> list[str]:
    """Which files of a folder are not taken for pictures, by kind; nothing where all are.

    >>> left_out_words("new", {".heic": ["1.heic", "2.heic"], "hidden": [".3.jpg"]})
    ['left out of new: 2 .heic (1.heic, 2.heic), 1 hidden (.3.jpg)']
    """
    if not kinds:
        return []
    kinds = {printable(kind): paths for kind, paths in kinds.items()}
    return [
        f"left out of {printable(name)}: " + ", ".join(f"{len(paths)} {kind} ({_some(paths)})" for kind, paths in kinds.items())
    ]


def copies_words(whose: str, copies: Sequence[Sequence[str]], n: int) -> list[str]:
    """How many pictures are left out as copies of others; nothing where none is.

    Parameters
    ----------
    whose : such as ``"target"``.
    copies : ids of pictures that are one file, a list each.
    n : pictures, copies too.

    >>> copies_words("target", [["1.png", "2.png"]], 40)
    ['1 of 40 target pictures left out as copies (1.png = 2.png): each picture counts once']
    """
    if not copies:
        return []
    left = sum(len(several) - 1 for several in copies)
    same = _some([_some(several, " = ") for several in copies])
    return [f"{left} of {n} {whose} pictures left out as copies ({same}): each picture counts once"]


def shared_words(shared: Sequence[str], n: int) -> list[str]:
    """What follows where a target of n pictures holds some of the source, by their ids.

    >>> shared_words(["1.png"], 40)[0][:66]
    "of the target's 40 pictures 1 stand among the source's too (1.png)"
    """
    if not shared:
        return []
    return [
        f"of the target's {n} pictures {len(shared)} stand among the source's too ({_some(shared)}): what the source holds "
        "is taken for normal, whatever it shows, so that their scores say nothing; remove them from one of both"
    ]


def _some(names: Sequence[str], between: str = ", ") -> str:
    """Names in brackets: all of a few, the first of many."""
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return between.join(map(printable, names[:SHOWN])) + more


def rest_words(row: Any, between: str = " ") -> str:
    """How many runs of an aggregate collapsed, and the mean of the classes on which none did.

    >>> rest_words({"n_collapsed": 1, "n_runs": 30, "rest": 86.3}), rest_words({"n_collapsed": 3, "n_runs": 3, "rest": None})
    ('1/30 collapsed; of the rest 86.3', '3/3 collapsed')
    """
    rest = "" if pd.isna(row["rest"]) else f";{between}of the rest {row['rest']:.1f}"
    return collapsed_words(row, between) + rest


def with_spread(row: Any) -> str:
    """``mean`` with both spreads, or how many runs collapsed and the rest; one class has no spread.

    >>> row = {"mean": 90.0, "std_classes": 4.0, "std_seeds": None, "n_classes": 3, "n_collapsed": 0, "n_runs": 9}
    >>> with_spread(row), with_spread({**row, "n_classes": 1}), with_spread({**row, "n_collapsed": 2, "rest": 88.0})
    ('90.0 (classes 4.0)', '90.0 (one class)', '2/9 collapsed; of the rest 88.0')
    """
    if row["n_collapsed"]:
        return rest_words(row)
    classes = "one class" if row["n_classes"] < 2 else f"classes {row['std_classes']:.1f}"
    seeds = "" if pd.isna(row["std_seeds"]) else f", seeds {row['std_seeds']:.1f}"
    return f"{row['mean']:.1f} ({classes}{seeds})"


def few_words(n_classes: int) -> str:
    """How a sentence begins that speaks of too few classes for a verdict.

    >>> few_words(1), few_words(ENOUGH_CLASSES)
    ('On 1 class, too few for a verdict, ', '')
    """
    if n_classes >= ENOUGH_CLASSES:
        return ""
    return f"On {n_classes} class{'' if n_classes == 1 else 'es'}, too few for a verdict, "


def fallen_words(collapsed: Mapping[str, Mapping[str, int]]) -> str:
    """Which methods collapsed, and how often, of what ``statistics.whole_classes`` found; nothing where none did.

    >>> fallen_words({"twofold": {"n_collapsed": 1, "n_runs": 30}})
    'twofold 1/30 collapsed'
    """
    return ", ".join(f"{method} {collapsed_words(runs)}" for method, runs in collapsed.items())


def interval_words(found: Mapping[str, Any]) -> str:
    """The difference that ``above`` found, with its interval; few classes or trials have none, but are counted.

    >>> found = {"verdict": "above", "difference": 3.2, "low": 1.0, "high": 5.1, "n_pairs": 1}
    >>> interval_words(found), interval_words({**found, "n_pairs": 10, "n_trials": 8})
    ('+3.2 points [+1.0, +5.1]', '+3.2 points [+1.0, +5.1] over 8 trials')
    >>> interval_words({"verdict": "too few classes", "difference": 3.2, "n_above": 2, "n_classes": 3})
    '+3.2 points (above on 2 of 3 classes)'
    """
    if found["verdict"] == "collapsed":
        return "no class is left"
    difference = f"{found['difference']:+.1f} points"
    if found["verdict"].startswith("too few"):
        kind = found["verdict"].removeprefix("too few ")
        return f"{difference} (above on {found['n_above']:.0f} of {found[f'n_{kind}']:.0f} {kind})"
    if pd.isna(found["low"]):
        return difference
    over = " over pictures" if found["verdict"] == "one class" else ""
    over = f" over {found['n_trials']} trials" if found.get("n_pairs", 1) > 1 else over
    return f"{difference} [{found['low']:+.1f}, {found['high']:+.1f}]{over}"


def verdict_words(found: Mapping[str, Any], verdict: str | None = None) -> str:
    """A verdict of ``above`` with its interval, and before both what collapsed.

    Parameters
    ----------
    found : from ``statistics.above``.
    verdict : words in its place.

    >>> found = {"verdict": "above", "difference": 2.1, "low": 1.0, "high": 3.2}
    >>> verdict_words({**found, "collapsed": {"twofold": {"n_collapsed": 1, "n_runs": 30}}})
    'twofold 1/30 collapsed; of the rest above, +2.1 points [+1.0, +3.2]'
    """
    said = f"{verdict or found['verdict']}, {interval_words(found)}"
    if found["verdict"] == "collapsed":
        return f"{fallen_words(found['collapsed'])}; {interval_words(found)}"
    return f"{fallen_words(found['collapsed'])}; of the rest {said}" if found["collapsed"] else said


def verdict_count(verdicts: Iterable[str]) -> str:
    """How many verdicts rest on an interval and how many would exclude zero by chance, to say under a table; or nothing.

    >>> verdict_count(["above", "undecided", "too few classes"])
    '2 verdicts; by chance about one of 20 would exclude zero, of these 0.1'
    """
    n = sum(verdict in DECISIVE for verdict in verdicts)
    words = f"{n} verdict{'' if n == 1 else 's'}"
    return f"{words}; by chance about one of {1 / LEVEL:.0f} would exclude zero, of these {n * LEVEL:.1f}" if n else ""


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
        return json.dumps(json.loads(collected.drop(columns="rest", errors="ignore").to_json(orient="records")))
    if style == "csv":
        return collected.drop(columns="rest", errors="ignore").to_csv(index=False).rstrip()
    if collected.empty:
        return "no finished runs"
    numbers = ["mean", "std_classes", "std_seeds", "n_collapsed", "rest"]
    shown = collected.drop(columns=numbers)
    shown.insert(len(shown.columns) - 3, "AUROC % (std over)", [with_spread(row) for _, row in collected.iterrows()])
    return markdown_table(shown) if style == "markdown" else shown.to_string(index=False)
