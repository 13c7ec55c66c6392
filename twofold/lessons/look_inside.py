"""One run looked at closely: what its network makes of both domains, before training and after, in numbers and pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from scipy.spatial.distance import cdist
from scipy.stats import rankdata
from sklearn.linear_model import LogisticRegression
from sklearn.manifold import TSNE
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from twofold.compute import single_thread
from twofold.data.domains import View
from twofold.data.tasks import Task
from twofold.networks.cache import EmbeddingCache
from twofold.plots.style import COLORS, HALO, INK, MARKERS, collapsed_words, held
from twofold.results.statistics import class_means, look_of, plain
from twofold.runs.config import RunConfig
from twofold.runs.metrics import auroc
from twofold.runs.run import build, prepare, run

__all__ = [
    "ROLES",
    "Anatomy",
    "disagreement_rows",
    "disagreement_words",
    "distance_arrows",
    "distance_means",
    "distance_table",
    "distance_words",
    "extreme_rows",
    "extreme_words",
    "features_before_and_after",
    "overlap_words",
    "proxy_a_distance",
    "score_histograms",
    "selection_rows",
    "selection_words",
    "tsne",
    "tsne_panel",
    "tsne_words",
]

ROLES = ("normal", "anomalous")  # of labels 0 and 1
REACH = (0.6, 4.0)  # of the axis of scores, in median target normals
ROLE_WORDS = {"source": "source train", "normal": "target normal", "anomalous": "target anomalous"}


@dataclass(frozen=True, eq=False)
class Anatomy:
    """A trained run taken apart. Labels stand here to judge and to frame pictures, after the last step."""

    config: RunConfig
    result: dict[str, Any]
    task: Task
    source_before: np.ndarray  # (n_source, d) of the source's training pictures, as the score sees them
    source: np.ndarray  # (n_source, d) after training
    target_before: np.ndarray  # (n, d) of the target's test pictures
    target: np.ndarray  # (n, d) after training
    labels: np.ndarray  # (n,) 0 normal, 1 anomalous
    source_scores: np.ndarray  # (n_source,)
    scores: np.ndarray  # (n,)
    losses: dict[str, np.ndarray]  # per step
    selected: np.ndarray | None  # (n_train,) bool, unlabelled target pictures that were taken for normal


def features_before_and_after(config: RunConfig, root: str | None = None, cache: EmbeddingCache | None = None) -> Anatomy:
    """Do a run in memory and keep what the run store does not: both domains' features, before and after, and the losses.

    Parameters
    ----------
    config : of a DSVDD run, whose score is the distance to its centre.
    root : of folder data sets.
    cache : of frozen features.

    Returns
    -------
    Anatomy.

    Raises
    ------
    ValueError : the run trains nothing, or scores otherwise.
    InputError : data or weights missing.
    """
    one_class = getattr(config.settings, "one_class", None)
    if one_class != "dsvdd":
        raise ValueError(f"config must train with one_class 'dsvdd', got {one_class!r}; choose a method that trains")
    prepared, cache = prepare(config, root), cache or EmbeddingCache()
    task = prepared.task
    with single_thread():
        source_before = build(config, prepared.device, cache).embed(task.source_train)
    result, finished = run(prepared, cache)
    with single_thread():
        source = finished.method.embed(task.source_train)
        source_scores = finished.method.anomaly_score(task.source_train, source)
    return Anatomy(
        config=config, result=result, task=task, source_before=source_before.numpy(), source=source.numpy(),
        target_before=finished.features_before.numpy(), target=finished.features.numpy(), labels=task.target_test_labels,
        source_scores=source_scores, scores=finished.scores, losses=finished.method.losses_, selected=finished.method.selected_,
    )  # fmt: skip


def proxy_a_distance(z_a: np.ndarray, z_b: np.ndarray, folds: int = 5, seed: int = 0) -> float:
    r"""How well a linear classifier tells two sets of features apart.

    .. math:: \hat d_A = 2 (1 - 2 \epsilon)

    Parameters
    ----------
    z_a : (n_a, d)
    z_b : (n_b, d)
    folds : of the cross-validation, at most the rows of the smaller side.
    seed : of the folds.

    Returns
    -------
    2 where the two never mix, about 0 where they cannot be told apart (a little below by chance, never below -2); NaN
    where a feature is not finite.

    Raises
    ------
    ValueError : widths differ, or a side has fewer rows than folds.

    Source
    ------
    Ben-David et al. 2007. Deviations: epsilon is the mean of the two sides' errors in cross-validation, since the sides
    differ in size; the classifier is a logistic regression on standardised features. ``plane.discrepancy`` is the same
    distance on one split of raw points, cut off at 0: in the plane there are points enough, and hundreds of scenes.

    >>> proxy_a_distance(np.zeros((9, 2)), np.zeros((5, 2))), proxy_a_distance(np.zeros((9, 1)), np.ones((5, 1)))
    (0.0, 2.0)
    """
    if z_a.shape[1] != z_b.shape[1]:
        raise ValueError(f"z_b must have {z_a.shape[1]} columns like z_a, got {z_b.shape[1]}; embed both with one network")
    if min(len(z_a), len(z_b)) < folds:
        raise ValueError(f"both sides must have at least {folds} rows, got {len(z_a)} and {len(z_b)}; lower folds")
    z, side = np.concatenate([z_a, z_b]), np.repeat([0, 1], [len(z_a), len(z_b)])
    if not np.isfinite(z).all():
        return float("nan")
    if (z == z[0]).all():
        return 0.0  # one point has no sides
    classifier = make_pipeline(StandardScaler(), LogisticRegression(class_weight="balanced", max_iter=2000))
    with single_thread():
        told = cross_val_predict(classifier, z, side, cv=StratifiedKFold(folds, shuffle=True, random_state=seed))
    error = np.mean([(told[side == k] != k).mean() for k in (0, 1)])
    return float(2 * (1 - 2 * error))


def distance_table(anatomies: Sequence[Anatomy]) -> pd.DataFrame:
    """Proxy A-distance from the source to the target's test normals and anomalies, before training and after.

    Labels choose the two sides, after training, to judge.

    Returns
    -------
    One row a run and role: method, normal, seed, role, before, after, collapsed.
    """
    known: dict[tuple[bytes, bytes], float] = {}  # all runs of a class begin alike

    def distance(z_source: np.ndarray, z_target: np.ndarray) -> float:
        key = z_source.tobytes(), z_target.tobytes()
        if key not in known:
            known[key] = proxy_a_distance(z_source, z_target)
        return known[key]

    rows = []
    for run_ in anatomies:
        for label, role in enumerate(ROLES):
            chosen = run_.labels == label
            row = {"method": run_.config.name, "normal": run_.result["normal"], "seed": run_.result["seed"], "role": role}
            row["before"] = distance(run_.source_before, run_.target_before[chosen])
            row["after"] = distance(run_.source, run_.target[chosen])
            rows.append(row | {"collapsed": run_.result["collapsed"]})
    return pd.DataFrame(rows)


def distance_means(table: pd.DataFrame) -> pd.DataFrame:
    """Means over classes of ``distance_table``, by method and role.

    Returns
    -------
    One row a method and role, indexed by both: before and after, the latter NaN where a run collapsed; n_collapsed, n_runs.
    """
    key = ["method", "role"]
    after = class_means(table, key, "after").set_index(key)
    before = class_means(table.assign(collapsed=False), key, "before").set_index(key)  # where all begin is known
    return after.assign(before=before["mean"], after=after["mean"])[["before", "after", "n_collapsed", "n_runs"]]


def tsne(parts: dict[str, np.ndarray], most: int = 120, perplexity: float = 30, seed: int = 0) -> dict[str, np.ndarray]:
    """Features of several parts laid out together in the plane by t-SNE.

    Parameters
    ----------
    parts : name -> (n, d) features.
    most : pictures drawn at random from a larger part.
    perplexity : lowered to a third of the pictures where there are few.
    seed : of the draw and of the layout.

    Returns
    -------
    name -> (at most ``most``, 2). Neighbours mean something; distances between clouds and their sizes do not.

    Raises
    ------
    ValueError : a feature is not finite.

    Source
    ------
    van der Maaten & Hinton 2008, as scikit-learn has it, started from the principal components.
    """
    rng = np.random.default_rng(seed)
    drawn = {name: z[np.sort(rng.permutation(len(z))[:most])] for name, z in parts.items()}
    z = np.concatenate(list(drawn.values()))
    if not np.isfinite(z).all():
        raise ValueError("parts must be finite, got a NaN or an infinity; a run that broke has no map")
    start = "pca" if (z != z[0]).any() else "random"
    with single_thread():
        layout = TSNE(perplexity=min(perplexity, (len(z) - 1) / 3), init=start, random_state=seed, n_jobs=1)
        places = layout.fit_transform(z)
    ends = np.cumsum([len(part) for part in drawn.values()])
    return dict(zip(drawn, np.split(places, ends[:-1]), strict=True))


def distance_words(table: pd.DataFrame) -> str:
    """How much nearer to the source each method brings the target's normals, and its anomalies: one sentence.

    Parameters
    ----------
    table : from ``distance_table``.
    """
    means = distance_means(table)
    nearer = (means["before"] - means["after"]).unstack("role").reindex(dict.fromkeys(table["method"]))
    parts = [f"{plain(name)} {row['normal']:.2f} and {row['anomalous']:.2f}" for name, row in nearer.iterrows()]
    said = ", ".join(parts).replace("nan and nan", "no number (collapsed)")
    return f"Nearer to the source by training (proxy A-distance), normals and anomalies: {said}"


def distance_arrows(table: pd.DataFrame, ax: Axes) -> Axes:
    """Where training moved each role: hollow before, filled after, averaged over classes; the axis begins where they do.

    Parameters
    ----------
    table : from ``distance_table``.
    """
    methods, means = list(dict.fromkeys(table["method"])), distance_means(table)
    for i, method in enumerate(methods):
        for role, shift in zip(ROLES, (-0.16, 0.16), strict=True):
            row = means.loc[(method, role)]
            before, after = row["before"], row["after"]
            style = {"marker": MARKERS[role], "s": 70, "edgecolor": COLORS[role], "zorder": 3}
            ax.plot([before, after], [i + shift] * 2, color=COLORS[role], linewidth=2, alpha=0.6)
            ax.scatter(before, i + shift, color="white", **style)
            if pd.isna(after):
                ax.text(before, i + shift, f"   {collapsed_words(row)}", va="center", fontsize=9, color=COLORS[role])
            ax.scatter(after, i + shift, color=COLORS[role], label=ROLE_WORDS[role] if i == 0 else None, **style)
    ax.set_yticks(range(len(methods)), map(plain, methods))
    ax.set_ylim(len(methods) - 0.5, -0.5)
    first = np.floor(4 * means[["before", "after"]].min().min()) / 4
    ax.set_xlim(first - 0.02, 2.02)
    ax.set_xlabel(f"proxy A-distance to the source (2: never mixed, 0: one cloud; the axis begins at {first:g})")
    ax.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, title="hollow before training, filled after", alignment="left")
    return ax


def nearness(z_source: np.ndarray, z_target: np.ndarray, labels: np.ndarray) -> float:
    """How well the distance to the nearest picture of the source tells target normals from anomalies: AUROC in percent.

    Parameters
    ----------
    z_source : (n_source, d)
    z_target : (n, d)
    labels : (n,) 0 normal, 1 anomalous; they judge.

    >>> nearness(np.array([[0.0], [9.0]]), np.array([[0.1], [8.8], [5.0], [9.15]]), np.array([0, 0, 1, 1]))
    75.0
    """
    return auroc(labels, cdist(z_target, z_source).min(axis=1))


def tsne_words(anatomies: Sequence[Anatomy]) -> str:
    """What the maps of some runs show, measured where the features are and not on a map: one sentence, means over classes."""
    found: dict[str, list[float]] = {}
    for run_ in anatomies:
        found.setdefault("before training", []).append(nearness(run_.source_before, run_.target_before, run_.labels))
        if np.isfinite(run_.target).all() and np.isfinite(run_.source).all():
            found.setdefault(plain(run_.config.name), []).append(nearness(run_.source, run_.target, run_.labels))
    parts = ", ".join(f"{name} {np.mean(values):.0f}" for name, values in found.items())
    return f"Does nearness to the source tell the target's normals from anomalies? AUROC (%): {parts}"


def tsne_panel(z_source: np.ndarray, z_target: np.ndarray, labels: np.ndarray, ax: Axes, most: int = 60) -> Axes:
    """Source, target normals and target anomalies on one map, in the palette; labels only colour it.

    What lies far outside is drawn at the edge: how far it lies means nothing.
    """
    parts = {"source": z_source, "normal": z_target[labels == 0], "anomalous": z_target[labels == 1]}
    layout = tsne(parts, most)
    low, high = np.quantile(np.concatenate(list(layout.values())), (0.03, 0.97), axis=0)
    reach = 0.3 * (high - low)
    for role, drawn in layout.items():
        places, far = held(drawn, low - reach, high + reach)
        ax.set_xlabel(far or ax.get_xlabel(), fontsize=9, color=INK)
        style = {"s": 52 if role == "anomalous" else 44, "alpha": 0.8, "linewidth": 0.5, "edgecolor": "white"}
        ax.scatter(*places.T, color=COLORS[role], marker=MARKERS[role], label=ROLE_WORDS[role], **style)
    ax.set(xticks=[], yticks=[])
    ax.spines[["left", "bottom"]].set_color("#CCCCCC")
    return ax


def overlap(run_: Anatomy) -> float:
    """Share of a run's test anomalies that score below its highest-scoring twentieth of normals, in [0, 1]."""
    normal, anomalous = (run_.scores[run_.labels == label] for label in (0, 1))
    return float((anomalous < np.quantile(normal, 0.95)).mean())


def overlap_words(anatomies: Sequence[Anatomy]) -> str:
    """Under which run anomalies hide among the normals, and under which they stand out: one sentence, means over classes."""
    hidden: dict[str, list[float]] = {}
    for run_ in anatomies:
        if np.isfinite(run_.scores).all():
            hidden.setdefault(plain(run_.config.name), []).append(overlap(run_))
    if not hidden:
        return "No run has scores to show"
    parts = ", ".join(f"{np.mean(shares):.0%} under {name}" for name, shares in hidden.items())
    return f"At the score that 5 % of the target's normals exceed, anomalies that are missed: {parts}"


def score_histograms(run_: Anatomy, ax: Axes, bins: int = 28, top: float = 60.0) -> Axes:
    """Scores of source train, target normal and target anomalous pictures; labels only colour them.

    All panels have one logarithmic range: a score is drawn in units of the run's median target normal (1 on the axis), within
    ``REACH``, at whose ends the rest is gathered; a bar higher than ``top`` percent is cut, and its height written.
    """
    parts = {"source": run_.source_scores, **{role: run_.scores[run_.labels == i] for i, role in enumerate(ROLES)}}
    scores = np.concatenate(list(parts.values()))
    ax.set_xlabel("score / median target normal")
    if not np.isfinite(scores).all():
        ax.text(0.5, 0.5, "scores are not finite", transform=ax.transAxes, ha="center")
        return ax
    unit, edges = max(float(np.median(parts["normal"])), 1e-9), np.geomspace(*REACH, bins + 1)
    for (role, part), (fill, style) in zip(parts.items(), ((True, ":"), (False, "-"), (False, "--")), strict=True):
        weights = np.full(len(part), 100 / len(part))
        shared = {"bins": edges, "weights": weights, "color": COLORS[role]}
        clipped = np.clip(part / unit, *REACH)
        if (highest := 100 * np.histogram(clipped, edges)[0].max() / len(part)) > top:
            place = {"transform": ax.transAxes, "ha": "right", "va": "top", "fontsize": 10, "bbox": HALO, "color": COLORS[role]}
            ax.text(0.94, 0.97 - 0.18 * len(ax.texts), f"{ROLE_WORDS[role]}:\none bar of {highest:.0f} %", **place)
        if fill:
            ax.hist(clipped, alpha=0.3, **shared)
        ax.hist(clipped, histtype="step", linewidth=1.8, linestyle=style, label=ROLE_WORDS[role], **shared)
    ax.set(xscale="log", xlim=REACH, ylim=(0, top), ylabel="pictures of a kind (%)")
    ax.set_xticks([REACH[0], 1, 2, REACH[1]], [f"≤{REACH[0]:g}", "1", "2", f"≥{REACH[1]:g}"])
    ax.minorticks_off()
    return ax


def _framed(view: View, rows: np.ndarray, labels: np.ndarray, heading: str, color: str, size_px: int) -> tuple:
    return heading, view.images(rows, size_px), labels[rows], color


def selection_rows(run_: Anatomy, n: int = 12, size_px: int = 48) -> list[tuple]:
    """Rows for ``pictures.picture_rows``: what a run took for normal, and the rest, framed by what they are."""
    rows, labels = [], run_.task.target_train_labels
    for words, mask in (("taken for normal", run_.selected), ("the rest", ~run_.selected)):
        chosen = np.flatnonzero(mask)
        if len(chosen):
            count = f"{len(chosen)} picture{'s' if len(chosen) > 1 else ''}"
            heading = f"{run_.result['normal']}, {words}: {count}, {(labels[chosen] == 0).sum()} of them normal"
            color = look_of(run_.config.method).color
            rows.append(_framed(run_.task.target_train, chosen[:n], labels, heading, color, size_px))
    return rows


def selection_words(anatomies: Sequence[Anatomy]) -> str:
    """How much of the unlabelled target some runs took for normal, and how much of that is: a line a run."""
    lines = []
    for run_ in anatomies:
        taken, normal = run_.selected, run_.task.target_train_labels == 0
        strangers = f"{(taken & ~normal).sum()} of the {(~normal).sum()} anomalies"
        words = f"{taken.sum()} of {len(taken)} are taken for normal, with {strangers}"
        lines.append(f"Normal {run_.result['normal']}, {plain(run_.config.name)}: {words}")
    return "\n".join(lines)


def extreme_words(anatomies: Sequence[Anatomy], n: int = 12) -> str:
    """How many of the most and of the least anomalous pictures are anomalies, by run: one sentence."""
    orders = {plain(run_.config.name): run_.labels[np.argsort(-run_.scores, kind="stable")] for run_ in anatomies}
    parts = ", ".join(f"{name} {order[:n].sum()} and {order[::-1][:n].sum()}" for name, order in orders.items())
    return f"Normal {anatomies[0].result['normal']}: anomalies among the {n} most and the {n} least anomalous, {parts}"


def extreme_rows(run_: Anatomy, n: int = 12, size_px: int = 48) -> list[tuple]:
    """Rows for ``pictures.picture_rows``: the test pictures a run finds most and least anomalous, framed by what they are."""
    order, color = np.argsort(-run_.scores, kind="stable"), look_of(run_.config.method).color
    halves = (("most anomalous", order[:n]), ("least anomalous", order[::-1][:n]))
    return [
        _framed(run_.task.target_test, rows, run_.labels, f"{plain(run_.config.name)}, {words}", color, size_px)
        for words, rows in halves
    ]


def disagreement_words(rows: Sequence[tuple], names: Sequence[str]) -> str:
    """How often each of two is right about what it alone finds odd: one sentence.

    Parameters
    ----------
    rows : from ``disagreement_rows``.
    names : of the run and of the control.
    """
    parts = [f"{int(row[2].sum())} of {len(row[2])} of {plain(name)}" for row, name in zip(rows, names, strict=True)]
    return "Where two rankings differ most, these alarms are right: " + ", ".join(parts)


def disagreement_rows(run_: Anatomy, control: str, scores: np.ndarray, n: int = 12, size_px: int = 48) -> list[tuple]:
    """Rows for ``pictures.picture_rows``: test pictures whose ranks differ most between a run and a control.

    Parameters
    ----------
    run_ : the run.
    control : name of the other method.
    scores : (n,) the control's, of the same test pictures.
    """
    order = np.argsort(rankdata(scores) - rankdata(run_.scores), kind="stable")
    own, other, normal = plain(run_.config.name), plain(control), f"normal {run_.result['normal']}"
    halves = (
        (f"{normal}: anomalous for {own}, not for {other}", look_of(run_.config.method).color, order[:n]),
        (f"{normal}: anomalous for {other}, not for {own}", look_of(control).color, order[::-1][:n]),
    )
    return [_framed(run_.task.target_test, rows, run_.labels, words, color, size_px) for words, color, rows in halves]
