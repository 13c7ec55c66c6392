"""Editions of the notebooks: the student's has no solution and no output, the questions and the cells for answers stay."""

from __future__ import annotations

import copy
import re
import sys
from pathlib import Path
from typing import Any

import nbformat

from twofold.errors import InputError
from twofold.files import write_text
from twofold.lessons.reproduce import notebooks
from twofold.lessons.study import project_folder

__all__ = ["for_students", "write_student"]

SOLUTION = re.compile(r"\s*<details>.*?</details>\s*", re.DOTALL)
PAGES = ("glossary.md", "notation.md")  # that the notebooks link to


def for_students(book: Any) -> Any:
    """A notebook without solutions and outputs; a cell that held nothing but solutions is gone.

    Parameters
    ----------
    book : as ``nbformat`` reads it; stays as it is.

    >>> from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
    >>> cells = [new_markdown_cell("Why? <details>So.</details> Limits."), new_markdown_cell("<details>So.</details>")]
    >>> [cell.source for cell in for_students(new_notebook(cells=cells)).cells]
    ['Why?\\n\\nLimits.']
    """
    stripped = copy.deepcopy(book)
    for cell in stripped.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
        else:
            cell.source = SOLUTION.sub("\n\n", cell.source).strip()
    stripped.cells = [cell for cell in stripped.cells if cell.source]
    for i, cell in enumerate(stripped.cells):
        cell["id"] = f"cell-{i:02d}"
    return stripped


def write_student(folder: Path) -> list[Path]:
    """Write every notebook's student edition, and the pages that they link to.

    Parameters
    ----------
    folder : made where it is not there; not the one of the notebooks.

    Returns
    -------
    What was written.

    Raises
    ------
    InputError : the folder is that of the notebooks, or this is no clone of the repository.
    """
    books = notebooks()
    if folder.resolve() == books[0].parent.resolve():
        raise InputError(f"wanted a folder other than the notebooks' own, got {folder}; they would lose their solutions")
    folder.mkdir(parents=True, exist_ok=True)
    texts = {path.name: nbformat.writes(for_students(nbformat.read(path, 4))) + "\n" for path in books}
    texts |= {name: (project_folder() / "notebooks" / name).read_text("utf-8") for name in PAGES}
    for name, text in texts.items():
        write_text(folder / name, text)
    return [folder / name for name in texts]


if __name__ == "__main__":
    written = write_student(Path(sys.argv[1]))
    print(f"{len(written)} files in {sys.argv[1]}, without solutions and outputs")
