"""Means, spreads and verdicts on results made by hand."""

import numpy as np
import pandas as pd
import pytest
from made import grid, result

from twofold.errors import InputError
from twofold.methods import METHODS
from twofold.plots.style import Look, unknown_look
from twofold.results import statistics
from twofold.results.statistics import (
    PAIR,
    above,
    as_frame,
    by_class,
    class_means,
    collect,
    look_of,
    one_of_each,
    over_trials,
    selection_means,
    t_interval,
    whole_classes,
)
from twofold.runs.metrics import auroc
from twofold.runs.presets import RECIPE_VERSION

CLASSES = "0123456789"


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


def test_the_keys_of_an_aggregate_are_those_of_the_contract():
    named = ["method", "mean", "std_classes", "std_seeds", "n_classes", "n_seeds", "n_runs", "n_collapsed"]
    assert collect(grid({"0": [70]})).columns.tolist() == [*named, "rest"]  # that is for words alone


def test_what_collapsed_is_told_with_the_mean_of_the_rest_and_the_classes_that_stand():
    frame = as_frame([*grid({"0": [70, 72], "1": [90, 90]}), result("2", 0, 50, collapsed=True), result("2", 1, 60)])
    (row,) = class_means(frame).to_dict("records")
    assert np.isnan(row["mean"])
    assert np.isnan(row["std_classes"])
    assert row["rest"] == pytest.approx((71 + 90) / 2)  # one seed of a class is no class
    assert row["classes"] == pytest.approx({"0": 71, "1": 90, "2": np.nan}, nan_ok=True)
    assert by_class(class_means(frame))["twofold"].isna().tolist() == [False, False, True]


def test_a_selection_is_judged_whether_training_collapsed_or_not():
    frame = as_frame([result("0", purity=0.9, recall=0.4, accuracy=0.5), result("1", purity=0.7, recall=0.6, collapsed=True)])
    tables = selection_means(pd.concat([frame, as_frame([result(method="source_only")])]))
    assert [len(table) for table in tables.values()] == [1, 1, 1, 1]  # source_only selected nothing
    assert np.isnan(tables["auroc"]["mean"][0])
    assert (tables["purity"]["mean"][0], tables["recall"]["mean"][0]) == (pytest.approx(0.8), pytest.approx(0.5))
    assert tables["purity"]["classes"][0] == {"0": 0.9, "1": 0.7}


def test_methods_stand_in_the_order_asked_for_and_what_was_not_run_is_left_out():
    frame = as_frame([*grid({"0": [70]}), *grid({"0": [60]}, method="density"), *grid({"0": [50]}, method="source_only")])
    assert class_means(frame, methods=["density", "oracle", "source_only"])["method"].tolist() == ["density", "source_only"]
    assert class_means(frame, methods=["oracle"]).empty
    assert "mean" in class_means(frame, methods=["oracle"])


def test_a_group_keeps_what_all_its_runs_share():
    frame = as_frame([*grid({"0": [70]}), *grid({"1": [70]}, anomaly_ratio=0.3)])
    rows = class_means(frame, ["normal"]).to_dict("records")
    assert [row["anomaly_ratio"] for row in rows] == [0.1, 0.3]
    assert {row["base"] for row in rows} == {"twofold"}
    assert {row["words"] for row in rows} == set(frame["words"])


@pytest.mark.parametrize(
    ("shared", "field"),
    [
        ({"pair": ("emoji", "type", "optdigits")}, "dataset"),
        ({"pair": ("digits", "mnist", "optdigits")}, "source"),
        ({"pair": ("digits", "type", "mnist")}, "target"),
        ({"anomaly_ratio": 0.5}, "anomaly_ratio"),
        ({"preset": "paper"}, "preset"),
        ({"anomaly_classes": "7"}, "anomaly_classes"),
        ({"transductive": True}, "transductive"),
        ({"paired": True}, "paired"),
    ],
)
def test_what_differs_in_the_task_is_never_averaged_together(shared, field):
    results = [*grid({"0": [70]}), *grid({"0": [90]}, **shared)]
    rows = collect(results)
    assert sorted(rows["mean"]) == [70, 90]
    assert rows[field].nunique(dropna=False) == 2
    with pytest.raises(InputError, match=f"wanted runs of one {field}"):
        class_means(as_frame(results))
    assert len(class_means(as_frame(results), ["method", field])) == 2


def test_methods_are_not_averaged_over_another_field():
    frame = as_frame([*grid({"0": [70]}), *grid({"0": [90]}, method="density")])
    with pytest.raises(InputError, match="wanted runs of one method"):
        class_means(frame, ["seed"])


def test_one_of_each_looks_into_groups():
    frame = pd.DataFrame({"target": ["a", "b"], "normal": ["x", "y"]})
    one_of_each(frame, PAIR, by=["normal"])
    with pytest.raises(InputError, match="one target"):
        one_of_each(frame, PAIR)


def test_failed_runs_are_left_out():
    broken = {**result("9", auroc=None), "error": "ValueError: broken"}
    assert collect([*grid({"0": [70]}), broken])["n_runs"].tolist() == [1]
    assert collect([broken]).empty
    assert {"auroc", "base", "changed", "told", "words", "color", "marker"} <= set(as_frame([broken]).columns)


def test_a_run_without_a_score_is_a_collapsed_one_and_silences_no_other_column():
    frame = as_frame([result("0", auroc=None, collapsed=True)])
    assert np.isnan(frame["auroc"][0])
    assert np.isnan(class_means(frame)["mean"][0])


def test_methods_with_other_settings_are_other_rows_of_the_same_base():
    results = [*grid({"0": [70]}), *grid({"0": [60]}, selection="gmm"), *grid({"0": [50]}, learning_rate=0.1)]
    rows = collect(results)
    names = {"twofold": 70, "twofold[selection=gmm]": 60, "twofold[learning_rate=0.1]": 50}
    assert dict(zip(rows["method"], rows["mean"], strict=True)) == names
    frame = as_frame(results)
    assert set(frame["base"]) == {"twofold"}
    assert set(frame["changed"]) == {"", "selection=gmm", "learning_rate=0.1"}


def test_any_field_of_the_configuration_is_a_column_on_request():
    results = [result("0"), result("0", method="density", learning_rate=0.5)]
    del results[0]["config"]["settings"]["n_clusters"]
    frame = as_frame(results, fields=("learning_rate", "n_clusters", "encoder"))
    assert dict(zip(frame["base"], frame["learning_rate"], strict=True)) == {"twofold": 0.01, "density": 0.5}
    assert frame.set_index("base")["n_clusters"].isna().to_dict() == {"twofold": True, "density": False}
    assert set(frame["encoder"]) == {"tf_efficientnet_lite2"}
    with pytest.raises(InputError, match=r"got 'n_cluster'; choose among: .*n_clusters"):
        as_frame(results, fields=("n_cluster",))


def test_what_a_method_notes_is_a_column_but_hides_no_field():
    frame = as_frame([result("0", notes={"contrast": 0.2, "auroc": 1.0}), result("1")])
    assert frame["contrast"].tolist()[0] == 0.2
    assert frame["contrast"].isna().tolist() == [False, True]
    assert frame["auroc"].tolist() == [80, 80]


def test_what_was_told_stands_beside_the_method():
    frame = as_frame([result(method="in_domain", told="labels"), result(method="zero_shot")])
    told = frame.set_index("base")[["method", "told", "oracle"]]
    assert told.loc["in_domain"].tolist() == ["in_domain (oracle)", "labels", True]
    assert told.loc["zero_shot"].tolist() == ["zero_shot", "", False]


def test_a_method_that_nobody_knows_has_a_look():
    look = look_of("a method of tomorrow")
    assert isinstance(look, Look)
    row = as_frame([result(method="a method of tomorrow")]).iloc[0]
    assert (row["words"], row["color"], row["marker"]) == (look.words, look.color, look.marker)
    assert look.words == "a method of tomorrow"


def test_a_look_is_that_of_the_method_s_class(monkeypatch):
    class Made:
        looks = {"made": Look("as made", "#123456", "o")}  # noqa: RUF012

    methods = {"made": (Made, {}), "made_too": (Made, {})}
    monkeypatch.setattr(statistics, "METHODS", methods)
    assert look_of("made") == Made.looks["made"]
    assert look_of("made_too").words == "made_too"  # its class has no look for it
    frame = as_frame([result(method="made_too"), result(method="unlisted"), result(method="made")])
    assert frame["method"].tolist() == ["made", "made_too", "unlisted"]


def test_rows_may_be_made_by_further_fields():
    rows = collect(grid({"0": [70], "1": [90]}), by=("method", "normal"))
    assert dict(zip(rows["normal"], rows["mean"], strict=True)) == {"0": 70, "1": 90}


def test_runs_of_an_older_recipe_show_as_stale_beside_those_of_this_one():
    old = {**result("0", 0, 50), "versions": {"recipe": RECIPE_VERSION - 1}}
    rows = collect([old, result("0", 0, 80)])
    assert dict(zip(rows["method"], rows["mean"], strict=True)) == {"twofold (stale)": 50, "twofold": 80}


def test_the_table_has_a_row_a_run_with_its_selection_protocol_and_times():
    row = as_frame([result("4", 2, 71, purity=0.9, recall=0.5, accuracy=0.6, paired=True)]).iloc[0]
    assert (row["normal"], row["seed"], row["auroc"], row["purity"], row["recall"]) == ("4", 2, 71, 0.9, 0.5)
    assert (row["train_seconds"], row["total_seconds"], row["preset"], row["paired"]) == (2.0, 3.0, "embedded", True)


def versus(gains, pair=("digits", "type", "optdigits"), seeds=2):
    """A method above its control by a gain a class, equal in all seeds but for noise that averages out."""
    noise = [1, -1] * (seeds // 2)
    control = grid(
        {c: [70.0 + n for n in noise] for c, _ in zip(CLASSES, gains, strict=False)}, method="source_only", pair=pair
    )
    return control + grid({c: [70 + g + n for n in noise] for c, g in zip(CLASSES, gains, strict=False)}, pair=pair)


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
    found = above(as_frame(versus(gains)), "twofold", "source_only")
    assert found["verdict"] == verdict
    assert found["difference"] == pytest.approx(np.mean(gains))
    assert found["low"] <= found["difference"] + 1e-9
    assert found["difference"] - 1e-9 <= found["high"]
    assert (found["n_classes"], found["n_above"]) == (10, sum(gain > 0 for gain in gains))


@pytest.mark.parametrize(("n", "verdict"), [(1, "too few classes"), (4, "too few classes"), (5, "above")])
def test_a_verdict_needs_five_classes(n, verdict):
    found = above(as_frame(versus([5.0] * n)), "twofold", "source_only")
    assert (found["verdict"], found["difference"]) == (verdict, 5)
    assert (found["low"] is None) == (verdict == "too few classes")
    assert (found["n_classes"], found["n_above"]) == (n, n)


def test_swapping_method_and_control_turns_the_verdict_round():
    frame = as_frame(versus(list(range(1, 11))))
    one, other = above(frame, "twofold", "source_only"), above(frame, "source_only", "twofold")
    assert (one["verdict"], other["verdict"]) == ("above", "below")
    assert other["difference"] == -one["difference"]


def test_the_interval_is_that_of_student():
    gains = np.arange(1.0, 11.0)
    found = above(as_frame(versus(gains)), "twofold", "source_only")
    half = 2.262 * gains.std(ddof=1) / np.sqrt(10)  # of a printed table, nine degrees of freedom
    assert (found["low"], found["high"]) == pytest.approx((5.5 - half, 5.5 + half), abs=1e-3)


NULLS = {  # of mean zero; the gains of classes in our runs are about as skewed as the second
    "gaussian": lambda rng, size: rng.normal(size=size),
    "gamma of shape 4": lambda rng, size: rng.gamma(4.0, size=size) - 4,
}


def called(low, high):
    """Share of intervals that exclude zero."""
    return float(np.mean((low > 0) | (high < 0)))


def percentile(values, rng, n_boot=400):
    """What intervals were before: the bootstrap of the mean, one row a case."""
    n = values.shape[1]
    draws = rng.multinomial(n, np.full(n, 1 / n), n_boot) / n  # (n_boot, n), how often each is drawn
    return np.quantile(values @ draws.T, [0.025, 0.975], axis=1)


@pytest.mark.parametrize("n", [5, 7, 10, 11])
@pytest.mark.parametrize("null", NULLS)
def test_an_effect_that_is_not_there_is_called_in_about_five_percent_of_cases(null, n):
    rng = np.random.default_rng(0)
    values = NULLS[null](rng, (50_000, n))
    assert 0.03 < called(*t_interval(values)) < 0.07
    assert called(*percentile(values[:10_000], rng)) > 0.08  # two to three times what it says


@pytest.mark.parametrize("sizes", [(2, 1, 1, 1, 1), (2, 2, 1, 1, 1, 1, 1, 1), (6, 5, 5, 5, 5, 1, 1)])
def test_pairs_that_share_a_target_are_one_trial_or_the_level_is_lost(sizes):
    rng = np.random.default_rng(0)
    trial = np.repeat(np.arange(len(sizes)), sizes)  # of each pair
    target, own = rng.normal(size=(20_000, len(sizes))), rng.normal(0, 0.5, (20_000, len(trial)))
    pairs = target[:, trial] + own
    trials = np.stack([pairs[:, trial == i].mean(1) for i in range(len(sizes))], axis=1)
    assert 0.03 < called(*t_interval(trials)) < 0.07
    assert called(*t_interval(pairs)) > 0.07
    index = pd.MultiIndex.from_tuples([("d", str(i), str(t)) for i, t in enumerate(trial)], names=PAIR)
    found = over_trials(pd.Series(pairs[0], index=index))
    assert (found["low"], found["high"]) == pytest.approx(t_interval(trials[0]))
    assert found["n_trials"] == len(sizes)


def test_more_seeds_of_one_run_do_not_make_the_interval_narrower():
    few, many = (above(as_frame(versus(range(10), seeds=s)), "twofold", "source_only") for s in (2, 8))
    assert many["high"] - many["low"] == pytest.approx(few["high"] - few["low"])


def into(*targets, gains=(1.0, 2.0), source="type"):
    """Runs into these targets, a point more for each further one."""
    pairs = [("digits", source, target) for target in targets]
    return [run for i, pair in enumerate(pairs) for run in versus([gain + i for gain in gains], pair=pair)]


def test_several_pairs_are_judged_over_their_targets():
    found = above(as_frame(into(*"abcde")), "twofold", "source_only")
    low, high = t_interval(np.arange(1.5, 6))
    assert (found["difference"], found["verdict"]) == (3.5, "above")
    assert (found["low"], found["high"]) == pytest.approx((low, high))
    assert (found["n_classes"], found["n_pairs"], found["n_trials"], found["n_above"]) == (10, 5, 5, 5)


def test_pairs_into_one_target_are_one_trial():
    twice = into("a", "b") + into("a", source="mnist", gains=(3.0, 4.0))  # 1.5 and 3.5 into a, 2.5 into b
    found = above(as_frame(twice), "twofold", "source_only")
    assert (found["difference"], found["n_pairs"], found["n_trials"]) == (2.5, 3, 2)
    assert (found["verdict"], found["low"]) == ("too few trials", None)
    assert (found["n_classes"], found["n_above"]) == (6, 2)  # of the trials


def test_pairs_weigh_equally_however_many_classes_each_has():
    frame = as_frame(versus([6.0] * 10) + versus([0.0] * 5, pair=("digits", "type", "mnist")))
    assert above(frame, "twofold", "source_only")["difference"] == 3


ELPV = ("elpv", "mono", "poly")


def test_a_class_that_its_data_set_declares_is_a_pair_but_no_class():
    frame = as_frame(into(*"abcd") + versus([9.0], pair=ELPV))
    found = above(frame, "twofold", "source_only")
    assert (found["n_classes"], found["n_pairs"], found["n_trials"], found["verdict"]) == (8, 5, 5, "above")
    alone = above(frame[frame["dataset"] == "elpv"], "twofold", "source_only")
    assert (alone["verdict"], alone["difference"], alone["low"]) == ("one class", 9, None)


def test_a_declared_class_has_an_interval_over_pictures_where_scores_are_handed():
    rng = np.random.default_rng(0)
    shift = {"source_only": 0.5, "twofold": 1.5}
    tests, results = {}, []
    for seed in range(2):
        ids = np.array([f"p{i:03d}" for i in rng.permutation(150)[:120]])
        kinds = np.array([int(name[1:]) < 50 for name in ids]).astype(int)  # a picture is of one kind in all seeds
        for method, gain in shift.items():
            test = {"ids": ids, "labels": kinds, "scores": rng.normal(size=120) + gain * kinds}
            run = result("functional", seed, auroc(kinds, test["scores"]), method, pair=ELPV)
            tests[run["config_hash"]] = test
            results.append(run)
    frame = as_frame(results)
    found = above(frame, "twofold", "source_only", tests.__getitem__)
    assert found["verdict"] == "one class"
    assert 0 < found["low"] < found["difference"] < found["high"] < 40
    assert above(frame, "twofold", "source_only", tests.__getitem__) == found
    shuffled = {key: {name: values[::-1] for name, values in test.items()} for key, test in tests.items()}
    assert above(frame, "twofold", "source_only", shuffled.__getitem__) == found  # a picture is known by its id


def test_the_interval_over_pictures_holds_its_level():
    rng = np.random.default_rng(1)
    ids, labels = np.array([f"{i:03d}" for i in range(90)]), np.repeat([0, 1], [60, 30])
    outside = 0
    for _ in range(200):
        shared = rng.normal(size=90) + labels
        tests = {m: {"ids": ids, "labels": labels, "scores": shared + rng.normal(size=90)} for m in "ab"}
        runs = pd.DataFrame({"seed": 0, "method": ["a", "b"], "config_hash": ["a", "b"]})
        low, high = statistics._over_pictures(runs, "a", "b", tests.__getitem__, n_boot=200)
        outside += low > 0 or high < 0
    assert 0.02 < outside / 200 < 0.09


def test_classes_and_seeds_that_one_method_lacks_are_left_out():
    frame = as_frame([*versus([2.0] * 10), *(result(c, 0, 0.0, method="density") for c in CLASSES)])
    assert above(frame, "twofold", "source_only")["difference"] == 2
    found = above(frame, "twofold", "density")
    assert (found["difference"], found["n_classes"]) == (73, 10)  # seed 0 alone has both


def test_methods_that_share_no_class_are_named():
    frame = as_frame([result("0"), result("1", method="density")])
    for control in ("density", "absent"):
        with pytest.raises(InputError, match=f"wanted 'twofold' and '{control}' on the same classes and seeds, got none; run"):
            above(frame, "twofold", control)


def test_a_verdict_is_repeatable():
    frame = as_frame(versus([4, -4] * 5))
    assert above(frame, "twofold", "source_only") == above(frame, "twofold", "source_only")


def fallen(results, *which):
    return [{**result, "collapsed": True} if i in which else result for i, result in enumerate(results)]


@pytest.mark.parametrize(("which", "method"), [(0, "source_only"), (20, "twofold")])
def test_a_collapsed_run_takes_its_class_out_and_is_counted(which, method):
    gains = [50.0, *[5.0, 6.0, 7.0] * 3]  # class 0 would make it +10.4
    found = above(as_frame(fallen(versus(gains), which)), "twofold", "source_only")
    assert (found["verdict"], found["difference"], found["n_classes"]) == ("above", 6, 9)
    assert found["collapsed"] == {method: {"n_collapsed": 1, "n_runs": 20}}


def test_a_run_without_a_score_is_counted_as_collapsed_not_as_missing():
    results = fallen(versus([5.0] * 10), 20)
    results[20]["auroc"] = None
    found = above(as_frame(results), "twofold", "source_only")
    assert (found["n_classes"], found["collapsed"]["twofold"]["n_collapsed"]) == (9, 1)


def test_too_many_collapsed_classes_leave_too_few_and_all_leave_none():
    few = above(as_frame(fallen(versus([5.0] * 6), 0, 2)), "twofold", "source_only")
    assert (few["verdict"], few["n_classes"], few["low"]) == ("too few classes", 4, None)
    none = above(as_frame(fallen(versus([5.0] * 2), 0, 2)), "twofold", "source_only")
    assert (none["verdict"], none["difference"]) == ("collapsed", None)
    assert none["collapsed"] == {"source_only": {"n_collapsed": 2, "n_runs": 4}}


def test_methods_are_compared_on_the_classes_where_none_collapsed():
    results = [*versus([5.0] * 4), *grid({c: [60.0, 60.0] for c in "0123"}, method="density")]
    rest, counts = whole_classes(as_frame(fallen(results, 0, 17)))
    assert sorted(set(rest["normal"])) == ["1", "2", "3"]  # both fell on class 0
    assert {name: count["n_collapsed"] for name, count in counts.items()} == {"source_only": 1, "density": 1}


def test_a_method_that_collapsed_nearly_everywhere_silences_no_other():
    frame = as_frame(fallen([*versus([5.0] * 4), *grid({c: [60.0] for c in "0123"}, method="density")], 16, 17, 18))
    rest, counts = whole_classes(frame)
    assert (set(rest["method"]), sorted(set(rest["normal"]))) == ({"twofold", "source_only"}, list("0123"))
    assert counts == {"density": {"n_collapsed": 3, "n_runs": 4}}
    needed, _ = whole_classes(frame, needed=["density"])
    assert set(needed["normal"]) == {"3"}


def test_what_collapsed_on_one_pair_stands_on_another():
    results = fallen(versus([5.0] * 2), 0) + versus([5.0] * 2, pair=("digits", "type", "mnist"))
    rest, _ = whole_classes(as_frame(results))
    assert rest.groupby("target")["normal"].nunique().to_dict() == {"optdigits": 1, "mnist": 2}


def test_several_anomaly_ratios_are_never_mixed_in_a_verdict():
    results = versus([5.0] * 10)
    results[0] = {**results[0], "anomaly_ratio": 0.3}
    with pytest.raises(InputError, match="wanted runs of one anomaly_ratio"):
        above(as_frame(results), "twofold", "source_only")


def test_every_method_can_be_told_apart_in_a_figure():
    looks = {name: look_of(name) for name in METHODS}
    assert [name for name, look in looks.items() if look == unknown_look(name)] == []
    for field in ("words", "color", "marker"):
        assert len({getattr(look, field) for look in looks.values()}) == len(looks), field
