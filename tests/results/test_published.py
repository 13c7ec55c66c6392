"""The printed tables hold together where they should, differ where they are known to, and their claims meet made runs."""

import pytest
from made import result

from twofold.data.public import FOLDER_DATASETS
from twofold.errors import InputError
from twofold.results.published import (
    BLOCKS,
    FOLDER,
    TABLES,
    TEXT,
    _run_name,
    check_claims,
    claims,
    published,
)
from twofold.results.statistics import as_frame

ROWS = {"table1": 352, "table2": 65, "table3": 104, "table4": 4, "table5": 25, "table6": 2, "table7": 20, "table8": 12}


def value(table, block, method, normal="mean", column="auroc"):
    rows = published(table)
    (found,) = rows[(rows["block"] == block) & (rows["method"] == method) & (rows["normal"] == normal)][column]
    return found


@pytest.mark.parametrize("table", TABLES)
def test_every_table_has_one_schema_and_each_number_once(table):
    rows = published(table)
    assert list(rows.columns) == "table block method base changed normal auroc std std_kind gain over note".split()
    assert len(rows) == ROWS[table]
    assert set(rows["table"]) == {table}
    assert set(rows["block"]) <= set(BLOCKS)
    assert not rows.duplicated(["block", "method", "normal"]).any()
    assert (rows["auroc"].notna() | rows["gain"].notna()).all()
    assert rows["auroc"].dropna().between(0, 100).all()
    assert set(rows["std_kind"]) <= {"", "classes, ddof 0", "classes, ddof 1"}
    assert rows.loc[rows["normal"] != "mean", "std"].isna().all()


@pytest.mark.parametrize(
    ("where", "printed"),
    [
        (("table1", "Clip Art->Product", "few_shot", "Drill"), 74.19),
        (("table1", "Product->Clip Art", "source_only", "Paper_Clip"), 26.19),
        (("table1", "Product->Clip Art", "irad", "Soda"), 63.29),
        (("table1", "Webcam->Amazon", "biost"), 59.46),
        (("table1", "Webcam->Amazon", "tsa", "laptop_computer"), 63.00),
        (("table1", "Amazon->Webcam", "twofold", "pen"), 99.99),
        (("table1", "Amazon->Webcam", "ildr"), 85.69),
        (("table2", "CAD->Real", "msra"), 67.28),
        (("table2", "CAD->Real", "twofold", "truck"), 57.84),
        (("table3", "CAD->Real", "zero_shot[features=backbone]", "truck"), 26.05),
        (("table3", "CAD->Real", "zero_shot", "knife"), 95.28),
        (("table3", "CAD->Real", "oracle"), 81.65),
        (("table4", "CAD->Real", "align_all", "mean", "std"), 6.42),
        (("table5", "Amazon->Webcam", "twofold[selection=gmm]"), 96.45),
        (("table5", "CAD->Real", "source_only", "mean", "std"), 8.55),  # printed as 62.84 +- 08.55
        (("table5", "CAD->Real", "twofold", "mean", "std_kind"), "classes, ddof 1"),
        (("table5", "Clip Art->Product", "twofold[selection=knn]", "mean", "std"), 15.19),
        (("table6", "CAD->Real", "twofold[one_class=msc]", "mean", "gain"), 8.23),
        (("table7", "Webcam->Amazon", "twofold[alignment=mmd]"), 83.92),
        (("table7", "Product->Clip Art", "twofold", "mean", "std"), 11.35),
        (("table8", "Photo->Sketch", "gnl"), 62.39),
        (("table8", "Photo->Art", "twofold"), 67.20),
    ],
)
def test_spot_values_are_as_printed(where, printed):
    assert value(*where) == printed


@pytest.mark.parametrize("table", TABLES[:3])
def test_the_classes_are_those_of_the_data_sets(table):
    for (block, _), rows in published(table).groupby(["block", "method"]):
        assert tuple(rows["normal"]) == (*FOLDER_DATASETS[BLOCKS[block][0]].classes, "mean")


def test_the_printed_class_names_stand_beside_the_folders():
    lines = (FOLDER / "classes.csv").read_text("utf-8").splitlines()[1:]
    expected = [f"{name},{c}" for name in ("office_home", "office31", "visda2017") for c in FOLDER_DATASETS[name].classes]
    assert [line.rsplit(",", 1)[0] for line in lines] == expected
    assert {"office31,laptop_computer,Laptop", "visda2017,skateboard,Skate."} <= set(lines)


def test_domains_of_the_blocks_are_those_of_the_data_sets():
    assert all({source, target} <= set(FOLDER_DATASETS[name].domains) for name, source, target in BLOCKS.values())


def test_the_one_spread_of_table_5_that_differs_is_the_sample_one():
    rows = published("table2").query("method == 'twofold' and normal != 'mean'")
    assert round(rows["auroc"].std(ddof=1), 2) == value("table5", "CAD->Real", "twofold", column="std") == 10.23


def test_a_gain_in_the_text_is_the_difference_of_the_means_where_both_are_printed():
    assert value("table4", "CAD->Real", "cluster_backbone", column="gain") == 5.63 == round(68.47 - 62.84, 2)
    assert value("table6", "CAD->Real", "twofold", column="gain") == 12.7 == round(75.54 - 62.84, 2)


RUN = {"dataset": "digits", "source": "type", "target": "optdigits", "normal": "3", "preset": "embedded"}


def test_claims_name_only_what_can_be_built():
    found = claims()
    assert set(found["table"]) == {*TABLES, "figure4", "figure5", TEXT}
    for claim in found.itertuples():
        sides = ((claim.better_base, claim.better_changed, claim.better_ratio),)
        sides += ((claim.worse_base, claim.worse_changed, claim.worse_ratio),)
        for base, changed, ratio in sides:
            assert _run_name(base, changed, RUN, {}) in (base, f"{base}[{changed}]", f"{base}[shots=10]", "twofold")  # K is 2
            assert 0 < ratio < 1
        assert (claim.better, claim.better_ratio) != (claim.worse, claim.worse_ratio)


def test_a_method_s_name_is_its_base_with_what_is_changed():
    row = claims("table6").iloc[1]
    assert row[["better", "better_base", "better_changed"]].tolist() == ["twofold[one_class=msc]", "twofold", "one_class=msc"]
    rows = published("table5").query("changed == 'selection=gmm'")
    assert set(rows["method"]) == {"twofold[selection=gmm]"}
    assert set(rows["base"]) == {"twofold"}


def test_a_name_leaves_out_what_the_preset_says_already():
    office = {"dataset": "visda2017", "source": "synthetic", "target": "real", "normal": "car", "preset": "paper"}
    assert _run_name("twofold", "n_clusters=10", office, {}) == "twofold"
    assert _run_name("twofold", "n_clusters=10", RUN, {}) == "twofold[n_clusters=10]"
    assert _run_name("twofold", "", RUN, {"learning_rate": 0.5}) == "twofold[learning_rate=0.5]"


@pytest.mark.parametrize("ask", [published, claims, lambda table: check_claims(as_frame([]), table)])
def test_an_unknown_table_names_the_choices(ask):
    with pytest.raises(InputError, match=r"got 'table9'; choose one of: table1, table2, .*table8"):
        ask("table9")


def runs(method, auroc, pair=("digits", "type", "optdigits"), n=5, **fields):
    """A run of each of five classes, a point apart."""
    return [result(str(i), 0, auroc + i, method, pair=pair, **fields) for i in range(n)]


def verdicts(results, table):
    rows = check_claims(as_frame(results), table)
    return dict(zip(zip(rows["better"], rows["worse"], strict=True), rows["verdict"], strict=True))


def test_claims_meet_made_runs_with_their_verdicts():
    results = [*runs("source_only", 60), *runs("align_all", 55), *runs("cluster_backbone", 70)]
    rows = check_claims(as_frame(results), "table4").set_index(["better", "worse"])
    assert rows["verdict"].to_dict() == {
        ("align_all", "source_only"): "reversed",
        ("cluster_backbone", "align_all"): "holds",
        ("cluster_backbone", "source_only"): "holds",
        ("twofold", "cluster_backbone"): "not run",
    }
    assert rows.loc[("align_all", "source_only"), ["difference", "low", "high"]].tolist() == [-5, -5, -5]
    assert rows.loc[("cluster_backbone", "source_only"), ["published", "published_on"]].tolist() == [5.63, "CAD->Real"]
    assert rows.loc[("twofold", "cluster_backbone"), ["difference", "low", "high"]].isna().all()


def test_overrides_undecided_and_collapsed_runs_are_told_apart():
    results = [*runs("twofold", 70), *runs("source_only", 70), *runs("twofold", 60, alignment="mmd")]
    results += runs("twofold", 50, alignment="grl", collapsed=True)
    assert verdicts(results, "table7") == {
        ("twofold", "source_only"): "undecided",
        ("twofold[alignment=mmd]", "source_only"): "reversed",
        ("twofold[alignment=grl]", "source_only"): "collapsed",
        ("twofold", "twofold[alignment=mmd]"): "holds",
        ("twofold", "twofold[alignment=grl]"): "collapsed",
    }


def test_a_claim_is_judged_without_the_class_that_collapsed():
    better = runs("twofold", 70, n=7)
    better[2] = {**better[2], "collapsed": True, "auroc": 0.0}
    frame = as_frame([*better, *runs("source_only", 60, n=7)])
    (row,) = check_claims(frame, "table2").to_dict("records")
    assert (row["verdict"], row["difference"], row["n_classes"]) == ("holds", 10, 6)
    assert row["collapsed"] == "twofold at 10% 1/7 collapsed"
    few = as_frame([*better[:5], *runs("source_only", 60)])
    (row,) = check_claims(few, "table2").to_dict("records")
    assert (row["verdict"], row["n_classes"]) == ("too few classes", 4)


def test_pairs_are_judged_apart_beside_their_own_printed_number():
    sketch, digits = ("pacs", "photo", "sketch"), ("digits", "type", "optdigits")
    results = [*runs("twofold", 70, sketch), *runs("source_only", 60, sketch)]
    results += [*runs("twofold", 50, digits), *runs("source_only", 60, digits)]
    rows = check_claims(as_frame(results), "table8").set_index("dataset")
    assert rows["verdict"].to_dict() == {"pacs": "holds", "digits": "reversed"}
    assert rows.loc["pacs", ["published", "published_on"]].tolist() == [16.69, "Photo->Sketch"]
    assert rows.loc["digits", ["published", "published_on"]].tolist() == [10.37, "3 pairs, 3 of them positive"]


def test_the_text_on_mean_shift_is_contradicted_by_its_own_table():
    results = [*runs("twofold", 60, selection="knn"), *runs("twofold", 50, selection="meanshift")]
    rows = check_claims(as_frame(results), "table5").set_index(["better", "worse"])
    row = rows.loc[("twofold[selection=knn]", "twofold[selection=meanshift]")]
    assert row[["verdict", "published", "published_on"]].tolist() == ["holds", -3.91, "5 pairs, 0 of them positive"]


def test_tables_are_checked_at_ten_percent_and_figure_4_across_shares():
    results = [*runs("twofold", 90), *runs("source_only", 60), *runs("source_only", 99, anomaly_ratio=0.5)]
    assert verdicts(results, "table2") == {("twofold", "source_only"): "holds"}
    shares = [*runs("twofold", 90), *runs("twofold", 80, anomaly_ratio=0.5), *runs("twofold", 77, anomaly_ratio=0.9)]
    rows = check_claims(as_frame(shares), "figure4")
    assert rows["verdict"].tolist() == ["holds", "smaller"]  # three points are below the gain that "drastic" promises
    assert rows["difference"].tolist() == [10, 3]
    assert rows["published"].isna().all()


def test_under_five_classes_no_claim_is_decided():
    rows = check_claims(as_frame([*runs("twofold", 90, n=4), *runs("source_only", 60, n=4)]), "table2")
    assert rows[["verdict", "difference"]].values.tolist() == [["too few classes", 30.0]]
    assert rows[["low", "high"]].isna().all(axis=None)


def test_claims_are_held_against_runs_that_all_change_a_field():
    results = [*runs("twofold", 90, learning_rate=0.5), *runs("source_only", 60, learning_rate=0.5)]
    results += [*runs("twofold", 60, alignment="mmd", learning_rate=0.5)]
    frame = as_frame(results)
    assert set(check_claims(frame, "table7")["verdict"]) == {"not run"}
    rows = check_claims(frame, "table7", learning_rate=0.5).set_index(["better", "worse"])["verdict"]
    assert rows["twofold", "source_only"] == "holds"
    assert rows["twofold", "twofold[alignment=mmd]"] == "holds"
    assert rows["twofold[alignment=mmd]", "source_only"] == "undecided"


def test_several_presets_in_one_frame_are_refused():
    frame = as_frame([*runs("twofold", 90), *runs("source_only", 60, preset="paper")])
    with pytest.raises(InputError, match="one preset"):
        check_claims(frame, "table2")


def compared(gains):
    """What is said of "few shots are comparable to the frozen encoder" where the difference of each class is given."""
    few = [result(str(i), 0, 70 + gain, "few_shot", told="shots") for i, gain in enumerate(gains)]
    frozen = [result(str(i), 0, 70, "zero_shot") for i in range(len(gains))]
    return check_claims(as_frame([*few, *frozen]), TEXT).set_index(["better", "worse"]).loc[("few_shot", "zero_shot")]


@pytest.mark.parametrize(
    ("gains", "verdict"),
    [
        ((0.5, -0.5, 0.2, -0.2, 0.1), "holds"),
        ((8.0, 7.0, 9.0, 8.0, 8.0), "reversed"),
        ((9.0, -9.0, 4.0, -4.0, 1.0), "undecided"),
    ],
)
def test_comparable_holds_where_the_whole_interval_is_near_zero(gains, verdict):
    row = compared(gains)
    assert row["verdict"] == verdict
    assert compared([-gain for gain in gains])["verdict"] == verdict
    assert row[["published", "published_on"]].tolist() == [-0.15, "CAD->Real"]


def test_claims_of_the_text_quote_numbers_of_two_tables_and_the_blocks_they_are_said_of():
    results = [*runs("cluster_backbone", 70), *runs("msra", 60, told="shots"), *runs("twofold", 65), *runs("gnl", 60)]
    rows = check_claims(as_frame(results), TEXT).set_index(["sentence"])
    table = rows[["published", "published_on"]].agg(tuple, axis=1)
    said = table.set_axis(zip(rows["better"], rows["worse"], rows["gain"], strict=True))
    assert said["cluster_backbone", "msra", 0] == (1.19, "CAD->Real")  # 68.47 and 67.28
    assert said["twofold", "msra", 8] == (8.26, "CAD->Real")
    assert said["twofold", "msra", 0] == (3.36, "8 pairs, 6 of them positive")
    assert said["twofold", "gnl", 0] == (9.52, "2 pairs, 2 of them positive")
    assert set(rows.loc[rows["better"].eq("twofold") & rows["worse"].eq("msra"), "verdict"]) == {"holds", "smaller"}


def test_a_rival_stands_under_whatever_its_one_name_says():
    shots = [{**run, "method": "few_shot[shots=5,steps=50]"} for run in runs("few_shot", 50, told="shots")]
    frame = as_frame([*shots, *runs("twofold", 60)])
    rows = check_claims(frame, TEXT).set_index(["better", "worse"])["verdict"]
    assert rows["twofold", "few_shot"] == "holds"
    several = as_frame([*shots, *runs("few_shot", 50, told="shots", steps=7), *runs("twofold", 60)])
    assert check_claims(several, TEXT).set_index(["better", "worse"])["verdict"]["twofold", "few_shot"] == "not run"
