"""Sentences make claims: their words on runs whose truth is known."""

import json

import numpy as np
import pytest
from made import classes, grid, result

from twofold.errors import InputError
from twofold.parts.gaussians import WEAK_CONTRAST
from twofold.results.sentences import (
    comparison,
    curse_headline,
    curse_reading,
    fit_summary,
    interval_words,
    markdown_table,
    render,
    run_summary,
    selection_reading,
    weak_words,
    with_spread,
)
from twofold.results.statistics import as_frame, class_means, collect

FIVE = (78.0, 79.0, 80.0, 81.0, 82.0)


def around(level, **shared):
    """Five classes with this mean."""
    return classes(*(value - 80 + level for value in FIVE), **shared)


def swept(collapsed=None, n=5):
    """Three methods at 10 and 50 %; ``collapsed`` names one of which class 4 collapsed at 50 %."""
    runs = around(60, method="source_only") + around(90, method="in_domain", told="labels")
    for method, ends in {"twofold": (80, 70), "density": (85, 75), "oracle": (95, 95)}.items():
        told = "labels" if method == "oracle" else ""
        for ratio, level in zip((0.1, 0.5), ends, strict=True):
            runs += around(level, method=method, anomaly_ratio=ratio, told=told)
            if method == collapsed and ratio == 0.5:
                runs[-1] = {**runs[-1], "collapsed": True}
    return as_frame([run for run in runs if int(run["normal"]) < n])


def test_a_run_is_told_in_three_lines():
    told = run_summary(result("3", 1, 71.26, size=9, purity=0.75, recall=0.5, accuracy=0.6))
    assert told.splitlines() == [
        "twofold on digits type->optdigits, normal 3, seed 1, 10% anomalies",
        "  AUROC 71.3   AP (10 % anomalies) 60.0   FPR at 95 % TPR 40.0",
        "  taken for normal: 9 pictures, purity 0.75, recall 0.50 (labels used for this line alone)",
    ]


@pytest.mark.parametrize(
    ("fields", "words", "absent"),
    [
        ({"collapsed": True}, "COLLAPSED", "oracle"),
        ({"told": "labels"}, "oracle: target labels steered this run", "COLLAPSED"),
        ({"told": "shots"}, "told shots", "oracle"),
        ({"auroc": None}, "AUROC none: the scores are not finite", "taken for normal"),
        ({"notes": {"contrast": WEAK_CONTRAST - 0.05}}, "WEAK", "COLLAPSED"),
    ],
)
def test_a_run_says_what_limits_its_number(fields, words, absent):
    told = run_summary(result(**fields))
    assert words in told
    assert absent not in told
    assert words not in run_summary(result(notes={"contrast": WEAK_CONTRAST}))


def test_a_fitted_detector_lists_the_most_anomalous_and_what_it_kept():
    scores, ids = np.array([0.5, 9.0, -1.0, 9.0]), ["a", "b", "c", "d"]
    kept = np.array([True, False, True, False])
    told = fit_summary(scores, ids, 7, kept, contrast=WEAK_CONTRAST + 0.1, shown=2).splitlines()
    assert told[0] == "7 source pictures, 4 target pictures, 2 of them taken for normal"
    assert told[1].startswith(f"contrast {WEAK_CONTRAST + 0.1:.2f}")
    assert told[-2:] == ["     9.00  b", "     9.00  d"]
    assert not any("WEAK" in line for line in told)
    weak = fit_summary(scores, ids, 7, kept, contrast=0.1)
    assert weak_words(0.1) in weak
    assert len(weak.splitlines()) == 8


def test_a_detector_that_keeps_and_measures_nothing_says_nothing_of_it():
    told = fit_summary(np.arange(3.0), list("abc"), 7, shown=1).splitlines()
    assert told[0] == "7 source pictures, 3 target pictures"
    assert told[-1] == "     2.00  c"
    assert len(told) == 3


def test_weak_words_name_both_numbers():
    assert f"contrast 0.12, below {WEAK_CONTRAST}" in weak_words(0.12)


def test_spreads_are_named_and_one_class_has_none():
    (row,) = collect(grid({"0": [70, 74], "1": [90, 94]})).to_dict("records")
    assert with_spread(row) == "82.0 (classes 10.0, seeds 2.8)"
    assert with_spread(collect(grid({"0": [70]})).iloc[0]) == "70.0 (one class)"
    assert with_spread(collect([result(collapsed=True), result("1")]).iloc[0]) == "1/2 collapsed"


@pytest.mark.parametrize(
    ("ours", "words"),
    [
        (around(90, method="density"), "density is above twofold: +10.0 points [+10.0, +10.0]"),
        (around(70, method="density"), "density is below twofold: -10.0 points [-10.0, -10.0]"),
        (around(80, method="density"), "density is undecided against twofold: +0.0 points [+0.0, +0.0]"),
        (
            classes(90, 60, method="density"),
            "density against twofold has too few classes for a verdict: -3.5 points (above on 1 of 2 classes)",
        ),
        (
            around(99, method="density", collapsed=True),
            "density and twofold cannot be compared: no difference, a run collapsed",
        ),
    ],
)
def test_a_comparison_says_above_only_where_the_interval_does(ours, words):
    assert comparison(as_frame(around(80) + ours), "density", "twofold") == words


def test_interval_words_have_no_interval_where_there_is_none():
    assert "[" not in interval_words({"verdict": "too few classes", "difference": 1.0, "n_above": 1, "n_classes": 1})
    assert interval_words({"verdict": "collapsed"}) == "no difference, a run collapsed"


def test_the_headline_names_the_highest_of_those_that_use_no_label():
    told = curse_headline(swept())
    assert told == "density is highest: 80 % AUROC on average, +20 points to source_only"  # oracle's 95 is not asked


def test_the_headline_lets_nobody_win_because_another_collapsed():
    told = curse_headline(swept(collapsed="density"))
    assert told == "twofold is highest of those that never collapse: 75 % AUROC on average, +15 points to source_only"


def test_the_headline_compares_nothing_with_what_collapsed_or_was_not_run():
    frame = swept()
    fallen = frame.assign(collapsed=frame["method"] == "source_only")
    assert curse_headline(fallen).startswith("No winner")
    assert curse_headline(frame.assign(collapsed=~frame["method"].eq("source_only"))).startswith("No winner")
    with pytest.raises(InputError, match=r"wanted runs of source_only, got .*twofold"):
        curse_headline(frame[frame["method"] != "source_only"])


def test_a_method_that_was_not_run_at_every_ratio_is_not_the_highest():
    frame = swept()
    frame = frame[(frame["method"] != "density") | (frame["anomaly_ratio"] == 0.1)]
    assert curse_headline(frame).startswith("twofold is highest: 75 %")


def test_few_classes_are_said_in_headline_and_reading():
    frame = swept(n=4)
    assert curse_headline(frame).startswith("Too few classes (4) for a verdict: density is highest")
    assert curse_reading(frame)[-1] == "Too few classes (4) for a verdict on any of this."
    assert not any("Too few" in line for line in curse_reading(swept()))


def test_the_reading_tells_cost_decline_and_distance():
    assert sorted(curse_reading(swept())) == sorted(
        [
            "The shift costs 30.0 points: 90.0 trained on the target, 60.0 on the source.",
            "twofold: 80.0 at 10% anomalies, 70.0 at 50% (-10.0); there 10.0 points above source_only.",
            "density: 85.0 at 10% anomalies, 75.0 at 50% (-10.0); there 15.0 points above source_only.",
            "oracle: 95.0 at 10% anomalies, 95.0 at 50% (+0.0); there 35.0 points above source_only.",
        ]
    )


def test_the_reading_names_what_collapsed_and_reads_the_rest():
    lines = {line.split(":")[0]: line for line in curse_reading(swept(collapsed="twofold"))}
    rest = "of the rest 80.0 at 10% anomalies, 69.5 at 50% (-10.5)"  # 68 to 71, without 72
    assert lines["twofold"] == f"twofold: 1/10 collapsed, so it has no mean; {rest}."
    frame = swept()
    gone = frame.assign(collapsed=frame["method"].eq("twofold") & frame["anomaly_ratio"].eq(0.5))
    lines = {line.split(":")[0]: line for line in curse_reading(gone)}
    assert lines["twofold"] == "twofold: 5/10 collapsed, so it has no mean; at an end of the curve none is left."


def test_the_reading_says_below_where_it_is_below():
    frame = as_frame(around(60, method="source_only") + around(50) + around(40, anomaly_ratio=0.5))
    assert curse_reading(frame) == ["twofold: 50.0 at 10% anomalies, 40.0 at 50% (-10.0); there 20.0 points below source_only."]


def test_the_reading_gives_no_distance_to_a_collapsed_source():
    frame = swept()
    lines = curse_reading(frame.assign(collapsed=frame["method"].eq("source_only")))
    assert not any("source_only" in line or "shift costs" in line for line in lines)
    assert "twofold: 80.0 at 10% anomalies, 70.0 at 50% (-10.0)." in lines


def test_the_selection_is_read_at_both_ends():
    runs = [
        result(str(i), 0, purity=p + 0.02 * i, recall=r, accuracy=0.5, anomaly_ratio=ratio)
        for ratio, p, r in ((0.5, 0.58, 0.4), (0.1, 0.88, 0.6))
        for i in range(3)
    ]
    runs += [result(purity=1.0, recall=1.0, accuracy=1.0, method="oracle", told="labels"), result(method="source_only")]
    (line,) = selection_reading(as_frame(runs))
    assert line.startswith("twofold: of what it took for normal 90% was normal at 10% anomalies and 60% at 50%; ")
    assert line.endswith("it found 60% and 40% of the normals.")


def test_aggregates_come_in_four_styles():
    collected = collect([*grid({"0": [70], "1": [90]}), result(method="density", collapsed=True)])
    rows = {row["method"]: row for row in json.loads(render(collected, "json"))}
    assert (rows["twofold"]["mean"], rows["twofold"]["std_seeds"]) == (80.0, None)
    assert (rows["density"]["mean"], rows["density"]["n_collapsed"]) == (None, 1)
    assert render(collected, "csv").splitlines()[0].startswith("method,mean,std_classes")
    for style in ("table", "markdown"):
        assert "80.0 (classes 10.0)" in render(collected, style)
        assert "1/1 collapsed" in render(collected, style)
    assert render(collect([]), "table") == "no finished runs"
    assert render(collect([]), "json") == "[]"


def test_a_markdown_table_has_a_head_a_rule_and_a_line_a_row():
    lines = markdown_table(class_means(as_frame([result()]))[["method", "mean"]]).splitlines()
    assert lines == ["| method | mean |", "|---|---|", "| twofold | 80.0 |"]
