r"""Arguments into values; the flags of a run are made from its fields, with their words, values and bounds.

A new field of a method is a flag by itself.
"""

from __future__ import annotations

import argparse
import difflib
import re
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, Literal, NoReturn, TextIO, get_args, get_origin

from twofold.errors import InputError
from twofold.flags.commands import COMMANDS

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

__all__ = ["HelpAsked", "given", "parsed"]

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
    parser, parsers = _parser(next((argument for argument in argv if argument in COMMANDS), None))
    arguments, unknown = parser.parse_known_args(argv)
    if unknown:
        name = arguments.command
        known = re.findall(r"--[a-z][a-z-]*", parsers[name].format_help())
        close = difflib.get_close_matches(unknown[0].split("=")[0], known, n=1)
        hint = f"did you mean {close[0]}? " if close else ""
        raise InputError(f"wanted what 'twofold {name}' takes, got {unknown[0]!r}; {hint}see twofold {name} --help")
    return arguments


@cache
def _parser(named: str | None) -> tuple[_Parser, Mapping[str, argparse.ArgumentParser]]:
    """The parser in which one command has its flags, and the parsers of all commands."""
    parser = _Parser(prog="twofold", description="Unsupervised domain adaptation for one-class anomaly detection.")
    parsers = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, (words, more, flags, fields) in COMMANDS.items():
        command = parsers.add_parser(name, help=words, description=f"{words[0].upper()}{words[1:]}. {more}")
        if name == named:
            for flag, options in flags.items():
                command.add_argument(flag, **options)
            if fields:
                _add_fields(command, fields)
    return parser, parsers.choices


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
