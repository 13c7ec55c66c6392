"""Fair searches: who is tried, who goes on and wins by hand, and that the committed winners follow from the committed runs."""

from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest

from twofold.errors import InputError
from twofold.lessons import fair_search as room
from twofold.lessons.fair_search import (
    AGAIN,
    BESIDE,
    LEAST_GAIN,
    LONG_RUNGS,
    MIXED,
    POOLS,
    RUNGS,
    SEARCHES,
    SHORTENED,
    keep_searches,
    pool_of,
    rung_table,
    winners,
)
from twofold.methods import METHODS
from twofold.runs.config import configure
from twofold.runs.search import name_of, some_classes

COMMITTED = Path(__file__).resolve().parents[2] / SEARCHES
TASK = ("digits", "type", "optdigits", "4")


def runs(candidate, rung, auroc, n=2, method="tsa", **fields):
    """Of a candidate a run a class on one pair."""
    task = {"dataset": "digits", "source": "type", "target": "optdigits", "seed": 0, "collapsed": False, "error": None}
    rows = [{**task, "normal": str(i), "config_hash": f"{candidate}{i}", "seconds": 1.0} for i in range(n)]
    return [{"method": method, "candidate": candidate, "rung": rung, **row, "auroc": auroc, **fields} for row in rows]


FIRST, *OTHERS = [name_of(candidate) for candidate in pool_of("tsa")]


def made(*levels, last=None):
    """A search of the four candidates of tsa: their AUROC on the first rung, and on the last that of those named."""
    first = [run for name, auroc in zip([FIRST, *OTHERS], levels, strict=True) for run in runs(name, 0, auroc, n=1)]
    return pd.DataFrame(first + [run for name, auroc in (last or {}).items() for run in runs(name, 1, auroc)])


@pytest.mark.parametrize("method", [*MIXED, *POOLS])
def test_a_pool_has_at_most_24_candidates_and_begins_with_what_stood_before(method):
    pool = pool_of(method)
    assert 1 < len(pool) <= 24
    assert pool[0] == {
        "method": AGAIN.get(method, method),
        **SHORTENED.get(method, {}),
        **{k: v[0] for k, v in POOLS.get(method, {}).items()},
    }
    assert len({configure(*TASK, **candidate) for candidate in pool}) == len(pool)


def test_every_method_of_others_is_searched():
    ours = {"twofold", "density", *BESIDE.values(), "source_only", "align_all", "cluster_backbone", "oracle", "in_domain"}
    frozen = {"random_init", "zero_shot", "source_knn", "target_only", "target_gaussian", "pooled_gaussian"}
    assert set(METHODS) - ours - frozen == set(POOLS)
    assert {AGAIN.get(method, method) for method in MIXED} <= ours
    with pytest.raises(InputError, match=r"got 'zero_shot'; choose among: twofold, density, .*few_shot"):
        pool_of("zero_shot")


@pytest.mark.parametrize("method", [method for method in MIXED if method not in AGAIN])
def test_each_alignment_is_searched_at_three_rates_of_its_own_or_more(method):
    pool = pool_of(method)
    for alignment in ("contrastive", "mmd", "grl"):
        assert (
            len(
                {
                    configure(*TASK, **one).recipe.learning_rate
                    for one in pool
                    if one.get("alignment", "contrastive") == alignment
                }
            )
            >= 3
        )


def test_the_winner_is_the_best_of_the_last_rung_and_a_small_gain_moves_nothing():
    (row,) = winners(made(80, 70, 90, 60, last={OTHERS[1]: 85.0, FIRST: 82.0})).to_dict("records")
    assert (row["before"], row["best"], row["gain"], row["chosen"]) == (FIRST, OTHERS[1], 3.0, True)
    (row,) = winners(made(80, 70, 90, 60, last={OTHERS[1]: 82.0 + LEAST_GAIN / 2, FIRST: 82.0})).to_dict("records")
    assert not row["chosen"]
    (row,) = winners(made(80, 70, 90, 60, last={OTHERS[1]: 81.0, FIRST: 82.0})).to_dict("records")
    assert (row["best"], row["gain"], row["chosen"]) == (FIRST, 0.0, False)


def test_a_collapse_and_a_failure_count_as_chance():
    table = made(80, 70, 90, 60, last={OTHERS[1]: 99.0, FIRST: 82.0})
    table.loc[table["candidate"] == OTHERS[1], "collapsed"] = True
    (row,) = winners(table[table["rung"] == 1]).to_dict("records")
    assert (row["best"], row["best_mean"], row["n_collapsed"]) == (FIRST, 82.0, 2)
    table = table.astype({"collapsed": object, "error": object})
    table.loc[table["candidate"] == FIRST, ["auroc", "collapsed", "error"]] = [None, None, "ValueError: made"]
    (row,) = winners(table[table["rung"] == 1]).to_dict("records")
    assert (row["before_mean"], row["best_mean"]) == (50.0, 50.0)


def test_one_that_went_on_though_it_was_not_among_the_best_is_found_out():
    with pytest.raises(InputError, match="wanted the best of rung 0 of tsa alone to go on"):
        winners(made(80, 70, 90, 60, last={OTHERS[0]: 99.0, FIRST: 82.0}))
    with pytest.raises(InputError, match="on the last rung"):
        winners(made(80, 70, 90, 60, last={OTHERS[1]: 99.0}))


def test_what_stood_before_is_on_the_last_rung_though_it_was_beaten(monkeypatch, tmp_path):
    asked = []

    def search(pool, log_file, pairs, rungs, keep, hours, out, jobs, root, log):
        names = [name_of(candidate) for candidate in pool]
        asked.append((names, len(rungs)))
        table = made(80, 70, 90, 60, last={OTHERS[1]: 85.0}) if len(rungs) > 1 else pd.DataFrame(runs(names[0], 0, 82.0))
        return SimpleNamespace(runs=table.drop(columns="method"))

    monkeypatch.setattr(room, "search", search)
    (row,) = winners(room.fair_search("tsa", tmp_path)).to_dict("records")
    assert asked == [([FIRST, *OTHERS], len(RUNGS)), ([FIRST], 1)]
    assert (row["best"], row["before_mean"], row["n_runs"]) == (OTHERS[1], 82.0, 6)


def test_a_search_again_stands_in_place_of_the_old_one_and_the_same_rows_are_the_same_bytes(tmp_path):
    place = tmp_path / "searches.csv.gz"
    keep_searches(place, pd.DataFrame(runs("x", 0, 70.0, method="tsa")))
    keep_searches(place, pd.DataFrame(runs("y", 0, 80.0, method="msra")))
    table = keep_searches(place, pd.DataFrame(runs("x", 0, 75.0, method="tsa")))
    assert table[["method", "auroc"]].values.tolist() == [["msra", 80.0]] * 2 + [["tsa", 75.0]] * 2
    before = place.read_bytes()
    keep_searches(place, pd.DataFrame(runs("x", 0, 75.0, method="tsa")))
    assert place.read_bytes() == before


# the committed searches ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def committed():
    if not COMMITTED.is_file():
        pytest.skip(f"no {SEARCHES}: make it with python -m twofold.lessons.fair_search")
    return pd.read_csv(COMMITTED, dtype={"normal": str})


def test_the_committed_runs_are_of_classes_and_seeds_that_nobody_chose(committed):
    for (method, rung, *pair), rows in committed.groupby(["method", "rung", "dataset", "source", "target"]):
        asked = (LONG_RUNGS if method in MIXED else RUNGS)[rung]
        assert set(rows["seed"]) == set(range(asked.n_seeds))
        if pair[0] != "pacs":  # its pictures need not be here
            assert set(rows["normal"]) == set(some_classes(tuple(pair), asked.n_classes))


def test_the_committed_winners_are_the_methods_defaults_or_stand_beside_them(committed):
    told = winners(committed)  # refuses a table whose rungs do not follow from its runs
    for row in told.itertuples():
        by_name = {name_of(candidate): candidate for candidate in pool_of(row.method)}
        wanted = by_name[row.best if row.chosen else row.before]
        name = BESIDE.get(row.method, AGAIN.get(row.method, row.method))
        assert configure(*TASK, **wanted).settings == configure(*TASK, name, **SHORTENED.get(name, {})).settings, row.method
        assert configure(*TASK, **wanted).recipe == configure(*TASK, name, **SHORTENED.get(name, {})).recipe, row.method


def test_the_committed_search_for_reading_follows_from_its_runs(committed):
    for method in set(committed["method"]) & set(MIXED):
        table = rung_table(committed, method)
        assert (COMMITTED.parent / f"search_{method}.csv").read_text("utf-8") == table.to_csv(index=False)
        assert len(table) == len(pool_of(method))
        assert table["candidate"].iloc[0] == winners(committed).set_index("method").loc[method, "best"]


def test_a_search_is_read_by_its_last_rung_first():
    table = rung_table(made(80, 70, 90, 60, last={OTHERS[1]: 81.0, FIRST: 82.0}), "tsa")
    assert table["candidate"].tolist() == [FIRST, OTHERS[1], OTHERS[0], OTHERS[2]]
    assert table["mean"].tolist() == [82.0, 81.0, 70.0, 60.0]
