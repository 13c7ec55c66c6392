"""A detector for pictures of your own: a folder of normal ones, a folder without labels, and a score for any other."""

from __future__ import annotations

import hashlib
import json
import os
import uuid
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from twofold.data.domains import Domain, FilePictures
from twofold.data.listing import load_pictures
from twofold.data.tasks import View
from twofold.errors import InputError
from twofold.methods.detectors import embed_layers, pick_device, single_thread
from twofold.networks.cache import EmbeddingCache
from twofold.networks.weights import resolve_weights
from twofold.parts.gaussians import Gaussian, PooledGaussian, fit_pooled
from twofold.runs.config import configure

__all__ = ["TwoFoldDetector"]

FORMAT = 1  # of the saved file


class TwoFoldDetector:
    """Find anomalies in a domain without labels: the method is ``pooled_gaussian``, nothing is trained.

    Parameters
    ----------
    preset : where the networks and their picture sizes come from.
    device : auto, cpu, cuda, mps; of the networks alone.
    changes : fields of a run that the method looks at, such as ``kept_share`` or ``encoder``.

    Attributes
    ----------
    config : the run's configuration; its data fields are empty.
    fitted : PooledGaussian, None before ``fit``.

    Raises
    ------
    InputError : an unknown field or value, a device that is not there.

    >>> TwoFoldDetector(kept_share=0.9).config.name
    'pooled_gaussian[kept_share=0.9]'
    """

    def __init__(self, preset: str = "embedded", device: str = "auto", **changes: Any) -> None:
        self.config = configure("folder", "", "", "", "pooled_gaussian", preset, **changes)
        if self.config.frozen_score != "pooled_gaussian" or self.config.trains or self.config.oracle:
            raise InputError(
                f"wanted a detector that trains nothing and reads no label, got {self.config.name}; "
                "use 'twofold run' for the others"
            )
        self.fitted: PooledGaussian | None = None
        self._held_out: dict[str, float] = {}
        self._device = pick_device(device)
        roles = {"both": ("encoder", "backbone")}.get(self.config.features, (self.config.features,))
        self._weights = {
            role: resolve_weights(getattr(self.config, role), getattr(self.config, f"{role}_weights"), self.config.seed)
            for role in roles
        }

    def fit(self, source: str | os.PathLike[str] | Domain, target: str | os.PathLike[str] | Domain) -> TwoFoldDetector:
        """Find the normal part of the target and describe it, steadied by how the source's normals vary.

        Parameters
        ----------
        source : folder (or domain) of at least 2 pictures, all normal.
        target : folder (or domain) of at least 20 pictures without labels, most of them normal.

        Returns
        -------
        Itself, with ``fitted``: its ``kept``, ``train_scores`` and ``contrast`` are about the target's pictures.

        Raises
        ------
        InputError : a folder that cannot be read, or too few pictures.
        """
        domains = [_domain(source), _domain(target)]
        views = [_view(domain) for domain in domains]
        for words, view, least in (("normal source pictures", views[0], 2), ("target pictures", views[1], 20)):
            if len(view) < least:
                raise InputError(f"wanted at least {least} {words}, got {len(view)}; add pictures")
        keep_all = np.ones(len(views[1]), bool) if self.config.selection == "all" else None
        with single_thread():
            spaces = self._embed(views)
            self.fitted = fit_pooled(*spaces, self.config.kept_share, self.config.source_weight, keep_all)
        self._held_out = pd.Series(self.fitted.train_scores).groupby(_names(domains[1])).mean().to_dict()
        return self

    def anomaly_score(self, pictures: str | os.PathLike[str] | Domain) -> np.ndarray:
        """(n,) scores in the order of the pictures' ids; higher is more anomalous, 0 is a usual normal picture.

        A picture of the fitted target, the same file, has its held-out score (copies their mean): it is no judge of itself.

        Raises
        ------
        InputError : not fitted yet, or a folder that cannot be read.
        """
        fitted, domain = self._fitted(), _domain(pictures)
        with single_thread():
            scores = fitted.anomaly_score(self._embed([_view(domain)])[0])
        return np.array([self._held_out.get(name, score) for name, score in zip(_names(domain), scores, strict=True)])

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the fitted Gaussians (safetensors, without the networks), atomically."""
        fitted, place = self._fitted(), Path(path).expanduser()
        tensors = {"kept": fitted.kept, "train_scores": fitted.train_scores, "scales": np.array(fitted.scales)}
        for i, gaussian in enumerate(fitted.gaussians):
            fields = asdict(gaussian)
            tensors |= {f"{i}.{name}": np.ascontiguousarray(value) for name, value in fields.items() if value is not None}
        about = {"format": FORMAT, "config": asdict(self.config), "contrast": fitted.contrast}
        about |= {"source_weights": fitted.source_weights, "held_out": self._held_out}
        about["weights"] = {role: weights.key for role, weights in self._weights.items()}
        aside = place.with_name(f".{place.name}.{uuid.uuid4().hex}.part")
        try:
            save_file({name: np.asarray(value) for name, value in tensors.items()}, aside, {"twofold": json.dumps(about)})
            os.replace(aside, place)
        except (OSError, SafetensorError) as error:
            raise InputError(f"wanted to write {place}, got {error}; choose another place") from error
        finally:
            aside.unlink(missing_ok=True)

    @classmethod
    def load(cls, path: str | os.PathLike[str], device: str = "auto") -> TwoFoldDetector:
        """Read a saved detector; its networks must be the very ones it was fitted with.

        Raises
        ------
        InputError : no such file, another kind of file, or networks whose weights have changed.
        """
        try:
            with safe_open(Path(path).expanduser(), framework="numpy") as file:
                about = json.loads((file.metadata() or {})["twofold"])
                tensors = {name: file.get_tensor(name) for name in file.keys()}
        except (OSError, SafetensorError, KeyError, ValueError) as error:
            raise InputError(f"wanted a detector saved by twofold in {path}, got {error}; fit one first") from error
        if about.get("format") != FORMAT:
            raise InputError(f"wanted a detector of format {FORMAT} in {path}, got {about.get('format')}; fit it again")
        config = about["config"]
        task = ("dataset", "source", "target", "normal", "method", "preset")
        detector = cls(config["preset"], device, **{k: v for k, v in config.items() if k not in task})
        keys = {role: weights.key for role, weights in detector._weights.items()}
        if keys != about["weights"]:
            raise InputError(f"wanted the networks {path} was fitted with, got others of the same names; fit it again")
        scales = [(float(middle), float(width)) for middle, width in tensors["scales"]]
        gaussians = []
        for i in range(len(scales)):
            arrays = (tensors.get(f"{i}.{name}") for name in ("mean", "lower", "rows"))
            numbers = (tensors[f"{i}.{name}"].item() for name in ("sphere", "log_determinant", "shrinkage"))
            gaussians.append(Gaussian(*arrays, *numbers))
        detector.fitted = PooledGaussian(
            gaussians,
            scales,
            tensors["kept"],
            tensors["train_scores"],
            about["source_weights"],
            about["contrast"],
        )
        detector._held_out = about["held_out"]
        return detector

    def _fitted(self) -> PooledGaussian:
        if self.fitted is None:
            raise InputError("wanted a fitted detector, got one that has seen no pictures; call fit first")
        return self.fitted

    def _embed(self, views: Sequence[View]) -> list[list[np.ndarray]]:
        found = embed_layers(self.config, views, self._weights, self._device, EmbeddingCache())
        # where a camera never moves the Gaussians are so narrow that single precision tells a copy from its original
        return [[space.astype(np.float64) for space in spaces] for spaces in found]


def _domain(pictures: str | os.PathLike[str] | Domain) -> Domain:
    return pictures if isinstance(pictures, Domain) else load_pictures(pictures)


def _view(domain: Domain) -> View:
    return View(domain, np.arange(len(domain)))


def _names(domain: Domain) -> list[str]:
    """What knows a picture again, wherever it lies and whatever it is called: its file's content."""
    if not isinstance(domain.pictures, FilePictures):
        return list(domain.fingerprints)
    names = []
    for path in domain.pictures.paths:
        with open(path, "rb") as file:
            names.append(hashlib.file_digest(file, "sha256").hexdigest()[:32])
    return names
