"""What is shipped imports, and what is committed is clean."""

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

import twofold

REPOSITORY = Path(__file__).resolve().parents[1]
NOTEBOOKS = sorted((REPOSITORY / "notebooks").glob("*.ipynb"))


def test_the_built_wheel_imports_every_module(tmp_path):
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path), str(REPOSITORY)]
    subprocess.run(build, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    site = tmp_path / "site"
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(site), str(wheel)]
    subprocess.run(install, check=True, capture_output=True)
    paths = [path.relative_to(REPOSITORY).with_suffix("") for path in (REPOSITORY / "twofold").rglob("*.py")]
    modules = sorted(".".join(path.parts).removesuffix(".__init__") for path in paths)
    assert "twofold.methods.base" in modules
    code = (
        f"import sys, importlib\nsys.path.insert(0, {str(site)!r})\n"
        f"for name in {modules!r}: importlib.import_module(name)\n"
        f"import twofold\nassert twofold.__file__.startswith({str(site)!r}), twofold.__file__\n"
        "assert all(getattr(twofold, name) for name in twofold.__all__)\n"
        "from twofold.results.published import TABLES, claims, published\n"
        "assert len(claims()) and all(len(published(table)) for table in TABLES)\n"
        "assert len(twofold.load_domain('emoji', 'apple'))\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path)


def test_the_map_names_every_room_and_no_other():
    rooms = {path.name.removesuffix(".py") for path in (REPOSITORY / "twofold").glob("[a-z]*") if path.suffix in ("", ".py")}
    _, table, _ = re.split(r"^=+ +=+$", twofold.__doc__, flags=re.MULTILINE)
    assert {line.split()[0] for line in table.strip().splitlines()} == rooms


def test_what_is_exported_is_there_and_imported_on_first_use():
    assert all(getattr(twofold, name) for name in twofold.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = twofold.nothing
    code = "import sys, twofold\nassert not [name for name in sys.modules if name.startswith('twofold.')]"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_every_import_of_ours_is_declared():
    import tomllib

    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text("utf-8"))["project"]
    declared = [*project["dependencies"], *(name for more in project["optional-dependencies"].values() for name in more)]
    names = {re.split(r"[\[<>=~]", name)[0].lower().replace("-", "_") for name in declared}
    called = {"sklearn": "scikit_learn", "PIL": "pillow", "open_clip": "open_clip_torch", "yaml": "pyyaml", "IPython": "ipykernel"}
    for path in (REPOSITORY / "twofold").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            found = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            found += [node.module] if isinstance(node, ast.ImportFrom) else []
            for module in {name.split(".")[0] for name in found} - sys.stdlib_module_names - {"twofold"}:
                assert called.get(module, module).lower() in names, f"{path.name} imports {module}"


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


MANIFESTS = sorted((REPOSITORY / "figures" / "embedded").glob("[0-9]*.json"))


def test_every_notebook_has_its_committed_results():
    assert [path.stem for path in MANIFESTS] == [path.stem for path in NOTEBOOKS]


@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: path.stem)
def test_committed_figures_stand_for_the_notebook_and_the_listed_runs(path):
    import nbformat
    import pandas as pd

    from twofold.lessons.reproduce import code_hash, preset_parameters

    manifest = json.loads(path.read_text("utf-8"))
    book = nbformat.read(REPOSITORY / "notebooks" / f"{path.stem}.ipynb", 4)
    assert manifest["code_hash"] == code_hash(book), "run: twofold reproduce --preset embedded"
    assert manifest["given"] == preset_parameters("embedded", path.stem)
    for name in [*manifest["files"], f"{path.stem}.ipynb"]:
        assert (path.parent / name).stat().st_size > 0, name
    listed = pd.read_csv(path.parent / "runs.csv").set_index("config_hash")["auroc"]
    assert not listed.index.duplicated().any()
    for config_hash, (_, auroc, _) in manifest["runs"].items():
        assert auroc is None or listed[config_hash] == pytest.approx(auroc, abs=1e-9)


def test_no_committed_text_names_a_machine():
    for path in [*(REPOSITORY / "figures").glob("embedded/*"), *NOTEBOOKS]:
        if path.suffix in (".json", ".ipynb", ".md", ".csv"):
            text = path.read_text("utf-8")
            assert not any(word in text for word in ("/home/", "/tmp/", "/root/", "/work/")), path.name
