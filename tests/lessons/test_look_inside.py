"""A run taken apart is the run that the sweep did, distances obey their closed forms, pictures are framed by what they are."""

from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import torch
from given import written
from scipy.spatial import KDTree

from twofold.lessons import look_inside as lesson
from twofold.lessons.look_inside import (
    ROLES,
    Anatomy,
    distance_means,
    distance_table,
    features_before_and_after,
    proxy_a_distance,
    tsne,
)
from twofold.results.statistics import look_of, plain
from twofold.runs.config import configure
from twofold.runs.run import build, prepare, run

TASK = ("digits", "type", "optdigits", "3")
TINY = {"steps": 4, "batch_size": 8}


@pytest.fixture(scope="module")
def taken() -> Anatomy:
    return features_before_and_after(configure(*TASK, "twofold", **TINY))


@pytest.fixture
def ax():
    figure, ax = plt.subplots()
    yield ax
    plt.close(figure)


def test_what_is_taken_apart_is_the_run_itself(taken):
    result, finished = run(prepare(taken.config))
    np.testing.assert_array_equal(taken.scores, finished.scores)
    np.testing.assert_array_equal(taken.target, finished.features.numpy())
    np.testing.assert_array_equal(taken.selected, finished.method.selected_)
    assert taken.result["auroc"] == result["auroc"]
    assert len(taken.losses["one_class"]) == TINY["steps"]


def test_scores_are_squared_distances_to_one_centre_in_both_domains(taken):
    center = run(prepare(taken.config))[1].method.center.cpu().numpy()
    for z, scores in ((taken.source, taken.source_scores), (taken.target, taken.scores)):
        np.testing.assert_allclose(scores, ((z - center) ** 2).sum(axis=1), rtol=1e-4, atol=1e-6)


def test_both_domains_begin_in_the_network_that_the_seed_gives_and_training_moves_them(taken):
    prepared = prepare(taken.config)
    untrained = build(taken.config, prepared.device)
    np.testing.assert_allclose(untrained.embed(prepared.task.target_test), taken.target_before, atol=1e-5)
    still = run(prepare(configure(*TASK, "source_only", **{**TINY, "learning_rate": 1e-12})))[1]
    np.testing.assert_allclose(still.features.numpy(), taken.target_before, atol=1e-5)
    np.testing.assert_allclose(still.method.embed(prepared.task.source_train), taken.source_before, atol=1e-5)
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


def test_the_cluster_and_the_rest_are_all_that_was_seen(taken):
    taken_for_normal, rest = lesson.selection_rows(taken, n=5, size_px=16)
    rows = np.flatnonzero(taken.selected)[:5]
    assert torch.equal(taken_for_normal[1], taken.task.target_train.images(rows, 16))
    np.testing.assert_array_equal(taken_for_normal[2], taken.task.target_train_labels[rows])
    counts = [int(heading.split(": ")[1].split()[0]) for heading, *_ in (taken_for_normal, rest)]
    assert sum(counts) == len(taken.task.target_train)
    normal = [int(heading.split(", ")[2].split()[0]) for heading, *_ in (taken_for_normal, rest)]
    assert sum(normal) == (taken.task.target_train_labels == 0).sum()


def test_both_ends_of_the_ranking_are_shown_and_judged(taken):
    top, bottom = lesson.extreme_rows(taken, n=7, size_px=16)
    order = np.argsort(taken.scores)
    np.testing.assert_array_equal(np.sort(top[2]), np.sort(taken.labels[order[-7:]]))
    np.testing.assert_array_equal(bottom[2], taken.labels[order[:7]])
    assert torch.equal(bottom[1], taken.task.target_test.images(order[:7], 16))


def test_disagreement_is_one_of_ranks_and_not_of_units(taken):
    rng = np.random.default_rng(0)
    other = rng.permutation(taken.scores)
    held = lesson.disagreement_rows(taken, "target_only", other, n=6, size_px=16)
    stretched = lesson.disagreement_rows(taken, "target_only", np.exp(40 * other), n=6, size_px=16)
    for a, b in zip(held, stretched, strict=True):
        assert torch.equal(a[1], b[1])
    assert held[0][0] == f"normal 3: anomalous for {plain(taken.config.name)}, not for target only"


def test_against_its_own_ranking_turned_round_a_run_disagrees_at_its_ends(taken):
    mine, theirs = lesson.disagreement_rows(taken, "target_only", -taken.scores, n=6, size_px=16)
    top, bottom = lesson.extreme_rows(taken, n=6, size_px=16)
    assert torch.equal(mine[1], top[1])
    assert torch.equal(theirs[1], bottom[1])


def test_histograms_hold_all_of_each_part_and_never_start_below_zero(taken, ax):
    lesson.score_histograms(taken, ax)
    assert ax.get_legend_handles_labels()[1] == ["source train", "target normal", "target anomalous"]
    for outline in [patch for patch in ax.patches if not patch.get_label().startswith("_")]:
        xy = outline.get_xy()
        assert xy[:, 0].min() >= 0
        heights = xy[1:-1:2, 1]
        assert heights.sum() == pytest.approx(100)


def test_scores_that_are_no_numbers_are_said_and_not_drawn(taken, ax):
    lesson.score_histograms(replace(taken, scores=np.full_like(taken.scores, np.nan)), ax)
    assert written(ax) == ["scores are not finite"]
    assert not ax.patches


def test_a_map_has_a_cloud_of_each_kind(taken, ax):
    lesson.tsne_panel(taken.source, taken.target, taken.labels, ax, most=20)
    assert [len(dots.get_offsets()) for dots in ax.collections] == [min(20, len(taken.source)), 20, 20]


def test_arrows_lead_from_before_to_after(taken, ax):
    table = distance_table([taken])
    lesson.distance_arrows(table, ax)
    ends = [tuple(line.get_xdata()) for line in ax.lines]
    assert ends == [tuple(row) for row in table[["before", "after"]].to_numpy()]
    assert [text.get_text() for text in ax.get_yticklabels()] == [plain(taken.config.name)]
    far = pd.concat([table, table.assign(after=-0.4)])
    ax.clear()
    lesson.distance_arrows(far, ax)
    low, high = ax.get_xlim()
    first = far.groupby("role")["after"].mean().min()
    assert first - 0.3 < low < first
    assert f"begins at {low + 0.02:g}" in ax.get_xlabel()
    assert high > 2


def distances(*rows):
    """A table of distances: (method, class, role, before, after, collapsed)."""
    columns = ["method", "normal", "role", "before", "after", "collapsed"]
    return pd.DataFrame(rows, columns=columns).assign(seed=0)


def test_distances_are_averaged_over_classes_and_have_no_end_where_a_run_collapsed(ax):
    rows = [
        (m, n, role, 1.8, end, m == "b" and n == "y") for m in "ab" for n, end in (("x", 1.0), ("y", 0.4)) for role in ROLES
    ]
    means = distance_means(distances(*rows))
    assert means.loc[("a", "normal"), ["before", "after"]].tolist() == pytest.approx([1.8, 0.7])
    assert means.loc[("b", "normal"), "before"] == pytest.approx(1.8)  # where it began is known
    assert np.isnan(means.loc[("b", "normal"), "after"])
    lesson.distance_arrows(distances(*rows), ax)
    assert [words.strip() for words in written(ax)] == ["1/2 collapsed"] * 2
    assert lesson.distance_words(distances(*rows)).endswith(": a 1.10 and 1.10, b no number (collapsed)")


def test_rows_wear_the_colour_of_the_method_whose_word_they_are(taken):
    mine, theirs = lesson.disagreement_rows(taken, "target_only", -taken.scores, n=2, size_px=8)
    assert (mine[3], theirs[3]) == (look_of("twofold").color, look_of("target_only").color)
    assert (
        lesson.disagreement_rows(taken, "no such control", -taken.scores, n=2, size_px=8)[1][3]
        == look_of("no such control").color
    )


def test_every_panel_of_scores_has_one_range_and_says_what_it_cuts(taken, ax):
    lesson.score_histograms(taken, ax, top=1e-6)
    assert ax.get_xlim() == lesson.REACH
    assert [words.split(":")[0] for words in written(ax)] == ["source train", "target normal", "target anomalous"]
    stretched = replace(taken, scores=7 * taken.scores, source_scores=7 * taken.source_scores)
    figure, other = plt.subplots()
    lesson.score_histograms(stretched, other, top=1e-6)
    assert written(other) == written(ax), "a unit of scores means nothing"
    plt.close(figure)


def test_anomalies_are_missed_below_the_highest_twentieth_of_the_normals(taken):
    labels = np.repeat([0, 1], [100, 4])
    run = replace(taken, labels=labels, scores=np.concatenate([np.arange(100.0), [10.0, 94.0, 95.0, 99.0]]))
    assert lesson.overlap(run) == 0.5
    name = plain(taken.config.name)
    said = "At the score that 5 % of the target's normals exceed, anomalies that are missed: "
    assert lesson.overlap_words([run]) == f"{said}50% under {name}"
    assert lesson.overlap_words([replace(run, scores=np.full(104, np.nan))]) == "No run has scores to show"


def test_the_messages_count_what_their_pictures_show(taken):
    top, bottom = lesson.extreme_rows(taken, n=7, size_px=8)
    name = plain(taken.config.name)
    assert lesson.extreme_words([taken], 7) == (
        f"Normal 3: anomalies among the 7 most and the 7 least anomalous, {name} {int(top[2].sum())} and {int(bottom[2].sum())}"
    )
    mine, theirs = lesson.disagreement_rows(taken, "target_only", -taken.scores, n=7, size_px=8)
    said = f"{int(top[2].sum())} of 7 of {name}, {int(bottom[2].sum())} of 7 of target only"
    assert lesson.disagreement_words([mine, theirs], [taken.config.name, "target_only"]).endswith(said)
    seen = taken.task.target_train_labels
    assert lesson.selection_words([taken]).endswith(
        f"{taken.selected.sum()} of {len(seen)} are taken for normal, "
        f"with {seen[taken.selected].sum()} of the {seen.sum()} anomalies"
    )
    assert f"before training {lesson.nearness(taken.source_before, taken.target_before, taken.labels):.0f}, {name}" in (
        lesson.tsne_words([taken])
    )
