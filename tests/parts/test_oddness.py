"""General oddness, and the pile that is nearest."""

import numpy as np
import torch

from twofold.parts.oddness import NEAREST, general_oddness, nearest


def test_oddness_is_twice_the_logarithm_of_the_mean_distance_to_seven_neighbours():
    rng = np.random.default_rng(0)
    features, pile = rng.normal(size=(5, 4)), rng.normal(size=(30, 4))
    distances = np.sort(np.linalg.norm(features[:, None] - pile, axis=2), axis=1)[:, :7].mean(axis=1)
    found = general_oddness(torch.from_numpy(features), torch.from_numpy(pile))
    np.testing.assert_allclose(found.numpy(), np.log(distances**2))


def test_a_picture_of_the_pile_itself_has_a_finite_oddness():
    one = torch.ones(1, 3)
    assert general_oddness(one, one).item() == 2 * np.log(NEAREST)


def test_the_nearest_pile_is_nearest_by_the_median_of_each_layer():
    far, near = [np.zeros(9), np.full(9, 4.0)], [np.full(9, 1.0), np.full(9, 1.0)]
    near[0][:4] = 1e9  # a few far pictures decide nothing
    assert nearest({"far": far, "near": near}) == ("near", {"far": 2.0, "near": 1.0})
    assert nearest({}) == (None, {})
