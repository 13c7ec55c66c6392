"""Arrows: gradients with known values, what each loss touches, and that what is drawn is what training uses."""

import matplotlib.pyplot as plt
import pytest
import torch

from twofold.lessons import beyond_dsvdd as arrows
from twofold.parts.one_class import dsvdd_loss, msc_loss


def test_descent_is_minus_the_gradient():
    points = torch.tensor([[1.0, 2.0], [0.0, -1.0]])
    center = torch.tensor([1.0, 0.0])
    assert torch.allclose(arrows.descent(lambda z: dsvdd_loss(z, center), points), center - points)  # 2 (c - z) / n, n = 2
    assert not points.requires_grad


def test_pull_is_the_part_along_the_way():
    steps = torch.tensor([[3.0, 4.0], [0.0, 2.0], [-1.0, 0.0]])
    towards = arrows.pull(steps, torch.zeros(3, 2), torch.tensor([7.0, 0.0]))
    assert towards.tolist() == [3.0, 0.0, -1.0]


@pytest.fixture(scope="module")
def batch():
    return arrows.toy_batch()


def _steps(batch, dominant_only):
    return {name: arrows.descent(loss, batch.target) for name, loss in arrows.toy_losses(batch, dominant_only).items()}


def test_only_the_contrastive_loss_touches_what_was_not_taken(batch):
    n, steps = len(batch.normal), _steps(batch, True)
    assert (steps["contrastive"][n:].norm(dim=1) > 0).all()
    assert (steps["MMD"][n:] == 0).all()
    assert (steps["GRL"][n:] == 0).all()


def test_selected_normals_are_drawn_and_the_rest_is_driven_away(batch):
    n, goal = len(batch.normal), batch.source.mean(dim=0)
    for name, step in _steps(batch, True).items():
        towards = arrows.pull(step, batch.target, goal)
        assert towards[:n].mean() > 0, name
        assert towards[n:].mean() < 0 if name == "contrastive" else towards[n:].abs().max() == 0, name


def test_the_contrastive_loss_turns_and_never_lengthens(batch):
    for dominant_only in (False, True):
        step = _steps(batch, dominant_only)["contrastive"]
        assert (step * batch.target).sum(dim=1).abs().max() < 1e-6


def test_losses_and_batches_are_the_same_every_time(batch):
    before = torch.get_rng_state()
    assert torch.equal(_steps(batch, True)["GRL"], _steps(batch, True)["GRL"])
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(arrows.toy_batch().target, batch.target)
    assert not torch.equal(arrows.toy_batch(seed=1).target, batch.target)


def test_msc_is_lower_the_closer_the_twins():
    views, center = arrows.toy_views()
    n = len(views) // 2
    closer = torch.cat([views[:n], views[:n]])
    assert msc_loss(closer[:n], closer[n:], center) < msc_loss(views[:n], views[n:], center)


def test_figures_draw_every_point_and_arrow(batch):
    losses = arrows.toy_losses(batch, True)
    figure, axes = plt.subplots(1, 3)
    arrows.alignment_arrows(batch, losses, axes, dict.fromkeys(losses, 1.0), ", x")
    assert [ax.get_title(loc="left") or ax.get_title() for ax in axes] == ["contrastive, x", "MMD, x", "GRL, x"]
    offsets = [len(c.get_offsets()) for c in axes[1].collections if type(c).__name__ == "PathCollection"]
    assert offsets == [len(batch.source), len(batch.normal), len(batch.anomalous)]
    fields = [c for c in axes[1].collections if type(c).__name__ == "Quiver"]
    assert (fields[2].U == 0).all()  # MMD: anomalies
    assert (fields[1].U != 0).any()  # and normals
    views, center = arrows.toy_views()
    arrows.objective_arrows(views, center, {"DSVDD": lambda z: dsvdd_loss(z, center)}, axes[:1])
    plt.close(figure)
