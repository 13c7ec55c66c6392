"""How long runs will take: as stored ones of their kind did, else from one small batch through their networks, here and now."""

from __future__ import annotations

import dataclasses
import json
import os
import time
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import torch

from twofold.compute import pick_device, single_thread
from twofold.networks.backbones import load_backbone, load_encoder
from twofold.networks.weights import resolve_weights
from twofold.runs.config import RunConfig
from twofold.runs.rows import Known, opened
from twofold.runs.run import Prepared, prepare
from twofold.runs.store import RunStore

__all__ = ["estimate_seconds"]

# measured on one core of a 2026 server
RUN_SECONDS = 1.0  # of a run beside its networks: opening, clustering, scoring
LOOP = 1.2  # what a step costs, in bare passes through what is trained
PICTURES, ENOUGH_SECONDS = 8, 0.05  # of the batch that is timed: doubled until a pass takes so long


def estimate_seconds(
    configs: Sequence[RunConfig],
    out: str | Path = "runs",
    jobs: int = 1,
    root: str | None = None,
    device: str = "auto",
    known: Known | str | Path | None = None,
) -> tuple[int, float]:
    """How many of these runs are still to do, and about how long they take.

    Parameters
    ----------
    configs, out, jobs, root, device, known : as in ``sweep``.

    Returns
    -------
    (runs to do, seconds): as stored runs of the same method, networks, sizes and device took; where there is none, measured
    passes times pictures, each encoded once by each network as if none had been before.
    """
    table, store = opened(known, root), RunStore(out)
    rows = table.among(configs, device) if table else {}
    seen = _stored([*store.results(), *(table.rows if table else [])])
    todo, seconds, unseen = 0, 0.0, []
    for config in configs:
        if config in rows:
            continue
        prepared = prepare(config, root, device)
        if store.result(prepared.config_hash) is None:
            todo += 1
            took = seen.get(_kind(config.name, dataclasses.asdict(config.networks), prepared.device.type))
            if took:
                seconds += sum(took) / len(took)
            else:
                unseen.append(prepared)
    seconds += _encoding(unseen) + sum(RUN_SECONDS + _training(prepared) for prepared in unseen)
    return todo, seconds / max(1, min(jobs, os.cpu_count() or 1))


def _kind(method: str, networks: dict[str, Any], device: str) -> str:
    return json.dumps([method, networks, device.split(":")[0]])


def _stored(results: Iterable[dict[str, Any]]) -> dict[str, list[float]]:
    """Seconds of finished runs by their kind."""
    seen: dict[str, list[float]] = {}
    for result in results:
        if result["error"] is None and "networks" in result["config"]:
            kind = _kind(result["method"], result["config"]["networks"], str(result["device"]))
            seen.setdefault(kind, []).append(result["seconds"]["total"])
    return seen


def _encoding(runs: Sequence[Prepared]) -> float:
    """Seconds to send every picture of these runs once through each network that looks at it."""
    pictures: dict[tuple[str, int, str], set[str]] = {}
    done = set()
    for run in runs:
        nets = run.config.networks
        for role in run.config.settings.networks:
            size_px = getattr(nets, f"{role}_size_px") or nets.encoder_size_px  # all layers looked at share the encoder's
            what = getattr(nets, role), size_px, run.device.type
            if (what, run.task.split_hash) not in done:
                done.add((what, run.task.split_hash))
                for view in (run.task.source_train, run.task.target_train, run.task.target_test):
                    pictures.setdefault(what, set()).update(map(str, view.contents))
    return sum(len(contents) * _picture_seconds(*what) for what, contents in pictures.items())


def _training(run: Prepared) -> float:
    """Seconds of a run's steps."""
    if not run.config.trains:
        return 0.0
    nets, recipe = run.config.networks, run.config.recipe
    batch = 2 * recipe.batch_size
    frozen_stages = nets.frozen_stages or 0  # a method that does not read it passes pictures through the whole
    passes = _step_seconds(nets.backbone, nets.backbone_size_px, frozen_stages, run.device.type, batch)
    return LOOP * recipe.steps * passes


@cache
def _picture_seconds(network: str, size_px: int, device: str) -> float:
    """Seconds a picture of one pass through a frozen network; what its weights are does not matter."""
    extractor = load_encoder(network, resolve_weights(network, "random"), size_px)
    extractor.network.to(pick_device(device))
    n, seconds = _timed(lambda n: extractor(torch.zeros(n, 3, size_px, size_px, dtype=torch.uint8)), 256)
    return seconds / n


@cache
def _step_seconds(network: str, size_px: int, frozen_stages: int, device: str, batch: int) -> float:
    """Seconds of one pass through what is trained and back, for a batch."""
    backbone = load_backbone(network, resolve_weights(network, "random"), size_px, frozen_stages).to(pick_device(device))
    pictures = torch.zeros(min(batch, PICTURES), 3, size_px, size_px, dtype=torch.uint8)
    inputs = backbone.stem(pictures).to(backbone.device) if backbone.has_stem else backbone.stem.prepare(pictures)

    def both_ways(n: int) -> None:
        backbone.tail(inputs.repeat(-(-n // len(inputs)), 1, 1, 1)[:n]).square().sum().backward()

    n, seconds = _timed(both_ways, batch)
    return seconds * batch / n


def _timed(work: Callable[[int], Any], most: int) -> tuple[int, float]:
    """A batch that is large enough to be timed, ``most`` at most, and the seconds of the faster of two passes."""
    n = min(PICTURES, most)
    with single_thread():
        while True:
            work(n)  # memory is taken here
            seconds = min(_seconds(work, n) for _ in range(2))
            if n == most or seconds >= ENOUGH_SECONDS:
                return n, seconds
            n = min(2 * n, most)


def _seconds(work: Callable[[int], Any], n: int) -> float:
    start = time.perf_counter()
    work(n)
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - start
