"""Successive halving: who goes on, what is logged, what a collapse counts for, and when the budget ends it."""

import pandas as pd
import pytest

from twofold.errors import InputError
from twofold.runs import search as room
from twofold.runs.search import Rung, candidates, name_of, search
from twofold.runs.store import RunStore

PAIRS = [("digits", "type", "optdigits"), ("emoji", "windows", "apple")]
SMALL = (Rung(1, 1), Rung(2, 1), Rung(None, 2))
RATES = [{"learning_rate": rate} for rate in (0.001, 0.002, 0.003, 0.004, 0.005, 0.006)]


class Sweep:
    """In place of sweep: AUROC by a formula, a minute a run, each computed once."""

    def __init__(self, auroc, collapsed=lambda config: False, failed=lambda config: False):
        self.auroc, self.collapsed, self.failed, self.done, self.computed = auroc, collapsed, failed, {}, []

    def __call__(self, configs, out, jobs, root, device, log):
        for config in configs:
            if config not in self.done:
                self.computed.append(config)
                error = "ValueError: made" if self.failed(config) else None
                self.done[config] = {
                    "auroc": None if error else self.auroc(config),
                    "collapsed": None if error else self.collapsed(config),
                    "error": error,
                    "config_hash": str(len(self.done)),
                    "seconds": {"total": None if error else 60.0},
                }
        return [self.done[config] for config in configs]


@pytest.fixture
def made(monkeypatch):
    """Puts a made sweep in place, on made classes."""

    def put(auroc=lambda config: 50 + 5000 * config.recipe.learning_rate, **kinds):
        sweep = Sweep(auroc, **kinds)
        monkeypatch.setattr(room, "sweep", sweep)
        monkeypatch.setattr(room, "normal_classes", lambda dataset, *_: list("abc") if dataset == "digits" else list("pqrst"))
        return sweep

    return put


def test_the_best_share_goes_on_and_one_is_kept_in_the_end(made, tmp_path):
    sweep = made()
    found = search(RATES, tmp_path / "log.csv", PAIRS, SMALL, keep=1 / 3)
    log = found.log
    assert found.best == {"learning_rate": 0.006}
    assert found.failed == 0
    assert log["rung"].tolist() == [0] * 6 + [1] * 2 + [2]
    assert log[log["kept"]].groupby("rung")["candidate"].apply(list).tolist() == [
        ["twofold[learning_rate=0.005]", "twofold[learning_rate=0.006]"],
        ["twofold[learning_rate=0.006]"],
        ["twofold[learning_rate=0.006]"],
    ]
    assert log["n_runs"].tolist() == [2] * 6 + [4] * 2 + [2 * 3 + 2 * 5]
    assert log["seconds"].tolist() == [60 * n for n in log["n_runs"]]
    assert len(sweep.computed) == 6 * 2 + 2 * 2 + 12  # a smaller rung's runs are among a larger one's
    assert log["mean"][5] == pytest.approx(80)


def test_every_pair_counts_the_same_however_many_classes_it_has(made, tmp_path):
    made(lambda config: 90.0 if config.task.dataset == "digits" else 60.0)
    log = search(RATES[:1], tmp_path / "log.csv", PAIRS, [Rung(None, 1)]).log
    assert log.loc[0, ["digits type->optdigits", "emoji windows->apple", "mean"]].tolist() == [90, 60, 75]


def test_a_run_that_collapsed_or_failed_counts_as_a_guess_and_is_counted(made, tmp_path):
    made(
        lambda config: 98.0,
        collapsed=lambda config: config.recipe.learning_rate == 0.002 and config.task.normal in "ab",
        failed=lambda config: config.recipe.learning_rate == 0.003,
    )
    found = search(RATES[:3], tmp_path / "log.csv", PAIRS[:1], [Rung(None, 1)])
    assert found.log["mean"].tolist() == pytest.approx([98, (50 + 50 + 98) / 3, 50])
    assert found.log["n_collapsed"].tolist() == [0, 2, 0]
    assert found.log["n_failed"].tolist() == [0, 0, 3]
    assert found.failed == 3


def test_of_equals_the_first_is_kept(made, tmp_path):
    made(lambda config: 70.0)
    assert search(RATES, tmp_path / "log.csv", PAIRS, SMALL, keep=0.5).best == RATES[0]


def test_a_budget_ends_the_search_and_a_larger_one_goes_on_to_the_same_end(made, tmp_path):
    sweep, lines = made(), []
    whole = search(RATES, tmp_path / "whole.csv", PAIRS, SMALL)
    n_all = len(sweep.computed)
    sweep = made()
    short = search(RATES, tmp_path / "log.csv", PAIRS, SMALL, hours=13 / 60, log=lines.append)
    assert len(sweep.computed) == 6 * 2 + 2  # 12 minutes are under 13, 14 are not
    assert short.best == RATES[5]  # of the whole rung
    assert short.log["kept"].isna().tolist() == [False] * 6 + [True]
    assert lines[-1] == "stopped in rung 1: the budget of 0.216667 core hours is spent"
    again = search(RATES, tmp_path / "log.csv", PAIRS, SMALL)
    assert len(sweep.computed) == n_all
    pd.testing.assert_frame_equal(again.log, whole.log)
    assert (tmp_path / "log.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()
    assert search(RATES, tmp_path / "log.csv", PAIRS, SMALL, hours=0).best is None


def test_the_log_is_whole_after_every_candidate_and_says_what_is_found(made, tmp_path, monkeypatch):
    made()
    written, place = [], tmp_path / "deep" / "log.csv"
    write = room.write_text
    monkeypatch.setattr(room, "write_text", lambda path, text: written.append(text) or write(path, text))
    found = search(RATES[:2], place, PAIRS, SMALL[:2])
    assert [text.count("\n") - 1 for text in written] == [1, 2, 2, 3, 3]
    log = pd.read_csv(place)
    assert list(log) == ["candidate", "rung", "digits type->optdigits", "emoji windows->apple", "mean", "n_runs",
                         "n_collapsed", "n_failed", "seconds", "kept"]  # fmt: skip
    pd.testing.assert_frame_equal(log, found.log.round(3), check_dtype=False)


def test_candidates_are_the_product_without_what_they_do_not_read():
    fields = {"method": ["twofold"], "alignment": ["contrastive", "mmd"], "temperature": [0.1, 1.0], "n_clusters": [2, 5]}
    found = candidates(fields)
    assert len(found) == 2 * 2 + 2
    assert all(("temperature" in candidate) == (candidate["alignment"] == "contrastive") for candidate in found)
    several = candidates({"method": ["twofold", "target_only"], "learning_rate": [0.1, 0.2], "target_neighbors": [3, 5]})
    assert several[2:] == [{"method": "target_only", "target_neighbors": n} for n in (3, 5)]


def test_of_many_candidates_some_are_drawn_and_always_the_same():
    fields = {"learning_rate": [0.001 * i for i in range(1, 11)], "n_clusters": [2, 5, 10]}
    few, again = candidates(fields, 24), candidates(fields, 24)
    assert few == again
    assert len(few) == 24 == len({tuple(candidate.items()) for candidate in few})
    assert candidates(fields, 30) == candidates(fields)
    assert candidates(fields, 24, seed=1) != few


def test_what_cannot_be_is_refused_before_anything_runs(made, tmp_path):
    sweep = made()
    with pytest.raises(InputError, match=r"wanted a field that twofold reads, got dense_share.*as do the other candidates"):
        candidates({"n_clusters": [2, 5], "dense_share": [0.5]})
    with pytest.raises(InputError, match="learning_rate"):
        candidates({"learning_rate": [0.1, -1.0]})
    with pytest.raises(InputError, match="wanted candidates, got none"):
        search([], tmp_path / "log.csv", PAIRS)
    with pytest.raises(InputError, match="learning_rate"):
        search([RATES[0], {"learning_rate": -1.0}], tmp_path / "log.csv", PAIRS)
    assert not sweep.computed


def test_rungs_of_real_runs(tmp_path):
    """A control that trains nothing, on digits: the store holds the runs, and what is logged is their mean."""
    pool = candidates({"method": ["target_only"], "target_neighbors": [1, 7]})
    found = search(pool, tmp_path / "log.csv", PAIRS[:1], (Rung(1, 1), Rung(2, 1)), keep=0.5, out=tmp_path / "runs")
    assert found.log["n_runs"].tolist() == [1, 1, 2]
    stored = RunStore(tmp_path / "runs").results()
    assert len(stored) == 3
    last = [r["auroc"] for r in stored if r["config"]["settings"]["target_neighbors"] == found.best["target_neighbors"]]
    assert found.log["mean"].iloc[-1] == pytest.approx(sum(last) / 2)


def test_what_is_found_holds_the_runs_that_the_log_is_made_from(made, tmp_path):
    made(collapsed=lambda config: config.recipe.learning_rate == 0.001)
    found = search(RATES, tmp_path / "log.csv", PAIRS, SMALL, keep=1 / 3)
    first = found.runs[found.runs["rung"] == 0]
    assert len(found.runs) == found.log["n_runs"].sum()
    assert first.groupby("candidate", sort=False).size().tolist() == [2] * 6
    assert first[["dataset", "normal", "seed"]].drop_duplicates().values.tolist() == [["digits", "c", 0], ["emoji", "r", 0]]
    assert first.groupby("candidate")["collapsed"].any().to_dict()[name_of(RATES[0])]
    assert first["seconds"].tolist() == [60.0] * 12
