"""Means, spreads and verdicts on results made by hand."""

import numpy as np
import pandas as pd
import pytest

from twofold.results.statistics import above, as_frame, collect
from twofold.runs.config import configure
from twofold.runs.presets import RECIPE_VERSION
from twofold.runs.run import _empty, failed


def result(normal="0", seed=0, auroc=80.0, method="twofold", collapsed=False, pair=("type", "optdigits"), **overrides):
    config = configure("digits", *pair, normal, method=method, seed=seed, **overrides)
    return {**_empty(config), "auroc": auroc, "collapsed": collapsed}


def grid(values, **shared):
    """One result a cell of {class: [auroc of seed 0, of seed 1, ...]}."""
    return [result(n, seed, v, **shared) for n, row in values.items() for seed, v in enumerate(row)]


def test_spreads_over_classes_and_seeds_have_their_hand_derived_values():
    row = collect(grid({"0": [70, 74], "1": [90, 86]})).iloc[0]
    assert row["mean"] == 80
    assert row["std_classes"] == 8  # class means 72 and 88, ddof 0
    assert row["std_seeds"] == 0  # both seeds have mean 80
    row = collect(grid({"0": [70, 80, 90], "1": [70, 80, 90]})).iloc[0]
    assert (row["mean"], row["std_classes"]) == (80, 0)
    assert row["std_seeds"] == pytest.approx(10)  # ddof 1; ddof 0 would be 8.16
    assert (row["n_classes"], row["n_seeds"], row["n_runs"], row["n_collapsed"]) == (2, 3, 6, 0)


def test_classes_weigh_equally_however_many_seeds_each_has():
    row = collect(grid({"0": [60, 60, 60], "1": [90]})).iloc[0]
    assert row["mean"] == 75
    assert row["std_classes"] == 15


def test_one_seed_has_no_spread_over_seeds():
    row = collect(grid({"0": [70], "1": [90]})).iloc[0]
    assert row["std_seeds"] is None
    assert row["std_classes"] == 10


def test_a_group_with_a_collapsed_run_has_a_count_in_place_of_a_mean():
    rows = collect([*grid({"0": [70, 70]}), result("1", 0, 99, collapsed=True), *grid({"0": [60]}, method="density")])
    broken, sound = rows.set_index("method").loc["twofold"], rows.set_index("method").loc["density"]
    assert broken[["mean", "std_classes", "std_seeds"]].tolist() == [None, None, None]
    assert (broken["n_collapsed"], broken["n_runs"]) == (1, 3)
    assert (sound["mean"], sound["n_collapsed"]) == (60, 0)


def test_failed_runs_are_left_out():
    config = configure("digits", "type", "optdigits", "9")
    rows = collect([*grid({"0": [70]}), failed(config, ValueError("broken"))])
    assert rows["n_runs"].tolist() == [1]
    assert collect([failed(config, ValueError("broken"))]).empty
    assert "auroc" in as_frame([failed(config, ValueError("broken"))]).columns


def test_methods_with_other_settings_are_other_rows():
    rows = collect([*grid({"0": [70]}), *grid({"0": [60]}, selection="gmm")])
    assert dict(zip(rows["method"], rows["mean"], strict=True)) == {"twofold": 70, "twofold[selection=gmm]": 60}


@pytest.mark.parametrize(
    ("shared", "field"),
    [
        ({"pair": ("mnist", "optdigits")}, "source"),
        ({"pair": ("type", "mnist")}, "target"),
        ({"anomaly_ratio": 0.5}, "anomaly_ratio"),
        ({"preset": "paper"}, "preset"),
        ({"anomaly_classes": "7"}, "anomaly_classes"),
        ({"transductive": True}, "transductive"),
        ({"paired": True}, "paired"),
    ],
)
def test_what_differs_in_the_task_is_never_averaged_together(shared, field):
    rows = collect([*grid({"0": [70]}), *grid({"0": [90]}, **shared)])
    assert sorted(rows["mean"]) == [70, 90]
    assert field in rows.columns
    assert rows[field].nunique(dropna=False) == 2


def test_rows_may_be_made_by_further_fields():
    rows = collect(grid({"0": [70], "1": [90]}), by=("method", "normal"))
    assert dict(zip(rows["normal"], rows["mean"], strict=True)) == {"0": 70, "1": 90}


def test_runs_of_an_older_recipe_show_as_stale_beside_those_of_this_one():
    old = result("0", 0, 50)
    old["versions"] = {**old["versions"], "recipe": RECIPE_VERSION - 1}
    rows = collect([old, result("0", 0, 80)])
    assert dict(zip(rows["method"], rows["mean"], strict=True)) == {"twofold (stale)": 50, "twofold": 80}


def test_the_table_has_a_row_a_run_with_its_selection_and_times():
    one = result("4", 2, 71)
    one["dominant"] = {"size": 9, "purity": 0.9, "recall": 0.5, "accuracy": 0.6}
    one["seconds"] = {"total": 3.0, "encode": 1.0, "train": 2.0, "score": 0.0}
    row = as_frame([one]).iloc[0]
    assert (row["normal"], row["seed"], row["auroc"], row["purity"], row["recall"]) == ("4", 2, 71, 0.9, 0.5)
    assert (row["train_seconds"], row["total_seconds"], row["preset"]) == (2.0, 3.0, "embedded")


CLASSES = "0123456789"


def versus(gains, pair=("type", "optdigits"), seeds=2):
    """A method above its control by a gain a class, equal in all seeds but for noise that averages out."""
    noise = [1, -1] * (seeds // 2)
    control = grid({c: [70.0 + n for n in noise] for c in CLASSES}, method="source_only", pair=pair)
    method = grid({c: [70 + g + n for n in noise] for c, g in zip(CLASSES, gains, strict=True)}, pair=pair)
    return control + method


@pytest.mark.parametrize(
    ("gains", "verdict"),
    [
        ([5.0] * 10, "above"),
        ([1, 2, 3, 4, 5, 6, 7, 8, 9, 10], "above"),
        ([-3.0] * 9 + [1.0], "below"),
        ([0.0] * 10, "undecided"),
        ([4, -4] * 5, "undecided"),
        ([20] + [-1] * 9, "undecided"),  # one class does not make a method better
    ],
)
def test_a_method_is_above_another_where_the_interval_over_classes_excludes_zero(gains, verdict):
    found = above(as_frame(versus(gains)), "twofold", "source_only", n_boot=2000)
    assert found["verdict"] == verdict
    assert found["difference"] == pytest.approx(np.mean(gains))
    assert found["low"] <= found["difference"] <= found["high"]


def test_swapping_method_and_control_turns_the_verdict_round():
    frame = as_frame(versus(list(range(1, 11))))
    one, other = above(frame, "twofold", "source_only", 2000), above(frame, "source_only", "twofold", 2000)
    assert (one["verdict"], other["verdict"]) == ("above", "below")
    assert other["difference"] == -one["difference"]


def test_the_interval_is_that_of_a_bootstrap_over_classes():
    gains = np.arange(1.0, 11.0)
    found = above(as_frame(versus(gains)), "twofold", "source_only")
    error = gains.std() / np.sqrt(10)  # normal approximation of the bootstrap's spread
    assert found["low"] == pytest.approx(5.5 - 1.96 * error, abs=0.15)
    assert found["high"] == pytest.approx(5.5 + 1.96 * error, abs=0.15)


def test_more_seeds_of_one_run_do_not_make_the_interval_narrower():
    few, many = (above(as_frame(versus(range(10), seeds=s)), "twofold", "source_only", 2000) for s in (2, 8))
    assert many["high"] - many["low"] == pytest.approx(few["high"] - few["low"])


def test_pairs_are_drawn_before_classes():
    # drawn as 20 classes alone, the interval would be about 3 +- 0.9
    frame = as_frame(versus([5.0] * 10) + versus([1.0] * 10, pair=("mnist", "optdigits")))
    found = above(frame, "twofold", "source_only", 2000)
    assert (found["difference"], found["verdict"]) == (3, "above")
    assert (found["low"], found["high"]) == (1, 5)  # a quarter of the draws takes one pair twice


def test_classes_that_one_method_lacks_are_left_out():
    frame = as_frame([*versus([2.0] * 10), result("9", 0, 0.0, method="density")])
    assert above(frame, "twofold", "source_only", 500)["difference"] == 2
    assert above(frame, "twofold", "density", 500)["difference"] == 73  # seed 0 alone has both


def test_methods_that_share_no_class_are_named():
    frame = as_frame([result("0"), result("1", method="density")])
    with pytest.raises(ValueError, match="must hold 'twofold' and 'density' on the same classes, got none; run both"):
        above(frame, "twofold", "density")


def test_a_verdict_is_repeatable():
    frame = as_frame(versus([4, -4] * 5))
    assert above(frame, "twofold", "source_only", 500) == above(frame, "twofold", "source_only", 500)


def test_a_collapsed_run_has_no_verdict_on_who_is_above():
    results = versus([5.0] * 10)
    results[0] = {**results[0], "collapsed": True}
    found = above(as_frame(results), "twofold", "source_only", 500)
    assert found == {"difference": None, "low": None, "high": None, "verdict": "collapsed"}


def test_several_anomaly_ratios_are_never_mixed_in_a_verdict():
    results = versus([5.0] * 10)
    results[0] = {**results[0], "anomaly_ratio": 0.3}
    with pytest.raises(ValueError, match="must hold one anomaly_ratio"):
        above(as_frame(results), "twofold", "source_only", 500)


def test_the_gap_closed_is_the_sum_of_gains_over_the_sum_of_gaps_that_matter():
    from twofold.results.statistics import PROTOCOL, gap_closed

    rows = []
    for target, scores in {"b": (70, 60, 75, 80), "c": (50, 90, 88, 95), "d": (99, 90, 99.2, 99.5)}.items():
        for method, auroc in zip(("one", "two", "mine", "oracle"), scores, strict=True):
            rows += [
                {"dataset": "x", "source": "a", "target": target, "normal": n, "method": method, "auroc": auroc} for n in "pq"
            ]
    for row in rows:
        row |= {"collapsed": False, "anomaly_ratio": 0.1, **dict.fromkeys(PROTOCOL)}
    table, whole = gap_closed(pd.DataFrame(rows), "mine", ["one", "two"], "oracle")
    assert table["best_control"].tolist() == ["one", "two", "one"]
    assert whole["closed"] == pytest.approx((5 - 2) / (10 + 5))  # pair d has a gap below one point
    assert whole["worst_gain"] == -2
    assert whole["mean_gain"] == pytest.approx((5 - 2 + 0.2) / 3)
    rows[0]["collapsed"] = True  # "one" has no mean in pair b any more
    table, _ = gap_closed(pd.DataFrame(rows), "mine", ["one", "two"], "oracle")
    assert table["best_control"].tolist() == ["two", "two", "one"]
    table, whole = gap_closed(pd.DataFrame(rows), "mine", ["one"], "oracle")  # then pair b has no control at all
    assert table["best_control"].isna().tolist() == [True, False, False]
    assert whole["closed"] == pytest.approx((88 - 50) / (95 - 50))
    with pytest.raises(ValueError, match="one anomaly_ratio"):
        gap_closed(pd.DataFrame([*rows, {**rows[1], "anomaly_ratio": 0.2}]), "mine", ["one"], "oracle")
    with pytest.raises(ValueError, match="frame must hold absent"):
        gap_closed(pd.DataFrame(rows), "absent", ["one"], "oracle")
