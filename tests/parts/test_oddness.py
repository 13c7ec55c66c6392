"""General oddness, the pile that is nearest, and the pile that is too far."""

import numpy as np
import pytest
import torch

from twofold.parts.neighbors import squares_of
from twofold.parts.oddness import FARTHEST, NEAREST, general_oddness, nearest, own_oddness


def test_oddness_is_twice_the_logarithm_of_the_mean_distance_to_seven_neighbours():
    rng = np.random.default_rng(0)
    features, pile = rng.normal(size=(5, 4)), rng.normal(size=(30, 4))
    distances = np.sort(np.linalg.norm(features[:, None] - pile, axis=2), axis=1)[:, :7].mean(axis=1)
    found = general_oddness(torch.from_numpy(features), torch.from_numpy(pile))
    np.testing.assert_allclose(found.numpy(), np.log(distances**2))


def test_a_picture_of_the_pile_itself_has_a_finite_oddness():
    one = torch.ones(1, 3)
    assert general_oddness(one, one).item() == 2 * np.log(NEAREST)


def test_how_far_pictures_lie_from_each_other_leaves_each_out():
    features = torch.from_numpy(np.random.default_rng(1).normal(size=(12, 3)))
    alone = [general_oddness(features[i : i + 1], features[torch.arange(12) != i]).item() for i in range(12)]
    np.testing.assert_allclose(own_oddness(features).numpy(), alone)


def test_the_nearest_pile_is_nearest_by_the_median_of_each_layer():
    own = [np.zeros(9), np.zeros(9)]
    far, near = [np.zeros(9), np.full(9, 2.0)], [np.full(9, 0.5), np.full(9, 0.5)]
    near[0][:4] = 1e9  # a few far pictures decide nothing
    chosen, ratios = nearest({"far": far, "near": near}, own)
    assert chosen == "near"
    assert ratios == pytest.approx({"far": np.exp(0.5), "near": np.exp(0.25)})
    assert nearest({}, own) == (None, {})


@pytest.mark.parametrize(("times", "taken"), [(1.0, True), (FARTHEST - 0.01, True), (FARTHEST + 0.01, False)])
def test_a_pile_so_many_times_as_far_as_the_target_from_itself_is_none(times, taken):
    target = torch.eye(20, 21, dtype=torch.float64)  # all lie sqrt(2) from each other
    pile = torch.zeros(10, 21, dtype=torch.float64)
    pile[:, 20] = np.sqrt(2 * times**2 - 1)
    oddness, own = {"pile": [general_oddness(target, pile).numpy()]}, [own_oddness(target).numpy()]
    chosen, ratios = nearest(oddness, own)
    assert ratios["pile"] == pytest.approx(times)
    assert (chosen == "pile") is taken
    assert nearest(oddness, own, farthest=np.inf)[0] == "pile"


def test_how_far_pictures_lie_from_each_other_may_be_known_by_their_squared_distances():
    features = np.random.default_rng(1).normal(size=(12, 3))
    known = own_oddness(torch.from_numpy(features), squares_of(features @ features.T))
    np.testing.assert_allclose(known.numpy(), own_oddness(torch.from_numpy(features)).numpy())
