"""Pictures are framed by what they are and chosen by what the run says; drawings show the numbers they are given."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import torch

from twofold.lessons import gallery
from twofold.lessons.look_inside import Anatomy, distance_table, features_before_and_after
from twofold.runs.config import configure


@pytest.fixture(scope="module")
def taken() -> Anatomy:
    return features_before_and_after(
        configure("digits", "type", "optdigits", "3", "twofold", steps=4, batch_size=8, reclusterings=2)
    )


@pytest.fixture
def ax():
    figure, ax = plt.subplots()
    yield ax
    plt.close(figure)


def test_the_cluster_and_the_rest_are_all_that_was_seen(taken):
    taken_for_normal, rest = gallery.cluster_rows(taken, n=5, size_px=16)
    rows = np.flatnonzero(taken.selection.positive)[:5]
    assert torch.equal(taken_for_normal[1], taken.task.target_train.images(rows, 16))
    np.testing.assert_array_equal(taken_for_normal[2], taken.task.target_train_labels[rows])
    counts = [int(heading.split(": ")[1].split()[0]) for heading, *_ in (taken_for_normal, rest)]
    assert sum(counts) == len(taken.task.target_train)
    normal = [int(heading.split(", ")[2].split()[0]) for heading, *_ in (taken_for_normal, rest)]
    assert sum(normal) == (taken.task.target_train_labels == 0).sum()


def test_both_ends_of_the_ranking_are_shown_and_judged(taken):
    top, bottom = gallery.extreme_rows(taken, n=7, size_px=16)
    order = np.argsort(taken.scores)
    np.testing.assert_array_equal(np.sort(top[2]), np.sort(taken.labels[order[-7:]]))
    np.testing.assert_array_equal(bottom[2], taken.labels[order[:7]])
    assert torch.equal(bottom[1], taken.task.target_test.images(order[:7], 16))


def test_disagreement_is_one_of_ranks_and_not_of_units(taken):
    rng = np.random.default_rng(0)
    other = rng.permutation(taken.scores)
    held = gallery.disagreement_rows(taken, "target_only", other, n=6, size_px=16)
    stretched = gallery.disagreement_rows(taken, "target_only", np.exp(40 * other), n=6, size_px=16)
    for a, b in zip(held, stretched, strict=True):
        assert torch.equal(a[1], b[1])
    assert held[0][0] == f"anomalous for {taken.config.name}, not for target_only"


def test_against_its_own_ranking_turned_round_a_run_disagrees_at_its_ends(taken):
    mine, theirs = gallery.disagreement_rows(taken, "target_only", -taken.scores, n=6, size_px=16)
    top, bottom = gallery.extreme_rows(taken, n=6, size_px=16)
    assert torch.equal(mine[1], top[1])
    assert torch.equal(theirs[1], bottom[1])


def test_histograms_hold_all_of_each_part_and_never_start_below_zero(taken, ax):
    gallery.score_histograms(taken, ax)
    assert ax.get_legend_handles_labels()[1] == ["source train", "target normal", "target anomalous"]
    for outline in [patch for patch in ax.patches if not patch.get_label().startswith("_")]:
        xy = outline.get_xy()
        assert xy[:, 0].min() >= 0
        heights = xy[1:-1:2, 1]
        assert heights.sum() == pytest.approx(100)


def test_scores_that_are_no_numbers_are_said_and_not_drawn(taken, ax):
    from dataclasses import replace

    gallery.score_histograms(replace(taken, scores=np.full_like(taken.scores, np.nan)), ax)
    assert [text.get_text() for text in ax.texts] == ["scores are not finite"]
    assert not ax.patches


def test_a_map_has_a_cloud_of_each_kind(taken, ax):
    gallery.tsne_panel(taken.source, taken.target, taken.labels, ax, most=20)
    assert [len(dots.get_offsets()) for dots in ax.collections] == [min(20, len(taken.source)), 20, 20]


def test_arrows_lead_from_before_to_after(taken, ax):
    table = distance_table([taken])
    gallery.distance_arrows(table, ax)
    ends = [tuple(line.get_xdata()) for line in ax.lines]
    assert ends == [tuple(row) for row in table[["before", "after"]].to_numpy()]
    assert [text.get_text() for text in ax.get_yticklabels()] == [taken.config.name]
    far = pd.concat([table, table.assign(after=-0.4)])
    ax.clear()
    gallery.distance_arrows(far, ax)
    low, high = ax.get_xlim()
    assert low <= min(far.groupby("role")["after"].mean().min(), 0)
    assert high > 2
