"""Shots: who allows how many, means and intervals by hand, what reaches whom, and what is drawn."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from given import around, runs, together

from twofold.errors import InputError
from twofold.lessons.shots import (
    UNTOLD,
    most_shots,
    plan_shots,
    shots_against,
    shots_curve,
    shots_panels,
    shots_reading,
    shots_words,
)
from twofold.lessons.study import Study
from twofold.results.statistics import t_interval

PAIR = ("digits", "type", "optdigits")


def few(shots, level, **fields):
    return around("few_shot", level, told="shots", **fields).assign(shots=shots, method=f"few_shot[shots={shots}]")


def frame(*levels, control=80.0):
    shots = [few(k, level) for k, level in zip((1, 10, 20), levels, strict=False)]
    return together(*shots, around("pooled_gaussian", control).assign(shots=np.nan))


def test_half_of_the_pictures_may_be_told_at_every_seed():
    assert most_shots(PAIR, ["8"]) == {"8": 87 // 2}
    assert most_shots(PAIR, ["8"], (0, 1, 2))["8"] <= 87 // 2


def test_shots_are_planned_on_the_classes_that_have_twice_as_many():
    cells = ['preset = "embedded-fast"\nnormals = ["3", "8"]\nseeds = [0]\nfigures = None\nruns = "runs"\nroot = None']
    configs = plan_shots(Study({"In": cells}, "example"), [PAIR], ["few_shot"], [20, 44])
    told = [(config.shots, config.task.normal) for config in configs if config.method == "few_shot"]
    assert told == [(20, "3"), (20, "8"), (44, "3")]
    assert {config.method for config in configs} == {"few_shot", *UNTOLD}


def test_a_curve_has_a_mean_and_student_s_interval_at_each_number_of_shots():
    curve = shots_curve(frame(60.0, 70.0)).set_index(["base", "shots"])
    row = curve.loc[("few_shot", 10.0)]
    assert row["mean"] == 70
    assert (row["low"], row["high"]) == tuple(map(float, t_interval(np.array([68.0, 69, 70, 71, 72]))))
    assert curve.loc["pooled_gaussian", "mean"].tolist() == [80.0]
    assert curve["n_classes"].tolist() == [5, 5, 5]


def test_under_five_classes_there_is_no_interval_and_a_collapsed_class_is_left_out():
    four = runs("few_shot", 60, 61, 62, 63, 99, told="shots").assign(shots=1, method="few_shot[shots=1]")
    four["collapsed"] = four["normal"] == "4"
    (row,) = shots_curve(four).to_dict("records")
    assert (row["mean"], row["n_classes"], row["n_collapsed"]) == (61.5, 4, 1)
    assert pd.isna(row["low"])


def test_two_variants_with_the_same_shots_are_refused():
    other = few(1, 60.0).assign(method="few_shot[shots=1,steps=7]")
    with pytest.raises(InputError, match="one variant of few_shot"):
        shots_curve(together(few(1, 60.0), other))


def test_sentences_say_from_how_many_shots_on_a_method_is_reached():
    against = shots_against(frame(60.0, 80.0, 85.0), "pooled_gaussian")
    assert against["difference"].tolist() == [-20.0, 0.0, 5.0]
    assert against["verdict"].tolist() == ["below", "undecided", "above"]
    (line,) = shots_reading(against)
    assert "few_shot reaches pooled_gaussian from 10 shots on (1 shots below, -20.0 points" in line
    (line,) = shots_reading(shots_against(frame(60.0, 70.0), "pooled_gaussian"))
    assert "few_shot never reaches pooled_gaussian" in line


def test_a_class_that_only_one_of_them_has_is_compared_nowhere():
    part = frame(60.0)
    part = part[~((part["base"] == "few_shot") & (part["normal"] == "4"))]
    (row,) = shots_against(part, "pooled_gaussian").to_dict("records")
    assert (row["n_classes"], row["verdict"]) == (4, "too few classes")
    assert shots_against(part[part["base"] == "few_shot"], "pooled_gaussian").empty


def test_a_mean_over_fewer_classes_is_no_part_of_the_line_and_says_so():
    whole = frame(60.0, 70.0, 90.0)
    few = whole[(whole["shots"] != 20) | whole["normal"].isin(sorted(whole["normal"].unique())[:2])]
    figure = plt.figure()
    (ax,) = shots_panels(shots_curve(few), figure).axes
    line, apart, _ = ax.get_lines()
    assert (line.get_xdata().tolist(), apart.get_xdata().tolist()) == ([1, 10], [20])
    assert [text.get_text() for text in ax.texts] == ["2 classes"]
    assert "70.0 (10 shots)" in shots_words(shots_curve(few), "pooled_gaussian")
    plt.close(figure)


def test_a_panel_has_a_line_a_few_shot_method_and_a_level_a_method_without_labels():
    figure = plt.figure()
    (ax,) = shots_panels(shots_curve(frame(60.0, 70.0)), figure).axes
    line, _, level = ax.get_lines()
    assert line.get_xydata().tolist() == [[1, 60], [10, 70]]
    assert set(level.get_ydata()) == {80.0}
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["1", "10"]
    plt.close(figure)
