"""What is committed under ``figures/embedded`` stands for its notebook and its runs, or says that it is older than they are."""

import dataclasses
import json
from functools import cache
from pathlib import Path

import nbformat
import pytest

from twofold.errors import InputError
from twofold.lessons import committed as module
from twofold.lessons.committed import QUOTES, quoted, tables_again, write_readme
from twofold.lessons.reproduce import code_hash, plan, preset_parameters
from twofold.networks.weights import resolve_weights
from twofold.runs.presets import RECIPE_VERSION
from twofold.runs.rows import TABLE, read_rows, write_rows
from twofold.runs.run import failed

REPOSITORY = Path(__file__).resolve().parents[2]
FOLDER = REPOSITORY / "figures" / "embedded"
NOTEBOOKS = sorted((REPOSITORY / "notebooks").glob("*.ipynb"))
MANIFESTS = sorted(FOLDER.glob("[0-9]*.json"))
FROM_FEATURES = {"11_verdict", "12_proxy_a_distance"}  # tables that no row can give


@pytest.fixture(scope="module")
def read_once():
    """The committed table is read once for all notebooks."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("twofold.runs.rows.read_rows", cache(read_rows))
        yield


@pytest.fixture(scope="module")
def rows():
    """config hash -> row of the committed table, nothing where there is none."""
    return {row["config_hash"]: row for row in read_rows(REPOSITORY / TABLE)} if (REPOSITORY / TABLE).is_file() else {}


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
def test_committed_files_are_there(path):
    for name in [*json.loads(path.read_text("utf-8"))["files"], f"{path.stem}.ipynb"]:
        assert (path.parent / name).stat().st_size > 0, name


def with_runs() -> list[Path]:
    """Manifests of what is not listed as older, and has runs behind it."""
    fresh = [path for path in MANIFESTS if path.stem not in listed_as_stale()]
    return [path for path in fresh if json.loads(path.read_text("utf-8"))["runs"]]


@pytest.mark.parametrize("path", with_runs(), ids=lambda path: path.stem)
def test_every_run_behind_a_committed_result_is_a_row(path, rows):
    for config_hash, (split, auroc, _) in json.loads(path.read_text("utf-8"))["runs"].items():
        assert (rows[config_hash]["split_hash"], rows[config_hash]["auroc"]) == (split, auroc)


@pytest.mark.parametrize("path", with_runs(), ids=lambda path: path.stem)
@pytest.mark.usefixtures("read_once")
def test_every_committed_table_is_what_its_notebook_makes_of_the_rows(path):
    manifest, lines = json.loads(path.read_text("utf-8")), []
    again = tables_again(REPOSITORY / "notebooks" / f"{path.stem}.ipynb", manifest["given"], REPOSITORY / TABLE, lines.append)
    for name in map(Path, manifest["files"]):
        if name.suffix in (".csv", ".md") and name.stem not in FROM_FEATURES:
            assert again.get(str(name), lines) == (FOLDER / name).read_text("utf-8")


@pytest.mark.parametrize("page", ["README.md", *(f"site/{path.name}" for path in sorted((REPOSITORY / "site").glob("*.md")))])
def test_the_readme_and_the_pages_say_what_the_committed_tables_say(page):
    text = (REPOSITORY / page).read_text("utf-8")
    assert quoted(text, FOLDER) == text, "run make readme"


# the mechanism, on rows made by hand --------------------------------------------------------------------------------


def made(config, auroc: float) -> dict:
    """A row of a run that nobody did."""
    weights = {}
    for role in config.settings.networks:
        found = resolve_weights(getattr(config.networks, role), getattr(config.networks, f"{role}_weights"), config.task.seed)
        weights[role] = {"model": found.model, "origin": found.origin, "sha256": found.key}
    aligned = config.settings.trains and config.settings.alignment != "none"
    quality = {"size": 90, "purity": 0.9, "recall": 0.8, "accuracy": 0.7} if aligned else {}
    row = failed(config, RuntimeError(), f"{abs(hash(config)):x}")
    row |= {"error": None, "auroc": auroc, "average_precision": 50.0, "fpr_at_95_tpr": 50.0, "collapsed": False}
    row |= {"dominant": row["dominant"] | quality, "notes": {"fallback_steps": 1}, "device": "cpu", "split_hash": "made"}
    row |= {"seconds": dict.fromkeys(row["seconds"], 1.0), "weights": row["weights"] | weights}
    row["config"] = dataclasses.asdict(config)
    return row


def test_a_notebook_s_tables_follow_from_rows_alone(tmp_path, monkeypatch):
    path = next(path for path in NOTEBOOKS if path.stem == "05_components")
    given = {"preset": "embedded", "normals": ["3", "5"], "seeds": [0, 1]}
    level = {"source_only": 60.0, "twofold": 70.0, "oracle": 90.0}
    configs = plan(path, {**given, "known": ""})
    rows = [made(c, level.get(c.name, 65.0) + (c.task.normal == "5") + 2 * c.task.seed) for c in configs]
    write_rows(tmp_path / "rows.jsonl.gz", rows)
    monkeypatch.setattr("twofold.runs.rows.load_pair", elsewhere)
    lines = []
    tables = tables_again(path, given, tmp_path / "rows.jsonl.gz", lines.append)
    assert lines == []
    kept = {"table4", "05_selection", "05_negatives"}
    assert set(tables) == {f"{name}.{suffix}" for name in kept for suffix in ("csv", "md")}
    ours = {line.split(",")[1]: line.split(",")[2] for line in tables["table4.csv"].splitlines()}
    assert (ours["source_only"], ours["twofold"], ours["oracle"]) == ("61.5", "71.5", "91.5")
    assert "n = 2 classes x 2 seeds" in tables["table4.md"]


def elsewhere(*_):
    raise InputError("wanted pictures, got none")


def test_a_cell_that_wants_more_than_rows_is_named_and_the_others_go_on(tmp_path):
    path = next(path for path in NOTEBOOKS if path.stem == "05_components")
    given = {"preset": "embedded", "normals": ["3"], "seeds": [0]}
    configs = [c for c in plan(path, {**given, "known": ""}) if c.name != "oracle"]
    write_rows(tmp_path / "rows.jsonl.gz", [])
    lines = []
    assert tables_again(path, given, tmp_path / "rows.jsonl.gz", lines.append) == {}
    assert f"wanted rows of all runs, got none of {len(configs)}" in lines[0]
    with pytest.raises(InputError, match="wanted a table of rows in"):
        tables_again(path, given, tmp_path / "none")


TEXT = """# A
<!-- table best -->
| old |
<!-- end -->
It gains <!-- cell best | digits | gain -->+9.9<!-- end --> points, and <!-- cell best | emoji | gain --><!-- end -->.
"""


@pytest.fixture
def project(tmp_path, monkeypatch):
    folder = tmp_path / "figures" / "embedded"
    folder.mkdir(parents=True)
    (folder / "best.csv").write_text("pair,gain\ndigits,+4.2\nemoji,-0.10\n")
    (folder / "best.md").write_text("| pair | gain |\n|---|---|\n| digits | +4.2 |\n| emoji | -0.10 |\n\nthe stamp\n")
    (tmp_path / "README.md").write_text(TEXT)
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "a.md").write_text("<!-- cell best | digits | gain -->old<!-- end -->")
    monkeypatch.setattr(module, "project_folder", lambda: tmp_path)
    return tmp_path


def test_the_readme_quotes_tables_and_cells(project):
    assert write_readme() == "README.md and site/ quote 4 tables and cells, 4 changed"
    assert write_readme() == "README.md and site/ quote 4 tables and cells, 0 changed"
    assert (project / "site" / "a.md").read_text() == "<!-- cell best | digits | gain -->+4.2<!-- end -->"
    text = (project / "README.md").read_text()
    assert text.startswith(
        "# A\n<!-- table best -->\n| pair | gain |\n|---|---|\n| digits | +4.2 |\n| emoji | -0.10 |\n<!-- end"
    )
    assert "It gains <!-- cell best | digits | gain -->+4.2<!-- end --> points, and " in text
    assert [match[4] for match in QUOTES.finditer(text)][1:] == ["+4.2", "-0.10"]


@pytest.mark.parametrize(
    ("quote", "said"),
    [
        ("table worst", "got 'worst.md'; choose among: best"),
        ("cell worst | digits | gain", "got 'worst.csv'; choose among: best"),
        ("cell best | pacs | gain", "got 'pacs' and 'gain'; it has rows digits, emoji and columns pair, gain"),
        ("cell best | digits | loss", "got 'digits' and 'loss'"),
        ("cell best", "wanted a cell as NAME | ROW | COLUMN, got 'best'"),
    ],
)
def test_a_quote_of_what_is_not_there_is_one_line(project, quote, said):
    (project / "README.md").write_text(f"<!-- {quote} -->1<!-- end -->")
    with pytest.raises(InputError) as caught:
        write_readme()
    assert said in str(caught.value)
