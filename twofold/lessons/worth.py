"""The worth of the source: what a method gains by it, against how many target pictures there are and how many are strangers."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from twofold.plots.style import COLORS, HEADLINE_LETTERS, INK, wrapped
from twofold.results.sentences import verdict_count, verdict_words
from twofold.results.statistics import PAIR, above, class_means, over_trials
from twofold.results.tables import pair_name
from twofold.runs.presets import PAIRS

__all__ = ["level_table", "worth", "worth_panels", "worth_reading", "worth_table"]

MEAN = "mean over the targets"
USES = {pair: f" ({use})" for use, pairs in PAIRS.items() for pair in pairs}
DASHED = (0, (2, 2))  # where an axis has no scale
SHARES = ("#9A9A9A", "#EBB08C", COLORS["anomalous"], "#7A2E00")  # few strangers to many


def worth(frame: pd.DataFrame, method: str, without: str) -> pd.DataFrame:
    r"""How far a method with the source is above the same without it, for each pair, number of pictures and share.

    .. math:: w(n, r) = a_\text{with}(n, r) - a_\text{without}(n, r)

    Parameters
    ----------
    frame : runs of both; ``n_target`` empty where all pictures were taken.
    method, without : names in its ``method`` column.

    Returns
    -------
    A row a pair, ``n_target`` (inf is all) and ``anomaly_ratio``: what ``statistics.above`` finds over classes. Of few pictures
    two shares may be as many anomalies: the same pictures have one row, at the smaller share. Below them the mean over the
    pairs, named so in ``source`` and ``target``, where all pairs have a number: over targets.
    """
    frame = frame.assign(size=frame["n_target"].astype(float).fillna(np.inf))
    rows, had = [], set()
    for (*pair, size, ratio), runs in frame.sort_values("anomaly_ratio", kind="stable").groupby(
        [*PAIR, "size", "anomaly_ratio"], sort=False
    ):
        same = (*pair, size, frozenset(runs["split_hash"]))
        if same in had:
            continue
        had.add(same)
        found = above(runs, method, without)
        rows.append(dict(zip(PAIR, pair, strict=True)) | {"n_target": size, "anomaly_ratio": ratio} | found)
    table = pd.DataFrame(rows).astype(dict.fromkeys(["difference", "low", "high"], float))
    n_pairs = len(table.drop_duplicates(PAIR))
    for (size, ratio), cells in table.groupby(["n_target", "anomaly_ratio"], sort=True):
        gains = cells.set_index(PAIR)["difference"]
        if 1 < n_pairs == gains.notna().sum():
            place = dict.fromkeys(PAIR, MEAN) | {"n_target": size, "anomaly_ratio": ratio}
            rows.append(place | over_trials(gains) | {"n_pairs": n_pairs, "collapsed": {}})
    return pd.DataFrame(rows).astype(dict.fromkeys(["difference", "low", "high"], float))


def _size(n: float) -> str:
    return "all" if np.isinf(n) else f"{n:.0f}"


def _panels(found: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """Pairs in the order in which they came, the mean last, each with its rows by size."""
    for pair, rows in found.groupby(PAIR, sort=False):
        name = MEAN if pair[0] == MEAN else pair_name(pair) + USES.get(pair, "")
        yield name, rows.sort_values(["anomaly_ratio", "n_target"])


def worth_table(found: pd.DataFrame) -> pd.DataFrame:
    """A row a pair and share of anomalies, a column a number of pictures: the source's worth with its 95 % interval; texts.

    Parameters
    ----------
    found : of ``worth``.
    """
    rows, sizes = [], np.sort(found["n_target"].unique())
    for name, group in _panels(found):
        for ratio, cells in group.groupby("anomaly_ratio"):
            cells = cells.set_index("n_target")
            words = {_size(n): _cell(cells.loc[n]) if n in cells.index else "" for n in sizes}
            rows.append({"pair": name, "anomalies": f"{ratio:.0%}"} | words)
    return pd.DataFrame(rows)


def _cell(row: pd.Series) -> str:
    if row["verdict"] == "collapsed":
        return "collapsed"
    mark = "*" if row["collapsed"] else ""
    return f"{row['difference']:+.1f}{mark}" + ("" if pd.isna(row["low"]) else f" [{row['low']:+.1f}, {row['high']:+.1f}]")


def level_table(frame: pd.DataFrame, method: str) -> pd.DataFrame:
    """A row a pair and share of anomalies, a column a number of pictures: the method's mean over classes; texts.

    Parameters
    ----------
    frame, method : as in ``worth``.
    """
    frame = frame[frame["method"] == method].assign(n_target=frame["n_target"].astype(float).fillna(np.inf))
    table = class_means(frame, [*PAIR, "n_target", "anomaly_ratio"])
    rows, sizes = [], np.sort(table["n_target"].unique())
    for name, group in _panels(table):
        for ratio, cells in group.groupby("anomaly_ratio"):
            means = cells.set_index("n_target")["rest"].reindex(sizes)
            words = {_size(n): "" if pd.isna(value) else f"{value:.1f}" for n, value in means.items()}
            rows.append({"pair": name, "anomalies": f"{ratio:.0%}"} | words)
    return pd.DataFrame(rows)


def worth_reading(found: pd.DataFrame) -> list[str]:
    """Where the source is worth something: computed sentences.

    Parameters
    ----------
    found : of ``worth``.
    """
    mean, pairs = found["source"] == MEAN, found[found["source"] != MEAN]
    lines = []
    for size, cells in found[mean].groupby("n_target"):
        words = [f"{row['anomaly_ratio']:.0%} anomalies {verdict_words(row)}" for row in cells.to_dict("records")]
        lines.append(f"{_size(size)} target pictures, {MEAN}: " + "; ".join(words))
    for name, cells in _panels(pairs):
        most = cells.loc[cells["difference"].idxmax()] if cells["difference"].notna().any() else None
        said = [f"{verdict}: {where}" for verdict in ("above", "below") if (where := _where(cells, verdict))]
        if most is not None:
            said.append(f"most {most['difference']:+.1f} at {_size(most['n_target'])} and {most['anomaly_ratio']:.0%}")
        lines.append(f"{name}: " + "; ".join(said or ["collapsed"]))
    kinds = pairs["verdict"].value_counts()
    lines.append(", ".join(f"{n} {kind}" for kind, n in kinds.items()) + f" of {len(pairs)} places")
    return [*lines, *filter(None, [verdict_count(pairs["verdict"])])]


def _where(cells: pd.DataFrame, verdict: str) -> str:
    """At which numbers of pictures a share has this verdict, share by share."""
    told = cells[cells["verdict"] == verdict].groupby("anomaly_ratio")["n_target"]
    return ", ".join(f"{ratio:.0%} at {'/'.join(map(_size, sizes))}" for ratio, sizes in told)


def worth_panels(found: pd.DataFrame, figure: Figure) -> Figure:
    """The source's worth against the number of target pictures, a panel a pair and one for their mean, a line a share.

    Bars are 95 % intervals; a marker is filled where its interval excludes zero. Equal distances are equal ratios of the
    numbers; ``all`` stands apart at the right, and the dashed way to it has no scale.

    Parameters
    ----------
    found : of ``worth``.
    """
    panels, ratios = list(_panels(found)), np.sort(found["anomaly_ratio"].unique())
    at = _places(found)
    colors = {ratio: SHARES[round(i * (len(SHARES) - 1) / max(1, len(ratios) - 1))] for i, ratio in enumerate(ratios)}
    columns = min(3, len(panels))
    axes = figure.subplots(-(-len(panels) // columns), columns, sharex=True, sharey=True, squeeze=False).ravel()
    for i, (ax, (name, cells)) in enumerate(zip(axes, panels, strict=False)):
        ax.axhline(0, color="#444444", linewidth=1, zorder=1)
        for k, ratio in enumerate(ratios):
            line = cells[cells["anomaly_ratio"] == ratio]
            _line(ax, line["n_target"].map(at) + 0.055 * (k - (len(ratios) - 1) / 2), line, colors[ratio])
        ax.set_title(name, fontsize=11)
        ax.set_facecolor("#F7F4EE" if name == MEAN else "white")
        ax.set_xticks(list(at.values()), [_size(n) for n in at])
        ax.xaxis.set_tick_params(labelbottom=True)
        if i % columns == 0:
            ax.set_ylabel("worth of the source\n(points of AUROC)")
        if i + columns >= len(panels):
            ax.set_xlabel("unlabelled target pictures")
    for ax in axes[len(panels) :]:
        ax.set_axis_off()
    marks = [Line2D([], [], color=colors[r], marker="o", linewidth=2, label=f"{100 * r:g} % anomalies") for r in ratios]
    marks.append(Line2D([], [], color=INK, marker="o", markerfacecolor="white", linewidth=0, label="undecided"))
    if np.isinf(list(at)).any():
        marks.append(Line2D([], [], color=INK, linewidth=1.4, linestyle=DASHED, label="to all: not to scale"))
    title = wrapped(_title(panels[-1][1]), int(HEADLINE_LETTERS * figure.get_figwidth()))
    legend = figure.legend(handles=marks, title=title, loc="outside upper left", ncols=len(marks), fontsize=10)
    legend.set_alignment("left")
    legend.get_title().set(fontsize=12, fontweight="bold")
    return figure


def _title(cells: pd.DataFrame) -> str:
    """What the last panel says: the least and the most over the shares, with the fewest pictures and with the most."""
    told = []
    for size in (cells["n_target"].min(), cells["n_target"].max()):
        values = cells["difference"][cells["n_target"] == size]
        told.append(f"{values.min():+.1f} to {values.max():+.1f} with {_size(size)}")
    sure = int(cells["verdict"].isin(["above", "below"]).sum())
    return f"Points that the source is worth: {', '.join(told)} target pictures; sure in {sure} of {len(cells)} places"


def _places(found: pd.DataFrame) -> dict[float, float]:
    """Where each number of pictures stands: at its logarithm, all of them a step farther."""
    sizes = np.sort(found["n_target"].unique())
    finite = np.log(sizes[np.isfinite(sizes)])
    places = [*finite, *([finite.max(initial=0.0) + 1.0] if np.isinf(sizes).any() else [])]
    return dict(zip(sizes.tolist(), map(float, places), strict=True))


def _line(ax: Axes, x: pd.Series, line: pd.DataFrame, color: str) -> None:
    """One share of anomalies: whole points joined, within each part of the axis."""
    few = np.isfinite(line["n_target"])
    ax.plot(x[few], line["difference"][few], color=color, linewidth=2, zorder=2)
    ends = pd.concat([x[few].tail(1), x[~few]]), pd.concat([line["difference"][few].tail(1), line["difference"][~few]])
    ax.plot(*ends, color=color, linewidth=1.4, linestyle=DASHED, zorder=2)
    ax.vlines(x, line["low"], line["high"], color=color, linewidth=1.1, alpha=0.55, zorder=2)
    sure = line["verdict"].isin(["above", "below"])
    for which, face in ((sure, color), (~sure, "white")):
        ax.scatter(x[which], line["difference"][which], s=34, color=face, edgecolor=color, linewidth=1.4, zorder=3)
