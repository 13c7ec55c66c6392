"""What broke in a run: the verdict on collapse in its three parts, over many runs, and beside the loss."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from twofold.compute import single_thread
from twofold.lessons.look_inside import Anatomy, score_histograms
from twofold.plots.style import headline
from twofold.results.sentences import few_words
from twofold.results.statistics import class_means, look_of
from twofold.runs.config import RunConfig, words
from twofold.runs.metrics import COLLAPSED_VARIANCE, DISTINCT_SHARE, collapse_parts
from twofold.runs.run import build, prepare
from twofold.runs.store import RunStore

__all__ = [
    "autopsy",
    "autopsy_figure",
    "autopsy_reading",
    "autopsy_words",
    "ending",
    "endings_figure",
    "endings_words",
    "loss_parts",
    "setting",
]

VARIANCE_FLOOR = 1e-8  # what is smaller is drawn here
LOSS_FLOOR = 1e-6
ENDING_STYLES = {
    "healthy": ("#000000", "-"),
    "off centre": ("#444444", "-."),
    "silent collapse": ("#666666", "--"),
    "loud collapse": ("#888888", ":"),
}


def setting(config: RunConfig) -> str:
    """What a run changes in its preset, in words.

    >>> from twofold import configure
    >>> setting(configure("digits", "type", "optdigits", "3", center="batch", clip_norm=0.0))
    'center=batch, clip_norm=0'
    """
    changed = ", ".join(words({field: value}) for field, value in config.changed.items())
    return changed or f"preset (learning_rate={config.recipe.learning_rate:g})"


def _read(setting: str) -> str:
    """A setting as a figure says it: without what only code wants."""
    return setting.replace("_", " ").replace("=", " = ")


def autopsy(
    configs: Sequence[RunConfig], results: Sequence[dict[str, Any]], store: str | Path, root: str | None = None
) -> pd.DataFrame:
    """The verdict's parts of finished runs.

    Parameters
    ----------
    configs : of runs that train.
    results : of the same runs, in the same order.
    store : folder of the run store that holds their test features.
    root : of folder data sets.

    Returns
    -------
    One row a run, setting by setting in the order given: setting, method, normal, seed, auroc (NaN where there is none),
    collapsed, and ``metrics.collapse_parts``.
    """
    held, before, rows, order = RunStore(store), {}, [], list(dict.fromkeys(map(setting, configs)))
    for config, result in zip(configs, results, strict=True):
        # all classes of a seed share their test pictures, and all runs their first network
        task, settings = config.task, config.settings
        key = (task.dataset, task.target, task.seed, task.transductive, config.networks, settings.normalize_features)
        if key not in before:
            prepared = prepare(config, root)
            with single_thread():
                before[key] = build(config, prepared.device).embed(prepared.task.target_test).numpy()
        test = held.test_features(result["config_hash"])
        auroc = np.nan if result["auroc"] is None else result["auroc"]
        row = {"setting": setting(config), "method": config.method, "normal": task.normal, "seed": task.seed}
        row |= {"auroc": auroc, "collapsed": result["collapsed"]}
        rows.append(row | collapse_parts(test["scores"], test["features"], before[key]))
    return pd.DataFrame(sorted(rows, key=lambda row: order.index(row["setting"])))


def autopsy_figure(table: pd.DataFrame) -> Figure:
    """AUROC and the verdict's two numbers for every setting; a dot a run, a cross where it collapsed.

    Parameters
    ----------
    table : from ``autopsy``.
    """
    settings, methods = list(dict.fromkeys(table["setting"])), list(dict.fromkeys(table["method"]))
    figure, panels = plt.subplots(1, 3, figsize=(13, 1.5 + 0.42 * len(settings)), sharey=True)
    panels[0].axvline(50, color="#888888", linewidth=1, linestyle=":")
    for panel, limit in zip(panels[1:], (COLLAPSED_VARIANCE, DISTINCT_SHARE), strict=True):
        panel.axvspan(-1 if limit == DISTINCT_SHARE else VARIANCE_FLOOR / 10, limit, color="#000000", alpha=0.07, linewidth=0)
        panel.axvline(limit, color="#333333", linewidth=1, linestyle="--")
    for j, method in enumerate(methods):
        rows, look = table[table["method"] == method], look_of(method)
        y = rows["setting"].map(settings.index) + 0.3 * (j - (len(methods) - 1) / 2)
        columns = (rows["auroc"], rows["variance_ratio"].clip(lower=VARIANCE_FLOOR), rows["distinct_share"])
        for panel, x in zip(panels, columns, strict=True):
            well, style = ~rows["collapsed"], {"color": look.color, "zorder": 3}
            panel.scatter(x[well], y[well], marker=look.marker, s=34, alpha=0.7, label=look.words, **style)
            panel.scatter(x[~well], y[~well], marker="x", s=52, linewidth=1.8, **style)
    for i in range(0, len(settings), 2):
        for panel in panels:
            panel.axhspan(i - 0.5, i + 0.5, color="#000000", alpha=0.025, linewidth=0)
    panels[0].set_yticks(range(len(settings)), map(_read, settings))
    panels[0].set_ylim(len(settings) - 0.5, -0.5)
    panels[0].set(xlim=(-3, 103), xlabel="AUROC on the target (%)")
    panels[1].set(xscale="log", xlim=(VARIANCE_FLOOR / 3, 30), xlabel="test-feature variance, after / before")
    panels[2].set(xlim=(-0.03, 1.05), xlabel="distinct scores / pictures")
    handles, labels = panels[0].get_legend_handles_labels()
    handles.append(plt.Line2D([], [], marker="x", color="#333333", linestyle="", markersize=7, markeredgewidth=1.8))
    figure.legend(handles, [*labels, "collapsed"], loc="upper right", ncols=len(handles), bbox_to_anchor=(1, 1.02))
    figure.tight_layout(rect=(0, 0, 1, 0.96))
    headline(figure, autopsy_words(table))
    return figure


def autopsy_words(table: pd.DataFrame) -> str:
    """How many runs collapsed, and whether their AUROC tells them from the others: one sentence.

    Parameters
    ----------
    table : from ``autopsy``.
    """
    parts = {"theirs": table["collapsed"], "the others'": ~table["collapsed"]}
    spans = {name: table.loc[rows, "auroc"].dropna() for name, rows in parts.items()}
    told = [f"{name} {span.min():.0f} to {span.max():.0f} %" for name, span in spans.items() if len(span)]
    return f"{table['collapsed'].sum()} of {len(table)} runs collapsed; AUROC {', '.join(told) or 'of none'}"


def endings_words(runs: Sequence[Anatomy]) -> str:
    """Which run ends with the lowest loss, and which with the highest AUROC: one sentence.

    Parameters
    ----------
    runs : as in ``endings_figure``.
    """
    low = min(runs, key=lambda run_: np.nan_to_num(run_.losses["one_class"][-1], nan=np.inf))
    high = max(runs, key=lambda run_: -1 if run_.result["auroc"] is None else run_.result["auroc"])
    parts = [f"{ending(run_)} ({_auroc_words(run_)})" for run_ in (low, high)]
    return f"{few_words(1)}the lowest loss at the end is of {parts[0]}, the highest AUROC of {parts[1]}"


def _auroc_words(run_: Anatomy) -> str:
    return "no AUROC" if run_.result["auroc"] is None else f"AUROC {run_.result['auroc']:.0f} %"


def autopsy_reading(table: pd.DataFrame) -> list[str]:
    """Which settings collapse, by which part of the verdict, and what the AUROC would have said: computed sentences."""
    lines, means = [], class_means(table, ["setting", "method"])
    for name, rows in table.groupby("setting", sort=False):
        broken, whole = rows[rows["collapsed"]], means[(means["setting"] == name) & means["rest"].notna()]
        rest = [f"{method} {value:.1f}" for method, value in zip(whole["method"], whole["rest"], strict=True)]
        line = f"{name}: {len(broken)}/{len(rows)} collapsed"
        if len(broken):
            reasons = ", ".join(f"{why} {n}" for why, n in broken["why"].value_counts().items())
            ends = (broken["auroc"].min(), broken["auroc"].max())
            span = " to ".join(dict.fromkeys(f"{value:.0f}" for value in ends if np.isfinite(value)))
            line += f" ({reasons}; {f'AUROC {span}' if span else 'no AUROC'})"
        lines.append(line + (f"; AUROC of the rest {', '.join(rest)}" if rest else ""))
    return lines


def ending(run_: Anatomy) -> str:
    """How a run ended, in words.

    Parameters
    ----------
    run_ : taken apart by ``look_inside.features_before_and_after``.

    Returns
    -------
    healthy; off centre where the source ended farther from the detector's centre than the loss began; silent collapse
    where the loss hides it, having fallen; loud collapse where it rose or is no number.
    """
    one_class = run_.losses["one_class"]
    fell = bool(one_class[-1] < one_class[0])  # False for a NaN
    if run_.result["collapsed"]:
        return "silent collapse" if fell else "loud collapse"
    return "healthy" if run_.source_scores.mean() < one_class[0] else "off centre"


def loss_parts(z: np.ndarray, scores: np.ndarray) -> tuple[float, float]:
    r"""Split the mean distance to a centre into spread around the mean and distance of the mean.

    .. math:: \frac{1}{n} \sum_i \lVert z_i - c \rVert^2 = \sum_j \operatorname{Var} z_j + \lVert \bar z - c \rVert^2

    Parameters
    ----------
    z : (n, d)
    scores : (n,) squared distances of the same rows to the centre.

    Returns
    -------
    (spread, offset), both >= 0.

    >>> z = np.array([[1.0, 3.0], [3.0, 3.0]])
    >>> loss_parts(z, (z**2).sum(axis=1))
    (1.0, 13.0)
    """
    spread = float(z.var(axis=0, dtype=float).sum())
    return spread, max(0.0, float(scores.mean(dtype=float)) - spread)


def endings_figure(runs: Sequence[Anatomy]) -> Figure:
    """What training sees and what the detector says: the source's loss at every step, and each run's scores.

    Parameters
    ----------
    runs : each drawn by how it ended; a loss below a millionth is drawn there.
    """
    columns = -(-len(runs) // 2)
    figure = plt.figure(figsize=(5.2 + 4.3 * columns, 6.2))
    widths, edges = [1.25] + [1] * columns, {"left": 0.07, "right": 0.99}
    grid = figure.add_gridspec(2, 1 + columns, width_ratios=widths, hspace=0.62, wspace=0.3, **edges)
    ax = figure.add_subplot(grid[:, 0])
    for i, run_ in enumerate(runs):
        color, style = ENDING_STYLES[ending(run_)]
        ax.plot(np.maximum(run_.losses["one_class"], LOSS_FLOOR), color=color, linestyle=style, linewidth=2, label=ending(run_))
        panel = figure.add_subplot(grid[i // columns, 1 + i % columns])
        score_histograms(run_, panel)
        panel.set_title(f"{ending(run_)}, {_auroc_words(run_)}", color=color, pad=20)
        panel.text(0, 1.03, _read(setting(run_.config)), transform=panel.transAxes, fontsize=8.5, color="#555555")
        if i == 0:
            panel.legend(fontsize=9)
    ax.set(yscale="log", xlabel="step", ylabel="one-class loss on the source (at least 10⁻⁶)", title="what training sees")
    ax.legend(loc="upper right", bbox_to_anchor=(1, 0.9), fontsize=9)
    headline(figure, endings_words(runs))
    return figure
