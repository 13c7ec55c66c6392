"""Features of frozen networks, computed once per picture and kept on disk."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
import socket
import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from functools import cache
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

import torch
from filelock import FileLock, Timeout
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from twofold.compute import cores, keep_memory, single_thread
from twofold.data.reading import READING_VERSION
from twofold.errors import InputError
from twofold.files import whole
from twofold.networks.backbones import Extractor
from twofold.progress import bar

if TYPE_CHECKING:
    from twofold.data.domains import View

__all__ = ["EmbeddingCache"]

BATCH = 32  # constant: a picture's features may not depend on how many others are encoded with it; small: no worker waits long
SHARD = 4 * BATCH  # with a batch in the hands of each of two workers: what a kill can cost is 256 pictures
AHEAD = 4  # batches that are asked for before those in hand are kept, or as many as there are workers
WORKERS = 2  # more have to be asked for: each holds the activations of a batch
SILENCE_S = 5.0  # whoever waits longer is told for whom
HUNG_S = 120.0  # whoever holds the lock shows a sign of life with every batch
LEFT_S = 3600.0  # nothing takes so long to write

_SHARD_NAME = re.compile(r"[0-9a-f]{20}\.safetensors")
_KEYS: dict[str, tuple[str, ...]] = {}  # of every shard seen by this process: a shard's name is the hash of its keys


@cache
def _say(text: str) -> None:
    """One line on stderr, unless a program that uses us handles its logs; the same line once a process."""
    logging.getLogger(__name__).warning(text)


def _reason(error: Exception) -> str:
    cause = error.__cause__ or error
    return getattr(cause, "strerror", None) or " ".join(str(cause).split())[:200] or type(cause).__name__


class EmbeddingCache:
    """Rows of features on disk, one per picture and extractor, safely shared by parallel runs.

    A picture is its content: wherever it lies and whatever it is called, it is encoded once by each extractor, on each
    kind of device, for each version of the reading. Immutable shards of 128 pictures are written whole while the encoding
    goes on; what is broken among them, foreign or unreadable is as good as absent. Where nothing can be kept, for want of
    room or permission, features are computed all the same, which one line on stderr says.

    Parameters
    ----------
    folder : where shards live; by default ``$TWOFOLD_CACHE`` or ``~/.cache/twofold``.
    workers : threads that decode and encode, each on a batch and a core of its own; by default two where there are two
        cores. Features are bit for bit the same for any number. On an accelerator they take turns, so that one decodes
        while the other computes.

    Attributes
    ----------
    encoded : pictures that went through a network so far, 0 when everything was found.
    """

    def __init__(self, folder: str | Path | None = None, workers: int | None = None) -> None:
        try:
            default = os.environ.get("TWOFOLD_CACHE") or Path.home() / ".cache" / "twofold"
            self.folder = Path(folder or default).expanduser()
        except RuntimeError:  # no home
            self.folder = Path(os.devnull)
        self.workers = workers or min(WORKERS, cores())
        self.encoded = 0

    def embed(self, extractor: Extractor, view: View) -> Tensor:
        """Features (n, ...) float32 of the pictures of a view, in its order.

        Raises
        ------
        InputError : a picture cannot be read, or changes meanwhile; the features of those before it are kept.
        """
        return self.embed_all([extractor], view)[0]

    def embed_all(self, extractors: Sequence[Extractor], view: View) -> list[Tensor]:
        """``embed`` by each of several extractors; those that want the same pictures look at them together.

        Raises
        ------
        InputError : as ``embed``.
        """
        wanted = [str(content) for content in view.contents]
        of_key = {extractor.key: _Shelf(self.folder, extractor) for extractor in extractors}  # equal ones share theirs
        shelves = list(of_key.values())
        found = {shelf: shelf.read(set(wanted)) for shelf in shelves}
        lacking = [shelf for shelf in shelves if not found[shelf].keys() >= set(wanted)]
        if lacking:
            keep_memory()
            with ExitStack() as stack:
                for shelf in sorted(lacking, key=lambda shelf: shelf.folder):  # no two processes wait for each other
                    stack.enter_context(shelf.turn())
                    found[shelf] |= shelf.read(set(wanted) - found[shelf].keys())  # another process may have been faster
                together: dict[tuple, list[_Shelf]] = {}
                for shelf in lacking:
                    missing = frozenset(set(wanted) - found[shelf].keys())
                    looks = shelf.extractor.size_px, shelf.extractor.center_crop, missing
                    together.setdefault(looks, []).append(shelf)
                for (*_, missing), some in together.items():
                    rows = {key: row for row, key in enumerate(wanted) if key in missing}
                    for shelf, new in zip(some, self._encode(some, view, rows), strict=True):
                        found[shelf] |= new
        features = {}
        for key, shelf in of_key.items():
            rows = found.pop(shelf)  # of many pictures they are much
            features[key] = torch.stack([rows[content] for content in wanted])
        return [features[extractor.key] for extractor in extractors]

    def embed_once(self, extractor: Extractor, picture: Tensor) -> Tensor:
        """Features (1, ...) of a uint8 picture (1, 3, h, w) that is no file's, seen alone, and kept too."""
        key, shelf = hashlib.sha256(b"alone" + picture.cpu().numpy().tobytes()).hexdigest()[:32], _Shelf(self.folder, extractor)
        found = shelf.read({key})
        if not found:
            found = {key: extractor(picture)[0]}
            shelf.write(found)
        return found[key][None]

    def _encode(self, shelves: Sequence[_Shelf], view: View, rows: dict[str, int]) -> list[dict[str, Tensor]]:
        """Encode the pictures of the keys, for each shelf; a shard goes to its shelf as soon as it is full."""
        first = shelves[0].extractor
        turns = nullcontext() if first.device.type == "cpu" else Lock()  # an accelerator gains nothing from two
        batches = [list(rows)[start : start + BATCH] for start in range(0, len(rows), BATCH)]

        def features(keys: list[str]) -> list[Tensor]:
            pictures = view.images([rows[key] for key in keys], first.size_px, center_crop=first.center_crop)
            n = len(pictures)
            pictures = torch.cat([pictures, pictures[-1:].expand(BATCH - n, -1, -1, -1)])
            with turns:
                return [shelf.extractor(pictures)[:n] for shelf in shelves]

        def keep(pending: dict[str, list[Tensor]]) -> None:
            now = view.subset([rows[key] for key in pending]).contents
            same = {key: values for (key, values), content in zip(pending.items(), now, strict=True) if key == content}
            for i, shelf in enumerate(shelves):
                shelf.write({key: values[i] for key, values in same.items()})
            if len(same) < len(pending):  # what was encoded is not what was hashed
                raise InputError(
                    f"wanted pictures that stay as they are, got {len(pending) - len(same)} that changed while they were read; "
                    "run it again when nothing writes to them"
                )

        found: dict[str, list[Tensor]] = {}
        pending: dict[str, list[Tensor]] = {}
        with single_thread(), bar(len(rows), "encode") as told:
            pool = ThreadPoolExecutor(self.workers, initializer=torch.set_num_threads, initargs=(1,))
            ahead = max(AHEAD, self.workers)
            try:
                asked = deque(pool.submit(features, keys) for keys in batches[:ahead])
                for i, keys in enumerate(batches):
                    values = asked.popleft().result()
                    asked.extend(pool.submit(features, later) for later in batches[i + ahead : i + ahead + 1])
                    self.encoded += len(keys) * len(shelves)
                    told.update(len(keys))
                    pending.update(zip(keys, zip(*values, strict=True), strict=True))
                    for shelf in shelves:
                        shelf.sign_of_life()
                    if len(pending) >= SHARD or keys is batches[-1]:
                        keep(pending)
                        found, pending = found | pending, {}
            except BaseException:  # what is done stays done when a picture is broken or a person stops it
                with suppress(InputError):
                    keep(pending)
                raise
            finally:
                pool.shutdown(cancel_futures=True)
        return [{key: values[i] for key, values in found.items()} for i in range(len(shelves))]


class _Shelf:
    """The shards of one extractor: a name is the hash of a shard's keys, and a hash over everything stands inside."""

    def __init__(self, folder: Path, extractor: Extractor) -> None:
        self.extractor, self.cache = extractor, folder
        self.place = f"{extractor.key}|{extractor.device.type}|reading {READING_VERSION}"
        self.folder = folder / hashlib.sha256(self.place.encode()).hexdigest()[:20]
        self._mine = False  # whether others wait for us

    def read(self, wanted: set[str]) -> dict[str, Tensor]:
        """Rows of the wanted keys, as far as they are here; only shards that hold any of them are read."""
        found: dict[str, Tensor] = {}
        for path in self._shards() if wanted else []:
            try:
                keys = _KEYS.get(path.stem) or self._keys(path)
                if not wanted.isdisjoint(keys):
                    values = self._values(path, keys)
                    found.update((key, values[row]) for row, key in enumerate(keys) if key in wanted)
                _KEYS[path.stem] = keys
            except OSError:
                continue  # another user's, or removed meanwhile
            except (SafetensorError, ValueError, TypeError, KeyError, RecursionError):
                _KEYS.pop(path.stem, None)
                with suppress(OSError):
                    path.unlink(missing_ok=True)  # cut short by a crash, damaged, or none of ours
        return found

    def write(self, rows: dict[str, Tensor]) -> None:
        """Keep rows in a shard, where that can be done."""
        if not rows or not all(value.isfinite().all() for value in rows.values()):
            return
        keys, values = tuple(rows), torch.stack(list(rows.values()))
        try:
            with whole(self.folder / f"{_name(keys)}.safetensors") as aside:
                save_file({"values": values}, aside, {"keys": json.dumps(keys), "sha256": self._digest(keys, values)})
        except InputError as error:
            self._not_kept(error)

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Encode while others wait, who then find it done.

        A lock that cannot be had, or whose holder hangs, is done without: the work is double then, the features are equal.
        """
        lock, holder = FileLock(self.folder / "lock"), self._holder
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._mine = self._wait(lock, holder)
            if self._mine:
                holder.write_text(f"process {os.getpid()} on {socket.gethostname()}", "utf-8")
                self._tidy()
        except (OSError, ValueError, NotImplementedError) as error:  # NotImplementedError: a file system without locks
            self._not_kept(error)
        try:
            yield
        finally:
            if self._mine:
                lock.release()

    @property
    def _holder(self) -> Path:
        return self.folder / "holder"

    def sign_of_life(self) -> None:
        """Keep those who wait from going on without us."""
        if self._mine:
            with suppress(OSError):  # they go on at last
                os.utime(self._holder)

    @staticmethod
    def _wait(lock: FileLock, holder: Path) -> bool:
        """Wait for the lock, aloud after a while; False when its holder has shown no sign of life for long."""
        start = since = time.monotonic()
        seen = None
        while True:
            try:
                lock.acquire(timeout=min(1.0, SILENCE_S))
                return True
            except Timeout:
                now = time.monotonic()
            try:
                who, sign = " ".join(holder.read_text("utf-8", "replace").split())[:100], holder.stat().st_mtime_ns
            except OSError:
                who, sign = "another process", None
            if sign != seen:
                seen, since = sign, now
            if now - start >= SILENCE_S:
                _say(f"waiting for {who}, which encodes with the same network; {HUNG_S:.0f} s without a sign of life end it")
            if now - since >= HUNG_S:
                _say(f"waited {HUNG_S:.0f} s without a sign of life from {who}; going on without it ({lock.lock_file})")
                return False

    def _tidy(self) -> None:
        """Remove what a killed process left half written."""
        for aside in self.folder.glob(".*.safetensors"):
            with suppress(OSError):
                if time.time() - aside.stat().st_mtime > LEFT_S:
                    aside.unlink()

    def _shards(self) -> list[Path]:
        try:
            with os.scandir(self.folder) as entries:
                return sorted(Path(e.path) for e in entries if _SHARD_NAME.fullmatch(e.name) and e.is_file())
        except (OSError, ValueError):
            return []

    @staticmethod
    def _keys(path: Path) -> tuple[str, ...]:
        with safe_open(path, framework="pt") as shard:
            keys = tuple(json.loads((shard.metadata() or {})["keys"]))
        if _name(keys) != path.stem:
            raise ValueError("another shard's keys")
        return keys

    def _values(self, path: Path, keys: tuple[str, ...]) -> Tensor:
        with safe_open(path, framework="pt") as shard:
            values, digest = shard.get_tensor("values"), (shard.metadata() or {})["sha256"]
        if digest != self._digest(keys, values):
            raise ValueError("not as it was written")
        return values

    def _digest(self, keys: tuple[str, ...], values: Tensor) -> str:
        digest = hashlib.sha256(json.dumps([self.place, keys, str(values.dtype), list(values.shape)]).encode())
        digest.update(values.contiguous().numpy())
        return digest.hexdigest()

    def _not_kept(self, error: Exception) -> None:
        _say(f"features are computed without being kept in {self.cache}: {_reason(error)}; set TWOFOLD_CACHE to another folder")


def _name(keys: tuple[str, ...]) -> str:
    return hashlib.sha256(json.dumps(keys).encode()).hexdigest()[:20]
