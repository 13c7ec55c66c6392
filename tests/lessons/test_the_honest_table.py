"""A comparison claims no more than its interval, and a collapsed method has no dot."""

import matplotlib.pyplot as plt
import pytest
from given import around, runs, together, written
from matplotlib.collections import LineCollection, PathCollection
from matplotlib.colors import to_rgba

from twofold.lessons.the_honest_table import comparison, method_dots
from twofold.results.statistics import class_means, look_of


@pytest.mark.parametrize(
    ("ours", "words"),
    [
        (around("density", 90.0), "density is above twofold: +10.0 points [+10.0, +10.0]"),
        (around("density", 70.0), "density is below twofold: -10.0 points [-10.0, -10.0]"),
        (around("density", 80.0), "density is undecided against twofold: +0.0 points [+0.0, +0.0]"),
        (
            runs("density", 90.0, 60.0),
            "density against twofold has too few classes for a verdict: -3.5 points (above on 1 of 2 classes)",
        ),
        (
            around("density", 99.0, collapsed=True),
            "density and twofold cannot be compared: no difference, a run collapsed",
        ),
    ],
)
def test_a_comparison_says_above_only_where_the_interval_does(ours, words):
    assert comparison(together(around("twofold", 80.0), ours), "density", "twofold") == words


def test_a_dot_stands_at_the_mean_with_its_spread_and_is_hollow_where_labels_were_told():
    fallen = runs("twofold", 55.0, 60.0).assign(collapsed=[False, True])
    frame = together(
        runs("source_only", 50.0, 70.0), fallen, runs("new", 80.0, 90.0), runs("oracle", 90.0, 96.0, told="labels")
    )
    figure, ax = plt.subplots()
    method_dots(class_means(frame), ax)
    dots = [found for found in ax.collections if isinstance(found, PathCollection) and len(found.get_offsets())]
    assert [dot.get_offsets()[0].tolist() for dot in dots] == [[60, 0], [85, 2], [93, 3]]
    faces = (look_of("source_only").color, look_of("new").color, "white")
    assert [tuple(dot.get_facecolor()[0]) for dot in dots] == [to_rgba(color) for color in faces]
    assert written(ax) == ["60.0", "1/2 collapsed", "85.0", "93.0"]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["source_only", "twofold", "new", "oracle"]
    first = next(found for found in ax.collections if isinstance(found, LineCollection))
    assert first.get_segments()[0].tolist() == [[50, 0], [70, 0]]  # one deviation to each side
    plt.close(figure)


def test_a_table_of_nothing_but_collapses_is_drawn():
    figure, ax = plt.subplots()
    method_dots(class_means(runs("twofold", 50.0, collapsed=True)), ax)
    assert written(ax) == ["1/1 collapsed"]
    plt.close(figure)
