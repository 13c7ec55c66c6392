"""A line keeps what it promises: closed forms, laws and simulations of every rule."""

import numpy as np
import pytest

from twofold.deploy.thresholds import FENCE, RULES, benjamini_hochberg, draw_line, line_of, p_values
from twofold.deploy.trust import contamination
from twofold.errors import InputError


def test_p_values_are_those_of_counting():
    rng = np.random.default_rng(0)
    scores, calibration = rng.integers(0, 9, 50).astype(float), rng.integers(0, 9, 30).astype(float)  # with ties
    counted = [(1 + sum(other >= score for other in calibration)) / 31 for score in scores]
    np.testing.assert_allclose(p_values(scores, calibration), counted)


@pytest.mark.parametrize("fpr", [0.01, 0.05, 0.1, 0.2, 0.5, 1 / 3])
@pytest.mark.parametrize("n", [1, 3, 19, 20, 99, 100])
def test_a_score_lies_above_a_conformal_line_where_its_p_value_is_at_most_the_promise(fpr, n):
    rng = np.random.default_rng(n)
    line = line_of("all_conformal", rng.integers(0, 12, n), fpr)
    scores = np.arange(-1.0, 14.0)
    np.testing.assert_array_equal(scores > line.threshold, line.p_value(scores) <= fpr * (1 + 1e-12))


def test_too_few_scores_promise_that_little_by_calling_nothing_anomalous():
    assert line_of("all_conformal", np.arange(18.0), 0.05).threshold == np.inf
    assert line_of("all_conformal", np.arange(19.0), 0.05).threshold == 18.0


@pytest.mark.parametrize(("n", "fpr", "needed", "least"), [(17, 0.05, 19, 0.056), (1, 0.01, 99, 0.5), (400, 0.001, 999, 0.003)])
def test_where_no_line_can_be_drawn_it_says_what_would_do(n, fpr, needed, least):
    line = line_of("fenced_conformal", np.arange(float(n)), fpr)
    assert not line.drawn
    assert f"from {n} scores" in line.promise
    assert f"that takes {needed} scores of normal pictures, or an fpr of {least} and more" in line.promise
    assert line_of("all_conformal", np.arange(float(needed)), fpr).drawn
    assert not line_of("all_conformal", np.arange(needed - 1.0), fpr).drawn
    assert line_of("all_conformal", np.arange(float(n)), least).drawn


def test_the_quantile_is_numpy_s():
    scores = np.random.default_rng(0).normal(size=50)
    assert line_of("all_quantile", scores, 0.1).threshold == np.quantile(scores, 0.9)


@pytest.mark.parametrize("fpr", [0.05, 0.2])
def test_of_exchangeable_normals_no_more_than_promised_lie_above_a_conformal_line(fpr):
    rng = np.random.default_rng(0)
    draws = rng.standard_t(3, size=(20_000, 40))  # 39 to draw the line from, one to judge
    above = [line_of("all_conformal", draw[1:], fpr).threshold < draw[0] for draw in draws]
    assert np.mean(above) <= fpr + 3 * np.sqrt(fpr * (1 - fpr) / len(draws))
    assert np.mean(above) > fpr - 0.01  # and it gives nothing away: 40 fpr is whole


def test_the_default_keeps_its_promise_where_all_are_normal_and_most_of_it_where_a_tenth_is_not():
    rng, false, found = np.random.default_rng(0), {0: [], 10: []}, []
    for _ in range(2000):
        for strangers in false:
            target = np.concatenate([rng.normal(size=100 - strangers), rng.normal(7, 1, size=strangers)])
            line = draw_line(target, None, rng.normal(size=20), 0.05)
            false[strangers].append(np.mean(rng.normal(size=100) > line.threshold))
        found.append(np.mean(target[-10:] > line.threshold))
    assert np.mean(false[0]) < 0.06
    assert 0.03 < np.mean(false[10]) < 0.06  # all pictures as calibration would give 0 here
    assert np.mean(found) > 0.99


@pytest.mark.parametrize(("highest", "last"), [(50 + FENCE * 40, 50 + FENCE * 40), (50.5 + FENCE * 40, 99.0)])
def test_the_fence_stands_where_it_is_said_to(highest, last):
    held_out = np.append(np.arange(100.0), highest)  # median 50, lowest tenth up to 10
    assert draw_line(held_out, None, np.zeros(1), 0.05, "fenced_conformal").calibration[-1] == last


@pytest.mark.parametrize(
    ("name", "wanted"),
    [("kept", [1, 2]), ("all", [1, 2, 3]), ("source", [7, 8]), ("both", [1, 2, 7, 8])],
)
def test_each_rule_is_drawn_from_what_it_names(name, wanted):
    held_out, kept, source = np.array([3.0, 1.0, 2.0]), np.array([False, True, True]), np.array([8.0, 7.0])
    for kind in ("conformal", "quantile"):
        assert draw_line(held_out, kept, source, 0.4, f"{name}_{kind}").calibration.tolist() == wanted


@pytest.mark.parametrize("rule", RULES)
def test_a_reviewed_picture_counts_whatever_it_scores(rule):
    held_out, kept = np.append(np.random.default_rng(0).normal(size=50), 99.0), np.append(np.ones(50, bool), False)
    sure = np.arange(51) == 50
    without, reviewed = (draw_line(held_out, kept, np.zeros(9), 0.05, rule, mask) for mask in (None, sure))
    assert reviewed.calibration[-1] == 99.0
    assert len(reviewed.calibration) - len(without.calibration) in (0, 1)
    assert reviewed.threshold >= without.threshold or rule.startswith("all")


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_says_its_number_and_its_assumption(rule):
    line = draw_line(np.arange(50.0), None, np.arange(50.0), 0.05, rule)
    assert line.rule == rule
    assert "5 %" in line.promise
    assert " if " in line.promise
    assert line.promise.endswith(".")
    assert line.promise.count(".") == 1  # one sentence


def test_the_line_follows_from_what_a_file_keeps_of_it():
    line = draw_line(np.random.default_rng(0).normal(size=50), None, np.zeros(1), 0.07)
    again = line_of(line.rule, line.calibration[::-1], line.fpr)
    assert (again.rule, again.fpr, again.threshold, again.promise) == ("all_conformal", 0.07, line.threshold, line.promise)


def test_benjamini_hochberg_is_its_definition():
    rng = np.random.default_rng(0)
    for level in (0.05, 0.2):
        p = rng.uniform(size=60) ** 3
        order = np.sort(p)
        under = [i for i in range(60) if order[i] <= level * (i + 1) / 60]
        np.testing.assert_array_equal(benjamini_hochberg(p, level), p <= (order[under[-1]] if under else -1))
    assert not len(benjamini_hochberg(np.zeros(0), 0.05))


def test_of_a_batch_s_alarms_at_most_the_promised_share_is_false():
    rng, false = np.random.default_rng(0), []
    for _ in range(1000):
        scores = np.concatenate([rng.normal(size=90), rng.normal(5, 1, size=10)])
        called = benjamini_hochberg(p_values(scores, rng.normal(size=200)), 0.1)
        false.append(called[:90].sum() / max(1, called.sum()))
    assert np.mean(false) <= 0.1


@pytest.mark.parametrize(("rule", "fpr"), [("best", 0.05), ("auto", 0.0), ("auto", 1.0), ("auto", np.nan), ("auto", -1)])
def test_what_cannot_be_promised_is_refused(rule, fpr):
    with pytest.raises(InputError, match="wanted"):
        draw_line(np.arange(9.0), None, np.arange(9.0), fpr, rule)


def test_a_fence_of_no_width_keeps_all():
    scores = np.concatenate([np.full(27, 1.0), np.linspace(1, 2, 24)])
    assert 1 < draw_line(scores, None, scores, 0.05, "fenced_conformal").threshold < np.inf
    assert contamination(scores) == (0.0, 0.5)
