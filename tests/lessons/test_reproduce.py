"""Notebooks headless: chosen by what they hold, planned, kept with their manifests, and failing where they fail."""

import base64
import io
import json
from itertools import product

import matplotlib as mpl
import nbformat
import numpy as np
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from PIL import Image

from twofold.data.public import FOLDER_DATASETS
from twofold.errors import InputError
from twofold.lessons import reproduce as module
from twofold.lessons.reproduce import (
    _keep_rows,
    choose,
    clean,
    code_hash,
    elements,
    notebooks,
    plan,
    preset_parameters,
    reproduce,
)
from twofold.networks.weights import Weights
from twofold.results.published import BLOCKS, published
from twofold.runs.config import configure
from twofold.runs.presets import RECIPE_VERSION
from twofold.runs.rows import read_rows, write_rows
from twofold.runs.sweeps import run_one

WITHOUT_RUNS = {"01_the_curse", "02_the_method", "14_from_scratch", "18_your_own_pictures"}
FIGURE = """%matplotlib inline
import matplotlib.pyplot as plt
from twofold.lessons.study import Study
study = Study(globals(), "01_good")
figure, ax = plt.subplots()
ax.plot([0, width])
study.save_figure(figure, "figure9", stamp="a line");"""


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project of two notebooks: one draws, one fails in its last cell."""
    folder = tmp_path / "notebooks"
    folder.mkdir()
    (tmp_path / "presets").mkdir()
    (tmp_path / "presets" / "embedded.yaml").write_text("01_good:\n  width: 7\n")
    monkeypatch.setattr(module, "PRESETS", tmp_path / "presets")
    parameters = new_code_cell('preset = "embedded-fast"\nwidth = 2\njobs = 1\nruns = "runs"\nfigures = None\nroot = None')
    parameters.metadata["tags"] = ["parameters"]
    for stem, last in (("01_good", FIGURE), ("02_bad", "import twofold\nraise ValueError('broken here')")):
        book = new_notebook(cells=[new_markdown_cell("# a"), parameters, new_code_cell(last)])
        book.metadata |= {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
        book.metadata["twofold"] = {"elements": ["figure9"] if stem == "01_good" else []}
        nbformat.write(book, folder / f"{stem}.ipynb")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_notebook_is_found_by_number_name_and_element(project):
    assert [path.stem for path in choose(["all"])] == ["01_good", "02_bad"]
    assert [[path.stem for path in choose([name])] for name in ("02", "bad", "figure9")] == [
        ["02_bad"],
        ["02_bad"],
        ["01_good"],
    ]
    with pytest.raises(InputError, match=r"got figure8; choose among: all, 01, figure9, 02"):
        choose(["figure8"])


def test_a_failure_is_named_and_the_others_go_on(project):
    lines = []
    assert reproduce(["all"], out="out", log=lines.append) == 1
    assert sorted(line.split(":")[0] for line in lines) == ["01_good", "failed 02_bad in cell 3"]
    assert any("ValueError: broken here" in line for line in lines)
    folder = project / "out" / "embedded-fast"
    assert (folder / "02_bad.failed.ipynb").is_file()
    assert (folder / "figure9.pdf").stat().st_size > 1000
    manifest = json.loads((folder / "01_good.json").read_text())
    assert manifest["files"] == ["figure9.png", "figure9.pdf"]
    assert manifest["code_hash"] == code_hash(nbformat.read(project / "notebooks" / "01_good.ipynb", 4))
    assert str(project) not in (folder / "01_good.ipynb").read_text()


def test_what_is_done_is_not_done_again_until_code_preset_or_recipe_change(project):
    def said(preset="embedded-fast"):
        lines = []
        reproduce(["01"], preset, out="out", log=lines.append)
        return lines[0]

    assert "2 files" in said()
    assert said() == "01_good: up to date"
    path = project / "notebooks" / "01_good.ipynb"
    book = nbformat.read(path, 4)
    book.cells[0].source = "# other prose"
    nbformat.write(book, path)
    assert said() == "01_good: up to date"
    manifest = project / "out" / "embedded-fast" / "01_good.json"
    kept = json.loads(manifest.read_text())
    manifest.write_text(json.dumps({**kept, "versions": {**kept["versions"], "recipe": RECIPE_VERSION - 1}}))
    assert "2 files" in said()
    book.cells[2].source += "\nprint(1)"
    nbformat.write(book, path)
    assert "2 files" in said()
    assert "2 files" in said("embedded")
    assert json.loads((project / "out" / "embedded" / "01_good.json").read_text())["settings"]["width"] == 7


def test_a_notebook_that_keeps_nothing_has_failed(project, monkeypatch):
    path = project / "notebooks" / "02_bad.ipynb"
    book = nbformat.read(path, 4)
    book.cells[2].source = "print(1)"
    nbformat.write(book, path)
    lines = []
    assert reproduce(["02"], out="out", log=lines.append) == 1
    assert "kept no figure" in lines[0]


def test_an_unknown_preset_is_refused(project):
    with pytest.raises(InputError, match="wanted a preset, got 'large'"):
        preset_parameters("large", "01_good")


def test_cleaning_takes_out_what_differs_from_run_to_run():
    cell = new_code_cell("1", outputs=[nbformat.v4.new_output("stream", name="stderr", text="noise")])
    cell.metadata["execution"] = {"at": "now"}
    book = clean(new_notebook(cells=[cell], metadata={"papermill": {}, "widgets": {}}))
    assert not book.cells[0].outputs
    assert not book.cells[0].metadata
    assert set(book.metadata) == {"language_info"}


def test_cleaning_makes_pictures_smaller_and_leaves_them_what_they_are():
    colors = np.random.default_rng(0).integers(0, 256, (90, 90, 3), dtype=np.uint8)
    whole = io.BytesIO()
    Image.fromarray(colors).save(whole, "PNG")
    data = {"image/png": base64.b64encode(whole.getvalue()).decode()}
    cell = new_code_cell("1", outputs=[nbformat.v4.new_output("display_data", data=data)])
    small = base64.b64decode(clean(new_notebook(cells=[cell])).cells[0].outputs[0]["data"]["image/png"])
    assert len(small) < len(whole.getvalue()) / 2
    seen = np.array(Image.open(io.BytesIO(small)).convert("RGB")).astype(int)
    assert np.abs(seen - colors).mean() < 25  # of noise, which has more colours than any drawing


def test_an_exercise_makes_no_result_and_moves_no_hash():
    cell, exercise = new_code_cell("1"), new_code_cell("answer = None", metadata={"tags": ["exercise"]})
    assert code_hash(new_notebook(cells=[cell, exercise])) == code_hash(new_notebook(cells=[cell]))
    assert code_hash(new_notebook(cells=[cell, new_code_cell("answer = None")])) != code_hash(new_notebook(cells=[cell]))


def test_every_notebook_of_the_project_can_be_planned():  # under embedded they are, in test_committed.py
    names = {name for path in notebooks() for name in elements(path)}
    assert names >= {*(f"table{i}" for i in range(1, 9)), *(f"figure{i}" for i in range(1, 6)), "quickstart"}
    for path in notebooks():
        given = preset_parameters("embedded-fast", path.stem)
        style = dict(mpl.rcParams)
        assert bool(plan(path, given)) == (path.stem not in WITHOUT_RUNS)
        assert dict(mpl.rcParams) == style, "planning a notebook draws nothing"


@pytest.fixture
def data_of_the_paper(tmp_path, monkeypatch):
    """Office-31, Office-Home, VisDA and PACS as their readers want them, of made pictures; the networks are random."""
    rng = np.random.default_rng(0)
    # as many of a class as few-shot methods take four of: the other half is tested, and of this one half is never shown
    for name, n in {"office31": 24, "office_home": 24, "visda2017": 404, "pacs": 44}.items():
        known = FOLDER_DATASETS[name]
        for domain, class_name in product(known.domains, known.classes):
            folder = tmp_path / name / domain / class_name
            folder.mkdir(parents=True)
            for i in range(n):
                Image.fromarray(rng.integers(0, 255, (4, 4, 3), dtype=np.uint8)).save(folder / f"{i}.png")
    for room in ("runs.run", "methods.base"):
        monkeypatch.setattr(f"twofold.{room}.resolve_weights", lambda model, *_: Weights(model, "random", None, "random:0"))
    return tmp_path


def test_every_notebook_can_be_planned_on_the_paper_s_data(data_of_the_paper):
    planned = {}
    for path in notebooks():
        configs = plan(path, {**preset_parameters("paper", path.stem), "root": str(data_of_the_paper)})
        planned[path.stem] = {(c.task.dataset, c.task.source, c.task.target) for c in configs}
    for stem, table in (("06_which_clustering", "table5"), ("08_alignment_strategies", "table7")):
        blocks = list(dict.fromkeys(published(table)["block"]))
        assert preset_parameters("paper", stem)["stands_for"] == blocks
        assert planned[stem] == {BLOCKS[block] for block in blocks}


def test_every_name_in_the_presets_is_a_notebook_s():
    import yaml

    stems = {path.stem for path in notebooks()}
    for path in module.PRESETS.glob("*.yaml"):
        assert set(yaml.safe_load(path.read_text())) <= stems | {"all"}, path.name


def run_of(normal, store):
    return run_one(configure("digits", "type", "optdigits", normal, "zero_shot"), store)


def test_runs_behind_a_folder_become_rows_and_those_of_another_store_stay(tmp_path):
    results = [run_of(normal, tmp_path / normal) for normal in "35"]
    for i, result in enumerate(results):
        (tmp_path / "07.json").write_text(json.dumps({"runs": {result["config_hash"]: []}}))
        _keep_rows(tmp_path, tmp_path / result["normal"])
        kept = read_rows(tmp_path / "rows.jsonl.gz")
        assert kept == sorted(results[: i + 1], key=lambda row: row["config_hash"])
    _keep_rows(tmp_path, tmp_path / "none")
    assert read_rows(tmp_path / "rows.jsonl.gz") == kept


def test_a_table_of_rows_reaches_the_notebooks(project):
    write_rows(project / "rows.jsonl.gz", [run_of("3", project / "done")])
    path = project / "notebooks" / "01_good.ipynb"
    book = nbformat.read(path, 4)
    book.cells[2].source += "\nprint('rows:', study.known and len(study.known.rows))"
    nbformat.write(book, path)
    for known, said in (("rows.jsonl.gz", "rows: 1"), ("", "rows: None")):
        assert reproduce(["01"], out=f"out{known}", known=known, log=lambda line: None) == 0
        assert said in (project / f"out{known}" / "embedded-fast" / "01_good.ipynb").read_text()
    with pytest.raises(InputError, match="wanted a table of rows in"):
        reproduce(["01"], known="no/such/table")
