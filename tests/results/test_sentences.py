"""Sentences make claims: their words on runs whose truth is known."""

import json

import numpy as np
import pytest
from made import grid, result

from twofold.parts.gaussians import WEAK_CONTRAST
from twofold.results.sentences import (
    copies_words,
    fallen_words,
    fit_summary,
    interval_words,
    left_out_words,
    markdown_table,
    render,
    run_summary,
    shared_words,
    skipped_words,
    verdict_count,
    verdict_words,
    weak_words,
    with_spread,
)
from twofold.results.statistics import as_frame, class_means, collect


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
        ({"told": "shots"}, "told shots: 10 labelled target pictures, all normal", "oracle"),
        ({"auroc": None}, "AUROC none: the scores are not finite", "taken for normal"),
        ({"notes": {"contrast": WEAK_CONTRAST - 0.05}}, "WEAK", "COLLAPSED"),
    ],
)
def test_a_run_says_what_limits_its_number(fields, words, absent):
    told = run_summary(result(**fields))
    assert words in told
    assert absent not in told
    assert words not in run_summary(result(notes={"contrast": WEAK_CONTRAST}))


SCORES, P, IDS = np.array([0.5, 9.0, -1.0, 9.0, 3.0]), np.array([0.5, 0.1, 1.0, 0.1, 0.4]), ["a", "b", "c", "\x1b[31md", "e"]


def test_a_fitted_detector_lists_what_is_above_its_line_and_no_more_than_asked_for():
    told = fit_summary(SCORES, P, IDS, 7, 2.0, "At most so many.", "together none", ["WEAK: look", "contrast"], shown=2)
    assert told.splitlines() == [
        "7 source pictures, 5 target pictures",
        "WEAK: look",
        "contrast",
        "line at 2: At most so many.",
        "3 of the target's pictures are above the line, the highest first:",
        "     9.00  p 0.1    b",
        "     9.00  p 0.1    '\\x1b[31md'",
        "together none",
    ]


def test_where_no_line_is_there_the_reason_stands_in_its_place():
    told = fit_summary(SCORES, P, IDS, 7, np.inf, "No line can be drawn.", "together none", ["contrast"])
    assert told.splitlines()[1:] == ["contrast", "No line can be drawn.", "the highest:", "     9.00  p 0.1    b"]


def test_where_nothing_is_above_the_line_it_says_that_none_stands_out():
    told = fit_summary(SCORES, P, IDS, 7, 9.0, "At most so many.", "together none", [])
    assert "none stands out: no picture of the target is above the line" in told
    assert told.endswith("     9.00  p 0.1    b")


def test_skipped_pictures_are_all_named_and_lists_without_end_are_cut():
    skipped = {f"{number}\n.png": "truncated" for number in range(40)}
    assert len(skipped_words("new", skipped, 90)) == 41
    assert skipped_words("new", {}, 90) == []
    assert not any("\n" in line for line in skipped_words("n\new", skipped, 90))
    (line,) = left_out_words("new", {".heic": [f"{number}.heic" for number in range(12)], "\x1b]": ["=1.\x1b]"]})
    assert line.endswith("9.heic and 2 more), 1 '\\x1b]' ('=1.\\x1b]')")
    assert left_out_words("new", {}) == []


def test_copies_are_named_with_what_follows():
    (line,) = copies_words("target", [["a", "b"], ["c", "d", "e"]], 40)
    assert line == "3 of 40 target pictures left out as copies (a = b, c = d = e): each picture counts once"
    (line,) = shared_words(["f"], 40)
    assert line.startswith("of the target's 40 pictures 1 stand among the source's too (f): what the source holds")
    assert copies_words("target", [], 40) == shared_words([], 40) == []


def test_weak_words_name_both_numbers():
    assert f"contrast 0.12, below {WEAK_CONTRAST}" in weak_words(0.12)


def test_spreads_are_named_and_one_class_has_none():
    (row,) = collect(grid({"0": [70, 74], "1": [90, 94]})).to_dict("records")
    assert with_spread(row) == "82.0 (classes 10.0, seeds 2.8)"
    assert with_spread(collect(grid({"0": [70]})).iloc[0]) == "70.0 (one class)"
    assert with_spread(collect([result(collapsed=True), result("1")]).iloc[0]) == "1/2 collapsed; of the rest 80.0"
    assert with_spread(collect([result(collapsed=True)]).iloc[0]) == "1/1 collapsed"


def test_interval_words_have_no_interval_where_there_is_none():
    assert "[" not in interval_words({"verdict": "too few classes", "difference": 1.0, "n_above": 1, "n_classes": 1})
    assert interval_words({"verdict": "collapsed"}) == "no class is left"
    few = {"verdict": "too few trials", "difference": 1.0, "n_above": 1, "n_trials": 3, "n_classes": 20}
    assert interval_words(few) == "+1.0 points (above on 1 of 3 trials)"
    declared = {"verdict": "one class", "difference": 1.0, "low": None}
    assert interval_words(declared) == "+1.0 points"
    assert interval_words({**declared, "low": -1.0, "high": 3.0}) == "+1.0 points [-1.0, +3.0] over pictures"


def test_a_verdict_names_what_collapsed_before_it_speaks_of_the_rest():
    one, every = ({"twofold": {"n_collapsed": k, "n_runs": 30}} for k in (1, 30))
    found = {"verdict": "below", "difference": -2.1, "low": -3.2, "high": -1.0, "collapsed": {}}
    assert verdict_words(found) == "below, -2.1 points [-3.2, -1.0]"
    assert verdict_words({**found, "collapsed": one}, "reversed").startswith(
        "twofold 1/30 collapsed; of the rest reversed, -2.1"
    )
    assert verdict_words({"verdict": "collapsed", "collapsed": every}) == "twofold 30/30 collapsed; no class is left"
    both = one | {"density": {"n_collapsed": 2, "n_runs": 30}}
    assert fallen_words(both) == "twofold 1/30 collapsed, density 2/30 collapsed"


def test_verdicts_are_counted_where_an_interval_stands_behind_them():
    said = verdict_count(["above", "holds", "undecided", "reversed", "below", "collapsed", "too few trials", "one class"])
    assert said == "5 verdicts; by chance about one of 20 would exclude zero, of these 0.2"
    assert verdict_count(["above"] * 24).endswith("of these 1.2")
    assert verdict_count(["above"]).startswith("1 verdict;")
    assert verdict_count(["too few classes"]) == ""


def test_aggregates_come_in_four_styles():
    collected = collect([*grid({"0": [70], "1": [90]}), result(method="density", collapsed=True)])
    rows = {row["method"]: row for row in json.loads(render(collected, "json"))}
    assert (rows["twofold"]["mean"], rows["twofold"]["std_seeds"]) == (80.0, None)
    assert (rows["density"]["mean"], rows["density"]["n_collapsed"]) == (None, 1)
    assert "rest" not in rows["density"]
    assert render(collected, "csv").splitlines()[0].startswith("method,mean,std_classes")
    assert render(collected, "csv").splitlines()[0].endswith(",n_collapsed")
    for style in ("table", "markdown"):
        assert "80.0 (classes 10.0)" in render(collected, style)
        assert "1/1 collapsed" in render(collected, style)
    assert render(collect([]), "table") == "no finished runs"
    assert render(collect([]), "json") == "[]"


def test_a_markdown_table_has_a_head_a_rule_and_a_line_a_row():
    lines = markdown_table(class_means(as_frame([result()]))[["method", "mean"]]).splitlines()
    assert lines == ["| method | mean |", "|---|---|", "| twofold | 80.0 |"]
