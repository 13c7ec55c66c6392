"""The command line: what each command does, what it says, and with which code it ends.

Exit codes: 0 done, 1 something failed, 2 bad input, 3 done but some pictures skipped and named, 4 an alarm that was asked
for, 130 interrupted. Every ending but the first is told on stderr, a failure in one line; results alone go to stdout. Heavy
imports wait until a command needs them.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from twofold.commands import own
from twofold.commands.speech import place, say, write
from twofold.errors import InputError
from twofold.flags.parsing import HelpAsked, given, parsed

__all__ = ["main"]


def _run(arguments: Namespace) -> int:
    from twofold.runs.config import configure

    config = configure(**given(arguments))
    from twofold.results.sentences import run_summary
    from twofold.runs.sweeps import run_one

    progress, known = sys.stderr is not None and sys.stderr.isatty(), None if arguments.fresh else arguments.known
    options = {"progress": progress, "log": say, "known": known}
    result = run_one(config, arguments.out, arguments.root, arguments.device, arguments.save_weights, **options)
    if arguments.json:
        write(json.dumps(result))
    elif result["error"] is None:
        write(run_summary(result))
    if result["error"] is not None:
        say(result["error"])
    return int(result["error"] is not None)


def _sweep(arguments: Namespace) -> int:
    from twofold.runs.estimates import estimate_seconds
    from twofold.runs.rows import opened
    from twofold.runs.store import RunStore
    from twofold.runs.sweeps import expand, sweep, task_words

    store = RunStore(arguments.out, say)
    known = opened(None if arguments.fresh else arguments.known, arguments.root)
    configs = expand(given(arguments, lists=True), arguments.root, known)
    places = (arguments.out, arguments.jobs, arguments.root, arguments.device)
    todo, seconds = estimate_seconds(configs, *places, known)  # checks every input
    time_left = f"about {seconds / 60:.1f} min with {arguments.jobs} jobs"
    plan = f"{len(configs)} runs, {len(configs) - todo} finished, {todo} to do, {time_left}"
    if arguments.dry_run:
        (say if arguments.json else write)("\n".join([*(f"{task_words(c)} {c.name}" for c in configs), plan]))
        if arguments.json:
            write(json.dumps([{**c.flat, "name": c.name} for c in configs]))
        return 0
    if todo:
        store.check_writable()
    say(plan)
    start = time.perf_counter()
    results = sweep(configs, *places, arguments.save_weights, say, known)
    failed = sum(result["error"] is not None for result in results)
    say(f"{len(results) - failed} of {len(results)} runs done, {failed} failed ({time.perf_counter() - start:.0f} s)")
    if arguments.json:
        write(json.dumps(results))
    return int(failed > 0)


def _search(arguments: Namespace) -> int:
    where = place("--out", arguments.out)
    from twofold.runs.search import candidates, search, spelled_pairs, spelled_rungs
    from twofold.runs.store import RunStore

    RunStore(arguments.runs).check_writable()
    pool = candidates(given(arguments, lists=True), arguments.at_most)
    how = (spelled_pairs(arguments.pairs), spelled_rungs(arguments.rungs), arguments.keep, arguments.hours)
    found = search(pool, where, *how, arguments.runs, arguments.jobs, arguments.root, arguments.device, say)
    if found.best is None:
        say("no rung was run as a whole; give it more --hours")
    else:
        last = found.log[found.log["kept"].notna()]["rung"].max()
        write(found.log[found.log["rung"] == last].round(2).to_string(index=False))
        write("best: " + " ".join(f"--{name.replace('_', '-')} {value}" for name, value in found.best.items()))
    return int(found.failed > 0)


def _collect(arguments: Namespace) -> int:
    from twofold.results.sentences import render
    from twofold.results.statistics import as_frame, collect

    if arguments.out is not None and arguments.format != "rows":
        raise InputError(f"wanted --out with --format rows, got {arguments.format}; it prints: send it to a file with >")
    results = _results(arguments.runs)
    if failed := sum(result["error"] is not None for result in results):
        say(f"{failed} failed runs left out")
    if arguments.format == "rows":
        return _keep_rows(results, arguments)
    by = [field.strip().replace("-", "_") for field in arguments.by.split(",")]
    known = as_frame(results)
    for field in by:
        if field not in known and not known.empty:
            raise InputError(f"wanted --by among {', '.join(known)}, got {field!r}; separate several with commas")
    write(render(collect(results, by), arguments.format))
    return 0


def _results(runs: str) -> list[dict[str, Any]]:
    """Results of a run store, or rows of a table."""
    from twofold.runs.rows import read_rows
    from twofold.runs.store import RunStore

    where = Path(os.path.expanduser(runs))
    if where.is_file():
        return read_rows(where)
    if not where.is_dir():
        raise InputError(f"wanted a folder of runs, got {runs!r}; run 'twofold sweep' first, or name its --out")
    return RunStore(runs, say).results()


def _keep_rows(results: list[dict[str, Any]], arguments: Namespace) -> int:
    """Results into the table of rows, beside what it holds."""
    from twofold.runs.rows import TABLE, keep_rows

    where = place("--out", arguments.out) if arguments.out is not None else Path(TABLE)
    rows = keep_rows(where, results)
    write(f"{len(rows)} rows in {arguments.out or TABLE}, of {sum(r['error'] is None for r in results)} in {arguments.runs}")
    return 0


def _reproduce(arguments: Namespace) -> int:
    from twofold.lessons.reproduce import reproduce
    from twofold.runs.store import RunStore

    if not arguments.dry_run:
        for folder in (arguments.out, arguments.runs):
            RunStore(folder).check_writable()
    places = (arguments.out, arguments.runs, arguments.root)
    options = {"dry_run": arguments.dry_run, "log": say, "known": "" if arguments.fresh else arguments.known}
    failed = reproduce(arguments.targets, arguments.preset, arguments.jobs, *places, **options)
    return int(failed > 0)


def _data(arguments: Namespace) -> int:
    from twofold.doctor import check_data, list_data

    text, complete = (list_data(), True) if arguments.action == "list" else check_data(arguments.name, arguments.root)
    write(text)
    return int(not complete)


def _doctor(arguments: Namespace) -> int:
    from twofold.doctor import doctor

    write(doctor())
    return 0


@contextmanager
def _terminable() -> Iterator[None]:
    """A polite kill ends a command as Ctrl-C does, and its processes with it."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _do(argv: list[str]) -> int:
    do = {"fit": own.fit, "score": own.score, "check": own.check, "report": own.report, "export": own.export}
    do |= {"run": _run, "sweep": _sweep, "search": _search, "collect": _collect}
    do |= {"reproduce": _reproduce, "data": _data, "doctor": _doctor}
    try:
        arguments = parsed(argv)
    except HelpAsked as asked:
        write(str(asked))
        return 0
    return do[arguments.command](arguments)


def main(argv: list[str] | None = None) -> int:
    """Entry point: what a person can act on, and what the machine refuses, is one line and a code.

    Parameters
    ----------
    argv : the arguments; None reads those of the process.

    Returns
    -------
    The exit code, as the module lists them.

    >>> main(["collect", "no/such/folder"])
    2
    """
    try:
        with _terminable():
            return _do(sys.argv[1:] if argv is None else argv)
    except InputError as error:
        reason, code = str(error), 2
    except KeyboardInterrupt:
        reason, code = "stopped; the same command goes on where it stopped", 130
    except UnicodeError as error:
        reason, code = f"wanted text that can be read and written, got: {error}; rename the file or mend its encoding", 2
    except OSError as error:  # one that names a place is about what was asked for
        got = error.strerror or str(error)
        if error.filename is None:
            reason, code = f"wanted to read and write, got: {got}; make room, or see what this machine lacks", 1
        else:
            reason, code = f"wanted to use {error.filename!r}, got: {got}; choose another place or mend this one", 2
    except (MemoryError, RuntimeError) as error:  # torch has a RuntimeError for want of memory
        if isinstance(error, RuntimeError) and "memory" not in str(error):
            raise
        reason, code = "wanted more memory than there is, got none; take smaller pictures, or fewer --jobs", 1
    say("twofold: " + " ".join(reason.split()))
    return code
