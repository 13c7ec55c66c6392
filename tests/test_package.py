"""What is shipped imports."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import twofold

REPOSITORY = Path(__file__).resolve().parents[1]


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


def test_the_page_of_the_house_has_the_rooms_of_the_map_in_its_order():
    _, table, _ = re.split(r"^=+ +=+$", twofold.__doc__, flags=re.MULTILINE)
    house = (REPOSITORY / "site" / "house.md").read_text("utf-8").split("\n## ")[0]
    rows = re.findall(r"^\| (`.+?) \|", house, flags=re.MULTILINE)
    assert re.findall(r"`(\w+)/?`", " ".join(rows)) == [line.split()[0] for line in table.strip().splitlines()]


def test_the_page_of_deviations_lists_every_one_from_the_paper_that_a_docstring_owns_up_to():
    text = (REPOSITORY / "site" / "deviations.md").read_text("utf-8")
    found = []
    for path in (REPOSITORY / "twofold").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                _, _, source = (ast.get_docstring(node) or "").partition("Source\n------\n")
                of_the_paper = re.search(r"Eq\. \d|the paper|2502\.21022", source)
                if of_the_paper and re.search(r"Deviations: (?!none)", source):
                    found.append(node.name)
    assert len(found) >= 8
    assert [name for name in found if f"`{name}`" not in text] == []


def test_what_is_exported_is_there_and_imported_on_first_use():
    assert all(getattr(twofold, name) for name in twofold.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = twofold.nothing
    code = "import sys, twofold\nassert not [name for name in sys.modules if name.startswith('twofold.')]"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_run_is_planned_without_what_draws_views():
    code = "import sys, twofold.runs.run\nassert not {'torchvision', 'timm', 'open_clip'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_every_import_of_ours_is_declared():
    import tomllib

    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text("utf-8"))["project"]
    declared = [*project["dependencies"], *(name for more in project["optional-dependencies"].values() for name in more)]
    names = {re.split(r"[\[<>=~]", name)[0].lower().replace("-", "_") for name in declared}
    called = {
        "sklearn": "scikit_learn",
        "PIL": "pillow",
        "open_clip": "open_clip_torch",
        "yaml": "pyyaml",
        "IPython": "ipykernel",
        "ot": "pot",
    }
    for path in (REPOSITORY / "twofold").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            found = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            found += [node.module] if isinstance(node, ast.ImportFrom) else []
            for module in {name.split(".")[0] for name in found} - sys.stdlib_module_names - {"twofold"}:
                assert called.get(module, module).lower() in names, f"{path.name} imports {module}"
