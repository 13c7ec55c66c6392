"""Many runs: planned, never computed twice, equal whatever the number of jobs, and a killed one goes on."""

import dataclasses
import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from small_runs import AS_NAMED, TASK, TINY, folder_config, plant

from twofold.errors import InputError
from twofold.methods import METHODS
from twofold.runs import run as run_room
from twofold.runs import sweeps
from twofold.runs.config import RunConfig, configure
from twofold.runs.estimates import estimate_seconds
from twofold.runs.store import WEIGHTS, RunStore
from twofold.runs.sweeps import expand, run_one, sweep


def quiet(_):
    pass


# the plan -----------------------------------------------------------------------------------------------------------


def test_expand_runs_the_product_of_all_lists_in_order_and_each_once():
    configs = expand({**TASK, "normal": ["3", "5", "3"], "seed": [0, 1], "method": ["target_only", "zero_shot"]})
    assert [(c.task.normal, c.task.seed, c.method) for c in configs] == [
        (normal, seed, method) for normal in ("3", "5") for seed in (0, 1) for method in ("target_only", "zero_shot")
    ]


def test_all_stands_for_every_class_that_both_domains_share(tmp_path):
    assert [c.task.normal for c in expand({**TASK, "normal": "all", "method": "zero_shot"})] == list("0123456789")
    root = plant(tmp_path, {"day": {"cup": "disc", "hat": "disc"}, "night": {"pen": "disc", "cup": "disc"}}, n=2)
    tree = {"dataset": "folder", "source": "day", "target": "night", "normal": "all"}
    assert [c.task.normal for c in expand({**tree, "method": "zero_shot"}, root)] == ["cup"]
    strange = plant(tmp_path / "strange", {"day": {"hat": "disc"}, "night": {"pen": "disc"}}, n=2)
    with pytest.raises(InputError, match="wanted classes that day and night share, got none; name the folders alike"):
        expand(tree, strange)


def test_a_field_goes_to_the_methods_that_read_it():
    configs = expand({**TASK, "method": list(METHODS), "steps": [5, 7], "kept_share": 0.7})
    names = [c.name for c in configs]
    assert len(set(names)) == len(names)
    for config in configs:
        assert ("steps" in config.changed) == config.trains
        assert ("kept_share" in config.changed) == hasattr(config.settings, "kept_share")
    assert {c.method for c in configs} == set(METHODS)


def test_a_field_that_no_listed_method_reads_is_refused():
    with pytest.raises(InputError, match="got steps; it trains nothing: leave it out, as do the other methods"):
        expand({**TASK, "method": ["target_only", "zero_shot"], "steps": 7})
    with pytest.raises(InputError, match="wanted a field that target_only reads, got steps"):
        expand({**TASK, "method": ["target_only"], "steps": 7})
    with pytest.raises(InputError, match="wanted a field that target_only reads, got steps"):
        expand({**TASK, "method": "target_only", "steps": [5, 7]})


def test_a_value_that_cannot_be_is_refused_however_many_methods_there_are():
    with pytest.raises(InputError, match="wanted selection, got 'k-means'"):
        expand({**TASK, "method": ["twofold", "density"], "selection": "k-means"})
    with pytest.raises(InputError, match="wanted a field of a run, got 'stepps'"):
        expand({**TASK, "method": ["twofold", "target_only"], "stepps": 3})


# one run ------------------------------------------------------------------------------------------------------------


def test_a_finished_run_is_not_computed_again(tmp_path, monkeypatch):
    config, lines = configure(**TASK, **TINY), []
    first = run_one(config, tmp_path)
    monkeypatch.setattr(sweeps, "run", lambda *_: pytest.fail("computed again"))
    assert run_one(config, tmp_path, log=lines.append) == first
    assert lines[0].startswith(f"found {config.name} 3 seed 0 in ")


def test_a_second_run_encodes_no_picture(tmp_path, monkeypatch):
    caches = []
    monkeypatch.setattr(
        sweeps, "EmbeddingCache", lambda **options: caches.append(run_room.EmbeddingCache(**options)) or caches[-1]
    )
    for out in ("a", "b"):
        run_one(configure(**TASK, **TINY), tmp_path / out)
    assert caches[1].encoded == 0


def test_weights_can_be_saved_after_the_run(tmp_path, finished):
    prepared, result, fitted = finished["twofold"]
    RunStore(tmp_path).save(result, prepared, fitted)
    assert run_one(prepared.config, tmp_path, save_weights=True)["config_hash"] == result["config_hash"]
    assert (tmp_path / result["config_hash"] / WEIGHTS).is_file()
    assert RunStore(tmp_path).results() == [result]


def test_an_error_of_the_input_is_raised_and_any_other_is_a_row(tmp_path, monkeypatch):
    with pytest.raises(InputError, match="wanted a normal class"):
        run_one(configure(**{**TASK, "normal": "x"}), tmp_path)
    monkeypatch.setattr(sweeps, "run", lambda *_: (_ for _ in ()).throw(ZeroDivisionError("by\nhand")))
    row = run_one(configure(**TASK), tmp_path)
    assert row["error"] == "ZeroDivisionError: by hand"
    assert RunStore(tmp_path).results() == [row]


# many ---------------------------------------------------------------------------------------------------------------


def test_the_number_of_jobs_and_threads_never_moves_a_score(tmp_path, monkeypatch):
    root = plant(tmp_path / "data", AS_NAMED)
    configs = [folder_config(method, seed=seed) for method in ("source_only", "zero_shot") for seed in (0, 1)]
    outcomes = []
    for jobs, threads in ((1, 2), (2, 1)):
        monkeypatch.setenv("TWOFOLD_CACHE", str(tmp_path / f"cache{jobs}"))
        torch.set_num_threads(threads)
        outcomes.append(sweep(configs, tmp_path / str(jobs), jobs, root, log=quiet))
    torch.set_num_threads(1)
    assert [r["config_hash"] for r in outcomes[0]] == [r["config_hash"] for r in outcomes[1]]
    for result in outcomes[0]:
        scores = [RunStore(tmp_path / jobs).test_features(result["config_hash"])["scores"] for jobs in "12"]
        assert np.array_equal(*scores)


def test_a_failed_run_is_a_row_with_its_error_and_is_tried_again(tmp_path, monkeypatch):
    configs = expand({**TASK, "method": ["zero_shot", "target_only"]})
    real, lines = sweeps.run, []

    def broken(prepared, *rest):
        if prepared.config.method == "zero_shot":
            raise RuntimeError("out of memory")
        return real(prepared, *rest)

    monkeypatch.setattr(sweeps, "run", broken)
    results = sweep(configs, tmp_path, log=lines.append)
    assert results[0]["error"] == "RuntimeError: out of memory"
    assert results[0]["auroc"] is None
    assert results[1]["error"] is None
    assert lines[0] == "[1/2] digits type->optdigits 3 r=0.1 seed 0 zero_shot: failed: RuntimeError: out of memory"
    assert lines[1].startswith("[2/2] digits type->optdigits 3 r=0.1 seed 0 target_only: AUROC ")
    monkeypatch.setattr(sweeps, "run", real)
    assert sweep(configs, tmp_path, log=quiet)[0]["error"] is None
    assert not list(tmp_path.glob(".writing-*"))


def test_a_broken_picture_fails_its_run_alone(tmp_path):
    root = plant(tmp_path / "data", {**AS_NAMED, "dusk": AS_NAMED["night"]}, n=12)
    broken = tmp_path / "data" / "night" / "pen" / "007.bmp"
    broken.write_bytes(broken.read_bytes()[:60])
    good = dataclasses.replace(folder_config(), task=dataclasses.replace(folder_config().task, target="dusk"))
    results = sweep([folder_config(transductive=True), good], tmp_path / "runs", root=root, log=quiet)
    assert results[0]["error"].startswith("UnreadableError: wanted ")
    assert "pen/007.bmp" in results[0]["error"]
    assert results[1]["error"] is None
    assert len(RunStore(tmp_path / "runs").results()) == 2


class Deadly(RunConfig):
    """A run whose process is killed as soon as it receives it, as the system does where memory ends."""

    def __reduce__(self):
        return os._exit, (9,)


def test_a_killed_worker_ends_the_sweep_and_what_was_stored_is_told_as_stored(tmp_path):
    whole = expand({**TASK, "method": ["zero_shot", "source_knn"]})
    run_one(whole[1], tmp_path)  # stored, though its turn comes after the kill
    fields = {field.name: getattr(whole[0], field.name) for field in dataclasses.fields(RunConfig)}
    results = sweep([Deadly(**fields), whole[1]], tmp_path, jobs=2, log=quiet)
    assert "TerminatedWorkerError" in results[0]["error"]
    assert results[1]["error"] is None
    again = sweep(whole, tmp_path, log=quiet)
    assert [r["error"] for r in again] == [None, None]


def test_a_killed_sweep_goes_on_where_it_stopped(tmp_path):
    configs = expand({**TASK, "method": ["zero_shot", "target_only", "source_knn"]})
    script = (
        "import os, sys\nfrom twofold.runs import sweeps\n"
        f"configs = sweeps.expand({ {**TASK, 'method': ['zero_shot', 'target_only', 'source_knn']}!r})\n"
        "lines = []\n"
        "sweeps.sweep(configs, sys.argv[1], log=lambda line: lines.append(line) or len(lines) == 2 and os._exit(9))\n"
    )
    killed = subprocess.run([sys.executable, "-c", script, str(tmp_path)], env=os.environ, check=False)
    assert killed.returncode == 9
    assert estimate_seconds(configs, tmp_path)[0] == 1
    results = sweep(configs, tmp_path, log=quiet)
    assert [r["error"] for r in results] == [None] * 3
    assert estimate_seconds(configs, tmp_path) == (0, 0.0)
