"""Features of frozen networks, computed once per picture and kept on disk."""

from __future__ import annotations

import hashlib
import json
import os
import uuid
from collections.abc import Sequence
from pathlib import Path

import torch
from filelock import FileLock
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from twofold.data.domains import Domain
from twofold.networks.backbones import Extractor

__all__ = ["EmbeddingCache"]

SHARD = 4096
BATCH = 64  # constant: a picture's features may not depend on how many others are encoded with it


class EmbeddingCache:
    """Rows of features on disk, one per (extractor, picture, preprocessing), safely shared by parallel runs.

    Each call that meets new pictures adds one immutable shard; shards are written aside and renamed, and a lock per
    extractor and domain keeps two processes from encoding the same pictures.

    Parameters
    ----------
    folder : where shards live; by default ``$TWOFOLD_CACHE`` or ``~/.cache/twofold``.

    Attributes
    ----------
    encoded : pictures that went through a network so far, 0 when everything was found.
    """

    def __init__(self, folder: str | Path | None = None) -> None:
        default = os.environ.get("TWOFOLD_CACHE") or Path.home() / ".cache" / "twofold"
        self.folder = Path(folder or default).expanduser()
        self.encoded = 0

    def embed(self, extractor: Extractor, domain: Domain, indices: Sequence[int]) -> Tensor:
        """Features (n, ...) float32 of the pictures at ``indices``, in that order."""
        wanted = [f"{domain.fingerprints[i]}:{domain.ids[i]}" for i in indices]
        place = f"{extractor.key}|{extractor.device.type}|{domain.dataset}|{domain.name}"
        folder = self.folder / hashlib.sha256(place.encode()).hexdigest()[:20]
        found = self._read(folder, set(wanted))
        if any(key not in found for key in wanted):
            folder.mkdir(parents=True, exist_ok=True)
            with FileLock(folder / "lock"):
                found = self._read(folder, set(wanted))  # another process may have been faster
                rows = {key: i for i, key in zip(indices, wanted, strict=True) if key not in found}
                for start in range(0, len(rows), SHARD):  # what is done stays done when a long encoding is stopped
                    keys = list(rows)[start : start + SHARD]
                    values = self._encode(extractor, domain, [rows[key] for key in keys])
                    self._write(folder, keys, values)
                    found.update(zip(keys, values, strict=True))
        return torch.stack([found[key] for key in wanted])

    def _encode(self, extractor: Extractor, domain: Domain, indices: list[int]) -> Tensor:
        values = []
        for start in range(0, len(indices), BATCH):
            pictures = domain.images(indices[start : start + BATCH], extractor.size_px)
            n = len(pictures)
            pictures = torch.cat([pictures, pictures[-1:].expand(BATCH - n, -1, -1, -1)])
            values.append(extractor(pictures)[:n])
        self.encoded += len(indices)
        return torch.cat(values)

    @staticmethod
    def _read(folder: Path, wanted: set[str]) -> dict[str, Tensor]:
        found = {}
        for path in sorted(folder.glob("*.safetensors")):
            try:
                with safe_open(path, framework="pt") as shard:
                    keys = json.loads(shard.metadata()["keys"])
                    if not wanted.isdisjoint(keys):
                        values = shard.get_tensor("values")
                        found.update((key, values[row]) for row, key in enumerate(keys) if key in wanted)
            except SafetensorError:  # cut short by a full disk or a crash: as good as absent
                path.unlink(missing_ok=True)
        return found

    @staticmethod
    def _write(folder: Path, keys: list[str], values: Tensor) -> None:
        name = hashlib.sha256("".join(keys).encode()).hexdigest()[:20]
        aside = folder / f"{name}.{uuid.uuid4().hex}.part"
        try:
            save_file({"values": values.contiguous()}, aside, metadata={"keys": json.dumps(keys)})
            os.replace(aside, folder / f"{name}.safetensors")
        finally:
            aside.unlink(missing_ok=True)
