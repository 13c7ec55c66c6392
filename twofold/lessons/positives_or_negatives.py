"""Which of the two does the work: who is taken for normal, or who is pushed away? Single changes in a grid of both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from twofold.plots.style import INK, wrapped
from twofold.results.sentences import rest_words, verdict_words
from twofold.results.statistics import above

__all__ = ["CHANGED", "WORDS", "change_dots", "grid_picture", "headline", "single_changes"]

WORDS = {  # of selections, and of negatives
    "all": "everything",
    "kmeans": "K-means' cluster (paper)",
    "gmm": "mixture's cluster",
    "meanshift": "mean shift's cluster",
    "knn": "densest part",
    "oracle": "true normals (oracle)",
    "in_batch": "the others of the batch",
    "non_dominant": "what is left over (paper)",
    "sparse_tail": "the sparsest tenth",
    "both": "batch and what is left over",
}
FOLLOWING = ("non_dominant", "both")  # negatives that another selection changes, too
CHANGED = {"positives": ("#888888", "o"), "negatives": ("#000000", "s")}  # what a single change changes -> colour, marker


def single_changes(
    frame: pd.DataFrame, names: Mapping[tuple[str, str], str], selections: Sequence[str], negatives: Sequence[str]
) -> pd.DataFrame:
    """What every step along a row or a column of the grid is worth, all else the same.

    Where what is left over is pushed away, another selection leaves others over: such a step changes both, and is left out.

    Parameters
    ----------
    frame : runs of one pair of domains, one share of anomalies.
    names : (selection, negatives) -> the method's name in the frame; cells that were not run are left out.
    selections, negatives : in the order of the steps.

    Returns
    -------
    A row a step: changed (``positives`` or ``negatives``), change and at in words, what ``statistics.above`` finds.
    """
    steps = []
    for kept in (name for name in negatives if name not in FOLLOWING):
        for before, after in pairwise(name for name in selections if (name, kept) in names):
            steps.append(("positives", names[before, kept], names[after, kept], before, after, kept))
    for kept in selections:
        for before, after in pairwise(name for name in negatives if (kept, name) in names):
            steps.append(("negatives", names[kept, before], names[kept, after], before, after, kept))
    rows = []
    for changed, start, end, before, after, kept in steps:
        found = above(frame, end, start)
        told = {"changed": changed, "change": f"{WORDS[before]} → {WORDS[after]}", "at": WORDS[kept]}
        rows.append({**told, **found, "words": verdict_words(found)})
    return pd.DataFrame(rows)


def headline(changes: pd.DataFrame) -> str:
    """One sentence: how far a single change of either kind moves the AUROC, on average.

    Parameters
    ----------
    changes : of ``single_changes``.

    >>> changes = pd.DataFrame({"changed": ["positives", "negatives"], "difference": [-1.0, 12.0], "n_classes": 2})
    >>> headline(changes)
    'Other negatives move the AUROC by 12 points, other positives by 1 (2 classes: too few for a verdict)'
    """
    size = changes.dropna(subset="difference").groupby("changed")["difference"].apply(lambda gains: gains.abs().mean())
    fewest = int(changes["n_classes"].dropna().min())
    few = "es: too few for a verdict" if fewest < 5 else "es"
    return (
        f"Other negatives move the AUROC by {size['negatives']:.0f} points, other positives by {size['positives']:.0f} "
        f"({fewest} class{few})"
    )


def grid_picture(cells: pd.DataFrame, selections: Sequence[str], negatives: Sequence[str], ax: Axes) -> Axes:
    """Every way of choosing positives with every way of choosing negatives, its AUROC in the cell.

    Parameters
    ----------
    cells : of ``class_means`` by selection and negatives.
    selections, negatives : rows from the top, columns from the left; a cell without runs says so.
    """
    run = set(zip(cells["selection"], cells["negatives"], strict=True))
    means = cells.pivot(index="selection", columns="negatives", values="mean").reindex(selections, columns=negatives)
    ax.imshow(means.to_numpy(dtype=float), cmap="cividis", vmin=50, vmax=100, aspect="auto")
    for row in cells.to_dict("records"):
        x, y = negatives.index(row["negatives"]), selections.index(row["selection"])
        words = rest_words(row, "\n") if pd.isna(row["mean"]) else f"{row['mean']:.0f}"
        dark = pd.notna(row["mean"]) and row["mean"] < 75
        size = 8 if pd.isna(row["mean"]) else 15
        ax.text(x, y, words, ha="center", va="center", fontsize=size, fontweight="bold", color="white" if dark else "black")
    for y, selection in enumerate(selections):
        for x, name in enumerate(negatives):
            if (selection, name) not in run:
                ax.text(x, y, "nothing is\nleft over" if selection == "all" else "not run", ha="center", va="center", color=INK)
    ax.set_xticks(range(len(negatives)), [wrapped(WORDS[name], 13) for name in negatives])
    ax.set_yticks(range(len(selections)), [WORDS[name].replace(" (", "\n(") for name in selections])
    ax.set(xlabel="who is pushed away (negatives)", ylabel="who is taken for normal (positives)")
    ax.grid(False)
    return ax


def change_dots(changes: pd.DataFrame, ax: Axes) -> Axes:
    """Every single change as a dot at its gain, those of positives above those of negatives.

    Parameters
    ----------
    changes : of ``single_changes``.
    """
    ordered = changes.sort_values("changed", ascending=False, kind="stable").to_dict("records")
    for y, row in enumerate(ordered):
        color, marker = CHANGED[row["changed"]]
        if pd.isna(row["difference"]):
            ax.text(0, y, row["verdict"], color=color, va="center", ha="center")
            continue
        if row["low"] is not None and np.isfinite(row["low"]):
            ax.plot([row["low"], row["high"]], [y, y], color=color, linewidth=2)
        ax.plot(row["difference"], y, marker, color=color, markersize=8)
    ax.axvline(0, color=INK, linewidth=1)
    ax.set_yticks(range(len(ordered)), [f"{row['change']}\n({row['at']})" for row in ordered], fontsize=9.5)
    ax.set_ylim(len(ordered) - 0.5, -0.5)
    ax.set_xlabel("gain of this one change (points of AUROC, 95 % interval)")
    for changed, (color, _) in CHANGED.items():
        rows = [y for y, row in enumerate(ordered) if row["changed"] == changed]
        ax.text(1.02, np.mean(rows), f"other\n{changed}", transform=ax.get_yaxis_transform(), color=color, va="center")
    return ax
