"""Whom adaptation serves and whom it harms, class by class; and whether the paper's printed numbers agree with each other."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import pandas as pd
from matplotlib.axes import Axes

from twofold.data import load_pair, normal_classes, where
from twofold.data.public import FOLDER_DATASETS
from twofold.data.tasks import build_task
from twofold.errors import InputError
from twofold.plots.scores import score_axis
from twofold.plots.style import INK, look_of_row
from twofold.results.published import TABLES, published
from twofold.results.tables import pair_name
from twofold.runs.rows import Known

__all__ = [
    "LEAST_TARGET",
    "at_hand",
    "disagreements",
    "dumbbells",
    "gain_count",
    "gain_range",
    "judged",
    "quoted_on",
    "recomputed",
    "shared_classes",
]

LEAST_TARGET = 10  # unlabelled target pictures that a class must leave to be judged


def at_hand(dataset: str, root: str | None = None, known: Known | None = None) -> bool:
    """Whether a data set is here, as pictures or as rows of a table that is known.

    >>> at_hand("digits"), at_hand("office_caltech", "/no/such/folder")
    (True, False)
    """
    try:
        return bool(where(dataset, root))
    except InputError:
        return known is not None and any(row["dataset"] == dataset for row in known.rows)


def judged(
    pair: tuple[str, str, str],
    normals: Sequence[str] = ("all",),
    seeds: Sequence[int] = (0,),
    root: str | None = None,
    known: Known | None = None,
) -> tuple[list[str], dict[str, int]]:
    """The classes of a pair that leave enough unlabelled target pictures to be normal, at every seed.

    Parameters
    ----------
    pair : data set, source, target.
    normals : classes, of which the pair need not have all; ``("all",)`` is every class.
    seeds : of the split.
    root : of folder data sets.
    known : a table of rows: where the pictures are not at hand, its classes are those that were judged when it was made.

    Returns
    -------
    Classes to be judged, and those left out with the fewest unlabelled target pictures they have at any seed.

    Raises
    ------
    InputError : the pair has none of the classes, or cannot be opened.

    >>> judged(("digits", "type", "optdigits"), ["3", "mouse"])
    (['3'], {})
    """
    here = at_hand(pair[0], root)
    own = normal_classes(*pair, root) if here or known is None else known.classes(*pair)
    wanted = own if list(normals) == ["all"] else [name for name in own if name in normals]
    if not wanted:
        raise InputError(f"wanted a class of {pair_name(pair)}, got {', '.join(normals)}; choose among: {', '.join(own)}")
    if not here:
        return wanted, {}
    domains = load_pair(*pair, root)
    fewest = {name: min(len(build_task(*domains, name, seed).target_train) for seed in seeds) for name in wanted}
    kept = [name for name in wanted if fewest[name] >= LEAST_TARGET]
    return kept, {name: fewest[name] for name in wanted if name not in kept}


def shared_classes() -> dict[str, str]:
    """Office-Caltech's name -> the paper's name of the Office-31 classes that are in both.

    >>> shared_classes()["laptop"], len(shared_classes())
    ('laptop_computer', 5)
    """
    ours, theirs = FOLDER_DATASETS["office_caltech"], FOLDER_DATASETS["office31"]
    known = {word.replace("_", ""): name for name in theirs.classes for word in (name, *theirs.aliases.get(name, ()))}
    return {name: known[name] for name in ours.classes if name in known}


def quoted_on(block: pd.DataFrame, classes: Sequence[str]) -> pd.DataFrame:
    """A published block of Office-31 on some of its classes: averages and spreads (ddof 0) anew from the printed classes.

    Parameters
    ----------
    block : rows of ``published.published``, with their classes.
    classes : keys of ``shared_classes``.

    Returns
    -------
    Rows as ``block`` has them, of these classes by our names, and their mean.

    >>> table = published("table1").query("block == 'Webcam->Amazon' and method == 'source_only'")
    >>> quoted_on(table, ["mouse", "laptop"])[["normal", "auroc", "std"]].round(2).values.tolist()
    [['laptop', 51.79, nan], ['mouse', 83.95, nan], ['mean', 67.87, 16.08]]
    """
    ours = {theirs: own for own, theirs in shared_classes().items() if own in classes}
    rows = block[block["normal"].isin(ours)].assign(normal=lambda rows: rows["normal"].map(ours))
    means = block[block["normal"] == "mean"].set_index("method", drop=False)
    of_classes = rows.groupby("method")["auroc"]
    means = means.assign(auroc=of_classes.mean(), std=of_classes.std(ddof=0), std_kind="classes, ddof 0")
    return pd.concat([rows, means], ignore_index=True)


def dumbbells(table: pd.DataFrame, before: str, after: str, ax: Axes) -> Axes:
    """A row a class: from its AUROC under one method to that under another; classes that lose are dashed.

    Parameters
    ----------
    table : a row a method; classes where either collapsed are named and not drawn.
    before, after : methods.
    """
    rows = {row["method"]: row for row in table.to_dict("records")}
    wide = pd.DataFrame({method: rows[method]["classes"] for method in (before, after)}, dtype=float)
    gain = (wide[after] - wide[before]).sort_values(ascending=False, na_position="last")
    for i, name in enumerate(gain.index):
        if pd.isna(gain[name]):
            ax.text(50, i, "collapsed", va="center", fontsize=9, color=INK)
            continue
        lost = gain[name] < 0
        ax.plot(
            wide.loc[name, [before, after]], [i, i], color="black" if lost else "#BBBBBB", linewidth=2.4,
            linestyle="--" if lost else "-", zorder=1,
        )  # fmt: skip
        for method in (before, after):
            look = look_of_row(rows[method])
            label = look.short if i == 0 else None
            ax.scatter(wide.loc[name, method], i, s=52, color=look.color, marker=look.marker, zorder=2, label=label)
        style = {"color": "black" if lost else INK, "fontweight": "bold" if lost else "normal", "fontsize": 9, "va": "center"}
        ax.text(1.02, i, f"{gain[name]:+.1f}", transform=ax.get_yaxis_transform(), **style)
    score_axis(ax, [name.replace("_", " ") for name in gain.index], wide.min().min(), 5)
    return ax


def _gains(table: pd.DataFrame, before: str, after: str) -> pd.Series:
    """Of each class on which neither collapsed."""
    classes = table.set_index("method")["classes"]
    return (pd.Series(classes[after], dtype=float) - pd.Series(classes[before], dtype=float)).dropna()


def gain_count(table: pd.DataFrame, before: str, after: str) -> str:
    """On how many classes a method is above another, and by how much on average, of the classes where neither collapsed.

    Parameters
    ----------
    table, before, after : as in ``dumbbells``.

    >>> rows = [{"method": "a", "classes": {"x": 50.0, "y": 60.0}}, {"method": "b", "classes": {"x": 53.0, "y": 59.0}}]
    >>> gain_count(pd.DataFrame(rows), "a", "b")
    '1 of 2 classes gain, +1.0 points on average'
    """
    gain = _gains(table, before, after)
    return f"{(gain > 0).sum()} of {len(gain)} classes gain, {gain.mean():+.1f} points on average"


def gain_range(tables: Sequence[pd.DataFrame], before: str, after: str) -> str:
    """The least and the greatest of the mean gains of several tables.

    Parameters
    ----------
    tables : each as in ``gain_count``.

    >>> rows = [{"method": "a", "classes": {"x": 50.0, "y": 60.0}}, {"method": "b", "classes": {"x": 53.0, "y": 59.0}}]
    >>> gain_range([pd.DataFrame(rows)] * 2, "a", "b")
    '+1.0 to +1.0 points'
    """
    means = [_gains(table, before, after).mean() for table in tables]
    return f"{min(means):+.1f} to {max(means):+.1f} points"


def recomputed() -> pd.DataFrame:
    """Every printed mean and spread whose classes are printed too, beside its value from the classes (ddof 0).

    Returns
    -------
    table, block, method, statistic (mean or std), printed, recomputed, difference (recomputed - printed).

    >>> round(float(recomputed()["difference"].abs().max()), 3)
    0.007
    """
    rows = []
    for table in TABLES[:3]:
        for (block, method), group in published(table).groupby(["block", "method"], sort=False):
            classes = group.loc[group["normal"] != "mean", "auroc"]
            (mean,) = group[group["normal"] == "mean"].to_dict("records")
            for statistic, printed, value in (
                ("mean", mean["auroc"], classes.mean()),
                ("std", mean["std"], classes.std(ddof=0)),
            ):
                rows.append((table, block, method, statistic, printed, value, value - printed))
    return pd.DataFrame(rows, columns=["table", "block", "method", "statistic", "printed", "recomputed", "difference"])


def disagreements() -> pd.DataFrame:
    """Every number that two tables print differently.

    Returns
    -------
    block, method, normal, statistic (auroc or std), table_a, value_a, table_b, value_b, difference (b - a).

    >>> disagreements().query("statistic == 'auroc'")["block"].nunique()  # all of Office, none of VisDA
    4
    """
    keys, rows = ["block", "method", "normal"], []
    for a, b in combinations(TABLES, 2):
        both = published(a).merge(published(b), on=keys, suffixes=("_a", "_b"))
        for row in both.to_dict("records"):
            for statistic in ("auroc", "std"):
                value_a, value_b = row[f"{statistic}_a"], row[f"{statistic}_b"]
                if abs(value_a - value_b) > 1e-6:  # False where either is missing
                    rows.append((*(row[key] for key in keys), statistic, a, value_a, b, value_b, round(value_b - value_a, 2)))
    return pd.DataFrame(rows, columns=[*keys, "statistic", "table_a", "value_a", "table_b", "value_b", "difference"])
