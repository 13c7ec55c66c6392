"""A notebook's parameters: known, typed, and wrong ones named in one line; runs with their fields; manifests."""

import json

import pandas as pd
import pytest

from twofold.errors import InputError
from twofold.lessons import study as module
from twofold.lessons.study import Study, read_parameters
from twofold.runs import sweeps
from twofold.runs.rows import TABLE, write_rows
from twofold.runs.store import RunStore

CELL = 'preset = "embedded-fast"\nnormals = ["3"]\nseeds = [0]\nanomaly_ratio = 0.1\nfigures = None\nruns = "runs"\nroot = None'


def study(injected="", name="example"):
    cells = [CELL, "# Parameters\n" + injected] if injected else [CELL]
    return Study({"In": ["", *cells, "study = Study(globals(), 'x')"]}, name)


@pytest.mark.parametrize(
    ("injected", "said"),
    [
        ('anomaly_ratio = "ten"', "wanted anomaly_ratio of the kind of 0.1, got 'ten'"),
        ("anomly_ratio = 0.2", "got 'anomly_ratio'; did you mean 'anomaly_ratio'"),
        ("normals = [3]", "wanted normals of the kind"),
        ("seeds = [True]", "wanted seeds of the kind"),
        ("root = 3", "wanted root of the kind"),
        ('preset = "large"', "wanted a preset, got 'large'"),
    ],
)
def test_a_wrong_parameter_is_named(injected, said):
    with pytest.raises(InputError) as caught:
        study(injected)
    assert said in str(caught.value)


def test_an_int_may_stand_for_a_float_and_a_text_for_none():
    assert study('anomaly_ratio = 0\nroot = "x"').settings["root"] == "x"


def test_what_the_reader_types_elsewhere_is_no_parameter():
    assert read_parameters([CELL, "answer = 3", CELL.replace('["3"]', '["5"]')])["normals"] == ["5"]


def test_an_unknown_method_and_missing_data_stop_the_plan():
    with pytest.raises(InputError, match="wanted a method, got 'twofld'"):
        study().plan("digits", "type", "optdigits", method="twofld")
    with pytest.raises(InputError, match="wanted to read /no/such/folder"):
        study('root = "/no/such/folder"').plan("office31", "amazon", "webcam", method="target_only", normal="mouse")


def test_an_input_error_shows_as_one_line_in_a_notebook():
    assert InputError("wanted x")._render_traceback_() == ["InputError: wanted x"]


def test_many_pairs_of_domains_are_named_or_counted_by_what_they_may_be_used_for():
    pairs = [("digits", "type", "optdigits"), ("emoji", "windows", "apple"), ("digits", "a", "b")]
    frame = pd.DataFrame(pairs, columns=["dataset", "source", "target"]).assign(
        anomaly_ratio=0.1, normal="3", seed=0, method="a"
    )
    assert study().stamp(frame, named=3) == study().stamp(frame)
    assert study().stamp(frame).startswith("digits type→optdigits (dev), emoji windows→apple (dev), digits a→b; preset ")
    assert study().stamp(frame, named=2).startswith("3 pairs of domains (2 dev, 1 other); preset ")


def test_a_stamp_has_ranges_where_pairs_and_methods_differ():
    rows = [
        ("digits", "a", "b", name, normal, seed)
        for name, seeds in (("x", 3), ("y", 1))
        for normal in "012"
        for seed in range(seeds)
    ]
    frame = pd.DataFrame(rows, columns=["dataset", "source", "target", "method", "normal", "seed"]).assign(anomaly_ratio=0.1)
    assert "; n = 3 classes x 1 to 3 seeds; " in study().stamp(frame)
    frame.loc[frame["method"] == "y", "normal"] = "0"
    assert "; n = 1 to 3 classes x 1 to 3 seeds; " in study().stamp(frame)


def test_files_and_runs_stand_in_the_manifest(tmp_path):
    made = study(f'figures = "{tmp_path}/figures"\nruns = "{tmp_path}/runs"')
    configs = made.plan("digits", "type", "optdigits", method=["target_only", "zero_shot"])
    frame = made.run(configs)
    made.save_table(pd.DataFrame({"a": [1]}), "table9", frame, note="3 verdicts")
    manifest = json.loads((tmp_path / "figures" / "example.json").read_text())
    assert manifest["files"] == ["table9.csv", "table9.md"]
    assert sorted(manifest["runs"]) == sorted(frame["config_hash"])
    text = (tmp_path / "figures" / "table9.md").read_text()
    for word in (
        "digits type→optdigits (dev)",
        "preset embedded-fast",
        "n = 1 class x 1 seed",
        "10 % anomalies",
        "last step",
        "\n3 verdicts\n",
    ):
        assert word in text


def test_a_field_of_the_configurations_becomes_a_column_and_stored_runs_are_found(tmp_path):
    made = study(f'figures = "{tmp_path}/figures"\nruns = "{tmp_path}/runs"')
    configs = made.plan("digits", "type", "optdigits", method=["target_only", "zero_shot"])
    frame = made.run(configs, ["target_neighbors"])
    by_method = frame.set_index("method")["target_neighbors"]
    assert by_method["target_only"] == 7
    assert pd.isna(by_method["zero_shot"])  # it reads no such field
    again = study(f'runs = "{tmp_path}/runs"')
    again.plan("digits", "type", "optdigits", method=["target_only", "zero_shot"])
    again.run()
    assert [run["seconds"] for run in again.results()] == [run["seconds"] for run in made.results(configs)]


# rows opened in place of training -----------------------------------------------------------------------------------

TWO = {"method": ["target_only", "zero_shot"]}


def test_a_figure_tells_where_it_is_from_or_is_not_kept(tmp_path):
    made = study(f'figures = "{tmp_path}"')
    with pytest.raises(ValueError, match=r"figure9 must come with its runs or a stamp, got neither"):
        made.save_figure(None, "figure9")
    assert list(tmp_path.iterdir()) == []
    (config,) = made.plan("digits", "type", "optdigits", method="twofold")
    assert made.stamp_of(config) == "digits type→optdigits; preset embedded-fast; normal class 3; 10 % anomalies; seed 0"


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    """A table of two runs."""
    folder = tmp_path_factory.mktemp("rows")
    made = study(f'runs = "{folder}/runs"')
    made.run(made.plan("digits", "type", "optdigits", **TWO))
    write_rows(folder / "rows.jsonl.gz", made.results())
    return folder / "rows.jsonl.gz"


@pytest.fixture
def no_run(monkeypatch):
    monkeypatch.setattr(sweeps, "run", lambda *_: pytest.fail("computed"))


def test_the_embedded_preset_opens_the_committed_rows_and_the_others_compute(rows, tmp_path, monkeypatch, capsys, no_run):
    monkeypatch.setattr(module, "project_folder", lambda: tmp_path)
    (tmp_path / TABLE).parent.mkdir(parents=True)
    (tmp_path / TABLE).write_bytes(rows.read_bytes())
    opened = study('preset = "embedded"')
    frame = opened.run(opened.plan("digits", "type", "optdigits", **TWO))
    assert capsys.readouterr().out.splitlines()[0] == "opened 2 stored results"
    assert set(frame["method"]) == {"target_only", "zero_shot"}
    assert not (tmp_path / "runs").exists()
    for other in ('preset = "embedded-fast"', 'preset = "embedded"\nknown = ""'):
        assert study(other).known is None


def test_a_notebook_may_be_given_a_table_and_its_files_are_the_same(rows, tmp_path, capsys):
    for folder, known in (("a", rows), ("b", "")):
        made = study(f'known = "{known}"\nfigures = "{tmp_path}/{folder}"\nruns = "{tmp_path}/runs"')
        frame = made.run(made.plan("digits", "type", "optdigits", **TWO))
        made.save_table(frame[["method", "normal", "auroc"]], "table9", frame)
        assert ("opened 2 stored results" in capsys.readouterr().out) == bool(known)
    for name in ("table9.csv", "table9.md"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    manifests = [json.loads((tmp_path / folder / "example.json").read_text()) for folder in "ab"]
    assert manifests[0]["settings"] == manifests[1]["settings"]
    assert not {"known", "tables_only"} & set(manifests[0]["settings"])


def test_what_needs_features_is_computed(rows, tmp_path):
    made = study(f'known = "{rows}"\nruns = "{tmp_path}/runs"')
    plain = made.plan("digits", "type", "optdigits", method="zero_shot")
    made.run(plain)
    assert RunStore(tmp_path / "runs").results() == []
    (name,) = made.run(plain, features=True)["config_hash"]
    assert len(RunStore(tmp_path / "runs").test_features(name)["scores"])
    assert made.results(plain) == RunStore(tmp_path / "runs").results()


def test_with_tables_only_nothing_is_computed_and_nothing_drawn(rows, tmp_path, no_run):
    made = study(f'known = "{rows}"\ntables_only = True\nfigures = "{tmp_path}"\nruns = "{tmp_path}/runs"')
    made.run(made.plan("digits", "type", "optdigits", **TWO))
    made.save_figure(None, "figure9", stamp="of nothing")
    for configs, features in ((made.configs, True), (made.plan("digits", "type", "optdigits", method="source_knn"), False)):
        with pytest.raises(InputError, match="wanted rows of all runs, got none of"):
            made.run(configs, features=features)
    assert list(tmp_path.iterdir()) == []
