"""Many strangers: what each method loses while their share grows, where they are of all other classes and where of one."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
from matplotlib.figure import Figure

from twofold.plots.style import HEADLINE_LETTERS, wrapped
from twofold.results.sentences import verdict_count, verdict_words
from twofold.results.statistics import PAIR, above, class_means, look_of, plain
from twofold.results.tables import pair_name
from twofold.runs.presets import PAIRS

__all__ = ["crowd_costs", "share_leads", "share_panels", "share_table"]

USES = {pair: f" ({use})" for use, pairs in PAIRS.items() for pair in pairs}
CROWD, SPREAD = "a crowd", "spread"


def share_table(frame: pd.DataFrame) -> pd.DataFrame:
    """A row a pair and method, a column a share of anomalies: mean AUROC over classes, none where a run collapsed.

    Parameters
    ----------
    frame : runs of several methods at several shares.
    """
    means = class_means(frame, [*PAIR, "method", "anomaly_ratio"])
    wide = means.pivot(index=[*PAIR, "method"], columns="anomaly_ratio", values="mean").round(1)
    return wide.rename(columns=lambda ratio: f"{ratio:.0%}").reset_index()


def share_leads(kinds: Mapping[str, pd.DataFrame], method: str) -> tuple[pd.DataFrame, str]:
    """How far a method is above each other one at each share, over targets, or over classes where there is one pair.

    Parameters
    ----------
    kinds : words for whence the anomalies come -> runs of several methods at several shares.
    method : whose leads they are.

    Returns
    -------
    A row a kind and other method, a column a share, texts; and how many verdicts these are.
    """
    rows, verdicts = [], []
    for words, frame in kinds.items():
        for other in [name for name in frame["method"].unique() if name != method]:
            found = {ratio: above(runs, method, other) for ratio, runs in frame.groupby("anomaly_ratio")}
            rows.append({"lead over": f"{other}, anomalies {words}"} | _said(found))
            verdicts += [lead["verdict"] for lead in found.values()]
    return pd.DataFrame(rows), verdict_count(verdicts)


def crowd_costs(crowd: pd.DataFrame, spread: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    """What it costs each method that the anomalies are of one class: its AUROC with them less that with spread ones.

    Parameters
    ----------
    crowd : runs of which each has anomalies of one class.
    spread : runs of the same methods and shares with anomalies of all other classes; where there is a crowd, they are met.

    Returns
    -------
    A row a method, a column a share, texts; and how many verdicts these are.
    """
    both = pd.concat([crowd.assign(strangers=CROWD), spread.assign(strangers=SPREAD)], ignore_index=True)
    both = both[both["anomaly_ratio"] > 0].assign(anomaly_classes="")  # which of the two a run is, its name says now
    rows, verdicts = [], []
    for method, runs in both.groupby("method", sort=False):
        named = runs.assign(method=runs["strangers"]).groupby("anomaly_ratio")
        found = {ratio: above(of_ratio, CROWD, SPREAD) for ratio, of_ratio in named}
        rows.append({"method": method} | _said(found))
        verdicts += [cost["verdict"] for cost in found.values()]
    return pd.DataFrame(rows), verdict_count(verdicts)


def _said(found: Mapping[float, Mapping]) -> dict[str, str]:
    return {f"{ratio:.0%}": verdict_words(one) for ratio, one in found.items()}


def share_panels(frame: pd.DataFrame, method: str, anomalies: str, figure: Figure) -> Figure:
    """AUROC against the share of anomalies in the target, a panel a pair, a line a method: means over classes.

    Parameters
    ----------
    frame : runs of several methods at several shares. Where a run collapsed there is no point.
    method : whose lead over the best of the others is the title.
    anomalies : words for whence they come.
    """
    means = class_means(frame, [*PAIR, "method", "anomaly_ratio"])
    pairs, lines = list(means.groupby(PAIR, sort=False)), {}
    columns = min(3, len(pairs))
    axes = figure.subplots(-(-len(pairs) // columns), columns, sharey=True, squeeze=False).ravel()
    for i, (ax, (pair, of_pair)) in enumerate(zip(axes, pairs, strict=False)):
        for name, rows in of_pair.groupby("method", sort=False):
            base = rows["base"].iloc[0]
            rows, look = rows.sort_values("anomaly_ratio"), look_of(base)
            style = {"color": look.color, "marker": look.marker, "markersize": 6, "linewidth": 2, "label": plain(name)}
            style["linestyle"] = "-" if name == base else "--"
            lines[name] = ax.plot(100 * rows["anomaly_ratio"], rows["mean"], **style)[0]
        ax.set_title(pair_name(pair) + USES.get(pair, ""), fontsize=11)
        if i % columns == 0:
            ax.set_ylabel("AUROC (%), mean over classes")
        if i + columns >= len(pairs):
            ax.set_xlabel("anomalies among the unlabelled target pictures (%)")
    for ax in axes[len(pairs) :]:
        ax.set_axis_off()
    wide = means.pivot(index=[*PAIR, "anomaly_ratio"], columns="method", values="mean")
    lead = (wide[method] - wide.drop(columns=method).max(axis=1)).groupby(level="anomaly_ratio")
    told = [f"{values.min():+.1f} to {values.max():+.1f} with {share:.0%} anomalies" for share, values in lead]
    extremes = ", ".join(dict.fromkeys([told[0], told[-1]]))
    title = f"Anomalies {anomalies}: lead of {look_of(method).short} over the best of the others {extremes}"
    title = wrapped(title, int(HEADLINE_LETTERS * figure.get_figwidth()))
    legend = figure.legend(handles=list(lines.values()), title=title, loc="outside upper left", ncols=2, fontsize=10)
    legend.set_alignment("left")
    legend.get_title().set(fontsize=12, fontweight="bold")
    return figure
