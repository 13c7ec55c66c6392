"""A method beside controls with the same eyes: its lead, what each ingredient brings, which pile it took, when to doubt it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.stats import rankdata
from torch import Tensor

from twofold.data.domains import Domain
from twofold.plots.style import HALO, INK
from twofold.results.controls import LEAST_GAP, best_controls, over_pairs
from twofold.results.sentences import verdict_count, verdict_words
from twofold.results.statistics import PAIR, TRIAL, class_means, look_of, plain
from twofold.results.tables import pair_name
from twofold.runs.presets import PAIRS

__all__ = [
    "LAYERS",
    "by_use",
    "forest",
    "hardest",
    "hardest_of",
    "layer_table",
    "lead_reading",
    "lead_table",
    "lead_words",
    "level_dots",
    "median_class",
    "moved_pictures",
    "parts",
    "pile_table",
    "summary_table",
    "tried",
    "uses",
    "warning_dots",
    "warning_table",
]

USES = {pair: use for use, pairs in PAIRS.items() for pair in pairs}
LAYERS = ("encoder_hidden", "encoder_last", "backbone_hidden", "backbone_last", "layers")  # one by one, then fused
GREY = "#AAAAAA"
SIGNS = ("above", "undecided", "below")


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


def _of_dev(table: pd.DataFrame) -> np.ndarray:
    """Rows into a target of a development pair, whatever their source: that trial chose defaults."""
    targets = {(dataset, target) for dataset, _, target in PAIRS["dev"]}
    return np.array([trial in targets for trial in zip(*(table[field] for field in TRIAL), strict=True)], bool)


def _named(pair: tuple[str, str, str]) -> str:
    return pair_name(pair) + (f" ({USES[pair]})" if pair in USES else "")


def _names(pairs: Sequence[tuple[str, str, str]]) -> str:
    return ", ".join(map(pair_name, pairs)) or "none"


def _known(value: float, form: str = ".1f") -> str:
    return "collapsed" if pd.isna(value) else f"{value:{form}}"


def _gain_words(lead: Mapping) -> str:
    return verdict_words({**lead, "difference": lead["gain"]})


# same eyes ----------------------------------------------------------------------------------------------------------


def hardest(frame: pd.DataFrame, method: str, controls: Sequence[str], oracle: str | None = None) -> pd.DataFrame:
    """For each pair the control over which a method leads least, judged by target labels after all runs.

    Where all were run on the same seeds this is the best control. One that was run on fewer pairs or seeds is met there
    alone, and takes nothing from the others.

    Parameters
    ----------
    frame : runs of one ratio and protocol.
    method : whose leads they are.
    controls : those that a pair has.
    oracle : as in ``controls.best_controls``.

    Returns
    -------
    Rows of ``controls.best_controls``, by use of their pairs; a control that collapsed everywhere is passed over where
    another has a number.
    """
    had = frame.groupby(PAIR, sort=False)["method"].agg(set)
    met = []
    for control in controls:
        pairs = had.index[[control in names for names in had]]
        if len(pairs):
            there = frame[pd.MultiIndex.from_frame(frame[PAIR]).isin(pairs)]
            met.append(best_controls(there, method, [control], oracle))
    return hardest_of(met)


def hardest_of(leads: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """For each pair the least lead of several tables: what ``hardest`` finds among the controls of all of them."""
    table = pd.concat(leads).sort_values("gain", kind="stable").drop_duplicates(PAIR).set_index(PAIR)
    return table.loc[by_use(table.index)].reset_index()


def lead_table(frame: pd.DataFrame, method: str, leads: Mapping[str, pd.DataFrame], oracle: str) -> pd.DataFrame:
    """A row a pair: the hardest control of each group and the lead over it, and what the method's own oracle has.

    Parameters
    ----------
    frame, method, oracle : as in ``hardest``.
    leads : words -> rows of ``hardest``, each with the oracle.

    Returns
    -------
    Texts; AUROC in percent, leads with verdict and 95 % interval over classes, what collapsed named before both.
    """
    tables = {words: table.set_index(PAIR) for words, table in leads.items()}
    means = class_means(frame, [*PAIR, "method"], methods=[method, oracle]).pivot(index=PAIR, columns="method", values="rest")
    rows = []
    for pair in by_use(means.index):
        row = {"pair": pair_name(pair), "use": USES.get(pair, "")}
        for words, table in tables.items():
            lead = table.loc[pair]
            row |= {words: f"{lead['best_control']} {_known(lead['control'])}", f"lead over {words}": _gain_words(lead)}
        rows.append(row | {method: _known(means.loc[pair, method]), "told the true normals": _known(means.loc[pair, oracle])})
    return pd.DataFrame(rows)


def lead_reading(leads: pd.DataFrame, words: str) -> list[str]:
    """How far a method is above one control of each pair: on all targets, without development, on those that confirm.

    Parameters
    ----------
    leads : of ``hardest`` or ``parts``.
    words : what the lead is over.

    Returns
    -------
    Computed sentences: the lead, the share of the gap to the oracle, the worst pair, and which pairs have which verdict.
    """
    whole = over_pairs(leads)
    lines = [f"{words}: {verdict_words(whole)}"]
    lines += [f"without the targets of development: {rest}" for rest in [_rest(leads)] if rest]
    lines += [f"on the pairs kept for confirmation: {alone}" for alone in [_confirmed(leads)] if alone]
    if not np.isnan(whole["closed"]):
        left_out = f"left out, with a gap under {LEAST_GAP:.0f} point: {_names(whole['left_out'])}"
        lines.append(f"of the gap to its own oracle {whole['closed']:.0%} is closed; {left_out}")
    worst = f"worst pair {whole['worst']:+.1f}, {pair_name(whole['worst_pair'])}"
    lines.append(f"{worst}; without a number: {_names(whole['silent'])}")
    lines += [f"{kind} on {len(pairs)}: {_names(pairs)}" for kind, pairs in _by_verdict(leads).items()]
    return [*lines, *filter(None, [verdict_count(leads["verdict"])])]


def _rest(leads: pd.DataFrame) -> str:
    """The lead without the targets of development, where others are left."""
    rest = leads[~_of_dev(leads)]
    return verdict_words(over_pairs(rest)) if rest["gain"].notna().any() and len(rest) < len(leads) else ""


def _confirmed(leads: pd.DataFrame) -> str:
    """The lead on the pairs that nobody had looked at before the method was frozen."""
    alone = leads[uses(leads) == "confirmation"]
    return verdict_words(over_pairs(alone)) if alone["gain"].notna().any() else ""


def _by_verdict(leads: pd.DataFrame) -> dict[str, list[tuple[str, str, str]]]:
    """Each verdict with its pairs."""
    verdicts = leads.set_index(PAIR)["verdict"]
    kinds = [kind for kind in dict.fromkeys([*SIGNS, *verdicts]) if (verdicts == kind).any()]
    return {kind: list(verdicts.index[verdicts == kind]) for kind in kinds}


def summary_table(leads: Mapping[str, pd.DataFrame], head: str) -> pd.DataFrame:
    """A row a lead: over all targets, without those of development, on those of confirmation, and by pairs; texts.

    Parameters
    ----------
    leads : words -> rows of ``hardest`` or ``parts``.
    head : of the column of words.
    """
    rows = []
    for words, table in leads.items():
        row = {head: words, "all targets": verdict_words(over_pairs(table)), "without those of development": _rest(table)}
        row["confirmation alone"] = _confirmed(table)
        pairs = ", ".join(f"{len(names)} {kind}" for kind, names in _by_verdict(table).items())
        rows.append(row | {"pairs": pairs})
    return pd.DataFrame(rows)


def level_dots(groups: Mapping[str, pd.DataFrame], method: str, ax: Axes) -> Axes:
    """A row a pair: the hardest control of each group, the method and its oracle; at the right the lead over the last group.

    The lead stands with its interval, where it has one, and is grey where that holds zero or is not known.

    Parameters
    ----------
    groups : words -> rows of ``hardest``, each with its oracle.
    method : whose leads they are.
    """
    tables = {words: table.set_index(PAIR) for words, table in groups.items()}
    *_, last = tables.values()
    pairs, look = by_use(last.index), look_of(method)
    faces = dict(zip(tables, np.linspace(1, 0.4, len(tables)).astype(str), strict=True))  # white to grey
    for i, pair in enumerate(pairs):
        row = last.loc[pair]
        ax.plot([row["control"], row["oracle"]], [i, i], color="#DDDDDD", linewidth=3, zorder=1, solid_capstyle="round")
        for words, table in tables.items():
            style = {"marker": "s", "color": faces[words], "edgecolor": "#555555", "label": words if i == 0 else None}
            ax.scatter(table.loc[pair, "control"], i, s=60, zorder=2, **style)
        for field, words, size, marker, color in (
            ("oracle", "told the true normals", 90, "*", "black"),
            ("method", look.short, 95, look.marker, look.color),
        ):
            ax.scatter(row[field], i, s=size, marker=marker, color=color, zorder=3, label=words if i == 0 else None)
        ink = "black" if row["verdict"] in ("above", "below") else "#888888"
        words = _known(row["gain"], "+.1f") + _span(row)
        ax.text(1.02, i, words, transform=ax.get_yaxis_transform(), va="center", fontsize=9.5, color=ink)
    ax.set_yticks(range(len(pairs)), [_named(pair) for pair in pairs], fontsize=9.5)
    ax.set_ylim(len(pairs) - 0.5, -0.5)
    ax.set_xlabel("AUROC on the target (%), mean over classes and seeds")
    ax.legend(ncols=4, loc="lower left", bbox_to_anchor=(0, 1.0), fontsize=9.5)
    ax.text(1.02, -0.9, f"lead over\n{[*groups][-1]}", transform=ax.get_yaxis_transform(), va="bottom", fontsize=9.5)
    return ax


def _span(found: Mapping) -> str:
    """The interval of a gain in brackets, nothing where it has none."""
    return "" if pd.isna(found["low"]) else f" [{found['low']:+.1f}, {found['high']:+.1f}]"


def lead_words(leads: Mapping[str, pd.DataFrame], method: str) -> str:
    """How far a method leads, and over what: a line a lead.

    Parameters
    ----------
    leads : words -> rows of ``hardest`` or ``parts``.
    method : whose leads they are.
    """
    return "\n".join(f"{plain(method)} to {words}: {verdict_words(over_pairs(table))}" for words, table in leads.items())


def layer_table(frame: pd.DataFrame, methods: Sequence[str] = ("target_only", "source_knn")) -> pd.DataFrame:
    """The neighbour controls in each layer and in all of them fused: a row a layer, a column a control, AUROC in percent.

    Pairs that share a target count once. A pair in which any of a control's runs collapsed is left out of that control.

    Parameters
    ----------
    frame : runs with ``features`` of ``LAYERS``, of one seed.
    """
    means = class_means(frame, [*PAIR, "method"]).pivot(index=PAIR, columns="method", values="mean")
    rows = []
    for layer in LAYERS:
        found = {method: means[f"{method}[features={layer}]"].groupby(level=TRIAL).mean() for method in methods}
        rows.append(
            {"layer": layer.replace("_", " ").replace("layers", "all four, fused")}
            | {method: f"{over.mean():.1f}" for method, over in found.items()}
        )
    return pd.DataFrame(rows)


# what each ingredient brings ----------------------------------------------------------------------------------------


def parts(frame: pd.DataFrame, steps: Mapping[str, tuple[str, str]]) -> dict[str, pd.DataFrame]:
    """What each step from one method to the next brings, pair by pair.

    Parameters
    ----------
    frame : runs of one ratio and protocol.
    steps : words -> (method before, method after).

    Returns
    -------
    words -> rows of ``controls.best_controls`` with the method before as its only control.
    """
    return {words: best_controls(frame, after, [before]) for words, (before, after) in steps.items()}


def forest(gains: Mapping[str, pd.DataFrame], figure: Figure) -> Figure:
    """What each step brings, a panel a step: a dot a pair with its interval over classes, below the mean over the targets.

    Filled where the interval excludes zero. The title says the means.

    Parameters
    ----------
    gains : of ``parts``.
    """
    tables = {words: table.set_index(PAIR) for words, table in gains.items()}
    pairs = by_use(next(iter(tables.values())).index)
    axes = figure.subplots(1, len(tables), sharex=True, sharey=True, squeeze=False)[0]
    for ax, (words, table) in zip(axes, tables.items(), strict=True):
        whole = over_pairs(gains[words])
        ax.axvline(0, color="#999999", linewidth=1, zorder=0)
        ax.axhline(len(pairs) - 0.5, color="#DDDDDD", linewidth=1)
        for i, pair in enumerate(pairs):
            _interval(ax, table.loc[pair, "gain"], i, table.loc[pair], "o", "#555555")
        _interval(ax, whole["difference"], len(pairs), whole, "D", look_of("pooled_gaussian").color)
        ax.set_title(f"{words}\n{whole['difference']:+.1f}{_span(whole)}", fontsize=11)
        ax.set_xlabel("points of AUROC")
    axes[0].set_yticks(range(len(pairs) + 1), [*map(_named, pairs), f"mean over {whole['n_trials']} targets"], fontsize=9.5)
    axes[0].set_ylim(len(pairs) + 0.6, -0.6)
    return figure


def _interval(ax: Axes, value: float, height: float, found: Mapping, marker: str, color: str) -> None:
    """A dot with its interval, where it has one; hollow where that holds zero or is not known."""
    if not pd.isna(found["low"]):
        ax.plot([found["low"], found["high"]], [height, height], color=color, linewidth=1.3, zorder=1)
    face = color if found["verdict"] in ("above", "below") else "white"
    ax.scatter(value, height, s=46, marker=marker, color=face, edgecolor=color, linewidth=1.3, zorder=2)


# the pile -----------------------------------------------------------------------------------------------------------


def pile_table(frame: pd.DataFrame, method: str, gains: Mapping[str, pd.DataFrame], oracle: str) -> pd.DataFrame:
    """Which pile of generic pictures was the nearest, and what it brings: a row a pair.

    Parameters
    ----------
    frame : runs of the method; notes ``background_NAME`` say how far each pile lies, the lowest is taken.
    method : whose choice is told.
    gains : words -> rows of ``parts``, from without to with the pile.
    oracle : the same method with the true normals, and the pile.

    Returns
    -------
    Texts: the piles taken with the number of runs, the gains with verdict and interval, the oracle's lead.
    """
    far = [name for name in frame if name.startswith("background_")]
    to_oracle = best_controls(frame, oracle, [method]).set_index(PAIR)
    rows = []
    for pair in by_use(to_oracle.index):
        runs = frame[(frame[PAIR] == list(pair)).all(axis=1) & (frame["method"] == method)]
        taken = runs[far].dropna(how="all").idxmin(axis=1).map(lambda name: name.partition("_")[2]).value_counts()
        row = {"pair": pair_name(pair), "pile": ", ".join(f"{name} {n}/{len(runs)}" for name, n in taken.items())}
        row |= {words: _gain_words(table.set_index(PAIR).loc[pair]) for words, table in gains.items()}
        rows.append(row | {"the true normals with it": _gain_words(to_oracle.loc[pair])})
    return pd.DataFrame(rows)


# when to doubt it ---------------------------------------------------------------------------------------------------


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


def warning_words(frame: pd.DataFrame, threshold: float, poor: float = 80.0) -> str:
    """What the warning caught, and what it cost: one sentence.

    Parameters
    ----------
    frame, threshold, poor : as in ``warning_table``.
    """
    warned, bad = frame["contrast"] < threshold, frame["auroc"] < poor
    others = f"{(warned & ~bad).sum()} of the {(~bad).sum()} others"
    if not bad.any():
        return f"No run is under AUROC {poor:g} %; contrast under {threshold:g} warns of {others.removesuffix(' others')}"
    caught = f"{(warned & bad).sum()} of the {bad.sum()} runs under AUROC {poor:g} %"
    return f"Contrast under {threshold:g} warns of {caught}, and of {others}"


def warning_dots(frame: pd.DataFrame, method: str, threshold: float, ax: Axes, poor: float = 80.0) -> Axes:
    """AUROC against contrast, a dot a run; grey where it warned, the four kinds named and counted in their corners.

    Parameters
    ----------
    frame, threshold, poor : as in ``warning_table``.
    method : whose runs they are.
    """
    for weak, group in frame.groupby(frame["contrast"] < threshold):
        color, words = (GREY, "warned") if weak else (look_of(method).color, "not warned")
        ax.scatter(group["contrast"], group["auroc"], s=14, alpha=0.6, color=color, linewidths=0, label=words)
    ax.axvline(threshold, color="#444444", linewidth=1, linestyle="--")
    ax.axhline(poor, color="#444444", linewidth=1, linestyle="--")
    ax.set(xlim=(0, max(ax.get_xlim()[1], 1.6 * threshold)), ylim=(min(ax.get_ylim()[0], poor - 8), 102))
    warned, bad = frame["contrast"] < threshold, frame["auroc"] < poor
    for weak, x, side in ((True, 0.01, "left"), (False, 0.99, "right")):
        for low, y in ((False, (poor + 1.5)), (True, (poor - 1.5))):
            n = ((warned == weak) & (bad == low)).sum()
            words = f"{'warned,' if weak else 'not warned,'}\n{'poor' if low else 'not poor'}: {n}"
            place = {"transform": ax.get_yaxis_transform(), "ha": side, "va": "top" if low else "bottom", "bbox": HALO}
            ax.text(x, y, words, fontsize=11, color=INK if weak else look_of(method).color, fontweight="bold", **place)
    ax.set_xlabel("contrast of the unlabelled target (no unit)")
    ax.set_ylabel("AUROC on the target (%)")
    return ax


def median_class(frame: pd.DataFrame, pair: tuple[str, str, str], method: str, control: str, seed: int) -> tuple[str, float]:
    """The class of a pair on which a method's gain over a control is the median one, and that gain.

    Parameters
    ----------
    frame : runs of one ratio and protocol.
    pair, seed : which of them.
    method, control : names in its ``method`` column.
    """
    here = frame[(frame[PAIR] == list(pair)).all(axis=1) & (frame["seed"] == seed)]
    wide = here[here["method"].isin([method, control])].pivot(index="normal", columns="method", values="auroc")
    gains = (wide[method] - wide[control]).sort_values()
    return str(gains.index[len(gains) // 2]), float(gains.iloc[len(gains) // 2])


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


# what was tried -----------------------------------------------------------------------------------------------------


def tried() -> pd.DataFrame:
    """Ideas for a better detector with what they gave, those that failed among them: the log of the research, as text.

    >>> tried().columns[0]
    'what'
    """
    return pd.read_csv(Path(__file__).with_name("tried.csv"), dtype=str, keep_default_na=False)
