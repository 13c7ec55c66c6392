"""Tables: ours beside the paper's, never mixed; collapsed runs as words."""

import pandas as pd
import pytest
from made import result

from twofold.errors import InputError
from twofold.results.published import check_claims, published
from twofold.results.statistics import as_frame, by_class, class_means, collect
from twofold.results.tables import beside_published, claim_lines, pair_name, per_class_table, printed, standing

SCORES = {"source_only": (50.0, 60.0, 40.0), "twofold": (80.0, 85.0, 90.0), "align_all": (55.0, 50.0, 45.0)}
SIX = {method: 2 * values for method, values in SCORES.items()}  # classes enough for a verdict
PLAIN = {"preset": "embedded", "anomaly_classes": None, "transductive": False, "paired": False, "anomaly_ratio": 0.1}
DIGITS = {"dataset": "digits", "source": "type", "target": "optdigits"}


def collected(*rows, pair=DIGITS):
    """One row a method: (method, mean, collapsed runs); the rest has a mean of 70."""
    table = [
        {**pair, "method": method, "mean": mean, "std_classes": 4.0, "std_seeds": None, "n_classes": 2, "n_seeds": 1}
        | {"n_runs": 2, "n_collapsed": n_collapsed, "rest": 70.0}
        for method, mean, n_collapsed in rows
    ]
    return pd.DataFrame(table).astype({"mean": object, "std_seeds": object})


def runs(scores=SCORES, seeds=(0, 1), collapsed=(), **fields):
    """As ``as_frame`` has them: a class a score, every later seed two points better."""
    rows = [
        {**DIGITS, **PLAIN, "method": method, "normal": str(i), "seed": seed, "auroc": score + 2 * seed, **fields}
        | {"base": method.partition("[")[0], "collapsed": (method, i, seed) in collapsed}
        for method, values in scores.items()
        for i, score in enumerate(values)
        for seed in seeds
    ]
    return pd.DataFrame(rows)


def row_of(table, method):
    (row,) = table[table["method"] == method].to_dict("records")
    return row


def test_difference_is_ours_minus_published_and_both_are_named():
    row = row_of(beside_published(collected(("twofold", 80.0, 0)), published("table4")), "twofold")
    assert (row["measured on"], row["quoted from"]) == ("digits type→optdigits", "CAD→Real")
    assert (row["ours"], row["published"], row["difference"]) == ("80.0", "75.54 (classes 9.80)", "+4.5")
    assert (row["std over classes"], row["std over seeds"], row["n"]) == ("4.0", "", "2 x 1")


def test_the_paper_s_methods_come_first_and_in_its_order_then_ours():
    table = beside_published(collected(("density", 90.0, 0), ("source_only", 50.0, 0)), published("table2"))
    quoted = published("table2").query("normal == 'mean'")["method"].tolist()
    assert table["method"].tolist() == [*quoted, "density"]
    assert row_of(table, "density")["published"] == row_of(table, "density")["difference"] == ""


@pytest.mark.parametrize("make", [collect, lambda results, by: class_means(as_frame(results), by)])
def test_a_rival_is_known_by_its_base_however_its_run_is_called(make):
    runs = [result(method="few_shot", shots=5, told="shots"), result(method="msra")]
    runs[1] |= {"method": "few_shot[like none]"}  # a name alone says nothing
    quoted = published("table2")
    table = beside_published(make(runs, by=[*DIGITS, "method"]), quoted)
    for name, rival in {"few_shot[shots=5]": "few_shot", "few_shot[like none]": "msra"}.items():
        printed = quoted[(quoted["method"] == rival) & (quoted["normal"] == "mean")]["auroc"].item()
        assert row_of(table, name)["published"].startswith(f"{printed:.2f}")
    assert not {"few_shot", "msra"} & set(table["method"])


def test_what_was_not_run_is_marked_quoted_and_has_no_number_of_ours():
    row = row_of(beside_published(collected(("twofold", 80.0, 0)), published("table2")), "msra")
    assert (row["ours"], row["measured on"], row["n"], row["difference"]) == ("quoted only", "", "", "")
    assert row["published"].startswith("67.28")


def test_a_collapsed_group_is_words_and_has_no_difference():
    row = row_of(beside_published(collected(("twofold", None, 1)), published("table4")), "twofold")
    assert (row["ours"], row["std over classes"], row["difference"]) == ("1/2 collapsed; of the rest 70.0", "", "")


def test_a_published_gain_stands_beside_our_gain():
    ours = collected(("source_only", 60.0, 0), ("twofold", 70.0, 0), ("twofold[one_class=msc]", 70.0, 0))
    table = beside_published(ours, published("table6"))
    assert row_of(table, "twofold")["published"] == "+12.70 over source_only"
    assert row_of(table, "twofold")["difference"] == "-2.7"  # (70 - 60) - 12.7
    assert row_of(table, "twofold[one_class=msc]")["difference"] == ""  # its own base was not run


def test_a_pair_that_the_paper_has_finds_its_own_block():
    pair = {"dataset": "office31", "source": "webcam", "target": "amazon"}
    row = row_of(beside_published(collected(("twofold", 80.0, 0), pair=pair), published("table5")), "twofold")
    assert (row["quoted from"], row["difference"]) == ("Webcam→Amazon", "-7.7")  # 80.0 - 87.72


def test_a_stand_in_wants_one_block_chosen():
    with pytest.raises(InputError, match="wanted one published block beside digits type→optdigits"):
        beside_published(collected(("twofold", 80.0, 0)), published("table5"))


def test_pairs_and_single_rows_are_wanted():
    with pytest.raises(InputError, match="collect by them"):
        beside_published(collected(("twofold", 80.0, 0)).drop(columns="source"), published("table4"))
    with pytest.raises(InputError, match="wanted one row a method"):
        beside_published(collected(("twofold", 80.0, 0), ("twofold", 70.0, 0)), published("table4"))


def test_an_empty_collection_quotes_every_block():
    table = beside_published(collected(("twofold", 80.0, 0)).iloc[:0], published("table8"))
    assert set(table["ours"]) == {"quoted only"}
    assert len(table) == len(published("table8"))


def test_classes_stand_in_rows_and_methods_in_the_order_asked_for():
    table = per_class_table(runs(), ["twofold", "source_only", "oracle"])
    assert table.columns.tolist() == ["normal class", "twofold", "source_only"]  # oracle was not run
    assert table["source_only"].tolist()[:3] == ["51.0", "61.0", "41.0"]  # over seeds: half of 0 and 2 more


def test_a_class_that_one_method_lacks_is_an_empty_cell():
    frame = runs()
    frame = frame[(frame["method"] != "twofold") | (frame["normal"] != "1")]
    assert per_class_table(frame, ["source_only", "twofold"])["twofold"].tolist()[:4] == ["81.0", "", "91.0", "86.0"]


def test_a_collapsed_class_has_no_number_and_its_average_none_either():
    frame = runs(collapsed=[("twofold", 1, 0)])
    cells = per_class_table(frame, ["twofold"])["twofold"].tolist()
    assert cells == ["81.0", "1/2 collapsed", "91.0", "1/6 collapsed; of the rest 86.0", "", ""]


def test_spreads_below_a_table_are_over_classes_ddof_0_and_over_seeds_ddof_1():
    table = per_class_table(runs(), ["source_only"]).set_index("normal class")["source_only"]
    assert table["avg"] == "51.0"
    assert table["std over classes"] == "8.2"  # sqrt((0 + 100 + 100) / 3)
    assert table["std over seeds"] == "1.4"  # seeds' averages 50 and 52: 2 / sqrt(2)
    assert per_class_table(runs(seeds=(0,)), ["source_only"])["source_only"].iloc[-1] == ""


def test_printed_numbers_have_the_shape_of_ours():
    quoted = published("table2")
    table = printed(quoted)
    assert by_class(table).shape == (12, 5)
    assert (
        set(class_means(runs()).columns) >= {"method", "mean", "std_classes", "classes", "n_runs", "n_collapsed"} < set(table)
    )
    means = quoted[quoted["normal"] == "mean"].set_index("method")
    assert table.set_index("method")["mean"].to_dict() == means["auroc"].to_dict()
    assert table.set_index("method")["std_classes"].to_dict() == means["std"].to_dict()


def test_printed_methods_are_told_what_ours_of_their_names_are_told():
    table = printed(published("table3")).set_index("method")["told"]
    assert table[table.ne("")].to_dict() == {"few_shot": "shots", "msra": "shots", "oracle": "labels"}
    assert printed(published("table1"), ["tsa", "no such method"])["told"].eq("").all()


def test_what_is_not_printed_has_no_numbers_and_every_block_its_rows():
    table = printed(published("table8"), ["twofold", "density"])
    assert table["block"].tolist() == [block for block in ("Photo->Art", "Photo->Cartoon", "Photo->Sketch") for _ in range(2)]
    assert table["mean"].isna().tolist() == [False, True] * 3
    assert table["classes"].tolist() == [{}] * 6


def test_a_pair_is_named_in_one_way():
    assert pair_name(("pacs", "photo", "sketch")) == "pacs photo→sketch"


def test_standing_orders_by_mean_and_says_what_is_undecided():
    lines = standing(runs(SIX), ["source_only", "align_all", "twofold"])
    assert [line.split(":")[0] for line in lines[:3]] == ["1. twofold", "2. source_only", "3. align_all"]
    assert lines[3:] == ["2 verdicts; by chance about one of 20 would exclude zero, of these 0.1"]
    assert "to twofold -35.0 points" in lines[1]
    assert lines[2].endswith("(undecided)")
    assert not lines[1].endswith("(undecided)")


def test_standing_gives_what_collapsed_no_place_but_names_it():
    lines = standing(runs(collapsed=[("twofold", 0, 0)]), list(SCORES))
    assert [line.split(":")[0] for line in lines] == ["1. source_only", "2. align_all", "no place. twofold"]
    rest = "of the rest 88.5, to source_only +37.5 points (above on 2 of 2 classes)"  # classes 86 and 91
    assert lines[-1] == f"no place. twofold: 1/6 collapsed; {rest}"
    decided = standing(runs(SIX, collapsed=[("twofold", 0, 0)]), list(SCORES))
    assert "; of the rest 87.0, to source_only +36.0 points [" in decided[-2]
    assert decided[-1].startswith("2 verdicts; ")
    everywhere = [("twofold", i, seed) for i in range(3) for seed in (0, 1)]
    assert standing(runs(collapsed=everywhere), ["twofold"]) == ["no place. twofold: 6/6 collapsed"]


def test_standing_gives_few_classes_no_interval():
    few = standing(runs(), ["source_only", "twofold", "align_all"])
    assert few[1].endswith("to twofold -35.0 points (above on 0 of 3 classes)")
    assert few[2].endswith("to source_only +0.0 points (above on 2 of 3 classes)")  # +5, -10, +5
    assert not any("[" in line for line in few)


def test_one_class_has_no_spread_over_classes():
    one = runs({"twofold": (80.0,)})
    assert standing(one, ["twofold"]) == ["1. twofold: 81.0 (one class, seeds 1.4)"]
    assert per_class_table(one, ["twofold"])["twofold"].tolist() == ["81.0", "81.0", "", "1.4"]


def test_claims_in_words_decide_only_with_several_classes():
    line, count = claim_lines(check_claims(runs(SIX), "table1"))
    assert count.startswith("1 verdict; by chance about one of 20")
    assert line.startswith("holds: ")
    assert "; ours +35.0 [" in line
    (line,) = claim_lines(check_claims(runs(), "table1"))
    assert line.startswith("too few classes: ")
    assert "; ours +35.0; printed" in line
    (line,) = claim_lines(check_claims(runs({"twofold": (80.0,)}), "table1"))
    assert line.startswith("not run: ")
    assert "ours" not in line


def test_a_claim_names_what_collapsed_and_is_told_of_the_rest():
    frame = runs(SIX, collapsed=[("twofold", 0, 0)])
    line, _ = claim_lines(check_claims(frame, "table1"))
    assert line.startswith("holds: ")
    assert "; twofold at 10% 1/12 collapsed; of the rest ours +36.0 [" in line
    everywhere = [("twofold", i, seed) for i in range(6) for seed in (0, 1)]
    (line,) = claim_lines(check_claims(runs(SIX, collapsed=everywhere), "table1"))
    assert line.startswith("collapsed: ")
    assert "]; twofold at 10% 12/12 collapsed; printed" in line


@pytest.mark.parametrize("table", [per_class_table, standing])
def test_ratios_pairs_and_protocols_are_not_averaged(table):
    for field, value in (("anomaly_ratio", 0.3), ("target", "mnist"), ("paired", True)):
        with pytest.raises(InputError, match=f"wanted runs of one {field}"):
            table(pd.concat([runs(), runs(**{field: value})]), ["source_only", "twofold"])
