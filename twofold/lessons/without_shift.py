"""Is a method able to judge at all? Each is fitted to the target's own normals in place of the source: no shift is left."""

from __future__ import annotations

import argparse
import dataclasses
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from twofold.files import write_text
from twofold.lessons.fair_search import POOLS, SHORTENED
from twofold.lessons.study import project_folder
from twofold.networks.cache import EmbeddingCache
from twofold.runs.config import RunConfig, configure
from twofold.runs.presets import PAIRS, RECIPE_VERSION
from twofold.runs.run import Prepared, prepare, run
from twofold.runs.search import CHANCE, some_classes

__all__ = ["CHECKS", "WELL_ABOVE", "checked", "keep_checks", "verdicts", "without_shift"]

CHECKS = "figures/embedded/without_shift.csv"  # the committed one: a row a run
WELL_ABOVE = 60.0  # AUROC that has to be exceeded on every pair, where a coin has 50
SURE = 70.0  # and what a method without shift should reach: under it, a low place beside others says little


def without_shift(prepared: Prepared) -> Prepared:
    """The same run with the target's true normals for its source: all else, the unlabelled target and the test, stays.

    >>> task = {"dataset": "digits", "source": "type", "target": "optdigits", "normal": "3"}
    >>> prepared = without_shift(prepare(configure(**task, method="source_knn")))
    >>> prepared.task.source_train is prepared.task.target_normals
    True
    """
    return dataclasses.replace(prepared, task=dataclasses.replace(prepared.task, source_train=prepared.task.target_normals))


def planned(methods: Iterable[str], n_classes: int = 1, root: str | None = None) -> list[RunConfig]:
    """Each method as it is in the comparison, on so many classes of every development pair, at seed 0."""
    tasks = [(*pair, normal) for pair in PAIRS["dev"] for normal in some_classes(pair, n_classes, root)]
    return [configure(*task, method=method, **SHORTENED.get(method, {})) for method in methods for task in tasks]


def checked(configs: Iterable[RunConfig], root: str | None = None, device: str = "auto") -> Iterable[dict[str, Any]]:
    """A row a run without shift: method, dataset, source, target, normal, seed, auroc, collapsed, seconds, recipe, config_hash.

    The hash is that of the run with its shift: the two differ in nothing but whose normals the source is.
    """
    for config in configs:
        prepared = prepare(config, root, device)
        result, _ = run(without_shift(prepared), EmbeddingCache())
        task = {field: getattr(config.task, field) for field in ("dataset", "source", "target", "normal", "seed")}
        row = {"method": config.method, **task, "auroc": round(result["auroc"], 3), "collapsed": result["collapsed"]}
        yield row | {
            "seconds": round(result["seconds"]["total"], 2),
            "recipe": RECIPE_VERSION,
            "config_hash": prepared.config_hash,
        }


def verdicts(table: pd.DataFrame) -> pd.DataFrame:
    """Whether each method works where there is no shift.

    Parameters
    ----------
    table : rows of ``checked``; a collapsed run counts as 50.

    Returns
    -------
    A row a method: method, n_runs, mean (over pairs of means over classes), worst (the lowest of the pairs), worst_on (its
    target), verdict: ``works`` where the worst is above 70, ``weak`` where it is above 60, else ``broken``.

    >>> rows = pd.DataFrame({"method": "a", "target": ["x", "y"], "auroc": [90.0, 70.0], "collapsed": False})
    >>> verdicts(rows).values.tolist()
    [['a', 2, 80.0, 70.0, 'y', 'weak']]
    """
    counted = table.assign(auroc=table["auroc"].mask(table["collapsed"].astype(bool), CHANCE))
    rows = []
    for method, runs in counted.groupby("method", sort=False):
        pairs = runs.groupby("target")["auroc"].mean()
        verdict = "works" if pairs.min() > SURE else "weak" if pairs.min() > WELL_ABOVE else "broken"
        rows.append((method, len(runs), pairs.mean(), pairs.min(), pairs.idxmin(), verdict))
    return pd.DataFrame(rows, columns=["method", "n_runs", "mean", "worst", "worst_on", "verdict"])


def keep_checks(place: str | Path, rows: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """Put rows into a table, each in place of an older one of its method and task; returns the whole table."""
    key = ["method", "dataset", "source", "target", "normal", "seed"]
    known = [pd.read_csv(place, dtype={"normal": str})] if Path(place).exists() else []
    table = pd.concat([*known, pd.DataFrame(rows)]).drop_duplicates(key, keep="last").sort_values(key, ignore_index=True)
    write_text(place, table.to_csv(index=False))
    return table


def main(argv: Sequence[str] | None = None, log: Callable[[str], None] = print) -> None:
    """Check these methods, or all that are searched, and keep the runs in the committed table; one that is there is kept."""
    parser = argparse.ArgumentParser(prog="python -m twofold.lessons.without_shift", description=main.__doc__)
    parser.add_argument("methods", nargs="*", help=f"among {', '.join(POOLS)}; all where none is named")
    parser.add_argument("--classes", type=int, default=1, help="normal classes of each development pair")
    parser.add_argument("--root", help="folder of the pictures")
    given = parser.parse_args(argv)
    place = project_folder() / CHECKS
    done = set(pd.read_csv(place)["config_hash"]) if place.exists() else set()
    configs = planned(given.methods or POOLS, given.classes, given.root)
    left = [config for config in configs if prepare(config, given.root).config_hash not in done]
    for row in checked(left, given.root):
        print(f"{row['method']} {row['target']} {row['normal']}: {row['auroc']:.1f}", file=sys.stderr, flush=True)
        table = keep_checks(place, [row])
    if left:
        log(verdicts(table).round(1).to_string(index=False))


if __name__ == "__main__":
    main()
