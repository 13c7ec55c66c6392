"""Solar cells of an installed package: counted, never imported, one class ever normal."""

import sys

import pytest

from twofold.data import check, elpv, load_domain, load_pair, normal_classes
from twofold.data.elpv import ELPV_COUNTS, ELPV_DOMAINS
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
    assert (len(task.source_train), len(task.target_train), int(task.target_train_labels.sum())) == (588, 460, 46)
    assert (len(task.target_test), int(task.target_test_labels.sum())) == (686, 226)


def test_the_check_counts_what_is_installed():
    report = check("elpv")
    assert report.ok
    assert [row.found for row in report.rows] == [369, 588, 1074, 452, 920, 1550]


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
