"""The student's edition asks everything and answers nothing."""

import json
from pathlib import Path

import nbformat
import pytest

from twofold.errors import InputError
from twofold.lessons.editions import PAGES, for_students, write_student

NOTEBOOKS = sorted((Path(__file__).resolve().parents[2] / "notebooks").glob("[0-9]*.ipynb"))


@pytest.fixture(scope="module")
def edition(tmp_path_factory):
    folder = tmp_path_factory.mktemp("editions") / "student"
    write_student(folder)
    return folder


def test_every_notebook_and_the_pages_they_link_to_are_there(edition):
    assert {path.name for path in edition.iterdir()} == {path.name for path in NOTEBOOKS} | set(PAGES)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_an_edition_has_all_code_and_questions_and_no_solution_and_no_output(edition, path):
    full, book = nbformat.read(path, 4), nbformat.read(edition / path.name, 4)
    assert [c.source for c in book.cells if c.cell_type == "code"] == [c.source for c in full.cells if c.cell_type == "code"]
    assert not any(cell.get("outputs") or cell.get("execution_count") for cell in book.cells)
    text = "".join(cell.source for cell in book.cells)
    assert "<details>" not in text
    whole = "".join(cell.source for cell in full.cells)
    for kept in ("## Exercise", "**Limits.**", "**References.**", "**Next:**"):
        assert text.count(kept) == whole.count(kept), kept
    assert [cell["id"] for cell in book.cells] == [f"cell-{i:02d}" for i in range(len(book.cells))]


def test_the_notebook_itself_stays_as_it_is():
    before = json.dumps(book := nbformat.read(NOTEBOOKS[0], 4))
    assert for_students(book) != book
    assert json.dumps(book) == before


def test_the_notebooks_own_folder_is_refused():
    with pytest.raises(InputError, match="they would lose their solutions"):
        write_student(NOTEBOOKS[0].parent)
