"""New pictures that look like the fitted ones, and others."""

import numpy as np
import pytest

from twofold.deploy.check import compare
from twofold.errors import InputError


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
    with pytest.raises(InputError, match="wanted a level"):
        compare(np.arange(9.0), np.arange(9.0), 5.0, 0.05, 0.0)
    with pytest.raises(InputError, match="got none"):
        compare(np.arange(9.0), np.zeros(0), 5.0, 0.05)
