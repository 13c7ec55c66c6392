"""Many runs: spelled out, spread over processes, never computed twice."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from joblib import Parallel, delayed
from joblib.externals.loky.process_executor import TerminatedWorkerError

from twofold.compute import cores, pick_device
from twofold.data import normal_classes
from twofold.errors import InputError
from twofold.networks.cache import EmbeddingCache
from twofold.runs.config import RunConfig, UnreadError, configure
from twofold.runs.rows import Known, opened
from twofold.runs.run import failed, prepare, run
from twofold.runs.store import WEIGHTS, RunStore

__all__ = ["expand", "read_fields", "run_one", "sweep", "task_words"]


def expand(fields: dict[str, Any], root: str | None = None, known: Known | None = None) -> list[RunConfig]:
    """The product of all fields that are lists; ``normal: "all"`` stands for every class that may be normal.

    Where several methods are listed, a field goes to those that read it; one that none of them reads is refused. Where the
    pictures are not at hand, all classes are those of a table that is known.

    >>> task = {"dataset": "digits", "source": "type", "target": "mnist"}
    >>> [c.name for c in expand({**task, "normal": ["3"], "method": ["twofold", "target_only"], "steps": 7})]
    ['twofold[steps=7]', 'target_only']
    """
    names = list(fields)
    values = [value if isinstance(value, list) else [value] for value in fields.values()]
    methods = len(dict.fromkeys(fields["method"])) if isinstance(fields.get("method"), list) else 1
    configs, shared, dropped, used = [], {}, {}, set()
    for combination in itertools.product(*values):
        chosen = dict(zip(names, combination, strict=True))
        key = chosen["dataset"], chosen["source"], chosen["target"]
        if chosen["normal"] == "all" and key not in shared:
            shared[key] = _all_classes(key, root, known)
        for normal in shared[key] if chosen["normal"] == "all" else [chosen["normal"]]:
            config, unread = read_fields({**chosen, "normal": normal}, several=methods > 1)
            dropped |= unread
            used |= set(chosen) - set(unread)
            configs.append(config)
    for name in dropped:
        if name not in used:
            raise InputError(f"{dropped[name]}, as do the other methods")
    return list(dict.fromkeys(configs))


def _all_classes(pair: tuple[str, str, str], root: str | None, known: Known | None) -> list[str]:
    try:
        return normal_classes(*pair, root)
    except InputError:
        classes = known.classes(*pair) if known else []
        if not classes:
            raise
        return classes


def read_fields(chosen: dict[str, Any], several: bool) -> tuple[RunConfig, dict[str, str]]:
    """A run with the fields that its method reads, and those that it does not, with the reason."""
    unread: dict[str, str] = {}
    while True:
        try:
            return configure(**{name: value for name, value in chosen.items() if name not in unread}), unread
        except UnreadError as error:
            if not several:
                raise
            unread[error.field] = str(error)


def run_one(
    config: RunConfig,
    out: str | Path = "runs",
    root: str | None = None,
    device: str = "auto",
    save_weights: bool = False,
    progress: bool = False,
    log: Callable[[str], None] = lambda line: None,
    workers: int | None = None,
    known: Known | str | Path | None = None,
) -> dict[str, Any]:
    """Do a run, or hand on its stored result; an error of the input is raised, any other becomes the result.

    Parameters
    ----------
    config : from ``configure``.
    out : folder of the run store.
    root : of folder data sets.
    device : auto, cpu, cuda, mps.
    save_weights : keep the trained weights too.
    progress, log : as in ``run.run``.
    workers : threads that encode pictures; by default two where there are two cores.
    known : a table of rows, or its file: a row stands for a finished run, but has no features and no weights.

    Returns
    -------
    The result, with ``error`` set where the run failed.
    """
    if row := _rows_of([config], known, root, device, save_weights).get(config):
        log(f"opened {config.name} {config.task.normal} seed {config.task.seed} in its table")
        return row
    store = RunStore(out, log)
    prepared = prepare(config, root, device)
    stored = store.result(prepared.config_hash)
    wants_weights = save_weights and config.trains and not (store.folder / prepared.config_hash / WEIGHTS).exists()
    if stored is not None and not wants_weights:
        log(f"found {config.name} {config.task.normal} seed {config.task.seed} in {store.folder / prepared.config_hash}")
        return stored
    store.check_writable()
    try:
        result, finished = run(prepared, EmbeddingCache(workers=workers), progress, log)
    except InputError:
        raise
    except Exception as error:  # a failed run is a row with its error, and the sweep goes on
        return store.save(failed(config, error, prepared.config_hash))
    return store.save(result, prepared, finished, save_weights)


def _rows_of(
    configs: Sequence[RunConfig], known: Known | str | Path | None, root: str | None, device: str, save_weights: bool
) -> dict[RunConfig, dict[str, Any]]:
    """Rows that stand for these runs; where weights are wanted, a run that trains is done."""
    table = opened(known, root)
    wanted = [config for config in configs if not (save_weights and config.trains)]
    return table.among(wanted, device) if table else {}


def _row(config: RunConfig, out: str, root: str | None, device: str, save_weights: bool, workers: int) -> dict[str, Any]:
    try:
        return run_one(config, out, root, device, save_weights, workers=workers)
    except InputError as error:  # met inside the run, such as a broken picture: the input was checked before
        return RunStore(out).save(failed(config, error, prepare(config, root, device).config_hash))


def _stored(config: RunConfig, out: str | Path, root: str | None, device: str) -> dict[str, Any] | None:
    """A run that was finished, though the process that would have said so is gone."""
    return RunStore(out).result(prepare(config, root, device).config_hash)


def _devices(device: str) -> list[str]:
    """One GPU a process where there are several."""
    if pick_device(device).type == "cuda" and ":" not in device and torch.cuda.device_count() > 1:
        return [f"cuda:{i}" for i in range(torch.cuda.device_count())]
    return [device]


def sweep(
    configs: Sequence[RunConfig],
    out: str | Path = "runs",
    jobs: int = 1,
    root: str | None = None,
    device: str = "auto",
    save_weights: bool = False,
    log: Callable[[str], None] = lambda line: print(line, file=sys.stderr, flush=True),
    known: Known | str | Path | None = None,
) -> list[dict[str, Any]]:
    """Run many configurations in parallel processes, each on one thread or one GPU.

    Finished runs are found, not computed; a killed sweep goes on where it stopped.

    Parameters
    ----------
    configs : from ``expand``.
    out : folder of the run store.
    jobs : processes.
    root, device, save_weights, known : as in ``run_one``.
    log : takes one line per finished run.

    Returns
    -------
    Results in the order of ``configs``; a failed one has ``error`` set.
    """
    rows = _rows_of(configs, known, root, device, save_weights)
    if rows:
        log(f"opened {len(rows)} stored results")
    left = [config for config in configs if config not in rows]
    devices = _devices(device)
    jobs = max(1, min(jobs, len(left)))  # one run alone needs no process of its own
    workers = max(1, cores() // jobs)  # the processes share the cores
    calls = (
        delayed(_row)(config, str(out), root, devices[i % len(devices)], save_weights, workers) for i, config in enumerate(left)
    )
    results: list[dict[str, Any]] = []
    finished = iter(Parallel(n_jobs=jobs, return_as="generator")(calls) if left else ())
    for config in configs:
        try:
            result = rows[config] if config in rows else next(finished)
        except TerminatedWorkerError as error:  # a process was killed, by the system or by hand, and takes the pool along
            finished = iter(())
            result = _stored(config, out, root, device) or failed(config, error)
        except StopIteration:
            reason = RuntimeError("not reached: a worker was killed; run the sweep again with fewer --jobs")
            result = _stored(config, out, root, device) or failed(config, reason)
        results.append(result | {"method": config.name, "changed": config.changed})  # defaults may have moved since it was kept
        verdict = "failed: " + result["error"] if result["error"] else f"AUROC {_percent(result['auroc'])}"
        verdict += " collapsed" if result["collapsed"] else ""
        log(f"[{len(results)}/{len(configs)}] {task_words(config)} {config.name}: {verdict}")
    return results


def task_words(config: RunConfig) -> str:
    """A run's task in one line.

    >>> task_words(configure("digits", "type", "optdigits", "3"))
    'digits type->optdigits 3 r=0.1 seed 0'
    """
    task = config.task
    return f"{task.dataset} {task.source}->{task.target} {task.normal} r={task.anomaly_ratio:g} seed {task.seed}"


def _percent(value: float | None) -> str:
    return "none" if value is None else f"{value:.1f}"
