"""The plane: maps match what they promise, terms agree with plain counting, and the curse is there over many seeds."""

import subprocess
import sys
from dataclasses import replace
from statistics import NormalDist

import numpy as np
import pytest

from twofold.errors import InputError
from twofold.lessons.plane import RULES, SHAPES, align, bound_terms, discrepancy, matching_map, measure, simulate, sphere


def test_the_plane_needs_no_torch():
    code = "import sys; from twofold.lessons import plane; plane.measure(n=50); print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"


@pytest.fixture(scope="module")
def scene():
    return simulate("coherent", anomaly_ratio=0.25, n=400, seed=3)


def same_moments(points, others):
    close = np.allclose(points.mean(axis=0), others.mean(axis=0), atol=1e-9)
    return close and np.allclose(np.cov(points.T), np.cov(others.T), atol=1e-9)


def test_a_matching_map_gives_mean_and_covariance_in_any_dimension():
    rng = np.random.default_rng(0)
    points, onto = rng.normal(size=(50, 3)) @ rng.normal(size=(3, 3)), rng.normal(size=(80, 3)) + 7
    matrix, offset = matching_map(points, onto)
    assert same_moments(points @ matrix + offset, onto)
    matrix, offset = matching_map(onto, onto)
    np.testing.assert_allclose(matrix, np.eye(3), atol=1e-9)
    np.testing.assert_allclose(offset, 0, atol=1e-9)


@pytest.mark.parametrize("gap", [0.5, 1.0, 2.0])
def test_the_discrepancy_of_two_gaussians_is_the_error_of_the_best_line(gap):
    rng = np.random.default_rng(1)
    points, others = rng.normal(size=(20000, 2)), rng.normal((gap, 0), size=(20000, 2))
    assert discrepancy(points, others) == pytest.approx(2 - 4 * NormalDist().cdf(-gap / 2), abs=0.03)
    few = discrepancy(points, others[:2000])  # the sizes of the clouds play no part
    assert few == pytest.approx(2 - 4 * NormalDist().cdf(-gap / 2), abs=0.08)


def test_the_discrepancy_is_blind_to_what_a_line_does_not_see():
    rng = np.random.default_rng(2)
    assert discrepancy(rng.normal(size=(5000, 2)), 5 * rng.normal(size=(5000, 2))) < 0.1


@pytest.mark.parametrize("shape", SHAPES)
def test_a_scene_has_its_share_of_anomalies_and_the_same_test_at_every_share(shape):
    few, many = simulate(shape, 0.1, 200, seed=5), simulate(shape, 0.6, 200, seed=5)
    assert (few.target_labels.sum(), many.target_labels.sum()) == (20, 120)
    np.testing.assert_array_equal(few.target_test, many.target_test)
    np.testing.assert_array_equal(few.source, many.source)
    assert not few.selected.any()
    assert not np.array_equal(few.source, simulate(shape, 0.1, 200, seed=6).source)


def test_held_out_normals_are_other_points_than_those_that_train(scene):
    for train, test in ((scene.source, scene.source_test), (scene.target, scene.target_test)):
        assert not np.isin(train[:, 0], test[:, 0]).any()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"shape": "cross"}, "wanted a shape, got 'cross'; choose one of: coherent, scattered, ring"),
        ({"anomaly_ratio": 1.0}, r"wanted anomaly_ratio in \[0, 1\), got 1.0"),
        ({"n": 5}, "wanted n of at least 20 points, got 5"),
    ],
)
def test_a_scene_that_cannot_be_is_refused(arguments, words):
    with pytest.raises(InputError, match=words):
        simulate(**arguments)


def test_unknown_rules_and_too_many_clusters_are_refused(scene):
    with pytest.raises(InputError, match="wanted a rule, got 'everything'"):
        align(scene, "everything")
    with pytest.raises(InputError, match="wanted n_clusters from 1 to the 400 target"):
        align(scene, "twofold", n_clusters=401)


@pytest.mark.parametrize("rule", RULES[1:])
def test_what_a_map_was_fitted_on_gets_the_source_s_moments(scene, rule):
    moved = align(scene, rule)
    assert same_moments(moved.target[moved.selected], scene.source)
    half = align(scene, rule, strength=0.5)
    np.testing.assert_allclose(half.target_test, (scene.target_test + moved.target_test) / 2)
    np.testing.assert_array_equal(align(scene, rule, strength=0.0).target, scene.target)
    np.testing.assert_array_equal(moved.source, scene.source)


def test_source_only_moves_nothing(scene):
    assert align(scene, "source_only") is scene


def test_aligning_everything_puts_normals_and_anomalies_on_two_sides_of_the_centre_like_a_lever(scene):
    moved = align(scene, "align_all")
    center, share = scene.source.mean(axis=0), scene.target_labels.mean()
    normal, anomalous = (moved.target[moved.target_labels == label].mean(axis=0) - center for label in (0, 1))
    np.testing.assert_allclose((1 - share) * normal + share * anomalous, 0, atol=1e-9)


def test_only_the_oracle_reads_a_target_label(scene):
    scrambled = replace(scene, target_labels=np.random.default_rng(0).permutation(scene.target_labels))
    for rule in RULES:
        same = np.array_equal(align(scene, rule).target_test, align(scrambled, rule).target_test)
        assert same == (rule != "oracle"), rule


@pytest.mark.parametrize(("ratio", "k", "normal"), [(0.45, 2, True), (0.55, 2, False), (0.12, 5, True), (0.4, 5, False)])
def test_the_dominant_cluster_of_coherent_anomalies_turns_at_one_in_k(ratio, k, normal):
    found = align(simulate("coherent", ratio, 600), "twofold", k)
    assert found.target_labels[found.selected].mean() == pytest.approx(0.0 if normal else 1.0, abs=0.03)


def test_the_terms_agree_with_counting_point_by_point(scene):
    scene = align(simulate("ring", 0.3, n=60, seed=1), "twofold", n_clusters=3)
    terms, (center, radius) = bound_terms(scene), sphere(scene)

    def counted(points, labels, limit):
        wrong = [0, 0]
        for point, label in zip(points, labels, strict=True):
            outside = sum((point - center) ** 2) ** 0.5 > limit
            wrong[label] += outside if label == 0 else not outside
        return [wrong[label] / list(labels).count(label) for label in (0, 1)]

    outside, inside = counted(scene.target_test, scene.target_test_labels, radius)
    assert terms["normals_outside"] == pytest.approx(outside)
    assert terms["anomalies_inside"] == pytest.approx(inside)
    assert terms["target_error"] == pytest.approx((outside + inside) / 2)
    assert terms["source_error"] == pytest.approx(np.mean(counted(scene.source_test, scene.source_test_labels, radius)))
    distance = [np.linalg.norm(scene.target_test[scene.target_test_labels == label] - center, axis=1) for label in (0, 1)]
    assert terms["auroc"] == pytest.approx(100 * np.mean(distance[1][:, None] > distance[0][None, :]))
    tests = ((scene.source_test, scene.source_test_labels), (scene.target_test, scene.target_test_labels))
    every = np.linalg.norm(np.concatenate([scene.source_test, scene.target_test]) - center, axis=1)
    best = min(sum(np.mean(counted(*test, limit)) for test in tests) for limit in every)
    assert best - 1e-9 <= terms["ideal_joint_error"] <= best + 0.03
    assert terms["purity"] == pytest.approx(np.mean(scene.target_labels[scene.selected] == 0))


def test_a_circle_holds_its_share_of_the_source(scene):
    center, radius = sphere(scene, share=0.8)
    assert np.mean(np.linalg.norm(scene.source - center, axis=1) <= radius) == pytest.approx(0.8, abs=0.01)


def test_terms_of_a_scene_that_nothing_was_fitted_on_say_so(scene):
    terms = bound_terms(scene)
    assert np.isnan(terms["discrepancy_selected"])
    assert np.isnan(terms["purity"])


def test_the_curse_less_discrepancy_and_more_error_on_every_seed():
    frame = measure(["coherent"], [0.25], seeds=range(8), n=400).set_index(["rule", "seed"])
    nothing, everything, paper, oracle = (frame.loc[rule] for rule in RULES)
    assert (everything["discrepancy"] < nothing["discrepancy"] - 0.3).all()
    assert (everything["target_error"] > nothing["target_error"] + 0.1).all()
    assert (everything["ideal_joint_error"] > nothing["ideal_joint_error"] + 0.1).all()
    assert (everything["discrepancy_normals"] > 0.3).all()
    assert (paper["target_error"] < 0.1).all()
    assert (paper["discrepancy"] > everything["discrepancy"]).all()
    assert np.allclose(paper["target_error"], oracle["target_error"], atol=0.03)


def test_measure_has_a_row_for_every_setting_that_differs():
    frame = measure(["coherent", "ring"], [0.1, 0.3], n_clusters=[2, 3], strengths=[0.0, 1.0], seeds=[0, 1], n=40)
    per_rule = {"source_only": 1, "align_all": 2, "twofold": 4, "oracle": 2}
    assert frame.groupby("rule").size().to_dict() == {rule: 8 * n for rule, n in per_rule.items()}
    start = frame[frame["strength"] == 0].groupby(["shape", "anomaly_ratio", "seed"])["target_error"]
    assert (start.nunique() == 1).all(), "at strength 0 every rule is where it began"
