"""The best control of each pair, the lead over it, the gap closed: by hand; what collapsed is named and rules nothing out."""

import numpy as np
import pandas as pd
import pytest
from made import result

from twofold.errors import InputError
from twofold.results.controls import best_controls, over_pairs
from twofold.results.statistics import as_frame, t_interval

CONTROLS = ["source_knn", "target_only"]
ME, ORACLE = "pooled_gaussian", "oracle"
# of each target: two controls, the method, its oracle
LEVELS = {"b": (70, 60, 75, 80), "c": (50, 90, 88, 95), "d": (99, 90, 99.2, 99.5)}


def frame(levels=LEVELS, n=6, collapsed=(), **fields):
    """Runs of seed 0; classes a point apart, the mean of a method as told; ``collapsed`` holds (method, target, class)."""
    rows = []
    for target, values in levels.items():
        for method, level in zip((*CONTROLS, ME, ORACLE), values, strict=True):
            for i in range(n):
                fell = (method, target, i) in collapsed
                auroc = 0.0 if fell else level + i - (n - 1) / 2
                rows.append(result(str(i), 0, auroc, method, fell, ("digits", "type", target), **fields))
    return as_frame(rows)


def test_the_best_control_is_that_of_the_highest_mean_pair_by_pair():
    table = best_controls(frame(), ME, CONTROLS, ORACLE)
    assert table["best_control"].tolist() == ["source_knn", "target_only", "source_knn"]
    assert table["gain"].tolist() == pytest.approx([5, -2, 0.2])
    assert table["gap"].tolist() == pytest.approx([10, 5, 0.5])
    assert table["verdict"].tolist() == ["above", "below", "above"]
    assert table["collapsed"].tolist() == [{}] * 3


def test_the_gap_closed_is_the_sum_of_gains_over_the_sum_of_gaps_that_matter():
    found = over_pairs(best_controls(frame(), ME, CONTROLS, ORACLE))
    assert found["closed"] == pytest.approx((5 - 2) / (10 + 5))  # pair d has a gap below one point
    assert found["left_out"] == [("digits", "type", "d")]
    assert (found["worst"], found["worst_pair"]) == (pytest.approx(-2), ("digits", "type", "c"))
    assert found["difference"] == pytest.approx((5 - 2 + 0.2) / 3)
    assert (found["verdict"], found["n_trials"], found["silent"]) == ("too few trials", 3, [])


def test_without_an_oracle_there_is_a_lead_but_no_gap():
    levels = {target: (70, 60, 75 + i, 80) for i, target in enumerate("bcdef")}
    found = over_pairs(best_controls(frame(levels), ME, CONTROLS))
    assert np.isnan(found["closed"])
    assert found["left_out"] == []
    assert (found["low"], found["high"]) == pytest.approx(t_interval(np.arange(5.0, 10)))
    assert found["verdict"] == "above"


def test_a_collapsed_run_costs_a_control_its_class_and_not_its_rank():
    table = best_controls(frame(collapsed=[("source_knn", "b", 0)]), ME, CONTROLS, ORACLE).set_index("target")
    assert table.loc["b", "best_control"] == "source_knn"  # a mean with the collapsed run would be 58.8
    assert table.loc["b", "gain"] == pytest.approx(5)
    assert (table.loc["b", "n_classes"], table.loc["c", "n_classes"]) == (5, 6)
    assert table.loc["b", "collapsed"] == {"source_knn": {"n_collapsed": 1, "n_runs": 6}}


def test_a_collapsed_method_is_judged_on_the_classes_left_to_it():
    table = best_controls(frame(collapsed=[(ME, "c", 5)]), ME, CONTROLS, ORACLE).set_index("target")
    assert (table.loc["c", "verdict"], table.loc["c", "n_classes"]) == ("below", 5)
    assert table.loc["c", "gain"] == pytest.approx(-2)
    assert table.loc["c", "control"] == pytest.approx(89.5)  # on the same classes


def test_a_control_that_collapsed_nearly_everywhere_is_named_and_not_waited_for():
    table = best_controls(frame(collapsed=[("source_knn", "b", i) for i in range(4)]), ME, CONTROLS, ORACLE)
    row = table.iloc[0]
    assert (row["best_control"], row["gain"], row["n_classes"]) == ("target_only", 15, 6)
    assert row["collapsed"] == {"source_knn": {"n_collapsed": 4, "n_runs": 6}}


def test_a_pair_in_which_nothing_is_left_has_no_part_and_is_named():
    gone = frame(collapsed=[(ME, "b", i) for i in range(6)])
    table = best_controls(gone, ME, CONTROLS, ORACLE)
    assert table.loc[0, "verdict"] == "collapsed"
    assert table.loc[0, ["best_control", "gain"]].isna().all()
    found = over_pairs(table)
    assert found["silent"] == [("digits", "type", "b")]
    assert found["closed"] == pytest.approx(-2 / 5)
    with pytest.raises(InputError, match="wanted a pair with a gain, got none"):
        over_pairs(table.iloc[:1])


def test_methods_are_compared_on_the_classes_and_seeds_that_all_have():
    runs = frame()
    lacks = runs["method"].eq("target_only") & runs["target"].eq("b") & runs["normal"].isin(["0", "1"])
    row = best_controls(runs[~lacks], ME, CONTROLS, ORACLE).iloc[0]
    assert (row["gain"], row["control"], row["n_classes"]) == (5, 71, 4)  # without the two lowest of six classes
    other = runs.assign(seed=runs["seed"].where(runs["method"] != "target_only", 1))
    with pytest.raises(InputError, match="wanted one class and seed of all methods on digits type b, got none"):
        best_controls(other, ME, CONTROLS, ORACLE)


def test_one_ratio_and_every_method_are_wanted():
    with pytest.raises(InputError, match="one anomaly_ratio"):
        best_controls(pd.concat([frame(), frame(anomaly_ratio=0.2)]), ME, CONTROLS, ORACLE)
    with pytest.raises(InputError, match="wanted runs of absent"):
        best_controls(frame(), "absent", CONTROLS, ORACLE)
