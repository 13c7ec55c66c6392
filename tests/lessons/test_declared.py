"""Pairs of one declared class: intervals over pictures, a table that follows from them, and differences that the rows have."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from made import result

from twofold.lessons.declared import CONTROLS, METHOD, leads, planned, tables
from twofold.results.statistics import PAIR, above, as_frame
from twofold.runs.rows import TABLE, Known

REPOSITORY = Path(__file__).resolve().parents[2]
FOLDER = REPOSITORY / "figures" / "embedded"


@pytest.fixture(scope="module")
def committed():
    return pd.read_csv(FOLDER / "declared_leads.csv")


def test_the_committed_table_is_what_the_committed_leads_make(committed):
    for name, text in tables(committed).items():
        assert (FOLDER / name).read_text("utf-8") == text, f"make {name} anew: python -m twofold.lessons.declared"


def test_every_pair_and_control_has_the_difference_of_the_committed_rows_inside_its_interval(committed):
    configs = planned()
    pairs = {tuple(vars(config.task)[field] for field in PAIR) for config in configs}
    assert len(committed) == len(pairs) * len(CONTROLS)
    assert (committed["low"] <= committed["difference"]).all()
    assert (committed["difference"] <= committed["high"]).all()
    named = {config.name for config in configs} & {METHOD, *CONTROLS}
    rows = [row for row in Known(REPOSITORY / TABLE).rows if row["method"] in named and row["anomaly_ratio"] == 0.1]
    frame = as_frame([row for row in rows if tuple(row[field] for field in PAIR) in pairs])
    for (*pair, control), found in committed.groupby([*PAIR, "control"]):
        runs = frame[(frame[PAIR] == pair).all(axis=1)]
        assert above(runs, METHOD, control)["difference"] == pytest.approx(found["difference"].item(), abs=1e-4)


def test_a_sure_lead_over_many_pictures_has_an_interval_above_zero():
    rng, rows, tests = np.random.default_rng(0), [], {}
    labels = np.repeat([0, 1], 60)
    for method, shift in ((METHOD, 3.0), *((control, 0.5) for control in CONTROLS)):
        tests[method] = {"scores": rng.normal(size=120) + shift * labels, "labels": labels, "ids": np.arange(120)}
        row = result(normal="functional", method=method.partition("[")[0], pair=("elpv", "mono", "poly"), auroc=0.0)
        wins = tests[method]["scores"][60:, None] > tests[method]["scores"][:60]
        rows.append(row | {"method": method, "auroc": 100 * wins.mean(), "config_hash": method})
    found = leads(as_frame(rows), tests.get)
    assert found["control"].tolist() == CONTROLS
    assert (found["low"] > 0).all()
    assert found["n_pictures"].tolist() == [120] * len(CONTROLS)
    assert "above zero on 1 of 1 pairs, below on 0" in tables(found)["declared.md"]
