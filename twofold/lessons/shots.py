"""How many labels is a method without labels worth? Few-shot methods by their number of shots, against methods told nothing."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from twofold.data import load_pair, normal_classes
from twofold.data.tasks import build_task
from twofold.errors import InputError
from twofold.lessons.fair_search import SHORTENED
from twofold.lessons.study import Study
from twofold.results.sentences import verdict_words
from twofold.results.statistics import ENOUGH_CLASSES, PAIR, above, class_means, look_of, plain, t_interval
from twofold.results.tables import pair_name
from twofold.runs.config import RunConfig
from twofold.runs.search import Pair

__all__ = ["UNTOLD", "most_shots", "plan_shots", "shots_against", "shots_curve", "shots_panels", "shots_reading", "shots_words"]

UNTOLD = ("target_gaussian", "pooled_gaussian")  # what shots are held against


def most_shots(
    pair: tuple[str, str, str], normals: Sequence[str], seeds: Sequence[int] = (0,), root: str | None = None
) -> dict[str, int]:
    """How many target normals of each class may be told at every seed: half of those that are not tested.

    Parameters
    ----------
    pair : data set, source, target.
    normals : classes.
    seeds : of the split.
    root : of folder data sets.

    Raises
    ------
    InputError : a class that the pair does not have, or a pair that cannot be opened.

    >>> most_shots(("digits", "type", "optdigits"), ["3", "8"])
    {'3': 46, '8': 43}
    """
    domains = load_pair(*pair, root)
    return {name: min(len(build_task(*domains, name, seed).target_normals) // 2 for seed in seeds) for name in normals}


def plan_shots(study: Study, pairs: Sequence[Pair], methods: Sequence[str], shots: Sequence[int]) -> list[RunConfig]:
    """Plan few-shot methods at each number of shots, on the classes that allow it, and the methods that are told nothing.

    Parameters
    ----------
    study : whose classes are taken where a pair has them, at the first of its seeds.
    pairs : data set, source, target.
    methods : that are told shots, each as the comparison runs it.
    shots : how many, one run each.
    """
    seed, configs = study.settings["seeds"][:1], []
    for pair in map(tuple, pairs):
        own, wanted = normal_classes(*pair, study.root), study.settings["normals"]
        names = [name for name in own if wanted == ["all"] or name in wanted]
        configs += study.plan(*pair, method=list(UNTOLD), normal=names, seed=seed)
        most = most_shots(pair, names, seed, study.root)
        for method, k in product(methods, shots):
            cut = {} if study.preset == "paper" else SHORTENED.get(method, {})
            if kept := [name for name in names if most[name] >= k]:
                configs += study.plan(*pair, method=method, shots=k, normal=kept, seed=seed, **cut)
    return configs


def shots_curve(frame: pd.DataFrame) -> pd.DataFrame:
    """Mean AUROC of each few-shot method by its number of shots, and of every other method once.

    Parameters
    ----------
    frame : runs of one ratio and protocol; of a few-shot method one variant a number of shots.

    Returns
    -------
    A row a pair, base and shots (NaN where none are told): method, mean, low, high (Student's interval over classes, None under
    five), n_classes, n_seeds, n_collapsed. A class on which a run collapsed is left out of its group.

    Raises
    ------
    InputError : several variants of a method with the same shots.
    """
    table = class_means(frame, [*PAIR, "method"]).merge(frame[["method", "shots"]].drop_duplicates(), on="method")
    if (twice := table.duplicated([*PAIR, "base", "shots"])).any():
        name = table.loc[twice.idxmax(), "base"]
        raise InputError(f"wanted one variant of {name} a number of shots, got {list(table.query('base == @name')['method'])}")
    rows = []
    for row in table.to_dict("records"):
        classes = np.array([value for value in row["classes"].values() if not pd.isna(value)])
        low, high = map(float, t_interval(classes)) if len(classes) >= ENOUGH_CLASSES else (None, None)
        kept = {field: row[field] for field in (*PAIR, "base", "method", "shots", "n_seeds", "n_collapsed")}
        rows.append(kept | {"mean": row["rest"], "low": low, "high": high, "n_classes": len(classes)})
    return pd.DataFrame(rows).astype({"shots": float, "low": float, "high": float})


def shots_against(frame: pd.DataFrame, control: str) -> pd.DataFrame:
    """Each few-shot method less a method that is told nothing, on the classes of both.

    Parameters
    ----------
    frame : as in ``shots_curve``.
    control : a name in its ``method`` column.

    Returns
    -------
    A row a pair, base and shots: method, control and what ``statistics.above`` finds.
    """
    rows = []
    for (*pair, base, shots), runs in frame[frame["told"] == "shots"].groupby([*PAIR, "base", "shots"], sort=False):
        same = frame[(frame[PAIR] == pair).all(axis=1) & (frame["method"] == control)]
        if not runs.merge(same, on=["normal", "seed"]).empty:
            place = dict(zip(PAIR, pair, strict=True)) | {"base": base, "shots": shots, "control": control}
            rows.append(place | above(pd.concat([runs, same]), runs["method"].iloc[0], control))
    return pd.DataFrame(rows)


def shots_reading(against: pd.DataFrame) -> list[str]:
    """How many shots it takes to reach a method that is told nothing: computed sentences.

    Parameters
    ----------
    against : of ``shots_against``.
    """
    lines = []
    for (*pair, base, control), rows in against.groupby([*PAIR, "base", "control"], sort=False):
        rows = rows.sort_values("shots")
        reached = rows.loc[rows["difference"].astype(float) >= 0, "shots"]
        words = f"reaches {control} from {reached.iloc[0]:.0f} shots on" if len(reached) else f"never reaches {control}"
        told = "; ".join(f"{row['shots']:.0f} shots {verdict_words(row)}" for row in rows.to_dict("records"))
        lines.append(f"{pair_name(tuple(pair))}: {base} {words} ({told})")
    return lines


def shots_panels(curve: pd.DataFrame, figure: Figure) -> Figure:
    """AUROC against shots, a panel a pair: few-shot methods as lines with intervals, the others as levels with bands.

    Parameters
    ----------
    curve : of ``shots_curve``.
    """
    pairs = list(curve.groupby(PAIR, sort=False))
    axes = figure.subplots(1, len(pairs), sharey=True, squeeze=False)[0]
    for ax, (pair, rows) in zip(axes, pairs, strict=True):
        for base, line in rows.groupby("base", sort=False):
            (_line if line["shots"].notna().all() else _level)(ax, str(base), line.sort_values("shots"))
        ax.set_xscale("log")
        ticks = sorted(rows["shots"].dropna().unique())
        ax.set_xticks(ticks, [f"{shots:.0f}" for shots in ticks])
        ax.minorticks_off()
        ax.set(title=pair_name(pair), xlabel="labelled normal target pictures (shots)")
    axes[0].set_ylabel("AUROC (%), mean over classes")
    figure.legend(*axes[0].get_legend_handles_labels(), fontsize=9, loc="outside upper left", ncols=2)
    return figure


def shots_words(curve: pd.DataFrame, free: str) -> str:
    """The most that shots bring on each pair, on the classes that allow all numbers of them, beside a method that is told none.

    Parameters
    ----------
    curve : of ``shots_curve``.
    free : a base that is told nothing.

    >>> rows = {"base": ["few_shot", "pooled_gaussian"], "shots": [10.0, None], "mean": [71.0, 97.0], "n_classes": 10}
    >>> shots_words(pd.DataFrame(rows).assign(dataset="d", source="s", target="t"), "pooled_gaussian")
    'd s→t: few-shot variant at best 71.0 (10 shots), pooled Gaussians without a label 97.0'
    """
    lines = []
    for pair, rows in curve.groupby(PAIR, sort=False):
        told = rows[rows["shots"].notna() & (rows["n_classes"] == rows["n_classes"].max())]
        best, level = told.loc[told["mean"].idxmax()], rows.loc[rows["base"] == free, "mean"].iloc[0]
        most = f"{plain(best['base'])} at best {best['mean']:.1f} ({best['shots']:.0f} shots)"
        lines.append(f"{pair_name(pair)}: {most}, {plain(free)} without a label {level:.1f}")
    return "\n".join(lines)


def _line(ax: Axes, base: str, line: pd.DataFrame) -> None:
    look, whole = look_of(base), line["n_classes"] == line["n_classes"].max()
    of_all, of_some = line[whole], line[~whole]  # means over other classes are no part of one line
    ax.plot(of_all["shots"], of_all["mean"], color=look.color, marker=look.marker, label=look.words)
    ax.vlines(of_all["shots"], of_all["low"], of_all["high"], color=look.color, linewidth=1.2, alpha=0.6)
    ax.plot(of_some["shots"], of_some["mean"], color=look.color, marker=look.marker, markerfacecolor="white", linestyle="")
    for row in of_some.itertuples():
        words = f"{row.n_classes} classes"
        ax.annotate(words, (row.shots, row.mean), (-7, 0), textcoords="offset points", ha="right", va="center", fontsize=9)


def _level(ax: Axes, base: str, line: pd.DataFrame) -> None:
    look, row = look_of(base), line.iloc[0]
    ax.axhline(row["mean"], color=look.color, linestyle="--", label=f"{look.words}, no label")
    if not pd.isna(row["low"]):
        ax.axhspan(row["low"], row["high"], color=look.color, alpha=0.10, linewidth=0)
