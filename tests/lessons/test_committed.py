"""What is committed under ``figures/embedded`` stands for its notebook and its runs, or says that it is older than they are."""

import json
from pathlib import Path

import nbformat
import pandas as pd
import pytest

from twofold.lessons.reproduce import code_hash, preset_parameters
from twofold.runs.presets import RECIPE_VERSION

REPOSITORY = Path(__file__).resolve().parents[2]
FOLDER = REPOSITORY / "figures" / "embedded"
NOTEBOOKS = sorted((REPOSITORY / "notebooks").glob("*.ipynb"))
MANIFESTS = sorted(FOLDER.glob("[0-9]*.json"))


def listed_as_stale() -> dict[str, str]:
    """Name -> reason, a line each in ``STALE``."""
    lines = (FOLDER / "STALE").read_text("utf-8").splitlines()
    return {name.strip(): reason.strip() for name, _, reason in (line.partition(":") for line in lines)}


def age(manifest: dict, path: Path) -> str:
    """Why a result is older than what makes it; nothing where it is not."""
    if manifest["code_hash"] != code_hash(nbformat.read(REPOSITORY / "notebooks" / f"{path.stem}.ipynb", 4)):
        return "other code"
    if manifest["given"] != preset_parameters("embedded", path.stem):
        return "other parameters"
    recipe = manifest["versions"].get("recipe", RECIPE_VERSION)  # a notebook without runs has none
    return "" if recipe == RECIPE_VERSION else f"recipe {recipe}"


def test_every_notebook_has_its_committed_results():
    assert [path.stem for path in MANIFESTS] == [path.stem for path in NOTEBOOKS]


@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: path.stem)
def test_a_result_is_as_new_as_its_code_or_listed_as_older(path):
    found = age(json.loads(path.read_text("utf-8")), path)
    reason = listed_as_stale().get(path.stem)
    assert bool(found) == bool(reason), found or "made anew: strike its line in figures/embedded/STALE"


def test_what_is_listed_as_older_is_there():
    assert set(listed_as_stale()) <= {path.stem for path in MANIFESTS}


@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: path.stem)
def test_committed_files_are_there_and_their_runs_are_listed(path):
    manifest = json.loads(path.read_text("utf-8"))
    for name in [*manifest["files"], f"{path.stem}.ipynb"]:
        assert (path.parent / name).stat().st_size > 0, name
    listed = pd.read_csv(path.parent / "runs.csv").set_index("config_hash")["auroc"]
    assert not listed.index.duplicated().any()
    for config_hash, (_, auroc, _) in manifest["runs"].items():
        assert auroc is None or listed[config_hash] == pytest.approx(auroc, abs=1e-9)
