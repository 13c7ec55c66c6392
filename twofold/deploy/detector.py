"""A detector for pictures of your own: a folder of normal ones, a folder without labels, and a score for any other."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict
from importlib.metadata import version
from typing import Any, Self

import numpy as np
import torch

from twofold.compute import keep_memory, pick_device, single_thread
from twofold.data.domains import Domain, View
from twofold.data.folders import load_pictures
from twofold.data.reading import READING_VERSION
from twofold.deploy.saved import FORMAT, Network, Sheet, foreign, read, write
from twofold.errors import InputError
from twofold.methods.background import NAMED
from twofold.methods.base import Method
from twofold.networks.weights import WHEELS, resolve_weights
from twofold.runs.config import RunConfig, TaskConfig, configure
from twofold.runs.run import build, resolved

__all__ = ["TwoFoldDetector"]

LEAST_SOURCE, LEAST_TARGET = 2, 20
LARGEST_PX = 1024  # of a picture's side: a file may not ask for more memory than a batch of these
SAME = 1e-4  # relative, of the witness: processors differ by 1e-6, sizes and networks by more
SAME_ELSEWHERE = 1e-2  # on other devices, which round the numbers of a convolution
PACKAGES = ("twofold", "torch", "torchvision", "timm", "numpy", "pillow")


class TwoFoldDetector:
    """Find anomalies in a domain without labels, by any method that is told no answers.

    Parameters
    ----------
    method : one of ``METHODS``; the default trains nothing.
    settings : fields of the method, its networks and its recipe, such as ``kept_share`` or ``encoder``, and ``seed``.
    preset : where the networks and their picture sizes come from.
    device : auto, cpu, cuda, mps.

    Attributes
    ----------
    config : of a run whose task is two folders.
    method_ : the fitted method, None before ``fit``; its ``selected_`` and ``notes_`` are about the target's pictures, in the
        order of their ids.
    held_out_ : (n,) scores of the target's own pictures, in the order of their ids, None before ``fit``.

    Raises
    ------
    InputError : an unknown field or value, a method that reads labels or shots, a device that is not there.

    >>> TwoFoldDetector(settings={"kept_share": 0.9}).config.name
    'pooled_gaussian[kept_share=0.9]'
    >>> TwoFoldDetector("oracle")
    Traceback (most recent call last):
    twofold.errors.InputError: wanted a method that is told no answers, got oracle, which reads labels; choose another...
    """

    def __init__(
        self,
        method: str = "pooled_gaussian",
        settings: Mapping[str, Any] | None = None,
        preset: str = "embedded",
        device: str = "auto",
    ) -> None:
        self.config = _configured(method, dict(settings or {}), preset)
        self.device = pick_device(device)
        self.method_: Method | None = None
        self.held_out_: np.ndarray | None = None

    def fit(self, source: str | os.PathLike[str] | Domain, target: str | os.PathLike[str] | Domain) -> Self:
        """Learn what is normal in the target, from normal pictures of elsewhere and the target's own, without labels.

        Parameters
        ----------
        source : folder (or domain) of at least 2 pictures, all normal.
        target : folder (or domain) of at least 20 pictures without labels, most of them normal.

        Raises
        ------
        InputError : a folder that cannot be read, too few pictures, weights out of reach, a training that diverged.
        """
        source, target = _view(source), _view(target)
        for words, view, least in (("normal source", source, LEAST_SOURCE), ("target", target, LEAST_TARGET)):
            if len(view) < least:
                raise InputError(f"wanted at least {least} {words} pictures, got {len(view)}; add pictures")
        keep_memory()
        order = np.argsort(target.contents, kind="stable")  # not that of the names: folders may be named for their classes
        by_content = source.subset(np.argsort(source.contents, kind="stable")), target.subset(order)
        with single_thread():
            method = build(self.config, self.device).fit(*by_content)
            if method.selected_ is not None:
                method.selected_ = method.selected_[np.argsort(order)]
            method.restore(method.state(), method.seen_)  # as a file would: a sum of another memory layout has other last bits
            held_out = _finite(method.anomaly_score(target))
        self.method_, self.held_out_ = method, held_out
        return self

    def anomaly_score(self, pictures: str | os.PathLike[str] | Domain) -> np.ndarray:
        """(n,) scores in the order of the pictures' ids; higher is more anomalous.

        A picture that was fitted, the same bytes under whatever name, is not its own judge. A picture is its bytes: one that
        was saved anew, though of the same pixels, is another.

        Raises
        ------
        InputError : not fitted yet, or a folder that cannot be read.
        """
        method = self.fitted()
        keep_memory()
        with single_thread():
            return _finite(method.anomaly_score(_view(pictures)))

    def fitted(self) -> Method:
        """The fitted method.

        Raises
        ------
        InputError : not fitted yet.
        """
        if self.method_ is None:
            raise InputError("wanted a fitted detector, got one that has seen no pictures; call fit first")
        return self.method_

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write what was learned, whole or not at all: safetensors without the frozen networks, and no path of theirs.

        Raises
        ------
        InputError : not fitted yet, or a place that cannot be written to.
        """
        method, config = self.fitted(), self.config
        weights = resolved(config)
        sheet = Sheet(
            format=FORMAT,
            method=config.method,
            preset=config.preset,
            fields=_fields(config),
            networks={role: Network(found.model, found.key) for role, found in weights.items()},
            seen=method.seen_.tolist(),
            selected=None if method.selected_ is None else method.selected_.tolist(),
            held_out=self.held_out_.tolist(),
            notes=method.notes_,
            witness=_witness(method),
            reading=READING_VERSION,
            versions={package: version(package) for package in PACKAGES},
        )
        write(path, method.state(), sheet)

    @classmethod
    def load(
        cls, path: str | os.PathLike[str], device: str = "auto", weights: Mapping[str, str | os.PathLike[str]] | None = None
    ) -> Self:
        """Read a saved detector; its networks must be the very ones it was fitted with.

        They are looked for where pip and the hub's cache have them; no file can make us ask the hub or read another file.

        Parameters
        ----------
        path : the file, under whatever name.
        device : auto, cpu, cuda, mps.
        weights : files of networks that were fitted from files, by role (``backbone``, ``encoder``), and ``"random"`` for
            random networks other than those that pip brings.

        Raises
        ------
        InputError : no such file, another kind of file, a damaged one, or networks that are not here.
        """
        pick_device(device)
        tensors, sheet = read(path)
        if sheet.reading != READING_VERSION:
            raise foreign(path, f"one whose pictures were read by version {sheet.reading}, here it is {READING_VERSION}")
        try:
            detector = cls(sheet.method, _settings(sheet, weights or {}), sheet.preset, device)
            if sheet.networks.keys() != detector.config.settings.networks:
                raise ValueError(f"networks for {', '.join(sorted(sheet.networks)) or 'nothing'}, which it does not look with")
            with single_thread():
                method = build(detector.config, detector.device).restore(tensors, sheet.seen)
                witness = _witness(method)
        except Exception as error:  # what a file says may be anything; whatever cannot be built is refused
            raise foreign(path, f"one that cannot be built ({error})") from error
        spread = float(np.std(sheet.held_out)) if sheet.held_out else 0.0
        same = SAME if detector.device.type == "cpu" else SAME_ELSEWHERE
        if not np.isclose(witness, sheet.witness, rtol=same, atol=same * spread):
            raise foreign(path, f"one that scores {sheet.witness:.6g} where here it is {witness:.6g}")
        method.notes_, method.selected_ = dict(sheet.notes), None if sheet.selected is None else np.array(sheet.selected, bool)
        detector.method_, detector.held_out_ = method, np.array(sheet.held_out)
        return detector


def _configured(method: str, settings: dict[str, Any], preset: str) -> RunConfig:
    """The run of two folders, the target without labels; what else makes a task is no matter of a detector."""
    for name in settings:
        if name in ("method", "preset") or name in TaskConfig.__pydantic_fields__.keys() - {"seed"}:
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


def _fields(config: RunConfig) -> dict[str, Any]:
    """Every field that is read, but the networks' names and where their weights lie."""
    parts = [part for part in (config.settings, config.networks, config.recipe) if part is not None]
    every = {name: value for part in parts for name, value in asdict(part).items()}
    if every.get("background", "none") not in NAMED:
        every["background"] = "own"  # a path of this machine is nobody's business; what was seen there is in the state
    left = config.settings.unread() | {name for role in ("backbone", "encoder") for name in (role, f"{role}_weights")}
    return {"seed": config.task.seed} | {name: value for name, value in every.items() if name not in left}


def _settings(sheet: Sheet, given: Mapping[str, str | os.PathLike[str]]) -> dict[str, Any]:
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


def _view(pictures: str | os.PathLike[str] | Domain) -> View:
    domain = pictures if isinstance(pictures, Domain) else load_pictures(pictures)
    return View(domain, np.arange(len(domain)))


def _finite(scores: np.ndarray) -> np.ndarray:
    if not np.isfinite(scores).all():
        raise InputError(
            f"wanted finite scores, got {np.count_nonzero(~np.isfinite(scores))} of {len(scores)} that are not; "
            "fit again, with a lower learning_rate where a network is trained"
        )
    return scores


@torch.no_grad()
def _witness(method: Method) -> float:
    """The score of one fixed picture, by the graph from pixels to score."""
    noise = np.random.default_rng(0).integers(0, 256, (1, 3, method.size_px, method.size_px), np.uint8)
    with single_thread():
        return float(method.eval()(torch.from_numpy(noise).to(method.device)))
