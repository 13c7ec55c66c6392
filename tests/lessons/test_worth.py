"""The worth of the source: cells by hand, the mean over targets, words for where it is worth something, one line a share."""

from itertools import product

import matplotlib.pyplot as plt
import numpy as np
import pytest
from given import around, together, written

from twofold.lessons.worth import MEAN, level_table, worth, worth_panels, worth_reading, worth_table
from twofold.runs.presets import PAIRS

ME, WITHOUT = "pooled_gaussian", "target_gaussian"
FIVE = [*PAIRS["dev"], ("emoji", "google", "twitter"), ("office_caltech", "webcam", "amazon")]


def frame_of(pairs, gain, sizes=(5, None), ratios=(0.0, 0.3)):
    """Both methods on five classes, the source worth ``gain(pair, size, share)``."""
    found = []
    for pair, size, ratio in product(pairs, sizes, ratios):
        task = dict(zip(("dataset", "source", "target"), pair, strict=True)) | {"n_target": size, "anomaly_ratio": ratio}
        task |= {"split_hash": f"{pair} {size} {ratio}"}
        found += [around(WITHOUT, 80.0, **task), around(ME, 80.0 + gain(pair, size, ratio), **task)]
    return together(*found)


def by_size(pair, size, ratio):
    return 6.0 + 10 * ratio + pair[2].count("p") if size else 0.5


@pytest.fixture
def found():
    return worth(frame_of(FIVE, by_size), ME, WITHOUT)


def test_each_pair_size_and_share_has_its_cell_and_below_them_their_mean_over_targets(found):
    assert len(found) == 5 * 4 + 4
    first = found[(found["target"] == "apple") & (found["n_target"] == 5) & (found["anomaly_ratio"] == 0.3)].iloc[0]
    assert (round(first["difference"], 6), first["verdict"]) == (11.0, "above")
    mean = found[(found["source"] == MEAN) & (found["n_target"] == 5) & (found["anomaly_ratio"] == 0.3)].iloc[0]
    assert (round(mean["difference"], 6), mean["n_trials"]) == (9 + (1 + 2) / 5, 5)  # optdigits, apple
    assert found["n_target"].max() == np.inf


def test_there_is_a_mean_only_where_every_pair_has_a_number():
    frame = frame_of(FIVE, by_size, sizes=(5, 50))
    frame = frame[~((frame["dataset"] == "emoji") & (frame["n_target"] == 50))]
    table = worth_table(worth(frame, ME, WITHOUT)).set_index(["pair", "anomalies"])
    assert table.loc[(MEAN, "0%"), "50"] == table.loc[("emoji windows→apple (dev)", "0%"), "50"] == ""
    assert table.loc[(MEAN, "0%"), "5"].startswith("+6.6 [")
    assert MEAN not in set(worth(frame_of(FIVE[:1], by_size), ME, WITHOUT)["source"])


def test_shares_that_are_the_same_pictures_are_told_once():
    frame = frame_of(FIVE, by_size, ratios=(0.0, 0.1))
    few = frame["n_target"].eq(5)
    frame.loc[few, "split_hash"] = frame.loc[few, "target"]  # a tenth of five pictures is none
    table = worth_table(worth(frame, ME, WITHOUT)).set_index(["pair", "anomalies"])["5"]
    assert table[MEAN, "0%"].startswith("+6.6 [")
    assert table[MEAN, "10%"] == ""


def test_a_cell_holds_the_difference_with_its_interval_and_marks_what_collapsed():
    frame = frame_of(FIVE[:1], by_size)
    frame["collapsed"] = (
        frame["method"].eq(ME) & frame["n_target"].eq(5) & (frame["normal"].eq("0") | frame["anomaly_ratio"].eq(0))
    )
    table = worth_table(worth(frame, ME, WITHOUT)).set_index("anomalies")
    assert table.loc["0%", "5"] == "collapsed"
    assert table.loc["30%", "5"] == "+10.0*"
    assert table.loc["30%", "all"] == "+0.5 [+0.5, +0.5]"
    assert level_table(frame, ME).set_index("anomalies").loc["30%"].tolist()[1:] == ["90.5", "80.5"]


def test_the_reading_says_where_the_source_is_worth_something_and_where_most(found):
    lines = worth_reading(found)
    assert lines[0].startswith(f"5 target pictures, {MEAN}: 0% anomalies above, +6.6 points [")
    assert lines[1].startswith(f"all target pictures, {MEAN}: 0% anomalies above, +0.5 points [")
    assert lines[2] == "digits type→optdigits (dev): above: 0% at 5/all, 30% at 5/all; most +10.0 at 5 and 30%"
    assert lines[-2] == "20 above of 20 places"
    assert lines[-1].startswith("20 verdicts; ")


def test_a_line_a_share_stands_in_each_panel_hollow_where_it_is_undecided(found):
    figure = plt.figure(layout="constrained")
    found.loc[(found["target"] == "apple") & (found["n_target"] == 5), "verdict"] = "undecided"
    worth_panels(found, figure)
    assert [ax.get_title(loc="left") or ax.get_title() for ax in figure.axes][-1] == MEAN
    apple = figure.axes[1]
    assert [label.get_text() for label in apple.get_xticklabels()] == ["5", "all"]
    faces = {round(float(y), 1): face for dots in apple.collections[1:] for (_, y), face in faces_of(dots)}
    assert faces[8.0] == faces[11.0] == (1, 1, 1, 1)
    assert faces[0.5] != (1, 1, 1, 1)
    title = figure.legends[0].get_title().get_text().replace("\n", " ")
    said = "Points that the source is worth: +6.6 to +9.6 with 5, +0.5 to +0.5 with all target pictures"
    assert title == f"{said}; sure in 4 of 4 places"
    assert written(apple) == []
    said = {
        text.get_text(): line for text, line in zip(figure.legends[0].get_texts(), figure.legends[0].get_lines(), strict=True)
    }
    dashed = {line.get_color() for line in apple.lines if line.is_dashed()}
    assert dashed  # and what is dashed is explained
    assert said["to all: not to scale"].is_dashed()
    plt.close(figure)


def faces_of(dots):
    """Each dot of a collection with its colour; lines have none."""
    offsets = dots.get_offsets() if hasattr(dots, "get_sizes") else []
    return [(offset, tuple(dots.get_facecolor()[0])) for offset in offsets]


def test_one_pair_with_all_its_pictures_alone_is_drawn():
    figure = plt.figure(layout="constrained")
    worth_panels(worth(frame_of(FIVE[:1], by_size, sizes=(None,)), ME, WITHOUT), figure)
    assert [label.get_text() for label in figure.axes[0].get_xticklabels()] == ["all"]
    plt.close(figure)
