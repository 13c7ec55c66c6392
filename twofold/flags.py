r"""The flags of every command; those of a run are made from its fields, with their words, values and bounds.

What a command takes stands in ``COMMANDS``; a new field of a method is a flag by itself.
"""

from __future__ import annotations

import argparse
import difflib
import re
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, NoReturn, TextIO, get_args, get_origin

from twofold.errors import InputError

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

__all__ = ["COMMANDS", "HelpAsked", "given", "parsed"]

_KINDS = {bool: "true or false", int: "a whole number", float: "a number", str: ""}
_BOUNDS = {"gt": "above", "ge": "from", "lt": "to below", "le": "to"}


class HelpAsked(Exception):
    """The text of --help, on its way to whoever prints."""


class _Parser(argparse.ArgumentParser):
    def __init__(self, **options: Any) -> None:
        super().__init__(**options, allow_abbrev=False)

    def error(self, message: str) -> NoReturn:
        raise InputError(f"wanted what {self.prog!r} takes, got: {message}; see {self.prog} --help")

    def print_help(self, file: TextIO | None = None) -> NoReturn:
        raise HelpAsked(self.format_help().rstrip())


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 1")
    return int(text)


def _share(text: str) -> float:
    if not 0 < _hours(text) <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no share above 0, to 1")
    return float(text)


def _hours(text: str) -> float:
    try:
        hours = float(text)
    except ValueError:
        hours = -1.0
    if not 0 <= hours < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 0")
    return hours


class _Command(NamedTuple):
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

COMMANDS = {
    "fit": _Command(
        "a detector for pictures of your own",
        "No label is read, and pooled_gaussian, the default, trains nothing.",
        {
            "normals": {"metavar": "NORMALS", "help": "folder of normal pictures"},
            "unlabelled": {"metavar": "UNLABELLED", "help": "folder of 20 pictures or more, most of them normal"},
            "--out": {"default": "detector.twofold", "help": "the detector (default: detector.twofold)"},
            "--scores": {"help": "CSV of the unlabelled pictures' own scores"},
            "--method": {"default": "pooled_gaussian", "help": "any that reads no label (default: pooled_gaussian)"},
            "--preset": {"default": "embedded", "help": "embedded, paper (default: embedded)"},
            **_DEVICE,
        },
        "method",
    ),
    "score": _Command(
        "scores of more pictures",
        "CSV on stdout, most anomalous first.",
        {**_DETECTOR, "pictures": {"metavar": "PICTURES", "help": "folder of pictures"}, **_DEVICE},
    ),
    "export": _Command(
        "a detector as an ONNX graph",
        "From uint8 pictures (n, 3, height, width) to scores (n,).",
        {**_DETECTOR, "--out": {"default": "model.onnx", "help": "the graph (default: model.onnx)"}},
    ),
    "run": _Command(
        "one run", "Fit and judge; what a method does not read cannot be given.", {**_ROOT, **_RUN, **_KNOWN, **_DEVICE}, "run"
    ),
    "sweep": _Command(
        "many runs",
        "The product of comma lists in every field; where several methods are listed, a field goes to those that read it. "
        r"--normal all is every class. A comma inside a value is written \, and blanks belong to the value.",
        {**_ROOT, **_RUN, **_PLAN, **_KNOWN, **_DEVICE},
        "run",
    ),
    "search": _Command(
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
    "collect": _Command(
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
    "reproduce": _Command(
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
    "data": _Command(
        "the data sets",
        "'data list' says what is here, 'data check NAME' counts a data set against its published numbers.",
        {
            "action": {"metavar": "ACTION", "choices": ["list", "check"], "help": "list, check"},
            "name": {"metavar": "NAME", "nargs": "?", "help": "a data set, as 'data list' names it"},
            **_ROOT,
        },
    ),
    "doctor": _Command("what this machine has", "Versions, devices, weights, cache, methods, data.", {}),
}


def parsed(argv: list[str]) -> argparse.Namespace:
    """The arguments of a command, in ``command``; fields of a run as texts, None where they were not given.

    Only the command that is named gets its flags: those of a run cost the import of every method.

    Raises
    ------
    InputError : anything that the command does not take.
    HelpAsked : --help is among them.

    >>> parsed(["collect", "runs", "--format", "csv"]).format
    'csv'
    """
    for argument in argv:
        if "\0" in argument:
            raise InputError(f"wanted arguments without NUL, got {argument!r}; leave it out")
    parser = _Parser(prog="twofold", description="Unsupervised domain adaptation for one-class anomaly detection.")
    parsers = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, (words, more, flags, fields) in COMMANDS.items():
        command = parsers.add_parser(name, help=words, description=f"{words[0].upper()}{words[1:]}. {more}")
        if name == next((argument for argument in argv if argument in COMMANDS), None):
            for flag, options in flags.items():
                command.add_argument(flag, **options)
            if fields:
                _add_fields(command, fields)
    arguments, unknown = parser.parse_known_args(argv)
    if unknown:
        name = arguments.command
        known = re.findall(r"--[a-z][a-z-]*", parsers.choices[name].format_help())
        close = difflib.get_close_matches(unknown[0].split("=")[0], known, n=1)
        hint = f"did you mean {close[0]}? " if close else ""
        raise InputError(f"wanted what 'twofold {name}' takes, got {unknown[0]!r}; {hint}see twofold {name} --help")
    return arguments


def given(arguments: argparse.Namespace, lists: bool = False) -> dict[str, Any]:
    r"""The fields of a run that were given, as values or, for a sweep, as lists; ``\,`` is a comma inside a value.

    Raises
    ------
    InputError : a text that is no value of its field.

    >>> given(argparse.Namespace(seed="0,1", normal=r"a\,b,c"), lists=True)
    {'normal': ['a,b', 'c'], 'seed': [0, 1]}
    """
    from twofold.runs.config import run_fields

    found = {}
    for name, field in run_fields().items():
        if (text := getattr(arguments, name, None)) is None:
            continue
        parts = [part.replace(r"\,", ",") for part in re.split(r"(?<!\\),", text) if part] if lists else [text]
        if not parts:
            raise InputError(f"wanted values for {_flag(name)}, got {text!r}; separate them with commas")
        values = [_value(name, field, part) for part in parts]
        found[name] = values if lists else values[0]
    return found


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")


def _value(name: str, field: FieldInfo, text: str) -> Any:
    """One value of a field from its text; which of several names a method knows, ``configure`` says."""
    from pydantic import TypeAdapter, ValidationError

    if get_origin(field.annotation) is Literal:
        return text
    if field.default is None and text.lower() == "none":
        return None
    try:
        return TypeAdapter(field.annotation).validate_python(text)
    except ValidationError:
        wanted = f"wanted {_flag(name)} to be {_kind(field)}, got {text!r}"
        raise InputError(f"{wanted}; {field.description}") from None


def _kind(field: FieldInfo) -> str:
    """What a field holds where it holds anything."""
    return next(_KINDS[kind] for kind in (field.annotation, *get_args(field.annotation)) if kind in _KINDS)


def _words(field: FieldInfo) -> str:
    """A field's description, its values or bounds, its default."""
    if get_origin(field.annotation) is Literal:
        facts = [", ".join(map(str, get_args(field.annotation)))]
    else:
        bounds = [f"{word} {getattr(m, key):.10g}" for m in field.metadata for key, word in _BOUNDS.items() if hasattr(m, key)]
        facts = [" ".join([_kind(field), *bounds])]
    if not field.is_required():
        facts.append(f"default: {str(field.default).lower() if field.default in (None, True, False) else field.default}")
    facts = "; ".join(filter(None, facts))
    return f"{field.description} ({facts})" if facts else field.description


def _add_fields(parser: argparse.ArgumentParser, which: Literal["run", "method", "candidate"]) -> None:
    """A flag for every field of a run; where methods mean different things by one, with the words of each."""
    from twofold.runs.config import METHODS, TaskConfig, run_fields

    first = {"run": "--dataset NAME --source NAME --target NAME --normal CLASS [--method NAME]"}
    first |= {"method": "NORMALS UNLABELLED", "candidate": "[--method NAME]"}
    parser.usage = f"{parser.prog} {first[which]} [--FLAG VALUE{',VALUE' if which == 'candidate' else ''} ...]"
    group = parser.add_argument_group("fields", "A preset or a method may have another default; what you say goes before both.")
    task = {*TaskConfig.__pydantic_fields__}
    without = {"run": set(), "method": {*task, "method", "preset"} - {"seed"}, "candidate": task}[which]
    for name, field in run_fields().items():
        if name in without:
            continue
        owners: dict[str, list[str]] = {}
        for method, (cls, _) in METHODS.items():
            if own := cls.Settings.__pydantic_fields__.get(name):
                owners.setdefault(_words(own), []).append(method)
        several = [f"{', '.join(methods)}: {words}" for words, methods in owners.items()]
        words = "; ".join(several) if len(several) > 1 else _words(field)
        spoken = {"nargs": "?", "const": "true"} if field.annotation is bool else {"required": field.is_required()}
        group.add_argument(_flag(name), metavar="VALUE", help=words.replace("%", "%%"), **spoken)
