"""Features of frozen networks, computed once per picture and kept on disk."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

import torch
from filelock import FileLock
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from twofold.backbones import Extractor
from twofold.domains import Domain

__all__ = ["EmbeddingCache"]

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
        wanted = [str(domain.fingerprints[i]) + ":" + str(domain.ids[i]) for i in indices]
        name = hashlib.sha256(f"{extractor.key}|{domain.dataset}|{domain.name}".encode()).hexdigest()[:20]
        folder = self.folder / name
        found = self._read(folder, set(wanted))
        missing = [i for i, key in zip(indices, wanted, strict=True) if key not in found]
        if missing:
            folder.mkdir(parents=True, exist_ok=True)
            with FileLock(folder / "lock"):
                found = self._read(folder, set(wanted))  # another process may have been faster
                rows = {key: i for i, key in zip(indices, wanted, strict=True) if key not in found}
                if rows:
                    values = self._encode(extractor, domain, list(rows.values()))
                    self._write(folder, list(rows), values)
                    found.update(zip(rows, values, strict=True))
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
            with safe_open(path, framework="pt") as shard:
                keys = json.loads(shard.metadata()["keys"])
                if not wanted.isdisjoint(keys):
                    values = shard.get_tensor("values")
                    found.update((key, values[row]) for row, key in enumerate(keys) if key in wanted)
        return found

    @staticmethod
    def _write(folder: Path, keys: list[str], values: Tensor) -> None:
        name = hashlib.sha256("".join(keys).encode()).hexdigest()[:20]
        handle, path = tempfile.mkstemp(dir=folder, suffix=".part")
        os.close(handle)
        save_file({"values": values.contiguous()}, path, metadata={"keys": json.dumps(keys)})
        os.replace(path, folder / f"{name}.safetensors")
