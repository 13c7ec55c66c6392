"""A file is there whole, or as it was before."""

import os
import signal
import stat
import subprocess
import sys
import time

import pytest
import torch
from safetensors.torch import load_file, save_file

from twofold.errors import InputError
from twofold.files import whole, write_text


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_text_is_written_as_given_and_replaces_what_was_there(tmp_path):
    for text in ("one\r\ntwo\n", "ü\u2028", ""):
        assert write_text(tmp_path / "deep" / "a.txt", text) == tmp_path / "deep" / "a.txt"
        assert (tmp_path / "deep" / "a.txt").read_bytes().decode() == text
    assert names(tmp_path / "deep") == ["a.txt"]


@pytest.mark.parametrize("failure", [RuntimeError, KeyboardInterrupt, SystemExit])
def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path, failure):
    write_text(tmp_path / "a.txt", "old")

    def write():
        with whole(tmp_path / "a.txt") as aside:
            aside.write_text("half")
            raise failure

    with pytest.raises(failure):
        write()
    assert names(tmp_path) == ["a.txt"]
    assert (tmp_path / "a.txt").read_text() == "old"


def test_nothing_stands_under_the_name_before_all_is_written(tmp_path):
    with whole(tmp_path / "a.csv") as aside:
        aside.write_text("half")
        assert not (tmp_path / "a.csv").exists()
        assert aside.suffix == ".csv"  # savers choose their format by it
        assert aside.name.startswith(".")
    assert names(tmp_path) == ["a.csv"]


def test_a_kill_while_writing_leaves_the_old_file(tmp_path):
    write_text(tmp_path / "a.txt", "old")
    code = "import sys, time; from twofold.files import whole\nwith whole(sys.argv[1]) as aside:\n aside.write_text('half')"
    code += "; time.sleep(60)"
    process = subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "a.txt")])
    deadline = time.monotonic() + 60
    while "half" not in [p.read_text() for p in tmp_path.iterdir()] and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert len(names(tmp_path)) == 2  # it was killed in the middle
    assert (tmp_path / "a.txt").read_text() == "old"


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o007, 0o660), (0o077, 0o600)])
def test_who_may_read_it_follows_the_umask_whatever_the_writer_wants(tmp_path, umask, mode):
    before = os.umask(umask)
    try:
        with whole(tmp_path / "a.safetensors") as aside:
            save_file({"x": torch.ones(2)}, aside)  # 0600 by itself
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a.safetensors").stat().st_mode) == mode
    assert load_file(tmp_path / "a.safetensors")["x"].tolist() == [1, 1]


def test_a_link_stays_a_link_and_its_file_is_replaced(tmp_path):
    write_text(tmp_path / "a.txt", "old")
    (tmp_path / "link").symlink_to("a.txt")
    write_text(tmp_path / "link", "new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "a.txt").read_text() == "new"


def test_a_pipe_or_a_device_is_written_to_and_stays(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    write_text(tmp_path / "pipe", "all")
    assert os.read(reader, 9) == b"all"
    os.close(reader)
    assert names(tmp_path) == ["pipe"]
    write_text(os.devnull, "gone")
    assert not os.path.isfile(os.devnull)


@pytest.mark.parametrize("place", ["file/a.txt", ".", "a\0b", "x" * 300 + "/a.txt", "/proc/nothing/a.txt"])
def test_a_place_that_cannot_be_is_refused_in_one_line(tmp_path, place):
    write_text(tmp_path / "file", "a file")
    with pytest.raises(InputError, match=r"wanted to write .*, got: .*; choose another place$") as caught:
        write_text(tmp_path / place, "x")
    assert len(str(caught.value).splitlines()) == 1
    assert names(tmp_path) == ["file"]


def test_a_full_disk_is_said_whether_the_writer_is_pythons_or_rusts(tmp_path):
    for write in (
        lambda aside: open("/dev/full", "w").write("x" * 10**6),
        lambda aside: save_file({"x": torch.ones(2)}, aside / "no folder"),
    ):
        with (
            pytest.raises(InputError, match=r"wanted to write '.*a\.txt', got: .*; choose"),
            whole(tmp_path / "a.txt") as aside,
        ):
            write(aside)
    assert names(tmp_path) == []
