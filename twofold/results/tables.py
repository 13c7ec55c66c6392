"""Tables as the paper prints them: ours beside the quoted numbers, classes in rows, the order in words."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import pandas as pd

from twofold.errors import InputError
from twofold.results.published import BLOCKS
from twofold.results.sentences import with_spread
from twofold.results.statistics import PAIR, above

__all__ = [
    "beside_published",
    "claim_lines",
    "class_means",
    "pair_name",
    "per_class_table",
    "printed_classes",
    "standing",
    "steps",
]

QUOTED_ONLY = "quoted only"
ENOUGH_CLASSES = 5  # with fewer, all of them agree on a sign too often by chance: 2 * 2 ** -4 is an eighth


def pair_name(pair: tuple[str, str, str]) -> str:
    """A pair of domains in words.

    >>> pair_name(("digits", "type", "optdigits"))
    'digits type→optdigits'
    """
    return f"{pair[0]} {pair[1]}→{pair[2]}"


def _block(pair: tuple[str, str, str], quoted: pd.DataFrame) -> str:
    """The paper's block that stands beside this pair: its own where printed, else the only one handed over."""
    blocks = list(dict.fromkeys(quoted["block"]))
    own = [block for block in blocks if BLOCKS[block] == pair]
    if own or len(blocks) == 1:
        return (own or blocks)[0]
    raise InputError(f"wanted one published block beside {pair_name(pair)}, got {', '.join(blocks)}; select one of them")


def _printed(row: dict[str, Any] | None) -> str:
    """A published number with its spread, or the gain that is all the text tells."""
    if row is None:
        return ""
    if pd.isna(row["auroc"]):
        return f"{row['gain']:+.2f} over {row['over']}"
    if pd.isna(row["std"]):
        return f"{row['auroc']:.2f}"
    return f"{row['auroc']:.2f} ({str(row['std_kind']).removesuffix(', ddof 0') or 'std'} {row['std']:.2f})"


def _difference(ours: dict[str, dict[str, Any]], method: str, row: dict[str, Any] | None) -> str:
    """Ours minus the published value; where only a gain is published, our gain minus that."""
    base = {"mean": 0.0} if row is None or not pd.isna(row["auroc"]) else ours.get(row["over"])
    if row is None or method not in ours or base is None or ours[method]["mean"] is None or base["mean"] is None:
        return ""
    printed = row["gain"] if pd.isna(row["auroc"]) else row["auroc"]
    return f"{ours[method]['mean'] - base['mean'] - printed:+.1f}"


def _measured(row: dict[str, Any] | None) -> dict[str, str]:
    """Ours of one method as texts; a collapsed group says so in place of its mean."""
    fields = {"ours": "mean", "std over classes": "std_classes", "std over seeds": "std_seeds"}
    if row is None:
        return {**dict.fromkeys([*fields, "n"], ""), "ours": QUOTED_ONLY}
    n = f"{row['n_classes']} x {row['n_seeds']}"
    return {**{name: _cell(row, field) for name, field in fields.items()}, "n": n}


def beside_published(collected: pd.DataFrame, quoted: pd.DataFrame) -> pd.DataFrame:
    """Our means beside the paper's, for reading: never averaged together, every number with where it is from.

    Parameters
    ----------
    collected : from ``statistics.collect`` with ``by=["dataset", "source", "target", "method"]``, one row a pair and method.
    quoted : from ``published.published``; where none of its blocks is the measured pair, one block alone, which the pair
        then stands in for. Rows of classes are passed over. With no row in ``collected`` every block is quoted alone.

    Returns
    -------
    Texts, the paper's methods first and in its order: measured on, method, ours (percent, or ``k/n collapsed``, or ``quoted
    only``), std over classes (ddof 0), std over seeds (ddof 1), n (classes x seeds), quoted from (the paper's block),
    published (with its std, of which only the kinds that can be recomputed are named; or a gain where the paper tells no
    more), difference (ours - published, of gains where a gain is published).

    Raises
    ------
    InputError : no pair in ``collected``, several rows of a method, several blocks for a pair the paper does not have.

    >>> from twofold.results.published import published
    >>> row = {"dataset": "digits", "source": "type", "target": "optdigits", "method": "twofold", "mean": 76.9}
    >>> row |= {"std_classes": 9.7, "std_seeds": 2.5, "n_classes": 10, "n_seeds": 3, "n_runs": 30, "n_collapsed": 0}
    >>> beside_published(pd.DataFrame([row]), published("table4")).iloc[3, 1:].tolist()
    ['twofold', '76.9', '9.7', '2.5', '10 x 3', 'CAD→Real', '75.54 (classes 9.80)', '+1.4']
    """
    if not {*PAIR, "method"} <= set(collected.columns):
        raise InputError(f"wanted columns {', '.join(PAIR)} and method, got {list(collected.columns)}; collect by them")
    rows = []
    groups = [(pair, group, _block(pair, quoted)) for pair, group in collected.groupby(PAIR, sort=False)]
    for pair, group, block in groups or [(None, collected, block) for block in dict.fromkeys(quoted["block"])]:
        if group["method"].duplicated().any():
            raise InputError(f"wanted one row a method on {pair_name(pair)}, got several; select one ratio and preset")
        means = quoted[(quoted["block"] == block) & (quoted["normal"] == "mean")]
        printed = {row["method"]: row for row in means.to_dict("records")}
        ours = {row["method"]: row for row in group.astype(object).where(group.notna(), None).to_dict("records")}
        for method in dict.fromkeys([*printed, *ours]):
            row = {"measured on": pair_name(pair) if method in ours else "", "method": method, **_measured(ours.get(method))}
            row["quoted from"] = block.replace("->", "→") if method in printed else ""
            row["published"] = _printed(printed.get(method))
            row["difference"] = _difference(ours, method, printed.get(method))
            rows.append(row)
    return pd.DataFrame(rows)


def _one_task(frame: pd.DataFrame) -> None:
    for field in (*PAIR, "anomaly_ratio"):
        if frame[field].nunique() > 1:
            raise InputError(f"wanted runs of one {field}, got {list(frame[field].unique())}; select one of them")


def class_means(frame: pd.DataFrame, methods: Sequence[str]) -> pd.DataFrame:
    """AUROC of each class, the mean over its seeds, as numbers to draw.

    Parameters
    ----------
    frame : from ``statistics.as_frame``, one pair of domains and one share of anomalies.
    methods : columns, in this order; what was not run is left out.

    Returns
    -------
    Classes in rows, in percent; NaN where a run of the class collapsed.

    Raises
    ------
    InputError : several pairs or ratios.
    """
    _one_task(frame)
    means = frame.groupby(["normal", "method"], sort=False).agg(auroc=("auroc", "mean"), collapsed=("collapsed", "any"))
    wide = means["auroc"].where(~means["collapsed"]).unstack("method").sort_index()
    return wide[[method for method in methods if method in wide]]


def printed_classes(quoted: pd.DataFrame) -> pd.DataFrame:
    """The paper's classes in rows, its methods in columns, as numbers to draw.

    Parameters
    ----------
    quoted : one block of ``published.published``.

    >>> from twofold.results.published import published
    >>> printed_classes(published("table2")).loc["car", ["source_only", "twofold"]].tolist()
    [78.65, 62.76]
    """
    rows = quoted[quoted["normal"] != "mean"]
    return rows.pivot(index="normal", columns="method", values="auroc")[list(dict.fromkeys(rows["method"]))]


def per_class_table(frame: pd.DataFrame, methods: Sequence[str]) -> pd.DataFrame:
    """Classes in rows and methods in columns, as the paper prints its Tables 1 to 3.

    Parameters
    ----------
    frame, methods : as in ``class_means``.

    Returns
    -------
    Texts: percent, or ``k/n collapsed``; the last rows are avg, std over classes (ddof 0, of the rows above) and std over
    seeds (ddof 1, of the seeds' averages; empty for one seed).

    Raises
    ------
    InputError : several pairs or ratios.
    """
    wide = class_means(frame, methods)
    table = {"normal class": [*wide.index, "avg", "std over classes", "std over seeds"]}
    for method in wide:
        rows = frame[frame["method"] == method]
        classes = [_summary(rows[rows["normal"] == name]) for name in wide.index]
        every = _summary(rows)
        cells = [("mean", told) for told in [*classes, every]] + [("std_classes", every), ("std_seeds", every)]
        table[method] = [_cell(told, field) for field, told in cells]
    return pd.DataFrame(table)


def _cell(told: dict[str, Any], field: str) -> str:
    """A mean, or how many runs collapsed; a spread, or nothing where one class or seed has none."""
    if told["n_collapsed"]:
        return f"{told['n_collapsed']}/{told['n_runs']} collapsed" if field == "mean" else ""
    unknown = pd.isna(told[field]) or (field == "std_classes" and told["n_classes"] < 2)
    return "" if unknown else f"{told[field]:.1f}"


def _summary(rows: pd.DataFrame) -> dict[str, Any]:
    """Mean and spreads of one method's runs, as ``reports.with_spread`` takes them."""
    per_class, per_seed = (rows.groupby(field)["auroc"].mean() for field in ("normal", "seed"))
    return {
        "mean": per_class.mean(),
        "std_classes": per_class.std(ddof=0),
        "std_seeds": per_seed.std(ddof=1),
        "n_classes": len(per_class),
        "n_collapsed": int(rows["collapsed"].sum()),
        "n_runs": len(rows),
    }


def _told(summary: dict[str, Any]) -> str:
    return with_spread(summary).replace("classes 0.0", "one class") if summary["n_classes"] < 2 else with_spread(summary)


def _distance(frame: pd.DataFrame, method: str, control: str) -> tuple[str, str]:
    """The verdict on a difference, and the difference in words; few classes have no interval."""
    found = above(frame, method, control)
    if found["verdict"] == "collapsed":
        return "collapsed", "no difference, a run collapsed"
    wide = class_means(frame, [method, control]).dropna()
    if len(wide) < ENOUGH_CLASSES:
        higher = int((wide[method] > wide[control]).sum())
        return "too few classes", f"{found['difference']:+.1f} points (above on {higher} of {len(wide)} classes)"
    return found["verdict"], f"{found['difference']:+.1f} points [{found['low']:+.1f}, {found['high']:+.1f}]"


def standing(frame: pd.DataFrame, methods: Sequence[str]) -> list[str]:
    """Methods from best to worst, each with its spreads and its distance to the one before it: computed sentences.

    Parameters
    ----------
    frame, methods : as in ``class_means``.

    Returns
    -------
    A line a method; collapsed ones come last. A distance whose 95 % interval (bootstrap over classes) holds 0 is undecided;
    under five classes no interval is printed, but on how many it is above.

    Raises
    ------
    InputError : several pairs or ratios.
    """
    _one_task(frame)
    told = {method: _summary(frame[frame["method"] == method]) for method in methods if method in set(frame["method"])}
    order = sorted(told, key=lambda method: (told[method]["n_collapsed"] > 0, -told[method]["mean"]))
    lines = [f"1. {order[0]}: {_told(told[order[0]])}"]
    for place, (better, method) in enumerate(pairwise(order), start=2):
        verdict, words = _distance(frame, method, better)
        mark = " (undecided)" if verdict == "undecided" else ""
        lines.append(f"{place}. {method}: {_told(told[method])}; to {better} {words}{mark}")
    return lines


def steps(frame: pd.DataFrame, ladder: Sequence[str]) -> list[str]:
    """Whether each method of a ladder is above the one before it: computed sentences.

    Parameters
    ----------
    frame : as in ``class_means``.
    ladder : methods, each promised to be above the one before.

    Returns
    -------
    A line a step: holds, reversed, undecided, collapsed or too few classes (under five).

    Raises
    ------
    InputError : several pairs or ratios.
    """
    _one_task(frame)
    lines = []
    for before, after in pairwise(ladder):
        verdict, words = _distance(frame, after, before)
        lines.append(f"{ {'above': 'holds', 'below': 'reversed'}.get(verdict, verdict) }: {before} < {after}, {words}")
    return lines


def claim_lines(checked: pd.DataFrame, n_classes: int) -> list[str]:
    """The paper's claims as held against runs: a sentence a claim and pair.

    Parameters
    ----------
    checked : from ``published.check_claims``.
    n_classes : behind it; under five decide nothing.
    """
    lines = []
    for row in checked.itertuples():
        few = n_classes < ENOUGH_CLASSES and row.verdict in ("holds", "reversed", "undecided")
        ours = "" if pd.isna(row.difference) else f"; ours {row.difference:+.1f}"
        ours += f" [{row.low:+.1f}, {row.high:+.1f}]" if ours and not few else ""
        printed = "" if pd.isna(row.published) else f"; printed {row.published:+.2f} ({row.published_on.replace('->', '→')})"
        pair = pair_name((row.dataset, row.source, row.target))
        lines.append(f"{'too few classes' if few else row.verdict}: {row.sentence} [{pair}]{ours}{printed}")
    return lines
