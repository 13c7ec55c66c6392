"""Partial transport: the plan against linear programming and its own constraints, the map and the score by hand."""

import numpy as np
import pytest
import torch
from scipy.optimize import linprog
from sklearn.metrics import roc_auc_score
from sklearn.preprocessing import normalize

from twofold.data.domains import ArrayPictures, Domain, View
from twofold.methods.partial_ot import carried, partial_plan


def exact_plan(cost, mass):
    """The cheapest partial plan without blur, as a linear programme."""
    n, m = cost.shape
    rows = np.kron(np.eye(n), np.ones(m))
    columns = np.kron(np.ones(n), np.eye(m))
    bounds = np.r_[np.full(n, 1 / n), np.full(m, 1 / m)]
    found = linprog(cost.ravel(), np.concatenate([rows, columns]), bounds, np.ones((1, n * m)), [mass], bounds=(0, None))
    return found.x.reshape(n, m)


def spread(n, m, seed=0):
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(n, 2)), rng.normal(size=(m, 2))
    return ((x[:, None] - y) ** 2).sum(axis=2)


@pytest.mark.parametrize(("n", "m", "mass"), [(6, 6, 0.5), (5, 9, 0.8), (12, 4, 0.6), (7, 7, 1.0)])
def test_a_plan_moves_the_mass_within_both_masses(n, m, mass):
    plan = partial_plan(spread(n, m), mass, 0.05)
    assert plan.sum() == pytest.approx(mass, rel=1e-6)
    assert plan.min() >= 0
    assert plan.sum(axis=1).max() <= 1 / n + 1e-3 / n
    assert plan.sum(axis=0).max() <= 1 / m + 1e-3 / m


@pytest.mark.parametrize(("n", "m", "mass"), [(6, 6, 0.5), (5, 9, 0.8)])
def test_a_plan_with_little_blur_costs_what_the_cheapest_costs(n, m, mass):
    cost = spread(n, m)
    cheapest = (exact_plan(cost, mass) * cost).sum()
    blurred = [(partial_plan(cost, mass, blur) * cost).sum() for blur in (0.01, 0.1, 1.0)]
    assert blurred[0] == pytest.approx(cheapest, rel=0.05)
    assert cheapest <= blurred[0] * 1.001 <= blurred[1] * 1.001 <= blurred[2] * 1.002


def test_a_blur_without_end_moves_everything_everywhere():
    np.testing.assert_allclose(partial_plan(spread(4, 5), 0.6, 1e3), np.full((4, 5), 0.6 / 20), rtol=0.02)


def test_a_plan_does_not_follow_the_unit_of_the_cost():
    np.testing.assert_allclose(partial_plan(spread(5, 6), 0.7, 0.1), partial_plan(1e4 * spread(5, 6), 0.7, 0.1), atol=1e-12)


def test_the_stranger_in_the_target_stays_out():
    x, y = np.zeros((8, 1)), np.r_[np.full((9, 1), 0.1), [[5.0]]]
    plan = partial_plan((x - y.T) ** 2, 0.9, 0.05)
    assert plan[:, 9].sum() < 1e-6
    np.testing.assert_allclose(plan[:, :9].sum(axis=0), 0.1, rtol=1e-3)


def test_a_picture_arrives_at_the_mean_of_what_its_mass_goes_to():
    rng = np.random.default_rng(1)
    plan, z = rng.random((3, 4)), rng.normal(size=(4, 2))
    expected = [sum(plan[i, j] * z[j] for j in range(4)) / sum(plan[i]) for i in range(3)]
    np.testing.assert_allclose(carried(torch.tensor(plan), torch.tensor(z)).numpy(), expected)


def plan_of(method, toy):
    costs, units = [], []
    for x, y in zip(*(method.spaces(method.embed(view)) for view in (toy.source, toy.target)), strict=True):
        x, y = normalize(x.double().numpy()), normalize(y.double().numpy())
        units.append(y)
        if method.settings.centered:
            x, y = x - x.mean(axis=0), y - y.mean(axis=0)
        cost = ((x[:, None] - y) ** 2).sum(axis=2)
        costs.append(cost / cost.mean())
    return partial_plan(sum(costs) / len(costs), method.settings.moved_share, method.settings.regularization), units


@pytest.mark.parametrize("fields", [{}, {"centered": False, "moved_share": 0.7}, {"features": "encoder"}], ids=str)
def test_the_score_is_the_naive_one_and_the_target_s_own_are_held_out(toy, fields):
    method = toy.fitted("partial_ot", **fields)
    plan, targets = plan_of(method, toy)
    parts, own_parts = [], []
    for target, test in zip(targets, method.spaces(method.embed(toy.test)), strict=True):
        test = normalize(test.double().numpy())
        held_out = []
        for j in range(len(target)):
            others = np.delete(plan, j, axis=1)
            memory = others @ np.delete(target, j, axis=0) / others.sum(axis=1, keepdims=True)
            held_out.append(np.sort(np.linalg.norm(memory - target[j], axis=1))[:2].mean())
        low, middle, high = np.quantile(held_out, [0.25, 0.5, 0.75])
        middle, width = (middle, high - low) if len(targets) > 1 else (0, 1)
        memory = plan @ target / plan.sum(axis=1, keepdims=True)
        raw = np.sort(np.linalg.norm(test[:, None] - memory, axis=2), axis=1)[:, :2].mean(axis=1)
        parts.append((raw - middle) / width)
        own_parts.append((np.array(held_out) - middle) / width)
    np.testing.assert_allclose(toy.scores(method), np.mean(parts, axis=0), rtol=1e-5)
    np.testing.assert_allclose(toy.scores(method, toy.target), np.mean(own_parts, axis=0), rtol=1e-5)
    assert np.array_equal(method.selected_, plan.sum(axis=0) * len(toy.target) >= 0.5)


def test_most_of_the_strangers_stay_out_of_the_transport(toy):
    selected = toy.fitted("partial_ot").selected_
    assert selected[toy.labels == 0].mean() > 0.9
    assert selected[toy.labels == 1].mean() < 0.5


def test_without_any_shift_it_is_well_above_chance(toy):
    normals = toy.target.subset(np.flatnonzero(toy.labels == 0))
    method = toy.build("partial_ot").fit(normals.subset(np.arange(15)), normals.subset(np.arange(15, 30)))
    assert roc_auc_score(toy.test_labels, toy.scores(method)) > 0.9


def test_where_all_pictures_are_alike_nothing_is_divided_by_zero(toy):
    grey = Domain("toy", "grey", ArrayPictures(np.full((20, 32, 32, 3), 128, np.uint8)), ["x"] * 20, [*map(str, range(20))])
    view = View(grey, np.arange(20))
    assert np.isfinite(toy.build("partial_ot").fit(view, view).anomaly_score(toy.test)).all()
