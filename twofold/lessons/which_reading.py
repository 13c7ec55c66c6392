"""Which reading of Eq. 8: the runs that tell, and how many of the paper's printed signs each one reproduces.

Run as a module it makes ``signs_told.csv``, a row a sign and reading, and from that ``signs.csv``, a row a reading, and
``signs_by_negatives.csv``, these two in Markdown as well.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from itertools import product
from typing import Any

import numpy as np
import pandas as pd

from twofold.files import write_text
from twofold.lessons.study import project_folder
from twofold.methods import METHODS
from twofold.results.published import claims, printed_difference
from twofold.results.sentences import markdown_table
from twofold.results.statistics import PAIR, above, as_frame
from twofold.results.tables import pair_name
from twofold.runs.config import RunConfig
from twofold.runs.rows import TABLE, Known
from twofold.runs.search import Pair, some_classes
from twofold.runs.sweeps import read_fields

__all__ = ["PLAN", "SIGN_TABLES", "Reading", "main_effects", "planned", "sign_table", "signs", "tables", "told_by"]

Reading = Mapping[str, Any]  # fields that every run changes where it reads them
SIGN_TABLES = ("table4", "table5", "table7", "figure4", "figure5")
NEGATIVES = ("non_dominant", "in_batch", "both")
READ = ["negatives", "n_clusters", "whiten_dims", "batch_size"]  # what a reading of the table says


def main_effects(n_clusters: int, departures: Sequence[Reading] = ()) -> list[Reading]:
    """Every kind of negatives at the embedded preset's values, then with one of these departures at a time.

    >>> [reading["n_clusters"] for reading in main_effects(2, [{"n_clusters": 5}])]
    [2, 5, 2, 5, 2, 5]
    """
    plain = {"n_clusters": n_clusters, "whiten_dims": 8, "batch_size": 32, "steps": 100}
    return [{"negatives": kind, **plain, **departure} for kind in NEGATIVES for departure in ({}, *departures)]


# a batch of 256 has a quarter of the steps, so that all of this takes some hours on one core: every comparison is within a
# reading, whose two sides have equal steps
BATCHES = [{"batch_size": 32, "steps": 100}, {"batch_size": 256, "steps": 25}]
PLAN: dict[Pair, list[Reading]] = {
    ("digits", "type", "optdigits"): [
        {"negatives": kind, "n_clusters": n_clusters, "whiten_dims": dims, **batch}
        for kind, n_clusters, dims, batch in product(NEGATIVES, (2, 5, 10), (8, 0), BATCHES)
    ],
    # of photographs one departure at a time from what the paper has for them: K of 5, whitened, 32 pictures
    ("pacs", "photo", "cartoon"): main_effects(
        5, [{"n_clusters": 2}, {"n_clusters": 10}, {"whiten_dims": 0}, {"batch_size": 256, "steps": 25}]
    ),
}


def _side(claim: Any, side: str, reading: Reading, task: Mapping[str, Any]) -> RunConfig:
    """The run of one side of a claim under a reading.

    What the method fixes stays, such as the in-batch negatives of aligning everything, where nothing is non-dominant, and so
    does what the claim is about; Eq. 8 is no matter of other alignments, whose negatives stay the default.
    """
    base, ratio = getattr(claim, f"{side}_base"), getattr(claim, f"{side}_ratio")
    pairs = (item.split("=") for item in getattr(claim, f"{side}_changed").split(",") if item)
    about = {field: int(value) if value.isdigit() else value for field, value in pairs}
    kept = {*METHODS[base][1], *about} | ({"negatives"} if about.get("alignment", "contrastive") != "contrastive" else set())
    fields = {field: value for field, value in reading.items() if field not in kept}
    return read_fields({**task, "method": base, "anomaly_ratio": ratio, **fields, **about}, several=True)[0]


@cache
def _every_claim() -> pd.DataFrame:
    return pd.concat([claims(table) for table in SIGN_TABLES], ignore_index=True)


def planned(
    plan: Mapping[Pair, Sequence[Reading]] = PLAN, n_classes: int | None = 5, seed: int = 0, root: str | None = None
) -> list[RunConfig]:
    """The runs that a sign table asks for, each once.

    Parameters
    ----------
    plan : readings of each pair.
    n_classes : of each pair, as ``some_classes`` chooses them; None is all.
    seed : of the runs.
    root : of folder data sets.

    Returns
    -------
    Configurations for ``sweep``, those of one class after those of another, so that whole classes are there early.

    >>> len(planned({("digits", "type", "optdigits"): main_effects(2)}, n_classes=1))
    31
    """
    configs: dict[RunConfig, None] = {}
    for pair, readings in plan.items():
        for normal in some_classes(pair, n_classes, root):
            task = {**dict(zip(PAIR, pair, strict=True)), "normal": normal, "seed": seed}
            for reading in readings:
                for claim in _every_claim().itertuples():
                    configs |= {_side(claim, side, reading, task): None for side in ("better", "worse")}
    return list(configs)


def _difference(runs: Mapping[tuple[str, float], pd.DataFrame], better: RunConfig, worse: RunConfig) -> dict[str, Any]:
    """``above`` on the two sides of a claim, of the runs of each method and share of anomalies."""
    none = pd.DataFrame(columns=["normal", "seed"])
    sides = [
        runs.get((config.name, config.task.anomaly_ratio), none).assign(method=side, anomaly_ratio=0.0)  # stands for both now
        for side, config in (("better", better), ("worse", worse))
    ]
    if sides[0].merge(sides[1], on=["normal", "seed"]).empty:
        return {**dict.fromkeys(["difference", "low", "high", "n_classes"]), "n_collapsed": 0}
    found = above(pd.concat(sides), "better", "worse")
    fallen = sum(counts["n_collapsed"] for counts in found["collapsed"].values())
    return {**{field: found[field] for field in ("difference", "low", "high", "n_classes")}, "n_collapsed": fallen}


def signs(frame: pd.DataFrame, plan: Mapping[Pair, Sequence[Reading]] = PLAN) -> pd.DataFrame:
    """Every printed sign under every reading.

    Parameters
    ----------
    frame : runs, from ``as_frame``.
    plan : readings of each pair.

    Returns
    -------
    One row a pair, reading and claim: the pair, the reading's fields, table, sentence, better, worse, expected (1 or -1: the
    sign of the printed difference where the paper prints one, else as the text has it), difference with low and high (better
    minus worse and its interval, as in ``above``: a class with a collapsed run is left out), n_classes, n_collapsed (runs),
    reproduced: whether the difference alone has that sign (None where nothing was run, or every class has a collapsed run).

    Source
    ------
    Mejri et al., arXiv 2502.21022, Tables 4, 5 and 7, Figures 4 and 5. Deviations: a drop that the text calls drastic is one
    by 5 points, as in ``claims``.
    """
    rows = []
    for pair, readings in plan.items():
        of_pair = frame[(frame[PAIR] == list(pair)).all(axis=1)]
        runs = dict(iter(of_pair.groupby(["method", "anomaly_ratio"])))
        differences: dict[tuple[RunConfig, ...], dict[str, Any]] = {}  # readings share what they do not change
        for reading in readings:
            task = {**dict(zip(PAIR, pair, strict=True)), "normal": "0"}
            for claim in _every_claim().itertuples():
                said, _ = printed_difference(claim, pair)
                expected = -1 if said is not None and said < 0 else 1
                sides = tuple(_side(claim, side, reading, task) for side in ("better", "worse"))
                if sides not in differences:
                    differences[sides] = _difference(runs, *sides)
                found = differences[sides]
                gain = None if found["difference"] is None else expected * found["difference"]
                rows.append({
                    **task, **reading, "table": claim.table, "sentence": claim.sentence, "better": claim.better,
                    "worse": claim.worse, "expected": expected, **found,
                    "reproduced": None if gain is None else gain > (claim.gain if expected > 0 else 0),
                })  # fmt: skip
    return pd.DataFrame(rows).drop(columns="normal")


def sign_table(told: pd.DataFrame, by: Sequence[str] = (*PAIR, *READ)) -> pd.DataFrame:
    """How many of the printed signs each reading reproduces.

    Parameters
    ----------
    told : from ``signs``.
    by : what makes a row, such as ``["negatives"]`` for the marginal.

    Returns
    -------
    One row a reading, the most signs first, so that a claim lost to a collapse wins nothing: the fields of ``by``, those of
    each table as ``3/4``, reproduced (signs), checked (signs that could be), share, n_collapsed.
    """
    rows = []
    for key, group in told.groupby(list(by), sort=False):
        checked = group[group["reproduced"].notna()]
        counts = {
            table: f"{int(part['reproduced'].sum())}/{len(part)}"
            for table in SIGN_TABLES
            for part in [checked[checked["table"] == table]]
        }
        total = int(checked["reproduced"].sum())
        said = {"reproduced": total, "checked": len(checked), "share": total / len(checked) if len(checked) else np.nan}
        rows.append({**dict(zip(by, key, strict=True)), **counts, **said, "n_collapsed": int(group["n_collapsed"].sum())})
    return pd.DataFrame(rows).sort_values("reproduced", ascending=False, kind="stable", ignore_index=True)


def told_by(known: Known, plan: Mapping[Pair, Sequence[Reading]] = PLAN) -> pd.DataFrame:
    """Every printed sign under every reading, from rows of finished runs; ``signs`` on those of the plan alone.

    Parameters
    ----------
    known : rows, and where the pictures are whose classes the plan has to know.
    plan : readings of each pair.
    """
    return signs(as_frame(list(known.among(planned(plan, root=known.root)).values())), plan)


def tables(told: pd.DataFrame) -> dict[str, str]:
    """File name -> text of the tables that follow from the signs, as CSV and as Markdown with what runs they are.

    Parameters
    ----------
    told : of ``told_by``.
    """
    found = {"signs": _spelled(sign_table(told)), "signs_by_negatives": _spelled(sign_table(told, [*PAIR, "negatives"]))}
    n_classes = " and ".join(
        f"{int(some['n_classes'].max())} classes of {pair_name(pair)}" for pair, some in told.groupby(PAIR, sort=False)
    )
    note = f"{n_classes}, seed 0, preset embedded, 10 % anomalies but where a sign is about their share."
    texts = {f"{name}.csv": table.to_csv(index=False) for name, table in found.items()}
    return texts | {f"{name}.md": f"{markdown_table(table)}\n\n{note}\n" for name, table in found.items()}


def _spelled(table: pd.DataFrame) -> pd.DataFrame:
    """With pairs by their names and the share in percent."""
    pairs = [pair_name(pair) for pair in table[PAIR].itertuples(index=False, name=None)]
    share = [f"{share:.0%}" for share in table["share"]]
    return table.drop(columns=PAIR).assign(share=share, pair=pairs)[["pair", *table.columns.drop(PAIR)]]


if __name__ == "__main__":
    folder = project_folder() / "figures" / "embedded"
    write_text(folder / "signs_told.csv", told_by(Known(project_folder() / TABLE)).to_csv(index=False, float_format="%.4f"))
    for name, text in tables(pd.read_csv(folder / "signs_told.csv")).items():
        write_text(folder / name, text)
