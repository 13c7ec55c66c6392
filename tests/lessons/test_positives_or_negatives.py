"""A grid of positives and negatives: every step changes one thing, and the sentence says how far each kind moves."""

import matplotlib.pyplot as plt
import pandas as pd
import pytest
from given import around, together, written

from twofold.lessons.positives_or_negatives import change_dots, grid_picture, headline, single_changes
from twofold.results.statistics import class_means

LEVELS = {  # one selection or another hardly matters, the tail does
    ("all", "in_batch"): 60.0,
    ("all", "sparse_tail"): 85.0,
    ("kmeans", "in_batch"): 61.0,
    ("kmeans", "non_dominant"): 70.0,
    ("kmeans", "sparse_tail"): 84.0,
    ("oracle", "non_dominant"): 95.0,  # from K-means' both would change
}
NAMES = {key: f"twofold[selection={key[0]},negatives={key[1]}]" for key in LEVELS}
ORDER = ["all", "kmeans", "oracle"], ["in_batch", "non_dominant", "sparse_tail"]


@pytest.fixture
def frame():
    parts = [around(NAMES[key], level, selection=key[0], negatives=key[1]) for key, level in LEVELS.items()]
    return together(*parts)


@pytest.fixture
def ax():
    figure, ax = plt.subplots()
    yield ax
    plt.close(figure)


def test_every_step_changes_one_thing_and_leaps_over_what_was_not_run(frame):
    changes = single_changes(frame, NAMES, *ORDER)
    found = changes.set_index(["changed", "at"])["difference"].groupby(level=[0, 1]).apply(list).to_dict()
    assert found == {
        ("positives", "the others of the batch"): [1.0],
        ("positives", "the sparsest tenth"): [-1.0],
        ("negatives", "everything"): [25.0],
        ("negatives", "K-means' cluster (paper)"): [9.0, 14.0],
    }
    assert set(changes["verdict"]) == {"above", "below"}


def test_the_sentence_averages_the_size_of_each_kind(frame):
    assert headline(single_changes(frame, NAMES, *ORDER)) == (
        "Other negatives move the AUROC by 16 points, other positives by 1 (5 classes)"
    )
    few = frame[frame["normal"].isin(["0", "1"])]
    assert "(2 classes: too few for a verdict)" in headline(single_changes(few, NAMES, *ORDER))


def test_a_cell_holds_its_number_and_one_that_was_not_run_says_so(frame, ax):
    grid_picture(class_means(frame, ["selection", "negatives"]), *ORDER, ax)
    at = {text.get_position(): text.get_text() for text in ax.texts}
    assert at == {(0, 0): "60", (2, 0): "85", (0, 1): "61", (1, 1): "70", (2, 1): "84", (1, 2): "95"} | {
        (1, 0): "nothing is\nleft over",
        (0, 2): "not run",
        (2, 2): "not run",
    }


def test_a_change_is_drawn_at_its_gain_and_a_collapsed_one_in_words(frame, ax):
    changes = single_changes(frame, NAMES, *ORDER)
    change_dots(changes, ax)
    marks = [line.get_xdata()[0] for line in ax.lines if line.get_marker() in "os"]
    assert sorted(marks) == [-1.0, 1.0, 9.0, 14.0, 25.0]
    assert {"other\npositives", "other\nnegatives"} <= set(written(ax))


def test_a_change_whose_runs_collapsed_has_a_word_and_no_dot(frame, ax):
    frame.loc[frame["method"] == NAMES["all", "in_batch"], "collapsed"] = True
    changes = single_changes(frame, NAMES, *ORDER)
    change_dots(changes, ax)
    assert written(ax).count("collapsed") == 2
    assert pd.isna(changes["difference"]).sum() == 2
