"""Two folders to a decision by the command line: what is said, what is written, and with which code it ends."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from odd_folder import encoded, odd_folder
from PIL import Image

from twofold.cli import main
from twofold.commands import own as commands
from twofold.commands.speech import HEAD, cell
from twofold.deploy.detector import TwoFoldDetector
from twofold.flags.parsing import parsed


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    """A folder of normal pictures, one of unlabelled ones, with a name that ASCII lacks; a detector of both."""
    place, rng = tmp_path_factory.mktemp("own"), np.random.default_rng(0)
    for folder, n in (("normal", 12), ("new", 24)):
        (place / folder).mkdir()
        for i in range(n):
            low = 0 if (folder, i) != ("new", 23) else 200
            name = f"{i}.png" if i else "caf\u00e9.png"
            Image.fromarray(rng.integers(low, low + 55, (40, 40, 3), dtype=np.uint8)).save(place / folder / name)
    Image.fromarray(np.full((40, 1000, 3), 220, np.uint8)).save(place / "new" / "strip.png")
    (place / "new" / "notes.heic").touch()
    return place


@pytest.fixture(scope="module")
def detector(own):
    """The file of a detector fitted by the command."""
    path = own / "own.twofold"
    assert main(["fit", str(own / "normal"), str(own / "new"), "--out", str(path)]) == 0
    return path


def fit(own, tmp_path, *more):
    return main(["fit", str(own / "normal"), str(own / "new"), "--out", str(tmp_path / "d.safetensors"), *more])


def rows_of(text):
    return list(csv.DictReader(io.StringIO(text)))


def copied(own, tmp_path, *broken):
    """The unlabelled folder again, some of its pictures cut short."""
    place = shutil.copytree(own / "new", tmp_path / "new")
    for name in broken:
        (place / name).write_bytes((place / name).read_bytes()[:60])
    return place


# fit ------------------------------------------------------------------------------------------------------------------


def test_fit_score_and_export_by_the_command_line(own, tmp_path, capsys):
    report = ["--report", str(tmp_path / "report.html")]
    assert fit(own, tmp_path, "--scores", str(tmp_path / "scores.csv"), *report, "--kept-share", "0.9") == 0
    captured = capsys.readouterr()
    assert "saved to" in captured.out
    assert "the target's pictures are above the line, the highest first:" in captured.out
    assert "1 .heic (notes.heic)" in captured.err
    assert re.search(r"1 of 25 pictures of .*new, such as strip.png: squeezed from 1000 x 40", captured.err)
    fitted = rows_of((tmp_path / "scores.csv").read_text("utf-8"))
    assert len(fitted) == 25
    assert {row["picture"] for row in fitted if row["anomalous"] == "1"} == {row["picture"] for row in fitted[:2]}
    assert {row["picture"] for row in fitted[:2]} == {"23.png", "strip.png"}
    assert "2 of 25 unlabelled pictures" in (tmp_path / "report.html").read_text("utf-8")
    assert main(["score", str(tmp_path / "d.safetensors"), str(own / "new")]) == 0
    scored = rows_of(capsys.readouterr().out)
    assert sorted(scored, key=lambda row: -float(row["anomaly_score"])) == fitted
    pytest.importorskip("onnxruntime")
    assert main(["export", str(tmp_path / "d.safetensors"), "--out", str(tmp_path / "m.onnx")]) == 0
    assert (tmp_path / "m.onnx").stat().st_size > 0


def test_fit_takes_any_method_that_reads_no_label(own, tmp_path, capsys):
    assert fit(own, tmp_path, "--method", "target_only", "--target-neighbors", "3") == 0
    assert "25 target pictures" in capsys.readouterr().out
    assert fit(own, tmp_path, "--method", "target_only", "--steps", "7") == 2
    assert "wanted a field that target_only reads, got steps" in capsys.readouterr().err
    assert fit(own, tmp_path, "--method", "oracle") == 2
    assert "label" in capsys.readouterr().err
    assert fit(own, tmp_path, "--method", "pooled_gausian") == 2
    assert "did you mean 'pooled_gaussian'?" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--out", ""], "wanted a file for --out, got ''"),
        (["--out", "."], "wanted a file for --out, got '.'"),
        (["--out", "no/such/folder/d"], "wanted to write --out 'no/such/folder/d', got: No such file"),
        (["--out", "/proc/d"], "wanted to write --out '/proc/d'"),
        (["--out", "a" * 300], "File name too long"),
        (["--out", "d", "--scores", "/proc/s.csv"], "wanted to write --scores '/proc/s.csv'"),
        (["--out", "d", "--scores", "./d"], "wanted --out and --scores apart"),
        (["--out", "d", "--scores", "s", "--report", "./s"], "wanted --scores and --report apart"),
        (["--out", "d", "--scores", ""], "wanted a file for --scores"),
        (["--out", "d\0e"], "without NUL"),
        (["--kept-share", "much"], "wanted --kept-share to be a number, got 'much'"),
        (["--fpr", "1"], "'1' is no share between 0 and 1"),
        (["--fpr", "nan"], "'nan' is no number from 0"),
        (["--device", "abacus"], "wanted a device"),
        (["--paired"], "got '--paired'"),
    ],
)
def test_fit_refuses_before_the_work_begins(flags, words, own, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(commands, "_collected", lambda *_: pytest.fail("the work began"))
    assert main(["fit", str(own / "normal"), str(own / "new"), *flags]) == 2
    assert words in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "argv",
    [
        ["fit", "normal", "new", "--out", "normal/1.png"],
        ["fit", "normal", "new", "--out", "d", "--scores", "link"],
        ["fit", "normal", "new", "--out", "d", "--report", "new/2.png"],
        ["fit", "normal", "new", "--out", "d.png", "--also-normal", "."],
        ["fit", "normal", "new", "--out", "w.pth", "--encoder-weights", "w.pth"],
        ["report", "w.pth", "--out", "./w.pth"],
        ["export", "w.pth", "--out", "w.pth"],
        ["score", "w.pth", "new", "--out", "w.pth"],
        ["score", "w.pth", "new", "--out", "new/3.png"],
    ],
    ids=" ".join,
)
def test_nothing_that_is_read_is_written_over(argv, own, tmp_path, capsys, monkeypatch):
    for name in ("normal", "new"):
        shutil.copytree(own / name, tmp_path / name)
    (tmp_path / "w.pth").write_bytes(b"weights")
    (tmp_path / "d.png").write_bytes(encoded(1, "PNG"))
    (tmp_path / "link").symlink_to("new/1.png")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(commands, "_collected", lambda *_: pytest.fail("the work began"))
    monkeypatch.setattr(commands, "_detector", lambda *_: pytest.fail("the work began"))
    assert main(argv) == 2
    assert "apart from what is read, got" in capsys.readouterr().err


@pytest.mark.parametrize(("flags", "words"), [([""], "wanted a file for --out"), (["/proc/m.onnx"], "'/proc/m.onnx'")])
@pytest.mark.parametrize("command", ["export", "report"])
def test_export_and_report_refuse_before_the_work_begins(command, flags, words, capsys, monkeypatch):
    monkeypatch.setattr(commands, "_detector", lambda *_: pytest.fail("the work began"))
    assert main([command, "d.safetensors", "--out", *flags]) == 2
    assert words in capsys.readouterr().err


def test_a_broken_picture_is_skipped_by_fit_and_named_everywhere(own, tmp_path, capsys):
    new = copied(own, tmp_path, "7.png")
    flags = ["--out", str(tmp_path / "d"), "--scores", str(tmp_path / "s.csv"), "--report", str(tmp_path / "r.html")]
    assert main(["fit", str(own / "normal"), str(new), *flags]) == 3
    captured = capsys.readouterr()
    assert re.search(r"1 of 25 pictures of .*new could not be read and is in no result:\n  7\.png: ", captured.err)
    assert "12 source pictures, 24 target pictures" in captured.out
    last = rows_of((tmp_path / "s.csv").read_text("utf-8"))[-1]
    assert last["picture"] == "7.png"
    assert last["skipped"].startswith("not read: ")
    assert not last["anomaly_score"]
    assert list(TwoFoldDetector.load(tmp_path / "d").skipped_["target"]) == ["7.png"]
    assert "<td>7.png</td>" in (tmp_path / "r.html").read_text("utf-8")


@pytest.mark.parametrize(("flags", "broken"), [(["--strict"], [7]), (["--strict"], [7, 11]), ([], [5, 7, 11])])
def test_too_many_broken_pictures_stop_fit_which_names_them_all_at_once(own, tmp_path, capsys, flags, broken):
    new = copied(own, tmp_path, *(f"{number}.png" for number in broken))
    assert main(["fit", str(own / "normal"), str(new), "--out", str(tmp_path / "d"), *flags]) == 2
    (line,) = (line for line in capsys.readouterr().err.splitlines() if line.startswith("twofold:"))
    assert f"got {len(broken)} of 25 that are not" in line
    assert all(f"{number}.png (" in line for number in broken)
    assert not (tmp_path / "d").exists()


def test_broken_pictures_of_all_folders_are_named_at_once(own, tmp_path, capsys):
    new, normal = copied(own, tmp_path, "7.png"), shutil.copytree(own / "normal", tmp_path / "normal")
    (normal / "5.png").write_bytes(b"cut")
    (tmp_path / "also").mkdir()
    for name in ("8.png", "9.png"):
        shutil.copy(own / "new" / name, tmp_path / "also")
    (tmp_path / "also" / "9.png").write_bytes(b"cut")
    argv = ["fit", str(normal), str(new), "--also-normal", str(tmp_path / "also"), "--out", str(tmp_path / "d"), "--strict"]
    assert main(argv) == 2
    (line,) = (line for line in capsys.readouterr().err.splitlines() if line.startswith("twofold:"))
    assert re.search(r"got 1 of 12 .*: 5\.png \(.*1 of 25 .*: 7\.png \(.*1 of 2 .*: 9\.png \(", line)


def test_copies_and_pictures_of_the_source_in_the_target_are_told(own, tmp_path, capsys):
    new = copied(own, tmp_path)
    shutil.copy(new / "3.png", new / "again.png")
    shutil.copy(own / "normal" / "4.png", new / "old.png")
    assert main(["fit", str(own / "normal"), str(new), "--out", str(tmp_path / "d")]) == 0
    said = capsys.readouterr().err
    assert "1 of 27 target pictures left out as copies (3.png = again.png): each picture counts once" in said
    assert "pictures 1 stand among the source's too (old.png)" in said


@pytest.mark.parametrize("which", ["normal", "new"])
@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda i: Image.new("RGB", (40, 40 + i)), "that show something, got"),
        (lambda i: Image.effect_noise((40, 40), 0 * i), "pictures"),
        (lambda i: Image.linear_gradient("L"), "wanted at least"),
    ],
    ids=["black", "grey", "identical"],
)
def test_black_and_identical_pictures_are_refused_as_source_and_as_target(own, tmp_path, capsys, which, make, words):
    dull = tmp_path / "dull"
    dull.mkdir()
    for i in range(25):
        make(i).save(dull / f"{i}.png")
    folders = [str(dull) if which == name else str(own / name) for name in ("normal", "new")]
    assert main(["fit", *folders, "--out", str(tmp_path / "d")]) == 2
    assert words in capsys.readouterr().err.splitlines()[-1]
    assert not (tmp_path / "d").exists()


def test_reviewed_pictures_are_taken_back_in(own, tmp_path, capsys):
    reviewed = tmp_path / "reviewed"
    reviewed.mkdir()
    (reviewed / "1.png").write_bytes(encoded(1, "PNG"))
    assert fit(own, tmp_path, "--also-normal", str(reviewed)) == 0
    assert "26 target pictures" in capsys.readouterr().out


def test_what_is_broken_or_a_copy_among_reviewed_pictures_is_named_everywhere(own, tmp_path, capsys):
    reviewed = tmp_path / "reviewed"
    reviewed.mkdir()
    for number in range(9):
        (reviewed / f"{number}.png").write_bytes(encoded(number, "PNG"))
    (reviewed / "cut.png").write_bytes(encoded(0, "PNG")[:60])
    shutil.copy(reviewed / "1.png", reviewed / "again.png")
    shutil.copy(own / "new" / "3.png", reviewed / "known.png")
    files = ["--scores", str(tmp_path / "s.csv"), "--report", str(tmp_path / "r.html")]
    assert fit(own, tmp_path, "--also-normal", str(reviewed), *files) == 3
    said = capsys.readouterr().err
    assert "2 of 36 target pictures left out as copies (3.png = also/known.png, also/1.png = also/again.png)" in said
    for name in ("d.safetensors", "s.csv", "r.html"):
        assert b"also/cut.png" in (tmp_path / name).read_bytes(), name


def test_where_no_line_can_be_drawn_fit_and_score_say_so(own, tmp_path, capsys):
    words = "No line can be drawn at 1 % from "
    assert fit(own, tmp_path, "--fpr", "0.01") == 0
    assert words in capsys.readouterr().out
    assert main(["score", str(tmp_path / "d.safetensors"), str(own / "normal")]) == 0
    assert words in capsys.readouterr().err


def test_with_stdout_closed_the_exit_code_tells(own, detector, monkeypatch):
    monkeypatch.setattr(sys, "stdout", None)
    assert main(["score", str(detector), str(own / "new"), "--alarm-exit"]) == 4
    assert main(["check", str(detector), str(own / "new")]) == 0


def test_a_detector_without_pictures_still_reports(own, tmp_path):
    assert fit(own, tmp_path, "--no-pictures") == 0
    assert main(["report", str(tmp_path / "d.safetensors"), "--out", str(tmp_path / "r.html")]) == 0
    assert "This detector keeps none." in (tmp_path / "r.html").read_text("utf-8")


KILLED = """
import os, sys
from twofold.cli import main
from twofold.data.domains import View
images = View.images
def counted(self, rows, *args, **kwargs):
    os.write(2, b"asked %d\\n" % len(rows))  # in one piece: two threads may print at once
    return images(self, rows, *args, **kwargs)
View.images = counted
sys.exit(main(sys.argv[1:]))
"""


def test_a_fit_that_is_killed_and_begun_again_encodes_at_most_256_pictures_twice(tmp_path):
    rng = np.random.default_rng(0)
    for folder, n in (("normal", 20), ("new", 600)):
        (tmp_path / folder).mkdir()
        for i in range(n):
            Image.fromarray(rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)).save(tmp_path / folder / f"{i}.bmp")
    small = ("--method", "source_knn", "--features", "backbone", "--backbone-size-px", "32")
    folders = [str(tmp_path / name) for name in ("normal", "new", "d.twofold")]
    command = [sys.executable, "-c", KILLED, "fit", *folders[:2], "--out", folders[2], *small]
    cache, asked = tmp_path / "cache", []
    for killed in (True, False):
        process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env={**os.environ, "TWOFOLD_CACHE": str(cache)})
        if killed:
            while len(list(cache.glob("*/[!.]*.safetensors"))) < 3 and process.poll() is None:
                time.sleep(0.005)
            process.kill()
        asked.append(sum(map(int, re.findall(r"asked (\d+)", process.communicate()[1]))))
        assert process.returncode == (-signal.SIGKILL if killed else 0)
    assert 0 < asked[1] < 620
    assert 620 <= sum(asked) <= 620 + 256


# check ------------------------------------------------------------------------------------------------------------------


def test_check_says_whether_new_pictures_are_of_the_kind_and_alarms_where_not(own, detector, tmp_path, capsys):
    alike = copied(own, tmp_path)
    assert main(["check", str(detector), str(alike)]) == 0
    assert "look like the fitted ones" in capsys.readouterr().out
    (alike / "24.png").write_bytes(b"")
    assert main(["check", str(detector), str(alike)]) == 3
    assert "24.png" in capsys.readouterr().err
    other = tmp_path / "other"
    other.mkdir()
    for seed in range(20):
        (other / f"{seed}.png").write_bytes(encoded(seed, "PNG"))
    assert main(["check", str(detector), str(other)]) == 4
    assert "do NOT look like the fitted ones" in capsys.readouterr().out


# score ----------------------------------------------------------------------------------------------------------------


def test_scores_come_in_the_order_of_the_names_and_equal_those_of_the_library(own, detector, capsys):
    assert main(["score", str(detector), str(own / "new")]) == 0
    rows = rows_of(capsys.readouterr().out)
    fitted = TwoFoldDetector.load(detector)
    scores = fitted.anomaly_score(own / "new")
    assert [float(row["anomaly_score"]) for row in rows] == scores.tolist()
    assert [float(row["p_value"]) for row in rows] == fitted.p_value(scores).tolist()
    assert [int(row["anomalous"]) for row in rows] == fitted.predict(own / "new").tolist()
    names = [path.name for path in sorted((own / "new").glob("*.png"), key=lambda path: path.stem)]
    assert [row["picture"] for row in rows] == names


def test_chunks_move_no_score(own, detector, capsys, monkeypatch):
    assert main(["score", str(detector), str(own / "new")]) == 0
    whole = capsys.readouterr().out
    monkeypatch.setattr(commands, "CHUNK", 7)
    assert main(["score", str(detector), str(own / "new")]) == 0
    assert [row["picture"] for row in rows_of(whole)] == [row["picture"] for row in rows_of(whole)]
    scores = [[float(row["anomaly_score"]) for row in rows_of(text)] for text in (whole, capsys.readouterr().out)]
    np.testing.assert_allclose(*scores, rtol=1e-9, atol=1e-9)


def test_rows_are_written_while_the_pictures_are_read(own, detector, monkeypatch):
    monkeypatch.setattr(commands, "CHUNK", 5)
    seen, written = [], []
    load, write = TwoFoldDetector.load, commands.write

    class Watched:
        def __init__(self, inner):
            self.inner = inner

        def __getattr__(self, name):
            return getattr(self.inner, name)

        def anomaly_score(self, pictures):
            seen.append((len(pictures), sum(text.count("\n") + 1 for text in written)))
            return self.inner.anomaly_score(pictures)

    monkeypatch.setattr(TwoFoldDetector, "load", lambda *more: Watched(load(*more)))
    monkeypatch.setattr(commands, "write", lambda text: written.append(text) or write(text))
    assert main(["score", str(detector), str(own / "new")]) == 0
    assert seen == [(5, 1 + 5 * number) for number in range(5)]


def test_a_reader_that_leaves_ends_the_work(own, detector, monkeypatch):
    monkeypatch.setattr(commands, "CHUNK", 5)
    chunks = []
    scored = commands._scored
    monkeypatch.setattr(commands, "_scored", lambda *more: chunks.append(1) or scored(*more))
    monkeypatch.setattr(commands, "write", lambda text: len(chunks) < 2)
    assert main(["score", str(detector), str(own / "new")]) == 0
    assert len(chunks) == 2


def test_json_is_an_object_a_line_and_a_file_holds_what_stdout_would(own, detector, tmp_path, capsys):
    assert main(["score", str(detector), str(own / "new"), "--json"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert len(lines) == 25
    assert {tuple(line) for line in lines} == {("picture", "anomaly_score", "p_value", "anomalous", "skipped")}
    assert main(["score", str(detector), str(own / "new")]) == 0
    printed = capsys.readouterr().out
    assert printed.splitlines()[0] == HEAD
    assert main(["score", str(detector), str(own / "new"), "--out", str(tmp_path / "s.csv")]) == 0
    assert not capsys.readouterr().out
    assert (tmp_path / "s.csv").read_text("utf-8") == printed


def test_an_alarm_has_its_exit_code_where_it_is_asked_for(own, detector, tmp_path):
    assert main(["score", str(detector), str(own / "new"), "--alarm-exit"]) == 4
    calm = copied(own, tmp_path)
    (calm / "23.png").unlink()
    (calm / "strip.png").unlink()
    assert main(["score", str(detector), str(calm), "--alarm-exit"]) == 0
    (calm / "5.png").write_bytes(b"")
    assert main(["score", str(detector), str(calm), "--alarm-exit"]) == 3
    (calm / "24.png").write_bytes((own / "new" / "23.png").read_bytes())
    assert main(["score", str(detector), str(calm), "--alarm-exit"]) == 4


def test_where_nothing_can_be_read_every_picture_is_still_a_row(own, detector, tmp_path, capsys):
    for number in range(3):
        (tmp_path / f"{number}.png").write_bytes(b"x")
    assert main(["score", str(detector), str(tmp_path)]) == 3
    rows = rows_of(capsys.readouterr().out)
    assert [row["skipped"][:10] for row in rows] == 3 * ["not read: "]


def test_of_300_odd_files_and_names_each_is_a_row_or_is_counted_and_nothing_fails(own, detector, tmp_path, capsys):
    n = odd_folder(tmp_path)
    assert n >= 300
    assert main(["score", str(detector), str(tmp_path)]) == 3
    captured = capsys.readouterr()
    rows = rows_of(captured.out)
    left = sum(map(int, re.findall(r"(?:: |\), )(\d+) ", captured.err.splitlines()[0])))
    assert len(rows) + left == n
    skipped = [row for row in rows if row["skipped"]]
    assert len(captured.err.splitlines()) >= len(skipped) + 2  # each by name
    assert all(np.isfinite(float(row["anomaly_score"])) for row in rows if not row["skipped"])
    for text in (captured.out, captured.err):
        assert all(character.isprintable() or character == "\n" for character in text)
    assert not [line for line in captured.out.splitlines() if line.startswith(("=", "+", "-", "@", "\t"))]


def test_a_weak_detector_says_so_whenever_it_scores(monkeypatch, capsys):
    class Weak:
        trust_ = type("Trust", (), {"weak": True, "words": lambda _: ["WEAK: look", "and more"]})()
        line_ = type("Line", (), {"drawn": True})

    monkeypatch.setattr("twofold.deploy.detector.TwoFoldDetector.load", lambda *_: Weak)
    arguments = parsed(["score", "d", "."])
    assert commands._detector(arguments, "cpu") is Weak
    assert capsys.readouterr().err == "WEAK: look\n"


def test_names_are_cells_in_the_scores_of_fit_too(own, tmp_path):
    new = copied(own, tmp_path)
    for name in ("=1+1.png", "a\nb.png"):
        (new / name).write_bytes(encoded(hash(name) % 1000, "PNG"))
    assert main(["fit", str(own / "normal"), str(new), "--out", str(tmp_path / "d"), "--scores", str(tmp_path / "s.csv")]) == 0
    names = {row["picture"] for row in rows_of((tmp_path / "s.csv").read_text("utf-8"))}
    assert {cell("=1+1.png"), cell("a\nb.png")} <= names


@pytest.mark.skipif(not Path("/dev/ptmx").exists(), reason="no terminals here")
def test_a_terminal_is_shown_a_bar_with_the_time_left_and_a_log_is_not(own, detector, tmp_path):
    import pty
    import termios

    master, slave = pty.openpty()
    termios.tcsetwinsize(slave, (24, 100))
    command = [sys.executable, "-m", "twofold", "score", str(detector), str(own / "new"), "--out", str(tmp_path / "s.csv")]
    subprocess.run(command, stderr=slave, check=True, env={**os.environ, "TQDM_MININTERVAL": "0"})
    os.set_blocking(master, False)  # where nothing is shown the test fails, and does not wait
    shown = os.read(master, 65536).decode()
    os.close(slave)
    os.close(master)
    assert re.search(r"score:.*\d+/25 \[\d\d:\d\d<", shown)
    log = subprocess.run(command, stderr=subprocess.PIPE, text=True, check=True).stderr
    assert "score:" not in log
