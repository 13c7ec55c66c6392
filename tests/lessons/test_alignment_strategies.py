"""What each alignment loss touches, which way it draws, and that every point and arrow of it is drawn."""

import matplotlib.pyplot as plt
import pytest
import torch
from given import around, together

from twofold.lessons import alignment_strategies as arrows
from twofold.lessons.beyond_dsvdd import descent, pull
from twofold.results.statistics import class_means


@pytest.fixture(scope="module")
def batch():
    return arrows.toy_batch()


def _steps(batch, dominant_only):
    return {name: descent(loss, batch.target) for name, loss in arrows.toy_losses(batch, dominant_only).items()}


def test_only_the_contrastive_loss_touches_what_was_not_taken(batch):
    n, steps = len(batch.normal), _steps(batch, True)
    assert (steps["contrastive"][n:].norm(dim=1) > 0).all()
    assert (steps["MMD"][n:] == 0).all()
    assert (steps["GRL"][n:] == 0).all()


def test_selected_normals_are_drawn_and_the_rest_is_driven_away(batch):
    n, goal = len(batch.normal), batch.source.mean(dim=0)
    for name, step in _steps(batch, True).items():
        towards = pull(step, batch.target, goal)
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


def test_the_pull_towards_the_source_is_said_in_parts_of_the_longest_step(batch):
    goal = batch.source.mean(dim=0)
    way = goal - batch.target
    said = arrows.toward_words(batch, {"MMD": way, "GRL": -way / way.norm(dim=1, keepdim=True)})
    assert said.endswith(", GRL -1.0 and -1.0")
    assert said.startswith("The dominant cluster aligned, normals and anomalies are pulled towards the source: MMD +0.")


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
    plt.close(figure)


def test_alignments_are_said_by_rate_from_the_highest_and_what_collapsed_last():
    at = [("mmd", 0.1, 70.0, {}), ("grl", 0.1, 60.0, {}), ("mmd", 1.0, 99.0, {"collapsed": True}), ("grl", 1.0, 65.0, {})]
    frame = together(*(around("twofold", auroc, alignment=a, learning_rate=rate, **more) for a, rate, auroc, more in at))
    said = arrows.rate_words(class_means(frame, ["alignment", "learning_rate", "method"]))
    assert said == "AUROC (%) by learning rate: at 0.1 MMD 70, GRL 60; at 1 GRL 65, MMD (5/5 collapsed)"
