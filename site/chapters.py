"""A notebook becomes a chapter: today's prose around the results of the full run, code folded where a picture tells it."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from pprint import pformat
from typing import Any

import nbformat

from twofold.lessons.reproduce import code_hash

FOLDED = "hide-input"  # MyST-NB shows the code of such a cell on demand
WIDE = 100  # letters of a line of given values
LONG = 12  # lines of code that a page shows without being asked


def tagged(cell: Any, tag: str) -> bool:
    return tag in cell.metadata.get("tags", [])


def pictures(cell: Any) -> list[str]:
    """The PNG pictures of a cell, base64."""
    return [output.data["image/png"] for output in cell.get("outputs", []) if "image/png" in output.get("data", {})]


def words(cell: Any) -> str:
    """What a cell printed."""
    return "".join(output.text for output in cell.get("outputs", []) if output.output_type == "stream").strip()


def hashed(book: Any) -> list[Any]:
    """The cells whose code ``code_hash`` looks at: all but exercises and what papermill injects."""
    free = ("exercise", "injected-parameters")
    return [cell for cell in book.cells if cell.cell_type == "code" and not any(tagged(cell, tag) for tag in free)]


def told(stale: Path) -> dict[str, str]:
    """Name -> reason of what the list of results to be made anew names."""
    lines = stale.read_text("utf-8").splitlines() if stale.is_file() else []
    return dict(line.split(": ", 1) for line in lines if ": " in line)


def together(written: Path, done: Path) -> tuple[Any, bool]:
    """The book to show, and whether its results are those of its code.

    Parameters
    ----------
    written : the notebook as it is kept.
    done : its copy from the full run; where there is none, the notebook shows its own small run.

    Returns
    -------
    The full run's results with the notebook's present prose, exercises and tags where both have the same code; else the copy as
    it is.
    """
    book = nbformat.read(written, 4)
    if not done.is_file():
        return book, False
    full = nbformat.read(done, 4)
    if code_hash(book) != code_hash(full):
        return full, False
    injected = {i: cell for i, cell in enumerate(full.cells) if tagged(cell, "injected-parameters")}
    for cell, run in zip(hashed(book), hashed(full), strict=True):
        cell.outputs, cell.execution_count = run.outputs, run.execution_count
    for place, cell in injected.items():
        book.cells.insert(place, cell)
    return book, True


def chapter(written: Path, done: Path, stale: dict[str, str]) -> Any:
    """The page of a notebook.

    Parameters
    ----------
    written, done : as in ``together``.
    stale : from ``told``.

    Returns
    -------
    A book: a notice where the results are older than the code, code folded where it is long, sets up or draws.
    """
    book, current = together(written, done)
    for cell in book.cells:
        if cell.cell_type == "code":
            given = tagged(cell, "parameters") or tagged(cell, "injected-parameters")
            cell.source = spread(cell.source) if tagged(cell, "injected-parameters") else cell.source
            folded = given or "Study(globals()" in cell.source or pictures(cell) or cell.source.count("\n") >= LONG
            cell.metadata = {"tags": [FOLDED]} if folded else {}
            for shown in (output["data"] for output in cell.outputs if "text/html" in output.get("data", {})):
                shown["text/html"] = breakable(shown["text/html"])
    if not done.is_file():
        notice = "These results are a small run of this chapter, one seed and few classes: read them for the mechanism."
    elif written.stem in stale or not current:
        why = stale.get(written.stem, "the code has changed since")
        notice = f"The results of this chapter are older than its code: {why}."
    else:
        return book
    book.cells.insert(1, nbformat.v4.new_markdown_cell(f":::{{note}}\n{notice}\n:::", id="notice"))
    return book


def breakable(table: str) -> str:
    """A table whose names may be broken where a setting begins.

    >>> breakable("<th>gnl[reference_share=0.2,steps=25]</th>")
    '<th>gnl[<wbr>reference_share=0.2,<wbr>steps=25]</th>'
    """
    return re.sub(r"(?<=<t[hd]>)[^<]*", lambda name: re.sub(r"(?<=[\[,])(?=[a-z])", "<wbr>", name[0]), table)


def spread(source: str) -> str:
    """Assignments with long values broken over lines, as papermill does not.

    >>> print(spread("n = 1\\npairs = " + str([["a" * 20, "b" * 20]] * 2)))
    n = 1
    pairs = [['aaaaaaaaaaaaaaaaaaaa', 'bbbbbbbbbbbbbbbbbbbb'],
             ['aaaaaaaaaaaaaaaaaaaa', 'bbbbbbbbbbbbbbbbbbbb']]
    """
    lines = []
    for line in source.splitlines():
        name, _, value = line.partition(" = ")
        if len(line) > WIDE and value:
            value = pformat(ast.literal_eval(value), width=WIDE - len(name) - 3, compact=True, sort_dicts=False)
            line = f"{name} = " + value.replace("\n", "\n" + " " * (len(name) + 3))
        lines.append(line)
    return "\n".join(lines)


def summary(book: Any) -> dict[str, str]:
    """title, question, able (what one can do afterwards) and cost, as the first cell says them.

    >>> first = nbformat.v4.new_markdown_cell("# A\\n\\n**Question.** Why?\\n\\n**Cost.** None. **Data.** Points.")
    >>> summary({"cells": [first]})
    {'title': 'A', 'question': 'Why?', 'able': '', 'cost': 'None.'}
    """
    text = book["cells"][0].source
    found = {"title": text.splitlines()[0].lstrip("# ")}
    for key, heading in (("question", "Question."), ("able", "After this notebook you can"), ("cost", "Cost.")):
        match = re.search(rf"\*\*{re.escape(heading)}\*\*(.+?)(?=\*\*[A-Z]|\n\n|\Z)", text, re.DOTALL)
        found[key] = " ".join(match[1].split()) if match else ""
    return found
