"""A toy task that every method can be fitted to in a moment: discs are normal, all else is not, the target is darker."""

from dataclasses import dataclass
from functools import cache

import numpy as np
import pytest
import torch

from twofold.compute import single_thread
from twofold.data.domains import ArrayPictures, Domain, View
from twofold.methods.base import Method
from twofold.networks.cache import EmbeddingCache
from twofold.runs.config import UnreadError, configure
from twofold.runs.run import build

CHEAP = {"steps": 6, "batch_size": 8, "backbone_size_px": 32, "encoder_size_px": 32}  # given where they are read
LARGER = {"msra": {"backbone_size_px": 128}}  # methods that refuse a map of one pixel


def pictures(n, light, striped, rng):
    """uint8 (n, 32, 32, 3): a disc somewhere near the middle, or stripes or checks that are never twice alike; and noise."""
    y, x = np.mgrid[:32, :32]
    found = []
    for _ in range(n):
        if striped:
            (a, b), width = rng.uniform(-1, 1, 2), rng.integers(2, 8)
            shape = ((a * x + b * y) // width % 2 == 1) ^ (rng.random() < 0.5 and (b * x - a * y) // width % 2 == 1)
            color = rng.uniform(0, 1, 3)
        else:
            shape = (x - rng.integers(14, 19)) ** 2 + (y - rng.integers(14, 19)) ** 2 < rng.integers(60, 90)
            color = np.array([1.0, 0.9, 0.8])
        picture = light * (0.2 + 0.7 * shape[..., None] * color)
        found.append(np.clip(picture + rng.normal(0, 8, (32, 32, 3)), 0, 255))
    return np.asarray(found, np.uint8)


def sealed(view):
    """A view with nothing behind it: the four things that a method may ask for, and no attribute more."""

    class Sealed:
        __slots__ = ()
        contents = property(lambda self: view.contents)

        def __len__(self):
            return len(view)

        def subset(self, rows):
            return sealed(view.subset(rows))

        def images(self, rows, size_px, center_crop=False):
            return view.images(rows, size_px, center_crop)

    return Sealed()


@dataclass(frozen=True)
class Watched:
    """A method that was watched while it was fitted to sealed views: its tensors before, and the optimiser's steps."""

    method: Method
    before: dict[str, torch.Tensor]
    steps: int


class Toy:
    """Views of a task with their labels, and methods built for it."""

    def __init__(self, cache_folder):
        rng = np.random.default_rng(0)
        parts = {
            "source": pictures(24, 250, False, rng),
            "normals": pictures(50, 150, False, rng),
            "odd": pictures(30, 150, True, rng),
        }
        self.day = Domain("toy", "day", ArrayPictures(parts["source"]), ["disc"] * 24, [f"d{i}" for i in range(24)])
        night = np.concatenate([parts["normals"], parts["odd"]])
        names = ["disc"] * 50 + ["stripes"] * 30
        self.night = Domain("toy", "night", ArrayPictures(night), names, [f"n{i}" for i in range(80)])
        train = rng.permutation(np.r_[0:30, 50:56])
        self.labels = (train >= 50).astype(int)
        test = rng.permutation(np.r_[30:50, 60:80])
        self.test_labels = (test >= 50).astype(int)
        self.source, self.target, self.test = View(self.day, np.arange(24)), View(self.night, train), View(self.night, test)
        self.cache = EmbeddingCache(cache_folder)
        self.fitted, self.watched = cache(self._fitted), cache(self._watched)

    @staticmethod
    def config(name, **fields):
        """The configuration of a method, small; what it does not read is left out."""
        given = {**CHEAP, **LARGER.get(name, {}), **fields}
        while True:
            try:
                return configure("folder", "day", "night", "disc", name, **given)
            except UnreadError as error:
                if error.field in fields:
                    raise
                del given[error.field]

    def build(self, name, **fields):
        """A method that has seen nothing."""
        return build(self.config(name, **fields), torch.device("cpu"), self.cache)

    def told(self, method):
        """What the method's settings name, and nothing else."""
        return self.labels if method.settings.told else None

    def fit(self, method, seal=lambda view: view):
        """The method, fitted on one thread as every run is."""
        with single_thread():
            return method.fit(seal(self.source), seal(self.target), self.told(method))

    def scores(self, method, view=None):
        """Scores of the test pictures, or of a view."""
        with single_thread():
            return method.anomaly_score(self.test if view is None else view)

    def _fitted(self, name, **fields):
        """A fitted method that all tests share: look, do not touch."""
        return self.fit(self.build(name, **fields))

    def _watched(self, name):
        """All of it done again, in the sight of the tests that share it."""
        method, steps = self.build(name), []
        black = torch.zeros(1, 3, method.size_px, method.size_px, dtype=torch.uint8)
        with torch.no_grad():
            method.features(black)  # the networks that are built when first looked through
        before = {key: value.clone() for key, value in method.state_dict().items()}
        with pytest.MonkeyPatch.context() as patch:
            real = torch.optim.SGD.step
            patch.setattr(torch.optim.SGD, "step", lambda optimiser, *rest: steps.append(1) or real(optimiser, *rest))
            self.fit(method, sealed)
        return Watched(method, before, len(steps))
