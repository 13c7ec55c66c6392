"""What is shipped imports, and what is committed is clean."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
NOTEBOOKS = sorted((REPOSITORY / "notebooks").glob("*.ipynb"))


def test_the_built_wheel_imports_every_module(tmp_path):
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path), str(REPOSITORY)]
    subprocess.run(build, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    site = tmp_path / "site"
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(site), str(wheel)]
    subprocess.run(install, check=True, capture_output=True)
    modules = [path.stem for path in (REPOSITORY / "twofold").glob("*.py") if path.stem != "__init__"]
    code = (
        f"import sys, importlib\nsys.path.insert(0, {str(site)!r})\n"
        f"for name in {modules!r}: importlib.import_module('twofold.' + name)\n"
        f"import twofold\nassert twofold.__file__.startswith({str(site)!r}), twofold.__file__\n"
        "from twofold.published import TABLES, claims, published\n"
        "assert len(claims()) and all(len(published(table)) for table in TABLES)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path)


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
    ("stem", "parameters", "figure", "table", "beginning"),
    [
        ("00_quickstart", {"normals": ["2"], "ratios": [0.1, 0.3]}, "quickstart.png", "quickstart.csv", "anomaly_ratio,method"),
        ("13_the_honest_table", {"normal": "2"}, "controls.png", "controls.csv", "dataset,source,target,method,mean"),
    ],
)
def test_a_notebook_runs_headless_and_nbval_accepts_it(stem, parameters, figure, table, beginning, tmp_path):
    folders = {"out": str(tmp_path / "runs"), "figures": str(tmp_path / "figures")}
    executed = tmp_path / f"{stem}.ipynb"
    run_notebook(REPOSITORY / "notebooks" / f"{stem}.ipynb", executed, {**parameters, **folders}, execution_timeout=900)
    assert (tmp_path / "figures" / figure).stat().st_size > 20_000
    assert (tmp_path / "figures" / table).read_text().startswith(beginning)
    check = [sys.executable, "-m", "pytest", "-p", "no:xdist", "--nbval-lax", str(executed), "--rootdir", str(tmp_path)]
    done = subprocess.run(check, check=False, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stdout[-3000:]


def test_a_bad_parameter_stops_the_quickstart_in_its_second_cell(tmp_path):
    from papermill.exceptions import PapermillExecutionError

    book = REPOSITORY / "notebooks" / "00_quickstart.ipynb"
    with pytest.raises(PapermillExecutionError, match="wanted a preset, got 'large'") as caught:
        run_notebook(book, tmp_path / "x.ipynb", {"preset": "large"})
    assert caught.value.cell_index <= 3


def test_committed_figures_say_which_runs_they_were_drawn_from():
    folder = REPOSITORY / "figures" / "embedded"
    rows = (folder / "runs.csv").read_text("utf-8").splitlines()
    assert rows[0].startswith("config_hash,")
    assert len(rows) > 1000
    hashes = [row.split(",")[0] for row in rows[1:]]
    assert len(set(hashes)) == len(hashes)
    for name in ("quickstart.png", "quickstart.csv", "controls.png", "controls.csv", "controls.md"):
        assert (folder / name).is_file()
