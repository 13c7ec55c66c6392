"""What a person has, as pictures: a folder, a list of files, an array, a torch data set, a domain."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeAlias

import numpy as np
import torch
from PIL import Image

from twofold.data.domains import ArrayPictures, Domain, FilePictures
from twofold.data.folders import load_pictures
from twofold.data.reading import in_colours
from twofold.data.survey import refuse_unreadable, unreadable, without
from twofold.errors import InputError

__all__ = ["Pictures", "given", "joined"]


class Indexed(Protocol):
    """A map-style torch data set: its items are pictures, or begin with one."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Any: ...


Pictures: TypeAlias = str | os.PathLike[str] | Sequence[str | os.PathLike[str]] | np.ndarray | Indexed | Domain


@dataclass(frozen=True, eq=False)
class DatasetPictures:
    """Pictures of a torch data set, asked for one at a time and read as files are; what stands beside one is not looked at."""

    dataset: Indexed

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> Image.Image:
        try:
            item = self.dataset[index]
        except (LookupError, NotImplementedError) as error:
            kind = type(self.dataset).__name__
            raise InputError(f"wanted items by number, got a {kind} that has none at {index}; give a list of them") from error
        except Exception as error:  # a data set raises what it likes
            raise _unreadable(index, error) from error
        picture = _picture(item[0] if isinstance(item, tuple | list) and item else item, index)
        try:
            return in_colours(picture)
        except Exception as error:  # decoders raise what they like
            raise _unreadable(index, error) from error

    def content(self, index: int) -> str:
        """Hash of the picture's size and pixels."""
        picture = self[index]
        return hashlib.sha256(repr(picture.size).encode() + picture.tobytes()).hexdigest()[:32]


def _unreadable(index: int, error: Exception) -> InputError:
    reason = " ".join(str(error).split()) or type(error).__name__
    return InputError(f"wanted a readable picture at {index}, got one that is not ({reason}); leave it out")


def _picture(item: Any, index: int) -> Image.Image:
    """An item of a data set as Pillow has it."""
    if isinstance(item, Image.Image):
        return item
    kind, shape = type(item).__name__, ""
    if isinstance(item, torch.Tensor | np.ndarray):
        kind, shape = str(item.dtype).removeprefix("torch."), f" of shape {tuple(item.shape)}"
        if isinstance(item, torch.Tensor) and item.ndim == 3:
            item = item.permute(1, 2, 0)
        if kind == "uint8" and item.ndim in (2, 3) and item.shape[2:] in ((), (1,), (3,)) and 0 not in item.shape:
            array = item.cpu().numpy() if isinstance(item, torch.Tensor) else item
            return Image.fromarray(array.squeeze(2) if array.shape[2:] == (1,) else array)
    raise InputError(
        f"wanted items that are pictures or uint8 (3, h, w) tensors, got {kind} at {index}{shape}; leave normalisation out of "
        "the data set's transform"
    )


def given(pictures: Pictures, strict: bool = True) -> Domain:
    """Pictures of whatever kind as a domain without classes.

    Parameters
    ----------
    pictures : a folder; a list of files; an array (n, h, w, 3) or (n, h, w) of uint8; a torch data set whose items are
        pictures, alone or first in a tuple; or a domain, which is handed back.
    strict : refuse files that cannot be read, all named; else up to a tenth of them is left out, and stands in ``skipped``.

    Returns
    -------
    Domain; ids are paths of files, below the folder or below the one that holds all of the list, else numbers.

    Raises
    ------
    InputError : none of these, no picture in it, a folder that cannot be read, or a file that is named twice.

    >>> given(np.zeros((3, 8, 8, 3), np.uint8)).ids.tolist()
    ['000000000', '000000001', '000000002']
    >>> given(np.zeros((3, 8, 8, 3)))
    Traceback (most recent call last):
    twofold.errors.InputError: wanted an array (n, h, w, 3) of uint8, got (3, 8, 8, 3) of float64; scale it to 0 to 255...
    """
    if isinstance(pictures, Domain):
        return pictures
    if isinstance(pictures, str | os.PathLike):
        return load_pictures(pictures, strict)
    shape = tuple(getattr(pictures, "shape", ()))
    if shape[:1] == (0,) or (not hasattr(pictures, "shape") and hasattr(pictures, "__len__") and len(pictures) == 0):
        raise InputError(f"wanted pictures, got an empty {type(pictures).__name__}; give at least one")
    if len(shape) == 3 and (shape[2] == 3 or (isinstance(pictures, torch.Tensor) and shape[0] == 3)):
        raise InputError(f"wanted several pictures, got {shape}, which is one in colours; put it in a list: x[None]")
    if isinstance(pictures, np.ndarray):
        if pictures.dtype != np.uint8 or pictures.ndim not in (3, 4) or shape[3:] not in ((), (3,)) or 0 in shape[1:]:
            raise InputError(
                f"wanted an array (n, h, w, 3) of uint8, got {shape} of {pictures.dtype}; scale it to 0 to 255, with "
                "colours last"
            )
        return _numbered("array", ArrayPictures(pictures))
    if isinstance(pictures, list | tuple) and all(isinstance(one, str | os.PathLike) for one in pictures):
        files = [os.path.abspath(os.path.expanduser(one)) for one in pictures]
        if twice := len(files) - len(set(files)):
            raise InputError(f"wanted every file once, got {twice} again; leave out what is double")
        above = os.path.commonpath([os.path.dirname(file) for file in files]) if files else ""
        names = [os.path.relpath(file, above) for file in files]
        domain = Domain("files", above, FilePictures([Path(file) for file in files]), [""] * len(files), names)
        domain = without(domain, unreadable(domain))
        refuse_unreadable([domain], strict)
        return domain
    if hasattr(pictures, "__getitem__") and hasattr(pictures, "__len__"):
        return _numbered("data set", DatasetPictures(pictures))
    raise InputError(
        f"wanted a folder, a list of files, an array, a torch data set or a domain, got {type(pictures).__name__}; "
        "give one of these"
    )


def _numbered(kind: str, pictures: ArrayPictures | DatasetPictures) -> Domain:
    n = len(pictures)
    return Domain(kind, "given", pictures, [""] * n, [f"{row:09d}" for row in range(n)])


@dataclass(frozen=True, eq=False)
class JoinedPictures:
    """Pictures of two domains, one after another."""

    places: list[tuple[Any, int]]  # pictures of a domain, row in them

    def __len__(self) -> int:
        return len(self.places)

    def __getitem__(self, index: int) -> Image.Image:
        pictures, row = self.places[index]
        return pictures[row]

    def content(self, index: int) -> str:
        """As its own pictures say."""
        pictures, row = self.places[index]
        return pictures.content(row)


def joined(first: Domain, second: Domain) -> Domain:
    """Two domains as one; what the second holds and skips has names that begin with ``also/``.

    >>> one, two = given(np.zeros((2, 8, 8), np.uint8)), given(np.arange(128, dtype=np.uint8).reshape(2, 8, 8))
    >>> joined(one, two).ids.tolist()
    ['000000000', '000000001', 'also/000000000', 'also/000000001']
    """
    beside, names = "also/", {*second.ids.tolist(), *second.skipped}
    while {f"{beside}{name}" for name in names} & {*first.ids.tolist(), *first.skipped}:  # a folder of the first has that name
        beside = f"also/{beside}"
    places = [(domain.pictures, row) for domain in (first, second) for row in range(len(domain))]
    ids = [*first.ids, *(f"{beside}{name}" for name in second.ids)]
    skipped = {**first.skipped, **{f"{beside}{name}": why for name, why in second.skipped.items()}}
    return Domain(first.dataset, first.name, JoinedPictures(places), [""] * len(ids), ids, skipped=skipped)
