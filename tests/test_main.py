"""The command as a process: garbage is looked for seldom, and not among what was imported when Python exits."""

import gc
import subprocess
import sys

import pytest

from twofold import __main__ as command


def test_a_process_ends_with_the_code_of_its_command_and_leaves_nothing_to_look_through(monkeypatch):
    before, called = gc.get_threshold(), []
    monkeypatch.setattr(command, "main", lambda: called.append(gc.get_threshold()) or 3)
    try:
        assert command.process() == 3
        assert called[0][0] > before[0]
        assert gc.get_freeze_count() > 0
    finally:
        gc.unfreeze()
        gc.set_threshold(*before)


@pytest.mark.parametrize(("arguments", "code"), [(["--help"], 0), (["frobnicate"], 2)])
def test_the_package_runs_as_a_program(arguments, code):
    done = subprocess.run([sys.executable, "-m", "twofold", *arguments], capture_output=True, text=True)
    assert done.returncode == code
    assert "twofold" in done.stdout + done.stderr
