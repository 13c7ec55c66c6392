"""A method between its best control and its oracle: the margin, what each part adds to it, and when to doubt it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.stats import rankdata
from torch import Tensor

from twofold.data.domains import Domain
from twofold.plots.style import COLORS, collapsed_words
from twofold.results.controls import LEAST_GAP, best_controls, over_pairs
from twofold.results.sentences import fallen_words, interval_words, verdict_words, with_spread
from twofold.results.statistics import PAIR, above, class_means, look_of
from twofold.results.tables import pair_name
from twofold.runs.presets import PAIRS

__all__ = [
    "by_use",
    "change_dots",
    "gap_lines",
    "lead_panels",
    "lead_reading",
    "lead_table",
    "moved_pictures",
    "pair_table",
    "spread_table",
    "strangers",
    "uses",
    "warning_dots",
    "warning_table",
]

USES = {pair: use for use, pairs in PAIRS.items() for pair in pairs}
GREY = "#AAAAAA"


def by_use(pairs: Sequence[tuple[str, str, str]]) -> list[tuple[str, str, str]]:
    """Pairs of domains with those that chose the defaults first, then those seen, then those that confirm, then the rest.

    >>> by_use([("pacs", "sketch", "photo"), ("digits", "type", "mnist"), ("digits", "type", "optdigits")])
    [('digits', 'type', 'optdigits'), ('digits', 'type', 'mnist'), ('pacs', 'sketch', 'photo')]
    """
    known = list(USES)
    return sorted(map(tuple, pairs), key=lambda pair: known.index(pair) if pair in known else len(known))


def uses(frame: pd.DataFrame) -> np.ndarray:
    """What the pair of each row may be used for: dev, seen, confirmation, or nothing said.

    >>> uses(pd.DataFrame([["digits", "type", "optdigits"]], columns=PAIR)).tolist()
    ['dev']
    """
    return np.array([USES.get(pair, "") for pair in zip(*(frame[field] for field in PAIR), strict=True)])


def _pairs_of(frame: pd.DataFrame) -> list[tuple[str, str, str]]:
    return by_use(dict.fromkeys(zip(*(frame[field] for field in PAIR), strict=True)))


def _rows_of(frame: pd.DataFrame, pair: tuple[str, str, str]) -> pd.DataFrame:
    return frame[(frame[PAIR] == list(pair)).all(axis=1)]


def strangers(class_names: Sequence[str]) -> dict[str, str]:
    """For each of two or more classes the next one, in the order of their names, that has at least half as many pictures;
    where no other has, the largest other.

    >>> strangers(["a"] * 5 + ["b"] + ["c"] * 4)
    {'a': 'c', 'b': 'c', 'c': 'a'}
    >>> strangers(["a"] * 5 + ["b"])
    {'a': 'b', 'b': 'a'}
    """
    names, counts = np.unique(np.asarray(class_names), return_counts=True)
    n, found = len(names), {}
    for i, name in enumerate(names):
        after = ((i + step) % n for step in range(1, n))
        largest = max((j for j in range(n) if j != i), key=lambda j: counts[j])
        found[str(name)] = str(names[next((j for j in after if counts[j] >= counts[i] / 2), largest)])
    return found


def spread_table(collected: pd.DataFrame) -> pd.DataFrame:
    """Methods in rows, pairs in columns, in each cell a mean with both spreads.

    Parameters
    ----------
    collected : from ``statistics.collect`` by pair and method.
    """
    cells = {}
    for pair in _pairs_of(collected):
        rows = _rows_of(collected, pair)
        use = f" ({USES[pair]})" if pair in USES else ""
        cells[pair_name(pair) + use] = dict(zip(rows["method"], (with_spread(row) for _, row in rows.iterrows()), strict=True))
    return pd.DataFrame(cells).rename_axis("method").reset_index()


def pair_table(leads: pd.DataFrame, method: str) -> pd.DataFrame:
    """A row a pair: the best control, what the method gains on it, and its oracle.

    Parameters
    ----------
    leads : of ``controls.best_controls``.
    method : whose leads they are.

    Returns
    -------
    Texts; AUROC in percent, the gain with its verdict and 95 % interval over classes, what collapsed named before both.
    """
    leads, rows = leads.set_index(PAIR), []
    for pair in by_use(leads.index):
        lead = leads.loc[pair]
        row = {
            "pair": pair_name(pair),
            "use": USES.get(pair, ""),
            "best control": "collapsed" if pd.isna(lead["best_control"]) else lead["best_control"],
        }
        row |= {"its AUROC": _known(lead["control"]), method: _known(lead["method"])}
        gain = verdict_words({**lead, "difference": lead["gain"]})
        rows.append(row | {"gain": gain, "told the true normals": _known(lead["oracle"])})
    return pd.DataFrame(rows)


def _known(value: float, form: str = ".1f") -> str:
    return "collapsed" if pd.isna(value) else f"{value:{form}}"


def _names(pairs: Sequence[tuple[str, str, str]]) -> str:
    return ", ".join(map(pair_name, pairs)) or "none"


def lead_reading(frame: pd.DataFrame, method: str, controls: Sequence[str], oracle: str) -> list[str]:
    """How far a method is above the best control of each pair, over all and by use, and what share of the gap it closes.

    Parameters
    ----------
    frame, method, controls, oracle : as in ``controls.best_controls``.

    Returns
    -------
    Computed sentences; the last measures the gap from the one control that is best on the pairs for development, or on all
    where there are none of these.
    """
    leads = best_controls(frame, method, controls, oracle)
    used, whole = uses(leads), over_pairs(leads)
    lines = [f"lead over the control that labels judge the best of each pair: {verdict_words(whole)}"]
    lines.append(
        f"worst pair {whole['worst']:+.1f}, {pair_name(whole['worst_pair'])}; without a number: {_names(whole['silent'])}"
    )
    for use in [use for use in dict.fromkeys(used) if leads["gain"][used == use].notna().any()]:
        lines.append(f"{use or 'other'} alone: {verdict_words(over_pairs(leads[used == use]))}")
    rest = leads[used != "dev"]
    if 0 < len(rest) < len(leads) and rest["gain"].notna().any():
        lines.append(f"without dev: {verdict_words(over_pairs(rest))}")
    left_out = f"left out, with a gap under {LEAST_GAP:.0f} point: {_names(whole['left_out'])}"
    lines.append(f"of the gap to {oracle} {whole['closed']:.0%} is closed; {left_out}")
    development = frame[uses(frame) == "dev"] if (used == "dev").any() else frame
    least = {name: over_pairs(best_controls(development, method, [name], oracle))["difference"] for name in controls}
    single = min(least, key=least.__getitem__)
    closed = over_pairs(best_controls(frame, method, [single], oracle))["closed"]
    return [*lines, f"from {single}, the single control best on dev, {closed:.0%} is closed"]


def gap_lines(gaps: pd.DataFrame, method: str, ax: Axes) -> Axes:
    """A row a pair: from its best control over the method to the method's own oracle.

    Parameters
    ----------
    gaps : of ``controls.best_controls``.
    method : whose gaps they are.
    """
    gaps, words = gaps.set_index(PAIR), []
    pairs = by_use(gaps.index)
    look = look_of(method)
    marks = {
        "control": ("s", GREY, "best control"),
        "method": (look.marker, look.color, method),
        "oracle": ("*", "black", "its oracle"),
    }
    for i, pair in enumerate(pairs):
        row = gaps.loc[pair]
        ax.plot([row["control"], row["oracle"]], [i, i], color="#CCCCCC", linewidth=2, zorder=1)
        for field, (marker, color, name) in marks.items():
            ax.scatter(row[field], i, s=80, marker=marker, color=color, zorder=2, label=name if i == 0 else None)
        ink = COLORS["anomalous"] if row["gain"] < 0 else "#444444"
        ax.text(1.02, i, _known(row["gain"], "+.1f"), transform=ax.get_yaxis_transform(), va="center", fontsize=9.5, color=ink)
        use = f"{USES[pair]}; " if pair in USES else ""
        words.append(f"{pair_name(pair)}\n({use}best control {row['best_control']})")
    ax.set_yticks(range(len(pairs)), words, fontsize=9.5)
    ax.set_ylim(len(pairs) - 0.5, -0.5)
    ax.set_xlabel("AUROC on the target (%), mean over classes and seeds")
    ax.legend(ncols=3, loc="lower left", bbox_to_anchor=(0, 1.0), fontsize=10)
    return ax


def change_dots(rows: pd.DataFrame, whole: str, words: Mapping[str, str], figure: Figure) -> Figure:
    """What taking a part away changes, a panel a pair; the whole is the line at zero.

    Parameters
    ----------
    rows : variants x pairs, AUROC in percent.
    whole : the variant with every part.
    words : variant -> what was taken away, in the order of the axis.
    """
    names = [name for name in words if name in rows.index and name != whole]
    axes = figure.subplots(1, len(rows.columns), sharey=True, squeeze=False)[0]
    look = look_of(whole)
    for ax, pair in zip(axes, rows, strict=True):
        change = rows.loc[names, pair] - rows.loc[whole, pair]
        ax.axvline(0, color="#999999", linewidth=1)
        ax.hlines(range(len(names)), change, 0, color="#BBBBBB", zorder=1)
        ax.scatter(change, range(len(names)), s=80, marker=look.marker, color=look.color, zorder=2)
        for i, value in enumerate(change):
            ax.annotate(
                _known(value, "+.1f"),
                (0.0 if pd.isna(value) else value, i),
                (0, 7),
                textcoords="offset points",
                ha="center",
                fontsize=9,
            )
        ax.set_title(f"{pair} ({rows.loc[whole, pair]:.1f})", fontsize=11)
        ax.set_xlabel("points of AUROC to the whole")
        ax.margins(x=0.2, y=0.12)
    axes[0].set_yticks(range(len(names)), [words[name] for name in names])
    axes[0].invert_yaxis()
    return figure


def lead_table(frame: pd.DataFrame, method: str, control: str) -> pd.DataFrame:
    """How far a method leads a control at every share of anomalies, pair by pair.

    Parameters
    ----------
    frame : runs, both methods, several ratios; its column ``anomaly_classes`` says where the
        anomalies come from.
    method, control : names in its ``method`` column.

    Returns
    -------
    A row a pair and origin of anomalies, texts: the lead in points of AUROC at each ratio (mean over classes and seeds; in
    brackets what collapsed, and then of the rest), and the least of the others with its 95 % interval over classes and its
    verdict. A class without enough anomalies for a ratio has no part in it.
    """
    rows = []
    for pair in _pairs_of(frame):
        for origin, group in _rows_of(frame, pair).groupby("anomaly_classes", sort=False):
            leads = {ratio: above(at, method, control) for ratio, at in group.groupby("anomaly_ratio")}
            row = {"pair": pair_name(pair), "anomalies from": origin}
            row |= {f"{ratio:.0%}": _lead(lead) for ratio, lead in leads.items()}
            whole = [lead for lead in leads.values() if not lead["collapsed"]]
            least = min(whole, key=lambda lead: lead["difference"], default=None)
            words = {"least": interval_words(least), "verdict": least["verdict"]} if least else {"verdict": "collapsed"}
            rows.append(row | words)
    return pd.DataFrame(rows).fillna("")


def _lead(lead: Mapping) -> str:
    difference = "" if lead["difference"] is None else f"{lead['difference']:+.1f}"
    return f"{difference} ({fallen_words(lead['collapsed'])})".strip() if lead["collapsed"] else difference


def lead_panels(frame: pd.DataFrame, method: str, control: str, figure: Figure) -> Figure:
    """AUROC against the share of anomalies, a panel a pair; dashed and hollow where all anomalies are of one class.

    A gap, and words at the foot, where a run collapsed.

    Parameters
    ----------
    frame, method, control : as in ``lead_table``.
    """
    pairs = _pairs_of(frame)
    by = [*PAIR, "anomaly_classes", "anomaly_ratio", "method"]
    table = class_means(frame, by, methods=[control, method]).sort_values("anomaly_ratio", kind="stable")
    columns = min(4, len(pairs))
    axes = figure.subplots(-(-len(pairs) // columns), columns, sharex=True, sharey=True, squeeze=False).ravel()
    for i, (ax, pair) in enumerate(zip(axes, pairs, strict=False)):
        for name in (control, method):
            look = look_of(name)
            mine = _rows_of(table, pair)
            for origin, rows in mine[mine["method"] == name].groupby("anomaly_classes", sort=False):
                one = origin != "all others"
                face, line, words = ("white", "--", f"{name}, anomalies of one class") if one else (look.color, "-", name)
                style = {"marker": look.marker, "markersize": 6, "markerfacecolor": face, "linestyle": line, "linewidth": 1.8}
                ax.plot(100 * rows["anomaly_ratio"], rows["mean"], color=look.color, label=words, **style)
                for fallen in rows[rows["n_collapsed"] > 0].to_dict("records"):
                    place = {"xy": (100 * fallen["anomaly_ratio"], 0.02), "xycoords": ax.get_xaxis_transform()}
                    ax.annotate(collapsed_words(fallen, "\n"), color=look.color, fontsize=8, ha="center", va="bottom", **place)
        use = f" ({USES[pair]})" if pair in USES else ""
        ax.set_title(f"{pair_name(pair)}{use}", fontsize=10)
        ax.set_xticks(100 * np.unique(frame["anomaly_ratio"]))
        if i % columns == 0:
            ax.set_ylabel("AUROC on the target (%)")
        if i + columns >= len(pairs):
            ax.set_xlabel("anomalies in the target (%)")
            ax.xaxis.set_tick_params(labelbottom=True)
    for ax in axes[len(pairs) :]:
        ax.set_axis_off()
    place, loc = (axes[-1], "center") if len(axes) > len(pairs) else (figure, "outside upper left")
    place.legend(*axes[0].get_legend_handles_labels(), loc=loc, fontsize=9)
    return figure


def warning_table(frame: pd.DataFrame, threshold: float, poor: float = 80.0) -> pd.DataFrame:
    """How often runs warn of a poor ranking, and how rightly: by what their pairs may be used for and by share of anomalies.

    Parameters
    ----------
    frame : runs, runs with a ``contrast``.
    threshold : a run of lower contrast warns.
    poor : AUROC in percent below which a warning is due.

    Returns
    -------
    A row a use and ratio, the last of each use over all its ratios: runs, and percent of them poor, of the poor that were
    warned of, of the others that were warned of in vain.
    """
    rows = []
    for use, group in frame.groupby(uses(frame), sort=False):
        parts = [(f"{ratio:.0%}", at) for ratio, at in group.groupby("anomaly_ratio")]
        for words, part in [*parts, ("all", group)]:
            warned, bad = part["contrast"] < threshold, part["auroc"] < poor
            shares = {"poor": bad, "poor, warned": warned[bad], "not poor, warned": warned[~bad]}
            row = {"use": use, "anomalies": words, "runs": len(part)}
            rows.append(row | {f"{name} (%)": f"{100 * s.mean():.0f}" if len(s) else "" for name, s in shares.items()})
    return pd.DataFrame(rows)


def warning_dots(frame: pd.DataFrame, method: str, threshold: float, ax: Axes) -> Axes:
    """AUROC against contrast, a dot a run; grey where it warned.

    Parameters
    ----------
    frame, threshold : as in ``warning_table``.
    method : whose runs they are.
    """
    for weak, group in frame.groupby(frame["contrast"] < threshold):
        color, words = (GREY, "warned") if weak else (look_of(method).color, "not warned")
        ax.scatter(group["contrast"], group["auroc"], s=14, alpha=0.6, color=color, linewidths=0, label=words)
    ax.axvline(threshold, color="#444444", linewidth=1, linestyle="--")
    ax.set_xlim(left=0)
    ax.set_xlabel("contrast of the unlabelled target (no unit)")
    ax.set_ylabel("AUROC on the target (%)")
    for handle in ax.legend(loc="lower right", fontsize=10).legend_handles:
        handle.set(alpha=1, sizes=[40])
    return ax


def moved_pictures(
    scores: np.ndarray, control: np.ndarray, labels: np.ndarray, ids: Sequence[str], domain: Domain, n: int = 4
) -> list[tuple[Tensor, np.ndarray]]:
    """The test pictures whose rank moved most to their right side between a control and a method, then most to the wrong one.

    Parameters
    ----------
    scores, control : (m,) anomaly scores of the method and of the control.
    labels : (m,) 0 normal, 1 anomalous; they judge here, after all is done.
    ids : (m,) of the pictures.
    domain : that holds them.
    n : normals, and as many anomalies after them, of each side.

    Returns
    -------
    For each of the two sides images (2 n, 3, 64, 64) and labels (2 n,).
    """
    gain = (rankdata(scores) - rankdata(control)) * (2 * labels - 1)
    order = np.argsort(-gain, kind="stable")
    place = {name: i for i, name in enumerate(domain.ids)}
    sides = []
    for ordered in (order, order[::-1]):
        chosen = np.concatenate([ordered[labels[ordered] == label][:n] for label in (0, 1)])
        sides.append((domain.images([place[ids[i]] for i in chosen], 64), labels[chosen]))
    return sides
