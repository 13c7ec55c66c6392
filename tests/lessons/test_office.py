"""Classes stand in the order of their gain, those that lose are dashed, the collapsed ones named."""

import matplotlib.pyplot as plt
import pytest
from given import runs, together, written

from twofold.lessons.office import dumbbells
from twofold.results.statistics import class_means


@pytest.fixture
def ax():
    figure, ax = plt.subplots()
    yield ax
    plt.close(figure)


def test_classes_are_ordered_by_gain_and_dashed_where_they_lose(ax):
    frame = together(runs("source_only", 50.0, 60.0, 70.0), runs("twofold", 55.0, 90.0, 60.0))
    dumbbells(class_means(frame), "source_only", "twofold", ax)
    assert [label.get_text() for label in ax.get_yticklabels()] == ["1", "0", "2"]
    assert written(ax) == ["+30.0", "+5.0", "-10.0"]
    assert [line.get_linestyle() for line in ax.lines[:3]] == ["-", "-", "--"]
    assert [line.get_xdata().tolist() for line in ax.lines[:3]] == [[60, 90], [50, 55], [70, 60]]


def test_a_collapsed_class_is_named_and_not_drawn(ax):
    fallen = runs("twofold", 55.0, 90.0).assign(collapsed=[True, False])
    dumbbells(class_means(together(runs("source_only", 50.0, 60.0), fallen)), "source_only", "twofold", ax)
    assert written(ax) == ["+30.0", "collapsed"]
