"""Curves: gaps where runs collapsed, bands over classes, the place of a cliff, labels that do not overlap."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from twofold.plots import curves

DEFAULTS = {"dataset": "digits", "source": "type", "target": "optdigits", "anomaly_ratio": 0.1, "collapsed": False}


def _frame(rows):
    return pd.DataFrame([{**DEFAULTS, "seed": 0, "method": "twofold", **row} for row in rows])


@pytest.fixture
def ax():
    figure, ax = plt.subplots()
    yield ax
    plt.close(figure)


def _texts(ax):
    return [text.get_text() for text in ax.texts]


def test_first_below_is_the_smallest_place_and_passes_over_collapsed_ones():
    values = pd.Series({0.5: 0.3, 0.1: np.nan, 0.3: 0.2, 0.2: 0.9})
    assert curves.first_below(values, 0.5) == 0.3
    assert curves.first_below(values, 0.1) is None
    assert curves.first_below(values, pd.Series({0.5: 1.0, 0.1: 1.0, 0.3: 0.0, 0.2: 0.0})) == 0.5


@pytest.mark.parametrize("seed", range(5))
def test_spread_out_keeps_the_order_the_gap_and_what_was_apart(seed):
    heights = np.random.default_rng(seed).uniform(0, 30, 8)
    placed = curves.spread_out(heights, 4.0)
    assert (np.argsort(placed) == np.argsort(heights)).all()
    assert (np.diff(np.sort(placed)) >= 4.0 - 1e-9).all()
    apart = np.arange(5) * 10.0
    assert np.allclose(curves.spread_out(apart, 4.0), apart)
    assert curves.spread_out([], 4.0).tolist() == []


def test_with_fields_joins_by_run_and_names_the_base():
    results = [
        {"config_hash": "a", "config": {"n_clusters": 4}},
        {"config_hash": "b", "config": {"n_clusters": 2}},
    ]
    frame = pd.DataFrame({"config_hash": ["b", "a"], "method": ["oracle", "twofold[n_clusters=4]"]})
    found = curves.with_fields(frame, results, "n_clusters")
    assert found["n_clusters"].tolist() == [2, 4]
    assert found["base"].tolist() == ["oracle", "twofold"]
    with pytest.raises(KeyError):
        curves.with_fields(frame, results[:1], "n_clusters")


def test_a_curve_is_the_mean_over_classes_of_means_over_seeds(ax):
    rows = [
        {"k": 1, "normal": "a", "seed": 0, "auroc": 50.0},
        {"k": 1, "normal": "a", "seed": 1, "auroc": 70.0},
        {"k": 1, "normal": "b", "auroc": 90.0},  # a pooled mean would be 70, not 75
        {"k": 4, "normal": "a", "auroc": 80.0},
        {"k": 4, "normal": "b", "auroc": 80.0},
    ]
    curves.parameter_curves(_frame(rows), "k", ax)
    (line,) = [line for line in ax.lines if len(line.get_xdata()) == 2]
    assert line.get_ydata().tolist() == [75.0, 80.0]
    band = ax.collections[0].get_paths()[0].get_extents()
    assert (band.ymin, band.ymax) == (60.0, 90.0)  # 75 -+ the ddof 0 deviation of 60 and 90


def test_a_collapsed_place_has_no_mean_and_says_how_many(ax):
    rows = [{"k": k, "normal": n, "auroc": 80.0, "collapsed": k == 2 and n == "a"} for k in (1, 2, 3) for n in "ab"]
    curves.parameter_curves(_frame(rows), "k", ax)
    (line,) = [line for line in ax.lines if len(line.get_xdata()) == 3]
    assert np.isnan(line.get_ydata()).tolist() == [False, True, False]
    assert "1/2 collapsed" in _texts(ax)


def test_a_series_that_collapsed_everywhere_is_still_there(ax):
    rows = [{"k": k, "normal": "a", "auroc": 50.0, "collapsed": True} for k in (1, 2)]
    curves.parameter_curves(_frame(rows), "k", ax)
    assert _texts(ax)[:2] == ["1/1", "1/1 collapsed"]


def test_the_dotted_line_is_what_taking_everything_gives():
    figure, axes = plt.subplots(1, 3)
    ratios = (0.1, 0.6)
    rows = [{"anomaly_ratio": r, "normal": "a", "purity": 1.0, "recall": 0.5, "accuracy": 0.9} for r in ratios]
    curves.selection_panels(_frame(rows), "anomaly_ratio", dict(zip(("purity", "recall", "accuracy"), axes, strict=True)))
    dotted = [ax.lines[0].get_ydata().tolist() for ax in axes]
    assert np.allclose(dotted, [[90, 40], [100, 100], [90, 40]])
    assert [ax.lines[1].get_ydata().tolist() for ax in axes] == [[100, 100], [50, 50], [90, 90]]
    plt.close(figure)


def test_a_map_names_every_selection_with_its_auroc_or_its_collapse(ax):
    rows = [
        {"selection": "kmeans", "normal": "a", "purity": 0.9, "recall": 0.5, "auroc": 81.0},
        {"selection": "knn", "normal": "a", "purity": 1.0, "recall": 0.6, "auroc": 50.0, "collapsed": True},
        {"selection": "all", "normal": "a", "purity": np.nan, "recall": np.nan, "auroc": 50.0},
    ]
    curves.selection_map(_frame(rows), "selection", ax)
    assert _texts(ax) == ["K-means: AUROC 81.0", "nearest neighbours: 1/1 collapsed"]


def test_gains_are_over_the_control_and_vanish_where_it_collapsed(ax):
    rows = [
        {"method": method, "normal": n, "auroc": value}
        for method, values in {"source_only": (50.0, 60.0), "twofold": (80.0, 60.0)}.items()
        for n, value in zip("ab", values, strict=True)
    ]
    curves.gain_bars(_frame(rows), ["source_only", "align_all", "twofold"], "source_only", ax)
    assert _texts(ax) == ["55.0", "70.0\n+15.0"]
    figure, other = plt.subplots()
    fallen = _frame(rows)
    fallen.loc[0, "collapsed"] = True
    curves.gain_bars(fallen, ["source_only", "twofold"], "source_only", other)
    assert _texts(other)[0] == "1/2\ncollapsed"
    assert "+" not in "".join(_texts(other))
    plt.close(figure)


def test_panels_that_share_their_axis_cut_nothing_off():
    figure, axes = plt.subplots(1, 2, sharey=True)
    for ax, auroc in zip(axes, (50.0, 90.0), strict=True):
        rows = [{"k": k, "normal": "a", "auroc": auroc + k, "collapsed": k == 2} for k in (0, 1, 2)]
        curves.parameter_curves(_frame(rows), "k", ax)
    low, high = axes[0].get_ylim()
    assert low < 50
    assert high > 91
    plt.close(figure)
