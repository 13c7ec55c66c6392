"""How a command speaks: results alone to stdout, all else to stderr, and names that do no harm on a terminal or in a table."""

from __future__ import annotations

import csv
import io
import json
import os
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple, TextIO

from twofold.errors import InputError

__all__ = ["HEAD", "Row", "as_csv", "as_json", "cell", "place", "say", "write"]

FORMULA = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")  # with what a spreadsheet begins to compute


class Row(NamedTuple):
    """What is said of one picture; what was skipped has a reason and nothing else."""

    picture: str
    anomaly_score: float | None = None
    p_value: float | None = None
    anomalous: bool | None = None
    skipped: str | None = None


HEAD = ",".join(Row._fields)


def write(text: str) -> bool:
    """A result on stdout; says whether anyone still reads."""
    return _put(text, sys.stdout)


def _put(text: str, stream: TextIO | None) -> bool:
    """Write now, so that what cannot be written is met here and not when Python exits; says whether anyone still reads.

    Where a process was begun with a stream closed, what would go there is not missed: the exit code tells.
    """
    if stream is None:
        return True
    encoding = getattr(stream, "encoding", None) or "utf-8"
    try:
        stream.write(text.encode(encoding, "backslashreplace").decode(encoding) + "\n")
        stream.flush()
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())  # what is left in the buffer has to go somewhere
        if stream is sys.stdout and not isinstance(error, BrokenPipeError):
            raise
        return False
    return True


def say(line: str) -> None:
    """A line on stderr."""
    _put(line, sys.stderr)


def place(flag: str, text: str) -> Path:
    """Where a file is to be written.

    Raises
    ------
    InputError : it cannot be, which is said before the work begins.
    """
    where = Path(os.path.expanduser(text)).absolute()
    try:
        if not text or where.is_dir():
            raise InputError(f"wanted a file for {flag}, got {text!r}; name a file in a folder that is there")
        if not where.exists() or where.is_file():  # a device or a pipe is written to as it stands
            tempfile.TemporaryFile(dir=where.parent).close()
    except OSError as error:
        raise InputError(f"wanted to write {flag} {text!r}, got: {error.strerror}; choose another place") from None
    return where


def cell(name: str) -> str:
    r"""A picture's name in a table: no formula, no control code, and it still opens its file.

    A name that a spreadsheet would compute is the same path with ``./`` before it; one that does not print is quoted as
    Python quotes it, which ``ast.literal_eval`` undoes.

    >>> cell("a b.png"), cell("=1+1.png"), cell("a\nb.png")
    ('a b.png', './=1+1.png', "'a\\nb.png'")
    """
    if not name.isprintable() or name.startswith(("'", '"')):
        return ascii(name)
    return f"./{name}" if name.startswith(FORMULA) else name


def as_csv(rows: Iterable[Row]) -> str:
    r"""Rows as lines of CSV under ``HEAD``, the last without an end.

    >>> as_csv([Row("@1.png", 0.5, 0.25, True), Row("2.png", skipped="truncated")])
    './@1.png,0.5,0.25,1,\n2.png,,,,not read: truncated'
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    for row in rows:
        why = None if row.skipped is None else f"not read: {row.skipped}"
        why = why if why is None or why.isprintable() else ascii(why)
        writer.writerow([cell(row.picture), *row[1:3], None if row.anomalous is None else int(row.anomalous), why])
    return text.getvalue().removesuffix("\n")


def as_json(rows: Iterable[Row]) -> str:
    """Rows as lines of JSON, names as they are.

    >>> as_json([Row("2.png", skipped="truncated")])
    '{"picture": "2.png", "anomaly_score": null, "p_value": null, "anomalous": null, "skipped": "truncated"}'
    """
    return "\n".join(json.dumps(row._asdict()) for row in rows)
