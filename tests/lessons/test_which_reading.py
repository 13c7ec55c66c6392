"""The committed sign table follows from the committed signs, and these from the committed rows."""

import io
from pathlib import Path

import pandas as pd
import pytest

from twofold.lessons.which_reading import tables, told_by
from twofold.results.signs import PLAN
from twofold.results.statistics import PAIR
from twofold.runs.rows import TABLE, Known

REPOSITORY = Path(__file__).resolve().parents[2]
FOLDER = REPOSITORY / "figures" / "embedded"


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
