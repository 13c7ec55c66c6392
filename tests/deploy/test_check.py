"""New pictures that look like the fitted ones, and others."""

from dataclasses import dataclass

import numpy as np
import pytest
import torch
from torch import nn

from twofold.deploy import check as room
from twofold.deploy.check import compare, without_like
from twofold.deploy.crossed import PARTS, crossed, dealt
from twofold.errors import InputError
from twofold.methods.base import FrozenMethod


@dataclass(eq=False)
class Points:
    """Pictures that are points, as far as a view of such is asked for."""

    points: np.ndarray  # (n, d)

    def __len__(self):
        return len(self.points)

    @property
    def contents(self):
        return np.array([point.tobytes().hex() for point in self.points])

    def subset(self, rows):
        return Points(self.points[rows])


class Nearest(FrozenMethod):
    """Scores a point by how far the nearest fitted one is."""

    def __init__(self):
        nn.Module.__init__(self)

    def twin(self):
        return Nearest()

    def fit(self, source, target, told=None):
        self.fitted = target
        return self

    def embed(self, view):
        return torch.from_numpy(view.points)

    def anomaly_score(self, view, z=None):
        return np.linalg.norm(view.points[:, None] - self.fitted.points, axis=2).min(axis=1)


def families(rng, n):
    """Five points each."""
    return Points(np.repeat(rng.normal(size=(n, 8)), 5, axis=0) + 0.05 * rng.normal(size=(5 * n, 8)))


@pytest.mark.parametrize(("n", "m"), [(24, 24), (200, 30)])
@pytest.mark.parametrize("level", [0.05, 0.2])
def test_pictures_of_one_kind_are_called_different_as_often_as_the_level_says_at_most(n, m, level):
    rng, called = np.random.default_rng(0), []
    for _ in range(2000):
        scores = rng.standard_t(3, size=n + m)
        called.append(compare(scores[:n], scores[n:], 0.0, 0.05, level).different)
    assert np.mean(called) <= level + 3 * np.sqrt(level * (1 - level) / len(called))
    assert np.mean(called) > 0  # a test that never speaks keeps every level


def test_pictures_of_another_kind_are_called_different():
    rng, called = np.random.default_rng(0), []
    for _ in range(200):
        called.append(compare(rng.normal(size=100), rng.normal(1, 1, size=50), 2.0, 0.05).different)
    assert np.mean(called) > 0.95


def test_it_counts_what_lies_above_the_line():
    found = compare(np.arange(40.0), np.array([0.0, 1.0, 50.0, 60.0]), 39.0, 0.05)
    assert (found.n, found.above) == (4, 0.5)
    assert "50% of them lie above the line, 5% of normal ones should" in found.words()


def test_what_cannot_be_checked_is_refused():
    for level in (0.0, "x", None):
        with pytest.raises(InputError, match="wanted a level"):
            compare(np.arange(9.0), np.arange(9.0), 5.0, 0.05, level)
    with pytest.raises(InputError, match="got none"):
        compare(np.arange(9.0), np.zeros(0), 5.0, 0.05)


def test_pictures_of_new_families_are_called_different_less_often_where_no_family_vouches_for_its_own():
    rng, called = np.random.default_rng(0), []
    for _ in range(60):
        target, new = families(rng, 16), families(rng, 6)
        method = Nearest().fit(target, target)
        alone, scores = crossed(method, target, target, dealt(target, PARTS)), method.anomaly_score(new)
        some = scores[::5]  # one a family: those of a family are not drawn one by one
        found = [compare(fitted, some, 0.0, 0.05).different for fitted in (alone, without_like(method, target, target, alone))]
        called.append(found)
    one_by_one, by_families = np.mean(called, axis=0)
    assert one_by_one > 0.9
    assert by_families < 0.3  # not the level: what is fitted counts by pictures, and they are fewer families


def test_a_group_of_more_than_half_and_what_takes_long_keep_the_scores_of_pictures_left_out_alone(monkeypatch):
    rng = np.random.default_rng(0)
    target = Points(np.concatenate([np.full((12, 8), 1.0) + 1e-12 * rng.normal(size=(12, 8)), rng.normal(size=(9, 8))]))
    method, alone = Nearest().fit(target, target), np.arange(21.0)
    found = without_like(method, target, target, alone)
    np.testing.assert_array_equal(found[:12], alone[:12])
    assert (found[12:] != alone[12:]).all()
    monkeypatch.setattr(room, "MANY", len(target) - 1)
    assert without_like(method, target, target, alone) is alone


def test_what_looks_more_normal_than_the_fitted_is_not_called_different():
    rng = np.random.default_rng(0)
    assert not compare(rng.normal(size=100), rng.normal(-1, 1, size=50), 2.0, 0.05).different
