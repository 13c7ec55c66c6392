"""Gradients with known values, and gains over the control that vanish where it collapsed."""

import matplotlib.pyplot as plt
import numpy as np
import torch
from given import around, runs, together, written

from twofold.lessons import beyond_dsvdd as lesson
from twofold.parts.one_class import dsvdd_loss, msc_loss
from twofold.results.statistics import class_means


def test_descent_is_minus_the_gradient():
    points = torch.tensor([[1.0, 2.0], [0.0, -1.0]])
    center = torch.tensor([1.0, 0.0])
    assert torch.allclose(lesson.descent(lambda z: dsvdd_loss(z, center), points), center - points)  # 2 (c - z) / n, n = 2
    assert not points.requires_grad


def test_pull_is_the_part_along_the_way():
    steps = torch.tensor([[3.0, 4.0], [0.0, 2.0], [-1.0, 0.0]])
    towards = lesson.pull(steps, torch.zeros(3, 2), torch.tensor([7.0, 0.0]))
    assert towards.tolist() == [3.0, 0.0, -1.0]


def test_msc_is_lower_the_closer_the_twins():
    views, center = lesson.toy_views()
    n = len(views) // 2
    closer = torch.cat([views[:n], views[:n]])
    assert msc_loss(closer[:n], closer[n:], center, 0.25) < msc_loss(views[:n], views[n:], center, 0.25)


def test_every_feature_has_its_arrow_and_twins_are_joined():
    views, center = lesson.toy_views()
    figure, ax = plt.subplots()
    lesson.objective_arrows(views, center, {"DSVDD": lambda z: dsvdd_loss(z, center)}, [ax])
    (arrows,) = (c for c in ax.collections if type(c).__name__ == "Quiver")
    assert arrows.N == len(views)
    towards = torch.tensor(np.stack([arrows.U, arrows.V], axis=1))
    assert (lesson.pull(towards, views, center) > 0).all()
    assert len(ax.lines) == len(views) // 2
    plt.close(figure)


def gains(panel, *frames):
    lesson.gain_bars(class_means(together(*frames)), "source_only", panel)


def test_gains_are_over_the_control_and_vanish_where_it_collapsed():
    figure, (sound, fallen) = plt.subplots(1, 2)
    gains(sound, runs("source_only", 50.0, 60.0), runs("twofold", 80.0, 60.0))
    assert written(sound) == ["55.0", "70.0\n+15.0"]
    assert set(sound.lines[0].get_ydata()) == {55}
    assert sound.lines[-1].get_ydata().tolist() == [55, 70]
    gains(fallen, runs("source_only", 50.0, 60.0).assign(collapsed=[True, False]), runs("twofold", 80.0, 60.0))
    assert written(fallen) == ["1/2\ncollapsed", "70.0"]
    plt.close(figure)


def test_gains_of_panels_that_share_their_axis_cut_nothing_off():
    figure, panels = plt.subplots(1, 2, sharey=True)
    for panel, value in zip(panels, (20.0, 80.0), strict=True):
        gains(panel, runs("source_only", value))
    assert panels[1].get_ylim()[0] < 20
    plt.close(figure)


def test_gains_are_said_by_objective_and_a_collapse_is_no_gain():
    sound = class_means(together(around("source_only", 50.0), around("twofold", 60.0)))
    fallen = class_means(together(around("source_only", 50.0), around("twofold", 60.0, collapsed=True)))
    said = lesson.gain_words({"DSVDD": sound, "MSC": fallen}, "source_only", "twofold")
    assert said == "align the dominant cluster to source only: +10.0 points under DSVDD, no number (collapsed) under MSC"


def test_the_arrows_and_points_of_both_objectives_lie_within_their_panels():
    views, center = lesson.toy_views()
    losses = {"DSVDD": lambda z: dsvdd_loss(z, center), "MSC": lambda z: msc_loss(z[:6], z[6:], center, 1.0)}
    figure, axes = plt.subplots(1, 2)
    lesson.objective_arrows(views, center, losses, axes)
    for ax in axes:
        (arrows,) = (c for c in ax.collections if type(c).__name__ == "Quiver")
        ends = np.stack([arrows.X + arrows.U, arrows.Y + arrows.V])
        places = np.concatenate([views.numpy().T, ends], axis=1)
        for along, (low, high) in zip(places, (ax.get_xlim(), ax.get_ylim()), strict=True):
            assert low < along.min() <= along.max() < high
    plt.close(figure)
