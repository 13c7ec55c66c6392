"""The store: complete or not there, whatever was done to it; and every picture keeps its name."""

import dataclasses
import errno
import json
import os
import subprocess
import sys
import tempfile

import numpy as np
import pytest
from safetensors.numpy import load_file
from small_runs import AS_NAMED, folder_config, plant

from twofold.errors import InputError
from twofold.runs.run import failed
from twofold.runs.store import WEIGHTS, RunStore
from twofold.runs.sweeps import run_one

SEPARATORS = {"newline": "a\nb", "line separator": "a\u2028b", "next line": "a\u0085b", "tab": "a\x0bb", "file": "a\x1cb"}
SEPARATORS |= {"return": "a\rb", "both": "\r\na\u2029", "quote": 'a"\\b', "comma": "a,b", "blank": " a ", "formula": "=1+1"}


def only(folder, method="zero_shot"):
    """The folder of a method's run."""
    return next(p.parent for p in folder.glob("*/result.json") if json.loads(p.read_text())["base"] == method)


# what is kept -------------------------------------------------------------------------------------------------------


def test_what_is_stored_is_what_was_computed(full_store, finished):
    store = RunStore(full_store)
    for prepared, result, fitted in finished.values():
        assert store.result(prepared.config_hash) == result
        test = store.test_features(prepared.config_hash)
        np.testing.assert_array_equal(test["scores"], fitted.scores.astype(np.float32))
        np.testing.assert_array_equal(test["labels"], prepared.task.target_test_labels)
        np.testing.assert_array_equal(test["ids"], prepared.task.target_test_ids)
        assert ("features" in test) == prepared.config.trains
        assert (full_store / prepared.config_hash / WEIGHTS).is_file() == prepared.config.trains
    assert len(store.results()) == len(finished)


def test_the_stored_features_and_weights_give_the_stored_scores_back(full_store, finished):
    prepared, _, _ = finished["twofold"]
    test = RunStore(full_store).test_features(prepared.config_hash)
    center = load_file(full_store / prepared.config_hash / WEIGHTS)["center"]
    again = ((test["features"] - center) ** 2).sum(axis=1)
    np.testing.assert_allclose(again, test["scores"], atol=2e-3)  # half precision


def test_ids_with_any_separator_in_them_stay_with_their_scores(tmp_path, finished):
    prepared, result, fitted = finished["zero_shot"]
    ids = np.array([f"{i}/{SEPARATORS[kind]}" for i, kind in enumerate([*SEPARATORS] * 82)][: len(fitted.scores)], dtype=str)
    named = dataclasses.replace(prepared, task=dataclasses.replace(prepared.task, target_test_ids=ids))
    store = RunStore(tmp_path)
    store.save(result, named, fitted)
    test = store.test_features(prepared.config_hash)
    assert test["ids"].tolist() == ids.tolist()
    assert len(test["ids"]) == len(test["scores"])


def test_files_with_any_separator_in_their_names_keep_them_through_a_run(tmp_path):
    root = plant(tmp_path / "data", AS_NAMED, n=12)
    for i, name in enumerate(SEPARATORS.values()):
        (tmp_path / "data" / "night" / "cup" / f"{i:03d}.bmp").rename(tmp_path / "data" / "night" / "cup" / f"{name}.bmp")
    result = run_one(folder_config(transductive=True), tmp_path / "runs", root)
    test = RunStore(tmp_path / "runs").test_features(result["config_hash"])
    assert len(test["ids"]) == len(test["scores"]) == 24
    assert {f"cup/{name}.bmp" for name in SEPARATORS.values()} < set(test["ids"].tolist())
    for name, label in zip(test["ids"].tolist(), test["labels"], strict=True):
        assert (tmp_path / "data" / "night" / name).is_file()
        assert name.startswith(["cup/", "pen/"][label])


def test_a_number_that_is_none_is_null(tmp_path, finished):
    _, result, _ = finished["zero_shot"]
    broken = {"auroc": float("nan"), "notes": {"deep": {"inf": float("inf")}}, "collapsed": True}
    kept = RunStore(tmp_path).save({**result, **broken})
    assert (kept["auroc"], kept["notes"]) == (None, {"deep": {"inf": None}})
    assert "NaN" not in (tmp_path / result["config_hash"] / "result.json").read_text()


def test_weights_can_be_added_to_a_stored_run(tmp_path, finished):
    prepared, result, fitted = finished["twofold"]
    store, place = RunStore(tmp_path), tmp_path / prepared.config_hash
    store.save(result, prepared, fitted)
    before = {path.name: path.read_bytes() for path in place.iterdir()}
    store.save({**result, "seconds": {"total": 0.0}}, prepared, fitted, save_weights=True)
    after = {path.name: path.read_bytes() for path in place.iterdir()}
    assert after.pop(WEIGHTS)
    assert after == before
    assert not list(tmp_path.glob(".*"))


def test_a_failed_run_makes_room_for_a_finished_one_and_never_the_other_way(tmp_path, finished):
    prepared, result, fitted = finished["zero_shot"]
    store, row = RunStore(tmp_path), failed(prepared.config, RuntimeError("no luck"), prepared.config_hash)
    store.save(row)
    assert store.result(prepared.config_hash) is None
    assert store.results() == [row]
    store.save(result, prepared, fitted)
    store.save(row)
    assert store.results() == [result]


# what is broken, foreign or tampered with ---------------------------------------------------------------------------


def edited(change):
    def edit(place):
        result = json.loads((place / "result.json").read_text())
        change(result)
        (place / "result.json").write_text(json.dumps(result))

    return edit


def written(content):
    return lambda place: (place / "result.json").write_bytes(content)


FAULTS = {
    "empty": written(b""),
    "zeros, as after a power cut": written(b"\0" * 4096),
    "cut short": lambda place: (place / "result.json").write_bytes((place / "result.json").read_bytes()[:-200]),
    "no text": written(b"\xff\xfe\x00"),
    "a list": written(b"[]"),
    "a number": written(b"7"),
    "null": written(b"null"),
    "another program's": written(b'{"config_hash": 1, "results": []}'),
    "nested without end": written(b"[" * 100_000),
    "a huge number": written(b"9" * 10_000),
    "auroc above 100": edited(lambda r: r.update(auroc=250.0)),
    "auroc below 0": edited(lambda r: r.update(auroc=-1.0)),
    "auroc a text": edited(lambda r: r.update(auroc="77")),
    "auroc true": edited(lambda r: r.update(auroc=True)),
    "auroc NaN": edited(lambda r: r.update(auroc=float("nan"))),
    "auroc null though whole": edited(lambda r: r.update(auroc=None)),
    "average precision above 100": edited(lambda r: r.update(average_precision=101)),
    "no auroc": edited(lambda r: r.pop("auroc")),
    "no seconds": edited(lambda r: r.pop("seconds")),
    "no config": edited(lambda r: r.pop("config")),
    "config without a task": edited(lambda r: r["config"].pop("task")),
    "collapsed a text": edited(lambda r: r.update(collapsed="no")),
    "error without a method": edited(lambda r: (r.update(error="x"), r.pop("method"))),
    "error a number": edited(lambda r: r.update(error=3)),
    "another hash": edited(lambda r: r.update(config_hash="0" * 16)),
    "no hash": edited(lambda r: r.pop("config_hash")),
    "another method": edited(lambda r: r.update(method="pooled_gaussian")),
    "another base": edited(lambda r: r.update(base="pooled_gaussian")),
    "another class": edited(lambda r: r.update(normal="4")),
    "another seed": edited(lambda r: r.update(seed=1)),
    "another ratio": edited(lambda r: r.update(anomaly_ratio=0.5)),
    "test pictures missing": lambda place: (place / "test.safetensors").unlink(),
    "test pictures cut short": lambda place: os.truncate(place / "test.safetensors", 700),
    "test pictures empty": lambda place: (place / "test.safetensors").write_bytes(b""),
    "result a folder": lambda place: ((place / "result.json").unlink(), (place / "result.json").mkdir()),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_cannot_be_a_run_s_result_counts_as_not_there_and_is_said_once(a_store, fault):
    place, lines = only(a_store), []
    FAULTS[fault](place)
    store = RunStore(a_store, lines.append)
    others = [result for result in store.results() if result["base"] == "twofold"]
    assert store.results() == others
    assert len(others) == 1
    assert store.result(place.name) is None
    assert len(lines) == 1
    assert lines[0].startswith(f"passed over {place}: ")
    assert lines[0].endswith("; it counts as not there")
    assert "\n" not in lines[0]
    assert len(lines[0]) < 400


@pytest.mark.parametrize("fault", ["empty", "test pictures missing", "another hash", "result a folder"])
def test_a_spoiled_run_is_computed_again_and_is_whole_then(a_store, finished, fault):
    place = only(a_store)
    FAULTS[fault](place)
    result = run_one(finished["zero_shot"][0].config, a_store)
    assert place.name == result["config_hash"]
    assert result["auroc"] == finished["zero_shot"][1]["auroc"]
    assert RunStore(a_store).result(place.name) == result
    assert len(RunStore(a_store).test_features(place.name)["ids"]) == 896


def test_a_result_in_a_folder_of_another_name_is_no_run(a_store):
    place, lines = only(a_store), []
    place.rename(a_store / "copy of a run")
    store = RunStore(a_store, lines.append)
    assert [result["base"] for result in store.results()] == ["twofold"]
    assert "copy of a run: it is not the result of the run that it is named for" in lines[0]
    assert RunStore(a_store / "copy of a run").results() == []


def test_files_and_empty_folders_among_the_runs_are_nothing(a_store):
    (a_store / "notes.txt").write_text("mine")
    (a_store / "empty").mkdir()
    lines = []
    assert len(RunStore(a_store, lines.append).results()) == 2
    assert lines == []


def test_test_pictures_that_cannot_be_read_are_one_line(a_store):
    place = only(a_store)
    for spoil in (lambda: (place / "test_ids.json").unlink(), lambda: (place / "test.safetensors").write_bytes(b"x")):
        spoil()
        with pytest.raises(InputError, match=r"wanted the test pictures of a run in .* remove its folder and run it"):
            RunStore(a_store).test_features(place.name)
    with pytest.raises(InputError, match="wanted the test pictures"):
        RunStore(a_store).test_features("no such run")


# places -------------------------------------------------------------------------------------------------------------


def test_a_store_wants_a_name():
    with pytest.raises(InputError, match="wanted a folder for runs, got an empty name; name one with --out"):
        RunStore("")


def test_a_run_store_that_is_a_file_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="wanted a folder for runs, got the file"):
        RunStore(tmp_path / "file")


def refused(**where):
    """No permission, which whoever runs the tests as root never meets."""
    raise PermissionError(errno.EACCES, "Permission denied")


def test_a_store_that_may_only_be_read_is_read(a_store, finished, monkeypatch):
    """Nothing is made, moved or asked of it: a run that is there is handed on, and all are listed."""
    for path in [a_store, *a_store.rglob("*")]:
        path.chmod(0o555 if path.is_dir() else 0o444)

    monkeypatch.setattr(tempfile, "TemporaryFile", refused)
    state = {path: path.stat().st_mtime_ns for path in [a_store, *a_store.rglob("*")]}
    assert len(RunStore(a_store).results()) == 2
    assert run_one(finished["zero_shot"][0].config, a_store) == finished["zero_shot"][1]
    with pytest.raises(InputError, match=r"wanted to write runs to .*, got: Permission denied in .*; choose another --out"):
        RunStore(a_store).check_writable()
    assert {path: path.stat().st_mtime_ns for path in [a_store, *a_store.rglob("*")]} == state
    for path in [a_store, *a_store.rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o644)


def test_a_place_that_cannot_be_written_is_said_before_the_work(tmp_path, monkeypatch):
    from twofold.runs import sweeps

    monkeypatch.setattr(tempfile, "TemporaryFile", refused)
    monkeypatch.setattr(sweeps, "run", lambda *_: pytest.fail("computed for nothing"))
    root = plant(tmp_path / "data", AS_NAMED, n=8)
    with pytest.raises(InputError, match="wanted to write runs to"):
        run_one(folder_config(), tmp_path / "runs" / "deep", root)
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("refused", ["mkdir", "replace", "write"])
def test_a_full_or_forbidden_disk_is_one_line_and_leaves_nothing(tmp_path, monkeypatch, finished, refused):
    prepared, result, fitted = finished["zero_shot"]

    def no_room(*_, **__):
        raise OSError(28, "No space left on device")

    if refused == "mkdir":
        monkeypatch.setattr("pathlib.Path.mkdir", no_room)
    elif refused == "replace":
        monkeypatch.setattr(os, "replace", no_room)
    else:
        monkeypatch.setattr("twofold.runs.store.save_file", no_room)
    with pytest.raises(InputError, match=r"wanted to keep a run in .*No space left on device; make room or choose another"):
        RunStore(tmp_path).save(result, prepared, fitted)
    assert not list(tmp_path.iterdir())


# kills --------------------------------------------------------------------------------------------------------------


def test_what_a_killed_process_left_is_not_a_run(a_store):
    orphan = a_store / ".writing-0"
    orphan.mkdir()
    (orphan / "result.json").write_text(json.dumps(RunStore(a_store).results()[0])[:50])
    lines = []
    assert len(RunStore(a_store, lines.append).results()) == 2
    assert lines == []


KILLED = """
import json, os, sys
from pathlib import Path
from twofold.runs import store as room

done, folder = Path(sys.argv[1]), Path(sys.argv[2])
result = json.loads((done / "result.json").read_text())
left = 0

def counted(real):
    def call(*args, **fields):
        global left
        left -= 1
        if left == 0:
            os._exit(9)
        return real(*args, **fields)
    return call

room.os.replace, room.Path.write_text = counted(os.replace), counted(Path.write_text)
room._write_test = counted(lambda aside, *_: os.link(done / "test.safetensors", aside / "test.safetensors"))
for moment in range(1, 5):
    left = moment
    child = os.fork()
    if child == 0:
        room.RunStore(folder / str(moment)).save(result, object(), object())
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def test_a_kill_at_any_moment_of_writing_leaves_nothing_half_written(tmp_path, full_store):
    """A process is killed before each step of keeping a run; the store holds the run whole, or not at all."""
    done = subprocess.run(
        [sys.executable, "-c", KILLED, only(full_store), tmp_path], capture_output=True, text=True, check=True
    )
    codes = [int(line) for line in done.stdout.split()]
    assert codes == [9, 9, 9, 0]  # before the result, the test pictures, the move into place; and not at all
    for moment, code in enumerate(codes, 1):
        store = RunStore(tmp_path / str(moment))
        assert len(store.results()) == (code == 0)
        assert len(list(store.folder.glob("[!.]*"))) == (code == 0)
