"""The command line: answers fast, speaks one clear line, leaves nothing half-written."""

import json
import subprocess
import sys
import time

import numpy as np
import pytest
from PIL import Image

from twofold.cli import main

RUN = ["--dataset", "digits", "--source", "type", "--target", "optdigits", "--normal", "3"]
TINY = ["--steps", "2", "--batch-size", "8"]


@pytest.fixture
def pictures(tmp_path):
    """Two made domains of two classes."""
    rng = np.random.default_rng(0)
    for domain in ("day", "night"):
        for name in ("cup", "pen"):
            folder = tmp_path / "data" / domain / name
            folder.mkdir(parents=True)
            for i in range(12):
                Image.fromarray(rng.integers(0, 255, (24, 20, 3), dtype=np.uint8)).save(folder / f"{i}.png")
    return tmp_path / "data"


def folder_run(pictures, *more):
    flags = ["--dataset", "folder", "--source", "day", "--target", "night", "--normal", "cup", "--root", str(pictures)]
    sizes = ["--backbone-size-px", "32", "--encoder-size-px", "32"]
    return ["run", *flags, *sizes, *TINY, "--out", str(pictures.parent / "runs"), *more]


def test_help_answers_without_importing_torch():
    code = "import sys, twofold.cli as c\ntry: c.main(['--help'])\nexcept SystemExit: pass\nassert 'torch' not in sys.modules"
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
    assert time.perf_counter() - start < 5  # a guard against torch, whose import alone takes longer on a busy machine


def test_run_prints_one_json_object_as_the_last_line(tmp_path, capsys):
    assert main(["run", *RUN, "--method", "twofold", *TINY, "--out", str(tmp_path), "--json"]) == 0
    captured = capsys.readouterr()
    result = json.loads(captured.out.splitlines()[-1])
    assert result["method"] == "twofold[steps=2,batch_size=8]"
    assert "encoded" in captured.err
    assert "trained" in captured.err


def test_run_prints_a_summary(tmp_path, capsys):
    assert main(["run", *RUN, "--method", "target_only", "--out", str(tmp_path)]) == 0
    assert "AUROC" in capsys.readouterr().out


def test_sweep_prints_a_list_and_collect_aggregates_it(tmp_path, capsys):
    flags = [*RUN[:-1], "3,5", "--method", "target_only,zero_shot", "--seed", "0,1", "--out", str(tmp_path)]
    assert main(["sweep", *flags, "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out.splitlines()[-1])) == 8
    assert main(["collect", str(tmp_path), "--format", "json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert {row["method"] for row in rows} == {"target_only", "zero_shot"}
    assert {row["n_classes"] for row in rows} == {2}
    keys = {"method", "mean", "std_classes", "std_seeds", "n_classes", "n_seeds", "n_runs", "n_collapsed"}
    assert all(set(row) == keys for row in rows)
    for style, mark in (("table", "AUROC"), ("csv", "std_classes"), ("markdown", "|---|")):
        assert main(["collect", str(tmp_path), "--format", style]) == 0
        assert mark in capsys.readouterr().out


def test_dry_run_prints_the_plan_and_computes_nothing(tmp_path, capsys):
    flags = [*RUN[:-1], "all", "--method", "twofold", "--seed", "0,1", "--out", str(tmp_path / "runs"), "--dry-run"]
    assert main(["sweep", *flags]) == 0
    out = capsys.readouterr().out
    assert "20 runs, 0 finished, 20 to do, about" in out
    assert not (tmp_path / "runs").exists()


def test_a_folder_of_one_s_own_runs(pictures, capsys):
    assert main(folder_run(pictures)) == 0
    assert "taken for normal" in capsys.readouterr().out


def test_the_paper_preset_runs_on_random_weights_asked_for_by_name(pictures, capsys):
    flags = ["--preset", "paper", "--backbone-weights", "random", "--encoder-weights", "random", "--encoder-size-px", "224"]
    assert main([*folder_run(pictures), *flags, "--json"]) == 0
    result = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert result["weights"]["backbone"]["model"] == "resnet50.tv_in1k"
    assert result["weights"]["encoder"]["model"] == "open_clip:ViT-B-32-quickgelu/openai"
    assert result["weights"]["encoder"]["origin"] == "random"
    assert result["dominant"]["size"] > 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run", *RUN[:-1], "eleven"], "wanted a normal class among 0, 1"),
        (["run", *RUN, "--anomaly-ratio", "1"], "anomaly_ratio in [0, 1)"),
        (["run", *RUN, "--anomaly-ratio", "ten"], "wanted --anomaly-ratio as float, got 'ten'"),
        (["run", *RUN, "--n-clusters", "5000"], "wanted n_clusters from 1 to the 92 target pictures"),
        (["run", *RUN, "--method", "twofolds"], "did you mean 'twofold'?"),
        (["run", *RUN, "--one-class", "frozen"], "wanted alignment none"),
        (["run", *RUN, "--learning", "1"], "--learning"),
        (["run", *RUN, "--backbone-weights", "no.pth"], "which is no file"),
        (["run", *RUN, "--device", "abacus"], "wanted a device"),
        (["run", "--dataset", "digits"], "the following arguments are required"),
        (["run", *RUN[:5], "cursive", *RUN[6:]], "wanted a domain of digits, got 'cursive'"),
        (["sweep", *RUN, "--jobs", "0"], "--jobs"),
        (["sweep", *RUN, "--normalize-features", "maybe"], "true or false"),
        (["collect", "no/such/folder"], "wanted a folder of runs"),
        (["data", "check", "imagenet"], "wanted a data set"),
        (["data", "check", "office31", "--root", "no/such/folder"], "no/such/folder"),
        (["frobnicate"], "invalid choice"),
    ],
)
def test_bad_input_gets_one_clear_line_and_exit_code_2(arguments, words, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    captured = capsys.readouterr()
    lines = captured.err.splitlines()
    assert words in lines[-1]
    assert len([line for line in lines if line.startswith("twofold:")]) == 1
    assert "Traceback" not in captured.err
    assert not list(tmp_path.iterdir()), "nothing may be left behind"


def test_a_truncated_picture_is_named(pictures, capsys):
    broken = pictures / "night" / "cup" / "3.png"
    broken.write_bytes(broken.read_bytes()[:200])
    assert main(folder_run(pictures)) == 2
    assert str(broken) in capsys.readouterr().err
    assert not (pictures.parent / "runs").exists()


def test_an_empty_class_folder_is_named(pictures, capsys):
    (pictures / "night" / "void").mkdir()
    assert main(folder_run(pictures)) == 2
    assert "void" in capsys.readouterr().err


def test_a_test_set_of_one_class_is_refused(pictures, capsys):
    assert main([*folder_run(pictures), "--normal", "cup+pen"]) == 2
    assert "wanted a test set of normals and anomalies" in capsys.readouterr().err


def test_weights_of_another_architecture_are_refused(pictures, capsys, tmp_path):
    import torch

    torch.save({"a": torch.zeros(3)}, tmp_path / "w.pth")
    assert main([*folder_run(pictures), "--backbone", "resnet18", "--backbone-weights", str(tmp_path / "w.pth")]) == 2
    assert "wanted weights that fit resnet18" in capsys.readouterr().err


def test_unreachable_weights_are_an_error_within_seconds(pictures, capsys, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    start = time.perf_counter()
    assert main([*folder_run(pictures), "--encoder", "vit_tiny_patch16_224"]) == 2
    assert time.perf_counter() - start < 15
    assert "ask for 'random' by name" in capsys.readouterr().err


def test_data_list_and_doctor_speak(capsys):
    assert main(["data", "list"]) == 0
    assert "optdigits" in capsys.readouterr().out
    assert main(["data", "check", "digits"]) == 0
    assert "1797 pictures" in capsys.readouterr().out
    assert main(["doctor"]) == 0
    assert "wheel" in capsys.readouterr().out
