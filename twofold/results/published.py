"""The paper's tables as printed, whether their averages add up, where they disagree, and its claims held against runs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from twofold.errors import InputError
from twofold.results.sentences import fallen_words
from twofold.results.statistics import PAIR, PROTOCOL, above
from twofold.runs.config import configure

__all__ = ["BLOCKS", "RIVALS", "TABLES", "TEXT", "check_claims", "claims", "printed_difference", "published"]

TABLES = tuple(f"table{number}" for number in range(1, 9))
TEXT = "text"  # claims that hold numbers of several tables against each other
FOLDER = Path(__file__).with_name("published_tables")
RIVALS = (
    "few_shot",
    "msra",
    "gnl",
    "irad",
    "ildr",
    "tsa",
    "biost",
)  # each run in one way here, whatever its name says

# the paper's name of an adaptation -> data set, source and target as this package names them
BLOCKS = {
    "Clip Art->Product": ("office_home", "clipart", "product"),
    "Product->Clip Art": ("office_home", "product", "clipart"),
    "Webcam->Amazon": ("office31", "webcam", "amazon"),
    "Amazon->Webcam": ("office31", "amazon", "webcam"),
    "CAD->Real": ("visda2017", "synthetic", "real"),
    "Photo->Art": ("pacs", "photo", "art_painting"),
    "Photo->Cartoon": ("pacs", "photo", "cartoon"),
    "Photo->Sketch": ("pacs", "photo", "sketch"),
}


def _known(wanted: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise InputError(f"wanted {wanted}, got {value!r}; choose one of: {', '.join(choices)}")


def _named(base: pd.Series, changed: pd.Series) -> list[str]:
    """Names as runs have them: the method, then in brackets what is changed in it."""
    return [f"{method}[{inside}]" if inside else method for method, inside in zip(base, changed, strict=True)]


def published(table: str) -> pd.DataFrame:
    """A table of the paper, every number as printed.

    Parameters
    ----------
    table : one of ``TABLES``.

    Returns
    -------
    One row a number: table, block (source->target, a key of ``BLOCKS``), method (ours where we have it, else the paper's) with
    its base and what is changed in it, normal (the class as its folder is called, or ``mean``), auroc (percent), std (of a
    mean) with std_kind (empty where the classes that would tell are not printed), gain over the method ``over`` where the text
    names one, note.

    Raises
    ------
    InputError : no such table.

    Source
    ------
    Mejri et al., arXiv 2502.21022, Tables 1-8. Deviations: of Table 6 the two gains in the text are all that is left; of
    Figures 4 and 5 the ``claims``. ``published_tables/classes.csv`` holds the classes as printed.

    >>> published("table4")["auroc"].tolist()
    [62.84, 64.33, 68.47, 75.54]
    """
    _known("a table", table, TABLES)
    numbers = dict.fromkeys(("auroc", "std", "gain"), "")
    rows = pd.read_csv(FOLDER / f"{table}.csv", keep_default_na=False, na_values=numbers)
    rows.insert(2, "method", _named(rows["base"], rows["changed"]))
    return rows


def claims(table: str | None = None) -> pd.DataFrame:
    """The paper's claims that runs can check, of one table or figure or of all.

    Parameters
    ----------
    table : ``table1`` to ``table8``, ``figure4``, ``figure5``, or ``text``, whose claims compare across tables.

    Returns
    -------
    One row a claim: table, sentence (in our words), better and worse (methods, each with its base and what is changed in it),
    gain (points of AUROC promised at least; 0 is the sign alone), better_ratio and worse_ratio (share of anomalies in the
    unlabelled target), within (of "comparable": how far apart at most, our reading, else NaN), blocks (on which the paper says
    so, with semicolons between them; empty is all). A claim of the text that its own table contradicts is kept as claimed.

    Raises
    ------
    InputError : no such table or figure.

    >>> claims("table6")["better"].tolist()
    ['twofold', 'twofold[one_class=msc]']
    """
    every = pd.read_csv(FOLDER / "claims.csv", keep_default_na=False, na_values={"within": ""})
    for place, side in ((2, "better"), (3, "worse")):
        every.insert(place, side, _named(every[f"{side}_base"], every[f"{side}_changed"]))
    if table is None:
        return every
    _known("a table or figure with claims", table, tuple(every["table"].unique()))
    return every[every["table"] == table].reset_index(drop=True)


def printed_difference(claim: Any, pair: tuple[str, str, str]) -> tuple[float | None, str]:
    """The printed difference and where it stands: the same pair if the table has it, else the mean over its pairs."""
    if claim.table not in (*TABLES, TEXT):
        return None, ""
    rows = pd.concat([published(table) for table in (TABLES if claim.table == TEXT else [claim.table])])
    rows = rows.query("normal == 'mean'").drop_duplicates(["block", "method"])  # of two that are printed the first
    if claim.blocks:
        rows = rows[rows["block"].isin(claim.blocks.split(";"))]
    rows = rows.set_index(["block", "method"])
    if claim.better not in rows.index.get_level_values("method"):
        return None, ""
    gains = rows["gain"].xs(claim.better, level="method")[rows["over"].xs(claim.better, level="method") == claim.worse]
    if claim.worse in rows.index.get_level_values("method"):
        gains = (rows["auroc"].xs(claim.better, level="method") - rows["auroc"].xs(claim.worse, level="method")).dropna()
    if gains.empty:
        return None, ""
    same = [block for block in gains.index if BLOCKS[block] == pair]
    if same or len(gains) == 1:
        block = (same or list(gains.index))[0]
        return round(float(gains[block]), 2), block
    return round(float(gains.mean()), 2), f"{len(gains)} pairs, {int((gains > 0).sum())} of them positive"


def _run_name(base: str, changed: str, run: Any, overrides: Mapping[str, Any]) -> str:
    """The name such a run has under its preset, whose defaults a name leaves out."""
    fields = dict(item.split("=") for item in changed.split(",") if item)
    values: dict[str, Any] = {field: int(value) if value.isdigit() else value for field, value in fields.items()}
    return configure(*(run[field] for field in (*PAIR, "normal")), base, run["preset"], **values, **overrides).name


def _measured(runs: pd.DataFrame, claim: Any, overrides: Mapping[str, Any]) -> dict[str, Any]:
    """``above`` on the runs of one pair, in the words of a claim."""
    sides = []
    for base, changed, ratio in (
        (claim.better_base, claim.better_changed, claim.better_ratio),
        (claim.worse_base, claim.worse_changed, claim.worse_ratio),
    ):
        name = _run_name(base, changed, runs.iloc[0], overrides)
        known = runs.loc[runs["base"] == base, "method"].unique()
        name = known[0] if base in RIVALS and len(known) == 1 else name
        side = runs[(runs["method"] == name) & np.isclose(runs["anomaly_ratio"], ratio)]
        sides.append(side.assign(method=f"{name} at {ratio:.0%}", anomaly_ratio=0.0))  # the ratio is in the name now
    better, worse = sides
    if better.merge(worse, on=["normal", "seed"]).empty:
        return {**dict.fromkeys(["difference", "low", "high", "n_classes"]), "collapsed": "", "verdict": "not run"}
    found = above(pd.concat(sides), better["method"].iloc[0], worse["method"].iloc[0])
    if found["verdict"] in ("above", "below", "undecided"):
        found["verdict"] = _held(claim, found["low"], found["high"])
    found["collapsed"] = fallen_words(found["collapsed"])
    return {field: found[field] for field in ("difference", "low", "high", "n_classes", "collapsed", "verdict")}


def _held(claim: Any, low: float, high: float) -> str:
    """What an interval says of a claim; "comparable" holds where all of it is near zero, and is reversed where none is."""
    if pd.isna(claim.within):
        return "holds" if low > claim.gain else "reversed" if high < 0 else "smaller" if high < claim.gain else "undecided"
    return "holds" if max(-low, high) < claim.within else "reversed" if max(low, -high) > claim.within else "undecided"


def check_claims(frame: pd.DataFrame, table: str, **overrides: Any) -> pd.DataFrame:
    """The claims of a table or figure, evaluated on our runs, one pair at a time.

    Parameters
    ----------
    frame : runs; tables are checked on those at 10 % anomalies.
    table : as in ``claims``.
    overrides : fields that every run of both sides changes, such as ``learning_rate``.

    Returns
    -------
    One row a pair and claim: dataset, source, target, table, sentence, better, worse, gain, published (the printed
    difference: of the same pair if the table has it, else the mean over its pairs), published_on, difference, low, high
    (95 % interval over classes), n_classes, collapsed (in words which runs of either method did; their classes are left out)
    and verdict: holds (low above gain; of "comparable" the whole interval within), reversed (high below 0), smaller (high
    below the gain that is claimed), undecided, too few classes (under five, and then no interval), one class (declared by the
    data set), collapsed (no class is left), not run (no class and seed that both have).

    Raises
    ------
    InputError : no such table, or several presets or protocols in the frame.

    >>> from twofold.results.statistics import as_frame
    >>> check_claims(as_frame([]), "table8").empty
    True
    """
    checked = claims(table)
    for field in frame.columns.intersection(PROTOCOL):
        if frame[field].nunique(dropna=False) > 1:
            raise InputError(f"wanted a frame with one {field}, got {list(frame[field].unique())}; select one of them")
    rows = []
    for pair, runs in frame.groupby(PAIR, sort=False):
        for claim in checked.itertuples():
            printed, where = printed_difference(claim, pair)
            said = (*pair, claim.table, claim.sentence, claim.better, claim.worse, claim.gain, printed, where)
            rows.append((*said, *_measured(runs, claim, overrides).values()))
    columns = [*PAIR, "table", "sentence", "better", "worse", "gain", "published", "published_on"]
    columns += ["difference", "low", "high", "n_classes", "collapsed", "verdict"]
    numbers = ["published", "difference", "low", "high", "n_classes"]
    return pd.DataFrame(rows, columns=columns).astype(dict.fromkeys(numbers, float))
