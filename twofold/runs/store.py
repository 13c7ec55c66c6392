"""The run store: one folder a run, named by its hash, complete or not there at all."""

from __future__ import annotations

import json
import math
import os
import shutil
import tempfile
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file

from twofold.errors import InputError
from twofold.runs.rows import fault
from twofold.runs.run import Finished, Prepared

__all__ = ["WEIGHTS", "RunStore"]

WEIGHTS = "weights.safetensors"
TEST = "test.safetensors"


def _plain(value: Any) -> Any:
    """JSON has no NaN: what is not a finite number is null."""
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _cut_short(path: Path) -> bool:
    """Whether a safetensors file is not there, or shorter or longer than its own header says; its numbers are not read."""
    try:
        with safe_open(path, framework="numpy") as file:
            return not {"scores", "labels"} <= set(file.keys())
    except (OSError, SafetensorError):
        return True


class RunStore:
    """Results under ``folder/<config_hash>/``: ``result.json``, ``test.safetensors``, optionally ``weights.safetensors``.

    A run is written aside and renamed into place, so a killed process leaves nothing half-written. A folder that does not
    hold the result it is named for counts as not there, and is said once.

    Parameters
    ----------
    folder : created with the first result; one that may only be read can be read.
    log : takes one line per folder that is passed over.

    Raises
    ------
    InputError : the folder is a file.

    >>> RunStore("no/such/folder").results()
    []
    """

    def __init__(self, folder: str | Path, log: Callable[[str], None] = lambda line: None) -> None:
        if not str(folder):
            raise InputError("wanted a folder for runs, got an empty name; name one with --out")
        self.folder, self._log, self._said = Path(os.path.expanduser(folder)), log, set()
        if self.folder.exists() and not self.folder.is_dir():
            raise InputError(f"wanted a folder for runs, got the file {self.folder}; choose another --out")

    def check_writable(self) -> None:
        """Say before the work begins that a result could not be kept.

        Raises
        ------
        InputError : the folder, or the nearest one above it, cannot be written.
        """
        nearest = next(path for path in (self.folder.absolute(), *self.folder.absolute().parents) if path.exists())
        try:
            tempfile.TemporaryFile(dir=nearest).close()
        except OSError as error:
            raise InputError(
                f"wanted to write runs to {self.folder}, got: {error.strerror} in {nearest}; choose another --out"
            ) from error

    def result(self, config_hash: str) -> dict[str, Any] | None:
        """The finished run of that hash, None where there is none or it failed."""
        result = self._read(self.folder / config_hash)
        return result if result and result["error"] is None else None

    def results(self) -> list[dict[str, Any]]:
        """All stored results, failed ones included, in order of their hash."""
        return list(self._read_all())

    def _read_all(self) -> Iterator[dict[str, Any]]:
        for place in sorted(self.folder.glob("[!.]*/")):  # a dot begins what is still being written
            result = self._read(place)
            if result is not None:
                yield result

    def _read(self, place: Path) -> dict[str, Any] | None:
        path = place / "result.json"
        try:
            result = json.loads(path.read_text("utf-8"))
            reason = fault(result, place.name)
        except (FileNotFoundError, NotADirectoryError):
            return None  # not there, or another process is replacing it
        except (OSError, ValueError, RecursionError) as error:
            reason = " ".join(str(error).split())[:160]
        if not reason and result["error"] is None and _cut_short(place / TEST):
            reason = f"{TEST} is missing or cut short"
        if reason and place not in self._said:
            self._said.add(place)
            self._log(f"passed over {place}: {reason}; it counts as not there")
        return None if reason else result

    def test_features(self, config_hash: str) -> dict[str, np.ndarray]:
        """Scores (n,) and labels (n,) of a run's test pictures, their ids, and where a network was trained its features (n, d).

        Raises
        ------
        InputError : the file is not there or cannot be read.
        """
        path = self.folder / config_hash / TEST
        try:
            tensors = {name: tensor.numpy() for name, tensor in load_file(path).items()}
            ids = json.loads((path.parent / "test_ids.json").read_text("utf-8"))
        except (OSError, SafetensorError, ValueError) as error:
            raise InputError(
                f"wanted the test pictures of a run in {path}, got {error}; remove its folder and run it"
            ) from error
        if "features" in tensors:
            tensors["features"] = tensors["features"].astype(np.float32)
        return {**tensors, "ids": np.array(ids)}

    def save(
        self,
        result: dict[str, Any],
        prepared: Prepared | None = None,
        finished: Finished | None = None,
        save_weights: bool = False,
    ) -> dict[str, Any]:
        """Write a result, with the test pictures' scores and, where a network was trained, their features (float16)."""
        result = _plain(result)
        aside = self.folder / f".writing-{uuid.uuid4().hex}"
        try:
            aside.mkdir(parents=True)
            (aside / "result.json").write_text(json.dumps(result, indent=1, allow_nan=False), "utf-8")
            if finished is not None:
                _write_test(aside, prepared, finished)
            if save_weights and finished is not None and prepared.config.trains:
                save_file(finished.method.state(), aside / WEIGHTS)
            self._place(aside, result["config_hash"])
        except (OSError, SafetensorError) as error:
            raise InputError(
                f"wanted to keep a run in {self.folder}, got {error}; make room or choose another --out"
            ) from error
        finally:
            shutil.rmtree(aside, ignore_errors=True)
        return result

    def _place(self, aside: Path, config_hash: str) -> None:
        place = self.folder / config_hash
        if place.exists() and self.result(config_hash) is None:
            shutil.rmtree(place)  # a failed run, or what is none, makes room
        try:
            os.replace(aside, place)
        except OSError:
            if self.result(config_hash) is None:
                raise
            if (aside / WEIGHTS).exists():  # the run was there, its weights were not
                os.replace(aside / WEIGHTS, place / WEIGHTS)


def _write_test(folder: Path, prepared: Prepared, finished: Finished) -> None:
    test = {
        "scores": torch.as_tensor(finished.scores, dtype=torch.float32),
        "labels": torch.as_tensor(prepared.task.target_test_labels),
    }
    if prepared.config.trains:
        test["features"] = finished.features.half()
    save_file(test, folder / TEST)
    (folder / "test_ids.json").write_text(json.dumps([str(name) for name in prepared.task.target_test_ids]), "utf-8")
