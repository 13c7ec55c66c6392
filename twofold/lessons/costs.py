"""What a run costs: each method once, in a process of its own, with the seconds of its processor and its greatest memory."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence

import pandas as pd

from twofold.files import write_text
from twofold.lessons.study import project_folder
from twofold.methods import METHODS
from twofold.results.sentences import markdown_table

__all__ = ["COSTS", "TASK", "cost", "cost_table"]

COSTS = "figures/embedded/costs"  # the committed table, as CSV and for reading
TASK = {"dataset": "digits", "source": "type", "target": "optdigits", "normal": "4"}
UNIT = 2**20 if sys.platform == "darwin" else 2**10  # in a MiB, of what the system counts memory in
# a process of its own, since a child's greatest memory is never below that of its parent
WATCH = """
import json, resource, subprocess, sys
code = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps([code, used.ru_utime + used.ru_stime, used.ru_maxrss]))
"""


def cost(command: Sequence[str]) -> tuple[float, float]:
    """Run a command to its end, with an empty cache of features.

    Returns
    -------
    seconds of its processor, however busy the machine is, and MiB of memory at their greatest.

    Raises
    ------
    RuntimeError : the command failed.

    >>> seconds, mib = cost([sys.executable, "-c", "kept = bytearray(2 ** 26)"])
    >>> seconds < 10, mib > 64
    (True, True)
    """
    with tempfile.TemporaryDirectory() as folder:
        asked = {**os.environ, "TWOFOLD_CACHE": folder, "OMP_NUM_THREADS": "1"}
        watched = subprocess.run(
            [sys.executable, "-c", WATCH, *command], env=asked, cwd=folder, capture_output=True, text=True, check=True
        )
    code, seconds, most = json.loads(watched.stdout)
    if code:
        raise RuntimeError(f"wanted the cost of {' '.join(command)}, got exit code {code}; run it by hand")
    return seconds, most / UNIT


def cost_table(methods: Sequence[str], of: Callable[[Sequence[str]], tuple[float, float]] = cost) -> pd.DataFrame:
    """Method, seconds and MiB of one run of each as ``METHODS`` has it, in their order.

    Parameters
    ----------
    methods : keys of ``METHODS``.
    of : what tells the two numbers of a command.

    >>> cost_table(["zero_shot"], of=lambda command: (3.21, 701.4)).values.tolist()
    [['zero_shot', 3.2, 701]]
    """
    task = [word for field, value in TASK.items() for word in (f"--{field}", value)]
    rows = []
    for method in methods:
        seconds, mib = of([sys.executable, "-m", "twofold", "run", *task, "--method", method, "--fresh", "--out", "runs"])
        rows.append((method, round(seconds, 1), round(mib)))
    return pd.DataFrame(rows, columns=["method", "seconds", "MiB"])


def main(argv: Sequence[str] | None = None) -> None:
    """Measure all methods, or these, and keep the table; it takes a few minutes."""
    parser = argparse.ArgumentParser(prog="python -m twofold.lessons.costs", description=main.__doc__)
    parser.add_argument("methods", nargs="*", help="all where none is named")
    given = parser.parse_args(argv)
    place = project_folder() / f"{COSTS}.csv"
    table = cost_table(given.methods or list(METHODS))
    if place.is_file():
        table = pd.concat([pd.read_csv(place), table]).drop_duplicates("method", keep="last")
    order = {method: i for i, method in enumerate(METHODS)}
    table = table.sort_values("method", key=lambda column: column.map(order), ignore_index=True)
    write_text(place, table.to_csv(index=False))
    task = " ".join(TASK.values())
    stamp = f"One run of {task}, preset embedded, alone in its process, nothing cached: processor seconds, greatest memory."
    write_text(place.with_suffix(".md"), f"{markdown_table(table)}\n\n{stamp}\n")


if __name__ == "__main__":
    main()
