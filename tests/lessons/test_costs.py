"""What a run costs: the processor's own seconds, the greatest memory, and a failure that is no number."""

import sys

import pandas as pd
import pytest

from twofold.lessons.costs import COSTS, cost, cost_table
from twofold.lessons.study import project_folder
from twofold.methods import METHODS

MOST_SECONDS, MEAN_SECONDS = 180, 15  # of a digits run on one core


def test_seconds_are_worked_and_not_waited_and_memory_is_the_most_that_was_held():
    waits, held = (cost([sys.executable, "-c", code]) for code in ("import time; time.sleep(1)", "bytearray(2 ** 27); 1"))
    assert waits[0] < 0.9
    assert held[1] - waits[1] > 100


def test_a_command_that_fails_has_no_cost():
    with pytest.raises(RuntimeError, match=r"got exit code 3; run it by hand"):
        cost([sys.executable, "-c", "raise SystemExit(3)"])


def test_each_method_is_run_once_as_it_is():
    asked = []

    def of(command):
        asked.append(command)
        return 1.0, 2.0

    assert cost_table(["zero_shot", "tsa"], of)["method"].tolist() == ["zero_shot", "tsa"]
    assert [command[command.index("--method") + 1] for command in asked] == ["zero_shot", "tsa"]
    assert all({"--fresh", "digits", "optdigits"} <= set(command) for command in asked)


def test_the_committed_costs_are_of_all_methods_and_none_is_out_of_bounds():
    table = pd.read_csv(project_folder() / f"{COSTS}.csv")
    assert table["method"].tolist() == list(METHODS)
    assert table["seconds"].max() <= MOST_SECONDS
