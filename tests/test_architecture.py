"""The file list is the architecture: imports run one way, modules stay small, names resolve."""

import ast
import importlib
from pathlib import Path

import pytest

import twofold

PACKAGE = Path(twofold.__file__).parent
ORDER = """
errors presets config domains digits emoji published_counts listing folders datasets weights backbones embeddings
tasks neighbors gaussians selection objectives alignment training metrics simulation detectors deploy experiments
store sweeps statistics published reports tables plots charts scenes diagrams anatomy gallery autopsy curves
arrows clusters margins studies reproduce cli
""".split()
MODULES = sorted(path.stem for path in PACKAGE.glob("*.py") if path.stem != "__init__")


def test_every_module_has_its_place():
    assert set(MODULES) == set(ORDER)


@pytest.mark.parametrize("module", MODULES)
def test_a_module_imports_only_those_above_it(module):
    tree = ast.parse((PACKAGE / f"{module}.py").read_text("utf-8"))
    names = [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    names += [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
    imported = {name.split(".")[1] for name in names if name.startswith("twofold.")}
    assert "twofold" not in names, "import from the module that holds the name"
    below = [name for name in imported if ORDER.index(name) >= ORDER.index(module)]
    assert not below, f"{module} imports {below}, which stand below it"


@pytest.mark.parametrize("module", MODULES)
def test_a_module_holds_one_idea(module):
    lines = (PACKAGE / f"{module}.py").read_text("utf-8").splitlines()
    assert len(lines) <= 300, f"{module} has {len(lines)} lines: split it by idea"


@pytest.mark.parametrize("module", MODULES)
def test_public_names_resolve_and_are_documented(module):
    loaded = importlib.import_module(f"twofold.{module}")
    assert loaded.__doc__
    for name in loaded.__all__:
        value = getattr(loaded, name)
        assert not callable(value) or value.__doc__, f"{module}.{name} has no docstring"


def test_the_package_s_curated_names_resolve():
    assert all(getattr(twofold, name) is not None for name in twofold.__all__)


def test_the_module_map_in_the_docstring_is_complete():
    assert all(module in twofold.__doc__ for module in MODULES)


@pytest.mark.parametrize("module", ["training", "selection", "alignment", "objectives"])
def test_what_learns_never_names_a_target_label(module):
    source = (PACKAGE / f"{module}.py").read_text("utf-8")
    for word in ("target_test_labels", "target_train_labels", "class_names", "anomaly_ratio"):
        assert word not in source, f"{module} mentions {word}"
