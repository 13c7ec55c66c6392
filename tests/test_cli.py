"""The command line: says what it takes, refuses in one line, and leaves nothing half-written."""

import contextlib
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Literal, get_args, get_origin

import numpy as np
import pytest
from PIL import Image

from twofold import cli
from twofold.cli import main
from twofold.errors import InputError
from twofold.flags.commands import COMMANDS
from twofold.flags.parsing import HelpAsked, given, parsed
from twofold.methods import METHODS
from twofold.runs.config import TaskConfig, configure, run_fields
from twofold.runs.store import RunStore

REPOSITORY = Path(__file__).resolve().parents[1]
TASK = {"dataset": "digits", "source": "type", "target": "optdigits", "normal": "3"}
RUN = [word for name, value in TASK.items() for word in (f"--{name}", value)]
TINY = ["--steps", "2", "--batch-size", "8"]
LIGHT = ("score", "check", "report", "export", "collect", "reproduce", "data", "doctor")  # their help knows no field
FULL = Path("/dev/full")


def flag(name):
    return "--" + name.replace("_", "-")


def script(*arguments):
    return [sys.executable, "-m", "twofold", *map(str, arguments)]


def help_of(*arguments):
    with pytest.raises(HelpAsked) as asked:
        parsed([*arguments, "--help"])
    return " ".join(str(asked.value).split())


@pytest.fixture
def pictures(tmp_path):
    """Two made domains of two classes, one named with a comma."""
    rng = np.random.default_rng(0)
    for domain in ("day", "night"):
        for name in ("cup", "a,b"):
            folder = tmp_path / "data" / domain / name
            folder.mkdir(parents=True)
            for i in range(12):
                Image.fromarray(rng.integers(0, 255, (24, 20, 3), dtype=np.uint8)).save(folder / f"{i}.png")
    return tmp_path / "data"


def folder_run(pictures, *more, command="run"):
    flags = ["--dataset", "folder", "--source", "day", "--target", "night", "--normal", "cup", "--root", str(pictures)]
    sizes = ["--backbone-size-px", "32", "--encoder-size-px", "32"]
    return [command, *flags, *sizes, *TINY, "--out", str(pictures.parent / "runs"), *more]


@pytest.fixture(scope="session")
def store(tmp_path_factory):
    """A store of eight runs, made by one sweep, and what the sweep printed."""
    folder = tmp_path_factory.mktemp("store") / "runs"
    flags = [*RUN[:-1], "3,5", "--method", "target_only,zero_shot", "--seed", "0,1", "--out", folder, "--json"]
    done = subprocess.run(script("sweep", *flags), capture_output=True, text=True, check=True)
    return folder, done.stdout


# help ---------------------------------------------------------------------------------------------------------------


def test_help_and_imports_wait_for_no_torch():
    code = "import sys, twofold, twofold.cli as c\n"
    code += f"for name in {LIGHT!r}: assert c.main([name, '--help']) == 0\n"
    code += "assert c.main(['--help']) == 0 and c.main(['frobnicate']) == 2 and c.main(['score']) == 2\n"
    code += "assert not {'torch', 'numpy', 'pandas'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def test_help_costs_little_beside_an_empty_program_and_beside_torch():
    def least(*command):
        def once():
            start = time.perf_counter()
            subprocess.run(command, check=True, capture_output=True)
            return time.perf_counter() - start

        return min(once() for _ in range(3))

    nothing = least(sys.executable, "-c", "pass")
    answer, torch = least(*script("--help")), least(sys.executable, "-c", "import torch")
    assert answer - nothing < (torch - nothing) / 3


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_says_what_it_takes(command):
    words = help_of(command)
    for name, options in COMMANDS[command].flags.items():
        assert options.get("metavar", name) in words
        assert " ".join(options["help"].split()) in words
        if options.get("default") not in (None, ["all"]):
            assert f"(default: {options['default']})" in options["help"]
        assert set(options.get("choices", ())) <= set(re.findall(r"\w+", options["help"]))
    assert COMMANDS[command].help in help_of()


@pytest.mark.parametrize("command", ["run", "sweep", "search", "fit"])
def test_every_field_is_a_flag_with_its_words_values_bounds_and_default(command):
    words = help_of(command).replace("- ", "-")
    task = TaskConfig.__pydantic_fields__.keys()
    absent = {"fit": (task | {"method", "preset"}) - {"seed"}, "search": task}.get(command, ())  # or with words of their own
    for name in run_fields():
        there = bool(re.search(rf"{flag(name)} (VALUE|\[VALUE\]) ", words))
        assert there == (name not in absent), name
    for cls, _ in METHODS.values():
        for name, field in cls.Settings.__pydantic_fields__.items():
            assert field.description.replace("- ", "-") in words, name
            if get_origin(field.annotation) is Literal:
                assert f"({', '.join(get_args(field.annotation))}; default: {field.default})" in words
            for bound in field.metadata:
                number = next(iter(vars(bound).values())) if hasattr(bound, "__dict__") else None
                assert number is None or f"{number:.10g}" in words
    assert "above 0 to 1; default: 0.85" in words
    assert "from 1 to 1000000; default: 2" in words


# every field there and back ---------------------------------------------------------------------------------------------


def values_of(field):
    """Values at the bounds of a field and between."""
    if get_origin(field.annotation) is Literal:
        return list(get_args(field.annotation))
    kind = next(k for k in (field.annotation, *get_args(field.annotation)) if k in (bool, int, float, str))
    if kind is bool:
        return [True, False]
    if kind is str:
        return ["resnet18", "5+7"]
    bounds = [getattr(bound, key) for bound in field.metadata for key in ("gt", "ge", "le", "lt") if hasattr(bound, key)]
    low, high = bounds
    inside = [
        low,
        high,
        low + (high - low) / 3,
        low + (high - low) / 10,
        *([] if field.is_required() or field.default is None else [field.default]),
    ]
    return sorted({kind(number) for number in inside})


def readers(name):
    """Methods, and what makes them read a field; the settings that describe it."""
    for method, (cls, _) in METHODS.items():
        for more in ({}, {"one_class": "msc"}):
            try:
                configure(**TASK, method=method, **more)
            except InputError:
                continue
            yield {"method": method, **more}, cls.Settings.__pydantic_fields__.get(name, run_fields()[name])


@pytest.mark.parametrize("name", [name for name in run_fields() if name not in (*TASK, "method", "preset")])
def test_every_value_of_every_field_is_parsed_back_to_the_same_configuration(name):
    tried = 0
    for context, field in readers(name):
        listed = {}
        for value in [*values_of(field), *([None] if field.default is None else [])]:
            chosen = {**TASK, **context, name: value}
            try:
                wanted = configure(**chosen)
            except InputError:
                continue
            words = [word for key, v in chosen.items() for word in (flag(key), str(v))]
            assert configure(**given(parsed(["run", *words]))) == wanted
            listed[words.pop()] = wanted.flat[name]
        if listed:
            assert given(parsed(["sweep", *words, ",".join(listed)]), lists=True)[name] == [*listed.values()]
        tried += len(listed)
    assert tried >= 2


def test_a_flag_of_yes_or_no_may_stand_alone():
    assert given(parsed(["run", *RUN, "--paired", "--seed", "1"])) == {**TASK, "paired": True, "seed": 1}
    assert given(parsed(["run", *RUN, "--paired", "no"]))["paired"] is False


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("3", ["3"]),
        ("3,5", ["3", "5"]),
        (",3,,5,", ["3", "5"]),
        (r"a\,b,c", ["a,b", "c"]),
        (r"\,", [","]),
        (" lead,in between", [" lead", "in between"]),
        (r"C:\x,y", [r"C:\x", "y"]),
        ("c++", ["c++"]),
    ],
)
def test_a_comma_list_has_an_escape(text, values):
    arguments = parsed(["sweep", *RUN[:-2], f"--normal={text}"])
    assert given(arguments, lists=True)["normal"] == values


def test_a_class_with_a_comma_can_be_run_and_swept(pictures, capsys):
    flags = ["--method", "zero_shot", "--dry-run", "--json"]
    sweep = folder_run(pictures, *flags, command="sweep")
    steps = sweep.index("--steps")
    sweep[steps : steps + 4] = ["--normal", r"cup,a\,b"]
    sweep.remove("--backbone-size-px")
    sweep.remove("32")
    assert main(sweep) == 0
    assert [row["normal"] for row in json.loads(capsys.readouterr().out)] == ["cup", "a,b"]


def readme_commands():
    pages = [REPOSITORY / "README.md", *sorted((REPOSITORY / "site").glob("*.md"))]
    text = "\n".join(page.read_text("utf-8") for page in pages)
    lines = [line for block in re.findall(r"```[^\n]*\n(.*?)```", text, re.DOTALL) for line in block.splitlines()]
    lines += re.findall(r"`(twofold [^`]*)`", text)
    return [re.split(" *[#>]", line)[0] for line in lines if re.match("twofold [a-z]", line)]


@pytest.mark.parametrize("command", dict.fromkeys(readme_commands()))
def test_the_commands_of_the_readme_are_understood(command):
    arguments = parsed(shlex.split(command)[1:])
    if arguments.command in ("run", "sweep"):
        assert given(arguments, lists=arguments.command == "sweep")["dataset"]


def test_the_readme_has_commands():
    assert {command.split()[1] for command in readme_commands()} >= {
        "fit",
        "score",
        "run",
        "sweep",
        "collect",
        "data",
        "doctor",
    }


# commands -----------------------------------------------------------------------------------------------------------


def test_run_prints_one_json_object_as_the_last_line(tmp_path, capsys):
    assert main(["run", *RUN, "--method", "twofold", "--seed", "0", *TINY, "--out", str(tmp_path), "--json"]) == 0
    captured = capsys.readouterr()
    result = json.loads(captured.out.splitlines()[-1])
    assert result["method"] == "twofold[steps=2,batch_size=8]"
    assert "fitted on" in captured.err
    assert main(["run", *RUN, "--method", "twofold", *TINY, "--out", str(tmp_path)]) == 0
    captured = capsys.readouterr()
    assert "AUROC" in captured.out
    assert "found twofold" in captured.err


def test_a_failed_run_is_a_row_with_its_error_and_exit_code_1(tmp_path, capsys, monkeypatch):
    def fail(*_):
        raise ZeroDivisionError("by hand")

    monkeypatch.setattr("twofold.runs.sweeps.run", fail)
    assert main(["run", *RUN, "--method", "zero_shot", "--out", str(tmp_path), "--json"]) == 1
    captured = capsys.readouterr()
    assert json.loads(captured.out)["error"] == "ZeroDivisionError: by hand"
    assert captured.err.splitlines()[-1] == "ZeroDivisionError: by hand"
    assert main(["collect", str(tmp_path)]) == 0
    assert "1 failed runs left out" in capsys.readouterr().err


def test_search_logs_its_rungs_and_prints_the_best_as_flags(tmp_path, capsys):
    flags = ["--method", "target_only", "--target-neighbors", "1,7", "--pairs", "digits:type:optdigits", "--keep", "0.5"]
    places = ["--rungs", "1x1,2x1", "--out", str(tmp_path / "log.csv"), "--runs", str(tmp_path / "runs")]
    assert main(["search", *flags, *places]) == 0
    said = capsys.readouterr()
    assert re.search(r"^best: --method target_only --target-neighbors [17]$", said.out, re.MULTILINE)
    assert [line for line in said.err.splitlines() if line.startswith("rung")] == [
        "rung 0: 2 candidates, 2 runs",
        "rung 1: 1 candidates, 2 runs",
    ]
    log = (tmp_path / "log.csv").read_text().splitlines()
    assert log[0].startswith("candidate,rung,digits type->optdigits,mean,")
    assert len(log) == 4
    assert main(["search", *flags, *places, "--hours", "0"]) == 0
    assert "no rung was run as a whole; give it more --hours" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (
            ["--pairs", "digits:type"],
            "wanted --pairs to be dev, or DATASET:SOURCE:TARGET with commas between, got 'digits:type'",
        ),
        (["--rungs", "2x0"], r"wanted --rungs as 2x1,5x1,allx3 \(classes x seeds\), got '2x0'"),
        (["--keep", "0"], "'0' is no share above 0, to 1"),
        (["--hours", "nan"], "'nan' is no number from 0"),
        (["--seed", "1"], "wanted what 'twofold search' takes, got '--seed'"),
        (["--steps", "0"], "wanted steps to be"),
    ],
)
def test_a_search_that_cannot_be_is_refused_in_one_line(flags, message, tmp_path, capsys):
    assert main(["search", "--out", str(tmp_path / "log.csv"), *flags]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert re.search(message, line)
    assert not (tmp_path / "log.csv").exists()


def test_sweep_prints_a_list_and_collect_aggregates_it(store, capsys):
    folder, printed = store
    assert len(json.loads(printed.splitlines()[-1])) == 8
    assert main(["collect", str(folder), "--format", "json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert {row["method"] for row in rows} == {"target_only", "zero_shot"}
    assert {row["n_classes"] for row in rows} == {2}
    keys = {"method", "mean", "std_classes", "std_seeds", "n_classes", "n_seeds", "n_runs", "n_collapsed"}
    assert all(set(row) == keys for row in rows)
    for style, mark in (("table", "AUROC"), ("csv", "std_classes"), ("markdown", "|---|")):
        assert main(["collect", str(folder), "--format", style]) == 0
        assert mark in capsys.readouterr().out
    assert main(["collect", str(folder), "--by", "normal,method", "--format", "csv"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 5


def test_a_broken_folder_is_named_and_counts_as_not_there(store, tmp_path, capsys):
    import shutil

    folder = tmp_path / "runs"
    shutil.copytree(store[0], folder)
    broken = sorted(folder.glob("*/result.json"))[0]
    broken.write_text("{")
    assert main(["collect", str(folder), "--format", "json"]) == 0
    captured = capsys.readouterr()
    assert str(broken.parent) in captured.err
    assert sum(row["n_runs"] for row in json.loads(captured.out)) == 7


def test_a_store_that_may_only_be_read_is_collected(store, tmp_path, capsys, monkeypatch):
    for method in ("mkdir", "touch", "write_text"):
        monkeypatch.setattr(Path, method, lambda *_, **__: pytest.fail("written to"))
    assert main(["collect", str(store[0])]) == 0
    assert "target_only" in capsys.readouterr().out


def test_an_empty_store_is_no_error(tmp_path, capsys):
    assert main(["collect", str(tmp_path)]) == 0
    assert "no finished runs" in capsys.readouterr().out


def test_rows_are_kept_and_stand_for_finished_runs(store, tmp_path, capsys, monkeypatch):
    table = tmp_path / "rows.jsonl.gz"
    for _ in range(2):  # again: the same table
        assert main(["collect", str(store[0]), "--format", "rows", "--out", str(table)]) == 0
        assert capsys.readouterr().out == f"8 rows in {table}, of 8 in {store[0]}\n"
    assert main(["collect", str(table), "--format", "json"]) == 0
    printed = capsys.readouterr().out
    assert main(["collect", str(store[0]), "--format", "json"]) == 0
    assert capsys.readouterr().out == printed
    monkeypatch.setattr("twofold.runs.sweeps.run", lambda *_: pytest.fail("computed"))
    flags = [*RUN[:-1], "3,5", "--method", "target_only,zero_shot", "--known", str(table), "--out", str(tmp_path / "runs")]
    assert main(["sweep", *flags, "--dry-run"]) == 0
    assert "4 runs, 4 finished, 0 to do" in capsys.readouterr().out
    assert main(["sweep", *flags, "--dry-run", "--fresh"]) == 0
    assert "4 runs, 0 finished, 4 to do" in capsys.readouterr().out
    assert main(["sweep", *flags, "--json"]) == 0
    captured = capsys.readouterr()
    assert len(json.loads(captured.out)) == 4
    assert "opened 4 stored results" in captured.err
    assert main(["run", *RUN, "--method", "zero_shot", "--known", str(table)]) == 0
    assert "AUROC" in capsys.readouterr().out


def test_rows_go_to_the_committed_table_by_default(store, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["collect", str(store[0]), "--format", "rows"]) == 0
    assert "8 rows in figures/embedded/rows.jsonl.gz" in capsys.readouterr().out
    assert (tmp_path / "figures" / "embedded" / "rows.jsonl.gz").is_file()


def test_rows_of_an_older_recipe_are_stale_in_collect_and_never_finished(store, tmp_path, capsys):
    from twofold.runs.rows import read_rows, write_rows

    table = tmp_path / "rows.jsonl.gz"
    main(["collect", str(store[0]), "--format", "rows", "--out", str(table)])
    write_rows(table, [{**row, "versions": {**row["versions"], "recipe": 1}} for row in read_rows(table)])
    assert main(["collect", str(table)]) == 0
    assert "zero_shot (stale)" in capsys.readouterr().out
    flags = [*RUN, "--method", "zero_shot", "--out", str(tmp_path / "runs"), "--dry-run"]
    assert main(["sweep", *flags, "--known", str(table)]) == 0
    assert "1 to do" in capsys.readouterr().out


def test_dry_run_prints_the_plan_and_computes_nothing(tmp_path, capsys):
    flags = [*RUN[:-1], "all", "--method", "twofold", "--seed", "0,1", "--out", str(tmp_path / "runs"), "--dry-run"]
    assert main(["sweep", *flags]) == 0
    out = capsys.readouterr().out
    assert "20 runs, 0 finished, 20 to do, about" in out
    assert "digits type->optdigits 7 r=0.1 seed 1 twofold" in out
    assert main(["sweep", *flags, "--json"]) == 0
    rows = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert len(rows) == 20
    assert {(row["name"], row["dataset"], row["steps"]) for row in rows} == {("twofold", "digits", 100)}
    assert not (tmp_path / "runs").exists()


def test_a_folder_of_one_s_own_runs(pictures, capsys):
    assert main(folder_run(pictures)) == 0
    assert "taken for normal" in capsys.readouterr().out


@pytest.fixture
def calibrated(pictures):
    """A random ResNet-50 that has seen the pictures: with their statistics its features have a trained network's scale."""
    import timm
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = timm.create_model("resnet50", num_classes=0).train()
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = None  # the mean over all passes
    files = sorted(pictures.glob("*/*/*.png"))
    images = torch.stack([torch.from_numpy(np.array(Image.open(file).resize((32, 32)))) for file in files])
    with torch.no_grad():
        model(images.permute(0, 3, 1, 2).float() / 127.5 - 1)
    torch.save(model.state_dict(), pictures.parent / "resnet50.pth")
    return pictures.parent / "resnet50.pth"


def test_the_paper_preset_trains_and_scores(pictures, calibrated, capsys):
    weights = ["--backbone-weights", str(calibrated), "--encoder-weights", "random"]
    flags = ["--preset", "paper", *weights, "--encoder-size-px", "224", "--json"]
    assert main([*folder_run(pictures), *flags]) == 0
    result = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert result["weights"]["backbone"]["model"] == "resnet50.tv_in1k"
    assert result["weights"]["encoder"]["model"] == "open_clip:ViT-B-32-quickgelu/openai"
    assert [result["weights"][role]["origin"] for role in ("backbone", "encoder")] == ["file", "random"]
    assert result["dominant"]["size"] > 0
    assert result["collapsed"] is False
    assert 0 <= result["auroc"] <= 100


def test_data_and_doctor_speak(capsys):
    assert main(["data", "list"]) == 0
    assert "optdigits" in capsys.readouterr().out
    assert main(["data", "check", "digits"]) == 0
    assert "1797 pictures" in capsys.readouterr().out
    assert main(["doctor"]) == 0
    assert "wheel" in capsys.readouterr().out


def test_an_incomplete_data_set_has_exit_code_1(tmp_path, capsys):
    (tmp_path / "pacs" / "photo" / "dog").mkdir(parents=True)
    assert main(["data", "check", "pacs", "--root", str(tmp_path)]) == 1
    assert "cartoon" in capsys.readouterr().out


def test_reproduce_hands_its_arguments_on(monkeypatch, tmp_path):
    calls = []
    monkeypatch.setattr("twofold.lessons.reproduce.reproduce", lambda *a, **k: calls.append((a, k)) or 1)
    assert main(["reproduce", "05", "table4", "--jobs", "2", "--out", str(tmp_path), "--runs", str(tmp_path / "r")]) == 1
    assert calls[0][0] == (["05", "table4"], "embedded-fast", 2, str(tmp_path), str(tmp_path / "r"), None)
    assert main(["reproduce", "--dry-run", "--preset", "paper", "--out", "/proc/nowhere"]) == 1
    assert calls[1][0][:3] == (["all"], "paper", 1)
    assert calls[1][1]["dry_run"] is True


# refusals -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run", *RUN[:-1], "eleven"], "wanted a normal class among 0, 1"),
        (["run", *RUN, "--anomaly-ratio", "1"], "wanted anomaly_ratio to be less than 1, got 1.0"),
        (["run", *RUN, "--anomaly-ratio", "nan"], "wanted anomaly_ratio"),
        (["run", *RUN, "--anomaly-ratio", "ten"], "wanted --anomaly-ratio to be a number, got 'ten'"),
        (["run", *RUN, "--seed", "-1"], "wanted seed to be greater than or equal to 0, got -1"),
        (["run", *RUN, "--steps", "1.5"], "wanted --steps to be a whole number, got '1.5'"),
        (["run", *RUN, "--steps", "0"], "wanted steps"),
        (["run", *RUN, "--seed"], "expected one argument"),
        (["run", *RUN, "--method", "target_only", "--steps", "7"], "wanted a field that target_only reads, got steps"),
        (["run", *RUN, "--n-clusters", "5000"], "wanted n_clusters from 1 to the 92 target pictures"),
        (["run", *RUN, "--method", "twofolds"], "did you mean 'twofold'?"),
        (["run", *RUN, "--selection", "kmean"], "did you mean 'kmeans'?"),
        (["run", *RUN, "--method", "pooled_gaussian", "--selection", "kmeans"], "choose one of: trimmed, all, oracle"),
        (["run", *RUN, "--one-class-on", "target_normals"], "wanted alignment none"),
        (["run", *RUN, "--learning", "1"], "got '--learning'; did you mean --learning-rate?"),
        (["run", *RUN, "more"], "got 'more'"),
        (["run", *RUN, "--backbone-weights", "no.pth"], "which is no file"),
        (["run", *RUN, "--backbone-weights", "a" * 5000], "wanted"),
        (["run", *RUN, "--device", "abacus"], "wanted a device"),
        (["run", *RUN, "--device", "cpu:abc"], "wanted a device"),
        (["run", *RUN, "--out", ""], "wanted a folder for runs, got an empty name"),
        (["run", *RUN, "--out", "a" * 300], "File name too long"),
        (["run", *RUN, "--out", "r\0s"], "without NUL"),
        (["run", *RUN[:1], "folder", *RUN[2:], "--root", "a" * 300], "File name too long"),
        (["run", "--dataset", "digits"], "the following arguments are required: --source, --target, --normal"),
        (["run", *RUN[:5], "cursive", *RUN[6:]], "wanted a domain of digits, got 'cursive'"),
        (["sweep", *RUN, "--jobs", "0"], "'0' is no whole number from 1"),
        (["sweep", *RUN, "--jobs", "two"], "'two' is no whole number from 1"),
        (["sweep", *RUN, "--seed", ","], "wanted values for --seed, got ','"),
        (["sweep", *RUN, "--seed", "0,one"], "wanted --seed to be a whole number, got 'one'"),
        (["sweep", *RUN, "--normalize-features", "maybe"], "true or false"),
        (["sweep", *RUN, "--method", "target_only,zero_shot", "--steps", "7"], "got steps"),
        (["collect", "no/such/folder"], "wanted a folder of runs"),
        (["collect", "a" * 300], "File name too long"),
        (["collect", "~no such user/runs"], "wanted a folder of runs"),
        (["run", *RUN, "--encoder-weights", "~no such user/w.pth"], "which is no file"),
        (["export", "~no such user/d", "--out", "m.onnx"], "No such file"),
        (["export", "d", "--out", "~no such user/m.onnx"], "No such file"),
        (["collect", ".", "--format", "xml"], "invalid choice: 'xml'"),
        (["collect", ".", "--out", "x.csv"], "wanted --out with --format rows, got table"),
        (["collect", __file__], "wanted a table of rows in"),
        (["run", *RUN, "--method", "zero_shot", "--known", __file__], "wanted a table of rows in"),
        (["sweep", *RUN, "--known", "no/such/file"], "wanted a table of rows in no/such/file"),
        (["reproduce", "--jobs", "0"], "no whole number from 1"),
        (["reproduce", "--out", ""], "wanted a folder"),
        (["data", "check", "imagenet"], "wanted a data set"),
        (["data", "check"], "wanted a data set"),
        (["data", "check", "office31", "--root", "no/such/folder"], "no/such/folder"),
        (["data", "forget"], "invalid choice: 'forget'"),
        (["score", "no/such/detector", "."], "no/such/detector"),
        (["fit", "no/such/folder", "."], "no/such/folder"),
        (["frobnicate"], "invalid choice"),
        ([], "COMMAND"),
    ],
    ids=lambda value: " ".join(value)[:60].replace("\0", "0") if isinstance(value, list) else "",
)
def test_bad_input_gets_one_clear_line_and_exit_code_2(arguments, words, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    captured = capsys.readouterr()
    lines = captured.err.splitlines()
    assert words in lines[-1]
    assert re.match("twofold: wanted .*got", lines[-1])
    assert len([line for line in lines if line.startswith("twofold:")]) == 1
    assert not captured.out
    assert not list(tmp_path.iterdir()), "nothing may be left behind"


def test_collect_names_the_columns_it_has(store, capsys):
    assert main(["collect", str(store[0]), "--by", "metod"]) == 2
    assert re.search("wanted --by among .*method.*, got 'metod'", capsys.readouterr().err)


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
    assert main([*folder_run(pictures), "--normal", "cup+a,b"]) == 2
    assert "wanted a test set of normals and anomalies" in capsys.readouterr().err


def test_weights_of_another_architecture_are_refused(pictures, capsys, tmp_path):
    import torch

    torch.save({"a": torch.zeros(3)}, tmp_path / "w.pth")
    assert main([*folder_run(pictures), "--backbone", "resnet18", "--backbone-weights", str(tmp_path / "w.pth")]) == 2
    assert "wanted weights that fit resnet18" in capsys.readouterr().err


def test_weights_out_of_reach_are_an_error_without_a_try(pictures, capsys, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    assert main([*folder_run(pictures), "--encoder", "vit_tiny_patch16_224"]) == 2
    assert "ask for 'random' by name" in capsys.readouterr().err


# the net ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (PermissionError(13, "Permission denied", "/cache/x"), 2, "wanted to use '/cache/x', got: Permission denied"),
        (OSError(28, "No space left on device"), 1, "got: No space left on device"),
        (OSError("in its own words"), 1, "got: in its own words"),
        (MemoryError(), 1, "wanted more memory than there is"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), 1, "wanted more memory than there is"),
        (UnicodeEncodeError("ascii", "\u00e9", 0, 1, "ordinal not in range"), 2, "wanted text that can be read"),
        (KeyboardInterrupt(), 130, "the same command goes on where it stopped"),
        (InputError("wanted two\nlines, got one"), 2, "twofold: wanted two lines, got one"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else "",
)
def test_what_the_machine_refuses_is_one_line(error, code, words, capsys, monkeypatch):
    def fail(arguments):
        raise error

    monkeypatch.setattr(cli, "_doctor", fail)
    assert main(["doctor"]) == code
    captured = capsys.readouterr()
    assert words in captured.err
    assert len(captured.err.splitlines()) == 1
    assert not captured.out


def test_a_defect_of_ours_is_not_hidden(monkeypatch):
    def fail(arguments):
        raise RuntimeError("a defect")

    monkeypatch.setattr(cli, "_doctor", fail)
    with pytest.raises(RuntimeError, match="a defect"):
        main(["doctor"])


def ended(command, **options):
    """Exit code and stderr of a command whose stdout is a given place."""
    done = subprocess.run(command, stderr=subprocess.PIPE, text=True, **options)
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr
    return done.returncode, done.stderr


@pytest.mark.skipif(not FULL.exists(), reason="no such device here")
@pytest.mark.parametrize("command", ["--help", "collect"])
def test_a_full_disk_behind_stdout_is_one_line_and_exit_code_1(command, store):
    with FULL.open("w") as full:
        code, said = ended(script(command, *([store[0]] if command == "collect" else [])), stdout=full)
    assert code == 1
    assert said.splitlines() == [said.strip()]
    assert "No space left on device" in said


@pytest.mark.skipif(not FULL.exists(), reason="no such device here")
def test_a_log_that_cannot_be_written_stops_nothing(tmp_path):
    with FULL.open("w") as full:
        done = subprocess.run(script("frobnicate"), stdout=subprocess.PIPE, stderr=full)
    assert done.returncode == 2


@pytest.mark.parametrize("command", ["--help", "collect"])
def test_a_reader_that_left_is_no_failure(command, store):
    reader, writer = os.pipe()
    os.close(reader)
    code, said = ended(script(command, *([store[0]] if command == "collect" else [])), stdout=writer)
    os.close(writer)
    assert (code, said) == (0, "")


@pytest.mark.skipif(not hasattr(os, "killpg"), reason="no process groups here")
def test_a_polite_kill_takes_the_workers_along_and_loses_no_run(tmp_path):
    flags = [*RUN[:-1], "all", "--method", "zero_shot", "--seed", "0,1,2", "--jobs", "2", "--out", tmp_path / "runs"]
    sweep = subprocess.Popen(script("sweep", *flags), stderr=subprocess.PIPE, text=True, start_new_session=True)
    for line in sweep.stderr:
        if line.startswith("[1/30]"):
            break
    sweep.send_signal(signal.SIGTERM)
    said = sweep.stderr.read()  # until the last process that could write has ended
    assert sweep.wait() == 130
    assert "the same command goes on where it stopped" in said
    with contextlib.suppress(ProcessLookupError):
        for _ in range(100):
            os.killpg(sweep.pid, 0)
            time.sleep(0.1)
        pytest.fail("a worker lives on")
    assert RunStore(tmp_path / "runs").results()
    assert not list((tmp_path / "runs").glob(".writing*"))
