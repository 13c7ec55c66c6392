"""What is committed, made again: a notebook's tables from the rows alone, and what README and pages quote from those tables."""

from __future__ import annotations

import contextlib
import io
import re
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from twofold.errors import InputError
from twofold.files import write_text
from twofold.lessons.reproduce import sources
from twofold.lessons.study import project_folder

__all__ = ["quoted", "tables_again", "write_readme"]

# between its opening and <!-- end -->, "table NAME" holds a whole table, "cell NAME | ROW | COLUMN" one cell in a sentence
QUOTES = re.compile(r"(<!-- (table|cell) (.+?) -->)(.*?)(<!-- end -->)", re.DOTALL)


def tables_again(
    path: Path, parameters: dict[str, Any], rows: str | Path, log: Callable[[str], None] = lambda line: None
) -> dict[str, str]:
    """The tables of a notebook, computed by its own cells from rows of finished runs: nothing is trained, nothing drawn.

    Parameters
    ----------
    path : of the notebook.
    parameters : that it is given, as its manifest tells them.
    rows : a table of rows.
    log : takes a line for each cell that wants more than rows, which is passed over.

    Returns
    -------
    {file name: text} of the CSV and Markdown files that its cells keep.

    Raises
    ------
    InputError : no table of rows.
    """
    from matplotlib import pyplot, rc_context

    found: dict[str, str] = {}
    namespace: dict[str, Any] = {"In": [], "display": lambda *_: None}
    with tempfile.TemporaryDirectory() as folder, rc_context(), contextlib.redirect_stdout(io.StringIO()):
        places = {"figures": folder, "runs": f"{folder}/runs", "known": str(Path(rows).absolute()), "tables_only": True}
        for source in sources(path, {**parameters, **places}):
            try:
                exec(compile(source, path.name, "exec"), namespace)  # our own notebook, as Jupyter would run it
            except Exception as error:  # whatever a cell says where something is not there
                if "study" not in namespace and isinstance(error, InputError):
                    raise
                log(f"{path.stem}: {source.splitlines()[0]} ...: {type(error).__name__}: {error}")
            namespace["In"].append(source)
            pyplot.close("all")
        for file in sorted(Path(folder).iterdir()):
            if file.suffix in (".csv", ".md"):
                found[file.name] = file.read_text("utf-8")
    return found


def quoted(text: str, folder: Path) -> str:
    """A text with each table and cell that it quotes as the tables of a folder have it; all else stays.

    Parameters
    ----------
    text : with ``<!-- table NAME -->...<!-- end -->`` and ``<!-- cell NAME | ROW | COLUMN -->...<!-- end -->``; a row is known
        by its first cell.
    folder : of ``NAME.csv`` and ``NAME.md``.

    Raises
    ------
    InputError : no such table, row or column.

    >>> quoted("nothing is quoted here", Path("."))
    'nothing is quoted here'
    """

    def filled(match: re.Match[str]) -> str:
        opening, kind, what, _, end = match.groups()
        return opening + (_table(what, folder) if kind == "table" else _cell(what, folder)) + end

    return QUOTES.sub(filled, text)


def _read(folder: Path, name: str) -> str:
    try:
        return (folder / name).read_text("utf-8")
    except OSError:
        known = ", ".join(sorted(file.stem for file in folder.glob("*.csv")))
        raise InputError(f"wanted a table in {folder}, got {name!r}; choose among: {known}") from None


def _table(name: str, folder: Path) -> str:
    """A table in Markdown, without the stamp below it."""
    return "\n" + _read(folder, f"{name}.md").split("\n\n")[0].strip() + "\n"


def _cell(what: str, folder: Path) -> str:
    name, row, column = (part.strip() for part in what.split(" | ")) if what.count(" | ") == 2 else ("", "", "")
    if not name:
        raise InputError(f"wanted a cell as NAME | ROW | COLUMN, got {what!r}; write its three parts")
    table = pd.read_csv(io.StringIO(_read(folder, f"{name}.csv")), dtype=str, keep_default_na=False)
    rows = table[table.iloc[:, 0] == row]
    if len(rows) != 1 or column not in table:
        had = f"rows {', '.join(table.iloc[:, 0])} and columns {', '.join(table.columns)}"
        raise InputError(f"wanted one cell of {name}, got {row!r} and {column!r}; it has {had}")
    return rows[column].iloc[0]


def write_readme() -> str:
    """Bring what the README and the pages of the site quote up to date; returns the line that says what was done.

    Raises
    ------
    InputError : one quotes what is not there.
    """
    before, after = [], []
    for place in [project_folder() / "README.md", *sorted((project_folder() / "site").glob("*.md"))]:
        text = place.read_text("utf-8")
        again = quoted(text, project_folder() / "figures" / "embedded")
        if again != text:
            write_text(place, again)
        for found, version in ((before, text), (after, again)):
            found += [match[4] for match in QUOTES.finditer(version)]
    changed = sum(a != b for a, b in zip(before, after, strict=True))
    return f"README.md and site/ quote {len(after)} tables and cells, {changed} changed"


if __name__ == "__main__":
    print(write_readme())
