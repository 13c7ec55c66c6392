"""Tables as the paper prints them: ours beside the quoted numbers, classes in rows, the order in words."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import fields
from itertools import pairwise
from typing import Any

import pandas as pd

from twofold.errors import InputError
from twofold.methods import METHODS
from twofold.results.published import BLOCKS, RIVALS
from twofold.results.sentences import interval_words, rest_words, verdict_count, with_spread
from twofold.results.statistics import PAIR, PROTOCOL, above, class_means, look_of, one_of_each

__all__ = ["beside_published", "claim_lines", "pair_name", "per_class_table", "printed", "standing"]

QUOTED_ONLY = "quoted only"
ONE_TASK = [*PAIR, "anomaly_ratio", *PROTOCOL]


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


def _ours_of_rivals(theirs: Collection[str], ours: dict[str, str]) -> dict[str, str]:
    """The paper's rivals, each with the only name under which it was run here, such as one that says how many shots."""
    found = {rival: [name for name, base in ours.items() if base == rival] for rival in RIVALS if rival in theirs}
    return {rival: names[0] for rival, names in found.items() if len(names) == 1}


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
    if row is None or method not in ours or base is None or pd.isna(ours[method]["mean"]) or pd.isna(base["mean"]):
        return ""
    quoted = row["gain"] if pd.isna(row["auroc"]) else row["auroc"]
    return f"{ours[method]['mean'] - base['mean'] - quoted:+.1f}"


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
    collected : from ``statistics.collect`` or ``class_means`` by dataset, source, target and method, one row a pair and method.
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
        theirs = {row["method"]: row for row in means.to_dict("records")}
        ours = {row["method"]: row for row in group.to_dict("records")}
        base = dict(zip(group["method"], group["base"], strict=True)) if "base" in group else collected.attrs.get("base", {})
        names = _ours_of_rivals(theirs, {name: base.get(name, name) for name in ours})
        for method in dict.fromkeys([*(names.get(method, method) for method in theirs), *ours]):
            quote = theirs.get(next((known for known, own in names.items() if own == method), method))
            row = {"measured on": pair_name(pair) if method in ours else "", "method": method, **_measured(ours.get(method))}
            row["quoted from"] = block.replace("->", "→") if quote else ""
            row["published"] = _printed(quote)
            row["difference"] = _difference(ours, method, quote)
            rows.append(row)
    return pd.DataFrame(rows)


def printed(quoted: pd.DataFrame, methods: Sequence[str] | None = None) -> pd.DataFrame:
    """The paper's numbers in the shape of ``statistics.class_means``, to be drawn beside ours by the same functions.

    Parameters
    ----------
    quoted : blocks of ``published.published``.
    methods : rows, in this order; one that is not printed has no numbers. None takes those that are printed.

    Returns
    -------
    One row a block and method: mean and std_classes as printed, classes ({} where they are not printed), n_collapsed 0;
    told as our method of that name is.

    >>> from twofold.results.published import published
    >>> table = printed(published("table2"), ["source_only", "density"])
    >>> table["mean"].tolist(), table["classes"][0]["car"]
    ([62.84, nan], 78.65)
    """
    rows = []
    for block, part in quoted.groupby("block", sort=False):
        for method in list(dict.fromkeys(part["method"])) if methods is None else methods:
            mine = part[part["method"] == method]
            told, classes = mine[mine["normal"] == "mean"], mine[mine["normal"] != "mean"]
            row = {"block": block, "method": method, "mean": told["auroc"].max(), "std_classes": told["std"].max()}
            row |= {"n_classes": len(classes), "n_runs": len(classes), "n_collapsed": 0}
            row["classes"] = dict(zip(classes["normal"], classes["auroc"], strict=True))
            base = mine["base"].iloc[0] if len(mine) else method
            rows.append(row | {"told": _told(base)} | vars(look_of(base)))
    return pd.DataFrame(rows)


def _told(base: str) -> str:
    """What a method is told of the target's labels; nothing is known of one that nobody knows."""
    method, changed = METHODS.get(base, (None, {}))
    if method is None:
        return ""
    own = {field.name for field in fields(method.Settings)}
    return method.Settings(**{name: value for name, value in changed.items() if name in own}).told


def per_class_table(frame: pd.DataFrame, methods: Sequence[str]) -> pd.DataFrame:
    """Classes in rows and methods in columns, as the paper prints its Tables 1 to 3.

    Parameters
    ----------
    frame : runs of one pair of domains and one share of anomalies.
    methods : columns, in this order; what was not run is left out.

    Returns
    -------
    Texts: percent, or ``k/n collapsed``; the last rows are avg, std over classes (ddof 0, of the rows above) and std over
    seeds (ddof 1, of the seeds' averages; empty for one seed).

    Raises
    ------
    InputError : several pairs or ratios.
    """
    one_of_each(frame, ONE_TASK)
    classes = class_means(frame, ["normal", "method"], methods=methods)
    names = sorted(classes["normal"].unique())
    table = {"normal class": [*names, "avg", "std over classes", "std over seeds"]}
    for whole in class_means(frame, methods=methods).to_dict("records"):
        rows = classes[classes["method"] == whole["method"]].set_index("normal").reindex(names)
        cells = ["" if pd.isna(row["n_runs"]) else _cell(row, "mean") for row in rows.to_dict("records")]
        table[whole["method"]] = [*cells, *(_cell(whole, field) for field in ("mean", "std_classes", "std_seeds"))]
    return pd.DataFrame(table)


def _cell(row: dict[str, Any], field: str) -> str:
    """A mean, or how many runs collapsed and the rest; a spread, or nothing where one class or seed has none."""
    if row["n_collapsed"]:
        return rest_words(row) if field == "mean" else ""
    unknown = pd.isna(row[field]) or (field == "std_classes" and row["n_classes"] < 2)
    return "" if unknown else f"{row[field]:.1f}"


def standing(frame: pd.DataFrame, methods: Sequence[str]) -> list[str]:
    """Methods from best to worst, each with its spreads and its distance to the one before it: computed sentences.

    Parameters
    ----------
    frame, methods : as in ``per_class_table``.

    Returns
    -------
    A line a method, then how many verdicts they hold. One that collapsed somewhere has no place, but is told at the end with
    the mean of the classes left to it, and its distance there to the first of the others. A distance whose 95 % interval over
    classes holds 0 is undecided; under five classes no interval is printed, but on how many it is above.

    Raises
    ------
    InputError : several pairs or ratios.
    """
    one_of_each(frame, ONE_TASK)
    table = class_means(frame, methods=methods).sort_values("mean", ascending=False, kind="stable")
    whole = table[table["n_collapsed"] == 0].to_dict("records")
    lines = [f"{place}. {row['method']}: {with_spread(row)}" for place, row in enumerate(whole, start=1)]
    verdicts = []
    for place, (better, row) in enumerate(pairwise(whole), start=1):
        found = above(frame, row["method"], better["method"])
        mark = " (undecided)" if found["verdict"] == "undecided" else ""
        lines[place] += f"; to {better['method']} {interval_words(found)}{mark}"
        verdicts.append(found["verdict"])
    for row in table[table["n_collapsed"] > 0].to_dict("records"):
        line = f"no place. {row['method']}: {with_spread(row)}"
        if whole and not pd.isna(row["rest"]):
            found = above(frame, row["method"], whole[0]["method"])
            mark = " (undecided)" if found["verdict"] == "undecided" else ""
            line += f", to {whole[0]['method']} {interval_words(found)}{mark}"
            verdicts.append(found["verdict"])
        lines.append(line)
    return [*lines, *filter(None, [verdict_count(verdicts)])]


def claim_lines(checked: pd.DataFrame) -> list[str]:
    """The paper's claims as held against runs: a sentence a claim and pair, those not run counted, then how many verdicts.

    Parameters
    ----------
    checked : from ``published.check_claims``.
    """
    lines = []
    for row in checked[checked["verdict"] != "not run"].itertuples():
        ours = "" if pd.isna(row.difference) else f"ours {row.difference:+.1f}"
        ours += "" if pd.isna(row.low) else f" [{row.low:+.1f}, {row.high:+.1f}]"
        rest = " of the rest" if row.collapsed and ours else ""
        quoted = "" if pd.isna(row.published) else f"printed {row.published:+.2f} ({row.published_on.replace('->', '→')})"
        pair = pair_name((row.dataset, row.source, row.target))
        sentence = f"{row.verdict}: {row.sentence} [{pair}]"
        lines.append("; ".join(filter(None, [sentence, row.collapsed, f"{rest} {ours}".strip(), quoted])))
    for pair, rest in checked[checked["verdict"] == "not run"].groupby(PAIR, sort=False):
        lines.append(f"not run: {len(rest)} of the claims [{pair_name(pair)}]")
    return [*lines, *filter(None, [verdict_count(checked["verdict"])])]
