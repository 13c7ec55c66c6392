"""The tensors of a TorchScript archive, read without running its code: OpenAI's own CLIP files are such archives."""

from __future__ import annotations

import pickle
import zipfile
from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path
from typing import Any, BinaryIO

import torch
from torch import Tensor

__all__ = ["is_torchscript", "read_torchscript"]

DTYPES = {
    "torch.HalfStorage": torch.float16,
    "torch.BFloat16Storage": torch.bfloat16,
    "torch.FloatStorage": torch.float32,
    "torch.DoubleStorage": torch.float64,
    "torch.LongStorage": torch.int64,
    "torch.IntStorage": torch.int32,
    "torch.BoolStorage": torch.bool,
}


class _Record:
    """Whatever a name in the archive would have made: it keeps what it is given and does nothing."""

    __slots__ = ("__dict__", "given")

    def __init__(self, *given: Any) -> None:
        self.given = given


class _Reader(pickle.Unpickler):
    """Every name that the pickle asks for is a record of that name: nothing is imported, nothing called."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__(file)
        self.kinds: dict[str, type[_Record]] = {}

    def find_class(self, module: str, name: str) -> type[_Record]:
        kind = f"{module}.{name}"
        return self.kinds.setdefault(kind, type(kind, (_Record,), {}))

    def persistent_load(self, told: Any) -> Any:
        return told


def _tensors(record: _Record, storage: Callable[[str, str], Tensor], prefix: str = "") -> Iterator[tuple[str, Tensor]]:
    """A module's tensors and those of the modules in it, by dotted name."""
    for name, value in vars(record).items():
        if type(value).__name__ == "torch._utils._rebuild_tensor_v2":
            (_, kind, key, *_), offset, size, stride, *_ = value.given
            yield prefix + name, storage(kind.__name__, key).as_strided(size, stride, offset)
        elif isinstance(value, _Record):
            yield from _tensors(value, storage, f"{prefix}{name}.")


def _storage(archive: zipfile.ZipFile, folder: str, kind: str, key: str) -> Tensor:
    data = bytearray(archive.read(f"{folder}data/{key}"))
    return torch.frombuffer(data, dtype=DTYPES[kind]) if data else torch.empty(0, dtype=DTYPES[kind])


def _constants(path: Path) -> str | None:
    if not zipfile.is_zipfile(path):
        return None
    with zipfile.ZipFile(path) as archive:
        return next((name for name in archive.namelist() if name.split("/")[1:] == ["constants.pkl"]), None)


def is_torchscript(path: Path) -> bool:
    """Whether a file is what ``torch.jit.save`` writes; what ``torch.save`` writes has no constants.

    >>> is_torchscript(Path(__file__))
    False
    """
    return _constants(path) is not None


def read_torchscript(path: Path) -> dict[str, Tensor]:
    """Parameters and buffers of a TorchScript archive; its code is not looked at.

    ``torch.jit.load`` would hand the archive's programs to torch's interpreter. Here the one pickle that says which bytes are
    which tensor is read by an unpickler that knows no function: a name in it becomes an inert record, whatever it names.

    Parameters
    ----------
    path : of an archive for which ``is_torchscript`` holds.

    Returns
    -------
    Tensors by dotted name, as ``state_dict`` of the module has them; tensors that are mere attributes may be among them.

    Raises
    ------
    Exception : of any kind, where the archive is broken.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "line.pt")
    ...     torch.jit.trace(torch.nn.Linear(2, 1), torch.zeros(1, 2)).save(path)
    ...     is_torchscript(path), {name: tuple(tensor.shape) for name, tensor in read_torchscript(path).items()}
    (True, {'weight': (1, 2), 'bias': (1,)})
    """
    folder = _constants(path).removesuffix("constants.pkl")
    with zipfile.ZipFile(path) as archive, archive.open(f"{folder}data.pkl") as file:
        return dict(_tensors(_Reader(file).load(), cache(partial(_storage, archive, folder))))
