"""What leaves a command: names that do no harm and still open their files, lines that are written now, refused places."""

from __future__ import annotations

import ast
import csv
import io
import json
import os
import subprocess
import sys

import pytest
from odd_folder import NAMES

from twofold.commands import speech
from twofold.commands.speech import HEAD, Row, as_csv, as_json, cell, place
from twofold.errors import InputError


@pytest.mark.parametrize("name", [f"{name}.png" for name in NAMES], ids=ascii)
def test_a_cell_is_no_formula_and_no_control_code_and_names_its_file(name):
    shown = cell(name)
    assert shown.isprintable()
    assert shown[0] not in "=+-@\t\r\n\uff1d\uff0b\uff0d\uff20"
    opened = ast.literal_eval(shown) if shown[0] in "'\"" else shown
    assert os.path.normpath(opened) == os.path.normpath(name)


def test_no_two_names_are_one_cell():
    names = [f"{name}.png" for name in NAMES] + ["'a\\nb.png'", "./=1+1.png"]
    assert len({cell(name) for name in names}) == len(names) - 1  # a path and the same path with a dot are one file


def test_rows_are_read_back_by_any_reader():
    rows = [Row(name, 0.1 + 0.2, 1 / 3, False) for name in NAMES]
    rows += [Row("x", skipped="a,b\n\x1b[31m"), Row("y", skipped="-2")]
    read = list(csv.DictReader(io.StringIO(f"{HEAD}\n{as_csv(rows)}\n")))
    assert [row["picture"] for row in read] == [cell(row.picture) for row in rows]
    assert {(float(row["anomaly_score"]), float(row["p_value"]), row["anomalous"]) for row in read[: len(NAMES)]} == {
        (0.1 + 0.2, 1 / 3, "0")
    }
    assert [row["skipped"] for row in read[-2:]] == ["'not read: a,b\\n\\x1b[31m'", "not read: -2"]
    assert as_csv(rows).isprintable() or set(filter(lambda c: not c.isprintable(), as_csv(rows))) == {"\n"}
    lines = as_json(rows).split("\n")
    assert [json.loads(line)["picture"] for line in lines] == [row.picture for row in rows]
    assert as_json(rows).isascii()


def test_a_terminal_of_ascii_gets_every_name():
    code = "from twofold.commands.speech import write; write('caf\\u00e9 \\udcff')"
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    assert done.stdout == "caf\\xe9 \\udcff\n"


def test_whether_anyone_still_reads_is_told():
    code = "import sys; from twofold.commands.speech import write; sys.exit(write('x') + 2 * write('y'))"
    reader, writer = os.pipe()
    os.close(reader)
    assert subprocess.run([sys.executable, "-c", code], stdout=writer).returncode == 2  # the first is lost, then nobody minds
    os.close(writer)
    assert subprocess.run([sys.executable, "-c", code], stdout=subprocess.DEVNULL).returncode == 3


def test_what_a_closed_stream_would_have_told_is_lost_and_nothing_else():
    code = "from twofold.commands.speech import say, write; say('s'); assert write('x')"
    for descriptor, told in ((1, (b"", b"s\n")), (2, (b"x\n", b""))):
        closed = ["sh", "-c", f'exec "$@" {descriptor}>&-', "sh", sys.executable, "-c", code]
        done = subprocess.run(closed, capture_output=True, check=True)
        assert (done.stdout, done.stderr) == told


@pytest.mark.parametrize("text", ["", ".", "no/such/folder/d", "/proc/d", "a" * 300])
def test_a_place_that_cannot_be_written_is_refused_and_nothing_is_left(text, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="--out"):
        place("--out", text)
    assert not list(tmp_path.iterdir())
    assert place("--out", "d").parent == tmp_path
    assert not list(tmp_path.iterdir())


def test_public_names_resolve():
    assert all(hasattr(speech, name) for name in speech.__all__)
