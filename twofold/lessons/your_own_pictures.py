"""Your own pictures: what a line promises and what it keeps, and how often a warning is right, over pairs with known answers.

Whatever is chosen in ``deploy`` (the rule and its fence, what is warned of, the width of a told share) is chosen on the
development pairs alone; what it gives on the seen pairs stands beside it. Run as a module it does all runs and makes
``18_alarms.csv``, a row a run, and the tables that follow from it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from twofold.compute import keep_memory, single_thread
from twofold.data.tasks import Task
from twofold.deploy.check import compare, without_like
from twofold.deploy.crossed import unseen
from twofold.deploy.detector import LEAST_TARGET
from twofold.deploy.thresholds import RULES, default_rule, draw_line
from twofold.deploy.trust import judge
from twofold.files import write_text
from twofold.lessons.study import project_folder
from twofold.methods.base import Method
from twofold.results.sentences import markdown_table
from twofold.results.statistics import PAIR, t_interval
from twofold.runs.config import RunConfig
from twofold.runs.metrics import auroc
from twofold.runs.presets import PAIRS, RECIPE_VERSION
from twofold.runs.run import build, prepare
from twofold.runs.search import some_classes
from twofold.runs.sweeps import expand

__all__ = [
    "alarms",
    "check_table",
    "line_table",
    "planned",
    "promise_table",
    "raw",
    "row_of",
    "tables",
    "uses",
    "warning_table",
]

FALSE_ALARM_RATES = (0.05, 0.1)
SHARES = (0.0, 0.1, 0.3)
LEVEL, MIXED = 0.05, 0.3  # of a check, and the share of anomalies among new pictures that it should find
WORTHLESS, CHANCE = 80.0, 60.0  # AUROC below which a ranking should have been warned of, and below which it is hardly one
USES = ("dev", "seen")  # everything is chosen on the first
CLASSES = {"dev": None, "seen": 3}  # of a pair, None is all
USE_OF = {pair: use for use in USES for pair in PAIRS[use]}
SOURCES = {"piped": ("BDP01_TL", "GLA01_TL")}  # pairs into one target are one trial: more splits tell more than more sources
SPLITS = {"piped": list(range(5)), "elpv": list(range(5))}  # seeds, where there is one class


def planned(root: str | None = None, pairs: Sequence[tuple[str, str, str]] | None = None) -> list[RunConfig]:
    """Classes of every development and seen pair, with each share of anomalies; where there is one class, several splits.

    Parameters
    ----------
    root : of folder data sets.
    pairs : others; of the seen ones some classes are taken, as ``search.some_classes`` chooses them, of all others all.
    """
    found = []
    known = [pair for use in USES for pair in PAIRS[use] if pair[1] in SOURCES.get(pair[0], pair)]
    for pair in pairs or known:
        task = dict(zip(PAIR, pair, strict=True)) | {"preset": "embedded", "method": "pooled_gaussian"}
        normal = some_classes(pair, CLASSES.get(USE_OF.get(pair, "")), root)
        task |= {"normal": normal, "seed": SPLITS.get(pair[0], [0]), "anomaly_ratio": list(SHARES)}
        found += expand(task, root)
    return found


def alarms(
    configs: Sequence[RunConfig], root: str | None = None, log: Callable[[str], None] = lambda line: None
) -> pd.DataFrame:
    """Fit each, draw every rule's line without a label, and count by the answers what lies above it.

    Parameters
    ----------
    configs : of ``pooled_gaussian``; those of a pair that follow each other share their networks.
    root : of folder data sets.
    log : takes a line a run.

    Returns
    -------
    A row a run of as many target pictures as a detector wants: the task, ``auroc``, what ``deploy.trust`` says, for each
    rule and promised rate the shares above the line of the test normals (``RULE RATE false``), the test anomalies (``found``)
    and the fitted pictures (``own``), and of all-normal targets the p-values of a check of the test normals (``check like``),
    and of these with some anomalies (``check mixed``).
    """
    rows, networks = [], {}
    for config in configs:
        prepared = prepare(config, root, "cpu")
        eyes = config.networks
        if eyes not in networks:
            networks = {eyes: build(config, prepared.device)}
        if len(prepared.task.target_train) >= LEAST_TARGET:
            found = raw(prepared.task, networks[eyes].twin(), all_normal=not config.task.anomaly_ratio)
            rows.append(row_of(config, found))
        log(f"{len(rows)} runs, {config.task.dataset} {config.task.source}->{config.task.target}")
    return pd.DataFrame(rows)


def raw(task: Task, method: Method, all_normal: bool) -> dict[str, Any]:
    """Fit without a label: the scores of every role, the answers for the tested ones, and what is said of trust.

    Where the target is ``all_normal`` there are scores too that a check compares with.
    """
    keep_memory()
    with single_thread():
        source, target = (method.hold(view) for view in (task.source_train, task.target_train))
        method.fit(source, target)
        held_out, of_source = method.anomaly_score(target), method.anomaly_score(source)
        new = unseen(method, source, target, held_out)
        trust = judge(method, source, target, held_out, new, method.selected_)
        like = without_like(method, source, target, new) if all_normal else None
        scores = method.anomaly_score(task.target_test)
    own = {"held_out": held_out, "unseen": new, "of_source": of_source, "selected": method.selected_}
    return {**own, "without_like": like, "scores": scores, "labels": task.target_test_labels, "trust": trust}


def row_of(config: RunConfig, found: dict[str, Any]) -> dict[str, Any]:
    """What ``raw`` has found as a row: every rule's line against the answers."""
    scores, labels, held_out = found["scores"], found["labels"], found["held_out"]
    fields = {name: getattr(config.task, name) for name in (*PAIR, "normal", "seed", "anomaly_ratio")}
    numbers = {"n_target": len(held_out), "auroc": auroc(labels, scores)}
    row = {"recipe": RECIPE_VERSION, **fields, **numbers, **asdict(found["trust"])}
    for rule in RULES:
        for rate in FALSE_ALARM_RATES:
            threshold = draw_line(found["unseen"], found["selected"], found["of_source"], rate, rule).threshold
            above = {"false": scores[labels == 0], "found": scores[labels == 1], "own": held_out}
            row |= {f"{rule} {rate} {kind}": float(np.mean(some > threshold)) for kind, some in above.items()}
    if found["without_like"] is not None:
        normal, anomalous = scores[labels == 0], scores[labels == 1]
        n = min(len(anomalous), round(MIXED / (1 - MIXED) * len(normal)))
        some = anomalous[np.linspace(0, len(anomalous) - 1, n).astype(int)]
        for kind, new in {"like": normal, "mixed": np.concatenate([normal, some])}.items():
            row[f"check {kind}"] = compare(found["without_like"], new, threshold, rate, LEVEL).p_value
    return row


def uses(runs: pd.DataFrame) -> pd.Series:
    """What each run's pair is used for, one of ``USES``, or nothing."""
    return pd.Series([USE_OF.get(pair, "") for pair in runs[PAIR].itertuples(index=False, name=None)], runs.index)


def line_table(runs: pd.DataFrame, rates: Sequence[float] = FALSE_ALARM_RATES) -> pd.DataFrame:
    """Promised against measured: a row a rule and promised rate.

    A pair's mean over its classes and splits counts once, pairs that share a target are one trial, and intervals (95 %) are
    Student's over the targets. A rule keeps its promise where, at whatever share of anomalies, no interval lies above it or
    reaches beyond twice of it: one that is wide enough to hold anything keeps nothing.

    Parameters
    ----------
    runs : of ``alarms``.
    rates : promised ones.

    Returns
    -------
    promised, and in percent for each share: false alarms with their interval, anomalies found, and of the fitted all-normal
    pictures the share above the line; ``kept`` says whether the promise is, ``found`` is the mean over the shares. Of each
    rate the rule that finds most among those that keep it stands first.
    """
    rows = []
    for rule in RULES:
        for rate in rates:
            row: dict[str, Any] = {"rule": rule, "promised": 100 * rate}
            found, keeps = [], True
            for share, some in runs.groupby("anomaly_ratio"):
                false, caught, own = (100 * _over_targets(some, f"{rule} {rate} {kind}") for kind in ("false", "found", "own"))
                low, high = t_interval(false)
                row[f"false alarms at {share:.0%}"] = f"{false.mean():.1f} [{low:.1f}, {high:.1f}]"
                row[f"found at {share:.0%}"] = f"{caught.mean():.1f}"
                if share == 0:
                    row["alarms among all-normal fitted"] = f"{own.mean():.1f}"
                found.append(caught.mean())
                keeps = keeps and low <= 100 * rate and high <= 200 * rate
            row |= {"kept": "yes" if keeps else "no", "found": round(float(np.mean(found)), 1)}
            rows.append(row)
    table = pd.DataFrame(rows)
    table["broken"] = table["kept"] == "no"
    return table.sort_values(["promised", "broken", "found"], ascending=[True, True, False]).drop(columns="broken")


def promise_table(runs: pd.DataFrame) -> pd.DataFrame:
    """What the default rule gives: a row a promise on the pairs that it was chosen on, on the others, and on some data sets.

    Where a data set has one target alone, its splits are the trials; they share pictures, so the interval is too narrow.

    Parameters
    ----------
    runs : of ``alarms``.
    """
    of = uses(runs)
    groups = {"development pairs": runs[of == "dev"], "seen pairs": runs[of == "seen"]}
    groups |= {f"{name}, all splits": runs[runs["dataset"] == name] for name in SPLITS if name in set(runs["dataset"])}
    rows = []
    for rate in FALSE_ALARM_RATES:
        for name, some in groups.items():
            line = line_table(some, [rate])
            line = line[line["rule"] == default_rule(rate)].drop(columns=["rule", "promised"])
            rows.append({"where": f"{100 * rate:.0f} %, {name}", "runs": len(some), **line.iloc[0]})
    return pd.DataFrame(rows)


def _over_targets(runs: pd.DataFrame, column: str) -> pd.Series:
    """Mean of a column by target, each pair counted once; by split where there is one target."""
    targets = runs.groupby(PAIR)[column].mean().groupby(["dataset", "target"]).mean()
    return targets if len(targets) > 1 else runs.groupby("seed")[column].mean()


def warning_table(runs: pd.DataFrame) -> pd.DataFrame:
    """How often the warning and the told share of anomalies are right: a row a use of the pairs, and one for all.

    Parameters
    ----------
    runs : of ``alarms``.

    Returns
    -------
    Runs; those whose AUROC is below ``WORTHLESS`` and how many of these were warned of; those near chance, and how many of
    these were; of the others how many were; and how many shares of anomalies were told, how wide, and how many of these
    hold the true one.
    """
    rows, of = [], uses(runs)
    for name, some in [*((use, runs[of == use]) for use in USES), ("all", runs)]:
        bad, chance, weak = some["auroc"] < WORTHLESS, some["auroc"] < CHANCE, some["weak"].astype(bool)
        known = some["contamination"].notna()
        bounds = [_bounds(told) for told in some["contamination"][known]]
        right = [low <= share <= high for (low, high), share in zip(bounds, some["anomaly_ratio"][known], strict=True)]
        rows.append(
            {
                "pairs": name,
                "runs": len(some),
                f"AUROC below {WORTHLESS:.0f}": int(bad.sum()),
                "of these warned of": int((bad & weak).sum()),
                f"below {CHANCE:.0f}": int(chance.sum()),
                "of these warned": int((chance & weak).sum()),
                "warned of in vain": int((~bad & weak).sum()),
                "share of anomalies told": int(known.sum()),
                "of these right": int(np.sum(right)),
                "mean width in points": round(100 * float(np.mean([high - low for low, high in bounds])), 1) if bounds else "",
            }
        )
    return pd.DataFrame(rows)


def check_table(runs: pd.DataFrame) -> pd.DataFrame:
    """How often a check calls new pictures different: a row a use of the pairs, one for all, and one a data set.

    Parameters
    ----------
    runs : of ``alarms``.

    Returns
    -------
    All-normal runs, and of how many the tested normals are called different, alone and with ``MIXED`` of anomalies.
    """
    fitted = runs[runs["anomaly_ratio"] == 0]
    of = uses(fitted)
    groups = [*((use, fitted[of == use]) for use in USES), ("all", fitted), *fitted.groupby("dataset")]
    rows = [
        {
            "where": name,
            "all-normal runs": len(some),
            f"normal ones called different at {LEVEL:.0%}": int((some["check like"] <= LEVEL).sum()),
            f"with {MIXED:.0%} anomalies": int((some["check mixed"] <= LEVEL).sum()),
        }
        for name, some in groups
    ]
    return pd.DataFrame(rows)


def _bounds(told: Any) -> tuple[float, float]:
    """A share as a pair of numbers, as it is or as it stands in a table."""
    low, high = told.strip("()").split(",") if isinstance(told, str) else told
    return float(low), float(high)


def tables(runs: pd.DataFrame) -> dict[str, str]:
    """File name -> text of the tables that follow from the runs, as CSV and as Markdown with what runs they are."""
    pairs, targets = (len(runs.drop_duplicates(of)) for of in (PAIR, ["dataset", "target"]))
    recipes = ", ".join(f"{n} of recipe {recipe}" for recipe, n in runs["recipe"].value_counts().sort_index().items())
    note = f"{len(runs)} runs ({recipes}) of {pairs} pairs into {targets} targets, development and seen."
    of = uses(runs)
    lines = [line_table(runs[of == use]).assign(pairs=use) for use in USES]
    found = {
        "18_thresholds": pd.concat(lines).pipe(lambda table: table[["pairs", *table.columns.drop("pairs")]]),
        "18_promise": promise_table(runs),
        "18_warning": warning_table(runs),
        "18_check": check_table(runs),
    }
    texts = {f"{name}.csv": table.to_csv(index=False) for name, table in found.items()}
    return texts | {f"{name}.md": f"{markdown_table(table)}\n\n{note}\n" for name, table in found.items()}


if __name__ == "__main__":
    folder = project_folder() / "figures" / "embedded"
    runs = alarms(planned(), log=lambda line: print(line, file=sys.stderr, flush=True))
    text = runs.to_csv(index=False, float_format="%.4f")
    write_text(Path(folder, "18_alarms.csv"), text)
    for name, table in tables(pd.read_csv(folder / "18_alarms.csv")).items():
        write_text(folder / name, table)
