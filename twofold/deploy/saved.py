"""A detector as a file: tensors, one sheet of JSON about them, and a checksum over both; no pickle."""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Literal

import torch
from pydantic import Field, StringConstraints, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass as checked
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from twofold.data.reading import printable
from twofold.deploy.thumbnails import KINDS
from twofold.deploy.trust import Trust
from twofold.errors import InputError
from twofold.files import whole
from twofold.networks.weights import numbers_of

__all__ = ["FORMAT", "Calibration", "Network", "Sheet", "Shown", "foreign", "read", "write"]

FORMAT = 4  # raised by any change of what a file holds

SPARE = 2**28  # bytes of tensors, however few the pictures: maps, a pile, what little a method trains beside its networks
EACH_PICTURE = 2**16  # bytes that a picture may leave: twice the widest layers in double precision
EACH_NUMBER = 16  # bytes that a number of a network may leave: packed, and trained in several parts

_STRICT = {"strict": True, "extra": "forbid", "allow_inf_nan": False}

Word = Annotated[str, StringConstraints(max_length=200)]
Name = Annotated[str, StringConstraints(max_length=4096)]  # of a picture: a path below its folder


@checked(frozen=True, config=_STRICT)
class Calibration:
    """What the line was drawn from; the threshold follows."""

    rule: Word
    fpr: float
    calibration: Annotated[list[float], Field(min_length=1)]


@checked(frozen=True, config=_STRICT)
class Shown:
    """A thumbnail's picture: its name, which kind it stands for, and its score."""

    id: Name
    kind: Literal[KINDS]
    score: float


@checked(frozen=True, config=_STRICT)
class Network:
    """A network that a detector looks with: its name, and the SHA-256 of its weights' file, or ``random:SEED``."""

    model: Word
    sha256: Word


@checked(frozen=True, config=_STRICT)
class Sheet:
    """All that a file says of its tensors; a file that says less, more or otherwise is none of ours."""

    format: Literal[FORMAT]
    method: Word
    preset: Word
    fields: dict[Word, bool | int | float | Word | None]  # every setting that is read, by its flat name; no path
    networks: dict[Literal["backbone", "encoder"], Network]
    seen: list[Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}\z")]]  # contents of the pictures in memory
    selected: list[bool] | None  # of the fitted target, in the order of its ids
    held_out: Annotated[list[float], Field(min_length=1)]  # of the fitted target, in the order of its ids
    without_like: Annotated[list[float], Field(min_length=1)]  # of one a content, each judged without those most like it
    notes: dict[Word, float]
    source_scores: Annotated[list[float], Field(min_length=1)]  # of the source, by the fitted detector
    line: Calibration
    trust: Trust
    skipped: dict[Literal["source", "target"], dict[Name, Name]]  # pictures that were not read, and why
    shown: list[Shown]  # of the thumbnails, in their order
    card: Annotated[str, StringConstraints(max_length=20_000)]  # for people, in Markdown
    witness: float  # score of a fixed picture: whoever loads the file must find the same
    reading: int  # version of how files become pictures
    versions: dict[Word, Word]

    def __post_init__(self) -> None:
        n = len(self.held_out)
        if self.selected is not None and len(self.selected) != n:
            raise ValueError(f"selected must be as long as held_out, got {len(self.selected)} and {n}")
        if len(self.without_like) > n:
            raise ValueError(f"without_like must be no longer than held_out, got {len(self.without_like)} and {n}")


def foreign(path: str | os.PathLike[str], reason: object) -> InputError:
    """The one refusal of a file that is no detector, or that cannot be one here."""
    words = " ".join(str(reason).split())[:600]
    return InputError(
        f"wanted a detector saved by twofold in {printable(path)}, got {words}; fit it again, or name another file"
    )


def write(path: str | os.PathLike[str], tensors: dict[str, Tensor], sheet: Sheet) -> None:
    """Write a detector whole, for whoever the umask lets read it.

    Raises
    ------
    InputError : the place cannot be written to, or a value is not finite, or there is more than ``read`` reads.
    """
    if broken := _not_finite(tensors):
        raise InputError(f"wanted a detector of finite numbers, got {', '.join(broken)} with others; fit it otherwise")
    if too_large := _too_large(sum(value.nbytes for value in tensors.values()), sheet):
        raise InputError(f"wanted a detector that can be read again, got {too_large}; keep fewer generic pictures")
    text = json.dumps(asdict(sheet))
    with whole(_place(path)) as aside:
        save_file(tensors, aside, {"twofold": f"{_digest(tensors, text)} {text}"})  # one entry: two have no fixed order


def read(path: str | os.PathLike[str]) -> tuple[dict[str, Tensor], Sheet]:
    """Read what ``write`` wrote, and nothing else; no other file is opened.

    The checksum finds damage. It is no signature: whoever may write the file may write another detector.

    Returns
    -------
    tensors by name, all finite, and the sheet.

    Raises
    ------
    InputError : no regular file, no permission, another kind of file, a damaged one, one of another version.
    """
    path = _place(path)
    try:
        place = Path(os.path.expanduser(path))
        if not stat.S_ISREG(os.stat(place).st_mode):
            raise OSError(0, "no regular file")
        with open(place, "rb") as file:  # the reader below takes a want of permission for a want of the file
            size = os.stat(place).st_size - 8 - int.from_bytes(file.read(8), "little")  # without the head
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        raise foreign(path, getattr(error, "strerror", None) or error) from error
    try:
        with safe_open(place, framework="pt") as file:
            digest, text, sheet = _told(path, file.metadata() or {})  # what says nothing of a detector is not read
            if too_large := _too_large(size, sheet):  # nor what is more than it tells of
                raise foreign(path, too_large)
            # copies: what is only mapped changes with the file, or ends the process where the file is cut
            tensors = {name: file.get_tensor(name).clone() for name in file.keys()}
    except InputError:
        raise
    except Exception as error:  # every kind of foreign file has an error of its own
        raise foreign(path, f"another kind of file ({str(error)[:200]})") from error
    if digest != _digest(tensors, text):
        raise foreign(path, "a damaged one: its checksum is another")
    if broken := _not_finite(tensors):
        raise foreign(path, f"numbers in {broken[0]!r} that are not finite")
    return tensors, sheet


def _told(path: str | os.PathLike[str], about: dict[str, str]) -> tuple[str, str, Sheet]:
    """The checksum, the sheet's text and the sheet that a file's head holds."""
    digest, _, text = about.get("twofold", "").partition(" ")
    if about.keys() != {"twofold"} or not re.fullmatch("[0-9a-f]{64}", digest):
        raise foreign(path, "a file of tensors that says nothing of a detector")
    try:
        return digest, text, TypeAdapter(Sheet).validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
    if first["loc"] == ("format",) and isinstance(first["input"], int):
        age, todo = ("an older", "") if first["input"] < FORMAT else ("a newer", ": update it here")
        raise foreign(path, f"one that {age} twofold saved, in format {first['input']}, where this one reads {FORMAT}{todo}")
    where = ".".join(str(part)[:40] for part in first["loc"][:4]) or "its sheet"
    raise foreign(path, f"{where!r}: {first['msg'][:200]}")


def _too_large(size: int, sheet: Sheet) -> str:
    """What is said of so many bytes of tensors where what a sheet tells of leaves fewer, else nothing."""
    most = SPARE + EACH_PICTURE * (len(sheet.seen) + len(sheet.held_out) + len(sheet.source_scores))
    if size > most:  # networks are built to be counted
        most += EACH_NUMBER * sum(numbers_of(network.model) for network in sheet.networks.values())
    return f"{size / 2**20:.0f} MB of tensors where its sheet tells of at most {most / 2**20:.0f}" if size > most else ""


def _place(path: str | os.PathLike[str]) -> str | os.PathLike[str]:
    """A path; 0, say, would be a file that is open."""
    if not isinstance(path, str | os.PathLike):
        raise InputError(f"wanted the path of a detector's file, got {path!r}; name one")
    return path


def _digest(tensors: dict[str, Tensor], text: str) -> str:
    """SHA-256 of the sheet and of every tensor's name, kind, shape and bytes."""
    names = sorted(tensors)
    digest = hashlib.sha256(json.dumps([text, *([n, str(tensors[n].dtype), list(tensors[n].shape)] for n in names)]).encode())
    for name in names:
        digest.update(tensors[name].contiguous().reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()


def _not_finite(tensors: dict[str, Tensor]) -> list[str]:
    numbers = {name: value for name, value in tensors.items() if value.is_floating_point() and value.numel()}
    return [name for name, value in numbers.items() if not torch.stack(value.aminmax()).isfinite().all()]  # without a copy
