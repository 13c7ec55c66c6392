"""What lines promise and keep: the committed tables follow from the committed runs, and the default from the tables."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from twofold.deploy.thresholds import RULES, default_rule
from twofold.lessons.your_own_pictures import (
    FALSE_ALARM_RATES,
    LEVEL,
    SPLITS,
    check_table,
    line_table,
    promise_table,
    tables,
    uses,
    warning_table,
)
from twofold.runs.presets import RECIPE_VERSION

FOLDER = Path(__file__).resolve().parents[2] / "figures" / "embedded"


@pytest.fixture(scope="module")
def runs():
    return pd.read_csv(FOLDER / "18_alarms.csv")


def test_the_committed_tables_are_what_the_committed_runs_make(runs):
    for name, text in tables(runs).items():
        assert (FOLDER / name).read_text("utf-8") == text, f"make {name} anew"


def test_the_default_rule_finds_most_among_those_that_keep_their_promise_on_the_development_pairs(runs):
    table = line_table(runs[uses(runs) == "dev"])
    for promised, some in table.groupby("promised"):
        kept = some[some["kept"] == "yes"]
        assert kept.loc[kept["found"].idxmax(), "rule"] == default_rule(promised / 100) == some.iloc[0]["rule"]


def test_every_run_is_of_this_recipe_and_of_a_development_or_a_seen_pair(runs):
    assert set(runs["recipe"]) == {RECIPE_VERSION}
    assert set(uses(runs)) == {"dev", "seen"}
    for name in SPLITS.keys() & set(runs["dataset"]):
        seeds = SPLITS[name]
        assert set(runs.loc[runs["dataset"] == name, "seed"]) == set(seeds)


def test_what_the_default_gives_is_its_row_of_all_rules(runs):
    table, lines = promise_table(runs).set_index("where"), line_table(runs[uses(runs) == "dev"])
    row = lines[(lines["promised"] == 5) & (lines["rule"] == default_rule(0.05))].iloc[0]
    assert table.loc["5 %, development pairs", "false alarms at 0%"] == row["false alarms at 0%"]


def test_an_all_normal_target_raises_no_more_alarms_than_promised(runs):
    some = runs[runs["anomaly_ratio"] == 0]
    for rate in FALSE_ALARM_RATES:
        assert some[f"{default_rule(rate)} {rate} own"].mean() <= rate


def test_a_check_keeps_its_level_on_the_development_pairs(runs):
    row = check_table(runs).set_index("where").loc["dev"]
    assert row["normal ones called different at 5%"] <= LEVEL * row["all-normal runs"]
    assert row["with 30% anomalies"] >= 0.75 * row["all-normal runs"]


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
    counts = table.drop(columns="mean width in points")
    assert (counts.loc["dev"] + counts.loc["seen"] == counts.loc["all"]).all()


def test_a_told_share_is_right_where_its_interval_holds_the_true_one():
    frame = made((0.05, 0.05, 0.05), "(0.05, 0.2)")
    frame = frame[frame["target"] != "type"]  # no pair of digits into type is used
    told = warning_table(frame).set_index("pairs").loc["all"]
    assert (told["share of anomalies told"], told["of these right"]) == (6, 2)  # 10 % alone lies within
    frame.loc[frame["anomaly_ratio"] == 0.1, "contamination"] = np.nan
    assert warning_table(frame).set_index("pairs").loc["all", "share of anomalies told"] == 4
