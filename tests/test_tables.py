"""Tables: ours beside the paper's, never mixed; collapsed runs as words."""

import pandas as pd
import pytest

from twofold.errors import InputError
from twofold.published import published
from twofold.tables import beside_published

DIGITS = {"dataset": "digits", "source": "type", "target": "optdigits"}


def collected(*rows, pair=DIGITS):
    """One row a method: (method, mean, collapsed runs)."""
    table = [
        {**pair, "method": method, "mean": mean, "std_classes": 4.0, "std_seeds": None, "n_classes": 2, "n_seeds": 1}
        | {"n_runs": 2, "n_collapsed": n_collapsed}
        for method, mean, n_collapsed in rows
    ]
    return pd.DataFrame(table).astype({"mean": object, "std_seeds": object})


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


def test_what_was_not_run_is_marked_quoted_and_has_no_number_of_ours():
    row = row_of(beside_published(collected(("twofold", 80.0, 0)), published("table2")), "MsRA")
    assert (row["ours"], row["measured on"], row["n"], row["difference"]) == ("quoted only", "", "", "")
    assert row["published"].startswith("67.28")


def test_a_collapsed_group_is_words_and_has_no_difference():
    row = row_of(beside_published(collected(("twofold", None, 1)), published("table4")), "twofold")
    assert (row["ours"], row["std over classes"], row["difference"]) == ("1/2 collapsed", "", "")


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
