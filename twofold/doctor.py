"""What this machine has: versions, devices, weights, data, cache, methods."""

from __future__ import annotations

import platform
from importlib.metadata import version

import pandas as pd

from twofold.data import COUNTED, DATASETS, check, load_domain, where
from twofold.errors import InputError

__all__ = ["check_data", "doctor", "list_data"]

PACKAGES = ("twofold", "torch", "torchvision", "timm", "open_clip_torch", "scikit-learn")


def list_data() -> str:
    """Data sets, their domains, and whether they are here."""
    lines = []
    for name, domains in DATASETS.items():
        try:
            here = where(name)
        except InputError:
            here = f"not found; 'twofold data check {name}' says what to do"
        lines.append(f"{name:12} {' '.join(domains) or '-'}\n{'':12} {here}")
    return "\n".join(lines)


def check_data(name: str, root: str | None = None) -> tuple[str, bool]:
    """Counts of a data set, against the published ones where there are, and whether it is complete.

    Parameters
    ----------
    name : a key of ``DATASETS``.
    root : the data set's folder or its parent.

    Raises
    ------
    InputError : unknown name, nothing found, or nothing published to compare with.
    """
    if name not in DATASETS:
        raise InputError(f"wanted a data set, got {name!r}; choose one of: {', '.join(DATASETS)}")
    if name in COUNTED:
        report = check(name, root)
        return "\n".join(report.lines()), report.ok
    if name == "folder":
        raise InputError(
            "wanted a data set with published counts, got 'folder'; your own pictures have none to compare with, "
            "so list their folders instead"
        )
    lines = []
    for domain in DATASETS[name]:
        names = pd.Series(load_domain(name, domain).class_names)
        counts = ", ".join(f"{label} {count}" for label, count in names.value_counts(sort=False).items())
        lines.append(f"{domain}: {len(names)} pictures; {counts}")
    return "\n".join(lines), True


def _networks() -> list[str]:
    """Which network each preset asks for, and where its weights are."""
    from twofold.networks.weights import resolve_weights
    from twofold.runs.config import configure
    from twofold.runs.presets import PRESETS

    lines = []
    for preset in PRESETS:
        networks = configure("digits", "type", "optdigits", "0", "twofold", preset).flat
        for role in ("backbone", "encoder"):
            try:
                origin = resolve_weights(networks[role], hub_answers=lambda: False).origin
            except InputError:
                origin = "not on this machine; fetched from the model hub when first needed, or pass a local file"
            lines.append(f"{preset} {role} {networks[role]}: {origin}")
    return lines


def doctor() -> str:
    """Versions, devices, weights, cache, methods and data, a line each."""
    import torch

    from twofold.compute import pick_device
    from twofold.methods import METHODS
    from twofold.networks.cache import EmbeddingCache

    gpus = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    cache = EmbeddingCache().folder
    size = sum(path.stat().st_size for path in cache.rglob("*") if path.is_file()) if cache.is_dir() else 0
    lines = [
        f"python {platform.python_version()}, " + ", ".join(f"{name} {version(name)}" for name in PACKAGES),
        f"device {pick_device()}" + (f" ({', '.join(gpus)})" if gpus else "") + "; a CPU run uses one thread",
        *_networks(),
        f"embedding cache {cache} ({size / 1e6:.0f} MB)",
        f"methods: {', '.join(METHODS)}",
    ]
    return "\n".join(lines) + "\n" + list_data()
