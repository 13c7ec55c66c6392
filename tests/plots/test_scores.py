"""What is drawn of scores: bars, dots, words; collapsed ones said, unknown methods drawn."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import PathCollection
from matplotlib.colors import to_rgba

from twofold.methods import METHODS
from twofold.plots import scores

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


def test_class_dots_write_the_mean_and_name_the_worst_and_best_class(ax):
    scores.class_dots(table(row("source_only", 50.0, 60.0, 70.0), row("MsRA", 65.0, 60.0, None, n_collapsed=1)), ax)
    assert written(ax) == ["60.0", "1/3\ncollapsed", "a", "c", "b", "a"]
    classes = [found.get_offsets()[:, 0].tolist() for found in dots(ax) if len(found.get_offsets()) > 1]
    assert classes == [[50, 60, 70], [65, 60]]


def test_the_name_of_a_low_class_does_not_cross_the_axis(ax):
    low = row("source_only", 10.0, 70.0) | {"classes": {"a class of a long name": 10.0, "b": 70.0}}
    scores.class_dots(table(low), ax)
    ax.figure.canvas.draw()
    (name,) = (text for text in ax.texts if text.get_text().startswith("a class"))
    assert name.get_window_extent().x0 >= ax.bbox.x0


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


def test_panels_that_are_given_the_same_methods_line_up(ax):
    rows = table(row("oracle", 90.0, 94.0), row("source_only", 50.0, 60.0))
    scores.class_dots(rows, ax, ["source_only", "twofold", "oracle"])
    assert ticks(ax.yaxis) == ["source only", "twofold", "oracle"], "a name without a row here is left as it is"
    classes = [found.get_offsets() for found in dots(ax) if len(found.get_offsets()) == 2]
    assert {tuple(places[:, 0]): places[0, 1] for places in classes} == {(90.0, 94.0): 2, (50.0, 60.0): 0}
