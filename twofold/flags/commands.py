"""What every command takes."""

from __future__ import annotations

import argparse
from typing import Any, Literal, NamedTuple

__all__ = ["COMMANDS", "Command"]


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 1")
    return int(text)


def _share(text: str) -> float:
    if not 0 < _hours(text) <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no share above 0, to 1")
    return float(text)


def _chance(text: str) -> float:
    if not 0 < _hours(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no share between 0 and 1")
    return float(text)


def _hours(text: str) -> float:
    try:
        hours = float(text)
    except ValueError:
        hours = -1.0
    if not 0 <= hours < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 0")
    return hours


class Command(NamedTuple):
    """A command: its words, its flags as ``argparse`` takes them, and which fields of a run are flags too."""

    help: str
    more: str
    flags: dict[str, dict[str, Any]]
    fields: Literal["", "run", "method", "candidate"] = ""  # of which it has flags: all of a run, or those without a task


_ROOT = {"--root": {"help": "folder of the pictures; else $TWOFOLD_DATA"}}
_DEVICE = {"--device": {"default": "auto", "help": "auto, cpu, cuda, cuda:1, mps (default: auto)"}}
_DETECTOR = {
    "detector": {"metavar": "DETECTOR", "help": "file of 'twofold fit'"},
    "--backbone-weights": {"metavar": "FILE", "help": "of its backbone, where it was fitted from a file"},
    "--encoder-weights": {"metavar": "FILE", "help": "of its encoder, where it was fitted from a file"},
}
_NEW = {"pictures": {"metavar": "PICTURES", "help": "folder of pictures"}}
_PLAN = {
    "--jobs": {"type": _count, "default": 1, "help": "how many at once, from 1 (default: 1)"},
    "--dry-run": {"action": "store_true", "help": "print the plan and its estimated time"},
}
_RUN = {
    "--out": {"default": "runs", "help": "run store (default: runs)"},
    "--save-weights": {"action": "store_true", "help": "keep the trained weights (safetensors)"},
    "--json": {"action": "store_true", "help": "print JSON as the last line of stdout"},
}
_KNOWN = {
    "--known": {"metavar": "FILE", "help": "table of 'collect --format rows': its rows stand for finished runs"},
    "--fresh": {"action": "store_true", "help": "open no such table, compute anew"},
}
_STYLES = ["table", "csv", "markdown", "json", "rows"]

COMMANDS: dict[str, Command] = {
    "fit": Command(
        "a detector for pictures of your own",
        "No label is read, and pooled_gaussian, the default, trains nothing. A picture that cannot be read is skipped and "
        "named, with exit code 3.",
        {
            "normals": {"metavar": "NORMALS", "help": "folder of normal pictures"},
            "unlabelled": {"metavar": "UNLABELLED", "help": "folder of 20 pictures or more, most of them normal"},
            "--out": {"default": "detector.twofold", "help": "the detector (default: detector.twofold)"},
            "--fpr": {"type": _chance, "default": "0.05", "help": "share of false alarms that is promised (default: 0.05)"},
            "--scores": {"help": "CSV of the unlabelled pictures' own scores"},
            "--report": {"help": "the report, a page that opens without a network"},
            "--also-normal": {"metavar": "DIR", "help": "pictures of the target that were looked at and found normal"},
            "--strict": {"action": "store_true", "help": "stop where a picture cannot be read, and name them all"},
            "--no-pictures": {"action": "store_true", "help": "keep no small pictures for the report in the detector"},
            "--with-networks": {"action": "store_true", "help": "keep the networks in the detector, but those of pip"},
            "--method": {"default": "pooled_gaussian", "help": "any that reads no label (default: pooled_gaussian)"},
            "--preset": {"default": "embedded", "help": "embedded, paper (default: embedded)"},
            **_DEVICE,
        },
        "method",
    ),
    "score": Command(
        "scores of more pictures",
        "A row for each picture, in the order of their names, while they are read. Exit code 3 where any was skipped.",
        {
            **_DETECTOR,
            **_NEW,
            "--out": {"help": "CSV of the scores, else stdout"},
            "--json": {"action": "store_true", "help": "a JSON object for each picture, a line each"},
            "--alarm-exit": {"action": "store_true", "help": "exit code 4 where any picture is anomalous"},
            **_DEVICE,
        },
    ),
    "check": Command(
        "whether new pictures still look like the fitted ones",
        "Exit code 4 where they do not.",
        {**_DETECTOR, **_NEW, **_DEVICE},
    ),
    "report": Command(
        "what a detector says of itself, as a page",
        "It opens without a network; the pictures are in it.",
        {**_DETECTOR, "--out": {"default": "report.html", "help": "the page (default: report.html)"}},
    ),
    "export": Command(
        "a detector as an ONNX graph",
        "From uint8 pictures (n, 3, height, width) to scores (n,).",
        {**_DETECTOR, "--out": {"default": "model.onnx", "help": "the graph (default: model.onnx)"}},
    ),
    "run": Command(
        "one run", "Fit and judge; what a method does not read cannot be given.", {**_ROOT, **_RUN, **_KNOWN, **_DEVICE}, "run"
    ),
    "sweep": Command(
        "many runs",
        "The product of comma lists in every field; where several methods are listed, a field goes to those that read it. "
        r"--normal all is every class. A comma inside a value is written \, and blanks belong to the value.",
        {**_ROOT, **_RUN, **_PLAN, **_KNOWN, **_DEVICE},
        "run",
    ),
    "search": Command(
        "the best of many settings",
        "Candidates are the product of comma lists in every field, without what they do not read. All are run on a little of "
        "each pair, the best of them on more, the best of those on everything; a run that collapsed or failed counts as 50. "
        "Finished runs are found, so that the same command goes on where it stopped.",
        {
            "--out": {"default": "search.csv", "help": "its log, a line a candidate and rung (default: search.csv)"},
            "--pairs": {"default": "dev", "help": "dev, or DATASET:SOURCE:TARGET, comma-separated (default: dev)"},
            "--rungs": {
                "default": "2x1,5x1,allx3",
                "help": "classes x seeds of each pair, rung by rung (default: 2x1,5x1,allx3)",
            },
            "--keep": {"type": _share, "default": "0.3333", "help": "share that goes on, rounded up (default: 0.3333)"},
            "--at-most": {"type": _count, "help": "candidates that are drawn where there are more"},
            "--hours": {"type": _hours, "help": "core hours that its runs may take"},
            "--runs": {"default": "runs", "help": "run store (default: runs)"},
            "--jobs": _PLAN["--jobs"],
            **_ROOT,
            **_DEVICE,
        },
        "candidate",
    ),
    "collect": Command(
        "aggregate stored runs",
        "Failed runs are left out and counted; folders that hold no run are named. --format rows writes every field of every "
        "run to a table that outlives this machine, and keeps the rows of other machines that are in it.",
        {
            "runs": {"metavar": "RUNS", "help": "run store, one that may only be read will do; or a table of rows"},
            "--by": {"default": "method", "help": "columns that make a row, comma-separated (default: method)"},
            "--format": {"default": "table", "choices": _STYLES, "help": f"{', '.join(_STYLES)} (default: table)"},
            "--out": {"metavar": "FILE", "help": "table of --format rows, else figures/embedded/rows.jsonl.gz"},
        },
    ),
    "reproduce": Command(
        "the notebooks, headless",
        "Figures and tables go to OUT/PRESET.",
        {
            "targets": {
                "nargs": "*",
                "default": ["all"],
                "metavar": "WHAT",
                "help": "all, 05, table4, figure4, quickstart, ...",
            },
            "--preset": {"default": "embedded-fast", "help": "embedded-fast, embedded, paper (default: embedded-fast)"},
            "--out": {"default": "figures", "help": "folder of the results (default: figures)"},
            "--runs": {"default": "runs", "help": "run store (default: runs)"},
            **_ROOT,
            **_PLAN,
            **_KNOWN,
        },
    ),
    "data": Command(
        "the data sets",
        "'data list' says what is here, 'data check NAME' counts a data set against its published numbers.",
        {
            "action": {"metavar": "ACTION", "choices": ["list", "check"], "help": "list, check"},
            "name": {"metavar": "NAME", "nargs": "?", "help": "a data set, as 'data list' names it"},
            **_ROOT,
        },
    ),
    "doctor": Command("what this machine has", "Versions, devices, weights, cache, methods, data.", {}),
}
