"""What is drawn of scores: bars, dots, words; collapsed ones said, unknown methods drawn."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import LineCollection, PathCollection
from matplotlib.colors import to_hex, to_rgba

from twofold.methods import METHODS
from twofold.plots import scores
from twofold.plots.style import COLORS, GREY, SELECTION_LOOKS

LOOKS = {name: cls.looks[name] for name, (cls, _) in METHODS.items()}


@pytest.fixture
def ax():
    figure, ax = plt.subplots()
    yield ax
    figure.canvas.draw()
    plt.close(figure)


def row(method, *classes, n_collapsed=0, told="", **fields):
    """As ``class_means`` has it; a class of None collapsed."""
    values = [np.nan if value is None else value for value in classes]
    whole = np.nan if n_collapsed else float(np.mean(values))
    look = vars(LOOKS[method]) if method in LOOKS else {}
    return {
        **{"method": method, "mean": whole, "std_classes": np.nan if n_collapsed else float(np.std(values)), "told": told},
        **{"n_runs": len(values), "n_collapsed": n_collapsed, "classes": dict(zip("abcdefgh", values, strict=False))},
        **look,
        **fields,
    }


def table(*rows):
    return pd.DataFrame(list(rows))


def dots(ax):
    return [found for found in ax.collections if isinstance(found, PathCollection) and len(found.get_offsets())]


def written(ax):
    return [text.get_text() for text in ax.texts]


def ticks(axis):
    return [label.get_text() for label in axis.get_ticklabels()]


THREE = (row("source_only", 50.0, 70.0), row("twofold", 55.0, None, n_collapsed=1), row("a method of tomorrow", 80.0, 90.0))


def test_bars_are_means_with_their_classes_as_dots(ax):
    scores.bars(table(*THREE), ax)
    assert [bar.get_height() for bar in ax.patches] == [60, 85]
    assert [to_hex(bar.get_facecolor()) for bar in ax.patches] == [LOOKS["source_only"].color.lower(), GREY]
    assert [found.get_offsets()[:, 1].tolist() for found in dots(ax)] == [[50, 70], [80, 90]]
    assert written(ax) == ["60", "1/2\ncollapsed", "85"]
    assert ticks(ax.xaxis) == ["source only", "align the dominant cluster (paper)", "a method of tomorrow"]


def test_method_dots_stand_at_the_mean_with_its_spread_and_are_hollow_where_labels_were_told(ax):
    scores.method_dots(table(*THREE, row("oracle", 90.0, 96.0, told="labels")), ax)
    assert [dot.get_offsets()[0].tolist() for dot in dots(ax)] == [[60, 0], [85, 2], [93, 3]]
    assert [tuple(dot.get_facecolor()[0]) for dot in dots(ax)] == [to_rgba(c) for c in (COLORS["source"], GREY, "white")]
    assert written(ax) == ["60.0", "1/2 collapsed", "85.0", "93.0"]
    assert ticks(ax.yaxis) == ["source_only", "twofold", "a method of tomorrow", "oracle"]
    first = next(found for found in ax.collections if isinstance(found, LineCollection))
    assert first.get_segments()[0].tolist() == [[50, 0], [70, 0]]  # one deviation to each side


def test_method_dots_draw_what_collapsed_altogether(ax):
    scores.method_dots(table(row("twofold", None, n_collapsed=1)), ax)
    assert written(ax) == ["1/1 collapsed"]


def test_class_dots_write_the_mean_and_name_the_worst_and_best_class(ax):
    scores.class_dots(table(row("source_only", 50.0, 60.0, 70.0), row("MsRA", 65.0, 60.0, None, n_collapsed=1)), ax)
    assert written(ax) == ["a", "c", "60.0", "b", "a", "1/3\ncollapsed"]
    classes = [found.get_offsets()[:, 0].tolist() for found in dots(ax) if len(found.get_offsets()) > 1]
    assert classes == [[50, 60, 70], [65, 60]]


def test_printed_means_without_classes_are_hollow_and_the_missing_is_said(ax):
    quoted = {"n_runs": 0, "n_collapsed": 0, "classes": {}}
    rows = [{"method": "twofold", "mean": 75.5, "std_classes": 9.8, **quoted, **vars(LOOKS["twofold"])}]
    rows += [{"method": "density", "mean": np.nan, "std_classes": np.nan, **quoted}]
    scores.class_dots(table(*rows), ax)
    assert written(ax) == ["75.5", "not printed"]
    (mark,) = dots(ax)
    assert tuple(mark.get_facecolor()[0]) == to_rgba("white")
    assert tuple(mark.get_edgecolor()[0]) == to_rgba(LOOKS["twofold"].color)


def test_the_axis_reaches_down_to_the_worst_class(ax):
    scores.class_dots(table(row("source_only", 12.0, 60.0)), ax)
    assert ax.get_xlim()[0] < 12


def test_targets_stand_in_rows_and_methods_beside_each_other(ax):
    quoted = {"std_classes": 1.0, "n_runs": 0, "n_collapsed": 0, "classes": {}}
    rows = [
        {"block": block, "method": method, "mean": mean, **quoted, **(vars(LOOKS[method]) if method in LOOKS else {})}
        for block, means in (("Photo->Art", (60.0, 70.0)), ("Photo->Sketch", (50.0, 55.0)))
        for method, mean in zip(("twofold", "GNL"), means, strict=True)
    ]
    scores.target_dots(table(*rows), ax)
    assert [found.get_offsets()[:, 0].tolist() for found in dots(ax)] == [[60, 50], [70, 55]]
    assert [np.round(found.get_offsets()[:, 1]).tolist() for found in dots(ax)] == [[0, 1], [0, 1]]
    assert ticks(ax.yaxis) == ["Art", "Sketch"]
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["twofold", "GNL"]
    assert to_hex(ax.collections[0].get_edgecolor()[0]) == LOOKS["twofold"].color.lower()


def test_dumbbells_order_classes_by_gain_and_dash_those_that_lose(ax):
    scores.dumbbells(
        table(row("source_only", 50.0, 60.0, 70.0), row("twofold", 55.0, 90.0, 60.0)), "source_only", "twofold", ax
    )
    assert ticks(ax.yaxis) == ["b", "a", "c"]
    assert written(ax) == ["+30.0", "+5.0", "-10.0"]
    assert [line.get_linestyle() for line in ax.lines[:3]] == ["-", "-", "--"]
    assert [line.get_xdata().tolist() for line in ax.lines[:3]] == [[60, 90], [50, 55], [70, 60]]


def test_a_collapsed_class_is_named_and_not_drawn(ax):
    scores.dumbbells(
        table(row("source_only", 50.0, 60.0), row("twofold", None, 90.0, n_collapsed=1)), "source_only", "twofold", ax
    )
    assert written(ax) == ["+30.0", "collapsed"]


def test_gains_are_over_the_control_and_vanish_where_it_collapsed(ax):
    scores.gain_bars(table(row("source_only", 50.0, 60.0), row("twofold", 80.0, 60.0)), "source_only", ax)
    assert written(ax) == ["55.0", "70.0\n+15.0"]
    assert set(ax.lines[0].get_ydata()) == {55}
    assert ax.lines[-1].get_ydata().tolist() == [55, 70]
    figure, other = plt.subplots()
    scores.gain_bars(table(row("source_only", None, 60.0, n_collapsed=1), row("twofold", 80.0, 60.0)), "source_only", other)
    assert written(other) == ["1/2\ncollapsed", "70.0"]
    plt.close(figure)


def test_gains_of_panels_that_share_their_axis_cut_nothing_off():
    figure, panels = plt.subplots(1, 2, sharey=True)
    for panel, value in zip(panels, (20.0, 80.0), strict=True):
        scores.gain_bars(table(row("source_only", value)), "source_only", panel)
    assert panels[1].get_ylim()[0] < 20
    plt.close(figure)


def selection(*rows):
    """Of each measure a table, a row a selection: (name, purities, recalls, auroc, collapsed runs)."""
    made = {"purity": [], "recall": [], "auroc": []}
    for name, purities, recalls, auroc, n_collapsed in rows:
        made["purity"].append(row("twofold", *purities, selection=name))
        made["recall"].append(row("twofold", *recalls, selection=name))
        made["auroc"].append(row("twofold", auroc, n_collapsed=n_collapsed, selection=name))
    return {of: pd.DataFrame(rows) for of, rows in made.items()}


def test_a_map_names_every_selection_with_its_auroc_or_its_collapse(ax):
    rows = [("kmeans", (0.8, 1.0), (0.5, 0.7), 81.0, 0), ("knn", (1.0,), (0.6,), None, 1), ("new", (0.5,), (0.5,), 60.0, 0)]
    scores.selection_map(selection(*rows), ax)
    assert written(ax) == [
        "K-means: AUROC 81.0",
        "nearest neighbours: 1/1 collapsed",
        "align the dominant cluster (paper): AUROC 60.0",  # a selection that has no look of its own
    ]
    classes, mean = ax.collections[:2]
    assert classes.get_offsets().tolist() == [[80, 50], [100, 70]]
    assert mean.get_offsets().tolist() == [[90, 60]]
    assert to_hex(mean.get_facecolor()[0]) == SELECTION_LOOKS["kmeans"].color.lower()


def test_every_bar_of_the_heap_is_100_percent_wide_and_hatched_where_it_repels(ax):
    parts = pd.DataFrame(
        {"normals aligned": [0.7, 0.5], "anomalies aligned": [0.1, 0.0]}
        | {"anomalies repelled": [0.1, 0.2], "normals repelled": [0.1, 0.3]},
        index=["a", "b"],
    )
    scores.heap_bars(parts, ax)
    ends = [max(bar.get_x() + bar.get_width() for bar in ax.patches if round(bar.get_y() + 0.31) == i) for i in range(2)]
    assert ends == pytest.approx([100, 100])
    assert [bar.get_hatch() for bar in ax.patches[::2]] == ["", "", "////", "////"]
    assert written(ax) == ["70", "50", "10", "10", "20", "10", "30"]  # nothing is written on a part of nothing
    assert ticks(ax.yaxis) == ["a", "b"]
