"""What a clustering works on and what each cluster took: the space, its clusters in the plane, their pictures, its purity."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from sklearn.preprocessing import normalize
from torch import Tensor

from twofold.compute import single_thread
from twofold.data.domains import View
from twofold.errors import InputError
from twofold.networks.backbones import load_encoder
from twofold.networks.cache import EmbeddingCache
from twofold.parts.selection import CLUSTERINGS, whiten
from twofold.plots.style import (
    CLUSTER_GREYS,
    HALO,
    INK,
    MARKERS,
    SELECTION_LOOKS,
    Look,
    collapsed_words,
    held,
    look_of_row,
    spread_out,
)
from twofold.results.sentences import few_words
from twofold.runs.config import RunConfig
from twofold.runs.run import prepare

__all__ = [
    "Unlabelled",
    "cluster_map",
    "cluster_rows",
    "clusters",
    "count_words",
    "dominant_words",
    "selection_map",
    "selection_words",
    "sizes_words",
    "unlabelled_target",
]


REACH = 2.5  # of a map, standard deviations from its middle


@dataclass(frozen=True, eq=False)
class Unlabelled:
    """The unlabelled target of a run as its clustering sees it, with the labels that it does not see.

    Attributes
    ----------
    pictures : the view, n pictures.
    space : (n, d) what is clustered, widest direction first where it is whitened.
    labels : (n,) 0 normal, 1 anomalous; for judging alone.
    """

    pictures: View
    space: np.ndarray
    labels: np.ndarray


def unlabelled_target(config: RunConfig, root: str | None = None) -> Unlabelled:
    """The unlabelled target pictures of a run in the space in which they are clustered.

    Parameters
    ----------
    config : of a method that selects in the frozen encoder's space.
    root : of folder data sets.

    Raises
    ------
    InputError : a run that does not cluster in the encoder's space, or what ``prepare`` refuses.
    """
    settings = config.settings
    if not getattr(settings, "clusters", False) or not settings.looks_with_encoder:
        raise InputError(f"wanted a run that clusters in the encoder's space, got {config.name!r}; take twofold")
    prepared = prepare(config, root)
    with single_thread():
        nets = config.networks
        encoder = load_encoder(nets.encoder, prepared.weights["encoder"], nets.encoder_size_px, config.task.seed)
        features = normalize(EmbeddingCache().embed(encoder, prepared.task.target_train).numpy())
        space = whiten(features, settings.whiten_dims, config.task.seed) if settings.whiten_dims else features
    return Unlabelled(prepared.task.target_train, space, prepared.task.target_train_labels)


def clusters(space: np.ndarray, method: str = "kmeans", n_clusters: int = 2, seed: int = 0) -> np.ndarray:
    """Cluster of every row, renumbered by size: 0 is the dominant one.

    Parameters
    ----------
    space : (n, d)
    method : kmeans, gmm or meanshift.
    n_clusters : K; meanshift finds its own.
    seed : of the initialisations.

    Returns
    -------
    (n,) integers; of clusters equally large the tightest comes first, as in ``selection.dominant_cluster``.

    >>> clusters(np.array([[0.0], [9.0], [9.1]])).tolist()
    [1, 0, 0]
    """
    with single_thread():
        found = CLUSTERINGS[method](space, n_clusters, seed)

    def rank(cluster: int) -> tuple[int, float]:
        members = space[found == cluster]
        return -len(members), float(((members - members.mean(axis=0)) ** 2).sum())

    order = sorted(np.unique(found), key=rank)
    return np.array([order.index(cluster) for cluster in found])


def sizes_words(found: np.ndarray) -> str:
    """How many pictures each cluster holds; clusters of one picture are counted.

    >>> sizes_words(np.array([0, 0, 0, 1, 1, 2, 3])), sizes_words(np.array([0, 0, 1]))
    ('clusters of 3, 2 and 2 x 1 pictures', 'clusters of 2 and 1 x 1 pictures')
    """
    sizes = np.bincount(found)
    alone = int((sizes == 1).sum())
    large = ", ".join(map(str, sizes[sizes > 1]))
    return f"clusters of {large}{f' and {alone} x 1' if alone else ''} pictures"


def dominant_words(found: Mapping[str, tuple[Unlabelled, np.ndarray]]) -> str:
    """How much of the target the dominant cluster takes, and how much of that is normal: one sentence.

    Parameters
    ----------
    found : words for a clustering -> its unlabelled and what ``clusters`` found in it.
    """
    parts = []
    for words, (unlabelled, own) in found.items():
        taken = own == 0
        parts.append(f"{taken.mean():.0%} at {words} ({(unlabelled.labels[taken] == 0).mean():.0%} of it normal)")
    return "The dominant cluster takes of the target " + ", ".join(parts)


def cluster_map(unlabelled: Unlabelled, found: np.ndarray, ax: Axes, revealed: bool = True, legend: bool = True) -> Axes:
    """The first two directions of the clustered space: the darker, the larger the cluster; a cross is an anomaly.

    All maps reach ``REACH`` standard deviations from the middle; what lies farther out is drawn at the edge.

    Parameters
    ----------
    unlabelled : from ``unlabelled_target``.
    found : (n,) from ``clusters``.
    revealed : whether anomalies get their mark.
    legend : whether this map says what the marks are; of several one is enough.
    """
    space = unlabelled.space[:, [0, min(1, unlabelled.space.shape[1] - 1)]]
    low, high = space.mean(axis=0) - REACH * space.std(axis=0), space.mean(axis=0) + REACH * space.std(axis=0)
    (x, y), far = (inside := held(space, low, high))[0].T, inside[1]
    for cluster in range(found.max() + 1):
        for anomalous in (False, True):
            rows = (found == cluster) & ((unlabelled.labels == 1) == anomalous)
            marker = MARKERS["anomalous" if anomalous and revealed else "source"]
            color = CLUSTER_GREYS[cluster % len(CLUSTER_GREYS)]
            size, edge = (62, "black") if anomalous and revealed else (34, "white")
            ax.scatter(
                x[rows], y[rows], s=size, color=color, marker=marker, edgecolor=edge, linewidth=0.6, zorder=2 + anomalous
            )
    for cluster in range(1, found.max() + 1):
        place, style = (x[found == cluster].mean(), y[found == cluster].mean()), {"fontsize": 9, "color": INK, "zorder": 5}
        ax.annotate(f"{cluster + 1}", place, (4, 4), textcoords="offset points", bbox=HALO, **style)
    if revealed and legend:
        for role in ("normal", "anomalous"):
            marker = MARKERS["anomalous" if role == "anomalous" else "source"]
            ax.scatter(
                [], [], color="#888888", marker=marker, edgecolor="black" if role == "anomalous" else "white", label=role
            )
        ax.legend(fontsize=10, handletextpad=0.1, loc="best")
    ax.set_xticks([])
    ax.set_yticks([])
    margin = np.maximum(0.06 * (high - low), 1e-9)
    ax.set(xlim=(low[0] - margin[0], high[0] + margin[0]), ylim=(low[1] - margin[1], high[1] + margin[1]))
    ax.set_xlabel("1st direction clustered")
    ax.set_ylabel("2nd direction clustered")
    ax.set_title(far, loc="right", fontsize=9, fontweight="normal", color=INK)
    return ax


def cluster_rows(
    unlabelled: Unlabelled, found: np.ndarray, shown: int = 12, most: int = 5, size_px: int = 48
) -> list[tuple[str, Tensor, Sequence[int], str]]:
    """Pictures of each cluster, nearest to its centre first, as ``pictures.picture_rows`` draws them.

    Parameters
    ----------
    unlabelled : from ``unlabelled_target``.
    found : (n,) from ``clusters``.
    shown : pictures a cluster, spread evenly from its centre to its edge.
    most : clusters, the largest.
    size_px : of a picture.

    Returns
    -------
    (heading, pictures, labels, colour) a cluster.
    """
    rows = []
    for cluster in range(min(most, found.max() + 1)):
        members = np.flatnonzero(found == cluster)
        distance = ((unlabelled.space[members] - unlabelled.space[members].mean(axis=0)) ** 2).sum(axis=1)
        members = members[np.argsort(distance, kind="stable")]
        normals = int((unlabelled.labels[members] == 0).sum())
        chosen = members[np.unique(np.linspace(0, len(members) - 1, shown).astype(int))]
        name = "dominant cluster" if cluster == 0 else f"cluster {cluster + 1}"
        heading = f"{name}: {len(members)} picture{'s' if len(members) != 1 else ''}, {normals} normal"
        rows.append((heading, unlabelled.pictures.images(chosen, size_px), unlabelled.labels[chosen], INK))
    return rows


def selection_words(tables: Mapping[str, pd.DataFrame], key: str = "selection") -> str:
    """Which selection that reads no label has the highest AUROC, and how pure and complete it is: one sentence.

    Parameters
    ----------
    tables, key : as in ``selection_map``.
    """
    told = tables["auroc"][key].eq("oracle") | tables["auroc"]["method"].eq("oracle") | tables["auroc"]["mean"].isna()
    alive = tables["auroc"][~told].sort_values("mean", ascending=False)
    if alive.empty:
        return "Every selection that reads no label collapsed"
    quality = {of: tables[of].set_index(key)["mean"] for of in ("purity", "recall")}
    best = alive.iloc[0]
    rest = ", ".join(
        f"{look_of_row(row, key, SELECTION_LOOKS).words} {row['mean']:.1f}" for _, row in alive.iloc[1:].iterrows()
    )
    return (
        f"{few_words(int(best['n_classes']))}{look_of_row(best, key, SELECTION_LOOKS).words} has the highest AUROC "
        f"without labels, {best['mean']:.1f} %: "
        f"{quality['purity'][best[key]]:.0%} pure, {quality['recall'][best[key]]:.0%} of the normals"
        + (f"; then {rest}" if rest else "")
    )


def count_words(tables: Mapping[str, pd.DataFrame]) -> str:
    """At which number of clusters the AUROC is highest, and what the other end gives: one sentence.

    Parameters
    ----------
    tables : from ``results.statistics.selection_means``, a row a number of clusters.
    """
    auroc = tables["auroc"].dropna(subset="mean").set_index("n_clusters").sort_index()
    if auroc.empty:
        return "Collapsed at every number of clusters"
    quality = {of: tables[of].set_index("n_clusters")["mean"] for of in ("purity", "recall")}
    best = auroc["mean"].idxmax()
    shown = [best, *(k for k in auroc.index[[0, -1]] if k != best)]
    parts = [
        f"K = {k}: AUROC {auroc['mean'][k]:.1f} %, {quality['purity'][k]:.0%} pure, {quality['recall'][k]:.0%} of the normals"
        for k in shown
    ]
    few = few_words(int(auroc["n_classes"].min()))
    return f"{few}{'highest' if few else 'Highest'} at {'; '.join(parts)}"


def selection_map(
    tables: Mapping[str, pd.DataFrame], ax: Axes, key: str = "selection", looks: Mapping[str, Look] = SELECTION_LOOKS
) -> Axes:
    """Recall against purity: a small mark a class, a large one the mean of a selection, with the AUROC that came of it.

    Both axes have one range, so that a point of purity is as long as one of recall.

    Parameters
    ----------
    tables : from ``results.statistics.selection_means``, a row a selection.
    key : column that tells selections apart.
    looks : of each.
    """
    tops = []
    rows = (tables[of].to_dict("records") for of in ("purity", "recall", "auroc"))
    for purity, recall, auroc in zip(*rows, strict=True):
        look = look_of_row(purity, key, looks)
        dots = 100 * pd.DataFrame({"x": purity["classes"], "y": recall["classes"]}, dtype=float)
        x, y = 100 * purity["mean"], 100 * recall["mean"]
        ax.scatter(dots["x"], dots["y"], s=26, color=look.color, marker=look.marker, alpha=0.8, linewidth=0)
        ax.scatter(x, y, s=130, color=look.color, marker=look.marker, edgecolor="white", zorder=4)
        score = collapsed_words(auroc) if pd.isna(auroc["mean"]) else f"AUROC {auroc['mean']:.1f}"
        tops.append((y, x, f"{look.words}: {score}", look.color))
    low, high = min(ax.get_xlim()[0], ax.get_ylim()[0]), 102.0
    for (y, x, text, color), place in zip(tops, spread_out([top[0] for top in tops], 0.075 * (high - low)), strict=True):
        ax.annotate(
            text, (x, y), (1.04, (place - low) / (high - low)), textcoords="axes fraction", va="center", color=color,
            fontsize=10, fontweight="bold", arrowprops={"arrowstyle": "-", "color": color, "linewidth": 0.7, "shrinkB": 6},
        )  # fmt: skip
    ax.set(xlim=(low, high), ylim=(low, high))
    ax.set_xlabel("purity: normals among the selected (%)")
    ax.set_ylabel("recall: selected among the normals (%)")
    return ax
