"""The ladder from no alignment to the oracle: whether each step is above the one before, and what becomes of the target."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from twofold.plots.style import COLORS
from twofold.results.sentences import verdict_count, verdict_words
from twofold.results.statistics import PAIR, PROTOCOL, above, class_means, one_of_each, plain

__all__ = ["aligned_bars", "aligned_parts", "aligned_words", "steps"]

PARTS = {  # part of the unlabelled target -> role, hatched where it is repelled
    "normals aligned": ("normal", ""),
    "anomalies aligned": ("anomalous", ""),
    "anomalies repelled": ("anomalous", "////"),
    "normals repelled": ("normal", "////"),
}


def steps(frame: pd.DataFrame, ladder: Sequence[str]) -> list[str]:
    """Whether each method of a ladder is above the one before it: computed sentences.

    Parameters
    ----------
    frame : runs of one pair of domains and one share of anomalies.
    ladder : methods, each promised to be above the one before.

    Returns
    -------
    A line a step: holds, reversed, undecided, too few classes (under five) or collapsed (no class is left), what collapsed
    named before; then how many verdicts these are.

    Raises
    ------
    InputError : several pairs or ratios, or a method that was not run.
    """
    one_of_each(frame, [*PAIR, "anomaly_ratio", *PROTOCOL])
    lines, verdicts = [], []
    for before, after in pairwise(ladder):
        found = above(frame, after, before)
        verdicts.append(found["verdict"])
        verdict = {"above": "holds", "below": "reversed"}.get(found["verdict"])
        lines.append(f"{before} < {after}: {verdict_words(found, verdict)}")
    return [*lines, *filter(None, [verdict_count(verdicts)])]


def aligned_parts(frame: pd.DataFrame, methods: Sequence[str]) -> pd.DataFrame:
    r"""What becomes of the unlabelled target, for methods that repel whatever they do not take for normal.

    .. math:: \text{anomalies per normal} = \frac{a - r + r (1 - p) / p}{1 - a}

    Parameters
    ----------
    frame : runs; purity p, recall r and accuracy a of the selection tell the four parts.
    methods : rows; not for those that leave a part of the target alone (``density``).

    Returns
    -------
    Shares of the unlabelled target: normals aligned, anomalies aligned, anomalies repelled, normals repelled; each in [0, 1],
    their sum is 1.

    >>> run = {"method": "twofold", "purity": 2 / 3, "recall": 2 / 4, "accuracy": 2 / 5, "anomaly_ratio": 0.2}
    >>> runs = pd.DataFrame([{**run, "normal": "x", "seed": 0, "collapsed": False}])
    >>> aligned_parts(runs, ["twofold"]).round(2).iloc[0].tolist()  # 4 normals, 1 anomaly; 2 + 1 are taken
    [0.4, 0.2, 0.0, 0.4]
    """
    runs = frame[frame["recall"].gt(0)]
    purity, recall, accuracy = runs["purity"], runs["recall"], runs["accuracy"]
    wrong = recall * (1 - purity) / purity  # anomalies aligned, per normal
    known = accuracy < 1  # else all was told apart without an error, and the share of anomalies is the drawn one
    drawn = runs["anomaly_ratio"] / (1 - runs["anomaly_ratio"])
    anomalies = ((accuracy - recall + wrong) / (1 - accuracy).where(known)).where(known, drawn)
    parts = {"normals aligned": recall, "anomalies aligned": wrong}
    parts |= {"anomalies repelled": anomalies - wrong, "normals repelled": 1 - recall}
    shares = runs.assign(collapsed=False, **{name: part / (1 + anomalies) for name, part in parts.items()})
    means = {name: class_means(shares, of=name, methods=methods).set_index("method")["mean"] for name in parts}
    return pd.DataFrame(means).rename_axis(None).clip(lower=0)


def aligned_words(parts: pd.DataFrame) -> str:
    """How many of the anomalies each method aligns with the source's normals: one sentence.

    Parameters
    ----------
    parts : from ``aligned_parts``.

    >>> aligned_words(pd.DataFrame({"anomalies aligned": [0.08, 0.0], "anomalies repelled": [0.02, 0.1]}, index=["a", "b"]))
    'Anomalies aligned with the normals: 80% by a, 0% by b'
    """
    aligned = parts["anomalies aligned"] / (parts["anomalies aligned"] + parts["anomalies repelled"])
    return "Anomalies aligned with the normals: " + ", ".join(f"{v:.0%} by {plain(name)}" for name, v in aligned.items())


def aligned_bars(parts: pd.DataFrame, ax: Axes) -> Axes:
    """A bar a method: what it aligns (plain) and repels (hatched), normals and anomalies apart.

    Parameters
    ----------
    parts : from ``aligned_parts``.
    """
    left = np.zeros(len(parts))
    for part, (role, hatch) in PARTS.items():
        width = 100 * parts[part].to_numpy()
        line = np.where(width < 0.05, 0, 1)  # a part of nothing has no edge
        look = {"color": "white" if hatch else COLORS[role], "edgecolor": COLORS[role], "hatch": hatch, "label": part}
        ax.barh(range(len(parts)), width, left=left, height=0.62, linewidth=line, **look)
        for i, (start, share) in enumerate(zip(left, width, strict=True)):
            if share >= 4:
                box = {"facecolor": "white", "edgecolor": "none", "pad": 1.2} if hatch else None
                style = {"fontsize": 9, "color": "black" if hatch else "white", "bbox": box}
                ax.text(start + share / 2, i, f"{share:.0f}", ha="center", va="center", **style)
        left += width
    ax.set_yticks(range(len(parts)), map(plain, parts.index))
    ax.set_ylim(len(parts) - 0.4, -0.6)
    ax.set_xlim(0, 100)
    ax.set_xlabel("share of the unlabelled target set (%)")
    legend = ax.legend(ncols=2, loc="lower left", bbox_to_anchor=(0, 1.0), fontsize=9, borderaxespad=0.2)
    for patch in legend.get_patches():
        patch.set_linewidth(1)
    return ax
