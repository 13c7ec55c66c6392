"""The command line: what each command does, what it says, and with which code it ends.

Exit codes: 0 done, 1 something failed, 2 bad input, 130 interrupted; 3 and 4 are kept for skipped pictures and for alarms.
Every ending but the first is told in one line on stderr; results alone go to stdout. Heavy imports wait until a command
needs them.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import tempfile
import threading
import time
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from twofold.errors import InputError
from twofold.flags import HelpAsked, given, parsed

if TYPE_CHECKING:
    from twofold.data.domains import Domain
    from twofold.deploy.detector import TwoFoldDetector

__all__ = ["main"]


def _print(text: str, stream: TextIO | None = None) -> None:
    """Write now, so that what cannot be written is met here and not when Python exits; a reader that left is no failure."""
    stream = stream or sys.stdout
    encoding = getattr(stream, "encoding", None) or "utf-8"
    try:
        stream.write(text.encode(encoding, "backslashreplace").decode(encoding) + "\n")
        stream.flush()
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())  # what is left in the buffer has to go somewhere
        if stream is sys.stdout and not isinstance(error, BrokenPipeError):
            raise


def _say(line: str) -> None:
    _print(line, sys.stderr)


def _place(flag: str, text: str) -> Path:
    """Where a file is to be written, refused before the work begins if it cannot be."""
    place = Path(os.path.expanduser(text)).absolute()
    try:
        if not text or place.is_dir():
            raise InputError(f"wanted a file for {flag}, got {text!r}; name a file in a folder that is there")
        if not place.exists() or place.is_file():  # a device or a pipe is written to as it stands
            tempfile.TemporaryFile(dir=place.parent).close()
    except OSError as error:
        raise InputError(f"wanted to write {flag} {text!r}, got: {error.strerror}; choose another place") from None
    return place


def _fit(arguments: Namespace) -> int:
    places = {flag: _place(flag, text) for flag in ("--out", "--scores") if (text := getattr(arguments, flag[2:])) is not None}
    if len(set(map(os.path.realpath, places.values()))) < len(places):
        raise InputError(f"wanted --out and --scores apart, got {arguments.out!r} for both; choose another place for one")
    settings = {name: value for name, value in given(arguments).items() if name not in ("method", "preset")}
    from twofold.data.folders import how_read
    from twofold.deploy.detector import TwoFoldDetector
    from twofold.files import write_text
    from twofold.results.sentences import fit_summary

    detector = TwoFoldDetector(arguments.method, settings, arguments.preset, arguments.device)
    source, target = _pictures(arguments.normals), _pictures(arguments.unlabelled)
    detector.fit(source, target).save(places["--out"])
    scores, method = detector.held_out_, detector.fitted()
    if "--scores" in places:
        write_text(places["--scores"], _scores_csv(target.ids, scores))
    for line in how_read(source, method.size_px) + how_read(target, method.size_px):
        _say(line)
    _print(fit_summary(scores, target.ids, len(source), method.selected_, method.notes_.get("contrast")))
    _print(f"saved to {arguments.out}")
    return 0


def _score(arguments: Namespace) -> int:
    detector, pictures = _detector(arguments, arguments.device), _pictures(arguments.pictures)
    scores = detector.anomaly_score(pictures)
    from twofold.data.folders import how_read

    for line in how_read(pictures, detector.fitted().size_px):
        _say(line)
    _print(_scores_csv(pictures.ids, scores).rstrip("\n"))
    return 0


def _export(arguments: Namespace) -> int:
    place = _place("--out", arguments.out)
    from twofold.deploy.export import export_onnx

    export_onnx(_detector(arguments, "cpu"), place)
    _print(f"saved to {arguments.out}")
    return 0


def _detector(arguments: Namespace, device: str) -> TwoFoldDetector:
    """A saved detector; what it was fitted to may make it a weak one."""
    from twofold.deploy.detector import TwoFoldDetector
    from twofold.parts.gaussians import WEAK_CONTRAST
    from twofold.results.sentences import weak_words

    files = {"backbone": arguments.backbone_weights, "encoder": arguments.encoder_weights}
    detector = TwoFoldDetector.load(
        arguments.detector, device, {role: file for role, file in files.items() if file is not None}
    )
    contrast = detector.fitted().notes_.get("contrast")
    if contrast is not None and contrast < WEAK_CONTRAST:
        _say(weak_words(contrast))
    return detector


def _pictures(folder: str) -> Domain:
    """The pictures of a folder, as a domain; what is left out is said."""
    from twofold.data.folders import left_out, load_pictures

    domain = load_pictures(folder)
    if others := left_out(folder):
        _say(f"left out of {folder}: " + ", ".join(f"{count} {kind}" for kind, count in others.items()))
    return domain


def _scores_csv(ids: Any, scores: Any) -> str:
    """Pictures and their scores as CSV, most anomalous first."""
    from pandas import DataFrame

    table = DataFrame({"picture": ids, "anomaly_score": scores})
    return table.sort_values("anomaly_score", ascending=False).to_csv(index=False)


def _run(arguments: Namespace) -> int:
    from twofold.runs.config import configure

    config = configure(**given(arguments))
    from twofold.results.sentences import run_summary
    from twofold.runs.sweeps import run_one

    options = {"progress": sys.stderr.isatty(), "log": _say, "known": None if arguments.fresh else arguments.known}
    result = run_one(config, arguments.out, arguments.root, arguments.device, arguments.save_weights, **options)
    if arguments.json:
        _print(json.dumps(result))
    elif result["error"] is None:
        _print(run_summary(result))
    if result["error"] is not None:
        _say(result["error"])
    return int(result["error"] is not None)


def _sweep(arguments: Namespace) -> int:
    from twofold.runs.estimates import estimate_seconds
    from twofold.runs.rows import opened
    from twofold.runs.store import RunStore
    from twofold.runs.sweeps import expand, sweep, task_words

    store = RunStore(arguments.out, _say)
    known = opened(None if arguments.fresh else arguments.known, arguments.root)
    configs = expand(given(arguments, lists=True), arguments.root, known)
    places = (arguments.out, arguments.jobs, arguments.root, arguments.device)
    todo, seconds = estimate_seconds(configs, *places, known)  # checks every input
    time_left = f"about {seconds / 60:.1f} min with {arguments.jobs} jobs"
    plan = f"{len(configs)} runs, {len(configs) - todo} finished, {todo} to do, {time_left}"
    if arguments.dry_run:
        (_say if arguments.json else _print)("\n".join([*(f"{task_words(c)} {c.name}" for c in configs), plan]))
        if arguments.json:
            _print(json.dumps([{**c.flat, "name": c.name} for c in configs]))
        return 0
    if todo:
        store.check_writable()
    _say(plan)
    start = time.perf_counter()
    results = sweep(configs, *places, arguments.save_weights, _say, known)
    failed = sum(result["error"] is not None for result in results)
    _say(f"{len(results) - failed} of {len(results)} runs done, {failed} failed ({time.perf_counter() - start:.0f} s)")
    if arguments.json:
        _print(json.dumps(results))
    return int(failed > 0)


def _search(arguments: Namespace) -> int:
    place = _place("--out", arguments.out)
    from twofold.runs.search import candidates, search, spelled_pairs, spelled_rungs
    from twofold.runs.store import RunStore

    RunStore(arguments.runs).check_writable()
    pool = candidates(given(arguments, lists=True), arguments.at_most)
    how = (spelled_pairs(arguments.pairs), spelled_rungs(arguments.rungs), arguments.keep, arguments.hours)
    found = search(pool, place, *how, arguments.runs, arguments.jobs, arguments.root, arguments.device, _say)
    if found.best is None:
        _say("no rung was run as a whole; give it more --hours")
    else:
        last = found.log[found.log["kept"].notna()]["rung"].max()
        _print(found.log[found.log["rung"] == last].round(2).to_string(index=False))
        _print("best: " + " ".join(f"--{name.replace('_', '-')} {value}" for name, value in found.best.items()))
    return int(found.failed > 0)


def _collect(arguments: Namespace) -> int:
    from twofold.results.sentences import render
    from twofold.results.statistics import as_frame, collect

    if arguments.out is not None and arguments.format != "rows":
        raise InputError(f"wanted --out with --format rows, got {arguments.format}; it prints: send it to a file with >")
    results = _results(arguments.runs)
    if failed := sum(result["error"] is not None for result in results):
        _say(f"{failed} failed runs left out")
    if arguments.format == "rows":
        return _keep_rows(results, arguments)
    by = [field.strip().replace("-", "_") for field in arguments.by.split(",")]
    known = as_frame(results)
    for field in by:
        if field not in known and not known.empty:
            raise InputError(f"wanted --by among {', '.join(known)}, got {field!r}; separate several with commas")
    _print(render(collect(results, by), arguments.format))
    return 0


def _results(runs: str) -> list[dict[str, Any]]:
    """Results of a run store, or rows of a table."""
    from twofold.runs.rows import read_rows
    from twofold.runs.store import RunStore

    place = Path(os.path.expanduser(runs))
    if place.is_file():
        return read_rows(place)
    if not place.is_dir():
        raise InputError(f"wanted a folder of runs, got {runs!r}; run 'twofold sweep' first, or name its --out")
    return RunStore(runs, _say).results()


def _keep_rows(results: list[dict[str, Any]], arguments: Namespace) -> int:
    """Results into the table of rows, beside what it holds."""
    from twofold.runs.rows import TABLE, keep_rows

    place = _place("--out", arguments.out) if arguments.out is not None else Path(TABLE)
    rows = keep_rows(place, results)
    _print(f"{len(rows)} rows in {arguments.out or TABLE}, of {sum(r['error'] is None for r in results)} in {arguments.runs}")
    return 0


def _reproduce(arguments: Namespace) -> int:
    from twofold.lessons.reproduce import reproduce
    from twofold.runs.store import RunStore

    if not arguments.dry_run:
        for folder in (arguments.out, arguments.runs):
            RunStore(folder).check_writable()
    places = (arguments.out, arguments.runs, arguments.root)
    options = {"dry_run": arguments.dry_run, "log": _say, "known": "" if arguments.fresh else arguments.known}
    failed = reproduce(arguments.targets, arguments.preset, arguments.jobs, *places, **options)
    return int(failed > 0)


def _data(arguments: Namespace) -> int:
    from twofold.doctor import check_data, list_data

    text, complete = (list_data(), True) if arguments.action == "list" else check_data(arguments.name, arguments.root)
    _print(text)
    return int(not complete)


def _doctor(arguments: Namespace) -> int:
    from twofold.doctor import doctor

    _print(doctor())
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
    do = {"fit": _fit, "score": _score, "export": _export, "run": _run, "sweep": _sweep, "search": _search}
    do |= {"collect": _collect, "reproduce": _reproduce, "data": _data, "doctor": _doctor}
    try:
        arguments = parsed(argv)
    except HelpAsked as asked:
        _print(str(asked))
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
    _say("twofold: " + " ".join(reason.split()))
    return code
