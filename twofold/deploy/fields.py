"""What a detector is configured by, as a run of two folders, and what of it stands in a file."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from twofold.deploy.saved import Sheet
from twofold.errors import InputError
from twofold.methods.background import NAMED
from twofold.networks.weights import WHEELS, resolve_weights
from twofold.runs.config import RunConfig, TaskConfig, configure

__all__ = ["configured", "told_by", "written"]

LARGEST_PX = 1024  # of a picture's side: a file may not ask for more memory than a batch of these


def configured(method: str, settings: Mapping[str, Any], preset: str) -> RunConfig:
    """The run of two folders, the target without labels; what else makes a task is no matter of a detector."""
    if not isinstance(settings, Mapping):
        raise InputError(f"wanted settings by name, such as {{'kept_share': 0.9}}, got {settings!r}; give a dict")
    others = {"method", "preset", *TaskConfig.__pydantic_fields__} - {"seed"}
    for name in settings:
        if not isinstance(name, str) or name in others:
            raise InputError(f"wanted settings of a method, its networks or its recipe, got {name!r}; leave it out")
    config = configure("folder", "source", "target", "normal", method, preset, **settings)
    if config.told:
        raise InputError(
            f"wanted a method that is told no answers, got {config.name}, which reads {config.told}; choose another, "
            "or judge it by 'twofold run'"
        )
    for role in config.settings.networks:
        size_px = getattr(config.networks, f"{role}_size_px")
        if size_px is not None and size_px > LARGEST_PX:
            raise InputError(f"wanted {role}_size_px of a detector up to {LARGEST_PX}, got {size_px}; lower it")
    return config


def written(config: RunConfig) -> dict[str, Any]:
    """Every field that is read, but the networks' names and where their weights lie."""
    parts = [part for part in (config.settings, config.networks, config.recipe) if part is not None]
    every = {name: value for part in parts for name, value in asdict(part).items()}
    if every.get("background", "none") not in NAMED:
        every["background"] = "own"  # a path of this machine is nobody's business; what was seen there is in the state
    left = config.settings.unread() | {name for role in ("backbone", "encoder") for name in (role, f"{role}_weights")}
    return {"seed": config.task.seed} | {name: value for name, value in every.items() if name not in left}


def told_by(sheet: Sheet, given: Mapping[str, str | os.PathLike[str]]) -> dict[str, Any]:
    """Settings of the detector in a file; a network is named only after its weights were found here, and are the same."""
    if strange := given.keys() - sheet.networks.keys():
        raise ValueError(f"no {', '.join(sorted(strange))} whose weights could be given")
    settings, seed = dict(sheet.fields), sheet.fields.get("seed")
    for role, network in sheet.networks.items():
        if named := settings.keys() & {role, f"{role}_weights"}:
            raise ValueError(f"{', '.join(sorted(named))} among its fields, where no network is named")
        weights = os.fspath(given.get(role, "pretrained"))
        if role not in given and network.model in WHEELS and network.sha256 == f"random:{seed}":
            weights = "random"
        if _key(network.model, weights, seed) != network.sha256:
            raise ValueError(
                f"the {role} {network.model!r} has weights that are not installed here: hand over their file, "
                f"load(path, weights={{{role!r}: FILE}})"
            )
        settings |= {role: network.model, f"{role}_weights": weights}
    return settings


def _key(model: str, weights: str, seed: int) -> str | None:
    """Of the weights as they are here, None where they are not; the hub is not asked."""
    try:
        return resolve_weights(model, weights, seed, hub_answers=lambda: False).key
    except InputError:
        if weights not in ("pretrained", "random"):
            raise  # the file that was handed over
        return None
