"""A visual domain: pictures with class names and ids, decoded only when asked for; and a view of it that has neither."""

from __future__ import annotations

import hashlib
import os
import stat
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from twofold.data.reading import printable, read, square
from twofold.errors import InputError

__all__ = ["ArrayPictures", "Domain", "FilePictures", "View", "join_groups"]

RESTED_S = 2.0  # a file changed twice within a tick of its file system's clock shows the same time both times

_known: dict[str, tuple[tuple[int, ...], str]] = {}  # absolute path -> (state of the file, its content)


def _content(path: str | os.PathLike[str]) -> str:
    """Hash of a file's bytes; a file whose size, times and inode are those of an earlier reading is not read again."""
    try:
        place, status = os.path.abspath(path), os.stat(path)
        if not stat.S_ISREG(status.st_mode):
            raise ValueError("no regular file")
        state = (status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino, status.st_dev)
        known = _known.get(place)
        if known is not None and known[0] == state:
            return known[1]
        with open(path, "rb") as file:
            content = hashlib.file_digest(file, "sha256").hexdigest()[:32]
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"wanted to read {printable(path)}, got '{reason}'; correct the path or its permissions") from error
    if time.time_ns() - max(status.st_mtime_ns, status.st_ctime_ns) > RESTED_S * 1e9:
        _known[place] = (state, content)
    return content


@dataclass(frozen=True, eq=False)
class ArrayPictures:
    """Pictures held in memory: uint8 (n, h, w) in grey or (n, h, w, 3) in colour."""

    array: np.ndarray

    def __len__(self) -> int:
        return len(self.array)

    def __getitem__(self, index: int) -> Image.Image:
        return Image.fromarray(self.array[index]).convert("RGB")

    def content(self, index: int) -> str:
        """Hash of the picture's shape and bytes."""
        picture = self.array[index]
        return hashlib.sha256(repr(picture.shape).encode() + picture.tobytes()).hexdigest()[:32]


@dataclass(frozen=True, eq=False)
class FilePictures:
    """Pictures on disk, opened one at a time as ``reading.read`` does."""

    paths: Sequence[Path]

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> Image.Image:
        return read(self.paths[index])

    def content(self, index: int) -> str:
        """Hash of the file's bytes, as they are now."""
        return _content(self.paths[index])


@dataclass(frozen=True, eq=False)
class Domain:
    """The pictures of one domain of one data set.

    Parameters
    ----------
    dataset, name : such as ``"digits"`` and ``"optdigits"``.
    pictures : (n,) RGB pictures, each with its content's hash.
    class_names : (n,) class of each picture.
    ids : (n,) unique names of the pictures, for people; of files the path below the domain's folder, which opens them.
    groups : (n,) pictures of one group never stand on both sides of a split, in whichever domain; None makes each picture
        its own group.
    skipped : files of the domain that are no pictures, by id, and why: they are in no other field.

    Raises
    ------
    InputError : the domain is empty.
    ValueError : lengths differ or ids repeat.

    >>> grey = np.zeros((2, 8, 8), np.uint8)
    >>> domain = Domain("toy", "black", ArrayPictures(grey), ["a", "b"], ["0", "1"])
    >>> domain.classes, tuple(domain.images([0, 1], size_px=4).shape)
    (('a', 'b'), (2, 3, 4, 4))
    """

    dataset: str
    name: str
    pictures: ArrayPictures | FilePictures
    class_names: Sequence[str]
    ids: Sequence[str]
    groups: Sequence[str] | None = None
    skipped: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if len(self.pictures) == 0:
            raise InputError(
                f"wanted pictures in domain {self.name!r} of {self.dataset!r}, got none; "
                "put them under <domain>/<class>/*.png or *.jpg"
            )
        own = [f"{self.dataset}/{self.name}/{row:09}" for row in range(len(self.pictures))]  # sorted as the pictures are
        columns = {
            "class_names": self.class_names,
            "ids": self.ids,
            "groups": own if self.groups is None else self.groups,
        }
        for name, values in columns.items():
            if len(values) != len(self.pictures):
                raise ValueError(f"{name} must have {len(self.pictures)} entries like pictures, got {len(values)}")
            object.__setattr__(self, name, np.asarray(values, dtype=str))
        if len(np.unique(self.ids)) != len(self.ids):
            raise ValueError(f"ids of domain {self.name!r} must be unique; build them from the full relative path")

    def __len__(self) -> int:
        return len(self.pictures)

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names in sorted order."""
        return tuple(str(name) for name in np.unique(self.class_names))

    @property
    def contents(self) -> np.ndarray:
        """(n,) what each picture is known by: a hash of its bytes, taken now."""
        return self.contents_of(range(len(self)))

    def contents_of(self, indices: Sequence[int]) -> np.ndarray:
        """(len(indices),) the contents of some pictures; the others are not read."""
        return np.asarray([self.pictures.content(int(index)) for index in indices], dtype=str)

    def images(self, indices: Sequence[int], size_px: int, center_crop: bool = False) -> Tensor:
        """Decode pictures to a uint8 tensor (n, 3, size_px, size_px), the whole of each or its middle alone."""
        array = np.empty((len(indices), 3, size_px, size_px), np.uint8)
        for row, index in enumerate(indices):
            array[row] = square(self.pictures[int(index)], size_px, center_crop)
        return torch.from_numpy(array)


class View:
    """Pictures known by their content alone: all that training sees of a domain.

    Parameters
    ----------
    domain : the domain behind it; its classes and ids are not handed on.
    indices : (n,) rows of the domain.

    >>> domain = Domain("toy", "grey", ArrayPictures(np.zeros((3, 8, 8), np.uint8)), ["a"] * 3, ["0", "1", "2"])
    >>> view = View(domain, np.array([2, 0]))
    >>> len(view), len(view.subset([1])), len(set(view.contents))
    (2, 1, 1)
    """

    def __init__(self, domain: Domain, indices: np.ndarray) -> None:
        self._domain, self._indices = domain, np.asarray(indices, dtype=int)

    def __len__(self) -> int:
        return len(self._indices)

    @property
    def contents(self) -> np.ndarray:
        """(n,) what each picture is known by, wherever it lies and whatever it is called."""
        return self._domain.contents_of(self._indices)

    def subset(self, rows: Sequence[int] | np.ndarray) -> View:
        """The view of some of the rows, by number or by mask."""
        rows = np.asarray(rows)
        return View(self._domain, self._indices[rows if rows.size else rows.astype(int)])

    def images(self, rows: Sequence[int], size_px: int, center_crop: bool = False) -> Tensor:
        """uint8 (len(rows), 3, size_px, size_px)."""
        return self._domain.images(self._indices[np.asarray(rows, dtype=int)], size_px, center_crop)


def join_groups(groups: Sequence[str] | np.ndarray, links: Iterable[tuple[str, str]]) -> np.ndarray:
    """Give groups that hang together by links one name, the smallest of theirs.

    Parameters
    ----------
    groups : (n,) group of each picture.
    links : pairs of groups that belong together; a link to a group that is not there joins nothing.

    Returns
    -------
    (n,) names of groups.

    >>> join_groups(["b", "a", "c", "d"], [("a", "c"), ("c", "b")]).tolist()
    ['a', 'a', 'a', 'd']
    """
    groups = np.asarray(groups, dtype=str)
    parent = {name: name for name in groups.tolist()}

    def first(name: str) -> str:
        while parent[name] != name:
            name = parent[name]
        return name

    for one, other in links:
        if one in parent and other in parent:
            small, large = sorted((first(one), first(other)))
            parent[large] = small
    return np.asarray([first(name) for name in groups.tolist()], dtype=str)
