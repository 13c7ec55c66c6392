"""One palette, one look a method, labels that do not overlap; a ``Look`` needs no drawing library.

A colour has one meaning and is written in one place: ``COLORS`` are of what points and pictures are, ``CLUSTER_GREYS`` of
clusters, and a method, a selection or a loss wears none of them.

Every function of this room draws on the axes ``ax`` that it is given, which it returns. A ``table`` comes from
``results.statistics.class_means``: a row a group, with ``mean``, ``std_classes``, ``n_runs``, ``n_collapsed``, the
``classes`` behind it and the ``words``, ``color`` and ``marker`` of its method. Nothing here averages, and nothing here knows
a method: what comes without a look is drawn grey under its own name.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.transforms import Bbox

__all__ = [
    "ALIGNMENT_LOOKS",
    "CLUSTER",
    "CLUSTER_GREYS",
    "COLORS",
    "DENSE",
    "EVERYTHING",
    "GREY",
    "HALO",
    "INK",
    "MARKERS",
    "NOT_ADAPTED",
    "SELECTION_LOOKS",
    "Look",
    "chance_line",
    "collapsed_words",
    "footnote",
    "headline",
    "held",
    "look_of_row",
    "plain_name",
    "spread_out",
    "unknown_look",
    "use_style",
    "wrapped",
]

# Okabe and Ito's colours: told apart by colour-blind eyes, and, with the markers, in grey
COLORS = {"source": "#0072B2", "target": "#E69F00", "normal": "#009E73", "anomalous": "#D55E00"}
MARKERS = {"source": "o", "target": "s", "normal": "^", "anomalous": "X"}
# aligning nothing, the dominant cluster, the dense part, and all
NOT_ADAPTED, CLUSTER, DENSE, EVERYTHING = "#5E5048", "#0B3954", "#CC79A7", "#7F1D1D"
CLUSTER_GREYS = ("#333333", *(f"#{shade:02X}{shade:02X}{shade:02X}" for shade in range(130, 230, 11)))  # the dominant one first
GREY = "#777777"  # of what has no look of its own
INK = "#555555"  # of small print
SPARE_MARKERS = ("d", "h", "P", "8", "p")
HALO = {"facecolor": "white", "edgecolor": "none", "alpha": 0.85, "pad": 0.5}  # of words that stand on a line
CONTROLS = {"features=layers": "same layers", "background=auto,features=layers": "same eyes"}  # as the pooled Gaussians
SCORE_WORDS = "AUROC on the target (%)"
HEADLINE_LETTERS, FOOTNOTE_LETTERS = 9, 14.5  # in an inch


@dataclass(frozen=True)
class Look:
    """How a series is drawn: its name in words, its colour, its marker."""

    words: str
    color: str
    marker: str

    @property
    def short(self) -> str:
        """The words without what stands in brackets, as in a sentence."""
        return self.words.partition(" (")[0]


SELECTION_LOOKS = {
    "kmeans": Look("K-means", CLUSTER, "^"),
    "gmm": Look("Gaussian mixture", "#5B5BD6", "P"),
    "meanshift": Look("mean shift", "#A8823A", "v"),
    "knn": Look("nearest neighbours", DENSE, "D"),
    "all": Look("everything", EVERYTHING, "X"),
    "oracle": Look("oracle", "#000000", "*"),
}
ALIGNMENT_LOOKS = {
    "contrastive": Look("contrastive", "#4B4BC8", "^"),
    "mmd": Look("MMD", "#B2436E", "D"),
    "grl": Look("GRL", "#7A7A1E", "v"),
    "none": Look("source only", NOT_ADAPTED, "o"),
}


def unknown_look(name: str) -> Look:
    """The look of what brings none: its own name, grey, one of a few markers, always the same for the same name.

    >>> unknown_look("GNL")
    Look(words='GNL', color='#777777', marker='d')
    """
    return Look(name, GREY, SPARE_MARKERS[sum(name.encode()) % len(SPARE_MARKERS)])


def look_of_row(row: Mapping[str, Any], key: str = "method", looks: Mapping[str, Look] | None = None) -> Look:
    """The look of a row of a table: the one given for its ``key``, else the row's own, else that of an unknown.

    >>> look_of_row({"method": "a", "words": "A", "color": "red", "marker": "o"}).words
    'A'
    >>> look_of_row({"method": "a", "words": None}).words
    'a'
    """
    name = str(row[key])
    if looks and name in looks:
        return looks[name]
    own = [row.get(field) for field in ("words", "color", "marker")]
    return Look(*own) if all(isinstance(value, str) for value in own) else unknown_look(name)


def plain_name(method: str, look: Look) -> str:
    """A method in plain English: its look's name, then what is changed in it, as titles and rows of figures say it.

    >>> plain_name("target_only[background=auto,features=layers]", Look("target only (kNN)", "red", "s"))
    'target only, same eyes'
    >>> plain_name("in_domain (oracle)", Look("trained on the target's normals", "red", "P"))
    "trained on the target's normals (oracle)"
    >>> plain_name("msra[backbone_size_px=128,shots=10]", Look("MsRA (few-shot)", "red", "o"))
    'MsRA, backbone size px 128, shots 10'
    """
    name, space, mark = method.partition(" (")  # such as (oracle)
    changed = name.partition("[")[2].rstrip("]")
    changed = CONTROLS.get(changed, changed).replace("_", " ").replace("=", " ")
    return ", ".join([look.short, *filter(None, changed.split(","))]) + space + mark


def collapsed_words(row: Mapping[str, Any], between: str = " ") -> str:
    """How many runs of a row collapsed, of how many.

    >>> collapsed_words({"n_collapsed": 1, "n_runs": 30})
    '1/30 collapsed'
    """
    return f"{row['n_collapsed']:.0f}/{row['n_runs']:.0f}{between}collapsed"


def spread_out(heights: Sequence[float], gap: float | Sequence[float]) -> np.ndarray:
    """Heights moved apart to at least ``gap``, in their order, no further than needed: where labels stand.

    Parameters
    ----------
    heights : (n,)
    gap : between any two, or (n,) the size of each label.

    >>> spread_out([50.0, 50.0, 80.0], gap=4.0).tolist()
    [48.0, 52.0, 80.0]
    """
    order = np.argsort(heights, kind="stable")
    sizes = np.broadcast_to(np.asarray(gap, float), len(order))[order]
    steps = np.concatenate([[0.0], np.cumsum((sizes[:-1] + sizes[1:]) / 2)])[: len(order)]
    free = np.asarray(heights, float)[order] - steps
    lifted, lowered = np.maximum.accumulate(free), np.minimum.accumulate(free[::-1])[::-1]
    placed = np.empty(len(order))
    placed[order] = (lifted + lowered) / 2 + steps
    return placed


def chance_line(ax: Axes, horizontal: bool = False) -> None:
    """A dotted line where a ranking is no better than chance."""
    (ax.axhline if horizontal else ax.axvline)(50, color="#888888", linewidth=1, linestyle=":", zorder=0)


def wrapped(words: str, width: int) -> str:
    """Lines of a width that keep a number with its unit, and both sides of ``=`` and of an arrow; percent is written one way.

    >>> wrapped("from 25% at K = 2 to 40% at K = 10", 12).splitlines()
    ['from 25 % at', 'K = 2 to', '40 % at', 'K = 10']
    """
    kept = re.sub(r"(?<=\d)%", " %", words)
    kept = re.sub(r" (?=[=→%])|(?<=[=→]) ", "\N{NO-BREAK SPACE}", kept)
    lines = [textwrap.fill(line, width, break_on_hyphens=False) for line in kept.splitlines()]
    return "\n".join(lines).replace("\N{NO-BREAK SPACE}", " ")


def held(points: np.ndarray, low: np.ndarray | float, high: np.ndarray | float) -> tuple[np.ndarray, str]:
    """Points held within a frame, and what is to be written on it where some would lie outside.

    >>> held(np.array([[0.0, 9.0]]), -1.0, 1.0)
    (array([[0., 1.]]), 'at the edge: farther out')
    """
    inside = np.clip(points, low, high)
    return inside, "" if (inside == points).all() else "at the edge: farther out"


def headline(figure: Figure, words: str) -> None:
    """A figure's message right over what is drawn, wrapped to its width."""
    box = _drawn(figure)
    lines = wrapped(words, max(24, int(HEADLINE_LETTERS * box.width)))
    _beside(figure, box.x0, box.y1 + 0.14, lines, fontsize=13, fontweight="bold", va="bottom")


def footnote(figure: Figure, words: str) -> None:
    """Where a figure's numbers come from, right under what is drawn, wrapped to its width."""
    box = _drawn(figure)
    lines = wrapped(words, max(40, int(FOOTNOTE_LETTERS * box.width)))
    _beside(figure, box.x0, box.y0 - 0.1, lines, fontsize=8.5, color=INK, va="top")


def _drawn(figure: Figure) -> Bbox:
    """The edges of what is drawn, in inches: a figure is kept cut to them."""
    figure.draw_without_rendering()
    figure.set_layout_engine("none")  # what was measured stays where it is, also where a kept figure is cut
    for legend in figure.legends:
        if legend._outside_loc:  # matplotlib holds it to the edge of the cut, and has no public word for it
            legend.set_bbox_to_anchor((0, 0, 1, 1), transform=figure.transFigure)
    return figure.get_tightbbox()


def _beside(figure: Figure, x: float, y: float, words: str, **look: Any) -> None:
    """Words that begin at a place in inches."""
    width, height = figure.get_size_inches()
    figure.text(x / width, y / height, words, ha="left", **look)


def use_style() -> None:
    """Set the house style for all figures of a session."""
    import seaborn as sns

    sns.set_theme(
        style="ticks",
        context="notebook",
        rc={
            "figure.dpi": 110,
            "savefig.dpi": 160,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.titleweight": "bold",
            "axes.titlelocation": "left",
            "axes.titlesize": 12,
            "axes.labelsize": 11,
            "xtick.labelsize": 10,
            "ytick.labelsize": 10,
            "legend.frameon": False,
        },
    )
