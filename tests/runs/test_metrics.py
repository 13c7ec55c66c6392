"""Rankings against pair counting, replication and brute force; collapse on healthy and broken training."""

import numpy as np
import pytest

from twofold.errors import InputError
from twofold.runs.metrics import auroc, average_precision, collapse_parts, collapse_verdict, fpr_at_tpr

METRICS = [auroc, average_precision, fpr_at_tpr]


def ranking(seed, ties=False):
    rng = np.random.default_rng(seed)
    labels = rng.permutation([0] * int(rng.integers(5, 30)) + [1] * int(rng.integers(5, 30)))
    scores = rng.normal(size=len(labels)) + labels
    return labels, np.round(scores) if ties else scores


def counted_auroc(labels, scores):
    wins = [
        1.0 if a > n else 0.5 if a == n else 0.0
        for a in scores[labels == 1]
        for n in scores[labels == 0]
    ]  # fmt: skip
    return 100 * sum(wins) / len(wins)


def stepwise_average_precision(labels, scores):
    """Sum of precision times gain in recall over the distinct thresholds, from the highest down."""
    total, recall_before = 0.0, 0.0
    for threshold in sorted(set(scores), reverse=True):
        flagged = labels[scores >= threshold]
        recall = flagged.sum() / labels.sum()
        total += flagged.mean() * (recall - recall_before)
        recall_before = recall
    return 100 * total


def searched_fpr(labels, scores, tpr):
    rates = [
        100 * np.mean(scores[labels == 0] >= threshold)
        for threshold in scores
        if np.mean(scores[labels == 1] >= threshold) >= tpr
    ]
    return min(rates)


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("seed", range(10))
def test_auroc_is_the_share_of_pairs_ranked_right_with_ties_counted_half(seed, ties):
    labels, scores = ranking(seed, ties)
    assert auroc(labels, scores) == pytest.approx(counted_auroc(labels, scores), abs=1e-9)


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("seed", range(10))
def test_fpr_equals_a_search_over_all_thresholds(seed, ties):
    labels, scores = ranking(seed, ties)
    for tpr in (0.5, 0.8, 0.95, 1.0):
        assert fpr_at_tpr(labels, scores, tpr) == pytest.approx(searched_fpr(labels, scores, tpr), abs=1e-9)
    assert fpr_at_tpr(labels, scores) == fpr_at_tpr(labels, scores, 0.95)


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("seed", range(5))
def test_average_precision_is_that_of_normals_replicated_until_a_tenth_is_anomalous(seed, ties):
    rng = np.random.default_rng(seed)
    labels = np.array([0] * 4 + [1] * 8)  # each normal 18 times: 72 normals, 8 anomalies
    scores = rng.normal(size=12) + labels
    scores = np.round(scores) if ties else scores
    copies = np.where(labels == 0, 18, 1)
    replicated = stepwise_average_precision(np.repeat(labels, copies), np.repeat(scores, copies))
    assert average_precision(labels, scores) == pytest.approx(replicated, abs=1e-9)


@pytest.mark.parametrize("prevalence", [0.1, 0.3])
def test_average_precision_of_a_constant_score_is_the_prevalence_whatever_the_set_holds(prevalence):
    for n_normal, n_anomalous in [(1, 9), (9, 1), (5, 5)]:
        labels = [0] * n_normal + [1] * n_anomalous
        assert average_precision(labels, np.ones(10), prevalence) == pytest.approx(100 * prevalence)


@pytest.mark.parametrize(
    ("labels", "scores", "expected"),
    [
        ([0, 0, 1, 1], [1, 2, 3, 4], (100, 100, 0)),
        ([0, 0, 1, 1], [4, 3, 2, 1], (0, None, 100)),
        ([0, 1, 0, 1], [1, 1, 1, 1], (50, 10, 100)),
        ([0, 0, 1], [0.1, 0.5, 0.5], (75, None, 50)),
    ],
)
def test_rankings_have_their_hand_derived_values(labels, scores, expected):
    for metric, value in zip(METRICS, expected, strict=True):
        if value is not None:
            assert metric(labels, scores) == pytest.approx(value), metric.__name__


@pytest.mark.parametrize("metric", METRICS)
def test_rankings_ignore_order_scale_and_any_increasing_map(metric):
    labels, scores = ranking(3)
    order = np.random.default_rng(0).permutation(len(labels))
    plain = pytest.approx(metric(labels, scores), abs=1e-9)
    assert metric(labels[order], scores[order]) == plain
    assert metric(labels, 100 * scores + 7) == plain
    assert metric(labels, np.exp(scores)) == plain


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_rankings_are_nan_where_a_score_is_not_finite(metric, bad):
    assert np.isnan(metric([0, 1, 1], [0.0, 1.0, bad]))


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("labels", [[0, 0], [1, 1]])
def test_rankings_want_both_kinds(metric, labels):
    with pytest.raises(InputError, match=r"wanted normals and anomalies.* got 2 pictures of one kind; add a folder"):
        metric(labels, [0.0, 1.0])


@pytest.mark.parametrize("metric", METRICS)
def test_rankings_want_a_score_for_each_label(metric):
    with pytest.raises(ValueError, match=r"scores must have shape \(2,\) like labels, got \(3,\)"):
        metric([0, 1], [0.0, 1.0, 2.0])


@pytest.fixture
def healthy():
    """Scores, features and features before of a training that tightened without collapsing."""
    rng = np.random.default_rng(0)
    before = rng.normal(size=(40, 8)).astype(np.float32)
    return (before**2).sum(axis=1), before, before


@pytest.mark.parametrize("shrink", [1.0, 0.5, 0.04, 20.0])
def test_a_training_that_keeps_some_spread_has_not_collapsed(healthy, shrink):
    scores, features, before = healthy
    assert collapse_verdict(scores * shrink**2, features * shrink, before) is False


@pytest.mark.parametrize("shrink", [0.03, 1e-2, 1e-4, 0.0])  # 0.03^2 of the variance is below a thousandth
def test_features_shrunk_to_a_thousandth_of_their_variance_have_collapsed(healthy, shrink):
    scores, features, before = healthy
    assert collapse_verdict(scores, features * shrink, before) is True


def test_a_shift_of_the_features_is_no_collapse(healthy):
    scores, features, before = healthy
    assert collapse_verdict(scores, features + 100, before) is False


def test_constant_scores_have_collapsed_even_where_features_are_spread(healthy):
    _, features, before = healthy
    assert collapse_verdict(np.full(40, 0.3), features, before) is True


@pytest.mark.parametrize(("distinct", "collapsed"), [(19, True), (20, False), (40, False)])
def test_fewer_distinct_scores_than_half_the_pictures_are_a_collapse(healthy, distinct, collapsed):
    _, features, before = healthy
    assert collapse_verdict(np.arange(40) % distinct + 0.5, features, before) is collapsed


def test_scores_that_differ_below_float32_are_ties(healthy):
    _, features, before = healthy
    assert collapse_verdict(1 + 1e-12 * np.arange(40), features, before) is True
    assert collapse_verdict(1 + 1e-5 * np.arange(40), features, before) is False


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_one_value_that_is_not_finite_is_a_collapse(healthy, bad):
    scores, features, before = healthy
    broken_scores, broken_features = scores.copy(), features.copy()
    broken_scores[3], broken_features[3, 2] = bad, bad
    assert collapse_verdict(broken_scores, features, before) is True
    assert collapse_verdict(scores, broken_features, before) is True


@pytest.mark.parametrize("scale", [0.0, 1e-3, 0.031, 0.032, 1.0, 30.0])
@pytest.mark.parametrize("equal", [1, 20, 21, 22, 40])  # 21 of 40 alike leave 20 distinct: half, and half is enough
@pytest.mark.parametrize("broken", [None, "scores", "features"])
def test_a_part_speaks_exactly_where_the_verdict_does(scale, equal, broken):
    before = np.random.default_rng(0).normal(size=(40, 3))
    features = scale * before
    scores = np.arange(40.0)
    scores[:equal] = 0
    if broken:
        {"scores": scores, "features": features}[broken][0] = np.nan
    parts = collapse_parts(scores, features, before)
    assert bool(parts["why"]) == collapse_verdict(scores, features, before)
    assert parts["finite"] == (broken is None)
    if broken is None:
        assert parts["variance_ratio"] == pytest.approx(scale**2)
        assert parts["distinct_share"] == (41 - equal) / 40


def test_several_parts_may_speak_at_once():
    before = np.random.default_rng(0).normal(size=(40, 3))
    assert collapse_parts(np.zeros(40), 0 * before, before)["why"] == "small variance and few distinct scores"


def test_a_point_before_training_has_no_ratio_and_speaks_by_its_scores_alone():
    point = np.ones((4, 2))
    parts = collapse_parts(np.arange(4.0), point, point)
    assert np.isnan(parts["variance_ratio"])
    assert parts["why"] == ""


@pytest.mark.parametrize("n", range(3, 60, 4))
def test_a_perfect_ranking_is_a_hundred_and_no_more(n):
    labels = np.r_[np.zeros(7, int), np.ones(n, int)]
    assert average_precision(labels, labels.astype(float)) == pytest.approx(100)
    assert average_precision(labels, labels.astype(float)) <= 100
