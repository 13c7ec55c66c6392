"""The committed notebooks are clean, executed and small; a wrong parameter stops one early; figures stand for their runs."""

import json
import re
from pathlib import Path

import pytest

from twofold.methods import METHODS
from twofold.results.statistics import plain

REPOSITORY = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted((REPOSITORY / "notebooks").glob("*.ipynb"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_small_clean_and_has_deterministic_cell_ids(path):
    text = path.read_text("utf-8")
    book = json.loads(text)
    assert len(text) < 1_500_000
    assert len(book["cells"]) <= 25
    assert [cell["id"] for cell in book["cells"]] == [f"cell-{i:02d}" for i in range(len(book["cells"]))]
    assert sum("parameters" in cell["metadata"].get("tags", []) for cell in book["cells"]) == 1
    outputs = [output for cell in book["cells"] for output in cell.get("outputs", [])]
    assert not any(output["output_type"] == "error" for output in outputs)
    assert any("image/png" in output.get("data", {}) for output in outputs)
    assert "/home/" not in text
    assert str(REPOSITORY) not in text
    for cell in book["cells"]:
        source = "".join(cell["source"])
        assert cell["cell_type"] != "code" or not any(line.startswith("class ") for line in source.splitlines())


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_was_run_once_from_its_top_and_keeps_no_log(path):
    cells = [cell for cell in json.loads(path.read_text("utf-8"))["cells"] if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))
    assert not any(output.get("name") == "stderr" for cell in cells for output in cell["outputs"])
    assert all(set(cell["metadata"]) <= {"tags"} for cell in cells)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_no_notebook_takes_a_run_s_name_apart(path):
    code = ["".join(cell["source"]) for cell in json.loads(path.read_text("utf-8"))["cells"] if cell["cell_type"] == "code"]
    for word in ('split("[")', 'partition("[")', "str.replace", "removesuffix(", "re.sub("):
        assert not any(word in source for source in code), word


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_no_title_says_a_method_by_its_name_in_code(path):
    code = ["".join(cell["source"]) for cell in json.loads(path.read_text("utf-8"))["cells"] if cell["cell_type"] == "code"]
    titles = [line for source in code for line in source.splitlines() if "headline(" in line or "set_title(" in line]
    plainly = [re.sub(r"(plain|look_of)\([^()]*\)|_words\(.*", "", title) for title in titles]
    assert [title for title in plainly if re.search(r"config\.name|" + "|".join(METHODS), title)] == []


@pytest.mark.parametrize("page", ["site/methods.md", "notebooks/00_quickstart.ipynb"])
def test_a_table_of_methods_says_how_figures_call_them(page):
    found = re.findall(r"\| `(\w+)`(?:, same eyes)? \| ([^|]+?)(?:, same eyes)? \|", (REPOSITORY / page).read_text("utf-8"))
    assert len(found) >= 8
    assert [(name, words) for name, words in found if words != plain(name)] == []


def test_a_function_of_one_notebook_alone_lives_in_a_lesson():
    """Public functions of all rooms below the lessons: one notebook as their only caller is too few."""
    import ast
    import re

    package = REPOSITORY / "twofold"
    files = {path: path.read_text("utf-8") for path in package.rglob("*.py")}
    books = {
        path: "\n".join("".join(c["source"]) for c in json.loads(path.read_text("utf-8"))["cells"] if c["cell_type"] == "code")
        for path in NOTEBOOKS
    }
    single = []
    for path in [path for path in files if path.parent.name != "lessons"]:
        for node in ast.parse(files[path]).body:
            if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
                called = re.compile(rf"\b{node.name}\(")
                elsewhere = [other for other, text in files.items() if other != path and called.search(text)]
                here = len(called.findall(files[path])) > 1
                if not elsewhere and not here and sum(bool(called.search(text)) for text in books.values()) == 1:
                    single.append(node.name)
    assert not single


def run_notebook(source, target, parameters, **more):
    import papermill

    papermill.execute_notebook(source, target, parameters, kernel_name="python3", progress_bar=False, **more)


@pytest.mark.parametrize(
    ("stem", "parameters", "said"),
    [
        ("00_quickstart", {"preset": "large"}, "wanted a preset, got 'large'"),
        ("00_quickstart", {"normal": "2"}, "got 'normal'; did you mean 'normals'"),
        ("10_anomaly_scarcity", {"methods": ["twofld"]}, "wanted a method, got 'twofld'; did you mean 'twofold'"),
        ("04_visda", {"dataset": "visda2017", "source": "synthetic", "target": "real"}, "visda2017"),
    ],
)
def test_a_bad_parameter_stops_a_notebook_in_its_second_cell(stem, parameters, said, tmp_path):
    from papermill.exceptions import PapermillExecutionError

    book = REPOSITORY / "notebooks" / f"{stem}.ipynb"
    with pytest.raises(PapermillExecutionError) as caught:
        run_notebook(book, tmp_path / "x.ipynb", parameters)
    assert said in caught.value.evalue
    assert caught.value.cell_index <= 3
    assert "\n" not in "".join(caught.value.traceback)


def test_no_committed_text_names_a_machine():
    for path in [*(REPOSITORY / "figures").glob("embedded/*"), *NOTEBOOKS]:
        if path.suffix in (".json", ".ipynb", ".md", ".csv"):
            text = path.read_text("utf-8")
            assert not any(word in text for word in ("/home/", "/tmp/", "/root/", "/work/")), path.name


PAGES = [*NOTEBOOKS, *sorted((REPOSITORY / "notebooks").glob("*.md"))]


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_every_link_to_a_file_leads_somewhere(path):
    text = path.read_text("utf-8")
    if path.suffix == ".ipynb":
        cells = [cell for cell in json.loads(text)["cells"] if cell["cell_type"] == "markdown"]
        text = "\n".join("".join(cell["source"]) for cell in cells)
    for target in re.findall(r"\]\(([^)#\s]+)\)", text):
        assert "://" in target or (path.parent / target).exists(), target
