"""Which settings do best on the development pairs: successive halving, its log written as it goes."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from twofold.data import normal_classes
from twofold.errors import InputError
from twofold.files import write_text
from twofold.runs.config import RunConfig, configure, words
from twofold.runs.presets import PAIRS
from twofold.runs.sweeps import read_fields, sweep

__all__ = ["RUNGS", "Found", "Rung", "candidates", "name_of", "search", "some_classes", "spelled_pairs", "spelled_rungs"]

Pair = tuple[str, str, str]  # data set, source, target


class Rung(NamedTuple):
    """On how much of each pair candidates are run."""

    n_classes: int | None  # None: all
    n_seeds: int


RUNGS = (Rung(2, 1), Rung(5, 1), Rung(None, 3))
CHANCE = 50.0  # what a run counts as that collapsed or failed


class Found(NamedTuple):
    """What a search has found."""

    log: pd.DataFrame  # one row a candidate and rung
    best: dict[str, Any] | None  # of the last rung that was run as a whole; None where the budget held not even one
    failed: int  # runs that ended in an error
    runs: pd.DataFrame  # one row a run: what the log is made from


def spelled_pairs(text: str) -> list[Pair]:
    """Pairs from their spelling.

    Raises
    ------
    InputError : it is none of pairs.

    >>> spelled_pairs("digits:type:mnist"), len(spelled_pairs("dev"))
    ([('digits', 'type', 'mnist')], 3)
    """
    pairs = PAIRS["dev"] if text == "dev" else [tuple(part.split(":")) for part in text.split(",")]
    if any(len(pair) != 3 for pair in pairs):
        raise InputError(f"wanted --pairs to be dev, or DATASET:SOURCE:TARGET with commas between, got {text!r}")
    return pairs


def spelled_rungs(text: str) -> list[Rung]:
    """Rungs from their spelling.

    Raises
    ------
    InputError : it is none of rungs.

    >>> spelled_rungs("2x1,allx3")
    [Rung(n_classes=2, n_seeds=1), Rung(n_classes=None, n_seeds=3)]
    """
    if not re.fullmatch(r"((all|[1-9]\d*)x[1-9]\d*)(,(all|[1-9]\d*)x[1-9]\d*)*", text):
        raise InputError(f"wanted --rungs as 2x1,5x1,allx3 (classes x seeds), got {text!r}")
    parts = [part.split("x") for part in text.split(",")]
    return [Rung(None if n_classes == "all" else int(n_classes), int(n_seeds)) for n_classes, n_seeds in parts]


def candidates(fields: dict[str, list[Any]], at_most: int | None = None, seed: int = 0) -> list[dict[str, Any]]:
    """The product of lists of values, each candidate without the fields that it does not read, and none twice.

    Parameters
    ----------
    fields : values of each field of a method, its networks, its recipe; ``method`` and ``preset`` too.
    at_most : of a longer list so many are drawn.
    seed : of that draw.

    Raises
    ------
    InputError : a value that cannot be, or a field that no candidate reads.

    >>> candidates({"alignment": ["contrastive", "mmd"], "temperature": [0.1, 1.0]})
    [{'alignment': 'contrastive', 'temperature': 0.1}, {'alignment': 'contrastive', 'temperature': 1.0}, {'alignment': 'mmd'}]
    """
    anywhere = {"dataset": "digits", "source": "type", "target": "optdigits", "normal": "0"}  # what is read hangs on no task
    found: dict[tuple, dict[str, Any]] = {}
    refused: dict[str, str] = {}
    for values in itertools.product(*fields.values()):
        chosen = dict(zip(fields, values, strict=True))
        _, unread = read_fields({**anywhere, **chosen}, several=True)
        refused |= unread
        candidate = {name: value for name, value in chosen.items() if name not in unread}
        found.setdefault(tuple(candidate.items()), candidate)
    for name, reason in refused.items():
        if not any(name in candidate for candidate in found.values()):
            raise InputError(f"{reason}, as do the other candidates")
    every = list(found.values())
    if at_most is None or at_most >= len(every):
        return every
    drawn = np.random.default_rng(seed).choice(len(every), at_most, replace=False)
    return [every[i] for i in sorted(drawn)]


def name_of(candidate: dict[str, Any]) -> str:
    """A candidate in short; unlike a run's name it says values that are defaults, too."""
    inside = words({name: value for name, value in candidate.items() if name != "method"})
    return f"{candidate.get('method', 'twofold')}[{inside}]"


def some_classes(pair: Pair, n_classes: int | None = None, root: str | None = None) -> list[str]:
    """So many normal classes of a pair, all where None, in an order that favours none; fewer are among more.

    >>> some_classes(("digits", "type", "mnist"), 3), some_classes(("digits", "type", "mnist"), 2)
    (['4', '6', '2'], ['4', '6'])
    """
    classes = normal_classes(*pair, root)
    return [classes[i] for i in np.random.default_rng(0).permutation(len(classes))[:n_classes]]


def _tasks(pair: Pair, rung: Rung, root: str | None) -> list[dict[str, Any]]:
    task = dict(zip(("dataset", "source", "target"), pair, strict=True))
    normals = some_classes(pair, rung.n_classes, root)
    return [{**task, "normal": normal, "seed": seed} for normal in normals for seed in range(rung.n_seeds)]


def _ran(candidate: dict[str, Any], rung: int, config: RunConfig, result: dict[str, Any]) -> dict[str, Any]:
    """A line of the runs that the log is made from."""
    task = {field: getattr(config.task, field) for field in ("dataset", "source", "target", "normal", "seed")}
    told = {key: result[key] for key in ("auroc", "collapsed", "error", "config_hash")}
    return {"candidate": name_of(candidate), "rung": rung, **task, **told, "seconds": result["seconds"]["total"]}


def _row(candidate: dict[str, Any], rung: int, results: dict[Pair, list[dict[str, Any]]]) -> dict[str, Any]:
    """A line of the log."""

    def counted(result: dict[str, Any]) -> float:
        return CHANCE if result["error"] is not None or result["collapsed"] else result["auroc"]

    means = {" ".join((pair[0], "->".join(pair[1:]))): np.mean([counted(r) for r in found]) for pair, found in results.items()}
    every = [result for found in results.values() for result in found]
    return {
        "candidate": name_of(candidate),
        "rung": rung,
        **means,
        "mean": np.mean(list(means.values())),
        "n_runs": len(every),
        "n_collapsed": sum(bool(result["collapsed"]) for result in every),
        "n_failed": sum(result["error"] is not None for result in every),
        "seconds": sum(result["seconds"]["total"] or 0.0 for result in every),
        "kept": None,
    }


def search(
    pool: Sequence[dict[str, Any]],
    log_file: str | Path,
    pairs: Sequence[Pair] = tuple(PAIRS["dev"]),
    rungs: Sequence[Rung] = RUNGS,
    keep: float = 1 / 3,
    hours: float | None = None,
    out: str | Path = "runs",
    jobs: int = 1,
    root: str | None = None,
    device: str = "auto",
    log: Callable[[str], None] = lambda line: None,
) -> Found:
    """Run all candidates on a little, the best of them on more, and the best of those on everything.

    Finished runs are found in the store: a search that was killed, or whose budget was raised, goes on where it stopped, and
    what it finds hangs neither on that nor on ``jobs``.

    Parameters
    ----------
    pool : fields of each candidate, from ``candidates``.
    log_file : CSV, written whole after every candidate.
    pairs : that judge; target labels choose here, so they have to be development pairs wherever a claim is to follow.
    rungs : how many classes and seeds of each pair, growing.
    keep : share of the candidates that goes on to the next rung, rounded up.
    hours : core hours that the runs may take by their own clocks, those found in the store too; None is no bound.
    out, jobs, root, device, log : as in ``sweep``.

    Returns
    -------
    Found; its log has the columns candidate, rung, the mean AUROC of each pair, their mean, n_runs, n_collapsed, n_failed,
    seconds, kept (None where the budget ended within the rung). A run that collapsed or failed counts as 50. Of the last rung
    one is kept. Its runs have the columns candidate, rung, dataset, source, target, normal, seed, auroc, collapsed, error,
    config_hash, seconds.

    Raises
    ------
    InputError : no candidate, or a value, pair or place that cannot be.
    """
    if not pool:
        raise InputError("wanted candidates, got none; name at least one value of a field")
    for candidate, pair in itertools.product(pool, pairs):  # what cannot be is said before the work begins
        configure(*pair, "0", **candidate)
    rows: list[dict[str, Any]] = []
    runs: list[dict[str, Any]] = []
    spent: dict[str, float] = {}  # seconds of each run, by its hash
    best, alive = None, list(pool)
    for number, rung in enumerate(rungs):
        tasks = {pair: _tasks(pair, rung, root) for pair in pairs}
        log(f"rung {number}: {len(alive)} candidates, {len(alive) * sum(map(len, tasks.values()))} runs")
        for candidate in alive:
            if hours is not None and sum(spent.values()) >= 3600 * hours:
                log(f"stopped in rung {number}: the budget of {hours:g} core hours is spent")
                return _found(rows, best, runs)
            configs = [configure(**task, **candidate) for found in tasks.values() for task in found]
            results = sweep(configs, out, jobs, root, device, log=log)
            spent |= {str(result["config_hash"]): result["seconds"]["total"] or 0.0 for result in results}
            runs += [_ran(candidate, number, *each) for each in zip(configs, results, strict=True)]
            waiting = iter(results)
            rows.append(_row(candidate, number, {pair: [next(waiting) for _ in found] for pair, found in tasks.items()}))
            _write(log_file, rows)
        here = rows[len(rows) - len(alive) :]
        order = sorted(range(len(here)), key=lambda i: -here[i]["mean"])  # stable: of equals the first
        kept = order[: 1 if number == len(rungs) - 1 else math.ceil(keep * len(here))]
        for i, row in enumerate(here):
            row["kept"] = i in kept
        _write(log_file, rows)
        best, alive = alive[order[0]], [alive[i] for i in sorted(kept)]
    return _found(rows, best, runs)


def _found(rows: list[dict[str, Any]], best: dict[str, Any] | None, runs: list[dict[str, Any]]) -> Found:
    return Found(pd.DataFrame(rows), best, sum(row["n_failed"] for row in rows), pd.DataFrame(runs))


def _write(log_file: str | Path, rows: list[dict[str, Any]]) -> None:
    write_text(log_file, pd.DataFrame(rows).round(3).to_csv(index=False))
