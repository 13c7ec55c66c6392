"""A view that holds what has been found of its pictures: a line takes many fits to parts of the same ones."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence

import numpy as np
import torch
from torch import Tensor

from twofold.data.domains import View

__all__ = ["HeldView"]


class HeldView(View):
    """A view that holds what has been found out of each picture: whoever fits to many parts of it asks for nothing twice.

    Parameters
    ----------
    view : the pictures.
    contents : (n,) of theirs.

    What is found goes by a name, which has all in it that it depends on but the pictures.
    """

    def __init__(self, view: View, contents: np.ndarray) -> None:
        self.view, self._contents = view, contents
        self._known: dict[Hashable, Tensor] = {}
        self._whole: HeldView | None = None

    @property
    def whole(self) -> HeldView:
        """The view that this is a part of, or itself."""
        return self if self._whole is None else self._whole.whole

    def __len__(self) -> int:
        return len(self.view)

    @property
    def contents(self) -> np.ndarray:
        return self._contents

    def subset(self, rows: Sequence[int] | np.ndarray) -> HeldView:
        rows = np.asarray(rows)
        rows = np.arange(len(self))[rows if rows.size else rows.astype(int)]
        held = HeldView(self.view.subset(rows), self._contents[rows])
        held._whole, held._rows = self, rows
        return held

    def images(self, rows: Sequence[int], size_px: int, center_crop: bool = False) -> Tensor:
        return self.view.images(rows, size_px, center_crop)

    def of_each(self, name: Hashable, find: Callable[[HeldView], Tensor]) -> Tensor:
        """(n, ...) what is found of each picture, whichever others there are."""
        if name not in self._known:
            self._known[name] = find(self) if self._whole is None else self._whole.of_each(name, find)[self._rows]
        return self._known[name]

    def of_pairs(self, name: Hashable, find: Callable[[HeldView], Tensor]) -> Tensor:
        """(..., n, n) what is found of each pair of pictures, whichever others there are."""
        if name not in self._known:
            if self._whole is None:
                self._known[name] = find(self)
            else:
                rows = torch.from_numpy(self._rows)
                self._known[name] = self._whole.of_pairs(name, find).index_select(-1, rows).index_select(-2, rows)
        return self._known[name]
