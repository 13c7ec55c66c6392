"""Tables as the paper prints them: ours beside the quoted numbers, classes in rows, the order in words."""

from __future__ import annotations

from typing import Any

import pandas as pd

from twofold.errors import InputError
from twofold.published import BLOCKS
from twofold.statistics import PAIR

__all__ = ["beside_published"]

QUOTED_ONLY = "quoted only"


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
    words = dict.fromkeys(["ours", "std over classes", "std over seeds", "n"], "")
    if row is None:
        return {**words, "ours": QUOTED_ONLY}
    words["n"] = f"{row['n_classes']} x {row['n_seeds']}"
    if row["n_collapsed"]:
        return {**words, "ours": f"{row['n_collapsed']}/{row['n_runs']} collapsed"}
    numbers = {"ours": row["mean"], "std over classes": row["std_classes"], "std over seeds": row["std_seeds"]}
    return {**words, **{name: "" if number is None else f"{number:.1f}" for name, number in numbers.items()}}


def beside_published(collected: pd.DataFrame, quoted: pd.DataFrame) -> pd.DataFrame:
    """Our means beside the paper's, for reading: never averaged together, every number with where it is from.

    Parameters
    ----------
    collected : from ``statistics.collect`` with ``by=["dataset", "source", "target", "method"]``, one row a pair and method.
    quoted : from ``published.published``; where none of its blocks is the measured pair, one block alone, which the pair
        then stands in for. Rows of classes are passed over.

    Returns
    -------
    Texts, the paper's methods first and in its order: measured on, method, ours (percent, or ``k/n collapsed``, or ``quoted
    only``), std over classes (ddof 0), std over seeds (ddof 1), n (classes x seeds), quoted from (the paper's block),
    published (with its std, of which only the kinds that can be recomputed are named; or a gain where the paper tells no
    more), difference (ours - published, of gains where a gain is published).

    Raises
    ------
    InputError : no pair in ``collected``, several rows of a method, several blocks for a pair the paper does not have.

    >>> from twofold.published import published
    >>> row = {"dataset": "digits", "source": "type", "target": "optdigits", "method": "twofold", "mean": 76.9}
    >>> row |= {"std_classes": 9.7, "std_seeds": 2.5, "n_classes": 10, "n_seeds": 3, "n_runs": 30, "n_collapsed": 0}
    >>> beside_published(pd.DataFrame([row]), published("table4")).iloc[3, 1:].tolist()
    ['twofold', '76.9', '9.7', '2.5', '10 x 3', 'CAD→Real', '75.54 (classes 9.80)', '+1.4']
    """
    if not {*PAIR, "method"} <= set(collected.columns):
        raise InputError(f"wanted columns {', '.join(PAIR)} and method, got {list(collected.columns)}; collect by them")
    rows = []
    for pair, group in collected.groupby(PAIR, sort=False):
        if group["method"].duplicated().any():
            raise InputError(f"wanted one row a method on {pair_name(pair)}, got several; select one ratio and preset")
        block = _block(pair, quoted)
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
