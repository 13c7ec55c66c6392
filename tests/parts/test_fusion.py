"""Layers on scales of their own."""

import numpy as np
import pytest

from twofold.parts.fusion import fused, spread


def test_the_scale_is_median_and_interquartile_range():
    levels = np.random.default_rng(0).normal(size=200)
    low, middle, high = np.quantile(levels, [0.25, 0.5, 0.75])
    assert spread(levels) == pytest.approx((middle, high - low))
    assert spread(np.ones(5)) == (1.0, 1e-12)


def test_units_of_a_layer_play_no_part():
    levels = list(np.random.default_rng(0).normal(size=(3, 50)))
    scaled = [7 * levels[0] + 3, levels[1], levels[2] / 100]
    same = [fused(of, [spread(level) for level in of]) for of in (levels, scaled)]
    np.testing.assert_allclose(*same)
