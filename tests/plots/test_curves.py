"""Curves: every line named, gaps where runs collapsed, bands over classes, honest axes, the place of a cliff."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex

from twofold.methods import METHODS
from twofold.plots import curves
from twofold.plots.style import ALIGNMENT_LOOKS, footnote, headline

LOOKS = {name: cls.looks[name] for name, (cls, _) in METHODS.items()}


@pytest.fixture
def ax():
    figure, ax = plt.subplots()
    yield ax
    figure.canvas.draw()
    plt.close(figure)


def series(method, points, x="anomaly_ratio", **fields):
    """A row a place, as ``class_means`` has them; a mean of None is one collapsed run of two."""
    look = vars(LOOKS[method]) if method in LOOKS else {}
    return pd.DataFrame(
        [
            {"method": method, x: place, "mean": np.nan if mean is None else mean, "std_classes": 5.0, "n_runs": 2}
            | {"n_collapsed": int(mean is None), "oracle": method == "oracle", **look, **fields}
            for place, mean in points.items()
        ]
    )


def texts(ax):
    return [text.get_text() for text in ax.texts]


def line_of(ax, method):
    words = LOOKS[method].words if method in LOOKS else method
    (line,) = (line for line in ax.lines if line.get_label() == words)
    return line


def test_shares_stand_on_a_linear_axis_in_percent(ax):
    curves.score_curves(series("twofold", {0.5: 60.0, 0.05: 80.0, 0.1: 75.0}), "anomaly_ratio", ax)
    assert line_of(ax, "twofold").get_xdata().tolist() == pytest.approx([5, 10, 50])
    assert line_of(ax, "twofold").get_ydata().tolist() == [80, 75, 60]
    assert [label.get_text() for label in ax.get_xticklabels()] == ["5", "10", "50"]
    assert ax.get_xticks().tolist() == pytest.approx([5, 10, 50])
    assert ax.get_xlabel() == "anomalies in the unlabelled target set (%)"


def test_rates_may_stand_on_a_logarithmic_axis(ax):
    curves.score_curves(series("twofold", {0.01: 80.0, 0.1: 75.0}, x="learning_rate"), "learning_rate", ax, log=True)
    assert ax.get_xscale() == "log"
    assert ax.get_xlabel() == "learning rate"
    assert [label.get_text() for label in ax.get_xticklabels()] == ["0.01", "0.1"]
    assert ax.get_xlim()[0] < 0.01 < 0.1 < ax.get_xlim()[1]


def test_every_line_is_named_whether_it_lives_ends_early_breaks_or_never_lived(ax):
    lines = {
        "align_all": {0.1: 60.0, 0.3: 55.0, 0.5: 50.0},
        "twofold": {0.1: 70.0, 0.3: None, 0.5: None},
        "density": {0.1: 80.0, 0.3: None, 0.5: 75.0},
        "oracle": {0.1: None, 0.3: None, 0.5: None},
        "pooled_gaussian": {0.1: 95.0, 0.3: 90.0},
        "target_only": {0.1: 85.0, 0.3: 80.0, 0.5: None},
    }
    table = pd.concat([series(method, points) for method, points in lines.items()])
    curves.score_curves(table, "anomaly_ratio", ax)
    ends = {
        "align_all": "",
        "twofold": "\ncollapsed from 30 %",
        "density": "\ncollapsed at 30 %",
        "oracle": "\ncollapsed everywhere",
        "pooled_gaussian": "\nnot run at 50 %",
        "target_only": "\ncollapsed at 50 %",
    }
    assert {LOOKS[method].words + words for method, words in ends.items()} <= set(texts(ax))
    assert texts(ax).count("1/2") == 2 + 1 + 3 + 1  # counted at each place, at the foot
    for method in lines:
        assert to_hex(line_of(ax, method).get_color()) == LOOKS[method].color.lower()
    assert line_of(ax, "oracle").get_linestyle() == "--"


def test_names_at_the_right_do_not_overlap(ax):
    methods = ["align_all", "twofold", "density", "target_only", "oracle"]
    table = pd.concat([series(method, {0.1: 70.0 + i, 0.5: 70.0 + 0.1 * i}) for i, method in enumerate(methods)])
    curves.score_curves(table, "anomaly_ratio", ax)
    heights = sorted(text.get_position()[1] for text in ax.texts)
    low, high = ax.get_ylim()
    assert min(np.diff(heights)) >= 0.05 * (high - low)


def test_a_line_that_ends_early_is_named_where_it_ends(ax):
    table = pd.concat([series("align_all", {0.1: 60.0, 0.5: 50.0}), series("twofold", {0.1: 70.0, 0.2: 65.0, 0.5: None})])
    curves.score_curves(table, "anomaly_ratio", ax)
    (name,) = (text for text in ax.texts if text.get_text().startswith(LOOKS["twofold"].words))
    assert name.xy == pytest.approx((20, 65))


def test_a_gap_is_bridged_by_dots_and_has_no_mean(ax):
    curves.score_curves(series("twofold", {1: 80.0, 2: None, 3: 70.0}, x="n_clusters"), "n_clusters", ax)
    assert np.isnan(line_of(ax, "twofold").get_ydata()).tolist() == [False, True, False]
    (bridge,) = (line for line in ax.lines if list(line.get_xdata()) == [1, 3])
    assert list(bridge.get_ydata()) == [80, 70]
    assert ax.get_xlabel() == "n clusters"


def test_few_lines_have_bands_and_many_none(ax):
    one = series("twofold", {1: 75.0, 4: 80.0}, x="k")
    curves.score_curves(one, "k", ax)
    band = ax.collections[0].get_paths()[0].get_extents()
    assert (band.ymin, band.ymax) == (70.0, 85.0)
    figure, other = plt.subplots()
    methods = ("twofold", "density", "oracle", "align_all")
    curves.score_curves(pd.concat([series(method, {1: 75.0, 4: 80.0}, x="k") for method in methods]), "k", other)
    assert len(other.collections) == 0
    plt.close(figure)


def test_a_level_is_a_dashed_line_with_its_name_or_its_collapse(ax):
    level = series("source_only", {0.1: 58.0})
    curves.score_curves(series("twofold", {0.1: 80.0, 0.5: 70.0}), "anomaly_ratio", ax, level=level)
    (line,) = (line for line in ax.lines if set(line.get_ydata()) == {58.0})
    assert to_hex(line.get_color()) == LOOKS["source_only"].color.lower()
    assert "source only" in texts(ax)
    figure, other = plt.subplots()
    fallen = series("source_only", {0.1: None})
    curves.score_curves(series("twofold", {0.1: 80.0, 0.5: 70.0}), "anomaly_ratio", other, level=fallen)
    assert "source only\n1/2 collapsed" in texts(other)
    plt.close(figure)


def test_a_series_may_be_made_by_another_column_with_looks_of_its_own(ax):
    parts = [series("twofold", {0.01: 80.0, 0.1: 70.0}, x="learning_rate", alignment=a) for a in ("mmd", "tomorrow")]
    table = pd.concat(parts).drop(columns=["words", "color", "marker"])
    curves.score_curves(table, "learning_rate", ax, by="alignment", looks=ALIGNMENT_LOOKS, log=True)
    assert texts(ax) == ["MMD", "tomorrow"]


def test_methods_that_nobody_knows_are_drawn_and_named(ax):
    curves.score_curves(series("a method of tomorrow", {0.1: 80.0, 0.5: 70.0}), "anomaly_ratio", ax)
    assert texts(ax) == ["a method of tomorrow"]
    assert line_of(ax, "a method of tomorrow").get_ydata().tolist() == [80, 70]


def test_one_place_alone_can_be_drawn(ax):
    curves.score_curves(series("twofold", {0.1: 80.0}), "anomaly_ratio", ax)
    assert ax.get_xlim()[0] < 10 < ax.get_xlim()[1]


@pytest.mark.parametrize("height", [2.6, 4.4])
def test_names_and_counts_stand_apart_in_panels_that_share_their_axis(height, clashes):
    figure, axes = plt.subplots(1, 2, figsize=(13, height), sharey=True, layout="constrained")
    close = [series(method, {0.001: None, 0.01: mean}, x="rate") for method, mean in (("twofold", 65.2), ("density", 65.0))]
    fallen = [series(method, {0.001: None, 0.01: None}, x="rate") for method in ("align_all", "oracle")]
    left = pd.concat([series("source_only", {0.001: 58.0, 0.01: 60.6}, x="rate"), *close, *fallen])
    tables = {axes[0]: left, axes[1]: series("twofold", {0.001: 74.0, 0.01: 99.0}, x="rate")}
    curves.score_panels(tables, "rate", log=True)
    headline(figure, "a message that is longer than the panels are wide " * 4)
    footnote(figure, "and where its numbers come from " * 9)
    assert clashes(figure) == []
    plt.close(figure)


def test_panels_that_share_their_axis_cut_nothing_off():
    figure, axes = plt.subplots(1, 2, sharey=True)
    for ax, auroc in zip(axes, (50.0, 90.0), strict=True):
        curves.score_curves(series("twofold", {0: auroc, 1: auroc + 1, 2: None}, x="k"), "k", ax)
    low, high = axes[0].get_ylim()
    assert low < 50
    assert high > 91
    plt.close(figure)


def test_the_dotted_line_is_what_taking_everything_gives():
    figure, axes = plt.subplots(1, 3)
    shares = {"purity": 1.0, "recall": 0.5, "accuracy": 0.9}
    tables = {of: series("twofold", {0.1: value, 0.6: value}).assign(std_classes=0.1) for of, value in shares.items()}
    curves.selection_panels(tables, "anomaly_ratio", dict(zip(shares, axes, strict=True)))
    dotted = [ax.lines[0].get_ydata().tolist() for ax in axes]
    assert np.allclose(dotted, [[90, 40], [100, 100], [90, 40]])
    assert [ax.lines[1].get_ydata().tolist() for ax in axes] == [[100, 100], [50, 50], [90, 90]]
    bands = [ax.collections[0].get_paths()[0].get_extents() for ax in axes]
    assert np.allclose([(band.ymin, band.ymax) for band in bands], [(90, 100), (40, 60), (80, 100)])
    assert [ax.get_title("left") or ax.get_title() for ax in axes] == list(curves.MEASURES.values())
    plt.close(figure)


def test_over_another_parameter_the_dotted_line_is_level():
    figure, ax = plt.subplots()
    table = series("twofold", {2: 0.8, 4: 0.9}, x="n_clusters", anomaly_ratio=0.1)
    curves.selection_panels({"purity": table}, "n_clusters", {"purity": ax})
    assert ax.lines[0].get_ydata().tolist() == [90, 90]
    assert ax.lines[1].get_xdata().tolist() == [2, 4]
    plt.close(figure)
