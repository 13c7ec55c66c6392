"""Crops of paper: every layout is read, crops of one sheet stay together, a mask belongs to its fault."""

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from twofold.data import DATASETS, check, load_domain, load_pair, normal_classes, where
from twofold.data.piped import find_piped_root, load_piped_domain
from twofold.data.tasks import build_task
from twofold.errors import InputError

TRUE_DATA = os.environ.get("TWOFOLD_DATA")  # read before the tests take it away
SHEETS, CROPS = ("01", "02", "03"), (1, 2, 3, 4)


@pytest.fixture(autouse=True)
def without_environment(monkeypatch):
    monkeypatch.delenv("TWOFOLD_DATA", raising=False)


def draw(path: Path, colour: tuple[int, int, int]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (8, 6), colour).save(path)


def draw_paper(root: Path, name: str, ground: str = "GroundTruth") -> Path:
    """A type of paper of three sheets a class, four crops each; its masks are black in the upper row."""
    paper = root / f"PA_{name}"
    shade = sum(map(ord, name)) % 200
    for sheet in SHEETS:
        for crop in CROPS:
            draw(paper / "NoDefects" / f"PA_{name}_S_ND_{sheet}_{crop}.bmp", (shade, int(sheet), crop))
            draw(paper / "Defects" / f"PA_{name}_S_D_{sheet}_{crop}.bmp", (shade, 100 + int(sheet), crop))
            mask = np.full((6, 8), 255, np.uint8)
            mask[0] = 0
            (paper / "Defects" / ground).mkdir(exist_ok=True)
            Image.fromarray(mask).convert("1").save(paper / "Defects" / ground / f"PA_{name}_S_GT_{sheet}_{crop}.bmp")
    return root


@pytest.fixture
def papers(tmp_path) -> Path:
    """Two types of paper, the masks of one in a folder of a misspelt name, as in the original."""
    draw_paper(tmp_path / "piped" / "data", "GLA01_TL")
    draw_paper(tmp_path / "piped" / "data", "NEW01_RL", ground="GroundThruth")
    return tmp_path


# --- layouts ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("layout", ["", "data", "piped", "piped/data", "PIPED/data"])
def test_root_may_be_the_folder_its_clone_or_the_parent(layout, tmp_path):
    draw_paper(tmp_path / layout, "GLA01_TL")
    assert find_piped_root(tmp_path) == tmp_path / layout
    assert find_piped_root(tmp_path / layout) == tmp_path / layout
    assert len(load_domain("piped", "GLA01_TL", tmp_path)) == 24


def test_the_environment_names_the_root(papers, monkeypatch):
    monkeypatch.setenv("TWOFOLD_DATA", str(papers))
    assert where("piped") == f"found in {papers / 'piped' / 'data'}"
    assert len(load_domain("piped", "GLA01_TL")) == 24


def test_any_type_of_paper_that_is_there_is_a_domain(papers):
    assert "NEW01_RL" not in DATASETS["piped"]
    assert load_domain("piped", "NEW01_RL", papers).name == "NEW01_RL"


def test_a_domain_holds_two_classes_and_no_mask(papers):
    domain = load_piped_domain("NEW01_RL", papers)
    assert domain.classes == ("faulty", "good")
    assert [int((domain.class_names == each).sum()) for each in domain.classes] == [12, 12]
    assert domain.ids[0] == "Defects/PA_NEW01_RL_S_D_01_1.bmp"
    assert all((papers / "piped" / "data" / "PA_NEW01_RL" / path).is_file() for path in domain.ids)
    assert not [path for path in domain.ids if "_GT_" in path]


# --- sheets ----------------------------------------------------------------------------------------------------------


def test_crops_of_one_sheet_are_one_group_and_stand_on_one_side(papers):
    source, target = load_pair("piped", "GLA01_TL", "NEW01_RL", papers)
    groups, counts = np.unique(target.groups, return_counts=True)
    assert groups.tolist()[0] == "piped/NEW01_RL/PA_NEW01_RL_S_D_01"
    assert counts.tolist() == [4] * 6
    assert not set(source.groups) & set(target.groups)
    for seed in range(5):
        task = build_task(source, target, normal="good", seed=seed, anomaly_ratio=0.25)
        sheet_of = dict(zip(target.contents.tolist(), target.groups.tolist(), strict=True))
        trained = {sheet_of[content] for content in task.target_train.contents}
        assert not trained & {sheet_of[content] for content in task.target_test.contents}


def test_good_alone_is_ever_normal(papers):
    assert normal_classes("piped", "GLA01_TL", "NEW01_RL", papers) == ["good"]


# --- refusals and the check ------------------------------------------------------------------------------------------


def test_what_is_missing_is_one_clear_line(papers, tmp_path_factory):
    nothing = tmp_path_factory.mktemp("nothing")
    with pytest.raises(InputError, match=r"wanted the folder of piped, got none; pass --root or set TWOFOLD_DATA.*git clone"):
        find_piped_root()
    with pytest.raises(InputError, match=r"wanted piped in .*, got no type of paper .*; correct --root or TWOFOLD_DATA"):
        find_piped_root(nothing)
    with pytest.raises(InputError, match=r"wanted a type of paper in .*, got 'PA_X'; choose one of: GLA01_TL, NEW01_RL"):
        load_domain("piped", "PA_X", papers)
    for file in (papers / "piped/data/PA_GLA01_TL/NoDefects").iterdir():
        file.unlink()
    with pytest.raises(InputError, match=r"wanted pictures of both classes of GLA01_TL, got none in .*NoDefects"):
        load_domain("piped", "GLA01_TL", papers)


def test_the_check_wants_every_type_in_use_and_counts_any_other(papers):
    (papers / "piped/data/PA_GLA01_TL/Defects/GroundTruth/PA_GLA01_TL_S_GT_01_1.bmp").unlink()
    report = check("piped", papers)
    assert not report.ok
    found = {(row.domain, row.class_name): row.found for row in report.rows}
    assert {row.domain for row in report.rows} == {*DATASETS["piped"], "NEW01_RL"}
    assert [found["GLA01_TL", each] for each in ("faulty", "good", "masks")] == [12, 12, 11]
    assert "missing: domain BDP01_TL" in report.lines()
    assert report.lines()[-1].startswith("to get the data: git clone https://github.com/bianconif/PIPED")


# --- the true PIPED, where it lies -----------------------------------------------------------------------------------


@pytest.fixture
def true_piped() -> Path:
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    try:
        return find_piped_root(TRUE_DATA or beside)
    except InputError as error:
        pytest.skip(f"the true PIPED is not here: {error}")


def test_true_piped_has_the_published_counts(true_piped):
    report = check("piped", true_piped)
    assert report.ok
    assert {row.domain for row in report.rows} >= set(DATASETS["piped"])


@pytest.mark.parametrize("name", DATASETS["piped"])
def test_true_sheets(name, true_piped):
    domain = load_piped_domain(name, true_piped)
    sheets, counts = np.unique(domain.groups, return_counts=True)
    assert (len(sheets), set(counts.tolist())) == ((12, {8}) if name == "BDP01_TL" else (24, {4}))
