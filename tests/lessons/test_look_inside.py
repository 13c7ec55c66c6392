"""A run taken apart is the run that the sweep did, and distances between clouds obey their closed forms."""

import numpy as np
import pytest
import torch
from scipy.spatial import KDTree

from twofold.lessons.look_inside import (
    ROLES,
    Anatomy,
    distance_table,
    features_before_and_after,
    proxy_a_distance,
    tsne,
    untrained_features,
)
from twofold.methods.training import Inputs, extract
from twofold.networks.cache import EmbeddingCache
from twofold.runs.config import configure
from twofold.runs.run import prepare, run

TASK = ("digits", "type", "optdigits", "3")
TINY = {"steps": 4, "batch_size": 8, "reclusterings": 2}


@pytest.fixture(scope="module")
def taken() -> Anatomy:
    return features_before_and_after(configure(*TASK, "twofold", **TINY))


def test_what_is_taken_apart_is_the_run_itself(taken):
    result, fitted = run(prepare(taken.config))
    np.testing.assert_array_equal(taken.scores, fitted.scores)
    np.testing.assert_array_equal(taken.target, fitted.features.numpy())
    assert taken.result["auroc"] == result["auroc"]
    assert len(taken.losses["one_class"]) == TINY["steps"]


def test_scores_are_squared_distances_to_one_centre_in_both_domains(taken):
    fitted = run(prepare(taken.config))[1]
    center = fitted.training.center.cpu().numpy()
    for z, scores in ((taken.source, taken.source_scores), (taken.target, taken.scores)):
        np.testing.assert_allclose(scores, ((z - center) ** 2).sum(axis=1), rtol=1e-4, atol=1e-6)


def test_both_domains_begin_in_the_network_that_the_seed_gives_and_training_moves_them(taken):
    prepared = prepare(taken.config)
    np.testing.assert_array_equal(untrained_features(prepared, prepared.task.target_test), taken.target_before)
    still = run(prepare(configure(*TASK, "source_only", **{**TINY, "learning_rate": 1e-12})))[1]
    np.testing.assert_allclose(still.features.numpy(), taken.target_before, atol=1e-5)
    source = extract(still.backbone, Inputs(prepared.task.source_train, still.backbone, EmbeddingCache()), True).numpy()
    np.testing.assert_allclose(source, taken.source_before, atol=1e-5)
    assert np.abs(taken.source - taken.source_before).max() > 1e-3
    np.testing.assert_allclose(np.linalg.norm(taken.source_before, axis=1), 1, rtol=1e-5)


def test_a_run_without_a_centre_is_refused():
    for config in (configure(*TASK, "target_only"), configure(*TASK, "source_only", one_class="msc")):
        with pytest.raises(ValueError, match="one_class 'dsvdd'"):
            features_before_and_after(config)


def test_the_distance_is_two_for_worlds_apart_and_near_zero_for_one_world():
    rng = np.random.default_rng(0)
    z = rng.normal(size=(400, 3))
    assert proxy_a_distance(z[:200], z[200:] + 50) == 2
    assert abs(proxy_a_distance(z[:200], z[200:])) < 0.3
    assert proxy_a_distance(z[:200], z[:40] * 0 + z[0]) > 1  # a point inside a cloud is no cloud


@pytest.mark.parametrize("gap", [0.5, 1.0, 2.0])
def test_of_two_gaussians_the_distance_is_that_of_their_bayes_error(gap):
    """Unit Gaussians whose means lie a gap apart: epsilon is Phi(-gap / 2), whatever the sides' sizes."""
    from scipy.stats import norm

    rng = np.random.default_rng(1)
    a, b = rng.normal(size=(4000, 1)), rng.normal(gap, 1, size=(1000, 1))
    assert proxy_a_distance(a, b) == pytest.approx(2 * (1 - 2 * norm.cdf(-gap / 2)), abs=0.08)


def test_the_distance_has_no_unit_and_no_direction():
    rng = np.random.default_rng(2)
    a, b = rng.normal(size=(150, 4)), rng.normal(0.7, 1, size=(100, 4))
    held = proxy_a_distance(a, b)
    assert proxy_a_distance(1000 * a - 3, 1000 * b - 3) == pytest.approx(held, abs=1e-9)
    assert proxy_a_distance(b, a) == pytest.approx(held, abs=0.15)  # the folds differ
    assert 0 < held < 2


def test_what_cannot_be_measured_says_so():
    z = np.zeros((9, 2))
    assert np.isnan(proxy_a_distance(np.full((9, 2), np.nan), z))
    with pytest.raises(ValueError, match="2 columns"):
        proxy_a_distance(z, np.zeros((9, 3)))
    with pytest.raises(ValueError, match="at least 5 rows"):
        proxy_a_distance(z, z[:4])


def test_the_table_measures_each_role_on_its_own_side(taken):
    table = distance_table([taken, taken])
    assert list(table["role"]) == [*ROLES, *ROLES]
    for label, role in enumerate(ROLES):
        row = table[table["role"] == role].iloc[0]
        assert row["before"] == proxy_a_distance(taken.source_before, taken.target_before[taken.labels == label])
        assert row["after"] == proxy_a_distance(taken.source, taken.target[taken.labels == label])


def test_a_map_keeps_parts_and_neighbours():
    rng = np.random.default_rng(3)
    parts = {"a": rng.normal(size=(30, 5)), "b": rng.normal(40, 1, size=(150, 5))}
    places = tsne(parts, most=60, seed=4)
    assert {name: part.shape for name, part in places.items()} == {"a": (30, 2), "b": (60, 2)}
    together, side = np.concatenate([*places.values()]), np.repeat([0, 1], [30, 60])
    nearest = KDTree(together).query(together, k=2)[1][:, 1]
    assert (side[nearest] == side).all()
    again = tsne(parts, most=60, seed=4)
    np.testing.assert_array_equal(again["b"], places["b"])


def test_a_map_of_one_point_is_drawn_and_one_of_a_broken_run_is_refused():
    assert np.isfinite(tsne({"a": np.ones((9, 3))})["a"]).all()
    with pytest.raises(ValueError, match="finite"):
        tsne({"a": np.full((9, 3), np.inf)})


def test_taking_apart_leaves_the_number_of_threads_alone(taken):
    held = torch.get_num_threads()
    distance_table([taken])
    assert torch.get_num_threads() == held
