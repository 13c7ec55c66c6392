"""PyOD's detectors on the layers that we look at: what a person would take who knows no adaptation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Literal, Self

import numpy as np
import torch
from pydantic import Field
from pydantic.dataclasses import dataclass as checked
from torch import Tensor
from torch.nn import functional

from twofold.data.domains import View
from twofold.errors import InputError
from twofold.methods.base import STRICT
from twofold.methods.eyes import EyesMethod, EyesSettings
from twofold.methods.training import seeded
from twofold.plots.style import Look

__all__ = ["DETECTORS", "Pyod", "tails_alone"]

# name -> PyOD's module and class
DETECTORS = {
    "knn": ("knn", "KNN"),
    "ecod": ("ecod", "ECOD"),
    "copod": ("copod", "COPOD"),
    "iforest": ("iforest", "IForest"),
    "ocsvm": ("ocsvm", "OCSVM"),
    "deepsvdd": ("deep_svdd", "DeepSVDD"),
}
POOLING = ("ecod", "copod")  # they pool what they judge with what they were fitted to: company would move a score
NEIGHBORS = 5  # PyOD's default


def tails_alone(rows: Tensor, fitted_to: Tensor, farther: bool) -> Tensor:
    r"""How far out in the tails of each feature a picture is: ECOD's or COPOD's score of a picture that comes alone.

    .. math:: s(x) = \sum_j \max(g(l_j, r_j), u_j), \quad
        l_j = -\log \frac{1 + \#\{i : x_{ij} \le x_j\}}{n + 1}, \quad r_j = -\log \frac{1 + \#\{i : x_{ij} \ge x_j\}}{n + 1}

    where u is r where the n + 1 values lean to the right, l where they lean to the left and l + r where to neither side;
    g is the larger of the two for ECOD and their mean for COPOD.

    Parameters
    ----------
    rows : (m, d) pictures that are judged, each as if the others were not there.
    fitted_to : (n, d)
    farther : ECOD's g, else COPOD's.

    Returns
    -------
    (m,) >= 0, higher is more anomalous.

    Source
    ------
    Li et al. 2020 and 2022, as PyOD computes them. Deviations: none; PyOD's own function, called for one picture at a time,
    gives the same and takes a hundred times as long.

    >>> tails_alone(torch.tensor([[9.0]]), torch.tensor([[0.0], [1.0], [2.0]]), farther=True)  # log 4
    tensor([1.3863])
    """
    n = len(fitted_to)
    ordered, values = fitted_to.T.contiguous().sort(dim=1).values, rows.T.contiguous()  # (d, n), (d, m)
    below, above = torch.searchsorted(ordered, values, right=True), n - torch.searchsorted(ordered, values)
    left, right = (-torch.log((count.to(rows) + 1) / (n + 1)) for count in (below, above))
    mean = fitted_to.mean(dim=0)
    centred, value = fitted_to - mean, (rows - mean).T
    shift = value / (n + 1)  # of the mean, by the picture itself
    third = (centred**3).sum(dim=0)[:, None] + value**3
    third = third - 3 * shift * ((centred**2).sum(dim=0)[:, None] + value**2) + (3 * value - (n + 1) * shift) * shift**2
    leaning = right * (third >= 0) + left * (third <= 0)
    both = torch.maximum(left, right) if farther else (left + right) / 2
    return torch.maximum(both, leaning).sum(dim=0)


@checked(frozen=True, config=STRICT)
class PyodSettings(EyesSettings):
    """Of ``Pyod``."""

    detector: Literal["knn", "ecod", "copod", "iforest", "ocsvm", "deepsvdd"] = Field("knn", description="of PyOD")
    fitted_on: Literal["source", "target", "both"] = Field("target", description="whose pictures PyOD's detector is fitted to")


class Pyod(EyesMethod):
    r"""Mean over layers of the standardised score of a detector of PyOD.

    .. math:: a(x) = \frac{1}{L} \sum_l \frac{s_l(x) - \operatorname{med} s_l}{\operatorname{iqr} s_l}

    One detector a layer, on unit features (n, d_l); median and interquartile range are those of the scores that PyOD gives
    the pictures it was fitted to, which are also what such a picture scores when it is met again.

    Source
    ------
    PyOD (Zhao, Nasrullah & Li 2019; Chen et al. 2024), every setting at the package's default: kNN by the 5th neighbour,
    ECOD (Li et al. 2022), COPOD (Li et al. 2020), an isolation forest of 100 trees (Liu et al. 2008), one-class SVM
    (Schoelkopf et al. 2001), Deep SVDD with 64 and 32 units, 100 epochs (Ruff et al. 2018). Deviations: the seed is the
    run's; fewer neighbours where there are no 5 others; ECOD and COPOD judge each picture as if it came alone
    (``tails_alone``), since in PyOD the company of a picture moves its score; the fusion over layers is ours. No pickle is
    saved: the features that were fitted to are, and a detector that is loaded is fitted again.
    """

    Settings = PyodSettings
    looks = {  # noqa: RUF012
        "pyod:knn": Look("PyOD kNN", "#7277B5", "$K$"),
        "pyod:ecod": Look("PyOD ECOD", "#A0CBE8", "$E$"),
        "pyod:copod": Look("PyOD COPOD", "#86BCB6", "$C$"),
        "pyod:iforest": Look("PyOD isolation forest", "#59A14F", "$F$"),
        "pyod:ocsvm": Look("PyOD one-class SVM", "#F1CE63", "$V$"),
        "pyod:deepsvdd": Look("PyOD Deep SVDD", "#E15759", "$D$"),
    }
    no_graph = "PyOD's detectors are no tensors: use the detector itself"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if find_spec("pyod") is None:
            raise InputError("wanted the package pyod, got none; install it with: pip install 'twofold[peers]'")
        super().__init__(*args, **kwargs)

    def fit(self, source: View, target: View, told: np.ndarray | None = None) -> Self:
        views = {"source": [source], "target": [target], "both": [source, target]}[self.settings.fitted_on]
        self.seen_ = np.concatenate([view.contents for view in views])
        self.register_buffer("fitted_to", torch.cat([self.embed(view) for view in views]).to(self.device))
        return self._refit()

    def score(self, z: Tensor, own: Tensor | None = None) -> Tensor:
        scores = []
        for detector, rows, (middle, width) in zip(self.detectors_, self._units(z), self.scales_, strict=True):
            if self.settings.detector in POOLING:
                raw = tails_alone(torch.tensor(rows), torch.tensor(detector.X_train), self.settings.detector == "ecod").numpy()
            else:
                raw = detector.decision_function(rows)
            if own is not None:
                at = own.cpu().numpy()
                raw = np.where(at >= 0, detector.decision_scores_[at.clip(0)], raw)
            scores.append((raw.astype(np.float64) - middle) / width)
        return torch.tensor(np.mean(scores, axis=0), device=z.device)

    def leaves(self, z: Tensor) -> dict[str, tuple[torch.dtype, tuple[int | None, ...]]]:
        return {"fitted_to": (z.dtype, (len(self.seen_), z.shape[1]))}

    def restore(self, state: dict[str, Tensor], seen: Sequence[str] = ()) -> Self:
        return super().restore(state, seen)._refit()

    def _refit(self) -> Self:
        """Fit a detector a layer to the features at hand: equal ones give equal detectors."""
        with _all_seeded(self.seed):
            spaces = self._units(self.fitted_to)
            self.detectors_ = [self._detector(*rows.shape).fit(rows) for rows in spaces]
        quartiles = [np.quantile(detector.decision_scores_, [0.25, 0.5, 0.75]) for detector in self.detectors_]
        self.scales_ = [(middle, max(high - low, 1e-12)) for low, middle, high in quartiles]
        return self

    def _detector(self, n: int, width: int) -> Any:
        """One that has seen nothing, for n pictures."""
        module, name = DETECTORS[self.settings.detector]
        own = {
            "knn": {"n_neighbors": min(NEIGHBORS, n - 1)},
            "iforest": {"random_state": self.seed},
            "deepsvdd": {"n_features": width, "random_state": self.seed, "verbose": 0},
        }
        return getattr(import_module(f"pyod.models.{module}"), name)(**own.get(self.settings.detector, {}))

    def _units(self, z: Tensor) -> list[np.ndarray]:
        """(n, d_l) float64 unit features of each layer."""
        return [functional.normalize(space.double(), dim=1).cpu().numpy() for space in self.spaces(z)]


@contextmanager
def _all_seeded(seed: int) -> Iterator[None]:
    """Torch's and numpy's random numbers from this seed, and afterwards as if nothing had been drawn."""
    before = np.random.get_state()  # noqa: NPY002  PyOD's Deep SVDD draws from it
    try:
        np.random.seed(seed)  # noqa: NPY002
        with seeded(seed, torch.device("cpu")):
            yield
    finally:
        np.random.set_state(before)  # noqa: NPY002
