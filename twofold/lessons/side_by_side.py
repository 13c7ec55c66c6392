"""Every method on equal data, splits and seeds: the runs planned, done where they are missing, and the table they make."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import Any

import pandas as pd

from twofold.errors import InputError
from twofold.files import write_text
from twofold.lessons.fair_search import BESIDE, SEARCHES, SHORTENED, winners
from twofold.lessons.office import judged
from twofold.lessons.shots import most_shots
from twofold.lessons.study import Study, project_folder
from twofold.lessons.without_shift import CHECKS, verdicts
from twofold.methods import METHODS
from twofold.methods.base import ShotSettings
from twofold.results.published import TEXT, check_claims
from twofold.results.sentences import markdown_table, rest_words, verdict_count
from twofold.results.statistics import PAIR, as_frame, class_means
from twofold.results.tables import claim_lines, pair_name
from twofold.runs.config import RunConfig
from twofold.runs.estimates import estimate_seconds
from twofold.runs.presets import PAIRS
from twofold.runs.rows import Known, keep_rows, write_rows
from twofold.runs.search import Pair, some_classes
from twofold.runs.sweeps import read_fields, sweep

__all__ = ["CLAIMED", "COMPARED", "SHOTS", "plan_rivals", "planned", "shots_of", "side_by_side", "tables", "with_checks"]

TABLE, CLAIMS = "figures/embedded/side_by_side", "figures/embedded/text_claims"
ROWS = f"{TABLE}.jsonl.gz"  # apart from the notebooks' rows, which are made anew with their figures
SHOTS = 10  # of few-shot methods, fewer where a class has fewer than twice as many pictures
COMPARED: dict[Pair, int] = {  # seeds of each pair
    ("digits", "type", "optdigits"): 3,
    ("emoji", "windows", "apple"): 1,
    ("office_caltech", "webcam", "amazon"): 1,
    ("office_caltech", "amazon", "webcam"): 1,
    ("pacs", "photo", "cartoon"): 1,
}
# what the claims of the text are about beside the methods themselves
CLAIMED: list[dict[str, Any]] = [
    {"method": "twofold", "selection": "gmm"},
    *({"method": "twofold", "n_clusters": k} for k in (2, 5, 10)),
]


def planned(
    methods: Sequence[str] = tuple(METHODS),
    n_classes: int | None = None,
    n_seeds: int | None = None,
    pairs: Sequence[Pair] = tuple(COMPARED),
    claimed: bool = True,
    root: str | None = None,
) -> list[RunConfig]:
    """The runs of the comparison, those of one class and seed after those of another, so that whole classes are there early.

    Parameters
    ----------
    methods : each as ``SHORTENED`` has it.
    n_classes : of each pair, in the order of ``some_classes``; None is all that leave enough pictures to be judged.
    n_seeds : at most so many; None is what ``COMPARED`` says.
    pairs : keys of ``COMPARED``.
    claimed : whether what the claims of the text ask for is among them.
    root : of folder data sets.

    Raises
    ------
    InputError : data that are missing.

    >>> configs = planned(["few_shot", "target_only"], 2, 1, [("digits", "type", "optdigits")], claimed=False)
    >>> [(config.task.normal, config.method) for config in configs]
    [('4', 'few_shot'), ('4', 'target_only'), ('6', 'few_shot'), ('6', 'target_only')]
    """
    every = [{"method": method, **SHORTENED.get(method, {})} for method in methods] + (CLAIMED if claimed else [])
    waiting: list[tuple[int, int, RunConfig]] = []
    for pair in pairs:
        seeds = range(min(COMPARED[pair], n_seeds or COMPARED[pair]))
        kept, _ = judged(pair, seeds=range(COMPARED[pair]), root=root)
        names = [name for name in some_classes(pair, None, root) if name in kept][:n_classes]
        shots = shots_of(pair, kept, range(COMPARED[pair]), root)
        for seed in seeds:
            for place, name in enumerate(names):
                task = {**dict(zip(PAIR, pair, strict=True)), "normal": name, "seed": seed, "shots": shots}
                waiting += [(seed, place, read_fields({**task, **fields}, several=True)[0]) for fields in every]
    waiting.sort(key=lambda one: one[:2])
    return list(dict.fromkeys(config for _, _, config in waiting))


def shots_of(
    pair: Pair, normals: Sequence[str], seeds: Sequence[int] = (0,), root: str | None = None, known: Known | None = None
) -> int:
    """How many shots all of these classes allow, ten at most; where the pictures are not at hand, as many as known rows had.

    >>> shots_of(("digits", "type", "optdigits"), ["3", "8"])
    10
    """
    try:
        return min([SHOTS, *most_shots(pair, normals, seeds, root).values()])
    except InputError:
        had = [row["shots"] for row in (known.rows if known else []) if tuple(row[field] for field in PAIR) == tuple(pair)]
        if not any(had):
            raise
        return min(filter(None, had))


def plan_rivals(study: Study, pair: Pair, methods: Sequence[str], normals: Sequence[str]) -> list[RunConfig]:
    """Plan other systems in a notebook as the comparison runs them, at its first seed; the paper's preset cuts nothing."""
    seed, configs = study.settings["seeds"][:1], []
    for method in methods:
        cut = {} if study.preset == "paper" else dict(SHORTENED.get(method, {}))
        if study.preset != "paper" and issubclass(METHODS[method][0].Settings, ShotSettings):
            cut["shots"] = shots_of(pair, normals, seed, study.root, study.known)
        configs += study.plan(*pair, method=method, normal=list(normals), seed=seed, **cut)
    return configs


def side_by_side(frame: pd.DataFrame) -> pd.DataFrame:
    """A row a pair and method, the highest mean first in each pair.

    Parameters
    ----------
    frame : runs of one ratio and protocol.

    Returns
    -------
    dataset, source, target, method, base, told, mean (NaN where a run collapsed), rest (of the classes on which none did),
    std_classes, std_seeds, classes (names, with blanks between them), n_seeds, n_runs, n_collapsed, seconds
    (of a run, the median).
    """
    rows = []
    seconds = frame.groupby([*PAIR, "method"])["total_seconds"].median()
    for row in class_means(frame, [*PAIR, "method"]).to_dict("records"):
        place = tuple(row[field] for field in [*PAIR, "method"])
        kept = {field: row[field] for field in ("mean", "rest", "std_classes", "std_seeds", "n_seeds", "n_runs", "n_collapsed")}
        rows.append(dict(zip([*PAIR, "method"], place, strict=True)) | {"base": row["base"], "told": row["told"]} | kept)
        rows[-1] |= {"classes": " ".join(sorted(row["classes"])), "seconds": seconds[place]}
    order = {pair: i for i, pair in enumerate(dict.fromkeys(tuple(row[field] for field in PAIR) for row in rows))}
    rows.sort(key=lambda row: (order[tuple(row[field] for field in PAIR)], -row["rest"] if row["rest"] == row["rest"] else 0.0))
    columns = [
        *PAIR,
        "method",
        "base",
        "told",
        "mean",
        "rest",
        "std_classes",
        "std_seeds",
        "classes",
        "n_seeds",
        "n_runs",
        "n_collapsed",
        "seconds",
    ]
    return pd.DataFrame(rows, columns=columns)


def with_checks(table: pd.DataFrame, checks: pd.DataFrame, found: pd.DataFrame) -> pd.DataFrame:
    """The table for reading, texts: beside each method whether it works without shift, and what its search did.

    Parameters
    ----------
    table : of ``side_by_side``.
    checks : of ``without_shift.verdicts``.
    found : of ``fair_search.winners``.
    """
    works = {row.method: f"{row.mean:.1f}, least {row.worst:.1f}: {row.verdict}" for row in checks.itertuples()}
    moved = {row.method: f"{row.n_candidates} tried, {'moved' if row.chosen else 'kept'}" for row in found.itertuples()}
    for method, winner in BESIDE.items():
        if method in moved:
            moved |= {winner: moved[method], method: f"as published; what was found is {winner}"}
    rows = []
    for row in table.to_dict("records"):
        pair, base = tuple(row[field] for field in PAIR), row["base"]
        told = {"classes": len(row["classes"].split()) > 1, "seeds": not pd.isna(row["std_seeds"])}  # one value has no spread
        told["classes"] &= not pd.isna(row["std_classes"])
        spreads = {of: f"{row[f'std_{of}']:.1f}" if known else "" for of, known in told.items()}
        rows.append({
            "pair": pair_name(pair) + (" (dev)" if pair in PAIRS["dev"] else ""), "method": row["method"], "told": row["told"],
            "AUROC": rest_words(row) if row["n_collapsed"] else f"{row['mean']:.1f}",
            "std over classes": spreads["classes"], "std over seeds": spreads["seeds"],
            "n": f"{len(row['classes'].split())} x {row['n_seeds']}", "seconds": f"{row['seconds']:.1f}",
            "without shift": works.get(base, ""), "search": moved.get(base, ""),
        })  # fmt: skip
    return pd.DataFrame(rows)


def _estimates(configs: Sequence[RunConfig], given: argparse.Namespace, known: Known | None) -> None:
    """A line a method, as if it were run alone, the longest first; and one for all, which share what frozen networks make."""

    def left(some: Sequence[RunConfig]) -> tuple[int, float]:
        return estimate_seconds(some, given.out, given.jobs, given.root, known=known)

    groups: dict[str, list[RunConfig]] = {}
    for config in configs:
        groups.setdefault(config.name, []).append(config)
    told = [(name, len(some), *left(some)) for name, some in groups.items()]
    for name, n, todo, seconds in sorted(told, key=lambda line: -line[3]):
        print(f"{name}: {n} runs, {todo} to do, about {seconds / 60:.1f} min")
    todo, seconds = left(configs)
    print(f"{len(configs)} runs, {todo} to do, about {seconds / 60:.0f} min")


def tables(frame: pd.DataFrame) -> dict[str, str]:
    """The table, the same for reading, and the claims of the text: file -> text.

    Parameters
    ----------
    frame : the runs of ``planned``, in any order.
    """
    project, places = project_folder(), {pair: i for i, pair in enumerate(COMPARED)}
    place = pd.Series([places[pair] for pair in zip(*(frame[field] for field in PAIR), strict=True)], frame.index)
    frame = frame.assign(place=place).sort_values(["place", "method", "normal", "seed"])
    table, claims = side_by_side(frame), check_claims(frame, TEXT)
    checks = verdicts(pd.read_csv(project / CHECKS, dtype={"normal": str}))
    found = winners(pd.read_csv(project / SEARCHES, dtype={"normal": str}))
    lines = [*claim_lines(claims), *filter(None, [verdict_count(claims["verdict"])])]
    return {
        f"{TABLE}.csv": table.round(3).to_csv(index=False),
        f"{TABLE}.md": markdown_table(with_checks(table, checks, found)) + "\n",
        f"{CLAIMS}.csv": claims.round(3).to_csv(index=False),
        f"{CLAIMS}.md": "\n".join(f"- {line}" for line in dict.fromkeys(lines)) + "\n",
    }


def main(argv: Sequence[str] | None = None) -> int:
    """Do the comparison: what is a row of the committed table or in the store is opened, all else is run and becomes a row."""
    parser = argparse.ArgumentParser(prog="python -m twofold.lessons.side_by_side", description=main.__doc__)
    parser.add_argument("methods", nargs="*", help="all where none is named")
    parser.add_argument(
        "--dry-run", action="store_true", help="the runs of each method and about how long they take, and no more"
    )
    parser.add_argument("--classes", type=int, help="so many of each pair; all by default")
    parser.add_argument("--seeds", type=int, help="so many at most; by default three of digits and one of the others")
    parser.add_argument("--out", default="runs", help="the run store")
    parser.add_argument("--jobs", type=int, default=1, help="parallel processes")
    parser.add_argument("--root", help="folder of the pictures")
    given = parser.parse_args(argv)
    rows = project_folder() / ROWS
    known = Known(rows, given.root) if rows.is_file() else None
    configs = planned(given.methods or tuple(METHODS), given.classes, given.seeds, claimed=not given.methods, root=given.root)
    if given.dry_run:
        _estimates(configs, given, known)
        return 0
    results = sweep(configs, given.out, given.jobs, given.root, known=known)
    if given.methods:
        keep_rows(rows, results)
    else:  # the table is of these runs and no others
        write_rows(rows, results)
        for name, text in tables(as_frame(results)).items():
            write_text(project_folder() / name, text)
    return int(any(result["error"] is not None for result in results))


if __name__ == "__main__":
    sys.exit(main())
