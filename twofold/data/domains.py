"""A visual domain: pictures with class names and stable ids, decoded only when asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from twofold.errors import InputError

__all__ = ["ArrayPictures", "Domain", "FilePictures", "square"]


@dataclass(frozen=True, eq=False)
class ArrayPictures:
    """Pictures held in memory: uint8 (n, h, w) in grey or (n, h, w, 3) in colour."""

    array: np.ndarray

    def __len__(self) -> int:
        return len(self.array)

    def __getitem__(self, index: int) -> Image.Image:
        return Image.fromarray(self.array[index]).convert("RGB")


@dataclass(frozen=True, eq=False)
class FilePictures:
    """Pictures on disk, opened one at a time; transparent ones are laid on white, 16 bits brought down to 8."""

    paths: Sequence[Path]

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> Image.Image:
        path = self.paths[index]
        try:
            with Image.open(path) as picture:
                if picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info:
                    picture = picture.convert("RGBA")
                    white = Image.new("RGBA", picture.size, "white")
                    return Image.alpha_composite(white, picture).convert("RGB")
                if picture.mode.startswith("I;16"):  # sixteen bits a pixel, which convert would cut off at 255
                    return Image.fromarray((np.asarray(picture) // 257).astype(np.uint8)).convert("RGB")
                if picture.mode in ("I", "F"):
                    raise ValueError("32 bits a pixel, of unknown range; store it with 8 or 16")
                return picture.convert("RGB")
        except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
            raise InputError(
                f"wanted a readable picture, got {path} ({error}); replace the file or remove it from the folder"
            ) from error


def square(picture: Image.Image, size_px: int) -> np.ndarray:
    """Resize the shorter side to ``size_px`` (bicubic) and cut the middle square.

    Parameters
    ----------
    picture : RGB picture of any shape.
    size_px : side of the result in pixels.

    Returns
    -------
    (3, size_px, size_px) uint8.

    >>> square(Image.new("RGB", (40, 20), "white"), 8).shape
    (3, 8, 8)
    """
    width, height = picture.size
    scale = size_px / min(width, height)
    width, height = max(size_px, round(width * scale)), max(size_px, round(height * scale))
    picture = picture.resize((width, height), Image.Resampling.BICUBIC)
    left, top = (width - size_px) // 2, (height - size_px) // 2
    picture = picture.crop((left, top, left + size_px, top + size_px))
    return np.asarray(picture).transpose(2, 0, 1)


@dataclass(frozen=True, eq=False)
class Domain:
    """The pictures of one domain of one data set.

    Parameters
    ----------
    dataset, name : such as ``"digits"`` and ``"optdigits"``.
    pictures : (n,) sequence of RGB pictures.
    class_names : (n,) class of each picture.
    ids : (n,) unique, the same on every machine; they define the split.
    fingerprints : (n,) change whenever the pixels do; they key the cache of embeddings. What stands behind an ``@`` is
        about this copy alone, such as the time of its last change.
    groups : (n,) pictures of one group never stand on both sides of a split, in whichever domain; None makes each picture
        its own group.

    Raises
    ------
    InputError : the domain is empty.
    ValueError : lengths differ or ids repeat.

    >>> grey = np.zeros((2, 8, 8), np.uint8)
    >>> domain = Domain("toy", "black", ArrayPictures(grey), ["a", "b"], ["0", "1"], ["v1", "v1"])
    >>> domain.classes, tuple(domain.images([0, 1], size_px=4).shape)
    (('a', 'b'), (2, 3, 4, 4))
    """

    dataset: str
    name: str
    pictures: Sequence[Image.Image]
    class_names: Sequence[str]
    ids: Sequence[str]
    fingerprints: Sequence[str]
    groups: Sequence[str] | None = None

    def __post_init__(self) -> None:
        if len(self.pictures) == 0:
            raise InputError(
                f"wanted pictures in domain {self.name!r} of {self.dataset!r}, got none; "
                "put them under <domain>/<class>/*.png or *.jpg"
            )
        columns = {"class_names": self.class_names, "ids": self.ids, "fingerprints": self.fingerprints}
        for field, values in columns.items():
            if len(values) != len(self.pictures):
                raise ValueError(f"{field} must have {len(self.pictures)} entries like pictures, got {len(values)}")
            object.__setattr__(self, field, np.asarray(values, dtype=str))
        own = [f"{self.dataset}/{self.name}/{i}" for i in self.ids]  # a group of another domain is another group
        groups = np.asarray(own if self.groups is None else self.groups, dtype=str)
        if len(groups) != len(self.pictures):
            raise ValueError(f"groups must have {len(self.pictures)} entries like pictures, got {len(groups)}")
        object.__setattr__(self, "groups", groups)
        if len(np.unique(self.ids)) != len(self.ids):
            raise ValueError(f"ids of domain {self.name!r} must be unique; build them from the full relative path")

    def __len__(self) -> int:
        return len(self.pictures)

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names in sorted order."""
        return tuple(str(name) for name in np.unique(self.class_names))

    def images(self, indices: Sequence[int], size_px: int) -> torch.Tensor:
        """Decode pictures to a uint8 tensor (n, 3, size_px, size_px)."""
        array = np.empty((len(indices), 3, size_px, size_px), np.uint8)
        for row, index in enumerate(indices):
            array[row] = square(self.pictures[int(index)], size_px)
        return torch.from_numpy(array)
