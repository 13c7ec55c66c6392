"""The run store: one folder a run, named by its hash, complete or not there at all."""

from __future__ import annotations

import json
import math
import os
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file

from twofold.errors import InputError
from twofold.runs.run import Fitted, Prepared

__all__ = ["WEIGHTS", "RunStore"]

WEIGHTS = "weights.safetensors"


def _plain(value: Any) -> Any:
    """JSON has no NaN: what is not a finite number is null."""
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


class RunStore:
    """Results under ``folder/<config_hash>/``: ``result.json``, ``test.safetensors``, optionally ``weights.safetensors``.

    A run is written aside and renamed into place, so a killed process leaves nothing half-written.

    Parameters
    ----------
    folder : created with the first result.

    Raises
    ------
    InputError : the folder is a file.

    >>> RunStore("no/such/folder").results()
    []
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder).expanduser()
        if self.folder.exists() and not self.folder.is_dir():
            raise InputError(f"wanted a folder for runs, got the file {self.folder}; choose another --out")
        nearest = next(path for path in (self.folder.absolute(), *self.folder.absolute().parents) if path.exists())
        if not (nearest.is_dir() and os.access(nearest, os.W_OK)):
            raise InputError(f"wanted to write runs to {self.folder}, got no permission in {nearest}; choose another --out")

    def result(self, config_hash: str) -> dict[str, Any] | None:
        """The finished run of that hash, None where there is none or it failed."""
        path = self.folder / config_hash / "result.json"
        result = json.loads(path.read_text("utf-8")) if path.is_file() else None
        return result if result and result["error"] is None else None

    def results(self) -> list[dict[str, Any]]:
        """All stored results, failed ones included, in order of their hash."""
        return list(self._read_all())

    def _read_all(self) -> Iterator[dict[str, Any]]:
        for path in sorted(self.folder.glob("[!.]*/result.json")):  # a dot begins what is still being written
            try:
                yield json.loads(path.read_text("utf-8"))
            except FileNotFoundError:
                continue  # another process is replacing it
            except ValueError as error:
                raise InputError(f"wanted a run's result in {path}, got broken JSON ({error}); remove its folder") from error

    def test_features(self, config_hash: str) -> dict[str, np.ndarray]:
        """Features (n, d), scores (n,) and labels (n,) of a run's test pictures, and their ids."""
        folder = self.folder / config_hash
        tensors = {name: tensor.numpy() for name, tensor in load_file(folder / "test.safetensors").items()}
        tensors["features"] = tensors["features"].astype(np.float32)
        return {**tensors, "ids": np.array((folder / "test_ids.txt").read_text("utf-8").splitlines())}

    def save(
        self,
        result: dict[str, Any],
        prepared: Prepared | None = None,
        fitted: Fitted | None = None,
        save_weights: bool = False,
    ) -> dict[str, Any]:
        """Write a result, with the test pictures' features (float16) and scores where the run succeeded."""
        self.folder.mkdir(parents=True, exist_ok=True)
        result = _plain(result)
        aside = self.folder / f".writing-{uuid.uuid4().hex}"
        aside.mkdir()
        try:
            (aside / "result.json").write_text(json.dumps(result, indent=1, allow_nan=False), "utf-8")
            if fitted is not None:
                test = {
                    "features": fitted.features.half(),
                    "scores": torch.as_tensor(np.float32(fitted.scores)),
                    "labels": torch.as_tensor(prepared.task.target_test_labels),
                }
                save_file(test, aside / "test.safetensors")
                (aside / "test_ids.txt").write_text("\n".join(prepared.task.target_test_ids), "utf-8")
            if save_weights and fitted is not None and fitted.backbone is not None:
                state = {name: value.cpu().contiguous() for name, value in fitted.backbone.state_dict().items()}
                save_file({**state, "center": fitted.training.center.cpu()}, aside / WEIGHTS)
            place = self.folder / result["config_hash"]
            if place.exists() and self.result(result["config_hash"]) is None:
                shutil.rmtree(place)  # a failed run makes room
            try:
                os.replace(aside, place)
            except OSError:
                if self.result(result["config_hash"]) is None:
                    raise
                if (aside / WEIGHTS).exists():  # the run was there, its weights were not
                    os.replace(aside / WEIGHTS, place / WEIGHTS)
                shutil.rmtree(aside)
        except BaseException:
            shutil.rmtree(aside, ignore_errors=True)
            raise
        return result
