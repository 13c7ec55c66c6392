"""The sign table: which run stands for which side, what counts as a sign, and that the committed one follows from the rows."""

import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from made import result

from twofold.lessons.which_reading import PLAN, SIGN_TABLES, main_effects, planned, sign_table, signs, tables, told_by
from twofold.results.published import claims
from twofold.results.statistics import PAIR, as_frame
from twofold.runs.rows import TABLE, Known
from twofold.runs.search import some_classes

REPOSITORY = Path(__file__).resolve().parents[2]
FOLDER = REPOSITORY / "figures" / "embedded"
DIGITS = ("digits", "type", "optdigits")
CLASSES = some_classes(DIGITS, 5)


def made(configs, auroc, collapsed=lambda config: False):
    """A result of every planned run, by a formula."""
    rows = []
    for config in configs:
        row = result(config.task.normal, config.task.seed, auroc(config), config.method, collapsed(config),
                     tuple(vars(config.task)[key] for key in ("dataset", "source", "target")),
                     anomaly_ratio=config.task.anomaly_ratio)  # fmt: skip
        rows.append({**row, "method": config.name, "config_hash": str(len(rows))})
    return as_frame(rows)


def paper(config):
    """AUROC as the paper prints it, of VisDA, whatever the reading."""
    fields = config.settings
    if config.method in ("source_only", "align_all", "cluster_backbone"):
        return {"source_only": 62.8, "align_all": 64.3, "cluster_backbone": 68.5}[config.method]
    if config.task.anomaly_ratio > 0.1:
        return {0.5: 70.0, 0.9: 50.0}[config.task.anomaly_ratio]
    by_field = {"gmm": 78.0, "meanshift": 74.1, "knn": 71.7, "mmd": 73.1, "grl": 71.8}
    found = by_field.get(fields.selection, by_field.get(fields.alignment, 75.5))
    return found + (0.1 * (fields.n_clusters - 2) if (fields.selection, fields.alignment) == ("kmeans", "contrastive") else 0)


def test_runs_as_the_paper_prints_them_reproduce_every_sign():
    plan = {DIGITS: main_effects(2)}
    frame = made(planned(plan), paper)
    told = signs(frame, plan)
    assert len(told) == 3 * sum(claims(table).shape[0] for table in SIGN_TABLES)
    assert told["reproduced"].all()
    table = sign_table(told)
    assert table["share"].tolist() == [1, 1, 1]
    assert table[list(SIGN_TABLES)].iloc[0].tolist() == ["4/4", "8/8", "5/5", "2/2", "2/2"]


def test_a_sign_is_the_printed_one_also_where_the_text_says_otherwise():
    told = signs(made(planned({DIGITS: main_effects(2)}), paper), {DIGITS: main_effects(2)})
    row = told[(told["better"] == "twofold[selection=knn]") & (told["worse"] == "twofold[selection=meanshift]")].iloc[0]
    assert row["expected"] == -1  # printed: 3.9 points below on average
    assert row["difference"] == pytest.approx(71.7 - 74.1)


def test_a_drastic_drop_takes_five_points_and_no_difference_is_no_sign():
    plan = {DIGITS: main_effects(2)[:1]}
    told = signs(made(planned(plan), lambda config: 70.0 - 5 * (config.task.anomaly_ratio == 0.9)), plan)
    assert not told["reproduced"].any()
    told = signs(made(planned(plan), lambda config: 70.0 - 5.1 * (config.task.anomaly_ratio == 0.9)), plan)
    assert told[told["reproduced"].astype(bool)]["sentence"].str.contains("drastic").tolist() == [True]


def test_each_reading_is_judged_by_its_own_runs_and_what_a_method_fixes_stays():
    departure = {"batch_size": 256, "steps": 25}
    plan = {DIGITS: main_effects(2, [departure])}
    configs = planned(plan)
    assert {c.settings.negatives for c in configs if c.method == "align_all"} == {"in_batch"}
    assert {c.settings.negatives for c in configs if c.settings.alignment in ("mmd", "grl")} == {"non_dominant"}
    assert {(c.recipe.batch_size, c.recipe.steps) for c in configs if c.method == "source_only"} == {(32, 100), (256, 25)}

    def better_with_large_batches(config):
        return paper(config) if config.recipe.batch_size == 256 else 50.0

    table = sign_table(signs(made(configs, better_with_large_batches), plan))
    assert table["batch_size"].tolist() == [256] * 3 + [32] * 3
    assert table["share"].tolist() == [1] * 3 + [0] * 3
    marginal = sign_table(signs(made(configs, better_with_large_batches), plan), ["negatives"])
    assert marginal["share"].tolist() == [0.5] * 3
    assert marginal["checked"].tolist() == [2 * 21] * 3


def test_a_collapsed_class_is_left_out_and_what_was_not_run_is_no_sign():
    plan = {DIGITS: main_effects(2)[:1]}
    configs = planned(plan)

    def fallen(config):
        return config.settings.selection == "gmm" or (config.method == "source_only" and config.task.normal == CLASSES[0])

    told = signs(made([c for c in configs if c.settings.alignment != "grl"], paper, fallen), plan)
    left = told.set_index(["better", "worse"])
    assert left.loc[("twofold[selection=gmm]", "twofold[selection=meanshift]"), "reproduced"] is None
    assert left.loc[("align_all", "source_only"), ["n_classes", "n_collapsed"]].tolist() == [4, 1]
    assert left.loc[("twofold", "twofold[alignment=grl]"), "reproduced"] is None
    row = sign_table(told).iloc[0]
    assert row["checked"] == 21 - 2 - 2  # gmm twice, grl twice
    assert row["table7"] == "3/3"
    assert signs(as_frame([]), plan)["reproduced"].isna().all()
    assert np.isnan(sign_table(signs(as_frame([]), plan))["share"].iloc[0])


def test_the_plan_is_each_run_once_class_by_class():
    configs = planned({DIGITS: PLAN[DIGITS]})
    assert len(set(configs)) == len(configs) == 5 * 238
    assert [c.task.normal for c in configs] == [normal for normal in CLASSES for _ in range(238)]
    assert {c.task.seed for c in configs} == {0}
    names = pd.Series([(c.name, c.task.anomaly_ratio) for c in configs[:238]])
    assert names.is_unique  # what is told apart by name alone


@pytest.fixture(scope="module")
def told():
    return pd.read_csv(FOLDER / "signs_told.csv")


def test_the_committed_tables_are_what_the_committed_signs_make(told):
    for name, text in tables(told).items():
        assert (FOLDER / name).read_text("utf-8") == text, f"make {name} anew: python -m twofold.lessons.which_reading"


def test_the_committed_signs_are_what_the_committed_rows_make(told):
    pair = ("digits", "type", "optdigits")  # whose classes are known anywhere
    again = told_by(Known(REPOSITORY / TABLE), {pair: PLAN[pair]})
    again = pd.read_csv(io.StringIO(again.to_csv(index=False, float_format="%.4f")))
    here = told[(told[PAIR] == list(pair)).all(axis=1)].reset_index(drop=True)
    pd.testing.assert_frame_equal(again, here, check_dtype=False)


def test_every_reading_of_the_plan_was_tried_and_every_sign_that_a_run_can_tell_was_judged(told):
    assert len(told.drop_duplicates([*PAIR, "negatives", "n_clusters", "whiten_dims", "batch_size"])) == sum(
        map(len, PLAN.values())
    )
    assert told["n_classes"].dropna().between(1, 5).all()
    assert told["reproduced"].notna().mean() > 0.9
