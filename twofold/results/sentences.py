"""Words for people: one run, aggregates, the data at hand, the machine."""

from __future__ import annotations

import json
import platform
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from twofold.data import DATASETS, load_domain
from twofold.data.folders import FOLDER_DATASETS, check, find_root
from twofold.errors import InputError
from twofold.networks.cache import EmbeddingCache
from twofold.networks.weights import resolve_weights
from twofold.parts.gaussians import WEAK_CONTRAST, PooledGaussian
from twofold.results.statistics import above
from twofold.runs.presets import METHODS, PRESETS

__all__ = [
    "check_data",
    "comparison",
    "curse_headline",
    "curse_reading",
    "doctor",
    "fit_summary",
    "list_data",
    "markdown_table",
    "render",
    "run_summary",
    "selection_reading",
    "weak_words",
    "with_spread",
]


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
    contrast = result.get("contrast")  # runs stored before it was measured have none
    if contrast is not None and contrast < WEAK_CONTRAST:
        lines.append(f"  {weak_words(contrast)}")
    if result["collapsed"]:
        lines.append("  COLLAPSED: the features have shrunk to a point, the AUROC means nothing")
    if result["oracle"]:
        lines.append("  oracle: target labels steered this run")
    return "\n".join(lines)


def weak_words(contrast: float) -> str:
    """What a detector says, from unlabelled pictures alone, before its ranking is trusted."""
    return (
        f"WEAK: the target's pictures are all about as far from each other (contrast {contrast:.2f}, below {WEAK_CONTRAST}): "
        "the normal ones vary too much, or strangers are too many; look at the highest scores before you trust them"
    )


def fit_summary(fitted: PooledGaussian, n_source: int, ids: Sequence[str], shown: int = 5) -> str:
    """A detector fitted to pictures of one's own, in a few lines."""
    lines = [
        f"{n_source} source pictures, {len(ids)} target pictures, {int(fitted.kept.sum())} of them taken for normal",
        f"contrast {fitted.contrast:.2f} (from unlabelled pictures alone)",
    ]
    if fitted.weak:
        lines.append(weak_words(fitted.contrast))
    lines.append("most anomalous of the target (0 is a usual normal picture):")
    order = np.argsort(-fitted.train_scores, kind="stable")[:shown]
    return "\n".join(lines + [f"  {fitted.train_scores[i]:7.2f}  {ids[i]}" for i in order])


def with_spread(row: Any) -> str:
    """``mean`` with both spreads, or how many runs collapsed.

    >>> with_spread({"mean": 90.0, "std_classes": 4.0, "std_seeds": None, "n_collapsed": 0, "n_runs": 9})
    '90.0 (classes 4.0)'
    """
    if row["n_collapsed"]:
        return f"{row['n_collapsed']}/{row['n_runs']} collapsed"
    seeds = "" if pd.isna(row["std_seeds"]) else f", seeds {row['std_seeds']:.1f}"
    return f"{row['mean']:.1f} (classes {row['std_classes']:.1f}{seeds})"


def markdown_table(frame: pd.DataFrame) -> str:
    """A frame of texts and numbers as a Markdown table.

    >>> print(markdown_table(pd.DataFrame({"a": [1], "b": ["x"]})))
    | a | b |
    |---|---|
    | 1 | x |
    """
    head = ["| " + " | ".join(map(str, frame.columns)) + " |", "|" + "---|" * len(frame.columns)]
    return "\n".join(head + ["| " + " | ".join(map(str, row)) + " |" for row in frame.itertuples(index=False)])


def render(frame: pd.DataFrame, style: str) -> str:
    """Aggregates as table, csv, markdown or json."""
    if style == "json":
        return json.dumps(json.loads(frame.to_json(orient="records")))
    if style == "csv":
        return frame.to_csv(index=False).rstrip()
    if frame.empty:
        return "no finished runs"
    numbers = ["mean", "std_classes", "std_seeds", "n_collapsed"]
    shown = frame.drop(columns=numbers)
    shown.insert(len(shown.columns) - 3, "AUROC % (std over)", [with_spread(row) for _, row in frame.iterrows()])
    return markdown_table(shown) if style == "markdown" else shown.to_string(index=False)


def _by_ratio(frame: pd.DataFrame) -> pd.DataFrame:
    """Mean AUROC over classes: ratios in rows, methods in columns; NaN where a run collapsed."""
    per_class = frame.groupby(["anomaly_ratio", "method", "normal"]).agg(
        auroc=("auroc", "mean"), collapsed=("collapsed", "any")
    )
    means = per_class.groupby(["anomaly_ratio", "method"]).agg(auroc=("auroc", "mean"), collapsed=("collapsed", "any"))
    return means["auroc"].where(~means["collapsed"]).unstack("method").sort_index()


def curse_headline(frame: pd.DataFrame) -> str:
    """One sentence that names the winner among the methods that use no label, computed from the runs.

    Parameters
    ----------
    frame : from ``statistics.as_frame``, with ``source_only`` and methods over several ratios.
    """
    means = _by_ratio(frame[~frame["oracle"]])
    source = means["source_only"].dropna().mean()
    curves = means.drop(columns="source_only").dropna(axis=1)
    if curves.empty or pd.isna(source):
        return "No winner: every method, or source_only, collapsed somewhere"
    winner = curves.mean().idxmax()
    gain = curves[winner].mean() - source
    return f"{winner} wins: {curves[winner].mean():.0f} % AUROC on average over the ratios, {gain:+.0f} points to source_only"


def curse_reading(frame: pd.DataFrame) -> list[str]:
    """What the shift costs, what anomalies do to each way of aligning, how far the oracle is: computed sentences."""
    means = _by_ratio(frame)
    first, last = means.index[0], means.index[-1]
    source = means["source_only"].dropna().mean()
    lines = []
    if "in_domain (oracle)" in means:
        home = means["in_domain (oracle)"].dropna().mean()
        lines.append(
            f"The shift costs {home - source:.1f} points: {home:.1f} trained on the target, {source:.1f} on the source."
        )
    for method in means.drop(columns=["source_only", "in_domain (oracle)"], errors="ignore"):
        low, high = means.loc[first, method], means.loc[last, method]
        if pd.isna(low) or pd.isna(high):
            lines.append(f"{method}: collapsed in at least one run, so it has no mean.")
            continue
        side = "above" if high > source else "below"
        lines.append(
            f"{method}: {low:.1f} at {first:.0%} anomalies, {high:.1f} at {last:.0%} ({high - low:+.1f}); "
            f"there {abs(high - source):.1f} points {side} source_only."
        )
    return lines


def comparison(frame: pd.DataFrame, method: str, control: str) -> str:
    """Whether a method is above a control on the pairs of a frame, in a sentence with its 95 % interval."""
    found = above(frame, method, control)
    if found["verdict"] == "collapsed":
        return f"{method} and {control} cannot be compared: a run collapsed"
    verdict = "undecided against" if found["verdict"] == "undecided" else found["verdict"]
    return f"{method} is {verdict} {control}: {found['difference']:+.1f} points [{found['low']:+.1f}, {found['high']:+.1f}]"


def selection_reading(frame: pd.DataFrame) -> list[str]:
    """How right each method's selection was, judged after training: a computed sentence a method.

    Parameters
    ----------
    frame : from ``statistics.as_frame``.
    """
    lines = []
    for method, rows in frame[frame["purity"].notna() & ~frame["oracle"]].groupby("method", sort=False):
        means = rows.groupby("anomaly_ratio")[["purity", "recall"]].mean()
        first, last = means.index[0], means.index[-1]
        lines.append(
            f"{method}: of what it took for normal {means.loc[first, 'purity']:.0%} was normal at {first:.0%} anomalies and "
            f"{means.loc[last, 'purity']:.0%} at {last:.0%}; it found {means.loc[first, 'recall']:.0%} and "
            f"{means.loc[last, 'recall']:.0%} of the normals."
        )
    return lines


def list_data() -> str:
    """Data sets, their domains, and whether they are here."""
    lines = []
    for name, domains in DATASETS.items():
        try:
            if name in FOLDER_DATASETS:
                here = f"found in {find_root(name)}"
            elif name == "folder":
                here = "any <root>/<domain>/<class>/*; pass --root"
            else:
                here = "comes with pip"
                load_domain(name, domains[0])
        except InputError:
            here = f"not found; 'twofold data check {name}' says what to do"
        lines.append(f"{name:12} {' '.join(domains) or '-'}\n{'':12} {here}")
    return "\n".join(lines)


def check_data(name: str, root: str | None = None) -> tuple[str, bool]:
    """Counts of a data set, against the published ones where there are, and whether it is complete.

    Raises
    ------
    InputError : unknown name, nothing found.
    """
    if name not in DATASETS:
        raise InputError(f"wanted a data set, got {name!r}; choose one of: {', '.join(DATASETS)}")
    if name in FOLDER_DATASETS:
        report = check(name, root)
        return "\n".join(report.lines()), report.ok
    if name == "folder":
        raise InputError("wanted a data set with published counts, got 'folder'; your own pictures have none to compare with")
    lines = []
    for domain in DATASETS[name]:
        names = pd.Series(load_domain(name, domain).class_names)
        lines.append(
            f"{domain}: {len(names)} pictures; " + ", ".join(f"{k} {v}" for k, v in names.value_counts(sort=False).items())
        )
    return "\n".join(lines), True


def doctor() -> str:
    """What this machine has: versions, devices, weights, data, cache."""
    from importlib.metadata import version

    import torch

    from twofold.methods.detectors import pick_device

    packages = ("twofold", "torch", "torchvision", "timm", "open_clip_torch", "scikit-learn")
    lines = [f"python {platform.python_version()}, " + ", ".join(f"{name} {version(name)}" for name in packages)]
    gpus = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    lines.append(f"device {pick_device()}" + (f" ({', '.join(gpus)})" if gpus else "") + "; a CPU run uses one thread")
    for preset, values in PRESETS.items():
        for role in ("backbone", "encoder"):
            model = values[role]
            try:
                origin = resolve_weights(model, hub_answers=lambda: False).origin
            except InputError:
                origin = "not on this machine; fetched from the model hub when first needed, or pass a local file"
            lines.append(f"{preset} {role} {model}: {origin}")
    cache = EmbeddingCache().folder
    size = sum(path.stat().st_size for path in cache.glob("*/*.safetensors")) if cache.is_dir() else 0
    lines.append(f"embedding cache {cache} ({size / 1e6:.0f} MB)")
    lines.append(f"methods: {', '.join(METHODS)}")
    return "\n".join(lines) + "\n" + list_data()
