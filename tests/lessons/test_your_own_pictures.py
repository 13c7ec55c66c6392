"""What lines promise and keep: the committed tables follow from the committed runs, and the default from the tables."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from twofold.deploy.thresholds import RULES, default_rule
from twofold.lessons.your_own_pictures import FALSE_ALARM_RATES, line_table, tables, warning_table

FOLDER = Path(__file__).resolve().parents[2] / "figures" / "embedded"


@pytest.fixture(scope="module")
def runs():
    return pd.read_csv(FOLDER / "18_alarms.csv")


def test_the_committed_tables_are_what_the_committed_runs_make(runs):
    for name, text in tables(runs).items():
        assert (FOLDER / name).read_text("utf-8") == text, f"make {name} anew"


def test_the_default_rule_finds_most_among_those_that_keep_their_promise(runs):
    table = line_table(runs)
    for promised, some in table.groupby("promised"):
        kept = some[some["kept"] == "yes"]
        assert kept.loc[kept["found"].idxmax(), "rule"] == default_rule(promised / 100) == some.iloc[0]["rule"]


def test_an_all_normal_target_raises_no_more_alarms_than_promised(runs):
    some = runs[runs["anomaly_ratio"] == 0]
    for rate in FALSE_ALARM_RATES:
        assert some[f"{default_rule(rate)} {rate} own"].mean() <= rate


def made(rates, contamination="(0.0, 0.3)", auroc=90.0, weak=False):
    """Runs of digits whose every rule has these rates of false alarms, one a target, at each share."""
    rows = []
    for share in (0.0, 0.1, 0.3):
        for target, rate in zip(("optdigits", "mnist", "type"), rates, strict=True):
            row = {"recipe": 0, "dataset": "digits", "source": "type", "target": target, "anomaly_ratio": share}
            row |= {"auroc": auroc, "weak": weak, "contamination": contamination}
            row |= {f"{rule} {r} {kind}": rate for rule in RULES for r in FALSE_ALARM_RATES for kind in ("false", "own")}
            rows.append(row | {f"{rule} {r} found": 0.5 for rule in RULES for r in FALSE_ALARM_RATES})
    return pd.DataFrame(rows)


@pytest.mark.parametrize(
    ("rates", "kept"),
    [
        ((0.05, 0.05, 0.05), "yes"),
        ((0.0, 0.0, 0.0), "yes"),
        ((0.2, 0.2, 0.2), "no"),
        ((0.0, 0.0, 0.6), "no"),  # an interval that holds anything
        ((0.04, 0.05, 0.06), "yes"),
    ],
)
def test_a_promise_is_kept_by_a_narrow_interval_alone(rates, kept):
    table = line_table(made(rates))
    assert set(table.loc[table["promised"] == 5, "kept"]) == {kept}
    assert set(table.loc[table["promised"] == 5, "found"]) == {50.0}


def test_warnings_are_counted_against_the_answers(runs):
    table = warning_table(runs).set_index("pairs")
    bad = runs["auroc"] < 80
    assert table.loc["all", "of these warned of"] == (bad & runs["weak"]).sum()
    assert table.loc["all", "warned of in vain"] == (~bad & runs["weak"]).sum()
    assert (table.loc["dev"] + table.loc["seen"] == table.loc["all"]).all()


def test_a_told_share_is_right_where_its_interval_holds_the_true_one():
    frame = made((0.05, 0.05, 0.05), "(0.05, 0.2)")
    frame = frame[frame["target"] != "type"]  # no pair of digits into type is used
    told = warning_table(frame).set_index("pairs").loc["all"]
    assert (told["share of anomalies told"], told["of these right"]) == (6, 2)  # 10 % alone lies within
    frame.loc[frame["anomaly_ratio"] == 0.1, "contamination"] = np.nan
    assert warning_table(frame).set_index("pairs").loc["all", "share of anomalies told"] == 4
