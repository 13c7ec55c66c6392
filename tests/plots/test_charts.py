"""Figures of the tables: the heap's parts against counting, collapsed classes said in words."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from twofold.parts.selection import selection_quality
from twofold.plots.charts import class_dots, dumbbells, heap_bars, heap_parts


@pytest.fixture
def ax():
    figure, ax = plt.subplots()
    yield ax
    plt.close(figure)


def written(ax):
    return [text.get_text() for text in ax.texts]


@pytest.mark.parametrize("seed", range(8))
def test_the_heap_s_parts_are_those_that_counting_finds(seed):
    rng = np.random.default_rng(seed)
    anomalous, taken = rng.random(60) < 0.2, rng.random(60) < 0.7
    taken[np.flatnonzero(~anomalous)[0]] = True
    run = {"method": "twofold", "anomaly_ratio": 0.2, **selection_quality(taken, anomalous.astype(int))}
    counted = [(taken & ~anomalous), (taken & anomalous), (~taken & anomalous), (~taken & ~anomalous)]
    assert heap_parts(pd.DataFrame([run]), ["twofold"]).iloc[0].tolist() == pytest.approx([part.mean() for part in counted])


def test_an_errorless_selection_aligns_the_normals_and_repels_the_drawn_share():
    run = {"method": "oracle", "purity": 1.0, "recall": 1.0, "accuracy": 1.0, "anomaly_ratio": 0.1}
    assert heap_parts(pd.DataFrame([run]), ["oracle"]).iloc[0].tolist() == pytest.approx([0.9, 0, 0.1, 0])


def test_every_bar_of_the_heap_is_100_percent_wide(ax):
    runs = [
        {"method": m, "purity": 0.95, "recall": r, "accuracy": 0.8, "anomaly_ratio": 0.1} for m, r in (("a", 0.8), ("b", 0.6))
    ]
    heap_bars(heap_parts(pd.DataFrame(runs), ["a", "b"]), ax)
    ends = [max(bar.get_x() + bar.get_width() for bar in ax.patches if round(bar.get_y() + 0.31) == i) for i in range(2)]
    assert ends == pytest.approx([100, 100])


def test_dots_write_the_mean_and_name_the_worst_and_best_class(ax):
    class_dots(pd.DataFrame({"source_only": [50.0, 60.0, 70.0], "MsRA": [65.0, 60.0, np.nan]}, index=list("abc")), ax)
    assert written(ax) == ["a", "c", "60.0", "b", "a", "1/3\ncollapsed"]


def test_dumbbells_order_classes_by_gain_and_dash_those_that_lose(ax):
    wide = pd.DataFrame({"source_only": [50.0, 60.0, 70.0], "twofold": [55.0, 90.0, 60.0]}, index=list("abc"))
    dumbbells(wide, "source_only", "twofold", ax)
    assert [label.get_text() for label in ax.get_yticklabels()] == ["b", "a", "c"]
    assert written(ax) == ["+30.0", "+5.0", "-10.0"]
    assert [line.get_linestyle() for line in ax.lines[:3]] == ["-", "-", "--"]


def test_a_collapsed_class_is_named_and_not_drawn(ax):
    wide = pd.DataFrame({"source_only": [50.0, 60.0], "twofold": [np.nan, 90.0]}, index=list("ab"))
    dumbbells(wide, "source_only", "twofold", ax)
    assert written(ax) == ["+30.0", "collapsed"]
