"""No strawmen: every method is given the same logged search on the development pairs before it is compared."""

from __future__ import annotations

import argparse
import gzip
import itertools
import math
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from twofold.errors import InputError
from twofold.files import whole, write_text
from twofold.lessons.study import project_folder
from twofold.results.sentences import markdown_table
from twofold.results.statistics import PAIR
from twofold.results.tables import pair_name
from twofold.runs.presets import PAIRS
from twofold.runs.search import CHANCE, Rung, candidates, name_of, search

__all__ = [
    "AGAIN",
    "BESIDE",
    "KEEP",
    "LEAST_GAIN",
    "LONG_RUNGS",
    "MIXED",
    "POOLS",
    "RUNGS",
    "SEARCHES",
    "SHORTENED",
    "fair_search",
    "keep_searches",
    "pool_of",
    "rung_table",
    "winners",
]

SEARCHES = "figures/embedded/searches.csv.gz"  # the committed table of every run of every search
KEEP, AT_MOST = 1 / 4, 24
LEAST_GAIN = 0.5  # points; less than that, over six runs, moves no default
# two classes of a pair, one before; the first that ``some_classes`` draws, so the same for all methods and nobody's choice
RUNGS = (Rung(1, 1), Rung(2, 1))
LONG_RUNGS = (Rung(1, 1), Rung(3, 1), Rung(None, 3))  # where several kinds of alignment meet: the last one is everything

# What the comparison gives a method otherwise than the preset, since a run would take a minute and more on one core: views of
# single pictures cost more than the network does, and MsRA's pictures of 224 px three times as much as those of 128.
# What a search chose for a method in this form stands here and is marked dev, else it stands in METHODS.
SHORTENED: dict[str, dict[str, Any]] = {
    "few_shot": {"steps": 25, "batch_size": 16},
    "gnl": {"steps": 25, "reference_share": 0.2},  # share: dev
    "msc": {"steps": 25, "batch_size": 16},
    "msra": {"backbone_size_px": 128, "steps": 50, "learning_rate": 1e-3},  # rate: dev, of so few steps
    "panda": {"learning_rate": 0.1, "clip_norm": 1.0},  # both: dev; its default is what its paper has
}

_RATES = {"learning_rate": [0.01, 0.003]}
_FITTED = {"fitted_on": ["target", "source", "both"]}
# The settings tried: the rate of what is trained, and what is the method's own. The first of each is what stood before. A
# value that takes the method's idea away, such as a share of 1 of Stylist's features, is a control and no candidate.
POOLS: dict[str, dict[str, list[Any]]] = {
    "few_shot": {**_RATES, "temperature": [0.2, 0.07]},
    "msra": {"learning_rate": [1e-4, 1e-3, 1e-2]},
    "gnl": {"learning_rate": [0.1, 0.03], "reference_share": [0.5, 0.2]},
    "dann_all": {**_RATES, "lambda_alignment": [0.4, 1.0]},
    "mmd_all": {"learning_rate": [0.001, 0.0003, 0.003], "lambda_alignment": [0.4, 1.0]},
    "msc": {"learning_rate": [0.001, 0.0003], "lambda_angular": [1.0, 0.0]},
    "irad": {**_RATES, "similarity": [0.5, 0.0]},
    "ildr": {**_RATES, "divergence": [0.01, 0.1]},
    "tsa": {**_RATES, "strength": [0.25, 1.0]},
    "biost": {**_RATES, "latent": [32, 8]},
    "panda": {"learning_rate": [0.01, 0.1], "clip_norm": [0.001, 1.0]},
    "stylist": {"memory": ["both", "target"], "stable_share": [0.25, 0.5], "memory_neighbors": [30, 7]},
    "partial_ot": {"moved_share": [0.85, 0.7], "regularization": [0.05, 0.2], "memory_neighbors": [2, 7]},
    **{f"pyod:{name}": _FITTED for name in ("knn", "ecod", "copod", "iforest", "ocsvm", "deepsvdd")},
}

_ALIGNED = {"learning_rate": [0.001, 0.003, 0.01, 0.03], "lambda_alignment": [0.4, 1.0, 3.0]}
_CONTRASTED = {
    "learning_rate": [0.01, 0.003, 0.03],
    "temperature": [1.0, 0.25, 0.1],
    "lambda_alignment": [0.4, 1.0],
    "negative_bank": [0, 32],
}
_CHOSEN = {"twofold": {"n_clusters": [2, 5]}, "density": {"dense_share": [0.6, 0.8]}}
# The paper's method and ours have three alignments, each with rates of its own: of each product so many candidates are drawn.
MIXED: dict[str, list[tuple[dict[str, list[Any]], int]]] = {
    method: [
        ({}, 1),
        ({"batch_size": [256], "steps": [25]}, 1),
        ({"augmentation": ["baseline"]}, 1),
        ({**_CONTRASTED, **chosen, **({"negatives": ["non_dominant", "both"]} if method == "twofold" else {})}, 9),
        ({"alignment": ["mmd"], **_ALIGNED, **chosen}, 8),
        ({"alignment": ["grl"], **_ALIGNED, "lambda_alignment": [1.0]}, 4),
    ]
    for method, chosen in _CHOSEN.items()
}
# A second search of a method, for what the first had no room: the contrastive loss alone, with frozen stages and ten clusters.
AGAIN = {"twofold_contrastive": "twofold"}
MIXED["twofold_contrastive"] = [
    ({}, 1),
    ({"frozen_stages": [5, 3, 0], "n_clusters": [2, 5, 10], "learning_rate": [0.01, 0.003]}, 9),
    ({"n_clusters": [5, 10], "lambda_alignment": [0.4, 1.0], "temperature": [1.0, 0.25]}, 6),
]

# The paper's method stays the alignment that its text describes first; the best of its search stands beside it.
BESIDE = {"twofold": "twofold_mmd"}


def pool_of(method: str) -> list[dict[str, Any]]:
    """The candidates of a method; the first is the method as it was before the search.

    Raises
    ------
    InputError : no search is planned for it.

    >>> len(pool_of("stylist")), pool_of("msra")[0]["backbone_size_px"]
    (8, 128)
    >>> len(pool_of("twofold")), pool_of("twofold")[-1]["alignment"]
    (24, 'grl')
    """
    if method in MIXED:
        searched = AGAIN.get(method, method)
        return [one for fields, n in MIXED[method] for one in candidates({"method": [searched], **fields}, n)]
    if method not in POOLS:
        raise InputError(f"wanted a method that is searched, got {method!r}; choose among: {', '.join([*MIXED, *POOLS])}")
    tried = POOLS[method]
    fixed = {name: [value] for name, value in SHORTENED.get(method, {}).items() if name not in tried}
    return candidates({"method": [method], **fixed, **tried}, AT_MOST)


def fair_search(
    method: str,
    out: str | Path = "runs",
    jobs: int = 1,
    root: str | None = None,
    log: Callable[[str], None] = lambda line: None,
) -> pd.DataFrame:
    """Successive halving on the development pairs; the method as it was is run on the last rung in any case.

    All at seed 0, but for the last rung of ``MIXED``, which has three.

    Parameters
    ----------
    method : a key of ``POOLS`` or ``MIXED``.
    out, jobs, root, log : as in ``runs.search.search``.

    Returns
    -------
    A row a run: method, candidate, rung, dataset, source, target, normal, seed, auroc, collapsed, error, config_hash, seconds.
    """
    pool, pairs, rungs = pool_of(method), PAIRS["dev"], LONG_RUNGS if method in MIXED else RUNGS
    with tempfile.TemporaryDirectory() as folder:

        def ran(some: Sequence[dict[str, Any]], rungs: Sequence[Rung]) -> pd.DataFrame:
            return search(some, Path(folder, "log.csv"), pairs, rungs, KEEP, None, out, jobs, root, log=log).runs

        runs, last = ran(pool, rungs), len(rungs) - 1
        if name_of(pool[0]) not in set(runs.loc[runs["rung"] == last, "candidate"]):
            runs = pd.concat([runs, ran(pool[:1], rungs[-1:]).assign(rung=last)], ignore_index=True)
    return runs.assign(method=method)[["method", *runs.columns]]


def _counted(runs: pd.DataFrame) -> pd.Series:
    """AUROC of each run; what failed or collapsed counts as 50."""
    return runs["auroc"].astype(float).mask(runs["error"].notna() | runs["collapsed"].fillna(True).astype(bool), CHANCE)


def _means(runs: pd.DataFrame) -> pd.Series:
    """Mean over pairs of means over runs, by candidate in order of appearance."""
    pairs = (
        runs.assign(counted=_counted(runs)).groupby(["candidate", "dataset", "source", "target"], sort=False)["counted"].mean()
    )
    return pairs.groupby(level="candidate", sort=False).mean()


def winners(table: pd.DataFrame) -> pd.DataFrame:
    """What the searches found, from their runs alone.

    Parameters
    ----------
    table : rows of ``fair_search``, of any methods.

    Returns
    -------
    A row a method: method, n_candidates, n_runs, n_collapsed, seconds (of all runs), before (as it was), before_mean (on the
    last rung), best (of the last rung), best_mean, gain, and chosen: whether the gain is ``LEAST_GAIN`` or more, so that the
    best is the method's default from then on.

    Raises
    ------
    InputError : a candidate went on that is not among the best of its rung, or the method as it was is not on the last one.
    """
    rows = []
    for method, runs in table.groupby("method", sort=False):
        rungs, before = sorted(runs["rung"].unique()), name_of(pool_of(str(method))[0])
        for here, there in itertools.pairwise(rungs):
            order = _means(runs[runs["rung"] == here]).sort_values(ascending=False, kind="stable")
            went_on = set(runs.loc[runs["rung"] == there, "candidate"])
            if strangers := went_on - {before, *order.index[: math.ceil(KEEP * len(order))]}:
                raise InputError(f"wanted the best of rung {here} of {method} alone to go on, got {strangers}; search again")
        last = _means(runs[runs["rung"] == rungs[-1]])
        if before not in last:
            raise InputError(f"wanted {before} on the last rung, got {', '.join(last.index)}; search again")
        best, gain = last.idxmax(), last.max() - last[before]
        rows.append({
            "method": method, "n_candidates": runs["candidate"].nunique(), "n_runs": runs["config_hash"].nunique(),
            "n_collapsed": int(runs.drop_duplicates("config_hash")["collapsed"].fillna(False).astype(bool).sum()),
            "seconds": runs.drop_duplicates("config_hash")["seconds"].sum(), "before": before, "before_mean": last[before],
            "best": best, "best_mean": last.max(), "gain": gain, "chosen": bool(gain >= LEAST_GAIN),
        })  # fmt: skip
    return pd.DataFrame(rows)


def rung_table(table: pd.DataFrame, method: str) -> pd.DataFrame:
    """A search for reading: a row a candidate on its last rung, the longest runs first, the highest mean first in each.

    Parameters
    ----------
    table : rows of ``fair_search``.
    method : one that is in it.

    Returns
    -------
    Texts: candidate, classes (of the pair with most) and seeds of its last rung, means of each pair and of all (collapsed runs
    count as 50), n_collapsed.
    """
    runs, rows = table[table["method"] == method], []
    for candidate, found in runs.groupby("candidate", sort=False):
        found = found[found["rung"] == found["rung"].max()]
        counted = found.assign(auroc=_counted(found), pair=[pair_name(pair) for pair in found[PAIR].itertuples(index=False)])
        means = counted.groupby("pair", sort=False)["auroc"].mean()
        size = f"{found.groupby(PAIR)['normal'].nunique().max()} x {found['seed'].nunique()}"
        row = {"candidate": candidate, "classes x seeds": size, **means, "mean": means.mean(), "rung": found["rung"].iloc[0]}
        rows.append(row | {"collapsed": int(found["collapsed"].fillna(False).astype(bool).sum())})
    ordered = pd.DataFrame(rows).sort_values(["rung", "mean"], ascending=False, kind="stable").drop(columns="rung")
    return ordered.round(1)


def keep_searches(place: str | Path, found: pd.DataFrame) -> pd.DataFrame:
    """Put searches into a table, each in place of an older one of its method; returns the whole table."""
    if Path(place).exists():
        known = pd.read_csv(place, dtype={"normal": str})
        found = pd.concat([known[~known["method"].isin(found["method"])], found], ignore_index=True)
    order = {method: i for i, method in enumerate([*MIXED, *POOLS])}
    found = found.sort_values("method", key=lambda column: column.map(order), kind="stable", ignore_index=True)
    with whole(place) as aside, open(aside, "wb") as file, gzip.GzipFile("", "wb", 9, file, mtime=0) as packed:
        packed.write(found.to_csv(index=False).encode())  # no name and no time in it: the same runs are the same bytes
    return found


def main(argv: Sequence[str] | None = None) -> None:
    """Search these methods, or all, and keep the runs in the committed table; what is in the store is not run again."""
    parser = argparse.ArgumentParser(prog="python -m twofold.lessons.fair_search", description=main.__doc__)
    parser.add_argument("methods", nargs="*", help=f"among {', '.join([*MIXED, *POOLS])}; all where none is named")
    parser.add_argument("--out", default="runs", help="the run store")
    parser.add_argument("--jobs", type=int, default=1, help="parallel processes")
    parser.add_argument("--root", help="folder of the pictures")
    given = parser.parse_args(argv)
    for method in given.methods or [*MIXED, *POOLS]:
        found = fair_search(method, given.out, given.jobs, given.root, lambda line: print(line, file=sys.stderr, flush=True))
        print(winners(found).round(1).to_string(index=False), flush=True)
        table = keep_searches(project_folder() / SEARCHES, found)
        if method in MIXED:
            read = rung_table(table, method)
            write_text(project_folder() / f"figures/embedded/search_{method}.csv", read.to_csv(index=False))
            write_text(project_folder() / f"figures/embedded/search_{method}.md", markdown_table(read) + "\n")


if __name__ == "__main__":
    main()
