"""DSVDD and MSC against closed forms, laws and NT-Xent by loops."""

import math

import numpy as np
import pytest
import torch

from twofold.parts.one_class import angular_loss, center_distance, dsvdd_loss, msc_loss


def batch(n, d=5, seed=0):
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize(
    ("z", "center", "expected"),
    [
        ([[3, 4]], [0, 0], [25]),
        ([[3, 4], [1, 1]], [1, 1], [13, 0]),
        ([[-1, 0, 2]], [1, 1, 1], [6]),
    ],
)
def test_center_distance_is_the_squared_euclidean_one_and_dsvdd_its_mean(z, center, expected):
    z, center = torch.tensor(z, dtype=torch.float64), torch.tensor(center, dtype=torch.float64)
    assert center_distance(z, center).tolist() == expected
    assert dsvdd_loss(z, center).item() == np.mean(expected)


def test_dsvdd_is_zero_at_the_centre_alone():
    center = batch(1)[0]
    assert dsvdd_loss(center.expand(4, -1), center) == 0
    assert dsvdd_loss(center.expand(4, -1) + 1e-3, center) > 0


def test_dsvdd_scales_with_the_square_of_the_features_and_ignores_translation_and_order():
    z, center = batch(4), batch(1, seed=1)[0]
    plain = dsvdd_loss(z, center)
    torch.testing.assert_close(dsvdd_loss(3 * z, 3 * center), 9 * plain)
    torch.testing.assert_close(dsvdd_loss(z + 7, center + 7), plain)
    torch.testing.assert_close(dsvdd_loss(z.flip(0), center), plain)


def test_the_gradient_of_dsvdd_points_away_from_the_centre():
    z, center = batch(4).requires_grad_(), batch(1, seed=1)[0]
    dsvdd_loss(z, center).backward()
    torch.testing.assert_close(z.grad, 2 * (z.detach() - center) / 4)


def naive_msc(view1, view2, center, tau):
    def shifted(z):
        unit = z / math.sqrt(sum(v * v for v in z))
        moved = unit - center
        return moved / math.sqrt(sum(v * v for v in moved))

    theta = [shifted(z) for z in [*view1, *view2]]
    n = len(view1)
    losses = []
    for i, anchor in enumerate(theta):
        twin = i + n if i < n else i - n
        total = sum(math.exp(anchor @ theta[k] / tau) for k in range(2 * n) if k != i)
        losses.append(-math.log(math.exp(anchor @ theta[twin] / tau) / total))
    return sum(losses) / len(losses)


@pytest.mark.parametrize("n", [1, 2, 5])
@pytest.mark.parametrize("tau", [0.1, 0.25, 1.0])
def test_msc_equals_nt_xent_by_loops_around_the_centre(n, tau):
    view1, view2, center = batch(n, seed=1), batch(n, seed=2), 0.3 * batch(1, seed=3)[0]
    expected = naive_msc(view1.numpy(), view2.numpy(), center.numpy(), tau)
    assert msc_loss(view1, view2, center, tau).item() == pytest.approx(expected, rel=1e-10, abs=1e-12)


@pytest.mark.parametrize(
    ("view1", "view2", "tau", "expected"),
    [
        ([[1, 0]], [[0, 1]], 0.25, 0.0),  # one picture has no negatives
        ([[1, 0], [0, 1]], [[1, 0], [0, 1]], 1.0, math.log(1 + 2 / math.e)),
        ([[1, 0], [-1, 0]], [[1, 0], [-1, 0]], 0.5, math.log(1 + 2 * math.exp(-4))),
        ([[1, 0], [1, 0]], [[1, 0], [1, 0]], 0.25, math.log(3)),
    ],
)
def test_msc_has_its_closed_forms(view1, view2, tau, expected):
    view1, view2 = torch.tensor(view1, dtype=torch.float64), torch.tensor(view2, dtype=torch.float64)
    found = msc_loss(view1, view2, torch.zeros(2, dtype=torch.float64), tau)
    assert found.item() == pytest.approx(expected, abs=1e-12)


def test_msc_ignores_lengths_the_order_of_views_and_of_pictures_and_heeds_the_pairing():
    view1, view2, center = batch(4, seed=1), batch(4, seed=2), 0.3 * batch(1, seed=3)[0]
    plain = msc_loss(view1, view2, center, 0.25)
    for other in (
        msc_loss(9 * view1, 0.1 * view2, center, 0.25),
        msc_loss(view2, view1, center, 0.25),
        msc_loss(view1.flip(0), view2.flip(0), center, 0.25),
    ):
        torch.testing.assert_close(other, plain)
    assert abs(msc_loss(view1, view2.flip(0), center, 0.25) - plain) > 1e-3


def test_msc_heeds_the_centre():
    view1, view2 = batch(4, seed=1), batch(4, seed=2)
    zero, moved = torch.zeros(5, dtype=torch.float64), 0.5 * batch(1, seed=3)[0]
    assert abs(msc_loss(view1, view2, zero, 0.25) - msc_loss(view1, view2, moved, 0.25)) > 1e-3


def test_msc_falls_as_views_agree():
    view1, other, center = batch(6, seed=1), batch(6, seed=2), torch.zeros(5, dtype=torch.float64)
    losses = [msc_loss(view1, (1 - share) * view1 + share * other, center, 0.25).item() for share in (0.0, 0.3, 0.6)]
    assert losses == sorted(losses)


def test_the_gradient_of_msc_is_finite_where_a_feature_is_the_centre():
    view = torch.eye(2, dtype=torch.float64, requires_grad=True)
    msc_loss(view, view.detach(), torch.tensor([1.0, 0.0], dtype=torch.float64), 0.25).backward()
    assert view.grad.isfinite().all()


def test_the_angular_term_is_a_squared_chord_whatever_the_lengths():
    rng = np.random.default_rng(0)
    z, center = rng.normal(size=(6, 4)), rng.normal(size=4)
    angles = [math.acos(z[i] @ center / math.sqrt((z[i] @ z[i]) * (center @ center))) for i in range(6)]
    expected = sum((2 * math.sin(angle / 2)) ** 2 for angle in angles) / 6
    for length in (1.0, 7.0):
        assert angular_loss(length * torch.tensor(z), torch.tensor(center) / length).item() == pytest.approx(expected)
    assert angular_loss(torch.tensor(center)[None], torch.tensor(center)).item() == pytest.approx(0)
