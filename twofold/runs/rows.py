"""The table of rows: every field of every finished run in one compressed file, which outlives the machine that did them."""

from __future__ import annotations

import dataclasses
import gzip
import json
import os
import zlib
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from pydantic.fields import FieldInfo

from twofold.compute import pick_device
from twofold.data import load_pair
from twofold.data.domains import ArrayPictures, Domain, FilePictures
from twofold.errors import InputError
from twofold.files import whole
from twofold.methods import METHODS
from twofold.methods.base import Networks
from twofold.methods.training import Recipe
from twofold.networks.weights import resolve_weights
from twofold.runs.config import RunConfig, TaskConfig
from twofold.runs.presets import RECIPE_VERSION
from twofold.runs.run import OF_TASK, task_of

__all__ = ["TABLE", "Known", "fault", "keep_rows", "merge", "opened", "read_rows", "write_rows"]

TABLE = "figures/embedded/rows.jsonl.gz"  # the committed one
NUMBERS = {"auroc": (0, 100), "average_precision": (0, 100), "fpr_at_95_tpr": (0, 100)}  # None where a score is not finite
KEYS = {"method": str, "base": str, "normal": str, "seed": int, "anomaly_ratio": float, "seconds": dict, "versions": dict}
KEYS |= {"config": dict, "dominant": dict, "notes": dict, "changed": dict, "told": str}
ROW_KEYS = {"config_hash": str, "split_hash": str, "weights": dict, "device": str}  # of a finished run


# what may stand in it -----------------------------------------------------------------------------------------------


def fault(result: Any, name: str) -> str:
    """Why something is not the result of the run of that hash; nothing where it is.

    >>> fault([], "a1")
    'it is not the result of the run that it is named for'
    """
    if not isinstance(result, dict) or result.get("config_hash") != name:
        return "it is not the result of the run that it is named for"
    wrong = [key for key, kind in KEYS.items() if not isinstance(result.get(key), kind)]
    if not wrong and result.get("error") is not None:
        return "" if isinstance(result["error"], str) else "its error is no text"
    wrong += [
        key
        for key, (lowest, highest) in NUMBERS.items()
        if result.get(key) is not None and not (type(result[key]) in (int, float) and lowest <= result[key] <= highest)
    ]
    wrong += [] if isinstance(result.get("collapsed"), bool) else ["collapsed"]
    if not wrong and result.get("auroc") is None and not result["collapsed"]:
        wrong = ["auroc"]
    return f"{', '.join(wrong)} cannot be" if wrong else _disagreement(result)


def _disagreement(result: dict[str, Any]) -> str:
    """Where a result says something else than the configuration that it holds."""
    task, method = result["config"].get("task"), result["config"].get("method")
    if not isinstance(task, dict) or result["base"] != method or not result["method"].startswith(method):
        return "its method is not the one of its configuration"
    wrong = [key for key in OF_TASK if key not in task or result.get(key) != task[key]]
    return f"{', '.join(wrong)} not as its configuration has it" if wrong else ""


def _row_fault(row: Any) -> str:
    """Why a line is no row of a finished run."""
    if not isinstance(row, dict):
        return "it is no object"
    wrong = [key for key, kind in ROW_KEYS.items() if not isinstance(row.get(key), kind)]
    if wrong or row.get("error") is not None:
        return f"{', '.join(wrong)} cannot be" if wrong else "it is a failed run"
    if reason := fault(row, row["config_hash"]):
        return reason
    found = [weights for weights in row["weights"].values() if weights is not None]
    wrong = [] if type(row["versions"].get("recipe")) is int else ["recipe"]
    wrong += [] if isinstance(row["seconds"].get("total"), float) else ["seconds"]
    wrong += [] if isinstance(row["config"].get("networks"), dict) else ["networks"]
    wrong += [] if all(isinstance(w, dict) and {"model", "sha256"} <= w.keys() for w in found) else ["weights"]
    return f"{', '.join(wrong)} cannot be" if wrong else ""


# the file -----------------------------------------------------------------------------------------------------------


def read_rows(path: str | Path) -> list[dict[str, Any]]:
    """Every row of a table, in order of their hash, stale ones among them.

    Raises
    ------
    InputError : there is none, it is damaged, or another program wrote it.
    """
    rows: list[dict[str, Any]] = []
    try:
        with gzip.open(os.path.expanduser(path), "rt", encoding="utf-8") as file:
            for line in file:
                rows.append(json.loads(line))
                if reason := _row_fault(rows[-1]):
                    raise ValueError(f"row {len(rows)}: {reason}")
    except (OSError, EOFError, ValueError, RecursionError, zlib.error) as error:
        reason = " ".join(str(error).split())[:160]
        hint = "fetch it anew, or write one with 'twofold collect RUNS --format rows'"
        raise InputError(f"wanted a table of rows in {path}, got: {reason}; {hint}") from error
    return rows


def write_rows(path: str | Path, rows: Sequence[dict[str, Any]]) -> None:
    """Write a table whole: the same rows are the same bytes.

    Raises
    ------
    InputError : it cannot be written.
    """
    with whole(path) as aside, open(aside, "wb") as file:
        with gzip.GzipFile("", "wb", 9, file, mtime=0) as packed:
            for row in sorted(rows, key=lambda row: row["config_hash"]):
                packed.write(json.dumps(row, separators=(",", ":"), allow_nan=False).encode() + b"\n")


def keep_rows(path: str | Path, results: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Merge results into a table, made where there is none; returns its rows.

    Raises
    ------
    InputError : what is there is no table, or it cannot be written.
    """
    rows = merge(read_rows(path) if Path(path).expanduser().exists() else [], results)
    write_rows(path, rows)
    return rows


def merge(known: Iterable[dict[str, Any]], results: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows of a table and results of a store as one table.

    Parameters
    ----------
    known : rows of the table, of whichever machine.
    results : what comes to it; failed ones are no rows.

    Returns
    -------
    Of one hash the row of the newest recipe, the result where that is the same; nothing of a recipe older than the newest of
    the same configuration.
    """
    rows: dict[str, dict[str, Any]] = {}
    for row in [*known, *(result for result in results if result["error"] is None)]:
        held = rows.get(row["config_hash"])
        if held is None or _recipe(row) >= _recipe(held):
            rows[row["config_hash"]] = row
    newest: dict[str, int] = {}
    for row in rows.values():
        newest[_of_row(row)] = max(_recipe(row), newest.get(_of_row(row), 0))
    return [rows[name] for name in sorted(rows) if _recipe(rows[name]) == newest[_of_row(rows[name])]]


def _recipe(row: Mapping[str, Any]) -> int:
    return row["versions"]["recipe"]


# which configuration a row is of ------------------------------------------------------------------------------------


@cache
def _defaults(method: str) -> dict[str, Any]:
    """Every field that a run of this method has, with its default."""
    kinds = [TaskConfig, Networks, Recipe, *([METHODS[method][0].Settings] if method in METHODS else [])]
    fields: dict[str, FieldInfo] = {k: v for kind in kinds for k, v in kind.__pydantic_fields__.items()}
    return {name: field.default for name, field in fields.items() if not field.is_required()}


def _key(config: Mapping[str, Any], weights: Mapping[str, str | None]) -> str:
    """A configuration as text: what is not at its default, so that a field that is new moves no older row; weights by bytes."""
    flat = {k: v for name, part in config.items() for k, v in (part if isinstance(part, dict) else {name: part}).items()}
    flat |= {f"{role}_weights": weights.get(role) for role in ("backbone", "encoder")}
    defaults = _defaults(config["method"])
    return json.dumps({k: v for k, v in flat.items() if k not in defaults or v != defaults[k]}, sort_keys=True)


def _of_row(row: Mapping[str, Any]) -> str:
    return _key(row["config"], {role: found["sha256"] for role, found in row["weights"].items() if found})


class _Once:
    """Pictures whose contents are taken once: a table holds all its tasks against the same files."""

    def __init__(self, pictures: ArrayPictures | FilePictures) -> None:
        self._n, self.content = len(pictures), cache(pictures.content)

    def __len__(self) -> int:
        return self._n


class Known:
    """A table whose rows stand for finished runs.

    A row stands for a run where task, protocol, method, settings, networks with the bytes of their weights, the recipe of
    training and ``RECIPE_VERSION`` are the same. Where the pictures are at hand they must be those of the row; where they or
    pretrained weights are not, the row is taken at its word.

    Parameters
    ----------
    path : of the table.
    root : of folder data sets.

    Attributes
    ----------
    rows : all of the table, stale ones among them.

    Raises
    ------
    InputError : as ``read_rows``.
    """

    def __init__(self, path: str | Path, root: str | None = None) -> None:
        self.path, self.root, self.rows = Path(path), root, read_rows(path)
        self._by_key: dict[str, list[dict[str, Any]]] = {}
        self._pretrained: dict[str, str] = {}  # network -> the bytes that this table means
        self._bytes: dict[tuple[str, str, int], str | None] = {}
        self._pairs: dict[tuple[str, str, str], tuple[Domain, Domain] | None] = {}
        self._splits: dict[TaskConfig, str | None] = {}
        for row in self.rows:
            if _recipe(row) == RECIPE_VERSION:
                self._by_key.setdefault(_of_row(row), []).append(row)
                for role, found in row["weights"].items():
                    if found and row["config"]["networks"].get(f"{role}_weights") == "pretrained":
                        self._pretrained[found["model"]] = found["sha256"]

    def find(self, config: RunConfig, device: str = "auto") -> dict[str, Any] | None:
        """The row that stands for a run, None where there is none.

        Parameters
        ----------
        config : from ``configure``.
        device : a row of any will do where it is auto; else one of its kind is wanted.

        Raises
        ------
        InputError : the pictures are at hand, and this task cannot be built from them.
        """
        if config.settings.content() is not None:  # pictures of one's own: no row tells their bytes
            return None
        weights = {role: self._weights(config, role) for role in config.settings.networks}
        rows = self._by_key.get(_key(dataclasses.asdict(config), weights), [])
        if device != "auto":
            rows = [row for row in rows if row["device"].split(":")[0] == pick_device(device).type]
        if not rows:
            return None
        split = self._split(config.task)
        found = next((row for row in rows if split in (None, row["split_hash"])), None)
        # under the name it has now: defaults may have moved since it was kept
        return found and {**found, "method": config.name, "changed": config.changed}

    def among(self, configs: Iterable[RunConfig], device: str = "auto") -> dict[RunConfig, dict[str, Any]]:
        """Those of these runs that a row stands for, each with its row."""
        return {config: row for config in configs if (row := self.find(config, device)) is not None}

    def classes(self, dataset: str, source: str, target: str) -> list[str]:
        """The single classes that are normal in rows of a pair, sorted: all of them, where its pictures are not at hand."""
        pair = {"dataset": dataset, "source": source, "target": target}
        mine = (rows[0] for rows in self._by_key.values() if pair.items() <= rows[0].items())
        return sorted({row["normal"] for row in mine if "+" not in row["normal"]})

    def _weights(self, config: RunConfig, role: str) -> str | None:
        """The bytes of a network at hand; out of reach, those that this table means by pretrained. Nothing is downloaded."""
        model, named = getattr(config.networks, role), getattr(config.networks, f"{role}_weights")
        what = model, named, config.task.seed
        if what not in self._bytes:
            try:
                self._bytes[what] = resolve_weights(*what, hub_answers=lambda: False).key
            except InputError:
                self._bytes[what] = self._pretrained.get(model) if named == "pretrained" else None
        return self._bytes[what]

    def _split(self, task: TaskConfig) -> str | None:
        """The hash of a split, None where its pictures are not at hand."""
        pair = task.dataset, task.source, task.target
        if pair not in self._pairs:
            try:
                self._pairs[pair] = tuple(
                    dataclasses.replace(domain, pictures=_Once(domain.pictures)) for domain in load_pair(*pair, self.root)
                )
            except InputError:
                self._pairs[pair] = None
        if self._pairs[pair] is None:
            return None
        if task not in self._splits:
            self._splits[task] = task_of(task, *self._pairs[pair]).split_hash
        return self._splits[task]


def opened(known: Known | str | Path | None, root: str | None = None) -> Known | None:
    """A table from its file, once; one that is open already, and none, as they are."""
    return known if known is None or isinstance(known, Known) else Known(known, root)
