"""Solar cells of an installed package: counted, never imported, one class ever normal."""

import sys
from collections import Counter

import numpy as np
import pytest
from PIL import Image, ImageFilter

from twofold.data import check, elpv, load_domain, load_pair, normal_classes
from twofold.data.domains import Domain, join_groups
from twofold.data.elpv import ELPV_COUNTS, ELPV_DOMAINS, sisters
from twofold.data.tasks import build_task
from twofold.errors import InputError


@pytest.mark.parametrize("name", ELPV_DOMAINS)
def test_sure_cells_alone_are_taken_and_counted(name):
    domain = load_domain("elpv", name)
    assert domain.classes == ("defective", "functional")
    assert {each: int((domain.class_names == each).sum()) for each in domain.classes} == ELPV_COUNTS[name]
    assert (domain.dataset, domain.name) == ("elpv", name)
    assert all((elpv._folder() / path).is_file() for path in domain.ids)  # an id opens its picture


def test_pictures_are_grey_cells_of_300_pixels_and_no_two_are_equal():
    domains = [load_domain("elpv", name) for name in ELPV_DOMAINS]
    assert domains[0].pictures[0].size == (300, 300)
    contents = [content for domain in domains for content in domain.contents_of(range(0, len(domain), 7))]
    assert len(set(contents)) == len(contents)


def test_the_package_is_read_and_not_imported():
    load_domain("elpv", "mono")
    assert elpv.PACKAGE not in sys.modules


def test_a_task_of_the_one_normal_class():
    assert normal_classes("elpv", "mono", "poly") == ["functional"]
    task = build_task(*load_pair("elpv", "mono", "poly"), normal="functional")
    n, anomalies = len(task.target_train), int(task.target_train_labels.sum())
    tested = np.bincount(task.target_test_labels)
    assert len(task.source_train) == 588
    assert anomalies == round(0.1 * n)
    assert n + tested[0] == 920
    assert abs(n - tested[0]) < 92  # halves but for the blocks that hold cells of both classes
    assert abs(452 - 2 * tested[1]) < 46


def test_the_check_counts_what_is_installed():
    report = check("elpv")
    assert report.ok
    assert [row.found for row in report.rows] == [369, 588, 1074, 452, 920, 1550]


def grain(domain: Domain) -> np.ndarray:
    """(n, 134, 134) texture of every cell without what the cells have in common."""
    grains = []
    for row in range(len(domain)):
        picture = domain.pictures[row].convert("L").resize((150, 150), Image.Resampling.BOX)
        blurred = np.asarray(picture.filter(ImageFilter.GaussianBlur(6)), np.float32)
        relative = (np.asarray(picture, np.float32) - blurred) / (blurred + 10)
        grains.append((relative - np.median(relative, axis=1, keepdims=True))[8:-8, 8:-8])
    return np.stack(grains) - np.mean(grains, axis=0)


def unit(grains: np.ndarray) -> np.ndarray:
    rows = grains.reshape(len(grains), -1)
    rows = rows - rows.mean(axis=1, keepdims=True)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def test_the_shipped_table_is_what_the_grain_shows():
    domain = load_domain("elpv", "poly")
    grains = grain(domain)
    upright, turned = unit(grains), unit(grains[:, ::-1, ::-1])
    alike = np.triu(np.maximum(upright @ upright.T, upright @ turned.T) > 0.45, 1)
    own = [f"{row:04}" for row in range(len(domain))]
    made = join_groups(own, [(own[one], own[other]) for one, other in zip(*np.nonzero(alike), strict=True)])
    sets = [{frozenset(np.flatnonzero(of == each).tolist()) for each in set(of.tolist())} for of in (made, domain.groups)]
    assert sets[0] == sets[1]


def test_sisters_stand_on_one_side():
    source, target = load_pair("elpv", "mono", "poly")
    assert len(set(source.groups)) == len(source)
    assert min(Counter(sisters().values()).values()) == 2
    group_of = dict(zip(target.contents.tolist(), target.groups.tolist(), strict=True))
    for seed in range(3):
        task = build_task(source, target, normal="functional", seed=seed)
        tested = {group_of[content] for content in task.target_test.contents}
        assert not tested & {group_of[content] for content in task.target_train.contents}


def make_package(folder, labels: str):
    """A package that raises when it is imported, with three cells, one of them without its picture."""
    (folder / "elpv_dataset" / "data" / "images").mkdir(parents=True)
    (folder / "elpv_dataset" / "__init__.py").write_text("raise RuntimeError('imported')")
    (folder / "elpv_dataset" / "data" / "labels.csv").write_text(labels)
    (folder / "elpv_dataset" / "data" / "images" / "cell0001.png").touch()
    return folder


@pytest.fixture
def alone(monkeypatch):
    """Packages in one folder only."""

    def only(folder):
        monkeypatch.setattr(sys, "path", [str(folder)])
        monkeypatch.delitem(sys.modules, elpv.PACKAGE, raising=False)
        sys.path_importer_cache.clear()

    return only


def test_a_missing_package_is_one_line_with_the_command_that_brings_it(alone, tmp_path):
    alone(tmp_path)
    for call in (lambda: load_domain("elpv", "mono"), lambda: check("elpv")):
        with pytest.raises(InputError, match=r"not installed; run: pip install elpv-dataset==1\.0\.0\.post1") as error:
            call()
        assert "\n" not in str(error.value)


def test_a_broken_package_is_named(alone, tmp_path):
    alone(make_package(tmp_path, "images/cell0001.png perhaps mono\n"))
    with pytest.raises(InputError, match=r"wanted rows of picture, probability and type in .*labels.csv, got .*perhaps"):
        load_domain("elpv", "mono")
    (tmp_path / "elpv_dataset" / "data" / "labels.csv").unlink()
    with pytest.raises(InputError, match=r"labels.csv, got 'No such file or directory'; run: pip install"):
        load_domain("elpv", "mono")


def test_the_check_misses_pictures_that_are_not_there(alone, tmp_path):
    alone(make_package(tmp_path, "images/cell0001.png  0.0  mono\nimages/cell0002.png  1.0  mono\n"))
    report = check("elpv")
    assert not report.ok
    assert [(row.class_name, row.found) for row in report.rows[:3]] == [("defective", 0), ("functional", 1), ("all cells", 1)]


def test_an_unknown_domain_is_answered_with_the_known_ones():
    with pytest.raises(InputError, match="wanted a domain of solar cells, got 'multi'; choose one of: mono, poly"):
        load_domain("elpv", "multi")
