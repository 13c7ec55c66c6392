"""The comparison: its runs and their order, the table by hand, and that the committed one follows from its rows."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from given import runs, together

from twofold.data import where
from twofold.errors import InputError
from twofold.lessons import side_by_side as room
from twofold.lessons.side_by_side import COMPARED, ROWS, TABLE, main, planned, shots_of, side_by_side, tables, with_checks
from twofold.methods import METHODS
from twofold.results.statistics import PAIR, as_frame
from twofold.runs.rows import read_rows

REPOSITORY = Path(__file__).resolve().parents[2]
DIGITS, EMOJI = ("digits", "type", "optdigits"), ("emoji", "windows", "apple")
OFFICE = ("office_caltech", "amazon", "webcam")


def at_hand(dataset):
    try:
        return bool(where(dataset))
    except InputError:
        return False


def test_whole_classes_of_the_first_seed_come_before_others():
    configs = planned(["target_only", "source_knn"], 2, pairs=[DIGITS, EMOJI], claimed=False)
    places = [(c.task.seed, c.task.dataset, c.task.normal) for c in configs[::2]]
    assert places[:4] == [(0, "digits", "4"), (0, "emoji", "hand"), (0, "digits", "6"), (0, "emoji", "office")]
    assert places[4:] == [(1, "digits", "4"), (1, "digits", "6"), (2, "digits", "4"), (2, "digits", "6")]
    assert len(configs) == len(set(configs)) == 16


def test_all_methods_are_planned_on_all_classes_and_the_claims_ask_for_some_more():
    configs = planned(pairs=[EMOJI])
    assert {c.method for c in configs} == set(METHODS)
    assert {c.task.normal for c in configs if c.method == "tsa"} == {c.task.normal for c in configs}
    assert {c.name for c in configs if c.changed and c.method == "twofold"} == {
        "twofold[selection=gmm]",
        "twofold[n_clusters=5]",
        "twofold[n_clusters=10]",
    }


def test_what_is_cut_short_stands_in_a_method_s_name():
    names = {c.method: c.name for c in planned(["few_shot", "msra", "gnl", "msc"], 1, 1, [DIGITS], claimed=False)}
    assert names["few_shot"].startswith("few_shot[shots=10,steps=25")
    assert all("steps=" in name for name in names.values())


@pytest.mark.skipif(not at_hand("office_caltech"), reason="office_caltech is not at hand")
def test_shots_are_fewer_where_a_class_has_few_pictures():
    pair = ("office_caltech", "amazon", "webcam")
    (config,) = planned(["few_shot"], 1, pairs=[pair], claimed=False)
    assert config.shots == shots_of(pair, ["bike"]) == 5


def test_where_the_pictures_are_elsewhere_shots_are_as_many_as_known_rows_had():
    rows = [dict(zip(PAIR, pair, strict=True)) | {"shots": k} for pair, k in ((OFFICE, 5), (OFFICE, None), (DIGITS, 3))]
    opened = SimpleNamespace(rows=rows)
    assert shots_of(OFFICE, ["mouse"], root="/no/such/folder", known=opened) == 5
    with pytest.raises(InputError):
        shots_of(("pacs", "photo", "cartoon"), ["dog"], root="/no/such/folder", known=opened)


def test_the_table_has_means_spreads_and_seconds_the_best_first():
    low = runs("source_knn", 60.0, 70.0).assign(total_seconds=[1.0, 3.0])
    high = runs("target_only", 80.0, 90.0).assign(total_seconds=[2.0, 2.0])
    fallen = runs("tsa", 99.0, 95.0).assign(total_seconds=4.0, collapsed=[True, False])
    table = side_by_side(together(low, high, fallen))
    assert table["method"].tolist() == ["tsa", "target_only", "source_knn"]
    assert table["rest"].tolist() == [95.0, 85.0, 65.0]
    assert np.isnan(table["mean"].iloc[0])
    assert table["std_classes"].tolist()[1:] == [5.0, 5.0]
    assert table[["classes", "seconds"]].iloc[2].tolist() == ["0 1", 2.0]


def test_beside_a_method_stands_whether_it_works_at_all_and_what_its_search_did():
    table = side_by_side(runs("few_shot", 60.0, 70.0, told="shots").assign(method="few_shot[shots=5]", total_seconds=1.0))
    checks = pd.DataFrame(
        [("few_shot", 3, 88.0, 70.0, "apple", "works")], columns="method n_runs mean worst worst_on verdict".split()
    )
    found = pd.DataFrame([{"method": "few_shot", "n_candidates": 4, "chosen": True}])
    (row,) = with_checks(table, checks, found).to_dict("records")
    assert (row["AUROC"], row["n"], row["told"]) == ("65.0", "2 x 1", "shots")
    assert (row["without shift"], row["search"]) == ("88.0, least 70.0: works", "4 tried, moved")


def test_what_a_search_found_for_a_method_that_stays_as_published_stands_beside_its_own_name():
    both = together(*(runs(name, 60.0, 70.0).assign(total_seconds=1.0) for name in ("twofold", "twofold_mmd")))
    checks = pd.DataFrame(columns="method n_runs mean worst worst_on verdict".split())
    found = pd.DataFrame([{"method": "twofold", "n_candidates": 24, "chosen": True}])
    said = with_checks(side_by_side(both), checks, found).set_index("method")["search"]
    assert said.to_dict() == {"twofold": "as published; what was found is twofold_mmd", "twofold_mmd": "24 tried, moved"}


def test_a_dry_run_says_how_long_each_method_takes_and_runs_nothing(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(room, "COMPARED", {DIGITS: 1})
    monkeypatch.setattr(room, "estimate_seconds", lambda configs, *_, **__: (len(configs), 60.0 * len(configs)))
    monkeypatch.setattr(room, "planned", lambda *a, **k: planned(["tsa", "ildr"], 2, 1, [DIGITS], claimed=False))
    assert main(["--dry-run", "--out", str(tmp_path / "runs")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines == [
        "tsa: 2 runs, 2 to do, about 2.0 min",
        "ildr: 2 runs, 2 to do, about 2.0 min",
        "4 runs, 4 to do, about 4 min",
    ]
    assert not (tmp_path / "runs").exists()


# the committed table ------------------------------------------------------------------------------------------------


def test_the_committed_table_follows_from_the_committed_rows():
    place = REPOSITORY / f"{TABLE}.csv"
    if not place.is_file():
        pytest.skip("no committed table: make it with python -m twofold.lessons.side_by_side")
    assert set(map(tuple, pd.read_csv(place)[PAIR].values)) <= set(COMPARED)
    for name, text in tables(as_frame(read_rows(REPOSITORY / ROWS))).items():
        assert (REPOSITORY / name).read_text("utf-8") == text, name
