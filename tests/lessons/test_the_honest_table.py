"""A comparison claims no more than its interval, and a collapsed method has no dot."""

import matplotlib.pyplot as plt
import pytest
from given import around, runs, together, written
from matplotlib.collections import LineCollection, PathCollection
from matplotlib.colors import to_rgba

from twofold.lessons.the_honest_table import comparison_table, comparisons, highest_words, method_dots
from twofold.results.statistics import class_means, look_of


@pytest.mark.parametrize(
    ("ours", "words"),
    [
        (around("density", 90.0), "density to twofold: above, +10.0 points [+10.0, +10.0]"),
        (around("density", 70.0), "density to twofold: below, -10.0 points [-10.0, -10.0]"),
        (around("density", 80.0), "density to twofold: undecided, +0.0 points [+0.0, +0.0]"),
        (
            runs("density", 90.0, 60.0),
            "density to twofold: too few classes, -3.5 points (above on 1 of 2 classes)",
        ),
        (
            around("density", 99.0, collapsed=True),
            "density to twofold: density 5/5 collapsed; no class is left",
        ),
    ],
)
def test_a_comparison_says_above_only_where_the_interval_does(ours, words):
    assert comparisons(together(around("twofold", 80.0), ours), ["density"], ["twofold"])[0] == words


def test_every_method_is_held_against_every_control_and_the_verdicts_are_counted():
    frame = together(*(around(name, level) for name, level in {"a": 80.0, "b": 70.0, "c": 60.0, "d": 50.0}.items()))
    lines = comparisons(frame, ["a", "b"], ["c", "d"])
    assert [line.split(":")[0] for line in lines[:4]] == ["a to c", "a to d", "b to c", "b to d"]
    assert lines[4] == "4 verdicts; by chance about one of 20 would exclude zero, of these 0.2"


def test_one_collapsed_run_does_not_silence_a_comparison():
    ours = runs("density", *(90.0, 91.0, 92.0) * 2)
    frame = together(runs("twofold", *(80.0,) * 6), ours.assign(collapsed=ours["normal"].eq("0")))
    line, _ = comparisons(frame, ["density"], ["twofold"])
    assert line.startswith("density to twofold: density 1/6 collapsed; of the rest above, +11.2 points [")


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
    assert written(ax) == ["60.0", "1/2 collapsed; of the rest 55.0", "85.0", "93.0"]
    assert [label.get_text() for label in ax.get_yticklabels()] == [
        "source only",
        "align the dominant cluster",
        "new",
        "oracle",
    ]
    first = next(found for found in ax.collections if isinstance(found, LineCollection))
    assert first.get_segments()[0].tolist() == [[50, 0], [70, 0]]  # one deviation to each side
    plt.close(figure)


def test_a_table_of_nothing_but_collapses_is_drawn():
    figure, ax = plt.subplots()
    method_dots(class_means(runs("twofold", 50.0, collapsed=True)), ax)
    assert written(ax) == ["1/1 collapsed"]
    plt.close(figure)


def test_verdicts_stand_in_a_row_a_comparison_and_a_column_a_pair():
    task = {"dataset": "emoji", "source": "windows", "target": "apple"}
    frame = together(*(around(name, level) for name, level in {"a": 80.0, "b": 70.0, "c": 60.0}.items()))
    frame = together(frame, around("a", 60.0, **task), around("b", 70.0, **task), around("c", 60.0, **task))
    table, counted = comparison_table(frame, ["a"], ["b", "c"])
    assert table.set_index("").loc["a to b"].to_dict() == {
        "digits type→optdigits": "above, +10.0 points [+10.0, +10.0]",
        "emoji windows→apple": "below, -10.0 points [-10.0, -10.0]",
    }
    assert counted.startswith("4 verdicts; ")


def test_the_highest_is_one_that_is_told_no_label_and_did_not_collapse():
    frame = together(
        around("a", 80.0), around("b", 85.0), around("c", 99.0, collapsed=True), around("oracle", 95.0, told="labels")
    )
    frame = together(frame, around("few_shot", 90.0, told="shots"))
    assert highest_words(class_means(frame)) == "b (85.0 %) is highest without labels, then a (80.0 %)"
    few = class_means(together(runs("a", 80.0), runs("oracle", 95.0, told="labels")))
    assert highest_words(few) == "On 1 class, too few for a verdict, a (80.0 %) is highest without labels"
